/// <reference lib="deno.worker" />
import { type Failure, RUNS, type Tally } from "./one_case.ts";

/** Which cases of a run a worker takes: `from`, `from + step` and so on, below `to`. */
export interface Share {
  readonly run: keyof typeof RUNS;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** What a worker reports now and then, and at the end. */
export interface Report {
  /** Cases since the last report. */
  readonly cases: number;
  readonly tally: Tally;
  readonly failures: readonly Failure[];
  readonly last: boolean;
}

/** Cases between two reports. */
const REPORT_EVERY = 500;

self.onmessage = async ({ data }: MessageEvent<Share>): Promise<void> => {
  const { run, seed, from, to, step } = data;
  let cases = 0;
  let tally: Tally = {};
  let failures: Failure[] = [];
  for (let index = from; index < to; index += step) {
    const failure = await RUNS[run](seed, index, tally);
    if (failure !== undefined) failures.push(failure);
    if (++cases < REPORT_EVERY && failure === undefined) continue;
    self.postMessage({ cases, tally, failures, last: false } satisfies Report);
    [cases, tally, failures] = [0, {}, []];
  }
  self.postMessage({ cases, tally, failures, last: true } satisfies Report);
};
