/** How two lists are aligned: pairs in the same order, pairs that moved, and items without a partner. Indices from 0. */
export interface Alignment {
  /** Equal items in the same order. */
  readonly kept: readonly Pair[];
  /** Equal items in a different order. */
  readonly moved: readonly Pair[];
  /** Items of the first list only. */
  readonly removed: readonly number[];
  /** Items of the second list only. */
  readonly added: readonly number[];
}

/** An item's index in the first list, and in the second. */
export type Pair = readonly [from: number, to: number];

/** Lists whose table would have more cells than this are compared index by index; no real command line is that long. */
const MOST_CELLS = 4_000_000;

/** Aligns two lists of keys. What is kept is a longest common subsequence, so that as few items as possible move. */
export function align(from: readonly string[], to: readonly string[]): Alignment {
  const kept = commonOrder(from, to);
  const keptFrom = new Set(kept.map(([index]) => index));
  const keptTo = new Set(kept.map(([, index]) => index));
  const places = new Map<string, number[]>();
  for (const [index, key] of to.entries()) {
    if (keptTo.has(index)) continue;
    const known = places.get(key);
    if (known === undefined) places.set(key, [index]);
    else known.push(index);
  }
  // `pop` takes from the end, so the partners are listed in reverse.
  for (const indices of places.values()) indices.reverse();
  const moved: Pair[] = [];
  const removed: number[] = [];
  for (const [index, key] of from.entries()) {
    if (keptFrom.has(index)) continue;
    const partner = places.get(key)?.pop();
    if (partner === undefined) removed.push(index);
    else moved.push([index, partner]);
  }
  return { kept, moved, removed, added: [...places.values()].flat().toSorted((a, b) => a - b) };
}

function commonOrder(from: readonly string[], to: readonly string[]): readonly Pair[] {
  let start = 0;
  while (start < from.length && start < to.length && from[start] === to[start]) start++;
  let end = 0;
  while (end < from.length - start && end < to.length - start && from.at(-1 - end) === to.at(-1 - end)) end++;
  const middle = longest(from.slice(start, from.length - end), to.slice(start, to.length - end));
  return [
    ...Array.from({ length: start }, (_, index): Pair => [index, index]),
    ...middle.map(([a, b]): Pair => [a + start, b + start]),
    ...Array.from({ length: end }, (_, index): Pair => [from.length - end + index, to.length - end + index]),
  ];
}

/** The longest common subsequence, by the table of its lengths for all pairs of suffixes. */
function longest(from: readonly string[], to: readonly string[]): readonly Pair[] {
  if (from.length * to.length > MOST_CELLS) {
    return from.flatMap((key, index): readonly Pair[] => to[index] === key ? [[index, index]] : []);
  }
  const columns = to.length + 1;
  const lengths = new Uint32Array((from.length + 1) * columns);
  const at = (a: number, b: number): number => lengths[a * columns + b] ?? 0;
  for (let a = from.length - 1; a >= 0; a--) {
    for (let b = to.length - 1; b >= 0; b--) {
      lengths[a * columns + b] = from[a] === to[b] ? at(a + 1, b + 1) + 1 : Math.max(at(a + 1, b), at(a, b + 1));
    }
  }
  const pairs: Pair[] = [];
  for (let a = 0, b = 0; a < from.length && b < to.length;) {
    if (from[a] === to[b]) pairs.push([a++, b++]);
    else if (at(a + 1, b) >= at(a, b + 1)) a++;
    else b++;
  }
  return pairs;
}
