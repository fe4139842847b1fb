import { fieldsOf } from "../core/bytes.ts";
import { CUT_OFF, type PackedStream, type Sink, STOPPED, type Unpacking, windowOn } from "./unpacked.ts";

/** The legacy frame's magic number, and the most that one of its blocks unpacks to (lz4's doc/lz4_Frame_format.md). */
const LEGACY_MAGIC = 0x184c2102;
export const LZ4_BLOCK_SIZE: number = 8 << 20;

/** What a block of that takes at most: LZ4_COMPRESSBOUND. */
const PACKED_MAX = LZ4_BLOCK_SIZE + Math.floor(LZ4_BLOCK_SIZE / 255) + 16;

const ODD_BLOCK: Unpacking = { kind: "damaged", why: "have a block that is not LZ4" };

/**
 * Unpacks the legacy frame of LZ4, which the kernel uses: the magic number, then blocks after their 32-bit sizes. It has
 * no end mark: it goes to the end of the bytes, or to a size of zero, which the kernel takes as the end as well
 * (lib/decompress_unlz4.c, Linux 6.12). A magic number in a size's place starts another frame, as `cat` makes them. It has
 * no checksum. `output` has room for a block.
 */
export function unpackLz4Legacy(stream: PackedStream, sink: Sink, output: Uint8Array): Unpacking {
  const window = windowOn(stream);
  const word = (at: number): number | undefined => {
    const bytes = window.at(at, 4);
    return bytes === undefined ? undefined : fieldsOf(bytes).u32(0);
  };
  const magic = word(stream.offset);
  if (magic === undefined) return CUT_OFF;
  if (magic !== LEGACY_MAGIC) return { kind: "damaged", why: "are not in the legacy format of LZ4" };
  let at = stream.offset + 4;
  for (let size = word(at); size !== undefined && size !== 0; size = word(at)) {
    at += 4;
    if (size === LEGACY_MAGIC) continue;
    if (size > PACKED_MAX) return at + size > stream.end ? CUT_OFF : ODD_BLOCK;
    const block = window.at(at, size);
    if (block === undefined) return CUT_OFF;
    const length = unpackBlock(block, output);
    if (length === undefined) return ODD_BLOCK;
    if (!sink(output.subarray(0, length))) return STOPPED;
    at += size;
  }
  return { kind: "whole", consumed: at - stream.offset };
}

/**
 * Unpacks one LZ4 block (lz4's doc/lz4_Block_format.md): a token with two lengths, literals, and a match from before.
 * Returns where it ends in the output, of which it may take what is from `start` to `end`; undefined where it is not LZ4, or
 * does not fit. What is before `start` was unpacked before it.
 */
export function unpackBlock(
  input: Uint8Array,
  output: Uint8Array,
  start = 0,
  end = output.length,
): number | undefined {
  let from = 0;
  let to = start;
  while (from < input.length) {
    const token = input[from++] ?? 0;
    let literals = token >> 4;
    if (literals === 15) {
      for (let more = 255; more === 255;) {
        if (from >= input.length) return undefined;
        more = input[from++] ?? 0;
        literals += more;
      }
    }
    if (from + literals > input.length || to + literals > end) return undefined;
    output.set(input.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    // The last sequence has no match.
    if (from === input.length) return to;
    if (from + 2 > input.length) return undefined;
    const distance = (input[from] ?? 0) | (input[from + 1] ?? 0) << 8;
    from += 2;
    let length = (token & 15) + 4;
    if (length === 19) {
      for (let more = 255; more === 255;) {
        if (from >= input.length) return undefined;
        more = input[from++] ?? 0;
        length += more;
      }
    }
    if (to + length > end || !copyMatch(output, to, distance, length)) return undefined;
    to += length;
  }
  return undefined;
}

/** Repeats what was unpacked before; the two may overlap, which is how a pattern is repeated. False: out of bounds. */
export function copyMatch(output: Uint8Array, to: number, distance: number, length: number): boolean {
  if (distance === 0 || distance > to || to + length > output.length) return false;
  if (distance >= length && length > 32) {
    output.copyWithin(to, to - distance, to - distance + length);
  } else {
    for (let index = 0; index < length; index++) output[to + index] = output[to - distance + index] ?? 0;
  }
  return true;
}
