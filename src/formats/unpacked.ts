import type { Compression } from "./compression.ts";

/** What unpacking one stream gave: its bytes, and how much of the input it took; or why there are none. */
export type Unpacked =
  | { readonly kind: "unpacked"; readonly bytes: Uint8Array; readonly consumed: number }
  /** `why` completes "it cannot be unpacked: …". */
  | { readonly kind: "damaged"; readonly why: string }
  /** The stream gives more than was allowed. */
  | { readonly kind: "too-large" }
  /** The library that unpacks it is not installed. */
  | { readonly kind: "missing"; readonly library: string; readonly packages: string };

/** What a stream may unpack to, bytes. */
export interface UnpackLimit {
  /** The most that is accepted. */
  readonly most: number;
  /** What it is known to have, so that it is allocated at once. */
  readonly size?: number;
}

/** A real compression. */
export type Packing = Exclude<Compression, "none">;

/** Unpacks the first stream of `packed`; what follows it is not looked at. Throws nothing, whatever the bytes. */
export type Unpack = (packing: Packing, packed: Uint8Array, limit: UnpackLimit) => Unpacked;

/** Collects output of a size that is not known before, in pieces that are joined once. */
export interface Growing {
  /** Adds bytes, copied where they are a view of a buffer that is used again. False: more than allowed. */
  add(bytes: Uint8Array): boolean;
  /** All of it. */
  join(): Uint8Array;
}

/** See `Growing`. */
export function growing(most: number): Growing {
  const pieces: Uint8Array[] = [];
  let size = 0;
  return {
    add(bytes) {
      size += bytes.length;
      if (size > most) return false;
      pieces.push(bytes);
      return true;
    },
    join() {
      const [only] = pieces;
      if (only !== undefined && pieces.length === 1) return only;
      const all = new Uint8Array(size);
      let at = 0;
      for (const piece of pieces) {
        all.set(piece, at);
        at += piece.length;
      }
      return all;
    },
  };
}

/** A stream that ends too early. */
export const CUT_OFF: Unpacked = { kind: "damaged", why: "it ends before its stream does" };
