import type { Path } from "../core/diagnostic.ts";
import {
  anyText,
  choice,
  count,
  type Fields,
  flag,
  type JsonSchema,
  list,
  omitUndefined,
  pattern,
  record,
  type Report,
  type Shape,
  text,
} from "../core/shape.ts";
import { diffParameters, withoutBootParameters } from "../diff/parameters.ts";
import type { ClockReading } from "../host/clocks.ts";
import type { HostFacts } from "../host/facts.ts";
import { type OneShot, oneShotShape } from "../entry/one_shot.ts";
import { type PlannedGuard, plannedGuardShape } from "../plan/guard.ts";
import type { KernelStart } from "../plan/kernel_start.ts";
import type { Plan } from "../plan/plan.ts";
import { bootDigest, stampIn } from "../plan/stamp.ts";
import { type Evidence, evidenceShape } from "./evidence.ts";
import { type Expectation, expectationShape, kernelStartShape, type MeasuredReboot } from "./expectation.ts";
import {
  type BootTimes,
  type Interruption,
  interruptionOf,
  interruptionShape,
  type Timing,
  timingShape,
  withBootTimes,
} from "./interruption.ts";

/**
 * How a reboot into a loaded image was started: `warmboot exec` asked systemd or another init system, or made the system
 * call itself; or a shutdown into it was found (`systemctl kexec`, or `systemctl reboot` from systemd 257 on).
 */
export type AttemptWay = "systemd" | "init" | "now" | "found";

/** How an attempt ended; docs/history.md explains each. */
export type AttemptEnd = "arrived" | "confirmed" | "not-confirmed" | "fell-back" | "firmware" | "unknown";

/** A reboot into an image that warmboot loaded: /var/lib/warmboot/attempts/ID.json. */
export interface Attempt {
  /** The form of this document. */
  readonly format: "warmboot.attempt/1";
  /** When it was written and a random number, so that names sort by time: 20261122T100000Z-1f2e3d4c. */
  readonly id: string;
  /** When the reboot was asked for, UTC. */
  readonly askedAt: string;
  /** When the shutdown into the image began, or the jump itself; undefined as long as it has not. */
  readonly leftAt?: string;
  /** Who asked. */
  readonly user: string;
  /** The number of the user. */
  readonly uid: number;
  /** How it was started. */
  readonly way: AttemptWay;
  /** The profile of the image. */
  readonly profile: string;
  /** What boots, as 16 hex digits (`bootDigest`): the same plan on another day has the same. */
  readonly plan: string;
  /** The guard of the plan; absent without one. */
  readonly guard?: PlannedGuard;
  /** What the boot loader was asked to boot once, until this attempt has ended well; absent where it was not asked. */
  readonly oneShot?: OneShot;
  /** The system that was left. */
  readonly from: BootedSystem & {
    /** Its boot, from /proc/sys/kernel/random/boot_id. */
    readonly bootId?: string;
    /** Whether `warmboot arrive` ran in that boot; then it is expected in the next one as well. */
    readonly watched: boolean;
  };
  /** The system that was to come. */
  readonly to: Partial<BootedSystem> & Pick<BootedSystem, "cmdline"> & {
    /** How its kernel starts. */
    readonly kernel?: KernelStart;
  };
  /** How long it was expected to take. */
  readonly expected?: Expectation;
  /** What was recorded of how long it took; absent in attempts of older versions. */
  readonly timing?: Timing;
  /** How it ended; undefined until a later boot is looked at. */
  readonly outcome?: AttemptOutcome;
}

/** A kernel and its command line. */
export interface BootedSystem {
  /** As uname -r. */
  readonly release: string;
  /** Its command line. */
  readonly cmdline: string;
}

/** How an attempt ended, and what showed it. */
export interface AttemptOutcome {
  /** How. */
  readonly end: AttemptEnd;
  /** What showed it, for people: one line. */
  readonly why: string;
  /** When that was found out, UTC. */
  readonly at: string;
  /** The boot in which it was. */
  readonly bootId?: string;
  /** How long that boot had run by then, seconds of CLOCK_BOOTTIME: where it arrived, the clock of `guard.confirm` starts here. */
  readonly uptime?: number;
  /**
   * Where it arrived, with `guard.confirm`: a process keeps its deadline; or that was stopped in order, with a shutdown or by
   * hand. Undefined: no process did, so that nobody would have noted a shutdown.
   */
  readonly deadline?: "kept" | "stopped";
  /** Where it arrived, and was not confirmed: what came up after it; undefined until that is looked at. */
  readonly cameBack?: CameBack;
  /** After a fall back: what was found about why. */
  readonly evidence?: Evidence;
}

