import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import { diffPlans } from "../diff/compare.ts";
import { runningSide } from "../diff/side.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Profile } from "../profile/profile.ts";
import { StoreError } from "../state/record_store.ts";
import { type RebootEvidence, type RebootNeed, rebootNeedOf } from "../state/reboot_need.ts";
import { preservesContext } from "../state/round_trip.ts";
import { readHistory } from "./attempts.ts";
import { rebootWay } from "./exec.ts";
import type { Reading } from "./image_file.ts";
import { prepareFrom, readSource, wantedBy } from "./prepare.ts";
import { readFacts } from "./read_facts.ts";

/** Whether a reboot is needed, or why there is no plan. */
export type FoundNeed = { readonly need: RebootNeed | undefined; readonly diagnostics: readonly Diagnostic[] };

/**
 * Whether this host is to be rebooted into a profile or a stored plan: what runs is not what is declared, and the plan is
 * ready. Changes nothing. Needs `--allow-all`.
 */
export async function rebootNeeded(word: string, onReading?: Reading): Promise<FoundNeed> {
  const { source, diagnostics } = readSource(word, true);
  if (source === undefined || hasErrors(diagnostics)) return { need: undefined, diagnostics };
  using prepared = await prepareFrom(source, readFacts(undefined, wantedBy(source)), { onReading });
  const found = [...diagnostics, ...prepared.diagnostics];
  const { plan, facts } = prepared;
  if (plan === undefined || facts === undefined || hasErrors(found)) return { need: undefined, diagnostics: found };
  const profile = source.kind === "profile" ? source.profile : undefined;
  const way = rebootWay(facts, false, preservesContext(plan), {
    unbind: plan.unbind !== undefined,
    watchdog: plan.guard?.watchdog !== undefined,
  });
  const need = rebootNeedOf({
    name: word,
    plan,
    facts,
    diff: diffPlans({ kind: source.kind, name: word, plan }, runningSide(facts)),
    cmdline: profile?.cmdline,
    attempts: attemptsOf(facts),
    unseen: profile === undefined ? undefined : unseenOf(profile),
    noCleanWay: way.kind === "no-clean-way" ? way.message : undefined,
  });
  return { need, diagnostics: found };
}

/** The attempts of this host. One that cannot be read may be the one that failed. */
function attemptsOf(facts: HostFacts): RebootEvidence["attempts"] {
  try {
    const { history: { attempts }, problems: [problem] } = readHistory(facts);
    return problem === undefined ? { known: attempts } : { unknown: problem };
  } catch (error) {
    if (error instanceof StoreError) return { unknown: error.message };
    throw error;
  }
}

/**
 * What a profile depends on that belongs to a container, where this process was started from one: kured's commands enter the
 * mounts of the host, and nothing else.
 */
function unseenOf({ requires, carry }: Profile): string | undefined {
  const [what] = [
    ...(requires?.hostname !== undefined && isElsewhere("uts") ? ["the host's name"] : []),
    ...(carry.includes("network") && isElsewhere("net") ? ["the host's network"] : []),
  ];
  return what === undefined
    ? undefined
    : `This process is in a container and does not see ${what}, on which the profile depends. ` +
      "Start it with `nsenter --target 1 --uts --net -- warmboot ...`";
}

/** Whether this process has another namespace of a kind than PID 1. Where that cannot be read, it is not known to. */
function isElsewhere(kind: "uts" | "net"): boolean {
  try {
    return Deno.readLinkSync(`/proc/self/ns/${kind}`) !== Deno.readLinkSync(`/proc/1/ns/${kind}`);
  } catch {
    return false;
  }
}
