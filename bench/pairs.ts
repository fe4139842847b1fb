/** Measures two ways of doing a thing in turn, A B A B, so that a machine whose speed drifts drifts for both. */

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] ?? NaN : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/** Of several rounds. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** The middle of some numbers, and the extremes. */
export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** Times of both in milliseconds, one pair each round, after one round that does not count. */
export async function inTurn(
  rounds: number,
  a: () => Promise<void> | void,
  b: () => Promise<void> | void,
): Promise<{ readonly a: readonly number[]; readonly b: readonly number[] }> {
  const times = { a: [] as number[], b: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of [["a", a], ["b", b]] as const) {
      const start = performance.now();
      await run();
      if (round > 0) times[name].push(performance.now() - start);
    }
  }
  return times;
}

/** One line of the result: the medians, and the median of the ratios pair by pair. */
export function line(what: string, a: readonly number[], b: readonly number[], aim: number): string {
  const ratio = median(a.map((value, index) => value / (b[index] ?? NaN)));
  return `${what.padEnd(58)}${median(a).toFixed(0).padStart(7)} ms${median(b).toFixed(0).padStart(7)} ms` +
    `${ratio.toFixed(2).padStart(8)}   aim ${aim}`;
}
