import type { ByteSource } from "../core/bytes.ts";
import { bzip2Codec, type LibraryCodec, lzmaCodec, zstdCodec } from "./codec_libraries.ts";
import { gzipBody, gzipTrailer, zstdFrame } from "./compression_frames.ts";
import { isLz4Frame, unpackLz4Frame } from "./lz4_frame.ts";
import { LZ4_BLOCK_SIZE, unpackLz4Legacy } from "./lz4_legacy.ts";
import { unpackLzop } from "./lzop.ts";
import {
  type Codecs,
  CUT_OFF,
  type PackedStream,
  type Packing,
  type Sink,
  STOPPED,
  type Unpacking,
} from "./unpacked.ts";

/**
 * The runtime's own, loaded when there is something to unpack: it takes longer to start than most commands run, and a
 * bundle would start it with the program.
 */
function zlib(): typeof import("node:zlib") {
  return process.getBuiltinModule("node:zlib");
}

type Codec = (stream: PackedStream, sink: Sink) => Unpacking | Promise<Unpacking>;

/**
 * Unpacks with what is here: gzip by the runtime, lz4 and lzo by code of our own, zstd, xz, lzma and bzip2 by the
 * libraries that every distribution has. A module of its own, at the edge, since it opens libraries.
 */
export function openCodecs(): Codecs {
  const [zstd, xz, lzma, bzip2] = [zstdCodec(), lzmaCodec("xz"), lzmaCodec("lzma"), bzip2Codec()];
  let lz4Block: Uint8Array | undefined;
  const gzipInput = newInput();
  const codecs: { readonly [Name in Packing]: Codec } = {
    gzip: (stream, sink) => unpackGzip(stream, sink, gzipInput),
    zstd: (stream, sink) => unpackZstd(stream, sink, zstd),
    xz: xz.unpack,
    lzma: lzma.unpack,
    bzip2: bzip2.unpack,
    lz4: (stream, sink) =>
      stream.beyondKernel === true && isLz4Frame(stream)
        ? unpackLz4Frame(stream, sink)
        : unpackLz4Legacy(stream, sink, lz4Block ??= new Uint8Array(LZ4_BLOCK_SIZE)),
    lzo: unpackLzop,
  };
  return {
    unpack: async (stream, sink) => await codecs[stream.packing](stream, sink),
    [Symbol.dispose]() {
      for (const library of [zstd, xz, lzma, bzip2]) library[Symbol.dispose]();
    },
  };
}

/** A member that is smaller than this is unpacked in one call: a stream of the runtime's takes far longer to set up. */
const SMALL_INPUT = 64 * 1024;
const SMALL_OUTPUT = 1 << 20;

/** Bytes of a stream from a place on, at most so many; fewer only at its end. */
type Input = (stream: PackedStream, at: number, length: number) => Uint8Array;

/** Reads ahead, so that many small members in a row do not read the same bytes again and again. */
function newInput(): Input {
  let read: { readonly source: ByteSource; readonly start: number; readonly bytes: Uint8Array } | undefined;
  return ({ source, end }, at, length) => {
    const wanted = Math.min(length, end - at);
    if (read?.source !== source || at < read.start || at + wanted > read.start + read.bytes.length) {
      read = { source, start: at, bytes: source.read(at, Math.min(CHUNK, end - at)).slice() };
    }
    return read.bytes.subarray(at - read.start, at - read.start + wanted);
  };
}

/** Bytes that are handed to the runtime's decoder at once, and that it gives back. */
const CHUNK = 256 * 1024;

