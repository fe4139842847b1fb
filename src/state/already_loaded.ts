import { compareText } from "../core/text.ts";
import { isMap } from "../core/shape.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Call, Plan } from "../plan/plan.ts";
import { PERMISSION_RULES } from "../plan/rules/permission.ts";
import { isCrash } from "../plan/stored.ts";
import { changesSince } from "./crash_status.ts";
import type { FoundRecord, LoadRecord } from "./record.ts";

/**
 * The record of what is loaded, if that is what the plan would load: undefined wherever there is a doubt. It takes a
 * record of this very boot, the kernel's word that an image of the kind is loaded, and the same call to the last digest;
 * for a crash image, that the memory and CPUs which it describes are still those of the host. That another program
 * unloaded the image and loaded one of its own since, the kernel does not tell.
 *
 * A plan with a failed check is none, except for checks of whether a call would be allowed: none is made.
 */
export function alreadyLoaded(plan: Plan, facts: HostFacts, found: FoundRecord): LoadRecord | undefined {
  if (found.kind !== "record") return undefined;
  const { record } = found;
  const loaded = isCrash(plan) ? facts.kexec.crashLoaded : facts.kexec.loaded;
  if (loaded !== true || isCrash(record.plan) !== isCrash(plan)) return undefined;
  if (facts.bootId === undefined || facts.bootId !== record.bootId) return undefined;
  if (plan.checks.some(({ rule, status }) => status === "fail" && !OF_THE_CALL.includes(rule))) return undefined;
  if (changesSince(record, facts, undefined).length > 0) return undefined;
  return isSameCall(plan.call, record.plan.call) ? record : undefined;
}

const OF_THE_CALL: readonly string[] = PERMISSION_RULES.map(({ name }) => name);

/** Whether two calls would hand the same bytes to the kernel in the same way. */
function isSameCall(a: Call, b: Call): boolean {
  return canonical(a) === canonical(b);
}

/** JSON with keys in order: a call that was stored may have them in another one. */
function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, each) =>
      isMap(each) ? Object.fromEntries(Object.entries(each).toSorted(([x], [y]) => compareText(x, y))) : each,
  );
}