/** The boot after one that was not confirmed. */
export interface CameBack {
  /** Its kernel, as uname -r. */
  readonly release: string;
  /** The boot. */
  readonly bootId: string;
  /** When it was found, UTC. */
  readonly at: string;
}

/** An attempt whose end is known. */
export type EndedAttempt = Attempt & { readonly outcome: AttemptOutcome };

/** What the running system says of itself. */
export type RunningSystem = Pick<HostFacts, "release" | "cmdline" | "bootId" | "kexecBooted">;

/** A new attempt, at the moment before the reboot. */
export interface Departure {
  readonly id: string;
  readonly at: string;
  readonly user: string;
  readonly uid: number;
  readonly way: AttemptWay;
  readonly plan: Plan;
  readonly facts: RunningSystem;
  readonly watched: boolean;
  /** How the kernel of the image starts, where that is known. */
  readonly kernel?: KernelStart | undefined;
  /** How long the reboot is expected to take, where that is known. */
  readonly expected?: Expectation | undefined;
  /** The clocks now. */
  readonly clocks?: ClockReading | undefined;
}

/** The attempt to boot a loaded plan. By the call itself, or found under way, it leaves at once. */
export function attemptOf(departure: Departure): Attempt {
  const { id, at, user, uid, way, plan, facts, watched, kernel, expected, clocks } = departure;
  const { release, cmdline = "", bootId } = facts;
  return {
    format: "warmboot.attempt/1",
    id,
    askedAt: at,
    ...(way === "systemd" || way === "init" ? {} : { leftAt: at }),
    user,
    uid,
    way,
    profile: plan.profile,
    plan: bootDigest(plan.call),
    ...omitUndefined({ guard: plan.guard }),
    from: { release, cmdline, ...omitUndefined({ bootId }), watched },
    to: { ...omitUndefined({ release: plan.release }), cmdline: plan.call.cmdline, ...omitUndefined({ kernel }) },
    ...omitUndefined({ expected, timing: clocks === undefined ? undefined : { asked: clocks } }),
  };
}

/** What names of attempts look like. */
export const ATTEMPT_ID = /^\d{8}T\d{6}Z-[0-9a-f]{8}$/;

/** The name of an attempt: its time, and eight hex digits. */
export function attemptId(at: string, random: Uint8Array): string {
  return `${at.replaceAll(/[-:]/g, "")}-${random.subarray(0, 4).toHex()}`;
}

/**
 * How an attempt ended, seen from a later boot; undefined while the boot that it was asked in still runs. Never guesses: a
 * boot by the firmware is a fall back only where each boot is watched, and the old system was left for the image.
 */
export function judgeAttempt(
  { from, to, leftAt, way }: Attempt,
  running: RunningSystem,
): Pick<AttemptOutcome, "end" | "why"> | undefined {
  if (from.bootId === undefined || running.bootId === undefined) {
    return { end: "unknown", why: "The kernel does not say which boot this is" };
  }
  if (from.bootId === running.bootId) return undefined;
  const { kexecBooted } = running;
  const target = matchOf(to, running);
  const came = `${running.release} came up`;
  if (target !== "other" && (kexecBooted === true || kexecBooted === undefined && isDistinct(from, to, target))) {
    const by = target === "stamp" ? "with the stamp of the plan" : "with the command line of the plan";
    return { end: "arrived", why: `${came} ${by}${kexecBooted === true ? ", by kexec" : ""}` };
  }
  if (kexecBooted === true) return { end: "unknown", why: `${came} by kexec, from another image` };
  if (kexecBooted === undefined) return { end: "unknown", why: `${came}; this kernel does not say how it was started` };
  if (!from.watched) {
    return { end: "unknown", why: `${came} by the firmware; nothing watched the boots in between` };
  }
  if (leftAt === undefined && way === "init") {
    return { end: "unknown", why: `${came} by the firmware; whether the loaded image was started is not known` };
  }
  return leftAt === undefined
    ? { end: "firmware", why: `${came} by the firmware: the shutdown did not go on to the loaded image` }
    : {
      end: "fell-back",
      why: `${came} by the firmware: the jump to the loaded image was under way, and that did not report back`,
    };
}

/**
 * Of these attempts, the newest first: those whose end shows now, each with its outcome. What was tried before the newest, and
 * never looked at, is unknown. `wasStopped`: whether it was noted that services were stopped in a boot.
 */
