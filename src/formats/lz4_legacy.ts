import { fieldsOf } from "../core/bytes.ts";
import { CUT_OFF, growing, type Unpacked, type UnpackLimit } from "./unpacked.ts";

/** The legacy frame's magic number, and the most that one of its blocks unpacks to (lz4's doc/lz4_Frame_format.md). */
const LEGACY_MAGIC = 0x184c2102;
const BLOCK_SIZE = 8 << 20;

const ODD_BLOCK: Unpacked = { kind: "damaged", why: "a block of it is not LZ4" };

/**
 * Unpacks the legacy frame of LZ4, which the kernel uses: the magic number, then blocks behind their 32-bit sizes. It has
 * no end mark: it goes to the end of the bytes, or to a size of zero, which the kernel takes as the end as well
 * (lib/decompress_unlz4.c, Linux 6.12). A magic number in a size's place starts another frame, as `cat` makes them.
 */
export function unpackLz4Legacy(packed: Uint8Array, { most }: UnpackLimit): Unpacked {
  const fields = fieldsOf(packed);
  if (fields.size < 4) return CUT_OFF;
  if (fields.u32(0) !== LEGACY_MAGIC) return { kind: "damaged", why: "it is not the legacy format of LZ4" };
  const output = growing(most);
  const block = new Uint8Array(BLOCK_SIZE);
  let at = 4;
  while (at + 4 <= packed.length) {
    const size = fields.u32(at);
    if (size === 0) break;
    at += 4;
    if (size === LEGACY_MAGIC) continue;
    if (at + size > packed.length) return CUT_OFF;
    const length = unpackBlock(packed.subarray(at, at + size), block);
    if (length === undefined) return ODD_BLOCK;
    if (!output.add(block.slice(0, length))) return { kind: "too-large" };
    at += size;
  }
  return { kind: "unpacked", bytes: output.join(), consumed: at };
}

/**
 * Unpacks one LZ4 block (lz4's doc/lz4_Block_format.md): a token with two lengths, literals, and a match from before.
 * Gives the length, or undefined where it is none or does not fit.
 */
function unpackBlock(input: Uint8Array, output: Uint8Array): number | undefined {
  let from = 0;
  let to = 0;
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
    if (from + literals > input.length || to + literals > output.length) return undefined;
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
    if (!copyMatch(output, to, distance, length)) return undefined;
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
