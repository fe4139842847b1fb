/**
 * A fleet of 10,000 hosts by ten profiles, planned in one process: CPU time of a plan, and whether memory grows with the
 * hosts. The same on two cores. Each round runs every setting in turn.
 */
import { join } from "@std/path";
import { writeFleet } from "./fleet.ts";
import { keepScale, type ScaleRun, scaleSummaries } from "./scale_results.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
const ROUNDS = 3;

/** Hosts, and cores. */
const SETTINGS: readonly (readonly [hosts: number, jobs: number])[] = [[1000, 1], [10_000, 1], [10_000, 2]];

async function run(folder: string, hosts: number, jobs: number): Promise<ScaleRun> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--quiet",
      "--v8-flags=--expose-gc",
      "bench/scale_here.ts",
      folder,
      String(hosts),
      String(jobs),
    ],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Runs it, keeps what it found, and gives the lines of the result. */
export async function benchScale(): Promise<readonly string[]> {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-bench-" });
  try {
    writeFleet(folder, Math.max(...SETTINGS.map(([hosts]) => hosts)));
    const runs: ScaleRun[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const [hosts, jobs] of SETTINGS) runs.push(await run(folder, hosts, jobs));
    }
    await keepScale(runs);
    const [few, many, split] = scaleSummaries(runs);
    if (few === undefined || many === undefined || split === undefined) return [];
    const line = (what: string, a: number, b: number, unit: string, aim: string): string =>
      `${what.padEnd(58)}${a.toFixed(2).padStart(7)} ${unit}${b.toFixed(2).padStart(7)} ${unit}` +
      `${(a / b).toFixed(2).padStart(8)}   aim ${aim}`;
    const mebibytes = (bytes: number): number => bytes / 2 ** 20;
    return [
      line("CPU time of a plan, of 10,000 / of 1,000 hosts", many.cpu, few.cpu, "ms", "1 ms"),
      line("kept at the end, 10,000 / 1,000 hosts", mebibytes(many.kept), mebibytes(few.kept), "MB", "1.1"),
      line("peak memory, 10,000 / 1,000 hosts", mebibytes(many.peak), mebibytes(few.peak), "MB", "1.5"),
      line("elapsed, --jobs 2 / --jobs 1", split.time / 1000, many.time / 1000, "s ", "0.6"),
    ];
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
