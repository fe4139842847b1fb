import type { OneShot } from "../entry/one_shot.ts";
import type { HostFacts } from "../host/facts.ts";
import { type Attempt, attemptId, attemptOf, type AttemptWay, measuredReboots } from "../state/attempt.ts";
import { outlookOf } from "../state/expectation.ts";
import { type FoundRecord, recordOfBoot, recordTime } from "../state/record.ts";
import { findRecord, StoreError } from "../state/record_store.ts";
import { ATTEMPTS_DIRECTORY, dropAttempt, isWatched, readAttempts, writeAttempt } from "./attempt_store.ts";
import { noteTimes, withTimes } from "./attempts.ts";
import { type Clocks, HOST_CLOCKS } from "./clocks.ts";
import { invokingUser } from "./invoking_user.ts";
import {
  findOneShot,
  type RefusedFallback,
  setOneShot,
  takeBackOneShot,
  type TakenBack,
  withdraw,
} from "./one_shot.ts";
import { runProgram } from "./system_program.ts";

/** Where attempts are kept, what is loaded, and what time it is, if not as on this host. */
export interface DepartureSource {
  readonly directory?: string;
  readonly found?: FoundRecord;
  /** What the boot loader is asked to boot once. */
  readonly oneShot?: OneShot;
  /** Finds out what it can be asked. */
  readonly find?: typeof findOneShot;
  readonly clocks?: Clocks;
}

/**
 * Writes that this host now reboots into the image that warmboot has loaded. An attempt of the same boot at the same plan is
 * carried on; another one of this boot never left, and is dropped. Undefined where no record says what is loaded.
 * @throws {StoreError} if it cannot be written
 */
export async function recordDeparture(
  way: AttemptWay,
  facts: HostFacts,
  { directory = ATTEMPTS_DIRECTORY, found = findRecord("reboot").found, oneShot, clocks = HOST_CLOCKS }:
    DepartureSource = {},
): Promise<Attempt | undefined> {
  if (found.kind !== "record" || facts.kexec.loaded !== true || found.record.bootId !== facts.bootId) return undefined;
  const { plan, kernel } = found.record;
  const { attempts } = readAttempts(directory);
  const at = recordTime();
  const now = clocks.now();
  const next = attemptOf({
    id: attemptId(at, crypto.getRandomValues(new Uint8Array(4))),
    at,
    ...await invokingUser(),
    way,
    plan,
    facts,
    watched: isWatched(facts, directory),
    kernel,
    expected: kernel === undefined || way === "now"
      ? undefined
      : outlookOf(kernel, measuredReboots(withTimes(attempts, facts, clocks))).planned,
    clocks: now,
  });
  const open = openAttempts(attempts, facts);
  const same = open.find(({ plan }) => plan === next.plan);
  const carried = same === undefined ? next : carriedOn(same, next);
  const attempt: Attempt = oneShot === undefined ? carried : { ...carried, oneShot };
  writeAttempt(attempt, directory);
  for (const other of open) if (other !== same) dropAttempt(other, directory);
  return attempt;
}

/**
 * The same, and where the guard of what is loaded says so, the boot loader is asked to boot the running kernel once. The
 * attempt is on the disk by then, so that a later boot can take that back. If it cannot be asked, the attempt is removed.
 */
export async function recordGuardedDeparture(
  way: AttemptWay,
  facts: HostFacts,
  source: DepartureSource = {},
): Promise<Attempt | undefined | RefusedFallback> {
  const { directory = ATTEMPTS_DIRECTORY, found = findRecord("reboot").found, find = findOneShot } = source;
  const { attempts } = readAttempts(directory);
  const guard = recordOfBoot(facts, found)?.plan.guard;
  if (guard?.fallback !== "running") {
    for (const attempt of openAttempts(attempts, facts)) withdraw(attempt);
    return await recordDeparture(way, facts, { ...source, found });
  }
  const oneShot = find(facts);
  if ("kind" in oneShot) return oneShot;
  try {
    const before = attempts.flatMap((attempt) => attempt.oneShot ?? []);
    const attempt = await recordDeparture(way, facts, { ...source, found, oneShot });
    if (attempt === undefined) return undefined;
    const set = setOneShot(oneShot, before);
    if (set.kind === "ours") return attempt;
    if (set.kind === "fallback-refused") {
      dropAttempt(attempt, directory);
      return set;
    }
    const { oneShot: _theirs, ...rest } = attempt;
    writeAttempt(rest, directory);
    return rest;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return {
      kind: "fallback-refused",
      message:
        `What the boot loader is asked could not be taken back later, since the attempt cannot be kept: ${error.message}`,
      hint: "Mend that, or remove `fallback` from `guard`",
    };
  }
}