/** One member only: the runtime itself would go on with the next, and so hide where it begins. */
async function unpackGzip(stream: PackedStream, sink: Sink, input: Input): Promise<Unpacking> {
  const body = gzipBody(stream);
  if (body.kind === "cut") return CUT_OFF;
  if (body.kind === "damaged") return body;
  let [crc, size] = [0, 0];
  const counting: Sink = (piece) => {
    crc = zlib().crc32(piece, crc);
    size += piece.length;
    return sink(piece);
  };
  const inflated = inflateSmall(stream, body.offset, counting, input) ?? await inflate(stream, body.offset, counting);
  if (inflated.kind !== "whole") return inflated;
  const end = body.offset + inflated.consumed;
  const trailer = gzipTrailer(stream, end);
  if (trailer === undefined) return CUT_OFF;
  if (crc !== trailer.crc || size % 2 ** 32 !== trailer.size) {
    return { kind: "damaged", why: "do not have the CRC-32 or the size that they state" };
  }
  return { kind: "whole", consumed: end + 8 - stream.offset, checksum: "CRC-32" };
}

/** Inflates in one call; undefined where there is too much of it, or it does not end so soon. */
function inflateSmall(stream: PackedStream, at: number, sink: Sink, input: Input): Unpacking | undefined {
  // With `info`, which the types do not know of, the result says how much input was used.
  const options = { info: true, maxOutputLength: SMALL_OUTPUT };
  let result: { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } };
  try {
    const packed = input(stream, at, SMALL_INPUT);
    result = zlib().inflateRawSync(packed, options) as unknown as typeof result;
  } catch {
    return undefined;
  }
  const { buffer, engine } = result;
  if (buffer.length > 0 && !sink(buffer)) return STOPPED;
  return { kind: "whole", consumed: engine.bytesWritten };
}

async function inflate({ source, end }: PackedStream, start: number, sink: Sink): Promise<Unpacking> {
  const engine = zlib().createInflateRaw({ chunkSize: CHUNK });
  let result: Unpacking | undefined;
  const done = new Promise<void>((resolve) => {
    const finish = (found: Unpacking): void => {
      result ??= found;
      resolve();
    };
    engine.on("data", (piece: Uint8Array) => {
      if (result !== undefined || sink(piece)) return;
      finish(STOPPED);
      engine.destroy();
    });
    engine.on("end", () => finish({ kind: "whole", consumed: engine.bytesWritten }));
    engine.on(
      "error",
      ({ message }: Error) =>
        finish(/unexpected end/.test(message) ? CUT_OFF : { kind: "damaged", why: `are damaged (${message})` }),
    );
  });
  for (let at = start; at < end && result === undefined; at += CHUNK) {
    // A copy: the decoder keeps the chunk for as long as it likes.
    const chunk = source.read(at, Math.min(CHUNK, end - at)).slice();
    await Promise.race([done, new Promise<void>((resolve) => engine.write(chunk, () => resolve()))]);
  }
  if (result === undefined) engine.end();
  await done;
  return result ?? CUT_OFF;
}

/** A frame that the runtime unpacks in one piece where libzstd cannot be opened, bytes. */
const WHOLE_FRAME = 128 << 20;

/** The first frame. A frame that is cut off is found first, from block to block. */
function unpackZstd(stream: PackedStream, sink: Sink, library: LibraryCodec): Unpacking {
  const frame = zstdFrame(stream);
  if (frame === undefined) return CUT_OFF;
  const packed = { ...stream, end: stream.offset + frame.length };
  const unpacked = library.unpack(packed, sink);
  const result = unpacked.kind === "missing" || unpacked.kind === "forbidden"
    ? unzstdWhole(packed, sink) ?? unpacked
    : unpacked;
  return result.kind === "whole" && frame.hasChecksum ? { ...result, checksum: "XXH64" } : result;
}

/** By the runtime, in one piece; undefined where it is too large for that. */
function unzstdWhole({ source, offset, end }: PackedStream, sink: Sink): Unpacking | undefined {
  try {
    const bytes = zlib().zstdDecompressSync(source.read(offset, end - offset), { maxOutputLength: WHOLE_FRAME });
    if (bytes.length > 0 && !sink(bytes)) return STOPPED;
    return { kind: "whole", consumed: end - offset };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ("code" in error && error.code === "ERR_BUFFER_TOO_LARGE") return undefined;
    return { kind: "damaged", why: `are damaged (${error.message})` };
  }
}
