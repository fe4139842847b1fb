import { assertEquals, assertStringIncludes } from "@std/assert";
import { acpiRsdp, efiHandover } from "../../src/arch/x86_64/efi.ts";
import type { EfiFacts, HostFacts } from "../../src/host/facts.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage } from "../support/profiles.ts";
import { BIOS_FACTS, UEFI_FACTS } from "./hosts.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name: `EFI: ${name}`, permissions: "none", fn });
}

/** Why nothing is handed over. */
function reason(facts: HostFacts, image = bzImage()): string {
  const decision = efiHandover(facts, image);
  return decision.kind === "none" ? decision.reason : decision.kind;
}

function withEfi(changes: Partial<EfiFacts>): HostFacts {
  return { ...UEFI_FACTS, efi: { systab: {}, runtimeMap: [], ...UEFI_FACTS.efi, ...changes } };
}

/** The laptop, with some bytes of its boot_params changed. */
function withByte(...changes: readonly (readonly [offset: number, value: number])[]): HostFacts {
  const bootParams = UEFI_FACTS.bootParams?.slice() ?? new Uint8Array(4096);
  for (const [offset, value] of changes) bootParams[offset] = value;
  return { ...UEFI_FACTS, bootParams };
}

test("a UEFI machine hands over all that runtime services need", () => {
  assertEquals(efiHandover(UEFI_FACTS, bzImage()), {
    kind: "handover",
    systab: 0x6f68_b018n,
    secureBoot: 3,
    fwVendor: 0x6f0e_8018n,
    configTable: 0x6f0e_6018n,
    runtime: 0x6f2f_8b98n,
    smbios: 0x6f0e_d000n,
    runtimeMap: UEFI_FACTS.efi?.runtimeMap ?? [],
  });
});

test("a system table above 4 GiB keeps both halves of its address", () => {
  const decision = efiHandover(withByte([0x1d8, 0x12]), bzImage());
  assertEquals(decision.kind === "handover" && decision.systab, 0x12_6f68_b018n);
});

test("nothing is handed over where anything lacks, and the reason says what", () => {
  assertStringIncludes(reason(BIOS_FACTS), "not booted through UEFI");
  assertStringIncludes(reason(UEFI_FACTS, bzImage({ efiKexec: false })), "XLF_EFI_KEXEC");
  const { bootParams: _, ...without } = UEFI_FACTS;
  assertStringIncludes(reason(without), "boot_params are unknown");
  assertStringIncludes(reason(withByte([0x1c2, 0x33], [0x1c3, 0x32])), "32 bits");
  assertStringIncludes(reason(withEfi({ platformSize: 32 })), "32 bits");
  assertStringIncludes(reason(withByte([0x1c0, 0])), "itself started without them");
  assertStringIncludes(reason(withByte([0x1d4, 0], [0x1d5, 0])), "itself started without them");
  assertStringIncludes(reason(withByte([0x1cc, 2])), "version 2, not 1");
  assertStringIncludes(reason(withEfi({ runtimeMap: [] })), "no EFI runtime map");
  assertStringIncludes(reason(withByte([0x1c4, 0], [0x1c5, 0], [0x1c6, 0], [0x1c7, 0])), "the system table");
});

test("an unknown address of the tables or the vendor's name stops the handover", () => {
  const { fwVendor: _, ...noVendor } = UEFI_FACTS.efi ?? { systab: {}, runtimeMap: [] };
  assertStringIncludes(reason({ ...UEFI_FACTS, efi: noVendor }), "the vendor's name is unknown");
  const { configTable: __, ...noTables } = UEFI_FACTS.efi ?? { systab: {}, runtimeMap: [] };
  assertStringIncludes(reason({ ...UEFI_FACTS, efi: noTables }), "the configuration tables is unknown");
});

test("a virtual address is not handed over as a physical one", () => {
  assertStringIncludes(
    reason(withEfi({ fwVendor: 0xffff_fffe_ea0e_8018n })),
    "0xfffffffeea0e8018, which is not a physical one",
  );
  assertStringIncludes(reason(withEfi({ configTable: 1n << 52n })), "0x10000000000000");
});

test("the address of the runtime services, which current kernels do not need, is left out where it is virtual", () => {
  const decision = efiHandover(withEfi({ runtime: 0xffff_fffe_e9ff_8b98n }), bzImage());
  assertEquals(decision.kind === "handover" && decision.runtime, 0n);
});

test("runtime services that the running kernel has not mapped are not handed over", () => {
  const [first, ...others] = UEFI_FACTS.efi?.runtimeMap ?? [];
  if (first === undefined) throw new Error("The fixture has no runtime map");
  assertStringIncludes(
    reason(withEfi({ runtimeMap: [...others, { ...first, virtAddr: 0n }] })),
    "does not use them (0x6f0eb000 is not mapped)",
  );
});

test("ACPI is found in boot_params, else through EFI, the newer table first", () => {
  const efi = (systab: EfiFacts["systab"]) => hostFacts({ efi: { systab, runtimeMap: [] } });
  assertEquals(acpiRsdp(BIOS_FACTS), 0xf52b0n);
  assertEquals(acpiRsdp(UEFI_FACTS), 0x6f7e_a014n);
  assertEquals(acpiRsdp(efi({ ACPI: 0x1000n, ACPI20: 0x2000n })), 0x2000n);
  assertEquals(acpiRsdp({ ...efi({ ACPI: 0x1000n }), bootParams: new Uint8Array(4096) }), 0x1000n);
  assertEquals(acpiRsdp(efi({ SMBIOS: 0x1000n })), undefined);
  assertEquals(acpiRsdp(hostFacts()), undefined);
});

test("a memory map of any other version than 1 is not handed over", () => {
  for (const version of [0, 2]) assertStringIncludes(reason(withByte([0x1cc, version])), `version ${version}, not 1`);
  assertEquals(reason(withByte([0x1cc, 1])), "handover");
});
