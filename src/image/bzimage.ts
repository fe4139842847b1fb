import { type ByteSource, type Fields, fieldsAt } from "../core/bytes.ts";
import { compressionOf } from "../formats/compression.ts";
import type { BzImage, ImageInfo } from "./image.ts";
import { damaged, truncated } from "./probe.ts";
import {
  BOOT_FLAG,
  HEADER_MAGIC,
  LOADED_HIGH,
  SETUP_HEADER as hdr,
  XLF_CAN_BE_LOADED_ABOVE_4G,
  XLF_KERNEL_64,
} from "./setup_header.ts";
import { parsePe } from "../formats/pe.ts";

/** More bits of xloadflags. */
const XLF_EFI_HANDOVER = 0x04 | 0x08;
const XLF_EFI_KEXEC = 0x10;
const XLF_5LEVEL = 0x20;

/**
 * The setup header ends where the jump over it lands, at the latest where the next field of boot_params begins. What is
 * started after a place was found for it reads its own fields there: from a protocol on, up to the end of the last one.
 */
const HEADER_ENDS: readonly { readonly since: number; readonly end: number }[] = [
  { since: 0x20a, end: hdr.init_size + 4 },
  { since: 0x205, end: hdr.relocatable_kernel + 1 },
  { since: 0x204, end: hdr.initrd_addr_max + 4 },
];

/**
 * syssize counts paragraphs of 16 bytes, rounded up: iPXE and Memtest86+ end inside the last one. Only what lacks a
 * whole paragraph is cut.
 */
const PARAGRAPH = 16;

/**
 * Recognises an x86 kernel by its setup header (Documentation/arch/x86/boot.rst, Linux 7.3), whatever its age: each
 * field is read from the protocol version that has it.
 */
export function probeBzImage(source: ByteSource, head: Fields): ImageInfo | undefined {
  if (head.size < hdr.version || head.u32(hdr.header) !== HEADER_MAGIC) return undefined;
  if (head.u16(hdr.boot_flag) !== BOOT_FLAG) {
    return damaged("bzImage", "its boot sector lacks the mark 0xaa55 at byte 510");
  }
  const setupSects = head.u8(hdr.setup_sects) || 4;
  const setupSize = (setupSects + 1) * 512;
  const protocol = head.size < hdr.version + 2 ? 0 : head.u16(hdr.version);
  // Before 2.04 the field has 16 bits, and they cannot be trusted.
  const codeSize = protocol < 0x204 ? 0 : head.u32(hdr.syssize) * PARAGRAPH;
  if (source.size < setupSize || source.size <= setupSize + codeSize - PARAGRAPH) {
    return truncated("bzImage", source, setupSize + codeSize);
  }
  const pe = parsePe(source);
  const certificate = pe?.kind === "pe-file" ? pe.certificate : undefined;
  if (certificate !== undefined && certificate.offset + certificate.size > source.size) {
    return truncated("bzImage", source, certificate.offset + certificate.size);
  }

  const since = <T>(version: number, value: T, before: T): T => protocol >= version ? value : before;
  const loadedHigh = (head.u8(hdr.loadflags) & LOADED_HIGH) !== 0;
  const relocatable = since(0x205, head.u8(hdr.relocatable_kernel) !== 0, false);
  const alignment = since(0x205, head.u32(hdr.kernel_alignment), 0);
  const isPowerOfTwo = alignment !== 0 && (alignment & (alignment - 1)) === 0;
  const initSize = since(0x20a, head.u32(hdr.init_size), 0);
  const xloadflags = since(0x20c, head.u16(hdr.xloadflags), 0);
  const entry64 = (xloadflags & XLF_KERNEL_64) !== 0;
  if ((relocatable || alignment !== 0) && !isPowerOfTwo) {
    return damaged("bzImage", `its alignment 0x${alignment.toString(16)} is not a power of two`);
  }
  if ((entry64 || initSize > 0) && initSize < codeSize) {
    return damaged("bzImage", `it asks for ${initSize} bytes of memory, less than its own ${codeSize}`);
  }
  const headerEnd = hdr.jump + 2 + head.u8(hdr.jump + 1);
  const leastEnd = HEADER_ENDS.find((row) => protocol >= row.since)?.end;
  if (leastEnd !== undefined && (headerEnd < leastEnd || headerEnd > hdr.end)) {
    return damaged("bzImage", `its setup header ends at byte ${headerEnd}, not from ${leastEnd} to ${hdr.end}`);
  }

  const versionString = versionOf(source, head, setupSize);
  const code32Start = head.u32(hdr.code32_start);
  const setup = startsInRealMode({ protocol, loadedHigh, entry64, code32Start })
    ? source.read(0, setupSize)
    : undefined;
  const payload = since(0x208, payloadOf(source, head, setupSize), undefined);
  return {
    kind: "bzimage",
    protocol,
    ...(versionString === undefined ? {} : { versionString, release: versionString.split(" ", 1)[0] ?? "" }),
    setupSects,
    loadedHigh,
    relocatable,
    alignment: isPowerOfTwo ? alignment : 1,
    prefAddress: since(0x20a, head.u64(hdr.pref_address), loadedHigh ? 0x100000n : 0x10000n),
    code32Start,
    initSize,
    initrdAddrMax: since(0x203, head.u32(hdr.initrd_addr_max), 0x37ff_ffff),
    cmdlineSize: since(0x206, head.u32(hdr.cmdline_size), 255),
    xloadflags,
    entry64,
    above4G: (xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G) !== 0,
    efiHandover: (xloadflags & XLF_EFI_HANDOVER) !== 0,
    efiKexec: (xloadflags & XLF_EFI_KEXEC) !== 0,
    la57: (xloadflags & XLF_5LEVEL) !== 0,
    ...(payload === undefined ? {} : { payload }),
    header: head.bytes(hdr.setup_sects, Math.min(headerEnd, hdr.end) - hdr.setup_sects).slice(),
    ...(setup === undefined ? {} : { setup }),
    signed: certificate !== undefined,
  };
}

