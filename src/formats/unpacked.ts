import type { ByteSource } from "../core/bytes.ts";
import type { Compression } from "./compression.ts";

/** A real compression. */
export type Packing = Exclude<Compression, "none">;

/** Where a packed stream lies in a file. */
export interface PackedStream {
  readonly packing: Packing;
  readonly source: ByteSource;
  /** Where it begins, bytes. */
  readonly offset: number;
  /** What does not belong to it any more begins here at the latest. */
  readonly end: number;
  /**
   * No kernel unpacks it, so that it may have what kernels do not read: LZ4 frames, any integrity check of xz, and all fields
   * of a gzip header.
   */
  readonly beyondKernel?: boolean;
}

/** Takes a piece of what a stream unpacks to; its bytes are good until the call returns. False: that is enough. */
export type Sink = (piece: Uint8Array) => boolean;

/** What became of unpacking one stream. */
export type Unpacking =
  | {
    readonly kind: "whole";
    /** Bytes of the stream. */
    readonly consumed: number;
    /** What of the stream's own checks its content: `CRC-32`. Undefined: it has none. */
    readonly checksum?: string;
  }
  /** `why` completes "its zstd data …". */
  | { readonly kind: "damaged"; readonly why: string }
  /** The sink had enough. */
  | { readonly kind: "stopped" }
  /** The library that unpacks it is not installed. */
  | { readonly kind: "missing"; readonly library: string; readonly packages: string }
  /** The runtime was not given the permission to open the library. */
  | { readonly kind: "forbidden"; readonly library: string };

/** What unpacks streams: the libraries stay open, and their buffers are shared, until it is disposed of. */
export interface Codecs extends Disposable {
  /** Unpacks one stream, a piece at a time; what follows it is not looked at. Throws what reading the source throws. */
  unpack(stream: PackedStream, sink: Sink): Promise<Unpacking>;
}

/** A stream that ends too early. */
export const CUT_OFF: Unpacking = { kind: "damaged", why: "are cut off" };

/** The same, or that the sink had enough. */
export const STOPPED: Unpacking = { kind: "stopped" };

/** What a stream unpacked to in one piece; or why not. */
export type UnpackedBytes =
  | { readonly kind: "unpacked"; readonly bytes: Uint8Array }
  /** It gives more than was allowed. */
  | { readonly kind: "too-large" }
  | Exclude<Unpacking, { readonly kind: "whole" | "stopped" }>;

/**
 * Unpacks a stream in at most `most` bytes of memory; `size`: what it is known to have, so that it is allocated once. Where
 * the size is not known, a buffer that grows is there twice for a moment, which counts.
 */
export async function unpackBytes(
  codecs: Codecs,
  stream: PackedStream,
  { most, size }: { readonly most: number; readonly size?: number },
): Promise<UnpackedBytes> {
  let bytes = new Uint8Array(Math.min(most, size ?? 1 << 20));
  let filled = 0;
  const result = await codecs.unpack(stream, (piece) => {
    const wanted = filled + piece.length;
    if (wanted > most) return false;
    if (wanted > bytes.length) {
      const length = Math.min(most - bytes.length, Math.max(wanted, bytes.length * 2));
      if (length < wanted) return false;
      const larger = new Uint8Array(length);
      larger.set(bytes.subarray(0, filled));
      bytes = larger;
    }
    bytes.set(piece, filled);
    filled = wanted;
    return true;
  });
  if (result.kind === "stopped") return { kind: "too-large" };
  return result.kind === "whole" ? { kind: "unpacked", bytes: bytes.subarray(0, filled) } : result;
}

/** Reads a stream's bytes from a window that moves over the source, so that small fields cost no read of their own. */
export interface Window {
  /** Bytes from a place of the source: as many as asked for, or none where the stream ends before. */
  at(offset: number, length: number): Uint8Array | undefined;
}

const WINDOW = 256 * 1024;

/** See `Window`. */
export function windowOn({ source, end }: PackedStream): Window {
  let start = 0;
  let bytes = new Uint8Array();
  return {
    at(offset, length) {
      if (offset + length > end) return undefined;
      if (offset < start || offset + length > start + bytes.length) {
        bytes = new Uint8Array(source.read(offset, Math.min(Math.max(length, WINDOW), end - offset)));
        start = offset;
        if (bytes.length < length) return undefined;
      }
      return bytes.subarray(offset - start, offset - start + length);
    },
  };
}