/** Drops an attempt that did not begin, and takes back what the boot loader was asked. @throws {StoreError} */
export function giveUp(attempt: Attempt, directory: string = ATTEMPTS_DIRECTORY): string | undefined {
  const problem = withdraw(attempt);
  dropAttempt(attempt, directory);
  return problem;
}

/** What was taken back of what the boot loader was asked for a reboot that can no longer begin; sentences. */
export interface Revoked {
  /** What was taken back. */
  readonly done: readonly string[];
  /** What may still be asked. */
  readonly problems: readonly string[];
}

/**
 * The image is unloaded: reboots into it that were asked for in this boot can no longer begin. What the boot loader was asked for
 * them is taken back. An attempt whose shutdown has not begun is dropped; of the others, a later boot says how they ended.
 * @throws {StoreError}
 */
export function revokeDepartures(
  facts: HostFacts,
  directory: string = ATTEMPTS_DIRECTORY,
  takeBack: (oneShot: OneShot) => TakenBack = takeBackOneShot,
): Revoked {
  const open = openAttempts(readAttempts(directory).attempts, facts);
  const taken = open.flatMap(({ oneShot }) => oneShot === undefined ? [] : [{ oneShot, ...takeBack(oneShot) }]);
  for (const attempt of open) if (attempt.leftAt === undefined) dropAttempt(attempt, directory);
  return {
    done: taken.flatMap(({ kind, oneShot: { loader, entry } }) =>
      kind === "taken-back" ? [`${loader} is no longer asked to boot \`${entry}\` once`] : []
    ),
    problems: taken.flatMap((each) => each.kind === "failed" ? [each.problem] : []),
  };
}

/** An attempt that is under way already: its shutdown was found, or it is asked for once more. */
function carriedOn(attempt: Attempt, next: Attempt): Attempt {
  if (next.way === "found") return { ...attempt, ...(next.leftAt === undefined ? {} : { leftAt: next.leftAt }) };
  const { id, leftAt, oneShot } = attempt;
  return {
    ...next,
    id,
    ...(leftAt === undefined ? {} : { leftAt: next.leftAt ?? leftAt }),
    ...(oneShot === undefined ? {} : { oneShot }),
  };
}

/** What `warmboot depart` found. */
export type LeavingFound =
  /** systemd does not shut down into a loaded image. */
  | { readonly kind: "staying" }
  | { readonly kind: "unknown"; readonly reason: string }
  /** No record says what is loaded. */
  | { readonly kind: "not-ours" }
  /** `unasked`: why the boot loader is not asked to boot the running kernel once, though the guard says so. */
  | { readonly kind: "leaving"; readonly attempt: Attempt; readonly unasked?: RefusedFallback };

/**
 * Writes down that a shutdown into the loaded image has begun, whoever asked for it; and, whatever the shutdown leads to, how
 * long the reboot took that led into this boot. `onNote`: called if that was missing. @throws {StoreError}
 */
export async function depart(facts: HostFacts, onNote: () => void = () => {}): Promise<LeavingFound> {
  const found = await findLeaving(facts);
  // All is started by now that is started at a boot. When `arrive` ran, it was not.
  if (noteTimes(facts)) onNote();
  return found;
}

async function findLeaving(facts: HostFacts): Promise<LeavingFound> {
  if (facts.kexec.loaded !== true) return { kind: "not-ours" };
  const leaving = facts.systemd ? await isKexecQueued() : true;
  if (leaving !== true) return leaving === false ? { kind: "staying" } : { kind: "unknown", reason: leaving };
  const guarded = await recordGuardedDeparture("found", facts);
  if (guarded === undefined) return { kind: "not-ours" };
  if (!("kind" in guarded)) return { kind: "leaving", attempt: guarded };
  // The shutdown goes on, whatever is missing.
  const attempt = await recordDeparture("found", facts);
  return attempt === undefined ? { kind: "not-ours" } : { kind: "leaving", attempt, unasked: guarded };
}

/** Whether systemd has a job to start kexec.target; or why that cannot be determined. */
async function isKexecQueued(): Promise<boolean | string> {
  const end = await runProgram("systemctl", ["show", "--property=Job", "--value", "kexec.target"]);
  if (end.kind === "missing") return end.reason;
  return end.code === 0 ? /^[1-9]\d*$/.test(end.stdout.trim()) : end.stderr.trim();
}

/** Of attempts, those of the running boot. */
function openAttempts(attempts: readonly Attempt[], { bootId }: HostFacts): readonly Attempt[] {
  if (bootId === undefined) return [];
  return attempts.filter(({ from, outcome }) => outcome === undefined && from.bootId === bootId);
}
