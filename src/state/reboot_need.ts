import type { HostFacts } from "../host/facts.ts";
import type { Diff } from "../diff/diff.ts";
import type { Plan } from "../plan/plan.ts";
import { isCrash } from "../plan/stored.ts";
import { bootDigest } from "../plan/stamp.ts";
import { resolveCmdline } from "../profile/cmdline/resolve.ts";
import type { CmdlineSpec } from "../profile/profile.ts";
import type { AttemptEnd, PastAttempt } from "./attempt.ts";
import { preservesContext } from "./round_trip.ts";

/** Whether a host is to be rebooted into what is declared. */
export type RebootNeedKind =
  /** What runs is not what is declared, and the plan is ready. */
  | "needed"
  /** What runs is what is declared. */
  | "running"
  /** What runs is not what is declared, and a reboot would be refused, or would not lead there. */
  | "not-ready"
  /** It cannot be determined. */
  | "undetermined";

/** The need of a reboot, with a sentence about it. */
export interface RebootNeed {
  readonly kind: RebootNeedKind;
  /** Why; one line for people. */
  readonly message: string;
}

/** What decides whether a reboot is needed. */
export interface RebootEvidence {
  /** What the user called the profile or the plan. */
  readonly name: string;
  readonly plan: Plan;
  /** How the running system differs from the plan. */
  readonly diff: Diff;
  readonly facts: HostFacts;
  /** The command line as the profile has it; undefined for a stored plan, whose command line is fixed. */
  readonly cmdline?: CmdlineSpec | undefined;
  /** The attempts of this host, the newest first, or why they cannot be read. */
  readonly attempts: { readonly known: readonly PastAttempt[] } | { readonly unknown: string };
  /** What the profile depends on and this process does not see, as a sentence; undefined where it sees everything. */
  readonly unseen?: string | undefined;
  /** Why the init system cannot be asked to reboot, as a sentence; undefined where it can. */
  readonly noCleanWay?: string | undefined;
}

/**
 * Whether a reboot into a plan is needed, and would lead there: only then is it `needed`, so that nobody empties a host for a
 * reboot that is refused, or that comes again and again. Pure.
 */
export function rebootNeedOf(evidence: RebootEvidence): RebootNeed {
  for (const look of LOOKS) {
    const found = look(evidence);
    if (found !== undefined) return found;
  }
  const { name, facts } = evidence;
  const message = `${facts.release} runs, which is not what ${name} declares, and the plan is ready`;
  return { kind: "needed", message };
}

type Look = (evidence: RebootEvidence) => RebootNeed | undefined;

/** What is looked at, in this order: the first that finds something decides. */
const LOOKS: readonly Look[] = [
  ({ name, plan }) =>
    isCrash(plan)
      ? { kind: "not-ready", message: `${name} is for a crash kernel, which boots on a panic and not by a reboot` }
      : undefined,
  ({ name, plan }) =>
    preservesContext(plan)
      ? { kind: "not-ready", message: `${name} comes back to the running system, so it is not rebooted into` }
      : undefined,
  ({ unseen }) => unseen === undefined ? undefined : { kind: "undetermined", message: unseen },
  isRunning,
  hasArrived,
  ({ attempts }) => "unknown" in attempts ? { kind: "undetermined", message: attempts.unknown } : undefined,
  ({ name, plan }) => {
    const failed = plan.checks.filter(({ status }) => status === "fail");
    const [first] = failed;
    if (first === undefined) return undefined;
    const rules = failed.map(({ rule }) => rule).join(", ");
    return { kind: "not-ready", message: `The plan of ${name} is not ready (${rules}). ${first.message}` };
  },
  ({ noCleanWay }) => noCleanWay === undefined ? undefined : { kind: "not-ready", message: noCleanWay },
  isUnconfirmed,
  hasEndedElsewhere,
  asksAtLoad,
  doesNotConverge,
];

