import { join } from "@std/path/posix";
import { type Diagnostic, reasonOf } from "../core/diagnostic.ts";
import { formatDuration } from "../core/duration.ts";
import { omitUndefined } from "../core/shape.ts";
import { jsonText } from "../core/text.ts";
import type { HostFacts } from "../host/facts.ts";
import type { FailedPlan } from "../plan/failed_plan.ts";
import { kernelParameter, parseCmdline } from "../profile/cmdline/cmdline.ts";
import { describeEnd } from "../render/history.ts";
import {
  type Attempt,
  ATTEMPT_ID,
  attemptId,
  attemptOf,
  type AttemptWay,
  decodeAttempt,
  type EndedAttempt,
  failedAttempts,
  type History,
  historyOf,
  judgeAttempts,
  measuredReboots,
  withRunningBoot,
} from "../state/attempt.ts";
import { type Deadline, openDeadline } from "../state/deadline.ts";
import { outlookOf } from "../state/expectation.ts";
import { type FoundRecord, recordOfBoot, recordTime } from "../state/record.ts";
import {
  findRecord,
  foreignFolder,
  makeOwnFolder,
  removeIfThere,
  StoreError,
  useStore,
} from "../state/record_store.ts";
import type { OneShot } from "../entry/one_shot.ts";
import { findOneShot, type RefusedFallback, setOneShot, takeBackOneShot } from "./one_shot.ts";
import { type Clocks, HOST_CLOCKS } from "./clocks.ts";
import { invokingUser } from "./invoking_user.ts";
import { readEvidence } from "./read_evidence.ts";
import { systemProgram } from "./system_program.ts";
import { isThere, PRIVATE, removeUnfinished, replaceFile } from "./files/write_whole.ts";

/** Where attempts are kept: unlike records, they outlive the boot. */
export const ATTEMPTS_DIRECTORY = "/var/lib/warmboot/attempts";

/** Older ones are removed. */
const KEPT = 50;

/** An attempt is a few hundred bytes and two command lines. */
const MAX_BYTES = 1 << 20;

/** The boot in which `warmboot arrive` ran last. */
const WATCHED = "watched-boot";

/** The attempts that are kept, the newest first, and what is wrong with those that cannot be read. */
export interface FoundAttempts {
  readonly attempts: readonly Attempt[];
  /** What cannot be read, in words. */
  readonly problems: readonly string[];
}

/** Reads the attempts. A file that is not one is named, and left where it is. */
export function readAttempts(directory: string = ATTEMPTS_DIRECTORY): FoundAttempts {
  const foreign = foreignFolder(directory);
  if (foreign !== undefined) return { attempts: [], problems: [`${directory} is not used: ${foreign}`] };
  const problems: string[] = [];
  const attempts = names(directory).flatMap((name) => {
    const found = readAttempt(join(directory, name));
    if (typeof found !== "string") return [found];
    problems.push(found);
    return [];
  });
  return { attempts, problems };
}

/** Names of attempts, the newest first. */
function names(directory: string): readonly string[] {
  const entries = useStore(`read ${directory}`, () => isThere(directory) ? [...Deno.readDirSync(directory)] : []);
  return entries.map(({ name }) => name).filter(isAttemptFile).toSorted().reverse();
}

function isAttemptFile(name: string): boolean {
  return name.endsWith(".json") && ATTEMPT_ID.test(name.slice(0, -".json".length));
}

/** An attempt, or why there is none at that path. */
function readAttempt(path: string): Attempt | string {
  const problems: Diagnostic[] = [];
  try {
    const { isFile, size } = Deno.lstatSync(path);
    if (!isFile || size > MAX_BYTES) {
      return `${path} is not an attempt: ${isFile ? "it is too large" : "it is not a file"}`;
    }
    const attempt = decodeAttempt(JSON.parse(Deno.readTextFileSync(path)), [], (problem) => problems.push(problem));
    if (attempt !== undefined && problems.length === 0) return attempt;
  } catch (error) {
    return `${path} cannot be read: ${reasonOf(error)}`;
  }
  return `${path} is not an attempt: ${problems[0]?.message}`;
}

/** Writes an attempt so that it is on the disk when this returns, and removes the oldest. @throws {StoreError} */
function writeAttempt(attempt: Attempt, directory: string): void {
  writeFile(directory, `${attempt.id}.json`, jsonText(attempt));
  for (const name of names(directory).slice(KEPT)) remove(directory, name);
}

