import { copyMatch } from "./lz4_legacy.ts";
import { CUT_OFF, growing, type Unpacked, type UnpackLimit } from "./unpacked.ts";

/** The most that a block has (LZO_BLOCK_SIZE in lib/decompress_unlzo.c, Linux 6.12). */
const BLOCK_SIZE = 256 * 1024;

/** A flag of the header: a field for a filter follows it. */
const HAS_FILTER = 0x0000_0800;

const ODD_BLOCK: Unpacked = { kind: "damaged", why: "a block of it is not LZO1X" };
const ODD_HEADER: Unpacked = { kind: "damaged", why: "its lzop header is not one that the kernel reads" };

/**
 * Unpacks what `lzop` writes, as the kernel reads it (lib/decompress_unlzo.c, Linux 6.12): a header, then blocks behind
 * their unpacked size, packed size and one checksum, all big-endian; a size of zero ends it. A block that did not get
 * smaller is stored as it is.
 */
export function unpackLzop(packed: Uint8Array, { most }: UnpackLimit): Unpacked {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const start = headerSize(view);
  if (start === undefined) return ODD_HEADER;
  const output = growing(most);
  for (let at = start;;) {
    if (at + 4 > packed.length) return CUT_OFF;
    const size = view.getUint32(at);
    if (size === 0) return { kind: "unpacked", bytes: output.join(), consumed: at + 4 };
    if (at + 12 > packed.length) return CUT_OFF;
    const packedSize = view.getUint32(at + 4);
    at += 12;
    if (size > BLOCK_SIZE || packedSize === 0 || packedSize > size) return ODD_BLOCK;
    if (at + packedSize > packed.length) return CUT_OFF;
    const block = packed.subarray(at, at + packedSize);
    const bytes = packedSize === size ? block.slice() : unpackLzo1x(block, size);
    if (bytes === undefined) return ODD_BLOCK;
    if (!output.add(bytes)) return { kind: "too-large" };
    at += packedSize;
  }
}

/** Magic (9), version, library's version, version needed if 0x940, method, level, flags, [filter], mode, times, name, checksum. */
function headerSize(view: DataView): number | undefined {
  if (view.byteLength < 34) return undefined;
  const version = view.getUint16(9);
  // Version, library, [needed], method, [level].
  let at = version >= 0x0940 ? 17 : 14;
  const filter = (view.getUint32(at) & HAS_FILTER) !== 0;
  // Flags, [filter], mode, mtime, [its upper half].
  at += 4 + (filter ? 4 : 0) + (version >= 0x0940 ? 12 : 8);
  if (at >= view.byteLength) return undefined;
  // The name behind its length, and the header's checksum.
  at += 1 + view.getUint8(at) + 4;
  return at <= view.byteLength ? at : undefined;
}

/** The distance of the instruction that ends a stream. */
const END_DISTANCE = 0x4000;

/**
 * Unpacks one LZO1X stream (Documentation/staging/lzo.rst, Linux 6.12), which must give exactly `size` bytes. `state` is
 * how many literals the last instruction copied; 4 stands for more.
 */
function unpackLzo1x(input: Uint8Array, size: number): Uint8Array | undefined {
  const output = new Uint8Array(size);
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
    if (!literals(first - 17)) return undefined;
    state = first < 21 ? first - 17 : 4;
  }
  while (from < input.length) {
    const code = next();
    let length: number;
    let distance: number;
    let trailing: number;
    if (code < 16 && state === 0) {
      if (!literals(code === 0 ? longer(18) : code + 3)) return undefined;
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
      if (far && distance === END_DISTANCE) return from === input.length && to === size ? output : undefined;
    } else {
      length = code < 128 ? 3 + (code >> 5 & 1) : 5 + (code >> 5 & 3);
      distance = (next() << 3) + (code >> 2 & 7) + 1;
      trailing = code & 3;
    }
    if (from > input.length || !copyMatch(output, to, distance, length)) return undefined;
    to += length;
    if (!literals(trailing)) return undefined;
    state = trailing;
  }
  return undefined;
}
