import { type ByteSource, fieldsOf } from "../core/bytes.ts";
import type { BzImage } from "./image.ts";
import type { Packing } from "./unpack/unpacked.ts";

/** The compressed kernel in a bzImage. */
export interface KernelPayload {
  /** Where its stream lies in the file, bytes. */
  readonly offset: number;
  /** Bytes of the stream. */
  readonly length: number;
  /** How it is packed. */
  readonly packing: Packing;
  /** Bytes that it unpacks to. */
  readonly size: number;
}

/** The most that a kernel unpacks to: the kernel's own mapping has 1 GiB (KERNEL_IMAGE_SIZE, Linux 6.12). */
export const UNPACKED_KERNEL_MAX: number = 1 << 30;

/**
 * The payload of a bzImage, an ELF kernel and its relocations (arch/x86/boot/compressed/Makefile, Linux 6.12). Its last
 * four bytes tell the unpacked size: part of gzip's own format, and appended to every other (size_append in
 * scripts/Makefile.lib). Undefined: there is none, or not one that could be unpacked.
 */
export function kernelPayload(source: ByteSource, { payload }: BzImage): KernelPayload | undefined {
  if (payload === undefined || payload.compression === "none" || payload.compression === "unknown") return undefined;
  const { offset, length, compression } = payload;
  if (length <= 4) return undefined;
  const end = source.read(offset + length - 4, 4);
  if (end.length < 4) return undefined;
  return {
    offset,
    length: length - (compression === "gzip" ? 0 : 4),
    packing: compression,
    size: fieldsOf(end).u32(0),
  };
}
