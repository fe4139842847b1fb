import { contains, intersect, normalise, overlaps, type Range, rangeSize, subtract } from "../core/range.ts";

/** What a bar shows. */
export interface Interests {
  /** From its first address to its last. */
  readonly window: Range;
  /** What is never left out: sorted, disjoint, within the window, not empty. */
  readonly solid: readonly Range[];
  /** What is visible however small it is, the most important first. */
  readonly marks: readonly Range[];
}

/** A part of a bar: these addresses take the cells from `from` to before `to`. */
export interface Piece extends Range {
  /** Its first cell. */
  readonly from: number;
  /** The cell after its last. */
  readonly to: number;
  /** Whether it is left out; its cells then represent whatever is there. */
  readonly folded: boolean;
  /** Whether its cells match its size; otherwise it has more. */
  readonly toScale: boolean;
}

/** Addresses along a row of cells. All pieces that are to scale have the same number of bytes in a cell. */
export interface Scale {
  /** How many there are. */
  readonly cells: number;
  /** Bytes of a cell, approximately. */
  readonly step: bigint;
  /** From the lowest address to the highest, without gaps. */
  readonly pieces: readonly Piece[];
}

/** At most this many gaps are left out: a bar of nothing but gaps shows nothing. */
const MOST_FOLDS = 8;

/**
 * Spreads a window of addresses over cells, to scale, with two exceptions: the largest gaps are left out until the rest
 * take no more than half of the shown size, and every mark gets at least `least` cells.
 */
export function makeScale({ window, solid, marks }: Interests, cells: number, least: number): Scale {
  const folds = foldsOf(window, solid);
  const cuts = sortedOnce(
    [window, ...folds, ...marks].flatMap(({ start, end }) => [start, end])
      .filter((address) => window.start <= address && address <= window.end),
  );
  const ranges = cuts.slice(1).map((end, index) => ({ start: cuts[index] ?? end, end }));
  const folded = ranges.map((range) => folds.some((fold) => contains(fold, range)));
  const seen = mostImportant(ranges, marks, Math.floor(cells / 2 / least));
  const minima = ranges.map((range, index) => folded[index] === true || seen.has(range) ? least : 0);
  const shares = share(ranges.map((range, index) => folded[index] === true ? 0n : rangeSize(range)), minima, cells);
  let from = 0;
  const pieces = ranges.map((range, index): Piece => {
    const { count, toScale } = shares[index] ?? { count: 0, toScale: false };
    const piece = { ...range, from, to: from + count, folded: folded[index] === true, toScale };
    from = piece.to;
    return piece;
  });
  const measured = pieces.filter(({ toScale }) => toScale);
  const bytes = measured.reduce((sum, piece) => sum + rangeSize(piece), 0n);
  const counted = BigInt(Math.max(1, measured.reduce((sum, { from, to }) => sum + to - from, 0)));
  return { cells, step: (bytes + counted - 1n) / counted, pieces };
}

/** The cell of an address; for the end of the window, the one after the last. Undefined outside and in folds. */
export function cellAt({ pieces, cells }: Scale, address: bigint): number | undefined {
  const piece = pieces.find(({ start, end }) => start <= address && address < end);
  if (piece === undefined) return pieces.at(-1)?.end === address ? cells : undefined;
  if (address === piece.start) return piece.from;
  if (piece.folded) return undefined;
  return piece.from + Number((address - piece.start) * BigInt(piece.to - piece.from) / rangeSize(piece));
}

/** The cells of a range, at least one; within what is left out, all cells of that piece. */
export function cellsOf(scale: Scale, range: Range): { readonly from: number; readonly to: number } {
  const touched = scale.pieces.filter((piece) => overlaps(piece, range));
  const [first, last] = [touched[0], touched.at(-1)];
  if (first === undefined || last === undefined) return { from: 0, to: scale.cells };
  const from = range.start < first.start ? first.from : cellAt(scale, range.start) ?? first.from;
  const to = range.end >= last.end ? last.to : cellAt(scale, range.end) ?? last.to;
  return { from, to: Math.max(to, from + 1) };
}

function foldsOf(window: Range, solid: readonly Range[]): readonly Range[] {
  const shown = solid.reduce((sum, range) => sum + rangeSize(intersect(range, window) ?? { start: 0n, end: 0n }), 0n);
  const gaps = subtract([window], solid).toSorted((a, b) => rangeSize(a) > rangeSize(b) ? -1 : 1);
  let left = gaps.reduce((sum, gap) => sum + rangeSize(gap), 0n);
  const folds: Range[] = [];
  for (const gap of gaps) {
    if (left * 2n <= shown || folds.length === MOST_FOLDS) break;
    folds.push(gap);
    left -= rangeSize(gap);
  }
  return normalise(folds);
}

function sortedOnce(addresses: readonly bigint[]): readonly bigint[] {
  return [...new Set(addresses)].sort((a, b) => a < b ? -1 : 1);
}

/** The ranges within the marks, in the order of the marks, as many as can have a cell each. */
function mostImportant(ranges: readonly Range[], marks: readonly Range[], most: number): ReadonlySet<Range> {
  const seen = new Set<Range>();
  for (const mark of marks) {
    for (const range of ranges) {
      if (seen.size < most && contains(mark, range)) seen.add(range);
    }
  }
  return seen;
}

interface Share {
  readonly count: number;
  readonly toScale: boolean;
}

/** Cells in proportion to sizes, and no fewer than the minima, whose sum must not exceed the cells. */
function share(sizes: readonly bigint[], minima: readonly number[], cells: number): readonly Share[] {
  const fixed = new Set<number>();
  for (let before = -1; before !== fixed.size;) {
    before = fixed.size;
    const { total, room } = rest(sizes, minima, cells, fixed);
    for (const [index, size] of sizes.entries()) {
      if (!fixed.has(index) && size * room < BigInt(minima[index] ?? 0) * total) fixed.add(index);
    }
  }
  const { total, room } = rest(sizes, minima, cells, fixed);
  let passed = 0n;
  return sizes.map((size, index) => {
    if (fixed.has(index) || total === 0n) return { count: minima[index] ?? 0, toScale: false };
    const before = passed * room / total;
    passed += size;
    return { count: Number(passed * room / total - before), toScale: true };
  });
}

/** The sizes and cells that remain for the ranges drawn to scale. */
function rest(sizes: readonly bigint[], minima: readonly number[], cells: number, fixed: ReadonlySet<number>) {
  const taken = [...fixed].reduce((sum, index) => sum + (minima[index] ?? 0), 0);
  const total = sizes.reduce((sum, size, index) => fixed.has(index) ? sum : sum + size, 0n);
  return { total, room: BigInt(Math.max(0, cells - taken)) };
}