export function judgeAttempts(
  attempts: readonly Attempt[],
  running: RunningSystem,
  at: string,
  uptime?: number,
  wasStopped: (bootId: string) => boolean = () => false,
): readonly EndedAttempt[] {
  const boot = running.bootId === undefined ? {} : { bootId: running.bootId };
  const last = attempts.findIndex(mayHaveBegun);
  return attempts.flatMap((attempt, index) => {
    const { outcome } = attempt;
    if (outcome !== undefined) {
      // Other reboots were only asked for since, in the system that it led to.
      const isLast = index === last && attempts.slice(0, last).every(({ from }) => from.bootId === outcome.bootId);
      return isLast ? comeBack(attempt, outcome, running, at, wasStopped) : [];
    }
    const verdict = index === 0 ? judgeAttempt(attempt, running) : NEVER_LOOKED_AT;
    if (verdict === undefined) return [];
    const clock = uptime === undefined || verdict.end !== "arrived" ? {} : { uptime };
    return [{ ...attempt, outcome: { ...verdict, at, ...boot, ...clock } }];
  });
}

/** Whether the old system may have been left for an attempt; with other init systems than systemd, nobody notes that. */
function mayHaveBegun({ outcome, leftAt, way }: Attempt): boolean {
  return outcome !== undefined || leftAt !== undefined || way === "init";
}

/** Adds to an attempt that arrived, and that nobody confirmed, which system came up after it. */
function comeBack(
  attempt: Attempt,
  outcome: AttemptOutcome,
  running: RunningSystem,
  at: string,
  wasStopped: (bootId: string) => boolean,
): readonly EndedAttempt[] {
  const { release, bootId, kexecBooted } = running;
  const isLater = bootId !== undefined && outcome.bootId !== undefined && outcome.bootId !== bootId;
  if (!isLater || outcome.cameBack !== undefined) return [];
  const verdict = unconfirmedEnd(attempt, outcome, running, wasStopped(outcome.bootId));
  if (verdict === undefined) return [];
  const how = kexecBooted === undefined ? "" : kexecBooted ? " by kexec" : " by the firmware";
  const why = `${verdict.why}; ${release} came up${how} after it`;
  return [{ ...attempt, outcome: { ...outcome, end: verdict.end, why, cameBack: { release, bootId, at } } }];
}

/**
 * How an attempt ended that arrived in another boot than this one; undefined where that is known. Where a process kept the
 * deadline of that boot, a shutdown would have been noted: without one, it was a reset, a panic or a power cut.
 */
function unconfirmedEnd(
  { guard, to }: Attempt,
  { end, why, deadline }: AttemptOutcome,
  running: RunningSystem,
  wasStopped: boolean,
): Pick<AttemptOutcome, "end" | "why"> | undefined {
  if (end === "not-confirmed") return { end, why };
  if (end !== "arrived" || guard?.confirm === undefined) return undefined;
  if (wasStopped || deadline === "stopped") {
    return { end, why: `${why}; it was shut down, or its guard ended by hand, before it was confirmed` };
  }
  // A kexec needs no shutdown.
  const { kexecBooted } = running;
  if (kexecBooted === true) return { end, why: `${why}; it was not confirmed` };
  const isOther = kexecBooted === false || matchOf(to, running) === "other";
  return deadline === "kept" && isOther
    ? { end: "fell-back", why: `${why}; it ended without a shutdown before it was confirmed` }
    : { end, why: `${why}; it was not confirmed, and whether it was shut down is not known` };
}

const NEVER_LOOKED_AT = { end: "unknown", why: "Another attempt was made before anyone looked" } as const;

/** What an end says of the plan: whether its system came up. Where it does not say, an earlier attempt still counts. */
const VERDICTS: { readonly [end in AttemptEnd]: "succeeded" | "failed" | undefined } = {
  arrived: "succeeded",
  confirmed: "succeeded",
  "not-confirmed": "failed",
  "fell-back": "failed",
  firmware: undefined,
  unknown: undefined,
};

function verdictOf({ end, cameBack }: AttemptOutcome): "succeeded" | "failed" | undefined {
  // It was to be confirmed, and was not.
  return end === "arrived" && cameBack !== undefined ? undefined : VERDICTS[end];
}

/** Whether an attempt shows that its plan does not come up. */
export function hasFailed({ outcome }: Attempt): boolean {
  return outcome !== undefined && verdictOf(outcome) === "failed";
}

/**
 * Whether nothing more is to come of an attempt: no boot, no confirmation, and no cold reboot because that was missing. A
 * boot that is over, and in which it arrived, can no longer be confirmed.
 */
export function isOver({ guard, outcome }: Attempt, { bootId }: RunningSystem): boolean {
  switch (outcome?.end) {
    case undefined:
      return false;
    case "arrived":
      return guard?.confirm === undefined || outcome.bootId !== bootId;
    case "not-confirmed":
      return outcome.cameBack !== undefined;
    case "confirmed":
    case "fell-back":
    case "firmware":
    case "unknown":
      return true;
  }
}

