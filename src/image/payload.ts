import { type ByteSource, fieldsOf } from "../core/bytes.ts";
import { compressionOf } from "../formats/compression.ts";
import { machineOf } from "./describe.ts";
import type { BzImage, ImageInfo } from "./image.ts";
import type { Packing } from "../formats/unpacked.ts";

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
 * four bytes are the unpacked size: part of gzip's own format, and appended to every other (size_append in
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

/** A whole kernel image, packed: a file such as Image.gz, or what an EFI zboot image unpacks before it starts. */
export interface PackedImage {
  /** Where its stream lies in the file, bytes. */
  readonly offset: number;
  /** Bytes of the stream, or up to its end where the file does not say. */
  readonly length: number;
  /** How it is packed. */
  readonly packing: Packing;
}

/**
 * The packed image that a file holds whole, and that is handed over in its place: arm64 kernels do not unpack themselves
 * (drivers/firmware/efi/libstub/zboot-header.S, Linux 7.3). Undefined: none, or packed in a way that is not known.
 */
export function packedImage(source: ByteSource, info: ImageInfo): PackedImage | undefined {
  if (info.kind === "compressed") {
    const { compression: packing } = info;
    return packing === "none" ? undefined : { offset: 0, length: source.size, packing };
  }
  if (info.kind !== "efi-zboot" || machineOf(info) !== "aarch64") return undefined;
  const { offset, length } = info.payload;
  // The name in the header has changed over time (xz and xzkern, zstd and zstd22); the stream itself says it.
  const packing = compressionOf(source.read(offset, 64));
  return packing === undefined || packing === "none" ? undefined : { offset, length, packing };
}