/** What runs is what is declared, or it does not say what it is. */
function isRunning({ name, diff, facts: { release } }: RebootEvidence): RebootNeed | undefined {
  if (!diff.same) return undefined;
  if (diff.certain) return { kind: "running", message: `${release} runs as ${name} declares: its stamp says so` };
  const unknown = diff.unknown.find(({ what }) => what === "the kernel's release" || what === "the command line");
  if (unknown === undefined) {
    return { kind: "running", message: `${release} runs as ${name} declares, by release and command line` };
  }
  const why = `${unknown.side} does not say ${unknown.what}. Set \`stamp: true\` in the profile`;
  return { kind: "undetermined", message: `Cannot determine whether what ${name} declares is running: ${why}` };
}

/** This boot came from a reboot into the very plan, though it looks different: another one would end the same way. */
function hasArrived({ name, plan, facts, attempts }: RebootEvidence): RebootNeed | undefined {
  const last = lastHere(attempts, facts);
  if (last === undefined || !ARRIVED.includes(last.outcome?.end) || last.plan !== bootDigest(plan.call)) {
    return undefined;
  }
  return { kind: "running", message: `This boot is the one that the plan of ${name} led into, at ${last.askedAt}` };
}

const ARRIVED: readonly (AttemptEnd | undefined)[] = ["arrived", "confirmed"];

/** The newest attempt, if it ended in this boot. */
function lastHere(attempts: RebootEvidence["attempts"], { bootId }: HostFacts): PastAttempt | undefined {
  const [last] = "known" in attempts ? attempts.known : [];
  return bootId !== undefined && last?.outcome?.bootId === bootId ? last : undefined;
}

/** A system on trial: its guard decides first whether it stays. */
function isUnconfirmed({ facts, attempts }: RebootEvidence): RebootNeed | undefined {
  const last = lastHere(attempts, facts);
  return last?.guard?.confirm !== undefined && last.outcome?.end === "arrived"
    ? {
      kind: "not-ready",
      message: "The running system is not confirmed yet. Wait for its guard, or run `warmboot confirm`",
    }
    : undefined;
}

/** The last reboot into the same plan ended in this boot, and not in its system. The next one would end the same way. */
function hasEndedElsewhere({ name, plan, facts, attempts }: RebootEvidence): RebootNeed | undefined {
  const last = lastHere(attempts, facts);
  if (last?.outcome === undefined || last.plan !== bootDigest(plan.call)) return undefined;
  const { why } = last.outcome;
  const next = "Reboot by hand to have it tried again";
  return { kind: "not-ready", message: `The last reboot into the plan of ${name} did not lead there: ${why}. ${next}` };
}

/** Nobody may be there to answer. */
function asksAtLoad({ name, plan }: RebootEvidence): RebootNeed | undefined {
  const key = plan.unlock?.some(({ key }) => key.kind === "ask") ?? false;
  const file = plan.overlays?.some(({ files }) => files.some(({ from }) => from.startsWith(ASKED))) ?? false;
  return key || file
    ? { kind: "not-ready", message: `Loading ${name} asks for a secret, and nobody may be there to answer` }
    : undefined;
}

/** What the plan says first of a content that somebody is asked for; other contents have a path or a word there. */
const ASKED = "asked: ";

/** A command line that is changed again in the system that it boots would ask for a reboot after each reboot. */
function doesNotConverge({ name, plan, facts, cmdline }: RebootEvidence): RebootNeed | undefined {
  if (cmdline?.kind !== "edit" || cmdline.reuse !== true) return undefined;
  const resolved = (running: string | undefined) =>
    resolveCmdline(cmdline, { crash: false, ...(running === undefined ? {} : { running }) }).value;
  return resolved(facts.cmdline) === resolved(plan.call.cmdline) ? undefined : {
    kind: "not-ready",
    message: `The command line of ${name} would differ again after the reboot. Use \`set\` instead of \`append\``,
  };
}