/** Of attempts, the newest first: the last one at each plan that says whether it comes up, where it says that it does not. */
export function failedAttempts(attempts: readonly Attempt[]): readonly EndedAttempt[] {
  const seen = new Set<string>();
  return attempts.flatMap((attempt) => {
    const { plan, outcome } = attempt;
    if (outcome === undefined || verdictOf(outcome) === undefined || seen.has(plan)) return [];
    seen.add(plan);
    return hasFailed(attempt) ? [{ ...attempt, outcome }] : [];
  });
}

/** By what the running system is what was to come. */
function matchOf(to: Attempt["to"], { release, cmdline = "" }: RunningSystem): "stamp" | "cmdline" | "other" {
  const stamp = stampIn(to.cmdline);
  if (stamp !== undefined) return stampIn(cmdline) === stamp ? "stamp" : "other";
  if (to.release !== undefined && to.release !== release) return "other";
  return isSameCmdline(cmdline, to.cmdline) ? "cmdline" : "other";
}

/** Whether arriving looks different from staying: by a stamp that the old system lacks, by its release or command line. */
function isDistinct(from: Attempt["from"], to: Attempt["to"], match: "stamp" | "cmdline"): boolean {
  if (match === "stamp") return stampIn(from.cmdline) !== stampIn(to.cmdline);
  return to.release !== undefined && to.release !== from.release || !isSameCmdline(from.cmdline, to.cmdline);
}

function isSameCmdline(running: string, declared: string): boolean {
  return diffParameters(withoutBootParameters(running, declared).cmdline, declared).length === 0;
}

const optional = { value: undefined };

/** How long an attempt took; undefined as long as it is not known how it ended, and where the clocks were not recorded. */
export function interruptionOfAttempt({ way, from, timing, outcome }: Attempt): Interruption | undefined {
  if (timing === undefined || outcome === undefined || outcome.end === "unknown") return undefined;
  // What is recorded is how long it took until the new system was up, whatever became of that.
  const end = outcome.cameBack === undefined ? outcome.end : "arrived";
  return interruptionOf({ end, atOnce: way === "now", watched: from.watched, timing });
}

/**
 * The attempts, with what the running boot shows of the one that ended in it; what is recorded of that stays. `read` is called
 * if there is one, with the boot that it left.
 */
export function withRunningBoot<Each extends Attempt>(
  attempts: readonly Each[],
  { bootId }: Pick<RunningSystem, "bootId">,
  read: (left: string | undefined) => BootTimes,
): readonly Each[] {
  if (bootId === undefined) return attempts;
  const at = attempts.findIndex(({ outcome }) => outcome?.bootId === bootId);
  const ended = attempts[at];
  if (ended?.timing === undefined || ended.outcome?.end === "unknown") return attempts;
  return attempts.with(at, { ...ended, timing: withBootTimes(ended.timing, read(ended.from.bootId)) });
}

/** The attempts that arrived and were measured, in their order. What was done at once stopped no services, and is omitted. */
export function measuredReboots(attempts: readonly Attempt[]): readonly MeasuredReboot[] {
  return attempts.flatMap((attempt) => {
    const { way, to: { kernel }, outcome } = attempt;
    const milliseconds = interruptionOfAttempt(attempt)?.milliseconds;
    const arrived = outcome?.end === "arrived" || outcome?.end === "confirmed";
    return way === "now" || !arrived || kernel === undefined || milliseconds === undefined
      ? []
      : [{ kernel, milliseconds }];
  });
}

