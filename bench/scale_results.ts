/** What the bench of scale has found, as it is kept in results/scale.json; a table is made from it. */
import { keepResults, keptResults } from "./kept_results.ts";
import { markdownTable } from "./markdown_table.ts";
import { median } from "./pairs.ts";

/** One run: a fleet that was planned in one process. */
export interface ScaleRun {
  readonly hosts: number;
  readonly jobs: number;
  /** Plans that were made; none is for a host that a profile excludes. */
  readonly plans: number;
  /** CPU time, milliseconds. */
  readonly cpu: number;
  /** Elapsed, milliseconds. */
  readonly time: number;
  /** The most memory, bytes: what the runtime takes before it collects garbage counts. */
  readonly peak: number;
  /** What is left of the heap after a garbage collection at the end, bytes: it shows whether anything of a host is kept. */
  readonly kept: number;
}

/** All that is kept. */
export function scaleResults(): readonly ScaleRun[] {
  return keptResults("scale") ?? [];
}

/** Keeps the runs in place of those before. */
export async function keepScale(runs: readonly ScaleRun[]): Promise<void> {
  await keepResults("scale", runs);
}

/** The runs of so many hosts and jobs, as medians. */
export interface ScaleSummary extends ScaleRun {
  /** CPU time of a plan, milliseconds. */
  readonly cpu: number;
}

/** Every setting once, in the order of the runs. */
export function scaleSummaries(runs: readonly ScaleRun[]): readonly ScaleSummary[] {
  return [...Map.groupBy(runs, ({ hosts, jobs }) => `${hosts} ${jobs}`).values()].flatMap((same) => {
    const [first] = same;
    return first === undefined ? [] : [{
      hosts: first.hosts,
      jobs: first.jobs,
      plans: first.plans,
      cpu: median(same.map(({ cpu, plans }) => cpu / plans)),
      time: median(same.map(({ time }) => time)),
      peak: median(same.map(({ peak }) => peak)),
      kept: median(same.map(({ kept }) => kept)),
    }];
  });
}

/** CPU time and memory by the number of hosts; elapsed time as a part of that of one job. */
export function scaleTable(runs: readonly ScaleRun[]): string {
  const rows = scaleSummaries(runs);
  const alone = (hosts: number) => rows.find((row) => row.hosts === hosts && row.jobs === 1);
  return markdownTable(
    ["Hosts", "Plans", "`--jobs`", "CPU a plan", "Kept", "Peak memory", "Elapsed, ratio to `--jobs 1`"],
    rows.map(({ hosts, plans, jobs, cpu, time, peak, kept }) => [
      String(hosts),
      String(plans),
      String(jobs),
      `${cpu.toFixed(2)} ms`,
      `${Math.round(kept / 2 ** 20)} MiB`,
      `${Math.round(peak / 2 ** 20)} MiB`,
      (time / (alone(hosts)?.time ?? NaN)).toFixed(2),
    ]),
    [0, 1, 2, 3, 4, 5, 6],
  );
}
