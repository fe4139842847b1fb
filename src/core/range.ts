/** A half-open range of physical addresses or file offsets, in bytes: `start` belongs to it, `end` does not. */
export interface Range {
  /** The first byte that belongs to it. */
  readonly start: bigint;
  /** The first byte after it. */
  readonly end: bigint;
}

/** Makes a range. @throws {RangeError} if it would end before it starts, or start below zero */
export function makeRange(start: bigint, end: bigint): Range {
  if (start < 0n || end < start) {
    throw new RangeError(`Cannot make a range: 0x${start.toString(16)} to 0x${end.toString(16)} is backwards`);
  }
  return { start, end };
}

/** The bytes in a range. */
export function rangeSize(range: Range): bigint {
  return range.end - range.start;
}

/** The bytes in all ranges together; those that overlap count twice. */
export function totalSize(ranges: readonly Range[]): bigint {
  return ranges.reduce((sum, range) => sum + rangeSize(range), 0n);
}

/** Whether the two share a byte. An empty range shares none. */
export function overlaps(a: Range, b: Range): boolean {
  return a.start < b.end && b.start < a.end && a.start < a.end && b.start < b.end;
}

/** Whether every byte of `inner` lies in `outer`. */
export function contains(outer: Range, inner: Range): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

/** What the two have in common, or undefined. */
export function intersect(a: Range, b: Range): Range | undefined {
  if (!overlaps(a, b)) return undefined;
  return { start: a.start > b.start ? a.start : b.start, end: a.end < b.end ? a.end : b.end };
}

/** The order of ranges by where they start. */
export function compareStart(a: Pick<Range, "start">, b: Pick<Range, "start">): number {
  return a.start < b.start ? -1 : a.start > b.start ? 1 : 0;
}

/** The same bytes as sorted, disjoint, non-empty ranges; those that touch are joined. */
export function normalise(ranges: readonly Range[]): readonly Range[] {
  const sorted = ranges.filter((range) => range.start < range.end).toSorted(compareStart);
  const joined: Range[] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last === undefined || last.end < range.start) joined.push(range);
    else if (last.end < range.end) joined[joined.length - 1] = { start: last.start, end: range.end };
  }
  return joined;
}

/** What two lists of ranges have in common; normalised. */
export function intersectAll(a: readonly Range[], b: readonly Range[]): readonly Range[] {
  const [these, those] = [normalise(a), normalise(b)];
  const common: Range[] = [];
  // Of two ranges the one that ends first has nothing in common with what follows the other.
  for (let at = 0, other = 0; at < these.length && other < those.length;) {
    const [one, two] = [these[at], those[other]];
    if (one === undefined || two === undefined) break;
    const shared = intersect(one, two);
    if (shared !== undefined) common.push(shared);
    if (one.end < two.end) at++;
    else other++;
  }
  return common;
}

/** What is left of `from` without `holes`; normalised. */
export function subtract(from: readonly Range[], holes: readonly Range[]): readonly Range[] {
  const gaps = normalise(holes);
  // Both are sorted, so that no gap before the first one that matters is looked at again.
  let first = 0;
  return normalise(from).flatMap((range) => {
    const left: Range[] = [];
    let start = range.start;
    while (first < gaps.length && (gaps[first]?.end ?? 0n) <= start) first++;
    for (let index = first; index < gaps.length; index++) {
      const gap = gaps[index];
      if (gap === undefined || gap.start >= range.end) break;
      if (gap.start > start) left.push({ start, end: gap.start });
      start = gap.end;
    }
    if (start < range.end) left.push({ start, end: range.end });
    return left;
  });
}

/** The next multiple of `alignment`, a power of two, at or above the address. */
export function alignUp(address: bigint, alignment: bigint): bigint {
  return (address + alignment - 1n) & ~(alignment - 1n);
}

/** The next multiple of `alignment`, a power of two, at or below the address. */
export function alignDown(address: bigint, alignment: bigint): bigint {
  return address & ~(alignment - 1n);
}
