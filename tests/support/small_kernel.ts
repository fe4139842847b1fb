/** A small kernel as a payload unpacks to: an ELF file of one part, with relocations behind it, as the field has them. */
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { bzImage } from "../image/build.ts";
import { elf } from "../image/build_elf.ts";

/** Where the part of `vmlinux()` was linked for. */
export const LINKED = 0x100_0000n;

/** What a kernel is made of; addresses as the lists have them: the lower 32 bits of virtual ones. */
export interface SmallKernel {
  readonly code?: Uint8Array;
  readonly add64?: readonly number[];
  /** Undefined: there is no such list at all, as in new kernels. */
  readonly inverse32?: readonly number[];
  readonly add32?: readonly number[];
  /** Without anything behind the ELF file. */
  readonly fixed?: boolean;
}

/** The entry of a list for a byte of the part. */
export function listed(offset: number): number {
  return 0x8100_0000 + offset;
}

/** 8 KiB of pattern, and zeros to the end of its memory. */
export const CODE: Uint8Array = Uint8Array.from({ length: 0x4000 }, (_, at) => at < 0x2000 ? (at * 7 + 1) & 0xff : 0);

/** The ELF file and its relocations. */
export function vmlinux(
  { code = CODE, add64 = [], inverse32, add32 = [], fixed = false }: SmallKernel = {},
): Uint8Array {
  const file = elf({ segments: [{ paddr: LINKED, vaddr: 0xffff_ffff_8100_0000n, bytes: code, align: 0x20_0000n }] });
  new DataView(file.buffer).setBigUint64(40, BigInt(file.length), true); // e_shoff, with no section headers
  if (fixed) return file;
  const lists = [0, ...add64, ...(inverse32 === undefined ? [] : [0, ...inverse32]), 0, ...add32];
  const all = new Uint8Array(file.length + lists.length * 4);
  all.set(file);
  const view = new DataView(all.buffer, file.length);
  for (const [index, value] of lists.entries()) view.setUint32(index * 4, value, true);
  return all;
}

/** As the zstd program has it unless told otherwise. */
const CHECKED = { [constants.ZSTD_c_checksumFlag]: 1 };

/** A bzImage whose payload unpacks to this, with the size behind it as the kernel's build appends it. */
export function packedKernel(
  unpacked: Uint8Array,
  packing: "gzip" | "zstd" = "zstd",
  stated = unpacked.length,
): Uint8Array {
  const stream = packing === "gzip" ? gzipSync(unpacked) : zstdCompressSync(unpacked, { params: CHECKED });
  const payload = new Uint8Array(stream.length + (packing === "gzip" ? 0 : 4));
  payload.set(stream);
  if (packing !== "gzip") new DataView(payload.buffer).setUint32(stream.length, stated, true);
  return bzImage({ payload, prefAddress: LINKED, initSize: 1 << 20 });
}
