import type { HostFacts } from "../../src/host/facts.ts";
import { multibootMemory } from "./multiboot_model.ts";

/**
 * Why kexec_file_load(2) would refuse these bytes, read as bzImage64_probe, bzImage64_load (kexec-bzimage64.c) and
 * image_load (kexec_image.c) of Linux 7.3 read them; undefined if it would not. Shares nothing with src/.
 */
export function loaderFault(bytes: Uint8Array, cmdline: string, facts: HostFacts): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return facts.machine === "x86_64" ? bzImageFault(view, cmdline, facts, 30) : arm64Fault(view);
}

/** How a bzImage is to be entered on a host; addresses in bytes. */
export interface BzImageEntry {
  /** In 32-bit mode. */
  readonly in32: boolean;
  /** In real mode, by way of 32-bit mode. */
  readonly in16: boolean;
  /** Where the kernel and what belongs to it end at the latest. */
  readonly limit: bigint;
  /** Where initrds end at the latest. */
  readonly initrdLimit: bigint;
}

/** The entry of a bzImage, by boot.rst; undefined for what is none. Shares nothing with src/. */
export function bzImageEntry(bytes: Uint8Array, facts: HostFacts): BzImageEntry | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (facts.machine !== "x86_64" || view.byteLength < 1024 || view.getUint32(0x202, true) !== 0x5372_6448) {
    return undefined;
  }
  const protocol = view.getUint16(0x206, true);
  const flags = protocol < 0x20c ? 0 : view.getUint16(0x236, true);
  const zImage = (view.getUint8(0x211) & 1) === 0;
  const in16 = zImage || ((flags & 1) === 0 && (view.getUint32(0x214, true) === 0 || protocol < 0x204));
  const in32 = in16 || (flags & 1) === 0 || ((flags & 0x20) === 0 && facts.cpuFlags.includes("la57"));
  const low = in32 || (flags & 2) === 0;
  return {
    in32,
    in16,
    limit: low ? 1n << 32n : 1n << 64n,
    initrdLimit: low ? BigInt(protocol < 0x203 ? 0x37ff_ffff : view.getUint32(0x22c, true)) + 1n : 1n << 64n,
  };
}

/**
 * Why these bytes must not be entered with boot_params, or on arm64 with a device tree, as kexec_load(2) has it done: the
 * kernel asks nothing then. Undefined where they may.
 */
export function entryFault(bytes: Uint8Array, cmdline: string, facts: HostFacts): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (facts.machine === "aarch64") {
    return arm64Fault(view) ?? ((view.getUint8(24) & 1) === 1 ? "big-endian" : undefined);
  }
  if (facts.machine !== "x86_64") return "no layout";
  // As bzImage64_probe does it: what has a setup header is a bzImage, whatever its first bytes are.
  const hasHeader = view.byteLength >= 1024 && view.getUint32(0x202, true) === 0x5372_6448;
  const multiboot = hasHeader ? undefined : multibootMemory(bytes);
  if (multiboot !== undefined) {
    if (facts.cpuFlags.includes("tdx_guest")) return "TDX";
    return typeof multiboot === "string" ? multiboot : undefined;
  }
  if (hasHeader || view.byteLength < 64 || view.getUint32(0) !== 0x7f45_4c46) {
    return bzImageEntryFault(view, cmdline, bzImageEntry(bytes, facts), facts);
  }
  if (view.getUint8(4) !== 2) return "not 64-bit";
  if (view.getUint8(5) !== 1) return "not little-endian";
  if (view.getUint16(18, true) !== 62) return "not for x86_64";
  return undefined;
}

/** Why a bzImage must be entered neither in 64-bit mode nor in 32-bit mode. */
function bzImageEntryFault(
  view: DataView,
  cmdline: string,
  entry: BzImageEntry | undefined,
  facts: HostFacts,
): string | undefined {
  if (entry === undefined) return "no HdrS";
  if (view.getUint16(0x1fe, true) !== 0xaa55) return "no boot flag";
  const protocol = view.getUint16(0x206, true);
  if (protocol < 0x200) return "protocol";
  if (entry.in16) {
    if (facts.efi !== undefined || facts.bios === undefined) return "no BIOS";
    if ((view.getUint8(0x1f1) || 4) > 64) return "too much setup code";
  } else if (entry.in32 && view.getUint32(0x214, true) === 0) return "no 32-bit entry";
  if (entry.in32 && facts.cpuFlags.includes("tdx_guest")) return "TDX";
  const length = new TextEncoder().encode(cmdline).length;
  if (length > (protocol < 0x206 ? 255 : view.getUint32(0x238, true))) return "command line";
  const setup = ((view.getUint8(0x1f1) || 4) + 1) * 512;
  if (view.byteLength < setup) return "shorter than its setup code";
  const size = protocol < 0x20a ? 0 : view.getUint32(0x260, true);
  const memory = Math.ceil(size / 4096) * 4096;
  if (size > 0 && view.byteLength - setup > memory) return "more bytes than memory";
  const alignment = protocol < 0x205 ? 0 : view.getUint32(0x230, true);
  return (alignment & (alignment - 1)) === 0 ? undefined : "alignment";
}

/** \`room\` is what the kernel's own loader keeps free on the command line. */
function bzImageFault(view: DataView, cmdline: string, facts: HostFacts, room: number): string | undefined {
  if (view.byteLength < 1024) return "shorter than two sectors";
  if (view.getUint32(0x202, true) !== 0x5372_6448) return "no HdrS";
  if (view.getUint16(0x1fe, true) !== 0xaa55) return "no boot flag";
  if (view.getUint16(0x206, true) < 0x20c) return "protocol";
  if ((view.getUint8(0x211) & 1) === 0) return "not loaded high";
  const flags = view.getUint16(0x236, true);
  if ((flags & 1) === 0) return "no 64-bit entry";
  if ((flags & 2) === 0) return "not above 4 GiB";
  if ((flags & 0x20) === 0 && facts.cpuFlags.includes("la57")) return "5-level paging";
  if (room > 0 && facts.efi?.platformSize === 32) return "32-bit EFI";
  // cmdline_size does not count the final NUL, which the kernel's own loader counts all the same.
  const length = new TextEncoder().encode(cmdline).length + (room > 0 ? 1 : 0);
  if (length + room > view.getUint32(0x238, true)) return "command line";
  const setup = ((view.getUint8(0x1f1) || 4) + 1) * 512;
  if (view.byteLength < setup) return "shorter than its setup code";
  const memory = Math.ceil(view.getUint32(0x260, true) / 4096) * 4096;
  if (view.byteLength - setup > memory) return "more bytes than memory";
  const alignment = view.getUint32(0x230, true);
  return (alignment & (alignment - 1)) === 0 ? undefined : "alignment";
}

function arm64Fault(view: DataView): string | undefined {
  if (view.byteLength < 64) return "shorter than its header";
  if (view.getUint32(56, true) !== 0x644d_5241) return "no magic number";
  return view.getBigUint64(16, true) === 0n ? "no image size" : undefined;
}
