import { fieldsOf } from "../../core/bytes.ts";
import { formatAddress } from "../../core/number.ts";
import type { EfiFacts, HostFacts } from "../../host/facts.ts";
import type { BzImage } from "../../image/image.ts";

/** What the next kernel needs in order to use EFI runtime services. Addresses are physical, bytes. */
export interface EfiHandover {
  readonly kind: "handover";
  /** The system table. */
  readonly systab: bigint;
  /** boot_params.secure_boot: the state of the firmware's Secure Boot (enum efi_secureboot_mode, include/linux/efi.h). */
  readonly secureBoot: number;
  /** The firmware vendor's name; the system table's own pointer to it has become virtual. */
  readonly fwVendor: bigint;
  /** The configuration tables, for the same reason. */
  readonly configTable: bigint;
  /** The runtime services, for old kernels: those from 6.1 on do not look here. Zero where unknown. */
  readonly runtime: bigint;
  /** The SMBIOS table, whose entry some firmware makes virtual; zero where there is none. */
  readonly smbios: bigint;
  /** Where the running kernel put the runtime services: the next one has to put them there too. */
  readonly runtimeMap: EfiFacts["runtimeMap"];
}

/** All that EFI needs, or none of it; `reason` completes "EFI runtime services are not handed over: …". */
export type EfiDecision = EfiHandover | { readonly kind: "none"; readonly reason: string };

/** Places in boot_params (arch/x86/include/uapi/asm/bootparam.h). */
const EFI_INFO = {
  signature: 0x1c0,
  systab: 0x1c4,
  memdescVersion: 0x1cc,
  memmapSize: 0x1d4,
  systabHi: 0x1d8,
} as const;
const SECURE_BOOT = 0x1ec;

/** No x86 CPU has more bits of physical address. */
const PHYSICAL_END = 1n << 52n;

/**
 * Whether the next kernel can take over the EFI runtime services. Half of it would be fatal: efi_info without the runtime
 * map makes it set up virtual addresses a second time, which firmware does not survive. The conditions are those of
 * setup_efi_state() in arch/x86/kernel/kexec-bzimage64.c (Linux 7.3) and of kexec-tools; moreover every address has to
 * be one, and the map has to be in use.
 */
export function efiHandover(facts: HostFacts, info: Pick<BzImage, "efiKexec">): EfiDecision {
  const { efi, bootParams } = facts;
  if (efi === undefined) return none("the machine was not booted through UEFI");
  if (!info.efiKexec) return none("the kernel image does not take them over (it lacks XLF_EFI_KEXEC)");
  if (bootParams === undefined) return none("the running kernel's boot_params are unknown");
  const running = fieldsOf(bootParams);
  const signature = running.text(EFI_INFO.signature, 4);
  if (efi.platformSize === 32 || signature === "EL32") return none("the firmware has 32 bits");
  if (signature !== "EL64" || running.u32(EFI_INFO.memmapSize) === 0) {
    return none("the running kernel was itself started without them");
  }
  const version = running.u32(EFI_INFO.memdescVersion);
  if (version !== 1) return none(`the EFI memory map has version ${version}, not 1`);
  if (efi.runtimeMap.length === 0) return none("the running kernel shows no EFI runtime map");
  const unmapped = efi.runtimeMap.find(({ virtAddr }) => virtAddr === 0n);
  if (unmapped !== undefined) {
    return none(`the running kernel does not use them (${formatAddress(unmapped.physAddr)} is not mapped)`);
  }
  const systab = BigInt(running.u32(EFI_INFO.systab)) | (BigInt(running.u32(EFI_INFO.systabHi)) << 32n);
  const { fwVendor, configTable, runtime } = efi;
  if (!isPhysical(systab)) return none(notPhysical("the system table", systab));
  if (!isPhysical(fwVendor)) return none(notPhysical("the vendor's name", fwVendor));
  if (!isPhysical(configTable)) return none(notPhysical("the configuration tables", configTable));
  return {
    kind: "handover",
    systab,
    secureBoot: running.u8(SECURE_BOOT),
    fwVendor,
    configTable,
    // A kernel that was itself started by kexec shows this one as the virtual address that it has become.
    runtime: isPhysical(runtime) ? runtime : 0n,
    smbios: efi.systab["SMBIOS"] ?? 0n,
    runtimeMap: efi.runtimeMap,
  };
}

/**
 * Where the ACPI tables start (the RSDP): from the running kernel's boot_params, else from EFI. Undefined: neither says,
 * and the next kernel can only look into the BIOS's memory, where UEFI machines have none.
 */
export function acpiRsdp({ bootParams, efi }: HostFacts): bigint | undefined {
  const given = bootParams === undefined ? 0n : fieldsOf(bootParams).u64(0x070);
  return [given, efi?.systab["ACPI20"], efi?.systab["ACPI"]].find((address) => address !== undefined && address !== 0n);
}

function isPhysical(address: bigint | undefined): address is bigint {
  return address !== undefined && address > 0n && address < PHYSICAL_END;
}

function notPhysical(what: string, address: bigint | undefined): string {
  return address === undefined
    ? `the address of ${what} is unknown`
    : `the address of ${what} is said to be ${formatAddress(address)}, which is not a physical one`;
}

function none(reason: string): EfiDecision {
  return { kind: "none", reason };
}
