import type { Random } from "./random.ts";

/** A field of a header: where it lies, and how many bytes it has. */
export interface FieldPlace {
  readonly at: number;
  readonly size: 1 | 2 | 4 | 8;
}

/** A file that cases start from. */
export interface SeedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The fields worth setting to the numbers at which code breaks. */
  readonly fields: readonly FieldPlace[];
}

/** Numbers at which sizes, counts, addresses and signs change their meaning. */
const BOUNDARIES: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 4n, 7n, 8n, 15n, 16n, 17n, 56n, 64n, 0x7fn, 0x80n, 0xffn, 0x100n, 0x1ffn, 0x200n, 0xfffn],
  ...[0x1000n, 0x1001n, 0x7fffn, 0x8000n, 0xffffn, 0x1_0000n, 0xf_ffffn, 0x10_0000n, 0x20_0000n, 0x100_0000n],
  ...[0x7fff_ffffn, 0x8000_0000n, 0xffff_f000n, 0xffff_ffffn, 0x1_0000_0000n, 0x3fff_ffff_ffffn, 0x4000_0000_0000n],
  ...[0x7fff_ffff_ffff_ffffn, 0xffff_ffff_8000_0000n, 0xffff_ffff_ffff_f000n, 0xffff_ffff_ffff_ffffn],
];

/** Where headers lie: most changes belong there. */
const HEAD = 0x290;

/** A file with one to four changes: fields set, bytes replaced, the end cut off, parts of another file put in. */
export function mutateBytes(seed: SeedFile, others: readonly SeedFile[], random: Random): Uint8Array {
  let bytes = seed.bytes.slice();
  for (let changes = 1 + random.below(4); changes > 0 && bytes.length > 0; changes--) {
    bytes = changed(bytes, seed, others, random);
  }
  return bytes;
}

function changed(
  bytes: Uint8Array<ArrayBuffer>,
  seed: SeedFile,
  others: readonly SeedFile[],
  random: Random,
): Uint8Array<ArrayBuffer> {
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
    case 3:
      setField(bytes, random.pick(seed.fields), random);
      return bytes;
    case 4:
    case 5:
      for (let count = 1 + random.below(8); count > 0; count--) {
        const reach = random.oneIn(3) ? bytes.length : Math.min(HEAD, bytes.length);
        bytes[random.below(reach)] = random.below(256);
      }
      return bytes;
    case 6:
      return bytes.slice(0, random.below(random.oneIn(2) ? bytes.length : Math.min(HEAD, bytes.length)));
    default: {
      const other = random.pick(others).bytes;
      const from = random.below(other.length);
      const part = other.subarray(from, from + 1 + random.below(256));
      const at = random.oneIn(2) ? from : random.below(bytes.length);
      if (at < bytes.length) bytes.set(part.subarray(0, bytes.length - at), at);
      return bytes;
    }
  }
}

function setField(bytes: Uint8Array, { at, size }: FieldPlace, random: Random): void {
  if (at + size > bytes.length) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const near = random.oneIn(4) ? BigInt(bytes.length) : random.pick(BOUNDARIES);
  const value = random.oneIn(3) ? near + BigInt(random.below(5) - 2) : near;
  for (let index = 0; index < size; index++) {
    view.setUint8(at + index, Number(BigInt.asUintN(64, value) >> BigInt(8 * index) & 0xffn));
  }
}
