// deno-lint-ignore-file no-console
/**
 * Mutated images and hosts through the planner, by both calls, held against models of the kernel's rules; and stored plans
 * with one change, which must be refused or make the same calls; changed files of boot loaders; and changed images that are
 * taken apart or unpacked. The same seed and count give the same cases.
 *
 *     deno task fuzz                                  200,000 cases, 30,000 plans, boot loaders and images each, with a seed of the day
 *     deno task fuzz --seed 7 --count 1e6 --plans 0
 *     deno task fuzz --seed 7 --only 1234             one case again, in this process; or --only-plan, --only-boot, --only-image
 */
import { parseArgs } from "node:util";
import { type Failure, RUNS, type Tally } from "./one_case.ts";
import type { Report, Share } from "./worker.ts";

const COUNT = 200_000;
const PLANS = 30_000;
const BOOTS = 30_000;
const IMAGES = 30_000;
/** Failures that are shown before a run stops; one mistake tends to fail many cases. */
const MOST_FAILURES = 10;
/** Cases between two lines of progress where there is no terminal, on which one line is written over. */
const TELL_EVERY = 20_000;

function numberOf(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} is a whole number, not ${text}`);
  Deno.exit(64);
}

function tell({ index, name, error }: Failure, seed: number, run: keyof typeof RUNS): void {
  const only = { cases: "--only", plans: "--only-plan", boots: "--only-boot", images: "--only-image" }[run];
  console.error(`\nFAILED: ${name}\nAgain: deno task fuzz --seed ${seed} ${only} ${index}\n${error}`);
}

/** Runs a share in a worker; every report goes to `heard`, which says whether to go on. */
function runShare(share: Share, heard: (report: Report) => boolean): Promise<void> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Report>): void => {
      if (heard(data) && !data.last) return;
      worker.terminate();
      resolve();
    };
    worker.onerror = (event): void => reject(new Error(`A worker broke down: ${event.message}`));
    worker.postMessage(share);
  });
}

async function main(): Promise<number> {
  const text = { type: "string" } as const;
  const options = {
    seed: text,
    count: text,
    plans: text,
    boots: text,
    only: text,
    "only-plan": text,
    "only-boot": text,
    "only-image": text,
    images: text,
  };
  const { values } = parseArgs({ args: Deno.args, options });
  const seed = numberOf("seed", values.seed, Math.floor(Date.now() / 86_400_000));
  const again = [["cases", values.only], ["plans", values["only-plan"]], ["boots", values["only-boot"]], [
    "images",
    values["only-image"],
  ]] as const;
  for (const [run, only] of again) {
    if (only === undefined) continue;
    const failure = await RUNS[run](seed, numberOf("only", only, 0), {});
    if (failure !== undefined) tell(failure, seed, run);
    console.log(failure === undefined ? "The case is sound" : "The case fails");
    return failure === undefined ? 0 : 1;
  }
  const sound = [
    await runAll("cases", seed, numberOf("count", values.count, COUNT)),
    await runAll("plans", seed, numberOf("plans", values.plans, PLANS)),
    await runAll("boots", seed, numberOf("boots", values.boots, BOOTS)),
    await runAll("images", seed, numberOf("images", values.images, IMAGES)),
  ];
  return sound.every((each) => each) ? 0 : 1;
}

/** Runs all cases of a kind, in as many workers as there are processors; says whether all are sound. */
async function runAll(run: keyof typeof RUNS, seed: number, count: number): Promise<boolean> {
  const start = performance.now();
  const tally: Tally = {};
  let done = 0;
  let failed = 0;
  const heard = (report: Report): boolean => {
    if (failed >= MOST_FAILURES) return false;
    done += report.cases;
    for (const [outcome, times] of Object.entries(report.tally)) tally[outcome] = (tally[outcome] ?? 0) + times;
    for (const failure of report.failures) tell(failure, seed, run);
    failed += report.failures.length;
    const before = Math.floor((done - report.cases) / TELL_EVERY);
    const line = `${done} of ${count} ${run}, ${Math.round((performance.now() - start) / 1000)} s`;
    if (Deno.stderr.isTerminal()) Deno.stderr.writeSync(new TextEncoder().encode(`\r${line} `));
    else if (Math.floor(done / TELL_EVERY) > before) console.error(line);
    return failed < MOST_FAILURES;
  };
  const workers = Math.min(navigator.hardwareConcurrency, count);
  await Promise.all(
    Array.from({ length: workers }, (_, from) => runShare({ run, seed, from, to: count, step: workers }, heard)),
  );
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(`${done} ${run} of seed ${seed} in ${seconds} s: ${failed === 0 ? "all sound" : `${failed} failed`}`);
  for (const [outcome, times] of Object.entries(tally).toSorted()) console.log(`  ${outcome}: ${times}`);
  return failed === 0;
}

Deno.exit(await main());
