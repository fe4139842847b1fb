import { adler32, crc32 } from "./checksums.ts";
import { copyMatch } from "./lz4_legacy.ts";
import { CUT_OFF, type PackedStream, type Sink, STOPPED, type Unpacking, windowOn } from "./unpacked.ts";

/** The most that a block has (LZO_BLOCK_SIZE in lib/decompress_unlzo.c, Linux 6.12). */
const BLOCK_SIZE = 256 * 1024;

/** Flags of the header: a field for a filter follows it, and which checksums each block has. */
const HAS_FILTER = 0x0000_0800;
const ADLER32_OF_CONTENT = 0x0000_0001;
const CRC32_OF_CONTENT = 0x0000_0100;
const CHECKSUMS = 0x0000_0303;

const ODD_BLOCK: Unpacking = { kind: "damaged", why: "have a block that is not LZO1X" };
const ODD_HEADER: Unpacking = { kind: "damaged", why: "have an lzop header that the kernel does not read" };
const ODD_CHECKSUMS: Unpacking = {
  kind: "damaged",
  why: "do not have exactly one checksum of each block, which the kernel takes for granted",
};
const WRONG_CHECKSUM: Unpacking = { kind: "damaged", why: "have a block with a wrong checksum" };

/**
 * Unpacks what `lzop` writes, as the kernel reads it (lib/decompress_unlzo.c, Linux 6.12): a header, then blocks after
 * their unpacked size, packed size and one checksum, all big-endian; a size of zero ends it. A block that did not get
 * smaller is stored as it is. The kernel passes over the checksum; it is verified here.
 */
export function unpackLzop(stream: PackedStream, sink: Sink): Unpacking {
  const window = windowOn(stream);
  const header = readHeader(window.at(stream.offset, Math.min(512, stream.end - stream.offset)) ?? new Uint8Array());
  if (header === undefined) return ODD_HEADER;
  const sums = header.flags & CHECKSUMS;
  if (sums !== ADLER32_OF_CONTENT && sums !== CRC32_OF_CONTENT) return ODD_CHECKSUMS;
  const checksum = sums === ADLER32_OF_CONTENT ? adler32 : crc32;
  const output = new Uint8Array(BLOCK_SIZE);
  for (let at = stream.offset + header.size;;) {
    const first = window.at(at, 4);
    if (first === undefined) return CUT_OFF;
    const size = wordAt(first, 0);
    if (size === 0) {
      const name = sums === ADLER32_OF_CONTENT ? "Adler-32" : "CRC-32";
      return { kind: "whole", consumed: at + 4 - stream.offset, checksum: name };
    }
    const rest = window.at(at + 4, 8);
    if (rest === undefined) return CUT_OFF;
    const [packedSize, stated] = [wordAt(rest, 0), wordAt(rest, 4)];
    at += 12;
    if (size > BLOCK_SIZE || packedSize === 0 || packedSize > size) return ODD_BLOCK;
    const block = window.at(at, packedSize);
    if (block === undefined) return CUT_OFF;
    const unpacked = output.subarray(0, size);
    if (packedSize === size) unpacked.set(block);
    else if (!unpackLzo1x(block, unpacked)) return ODD_BLOCK;
    if (checksum(unpacked) !== stated) return WRONG_CHECKSUM;
    if (!sink(unpacked)) return STOPPED;
    at += packedSize;
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at);
}

/** Magic (9), version, library's version, version needed if 0x940, method, level, flags, [filter], mode, times, name, checksum. */
function readHeader(bytes: Uint8Array): { readonly size: number; readonly flags: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < 34) return undefined;
  const version = view.getUint16(9);
  // Version, library, [needed], method, [level].
  let at = version >= 0x0940 ? 17 : 14;
  const flags = view.getUint32(at);
  // Flags, [filter], mode, mtime, [its upper half].
  at += 4 + ((flags & HAS_FILTER) !== 0 ? 4 : 0) + (version >= 0x0940 ? 12 : 8);
  if (at >= view.byteLength) return undefined;
  // The name after its length, and the header's checksum.
  at += 1 + view.getUint8(at) + 4;
  return at <= view.byteLength ? { size: at, flags } : undefined;
}

/** The distance of the instruction that ends a stream. */
const END_DISTANCE = 0x4000;

/**
 * Unpacks one LZO1X stream (Documentation/staging/lzo.rst, Linux 6.12), which must give exactly `size` bytes. `state` is
 * how many literals the last instruction copied; 4 means more.
 */
function unpackLzo1x(input: Uint8Array, output: Uint8Array): boolean {
  const size = output.length;
  let from = 0;
  let to = 0;
  let state = 0;
  const next = (): number => input[from++] ?? 0;
  const longer = (base: number): number => {
    let length = base;
    for (; from < input.length && input[from] === 0; from++) length += 255;
    return length + next();
  };
  const literals = (count: number): boolean => {
    if (from + count > input.length || to + count > size) return false;
    output.set(input.subarray(from, from + count), to);
    from += count;
    to += count;
    return true;
  };
  const first = input[0] ?? 0;
  if (first > 17) {
    from = 1;
    if (!literals(first - 17)) return false;
    state = first < 21 ? first - 17 : 4;
  }
  while (from < input.length) {
    const code = next();
    let length: number;
    let distance: number;
    let trailing: number;
    if (code < 16 && state === 0) {
      if (!literals(code === 0 ? longer(18) : code + 3)) return false;
      state = 4;
      continue;
    } else if (code < 16) {
      length = state === 4 ? 3 : 2;
      distance = (next() << 2) + (code >> 2) + (state === 4 ? 2049 : 1);
      trailing = code & 3;
    } else if (code < 64) {
      const far = code < 32;
      const short = code & (far ? 7 : 31);
      length = 2 + (short === 0 ? longer(far ? 7 : 31) : short);
      const pair = next() | next() << 8;
      distance = far ? END_DISTANCE + ((code & 8) << 11) + (pair >> 2) : (pair >> 2) + 1;
      trailing = pair & 3;
      if (far && distance === END_DISTANCE) return from === input.length && to === size;
    } else {
      length = code < 128 ? 3 + (code >> 5 & 1) : 5 + (code >> 5 & 3);
      distance = (next() << 3) + (code >> 2 & 7) + 1;
      trailing = code & 3;
    }
    if (from > input.length || !copyMatch(output, to, distance, length)) return false;
    to += length;
    if (!literals(trailing)) return false;
    state = trailing;
  }
  return false;
}
