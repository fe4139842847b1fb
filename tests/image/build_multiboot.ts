/** Multiboot headers of both versions, with their checksums. */

/** Where a flat image says that it goes: header, load, end of the load, end of the bss. */
export type Addresses = readonly [header: number, load: number, loadEnd: number, bssEnd: number];

function bytesOf(words: readonly number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(words).buffer);
}

function withChecksum(words: readonly number[]): readonly number[] {
  const sum = words.reduce((total, word) => (total + word) >>> 0, 0);
  return [...words, (0x1_0000_0000 - sum) >>> 0];
}

/** A header of version 1; the flag of the addresses is set where there are some. */
export function header1(flags = 3, addresses?: Addresses, entry = 0): Uint8Array {
  const all = flags | (addresses === undefined ? 0 : 0x1_0000);
  return bytesOf([...withChecksum([0x1bad_b002, all]), ...(addresses === undefined ? [] : [...addresses, entry])]);
}

/** A header tag of version 2. */
export interface HeaderTag {
  readonly type: number;
  readonly optional?: boolean;
  readonly words?: readonly number[];
  /** What its size is said to be, bytes; the true one unless stated. */
  readonly size?: number;
}

/** A header of version 2 with these tags and the one that ends them. */
export function header2(tags: readonly HeaderTag[] = [], isa = 0): Uint8Array {
  const words = [...tags, { type: 0 }].flatMap(({ type, optional = false, words = [], size }: HeaderTag) => {
    const padding = words.length % 2 === 0 ? [] : [0];
    return [type | (optional ? 0x1_0000 : 0), size ?? 8 + words.length * 4, ...words, ...padding];
  });
  return bytesOf([...withChecksum([0xe852_50d6, isa, 16 + words.length * 4]), ...words]);
}
