import type { ByteSource, Fields } from "../core/bytes.ts";
import { compressionOf } from "./compression.ts";
import type { BzImage, ImageInfo } from "./image.ts";
import { parsePe } from "./pe.ts";
import { damaged, fieldsAt, truncated } from "./probe.ts";

/** Bits of loadflags and xloadflags (arch/x86/include/uapi/asm/bootparam.h, Linux 7.3). */
const LOADED_HIGH = 0x01;
const XLF_KERNEL_64 = 0x01;
const XLF_CAN_BE_LOADED_ABOVE_4G = 0x02;
const XLF_EFI_HANDOVER = 0x04 | 0x08;
const XLF_EFI_KEXEC = 0x10;
const XLF_5LEVEL = 0x20;

/**
 * The setup header's place, the same in the file and in struct boot_params. It ends where the jump over it lands, at
 * 0x202 plus the byte at 0x201, at the latest where the next field of boot_params begins. The 64-bit entry reads it up
 * to init_size.
 */
const HEADER_START = 0x1f1;
const HEADER_LIMIT = 0x290;
const INIT_SIZE_END = 0x264;

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
  if (head.size < 0x206 || head.u32(0x202) !== 0x53726448) return undefined;
  if (head.u16(0x1fe) !== 0xaa55) return damaged("bzImage", "its boot sector lacks the mark 0xaa55 at byte 510");
  const setupSects = head.u8(0x1f1) || 4;
  const setupSize = (setupSects + 1) * 512;
  const protocol = head.size < 0x208 ? 0 : head.u16(0x206);
  // Before 2.04 the field has 16 bits, and they cannot be trusted.
  const codeSize = protocol < 0x204 ? 0 : head.u32(0x1f4) * PARAGRAPH;
  if (source.size < setupSize || source.size <= setupSize + codeSize - PARAGRAPH) {
    return truncated("bzImage", source, setupSize + codeSize);
  }
  const pe = parsePe(source);
  const certificate = pe?.kind === "pe-file" ? pe.certificate : undefined;
  if (certificate !== undefined && certificate.offset + certificate.size > source.size) {
    return truncated("bzImage", source, certificate.offset + certificate.size);
  }

  const since = <T>(version: number, value: T, before: T): T => protocol >= version ? value : before;
  const loadedHigh = (head.u8(0x211) & LOADED_HIGH) !== 0;
  const relocatable = since(0x205, head.u8(0x234) !== 0, false);
  const alignment = since(0x205, head.u32(0x230), 0);
  const isPowerOfTwo = alignment !== 0 && (alignment & (alignment - 1)) === 0;
  const initSize = since(0x20a, head.u32(0x260), 0);
  const xloadflags = since(0x20c, head.u16(0x236), 0);
  const entry64 = (xloadflags & XLF_KERNEL_64) !== 0;
  if (relocatable && !isPowerOfTwo) {
    return damaged("bzImage", `its alignment 0x${alignment.toString(16)} is not a power of two`);
  }
  if (entry64 && initSize < codeSize) {
    return damaged("bzImage", `it asks for ${initSize} bytes of memory, less than its own ${codeSize}`);
  }
  const headerEnd = 0x202 + head.u8(0x201);
  if (entry64 && (headerEnd < INIT_SIZE_END || headerEnd > HEADER_LIMIT)) {
    return damaged(
      "bzImage",
      `its setup header ends at byte ${headerEnd}, not from ${INIT_SIZE_END} to ${HEADER_LIMIT}`,
    );
  }

  const versionString = versionOf(source, head, setupSize);
  const payload = since(0x208, payloadOf(source, head, setupSize), undefined);
  return {
    kind: "bzimage",
    protocol,
    ...(versionString === undefined ? {} : { versionString, release: versionString.split(" ", 1)[0] ?? "" }),
    setupSects,
    loadedHigh,
    relocatable,
    alignment: isPowerOfTwo ? alignment : 1,
    prefAddress: since(0x20a, head.u64(0x258), loadedHigh ? 0x100000n : 0x10000n),
    initSize,
    initrdAddrMax: since(0x203, head.u32(0x22c), 0x37ff_ffff),
    cmdlineSize: since(0x206, head.u32(0x238), 255),
    xloadflags,
    entry64,
    above4G: (xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G) !== 0,
    efiHandover: (xloadflags & XLF_EFI_HANDOVER) !== 0,
    efiKexec: (xloadflags & XLF_EFI_KEXEC) !== 0,
    la57: (xloadflags & XLF_5LEVEL) !== 0,
    ...(payload === undefined ? {} : { payload }),
    header: head.bytes(HEADER_START, Math.min(headerEnd, HEADER_LIMIT) - HEADER_START).slice(),
    signed: certificate !== undefined,
  };
}

/** kernel_version points, less 0x200, into the setup code: a NUL-terminated string. Zero: there is none. */
function versionOf(source: ByteSource, head: Fields, setupSize: number): string | undefined {
  const pointer = head.u16(0x20e);
  const offset = pointer + 0x200;
  if (pointer === 0 || offset >= setupSize) return undefined;
  const length = Math.min(512, setupSize - offset);
  const text = fieldsAt(source, offset, length)?.text(0, length);
  return text !== undefined && text.length < length && /^[!-~][ -~]*$/.test(text) ? text.trim() : undefined;
}

/** The compressed vmlinux; its offset in the header counts from the protected-mode code. */
function payloadOf(source: ByteSource, head: Fields, setupSize: number): BzImage["payload"] {
  const offset = setupSize + head.u32(0x248);
  const length = head.u32(0x24c);
  if (length === 0 || offset + length > source.size) return undefined;
  const bytes = source.read(offset, Math.min(length, 64));
  const isElf = bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  return { offset, length, compression: compressionOf(bytes) ?? (isElf ? "none" : "unknown") };
}
