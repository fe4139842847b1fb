/** A source of numbers that is the same for the same seed. */
export interface Random {
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
  /** Whether it happens, once in `n` times. */
  oneIn(n: number): boolean;
  /** One of the list, which is not empty. */
  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T;
}

/** Mulberry32: small, fast, and good enough to draw test cases. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    oneIn: (n) => below(n) === 0,
    pick: (list) => {
      const [first] = list;
      if (first === undefined) throw new RangeError("Cannot pick from an empty list");
      return list[below(list.length)] ?? first;
    },
  };
}

/** The seed of one case of a run. */
export function caseSeed(seed: number, index: number): number {
  return (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(index + 1, 0xc2b2ae35)) >>> 0;
}
