import { fieldsOf } from "../core/bytes.ts";
import { xxh32 } from "./checksums.ts";
import { unpackBlock } from "./lz4_legacy.ts";
import { CUT_OFF, type PackedStream, type Sink, STOPPED, type Unpacking, windowOn } from "./unpacked.ts";

const FRAME_MAGIC = 0x184d2204;

/** Whether a stream is a frame of LZ4, as the `lz4` program writes by default; the kernel itself reads the legacy format. */
export function isLz4Frame({ source, offset }: PackedStream): boolean {
  const bytes = source.read(offset, 4);
  return bytes.length === 4 && fieldsOf(bytes).u32(0) === FRAME_MAGIC;
}

/** By the three bits of the descriptor: what a block unpacks to at most, bytes. */
const BLOCK_SIZES: readonly (number | undefined)[] = [
  undefined,
  undefined,
  undefined,
  undefined,
  64 << 10,
  256 << 10,
  1 << 20,
  4 << 20,
];

/** How far back a block may refer to what was unpacked before it, bytes. */
const HISTORY = 64 << 10;

/** Unpacks one frame of LZ4 (lz4's doc/lz4_Frame_format.md, 1.6.4), which `lz4` writes and U-Boot reads. */
export function unpackLz4Frame(stream: PackedStream, sink: Sink): Unpacking {
  const window = windowOn(stream);
  const start = window.at(stream.offset + 4, 2);
  if (start === undefined) return CUT_OFF;
  const [flags = 0, descriptor = 0] = start;
  if (flags >> 6 !== 1) return damaged(`have version ${flags >> 6} of the frame format, and 1 is known`);
  const [hasBlockSums, hasSize, hasSum, hasDictionary] = [16, 8, 4, 1].map((bit) => (flags & bit) !== 0);
  if (hasDictionary === true) return damaged("require a dictionary");
  const isLinked = (flags & 32) === 0;
  const most = BLOCK_SIZES[descriptor >> 4 & 7];
  if (most === undefined) return damaged("state no known size of blocks");
  const length = hasSize === true ? 10 : 2;
  const header = window.at(stream.offset + 4, length + 1);
  if (header === undefined) return CUT_OFF;
  const headerSum = xxh32();
  headerSum.add(header.subarray(0, length));
  if ((headerSum.value() >>> 8 & 0xff) !== header[length]) {
    return damaged("have a header that differs from its checksum");
  }
  const output = new Uint8Array(HISTORY + most);
  const sum = xxh32();
  let [at, history] = [stream.offset + 5 + length, 0];
  const word = (offset: number): number | undefined => {
    const bytes = window.at(offset, 4);
    return bytes === undefined ? undefined : fieldsOf(bytes).u32(0);
  };
  while (true) {
    const size = word(at);
    if (size === undefined) return CUT_OFF;
    at += 4;
    if (size === 0) break;
    const isStored = size >= 0x8000_0000;
    const packed = isStored ? size - 0x8000_0000 : size;
    if (packed > most) return damaged("have a block that is larger than they state");
    const block = window.at(at, packed);
    if (block === undefined) return CUT_OFF;
    const end = isStored ? stored(block, output, history) : unpackBlock(block, output, history, history + most);
    if (end === undefined) return damaged("have a block that is not LZ4");
    at += packed;
    if (hasBlockSums === true) {
      const blockSum = xxh32();
      blockSum.add(block);
      const stated = word(at);
      if (stated === undefined) return CUT_OFF;
      if (stated !== blockSum.value()) return damaged("have a block that differs from its checksum");
      at += 4;
    }
    const piece = output.subarray(history, end);
    if (hasSum === true) sum.add(piece);
    if (piece.length > 0 && !sink(piece)) return STOPPED;
    const kept = isLinked ? Math.min(HISTORY, end) : 0;
    output.copyWithin(0, end - kept, end);
    history = kept;
  }
  if (hasSum !== true) return { kind: "whole", consumed: at - stream.offset };
  const stated = word(at);
  if (stated === undefined) return CUT_OFF;
  if (stated !== sum.value()) return damaged("differ from their checksum");
  return { kind: "whole", consumed: at + 4 - stream.offset, checksum: "XXH32" };
}

function stored(block: Uint8Array, output: Uint8Array, at: number): number {
  output.set(block, at);
  return at + block.length;
}

function damaged(why: string): Unpacking {
  return { kind: "damaged", why };
}