/** Where the code of a zImage is loaded. */
export const ZIMAGE_LOAD = 0x1_0000n;

/**
 * Whether an image has no other entry than the one in real mode: it names none (iPXE packs its protected-mode code), it runs
 * below 1 MiB, or it is from before protocol 2.04, which does not say how long its code is.
 */
export function startsInRealMode(
  { protocol, loadedHigh, entry64, code32Start }: Pick<BzImage, "protocol" | "loadedHigh" | "entry64" | "code32Start">,
): boolean {
  return !loadedHigh || (!entry64 && (code32Start === 0 || protocol < 0x204));
}

/** How much memory a kernel before protocol 2.10 gets for each byte of its packed code, as GRUB has it. */
const UNPACKED_SHARE = 3;

/** Memory that the image in a file of this size needs from its load address, bytes. */
export function bzImageMemory({ initSize, setupSects }: BzImage, size: number): number {
  return initSize > 0 ? initSize : (size - (setupSects + 1) * 512) * UNPACKED_SHARE;
}

/** kernel_version points, less 0x200, into the setup code: a NUL-terminated string. Zero: there is none. */
function versionOf(source: ByteSource, head: Fields, setupSize: number): string | undefined {
  const pointer = head.u16(hdr.kernel_version);
  const offset = pointer + 0x200;
  if (pointer === 0 || offset >= setupSize) return undefined;
  const length = Math.min(512, setupSize - offset);
  const text = fieldsAt(source, offset, length)?.text(0, length);
  return text !== undefined && text.length < length && /^[!-~][ -~]*$/.test(text) ? text.trim() : undefined;
}

/** The compressed vmlinux; its offset in the header counts from the protected-mode code. */
function payloadOf(source: ByteSource, head: Fields, setupSize: number): BzImage["payload"] {
  const offset = setupSize + head.u32(hdr.payload_offset);
  const length = head.u32(hdr.payload_length);
  if (length === 0 || offset + length > source.size) return undefined;
  const bytes = source.read(offset, Math.min(length, 64));
  const isElf = bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  return { offset, length, compression: compressionOf(bytes) ?? (isElf ? "none" : "unknown") };
}
