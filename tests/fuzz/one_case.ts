import { drawBootFiles, judgeBootFiles } from "./boot_files.ts";
import { drawImage, judgeImage } from "./composed_images.ts";
import { drawCase } from "./draw.ts";
import { drawForgery, judgeForgery } from "./forgery.ts";
import { judge, type Verdict } from "./judge.ts";
import { caseSeed, randomFrom } from "./random.ts";

/** How often each outcome came: `kexec_load sound` and so on. */
export type Tally = { [outcome: string]: number };

/** A case that failed: how to run it again, and what went wrong. */
export interface Failure {
  readonly index: number;
  readonly name: string;
  readonly error: string;
}

const CALLS = ["kexec_file_load", "kexec_load"] as const;

/** Runs one case of a run by both calls, and counts what came of it. */
export function runCase(seed: number, index: number, tally: Tally): Failure | undefined {
  let name = "while it was drawn";
  try {
    const subject = drawCase(randomFrom(caseSeed(seed, index)));
    if (subject === undefined) {
      count(tally, "host refused");
      return undefined;
    }
    for (const call of CALLS) {
      // Explicit segments have one call only.
      if (call === "kexec_file_load" && subject.input.images.kernel === undefined) continue;
      name = `${subject.name}, ${call}`;
      const verdict: Verdict = judge(subject, call);
      count(tally, `${call}: ${verdict}`);
    }
    return undefined;
  } catch (error) {
    return { index, name, error: error instanceof Error ? error.stack ?? error.message : String(error) };
  }
}

/** Changes one stored plan in one place, and counts whether it is refused or makes the same calls. */
export async function runForgery(seed: number, index: number, tally: Tally): Promise<Failure | undefined> {
  let name = "while it was drawn";
  try {
    const { original, forgery } = await drawForgery(randomFrom(caseSeed(seed, index)));
    name = `${original.name}, ${forgery.what.slice(0, 200)}`;
    count(tally, `stored plan: ${await judgeForgery(original, forgery)}`);
    return undefined;
  } catch (error) {
    return { index, name, error: error instanceof Error ? error.stack ?? error.message : String(error) };
  }
}

/** Changes the files of a boot loader, and counts whether an entry is found or refused. */
export function runBootFiles(seed: number, index: number, tally: Tally): Failure | undefined {
  let name = "while it was drawn";
  try {
    const subject = drawBootFiles(randomFrom(caseSeed(seed, index)));
    name = `${subject.name}, ${subject.id}`;
    count(tally, `boot entry: ${judgeBootFiles(subject)}`);
    return undefined;
  } catch (error) {
    return { index, name, error: error instanceof Error ? error.stack ?? error.message : String(error) };
  }
}

/** Changes an image that is taken apart or unpacked, and counts what comes of it. */
export async function runImage(seed: number, index: number, tally: Tally): Promise<Failure | undefined> {
  let name = "while it was drawn";
  try {
    const subject = drawImage(randomFrom(caseSeed(seed, index)));
    name = subject.name;
    count(tally, `image: ${await judgeImage(subject)}`);
    return undefined;
  } catch (error) {
    return { index, name, error: error instanceof Error ? error.stack ?? error.message : String(error) };
  }
}

/** The kinds of cases. */
export const RUNS = { cases: runCase, plans: runForgery, boots: runBootFiles, images: runImage } as const;

/** Adds one to a count. */
function count(tally: Tally, outcome: string): void {
  tally[outcome] = (tally[outcome] ?? 0) + 1;
}
