import type { Range } from "../core/range.ts";

/** Where the bytes of a segment come from. */
export type SegmentBytes =
  /** A part of a file, which is mapped, not read. */
  | { readonly kind: "file"; readonly path: string; readonly offset: number; readonly length: number }
  /** A part of what a compressed file unpacks to. */
  | { readonly kind: "unpacked"; readonly path: string; readonly offset: number; readonly length: number }
  /** A part of an archive that is made at load. */
  | { readonly kind: "overlay"; readonly path: string; readonly offset: number; readonly length: number }
  /** Bytes that the planner made or the profile states. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** Nothing: the memory is zero-filled. */
  | { readonly kind: "zero" };

/** A segment of kexec_load(2), placed. */
export interface Segment {
  readonly name: string;
  /** Physical address, bytes; page-aligned. */
  readonly mem: bigint;
  /** Memory that it takes, bytes; a multiple of the page size. The memory after the bytes is zero. */
  readonly memsz: bigint;
  readonly bytes: SegmentBytes;
}

/** A segment before it has a place: what it needs, and where it may lie. */
export interface SegmentRequest {
  readonly name: string;
  /** Memory that it takes, bytes. */
  readonly size: bigint;
  /** A power of two; at least the page size is kept. */
  readonly alignment: bigint;
  /** The lowest address it may start at. */
  readonly min: bigint;
  /** The address it must end at or before. */
  readonly max: bigint;
  /** Memory that it must not take, besides what no segment may take. */
  readonly avoid?: readonly Range[];
  /** Tried first, where it is free. */
  readonly preferred?: bigint;
}

/** The bytes that a source gives, as a number. */
export function sourceSize(bytes: SegmentBytes): bigint {
  switch (bytes.kind) {
    case "file":
    case "unpacked":
    case "overlay":
      return BigInt(bytes.length);
    case "bytes":
      return BigInt(bytes.bytes.length);
    case "zero":
      return 0n;
  }
}

/** Where in a segment's bytes random ones are to be drawn when it is loaded, so that the plan itself is the same each time. */
export interface RandomPart {
  /** From the start of the bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** A list of segments, and the physical address that is jumped to. */
export interface SegmentList {
  readonly entry: bigint;
  readonly segments: readonly Segment[];
}