/** Removes an attempt that led to nothing: the old system goes on. @throws {StoreError} */
export function dropAttempt({ id }: Attempt, directory: string = ATTEMPTS_DIRECTORY): void {
  remove(directory, `${id}.json`);
}

function remove(directory: string, name: string): void {
  const path = join(directory, name);
  useStore(`remove ${path}`, () => removeIfThere(path));
}

function writeFile(directory: string, name: string, text: string): void {
  useStore(`use ${directory}`, () => {
    makeOwnFolder(directory);
    removeUnfinished(directory);
  });
  const path = join(directory, name);
  useStore(`write ${path}`, () => replaceFile(path, text, PRIVATE));
}

/** Does what reads attempts and writes them, one process at a time. @throws {StoreError} */
function locked<T>(directory: string, action: () => T): T {
  // Nothing is there to write over, and the folder is not made for nothing.
  if (!isThere(directory)) return action();
  using folder = useStore(`read ${directory}`, () => Deno.openSync(directory));
  // Each holds it for a few small files. It is given back when the folder is closed.
  useStore(`lock ${directory}`, () => folder.lockSync(true));
  return action();
}

/** Whether `warmboot arrive` ran in this boot. */
function isWatched({ bootId }: Pick<HostFacts, "bootId">, directory: string): boolean {
  try {
    return bootId !== undefined && Deno.readTextFileSync(join(directory, WATCHED)).trim() === bootId;
  } catch {
    return false;
  }
}

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
      : outlookOf(kernel, measuredReboots(withTimes(readAttempts(directory).attempts, facts, clocks))).planned,
    clocks: now,
  });
  const open = openAttempts(facts, directory);
  const same = open.find(({ plan }) => plan === next.plan);
  const attempt: Attempt = omitUndefined({
    ...(same === undefined ? next : carriedOn(same, next)),
    oneShot: oneShot ?? same?.oneShot,
  });
  writeAttempt(attempt, directory);
  for (const other of open) if (other !== same) dropAttempt(other, directory);
  return attempt;
}

/**
 * The same, and where the guard of what is loaded says so, the boot loader is asked to boot the running kernel once: after the
 * attempt is on the disk, so that it can be taken back whatever comes. If it cannot be asked, there is no attempt either.
 */
