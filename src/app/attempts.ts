import { formatDuration } from "../core/duration.ts";
import { jsonText } from "../core/text.ts";
import type { HostFacts } from "../host/facts.ts";
import type { FailedPlan } from "../plan/failed_plan.ts";
import { kernelParameter, parseCmdline } from "../profile/cmdline/cmdline.ts";
import { describeEnd } from "../render/history.ts";
import {
  type Attempt,
  type EndedAttempt,
  failedAttempts,
  type History,
  historyOf,
  judgeAttempts,
  withRunningBoot,
} from "../state/attempt.ts";
import { type Deadline, openDeadline } from "../state/deadline.ts";
import { recordTime } from "../state/record.ts";
import { StoreError } from "../state/record_store.ts";
import {
  ATTEMPTS_DIRECTORY,
  type FoundAttempts,
  locked,
  noteWatched,
  readAttempt,
  readAttempts,
  writeAttempt,
} from "./attempt_store.ts";
import { type Clocks, HOST_CLOCKS } from "./clocks.ts";
import { isThere } from "./files/write_whole.ts";
import { withdraw } from "./one_shot.ts";
import { readEvidence } from "./read_evidence.ts";

/** The attempts; of the one that ended in this boot, with what that shows by now of its time. */
export function withTimes<Each extends Attempt>(
  attempts: readonly Each[],
  facts: HostFacts,
  clocks: Clocks,
): readonly Each[] {
  return withRunningBoot(attempts, facts, (left) => ({
    stopped: clocks.stopped(left),
    came: clocks.now(),
    boot: clocks.moments(facts),
  }));
}

/**
 * Writes down what this boot shows by now of how long the reboot took that led into it; false if nothing is new.
 * @throws {StoreError}
 */
export function noteTimes(
  facts: HostFacts,
  directory: string = ATTEMPTS_DIRECTORY,
  clocks: Clocks = HOST_CLOCKS,
): boolean {
  return locked(directory, () => {
    const { attempts } = readAttempts(directory);
    const changed = withTimes(attempts, facts, clocks).filter((attempt, index) =>
      jsonText(attempt) !== jsonText(attempts[index])
    );
    for (const attempt of changed) writeAttempt(attempt, directory);
    return changed.length > 0;
  });
}

/** What `warmboot arrive` found. */
export type Arrival =
  /** The running system is a crash kernel: what was tried is not its concern. */
  | { readonly kind: "crash-kernel" }
  /** The end of every attempt is known. */
  | { readonly kind: "nothing-open" }
  /** The newest attempt, and how it ended; `problems`: what the boot loader may still be asked, in words. */
  | { readonly kind: "ended"; readonly attempt: EndedAttempt; readonly problems: readonly string[] };

/**
 * Holds the running system against the attempts whose end is not known, and writes down how they ended. It also notes that
 * it ran in this boot, so that the next attempt is watched. Running it again changes nothing.
 * @throws {StoreError} if it cannot be written
 */
export function arrive(
  facts: HostFacts,
  directory: string = ATTEMPTS_DIRECTORY,
  clocks: Clocks = HOST_CLOCKS,
): Arrival {
  if (isCrashKernel(facts)) return { kind: "crash-kernel" };
  const ended = endAttempts(facts, directory, clocks);
  // Where the new system came up and still runs, only its confirmation ends that.
  const problems = ended.filter(({ outcome }) => outcome.end !== "arrived" || outcome.cameBack !== undefined)
    .flatMap((each) => withdraw(each) ?? []);
  noteWatched(facts, directory);
  const [newest] = ended;
  return newest === undefined ? { kind: "nothing-open" } : { kind: "ended", attempt: newest, problems };
}

/** Writes down how attempts ended, as far as that shows now; the newest first. */
function endAttempts(facts: HostFacts, directory: string, clocks: Clocks): readonly EndedAttempt[] {
  return locked(directory, () => {
    const { attempts } = readAttempts(directory);
    const judged = judgeAttempts(attempts, facts, recordTime(), Deno.osUptime(), wasStopped(clocks));
    const ended = withTimes(judged, facts, clocks).map((attempt) => withEvidence(attempt, facts));
    for (const attempt of ended) writeAttempt(attempt, directory);
    return ended;
  });
}

/** Whether warmboot-stopped.service noted the shutdown of a boot. */
function wasStopped(clocks: Clocks): (bootId: string) => boolean {
  return (bootId) => clocks.stopped(bootId) !== undefined;
}

/** A fall back with what is found about why. */
function withEvidence(attempt: EndedAttempt, facts: HostFacts): EndedAttempt {
  const { outcome, leftAt, askedAt } = attempt;
  const evidence = outcome.end === "fell-back" ? readEvidence(facts, leftAt ?? askedAt) : undefined;
  return evidence === undefined ? attempt : { ...attempt, outcome: { ...outcome, evidence } };
}

/** Whether the running system is a crash kernel, whose boot is nobody's attempt. */
export function isCrashKernel({ cmdline = "" }: HostFacts): boolean {
  return kernelParameter(parseCmdline(cmdline), "elfcorehdr") !== undefined || isThere("/proc/vmcore");
}

/** What `warmboot confirm` found; `problem`: what the boot loader may still be asked, in words. */
export type Confirmation =
  /** The running system is confirmed now, or was before. */
  | { readonly kind: "confirmed" | "already"; readonly attempt: Attempt; readonly problem?: string }
  /** This boot is not the one that an attempt arrived in. */
  | { readonly kind: "nothing-arrived"; readonly last: Attempt | undefined };

