import { fieldsOf } from "../core/bytes.ts";

/** Magic numbers at the start of a stream: lib/decompress.c of Linux 7.3, and the formats' own specifications. */
const MAGIC: readonly { readonly compression: Compression; readonly magic: readonly number[] }[] = [
  { compression: "gzip", magic: [0x1f, 0x8b, 0x08] },
  { compression: "bzip2", magic: [0x42, 0x5a, 0x68] },
  { compression: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { compression: "lzo", magic: [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a] },
  // The legacy format, which the kernel uses, and the frame format.
  { compression: "lz4", magic: [0x02, 0x21, 0x4c, 0x18] },
  { compression: "lz4", magic: [0x04, 0x22, 0x4d, 0x18] },
  { compression: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd] },
];

/**
 * The compression of a stream, by its first bytes (32 are enough for nearly all). Undefined: none that is known, which
 * never means `none`.
 */
export function compressionOf(bytes: Uint8Array): Compression | undefined {
  const row = MAGIC.find(({ magic }) => magic.every((byte, index) => bytes[index] === byte));
  if (row !== undefined) return row.compression;
  if (looksLikeLzma(bytes)) return "lzma";
  return afterSkippableFrame(bytes);
}

/**
 * The .lzma format has no magic number. Its 13-byte header: properties (0x5d is lc=3, lp=0, pb=2, what every encoder
 * writes and the kernel wants), dictionary size, uncompressed size. Encoders write dictionaries of 2^n or 2^n + 2^(n-1).
 */
function looksLikeLzma(bytes: Uint8Array): boolean {
  if (bytes.length < 13 || bytes[0] !== 0x5d) return false;
  const fields = fieldsOf(bytes);
  const dictionary = fields.u32(1);
  const size = fields.u64(5);
  const step = dictionary & -dictionary;
  const plausible = dictionary !== 0 && (dictionary === step >>> 0 || dictionary === (step >>> 0) * 3);
  return plausible && dictionary >= 4096 && (size === 0xffff_ffff_ffff_ffffn || size < 1n << 40n);
}

/** LZ4 and Zstandard share skippable frames: magic 0x184d2a50 to 5f, size, that many bytes; then a real frame. */
function afterSkippableFrame(bytes: Uint8Array): Compression | undefined {
  let rest = bytes;
  while (rest.length >= 8) {
    const fields = fieldsOf(rest);
    if (fields.u32(0) >>> 4 !== 0x184d2a5) return undefined;
    const next = 8 + fields.u32(4);
    // What follows is out of sight; only Zstandard's own tools put such a frame first.
    if (next + 4 > rest.length) return "zstd";
    rest = rest.subarray(next);
    const row = MAGIC.find(({ magic }) => magic.length === 4 && magic.every((byte, index) => rest[index] === byte));
    if (row !== undefined) return row.compression;
  }
  return undefined;
}

/** The two bytes by which the kernel knows a compression (compressed_formats in lib/decompress.c, Linux 7.2). */
const KERNEL_MAGIC: { readonly [magic: number]: Exclude<Compression, "none"> } = {
  0x1f8b: "gzip",
  0x1f9e: "gzip",
  0x425a: "bzip2",
  0x5d00: "lzma",
  0xfd37: "xz",
  0x894c: "lzo",
  0x0221: "lz4",
  0x28b5: "zstd",
};

/** The compression that the kernel unpacks these bytes by; undefined: it would not. */
export function kernelCompressionOf(bytes: Uint8Array): Exclude<Compression, "none"> | undefined {
  const [first = 0, second = 0] = bytes;
  return bytes.length < 2 ? undefined : KERNEL_MAGIC[first << 8 | second];
}

/** How a payload is compressed, by its magic number; `none` is an uncompressed one. */
export type Compression = "gzip" | "bzip2" | "lzma" | "xz" | "lzo" | "lz4" | "zstd" | "none";
