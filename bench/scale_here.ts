/**
 * Plans for a fleet in this process, host after host, and prints what that took, for bench/scale.ts: the folder of the fleet,
 * how many of its hosts, and on how many cores.
 */
import { fleetRows } from "../src/app/fleet_rows.ts";
import { serveFleet } from "../src/app/fleet_worker.ts";
import { WORKER } from "../src/app/fleet_workers.ts";
import { findFleet } from "../src/app/plan_matrix.ts";
import type { ScaleRun } from "./scale_results.ts";

/** A garbage collection, by `--v8-flags=--expose-gc`. */
declare function gc(): void;

/** CPU time of this process and its threads so far, milliseconds: utime and stime of proc_pid_stat(5), in ticks of 10 ms. */
function cpuTime(): number {
  const fields = Deno.readTextFileSync("/proc/self/stat").replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The most memory that this process has had, bytes. */
function peakMemory(): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]) * 1024;
}

async function measure(folder: string, hosts: number, jobs: number): Promise<ScaleRun> {
  const before = { cpu: cpuTime(), time: performance.now() };
  const fleet = findFleet([`${folder}/profiles`], `${folder}/hosts`);
  if (fleet === undefined || fleet.files.length < hosts) throw new Error(`${folder} has too few hosts`);
  let plans = 0;
  const some = { ...fleet, files: fleet.files.slice(0, hosts) };
  for await (const { cells } of fleetRows(some, { workers: { count: jobs, program: import.meta.url } })) {
    plans += cells.filter(({ status }) => status !== "excluded").length;
  }
  const taken = { cpu: cpuTime() - before.cpu, time: performance.now() - before.time, peak: peakMemory() };
  gc();
  return { hosts, jobs, plans, ...taken, kept: Deno.memoryUsage().heapUsed };
}

if (import.meta.main) {
  if (self.name === WORKER) serveFleet(self);
  else {
    const [folder = "", hosts, jobs] = Deno.args;
    await Deno.stdout.write(
      new TextEncoder().encode(JSON.stringify(await measure(folder, Number(hosts), Number(jobs)))),
    );
  }
}