/** Says that the running system, into which an attempt led, is good. @throws {StoreError} if it cannot be written */
export function confirm(
  facts: HostFacts,
  directory: string = ATTEMPTS_DIRECTORY,
  clocks: Clocks = HOST_CLOCKS,
): Confirmation {
  // Not `arrive`: that this was run by hand does not say that each boot is watched.
  if (!isCrashKernel(facts)) endAttempts(facts, directory, clocks);
  return locked(directory, () => confirmLast(facts, directory, clocks));
}

function confirmLast(facts: HostFacts, directory: string, clocks: Clocks): Confirmation {
  const [last] = readAttempts(directory).attempts;
  const outcome = last?.outcome;
  if (last === undefined || outcome === undefined || outcome.bootId !== facts.bootId) {
    return { kind: "nothing-arrived", last };
  }
  if (outcome.end === "confirmed") return ended("already", last);
  if (outcome.end !== "arrived") return { kind: "nothing-arrived", last };
  const [timed = last] = withTimes([last], facts, clocks);
  const confirmed = clocks.now()?.boottime;
  const attempt: Attempt = {
    ...timed,
    ...(timed.timing === undefined || confirmed === undefined ? {} : { timing: { ...timed.timing, confirmed } }),
    outcome: { ...outcome, end: "confirmed", at: recordTime() },
  };
  writeAttempt(attempt, directory);
  return ended("confirmed", attempt);
}

/** A confirmed attempt no longer needs what the boot loader was asked for it. */
function ended(kind: "confirmed" | "already", attempt: Attempt): Confirmation {
  const problem = withdraw(attempt);
  return { kind, attempt, ...(problem === undefined ? {} : { problem }) };
}

/** The plans whose last attempt on this host failed. Where the attempts cannot be read, none is known. */
export function failedPlans(facts: HostFacts, directory: string = ATTEMPTS_DIRECTORY): readonly FailedPlan[] {
  try {
    return failedAttempts(judgedAttempts(facts, directory).attempts).map((attempt) => ({
      plan: attempt.plan,
      askedAt: attempt.askedAt,
      how: describeEnd(attempt),
    }));
  } catch (error) {
    // Only root may read them; `history` says why.
    if (error instanceof StoreError) return [];
    throw error;
  }
}

/** The deadline of the running system, from what is kept and what shows now; undefined where there is none. */
export function findDeadline(facts: HostFacts, directory: string = ATTEMPTS_DIRECTORY): Deadline | undefined {
  return openDeadline(judgedAttempts(facts, directory).attempts, facts, Deno.osUptime());
}

/** The attempt that led into the running system, if that is confirmed. */
export function findConfirmed(facts: HostFacts, directory: string = ATTEMPTS_DIRECTORY): Attempt | undefined {
  const [last] = readAttempts(directory).attempts;
  return last?.outcome?.end === "confirmed" && last.outcome.bootId === facts.bootId ? last : undefined;
}

/** Whether the system into which an attempt led is confirmed. An attempt that cannot be read is not. */
export function isConfirmed({ id }: Attempt, directory: string = ATTEMPTS_DIRECTORY): boolean {
  const found = readAttempt(id, directory);
  return typeof found !== "string" && found.outcome?.end === "confirmed";
}

/** Writes down that nobody confirmed the running system in time; false where somebody did meanwhile. @throws {StoreError} */
export function expire({ attempt, confirm }: Deadline, directory: string = ATTEMPTS_DIRECTORY): boolean {
  return locked(directory, () => {
    const found = readAttempt(attempt.id, directory);
    const current = typeof found === "string" || found.outcome === undefined ? attempt : found;
    if (current.outcome?.end === "confirmed") return false;
    const why = `Nobody confirmed it within ${formatDuration(confirm)}, so it rebooted through the firmware`;
    const outcome = { ...current.outcome, end: "not-confirmed", why, at: recordTime() } as const;
    writeAttempt({ ...current, outcome }, directory);
    return true;
  });
}

/**
 * Writes down that a process keeps the deadline of the running system, or that it was stopped in order, so that a later boot
 * knows a shutdown from a reset. @throws {StoreError}
 */
export function noteDeadline(
  { attempt }: Deadline,
  deadline: "kept" | "stopped",
  directory: string = ATTEMPTS_DIRECTORY,
): void {
  locked(directory, () => {
    const found = readAttempt(attempt.id, directory);
    if (typeof found === "string" || found.outcome?.end !== "arrived" || found.outcome.deadline === deadline) return;
    writeAttempt({ ...found, outcome: { ...found.outcome, deadline } }, directory);
  });
}

/** The attempts of a host, as far as they can be read. */
export interface FoundHistory {
  /** The attempts, each with how it ended. */
  readonly history: History;
  /** Files that are not attempts; whole sentences. */
  readonly problems: readonly string[];
}

/**
 * The attempts, the newest first, each with how it ended as far as that shows now. Nothing is written.
 * @throws {StoreError} if the folder cannot be read
 */
export function readHistory(
  facts: HostFacts,
  directory: string = ATTEMPTS_DIRECTORY,
  clocks: Clocks = HOST_CLOCKS,
): FoundHistory {
  const { attempts, problems } = judgedAttempts(facts, directory, clocks);
  return { history: historyOf(withTimes(attempts, facts, clocks)), problems };
}

/** The attempts, each with how it ended as far as that shows now. */
function judgedAttempts(facts: HostFacts, directory: string, clocks: Clocks = HOST_CLOCKS): FoundAttempts {
  const { attempts, problems } = readAttempts(directory);
  const judged = judgeAttempts(attempts, facts, recordTime(), undefined, wasStopped(clocks));
  const ended = new Map(judged.map((attempt) => [attempt.id, attempt]));
  return { attempts: attempts.map((each) => ended.get(each.id) ?? each), problems };
}
