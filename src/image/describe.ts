import { formatAddress, formatSize } from "../core/number.ts";
import type { ImageInfo, InitrdInfo } from "./image.ts";
import { ubootDetails, ubootMachineOf } from "./uboot.ts";

/** Names as `uname -m` has them, by the Machine field of PE (IMAGE_FILE_MACHINE_). */
const PE_MACHINES: { readonly [machine: number]: string } = {
  0x014c: "i386",
  0x01c0: "arm",
  0x01c2: "arm",
  0x01c4: "arm",
  0x5032: "riscv32",
  0x5064: "riscv64",
  0x6232: "loongarch32",
  0x6264: "loongarch64",
  0x8664: "x86_64",
  0xaa64: "aarch64",
};

/** By e_machine of ELF (EM_); where the byte order or the class makes a second name, big-endian or 32-bit. */
const ELF_MACHINES: {
  readonly [machine: number]: { readonly name: string; readonly big?: string; readonly small?: string };
} = {
  3: { name: "i386" },
  8: { name: "mips64", small: "mips" },
  15: { name: "parisc64", small: "parisc" },
  20: { name: "ppc" },
  21: { name: "ppc64le", big: "ppc64" },
  22: { name: "s390x", small: "s390" },
  40: { name: "arm" },
  62: { name: "x86_64" },
  183: { name: "aarch64", big: "aarch64_be" },
  243: { name: "riscv64", small: "riscv32" },
  258: { name: "loongarch64", small: "loongarch32" },
};

/**
 * The machine that an image is for, as `uname -m` names it, but `i386` for every 32-bit x86. Undefined where the image
 * does not say: compressed files, x86 kernels before boot protocol 2.12, machines that are not known.
 */
export function machineOf(info: ImageInfo): string | undefined {
  switch (info.kind) {
    case "bzimage":
      return info.entry64 ? "x86_64" : info.protocol >= 0x20c ? "i386" : undefined;
    case "arm64-image":
      return info.bigEndian ? "aarch64_be" : "aarch64";
    case "efi-zboot":
    case "uki":
    case "pe":
      return PE_MACHINES[info.machine];
    case "elf": {
      const row = ELF_MACHINES[info.machine];
      if (row === undefined) return undefined;
      return (info.littleEndian ? undefined : row.big) ?? (info.bits === 32 ? row.small : undefined) ?? row.name;
    }
    case "multiboot":
      return "i386";
    case "fit":
    case "uimage":
      return ubootMachineOf(info);
    case "compressed":
    case "not-kernel":
      return undefined;
  }
}

/**
 * Whether a machine (as `uname -m`) can run an image, by what the image says: on x86_64 also a bzImage for 32-bit x86 and
 * a Multiboot image, which are entered in 32-bit mode.
 */
export function runsOn(info: ImageInfo, machine: string): boolean {
  const meant = machineOf(info);
  if (meant === undefined || meant === machine) return true;
  return (info.kind === "bzimage" || info.kind === "multiboot") && meant === "i386" && machine === "x86_64";
}

/** The boot protocol for people: 0x020f is `2.15`. */
export function protocolName(protocol: number): string {
  return `${protocol >> 8}.${String(protocol & 0xff).padStart(2, "0")}`;
}

/** The release of a Linux kernel, as `uname -r` will say it; undefined where the headers do not say. */
export function imageRelease(info: ImageInfo): string | undefined {
  if (info.kind === "uki") return info.release;
  if (info.kind === "arm64-image") return info.versionString?.split(" ", 1)[0];
  // Linux writes "release (builder) #number"; other programs in this format have a name of their own there.
  return info.kind === "bzimage" && / \(.*\) #/.test(info.versionString ?? "") ? info.release : undefined;
}

/** The build of a Linux kernel, as `uname -v` will say it: `#1 SMP ...`; undefined where the headers do not say. */
export function imageVersion(info: ImageInfo): string | undefined {
  // "release (builder) #number ..." (arch/x86/boot/version.c): the builder may hold parentheses, "(" and "#" of its own.
  const isLinux = info.kind === "bzimage" || info.kind === "arm64-image";
  return isLinux ? / \(.*\) (#.*)$/.exec(info.versionString ?? "")?.[1] : undefined;
}

/** One line for people: `Linux 6.1.0-50-amd64, bzImage 2.15, xz payload, signed`. */
export function describeImage(info: ImageInfo): string {
  return partsOf(info).filter((part) => part !== "").join(", ");
}

/** One line for people: `cpio archive (newc)`, `zstd-compressed`. */
export function describeInitrd(info: InitrdInfo): string {
  switch (info.kind) {
    case "cpio":
      return `cpio archive (${info.format})`;
    case "compressed":
      return `${info.compression}-compressed`;
    case "unknown":
      return info.what;
  }
}

/** The same after "it is": `a cpio archive (newc)`, `zstd-compressed`, `an empty file`. */
export function initrdIs(info: InitrdInfo): string {
  return `${info.kind === "cpio" ? "a " : ""}${describeInitrd(info)}`;
}

function partsOf(info: ImageInfo): readonly string[] {
  const release = imageRelease(info);
  switch (info.kind) {
    case "bzimage":
      return [
        release === undefined ? info.versionString ?? "" : `Linux ${release}`,
        `${info.loadedHigh ? "bzImage" : "zImage"} ${protocolName(info.protocol)}`,
        payloadName(info.payload?.compression),
        signedName(info),
      ];
    case "arm64-image":
      return [
        release === undefined ? "" : `Linux ${release}`,
        "arm64 Image",
        info.bigEndian ? "big-endian" : "",
        info.pageSize === undefined ? "" : `${formatSize(info.pageSize)} pages`,
        signedName(info),
      ];
    case "efi-zboot":
      return [`EFI zboot image${forMachine(info)}`, payloadName(info.payload.compression), signedName(info)];
    case "uki":
      return [
        release === undefined ? "" : `Linux ${release}`,
        `unified kernel image${forMachine(info)}`,
        signedName(info),
      ];
    case "pe":
      return [`${info.subsystem === 10 ? "EFI application" : "PE file"}${forMachine(info)}`, signedName(info)];
    case "elf":
      return [
        `${info.bits}-bit ELF${forMachine(info)}`,
        `entry ${formatAddress(info.entry)}`,
      ];
    case "multiboot":
      return [
        `Multiboot ${info.header.version} image`,
        info.bits === undefined ? "flat" : `${info.bits}-bit ELF`,
        `entry ${formatAddress(info.entry)}`,
      ];
    case "fit":
      return [`FIT image${forMachine(info)}`, ...ubootDetails(info)];
    case "uimage":
      return [`uImage${forMachine(info)}`, ...ubootDetails(info)];
    case "compressed":
      return [`${info.compression}-compressed file`];
    case "not-kernel":
      return [info.what];
  }
}

function payloadName(compression: string | undefined): string {
  if (compression === undefined || compression === "") return "";
  return compression === "none"
    ? "uncompressed payload"
    : compression === "unknown"
    ? "payload of unknown compression"
    : `${compression} payload`;
}

function signedName(info: { readonly signed: boolean }): string {
  return info.signed ? "signed" : "unsigned";
}

function forMachine(info: ImageInfo): string {
  const machine = machineOf(info);
  return machine === undefined ? "" : ` for ${machine}`;
}
