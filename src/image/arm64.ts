import type { ByteSource, Fields } from "../core/bytes.ts";
import type { ImageInfo } from "./image.ts";
import { truncated } from "./probe.ts";
import { parsePe } from "../formats/pe.ts";

/** Bits 1 and 2 of the flags: kernel page size in bytes. */
const PAGE_SIZE: readonly (number | undefined)[] = [undefined, 4096, 16384, 65536];

/** Images up to Linux 3.16 leave image_size zero, and text_offset undefined: it is this. */
const OLD_TEXT_OFFSET = 0x80000n;

/**
 * Recognises an arm64 Image by the magic number at byte 56 (Documentation/arch/arm64/booting.rst, Linux 7.3). The header
 * is little-endian whatever the kernel is. It does not say the file's size; its PE header does, where there is one.
 */
export function probeArm64Image(source: ByteSource, head: Fields): ImageInfo | undefined {
  if (head.size < 64 || head.u32(56) !== 0x644d5241) return undefined;
  const pe = parsePe(source);
  if (pe !== undefined && (pe.kind === "cut-pe" || pe.extent > source.size)) {
    return truncated("arm64 Image", source, pe.extent);
  }
  const imageSize = head.u64(16);
  const flags = head.u64(24);
  const pageSize = PAGE_SIZE[Number((flags >> 1n) & 3n)];
  return {
    kind: "arm64-image",
    textOffset: imageSize === 0n ? OLD_TEXT_OFFSET : head.u64(8),
    imageSize,
    flags,
    bigEndian: (flags & 1n) !== 0n,
    ...(pageSize === undefined ? {} : { pageSize }),
    signed: pe?.certificate !== undefined,
  };
}