/** The keys of an attempt. */
const FIELDS: Fields<Attempt> = {
  format: { shape: choice(["warmboot.attempt/1"]), doc: "The format of this document" },
  id: { shape: pattern("a time and eight hex digits", ATTEMPT_ID), doc: "Its name" },
  askedAt: { shape: text, doc: "When the reboot was asked for, UTC" },
  leftAt: { shape: text, doc: "When the shutdown into the image began, or the jump itself", fallback: optional },
  user: { shape: text, doc: "Who asked" },
  uid: { shape: count, doc: "The user's number" },
  way: {
    shape: choice(["systemd", "init", "now", "found"]),
    doc: "Who was asked, or `now` for the system call, or `found` for a shutdown that warmboot did not ask for",
  },
  profile: { shape: text, doc: "The profile of the image" },
  plan: {
    shape: pattern("16 hex digits", /^[0-9a-f]{16}$/),
    doc: "What boots: a digest of kernel, initrds and command line",
  },
  guard: { shape: plannedGuardShape, doc: "The guard of the plan", fallback: optional },
  oneShot: {
    shape: oneShotShape,
    doc: "What the boot loader was asked to boot once, until this attempt has ended well",
    fallback: optional,
  },
  from: {
    shape: record<Attempt["from"]>({
      release: { shape: text, doc: "The release of its kernel" },
      cmdline: { shape: anyText, doc: "Its command line" },
      bootId: { shape: text, doc: "Its boot", fallback: optional },
      watched: { shape: flag, doc: "Whether `warmboot arrive` ran in that boot" },
    }),
    doc: "The system that was left",
  },
  to: {
    shape: record<Attempt["to"]>({
      release: { shape: text, doc: "The release of its kernel, where the image states it", fallback: optional },
      cmdline: { shape: anyText, doc: "Its command line" },
      kernel: { shape: kernelStartShape, doc: "How its kernel starts", fallback: optional },
    }),
    doc: "The system that was to come",
  },
  expected: { shape: expectationShape, doc: "How long it was expected to take", fallback: optional },
  timing: { shape: timingShape, doc: "What was recorded of how long it took", fallback: optional },
  outcome: {
    shape: record<AttemptOutcome>({
      end: {
        shape: choice(["arrived", "confirmed", "not-confirmed", "fell-back", "firmware", "unknown"]),
        doc: "How it ended",
      },
      why: { shape: anyText, doc: "What showed it" },
      at: { shape: text, doc: "When that was found out, UTC" },
      bootId: { shape: text, doc: "The boot in which it was", fallback: optional },
      uptime: {
        shape: count,
        doc: "Where it arrived: how long that boot had run by then, seconds; `guard.confirm` counts from here",
        fallback: optional,
      },
      deadline: {
        shape: choice(["kept", "stopped"]),
        doc:
          "Where it arrived, with `guard.confirm`: whether a process keeps its deadline, or was stopped in order, with a " +
          "shutdown or by hand; absent: none did",
        fallback: optional,
      },
      cameBack: {
        shape: record<CameBack>({
          release: { shape: text, doc: "The release of its kernel" },
          bootId: { shape: text, doc: "The boot" },
          at: { shape: text, doc: "When it was found, UTC" },
        }),
        doc: "Where it arrived, and was not confirmed: what came up after it",
        fallback: optional,
      },
      evidence: { shape: evidenceShape, doc: "After a fall back: what was found about why", fallback: optional },
    }),
    doc: "How it ended; absent until a later boot has been looked at",
    fallback: optional,
  },
};

/** The shape of an attempt. */
export const attemptShape: Shape<Attempt> = record<Attempt>(FIELDS, "an attempt of warmboot");

/** Decodes an attempt. */
export function decodeAttempt(value: unknown, at: Path, report: Report): Attempt | undefined {
  return attemptShape.decode(value, at, report);
}

/** Whether an attempt matters to who looks at the host: it is open, or ended in this boot. */
export function isCurrent({ outcome }: Attempt, { bootId }: RunningSystem): boolean {
  return outcome === undefined || outcome.bootId === bootId;
}

/** The attempts of a host, the newest first: what `warmboot history -o json` prints. */
export interface History {
  /** The form of this document. */
  readonly format: "warmboot.history/1";
  /** The newest first. */
  readonly attempts: readonly PastAttempt[];
}

/** An attempt, and how long it took. */
export interface PastAttempt extends Attempt {
  /** How long it took; absent until it ended, and where the clocks were not recorded. */
  readonly interruption?: Interruption;
}

/** The history that these attempts are. */
export function historyOf(attempts: readonly Attempt[]): History {
  return {
    format: "warmboot.history/1",
    attempts: attempts.map((attempt) => {
      const interruption = interruptionOfAttempt(attempt);
      return interruption === undefined ? attempt : { ...attempt, interruption };
    }),
  };
}

/** The shape of an attempt, and of how long it took. */
export const pastAttemptShape: Shape<PastAttempt> = record<PastAttempt>({
  ...FIELDS,
  interruption: {
    shape: interruptionShape,
    doc: "How long it took; absent until it ended, and where the clocks were not recorded",
    fallback: optional,
  },
});

const historyShape: Shape<History> = record<History>({
  format: { shape: choice(["warmboot.history/1"]), doc: "The format of this document" },
  attempts: {
    shape: list(pastAttemptShape),
    doc: "The attempts, the newest first",
  },
});

/** The JSON Schema of `history -o json`. */
export function historySchema(): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot history",
    description: "What `warmboot history -o json` prints",
    ...historyShape.schema,
  };
}
