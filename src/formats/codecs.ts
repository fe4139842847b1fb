import { gzipBody, gzipTrailer, zstdFrameSize } from "./compression_frames.ts";
import { unpackLz4Legacy } from "./lz4_legacy.ts";
import { unpackLzop } from "./lzop.ts";
import { CUT_OFF, type Packing, type Unpacked, type UnpackLimit } from "./unpacked.ts";
import { unpackBzip2, unpackLzma } from "./codec_libraries.ts";

/**
 * The runtime's own, asked for when there is something to unpack: it takes longer to start than most commands run, and a
 * bundle would start it with the program.
 */
function zlib(): typeof import("node:zlib") {
  return process.getBuiltinModule("node:zlib");
}

type Codec = (packed: Uint8Array, limit: UnpackLimit) => Unpacked;

const CODECS: { readonly [Name in Packing]: Codec } = {
  gzip: unpackGzip,
  zstd: unpackZstd,
  xz: (packed, limit) => unpackLzma("xz", packed, limit),
  lzma: (packed, limit) => unpackLzma("lzma", packed, limit),
  bzip2: unpackBzip2,
  lz4: unpackLz4Legacy,
  lzo: unpackLzop,
};

/**
 * Unpacks with what is here: gzip and zstd by the runtime, lz4 and lzo by code of our own, xz, lzma and bzip2 by the
 * libraries that every distribution has. A module of its own, at the edge, since it opens libraries.
 */
export function unpack(packing: Packing, packed: Uint8Array, limit: UnpackLimit): Unpacked {
  return CODECS[packing](packed, limit);
}

/** One member only: the runtime itself would go on with the next, and so hide where it begins. */
function unpackGzip(packed: Uint8Array, { most }: UnpackLimit): Unpacked {
  const body = gzipBody(packed);
  if (body === undefined) return CUT_OFF;
  return guarded(most, () => {
    const { buffer, engine } = inflated(packed.subarray(body), most);
    const end = body + engine.bytesWritten;
    const trailer = gzipTrailer(packed, end);
    if (trailer === undefined) return CUT_OFF;
    if (zlib().crc32(buffer) !== trailer.crc || buffer.length % 2 ** 32 !== trailer.size) {
      return { kind: "damaged", why: "its CRC-32 or size is not the one that it states" };
    }
    return { kind: "unpacked", bytes: plain(buffer), consumed: end + 8 };
  });
}

/** With `info`, which the types do not know of, the input that was used is told. */
function inflated(packed: Uint8Array, most: number): { buffer: Uint8Array; engine: { bytesWritten: number } } {
  const options = { info: true, maxOutputLength: most };
  return zlib().inflateRawSync(packed, options) as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } };
}

/** The first frame. A frame that is cut off makes the runtime stop without a word, so that its end is looked for first. */
function unpackZstd(packed: Uint8Array, { most }: UnpackLimit): Unpacked {
  const size = zstdFrameSize(packed);
  if (size === undefined) return CUT_OFF;
  return guarded(most, () => {
    const bytes = plain(zlib().zstdDecompressSync(packed.subarray(0, size), { maxOutputLength: most }));
    return { kind: "unpacked", bytes, consumed: size };
  });
}

/** A Buffer as the plain array that it is. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** The runtime's errors on damaged input, as results. */
function guarded(most: number, work: () => Unpacked): Unpacked {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ("code" in error && error.code === "ERR_BUFFER_TOO_LARGE") return { kind: "too-large" };
    if (error instanceof RangeError && most > 2 ** 31) return { kind: "too-large" };
    return { kind: "damaged", why: `its data do not unpack (${error.message})` };
  }
}