export async function recordGuardedDeparture(
  way: AttemptWay,
  facts: HostFacts,
  source: DepartureSource = {},
): Promise<Attempt | undefined | RefusedFallback> {
  const { directory = ATTEMPTS_DIRECTORY, found = findRecord("reboot").found, find = findOneShot } = source;
  const guard = recordOfBoot(facts, found)?.plan.guard;
  if (guard?.fallback !== "running") {
    for (const { oneShot } of openAttempts(facts, directory)) if (oneShot !== undefined) takeBackOneShot(oneShot);
    return await recordDeparture(way, facts, { ...source, found });
  }
  const oneShot = find(facts);
  if ("kind" in oneShot) return oneShot;
  try {
    const before = readAttempts(directory).attempts.flatMap((attempt) => attempt.oneShot ?? []);
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

/** Ends an attempt at which the running system goes on: the boot loader is no longer asked for anything. @throws {StoreError} */
export function giveUp(attempt: Attempt, directory: string = ATTEMPTS_DIRECTORY): string | undefined {
  const problem = withdraw(attempt);
  dropAttempt(attempt, directory);
  return problem;
}

/** Takes back what the boot loader was asked for an attempt, if anything; a problem in words. */
function withdraw({ oneShot }: Attempt): string | undefined {
  const taken = oneShot === undefined ? undefined : takeBackOneShot(oneShot);
  return taken?.kind === "failed" ? taken.problem : undefined;
}

/** An attempt that is under way already: its shutdown was found, or it is asked for once more. */
function carriedOn(attempt: Attempt, next: Attempt): Attempt {
  if (next.way === "found") return { ...attempt, ...(next.leftAt === undefined ? {} : { leftAt: next.leftAt }) };
  return {
    ...next,
    id: attempt.id,
    ...(attempt.leftAt === undefined ? {} : { leftAt: next.leftAt ?? attempt.leftAt }),
  };
}

/** The attempts; of the one that ended in this boot, with what that shows by now of its time. */
function withTimes<Each extends Attempt>(
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
  // The shutdown goes on, whatever is missing.
  const unasked = guarded !== undefined && "kind" in guarded ? guarded : undefined;
  const attempt = guarded !== undefined && "kind" in guarded ? await recordDeparture("found", facts) : guarded;
  if (attempt === undefined) return { kind: "not-ours" };
  return { kind: "leaving", attempt, ...(unasked === undefined ? {} : { unasked }) };
}

/** Whether systemd has a job to start kexec.target; or why that cannot be determined. */
async function isKexecQueued(): Promise<boolean | string> {
  const args = ["show", "--property=Job", "--value", "kexec.target"];
  try {
    const { success, stdout, stderr } = await new Deno.Command(systemProgram("systemctl"), { args, stdin: "null" })
      .output();
    const text = new TextDecoder().decode(success ? stdout : stderr).trim();
    return success ? /^[1-9]\d*$/.test(text) : text;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Attempts of the running boot. */
function openAttempts({ bootId }: HostFacts, directory: string): readonly Attempt[] {
  if (bootId === undefined) return [];
  return readAttempts(directory).attempts.filter(({ from, outcome }) =>
    outcome === undefined && from.bootId === bootId
  );
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
  // Where the new system came up, only its confirmation ends that.
  const problems = ended.filter(({ outcome }) => outcome.end !== "arrived").flatMap((each) => withdraw(each) ?? []);
  if (facts.bootId !== undefined && !isWatched(facts, directory)) {
    writeFile(directory, WATCHED, `${facts.bootId}\n`);
  }
  const [newest] = ended;
  return newest === undefined ? { kind: "nothing-open" } : { kind: "ended", attempt: newest, problems };
}

/** Writes down how attempts ended, as far as that shows now; the newest first. */
function endAttempts(facts: HostFacts, directory: string, clocks: Clocks): readonly EndedAttempt[] {
  return locked(directory, () => {
    const judged = judgeAttempts(readAttempts(directory).attempts, facts, recordTime(), Deno.osUptime());
    const ended = withTimes(judged, facts, clocks).map((attempt) => withEvidence(attempt, facts));
    for (const attempt of ended) writeAttempt(attempt, directory);
    return ended;
  });
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
  if (outcome.end === "confirmed") return { kind: "already", attempt: last, ...problemOf(last) };
  if (outcome.end !== "arrived") return { kind: "nothing-arrived", last };
  const [timed = last] = withTimes([last], facts, clocks);
  const confirmed = clocks.now()?.boottime;
  const attempt: Attempt = {
    ...timed,
    ...(timed.timing === undefined || confirmed === undefined ? {} : { timing: { ...timed.timing, confirmed } }),
    outcome: { ...outcome, end: "confirmed", at: recordTime() },
  };
  writeAttempt(attempt, directory);
  return { kind: "confirmed", attempt, ...problemOf(attempt) };
}

function problemOf(attempt: Attempt): { readonly problem?: string } {
  const problem = withdraw(attempt);
  return problem === undefined ? {} : { problem };
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

/** Whether the system into which an attempt led is confirmed. An attempt that cannot be read is not. */
export function isConfirmed({ id }: Attempt, directory: string = ATTEMPTS_DIRECTORY): boolean {
  const found = readAttempt(join(directory, `${id}.json`));
  return typeof found !== "string" && found.outcome?.end === "confirmed";
}

/** Writes down that nobody confirmed the running system in time; false where somebody did meanwhile. @throws {StoreError} */
export function expire({ attempt, confirm }: Deadline, directory: string = ATTEMPTS_DIRECTORY): boolean {
  return locked(directory, () => {
    const found = readAttempt(join(directory, `${attempt.id}.json`));
    const current = typeof found === "string" || found.outcome === undefined ? attempt : found;
    if (current.outcome?.end === "confirmed") return false;
    const why = `Nobody confirmed it within ${formatDuration(confirm)}, so it rebooted through the firmware`;
    const outcome = { ...current.outcome, end: "not-confirmed", why, at: recordTime() } as const;
    writeAttempt({ ...current, outcome }, directory);
    return true;
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
  const { attempts, problems } = judgedAttempts(facts, directory);
  return { history: historyOf(withTimes(attempts, facts, clocks)), problems };
}

/** The attempts, each with how it ended as far as that shows now. */
function judgedAttempts(facts: HostFacts, directory: string): FoundAttempts {
  const { attempts, problems } = readAttempts(directory);
  const ended = new Map(judgeAttempts(attempts, facts, recordTime()).map((attempt) => [attempt.id, attempt]));
  return { attempts: attempts.map((each) => ended.get(each.id) ?? each), problems };
}
