import { compareText } from "../core/text.ts";
import { isMap } from "../core/shape.ts";
import type { HostFacts } from "../host/facts.ts";
import { lastingGuard } from "../plan/guard.ts";
import type { Call, Plan } from "../plan/plan.ts";
import { PERMISSION_RULES } from "../plan/rules/permission.ts";
import { isCrash } from "../plan/stored.ts";
import { changesSince } from "./crash_status.ts";
import { type FoundRecord, type LoadRecord, type RecordedOverlay, recordOfBoot } from "./record.ts";
import { isSpent } from "./round_trip.ts";

/**
 * The record of what is loaded, if that is what the plan would load; undefined in case of doubt. Requires a record of this
 * boot, the kernel's report that such an image is loaded, and an identical call, digests included; for a crash image also
 * that the memory and CPUs that it describes are still those of the host. A payload that has run and cannot run again is
 * not taken for loaded. `overlays`: what archives hold that the plan does not state. The kernel does not show whether another program has replaced the image since.
 *
 * A plan with a failed check is never loaded already, except if the check is about permission for a call: none is made.
 */
export function alreadyLoaded(
  plan: Plan,
  facts: HostFacts,
  found: FoundRecord,
  overlays: readonly RecordedOverlay[] = [],
): LoadRecord | undefined {
  const record = recordOfBoot(facts, found);
  if (record === undefined) return undefined;
  const loaded = isCrash(plan) ? facts.kexec.crashLoaded : facts.kexec.loaded;
  if (loaded !== true || isCrash(record.plan) !== isCrash(plan)) return undefined;
  if (plan.checks.some(({ rule, status }) => status === "fail" && !OF_THE_CALL.includes(rule))) return undefined;
  if (isSpent(record, facts)) return undefined;
  if (changesSince(record, facts, undefined).length > 0) return undefined;
  return isSameImage(plan, record.plan) && hasSameSecrets(plan, record, overlays) ? record : undefined;
}

/** Whether what a plan does not state of its archives is the same. */
function hasSameSecrets(plan: Plan, record: LoadRecord, overlays: readonly RecordedOverlay[]): boolean {
  const open = (plan.overlays ?? []).filter(({ sha256 }) => sha256 === undefined);
  return open.every(({ path }) => {
    const keyed = overlays.find((each) => each.path === path)?.keyed;
    return keyed !== undefined && record.overlays?.find((each) => each.path === path)?.keyed === keyed;
  });
}

const OF_THE_CALL: readonly string[] = PERMISSION_RULES.map(({ name }) => name);

/** Whether two plans would load the same, take the same devices from their drivers before it is booted, and guard it alike. */
export function isSameImage(a: Plan, b: Plan): boolean {
  return isSameCall(a.call, b.call) && canonical(a.unbind) === canonical(b.unbind) &&
    canonical(a.unlock) === canonical(b.unlock) &&
    canonical(lasting(a.guard)) === canonical(lasting(b.guard));
}

function lasting(guard: Plan["guard"]): Plan["guard"] {
  return guard === undefined ? undefined : lastingGuard(guard);
}

/** Whether two calls would hand the same bytes to the kernel in the same way. */
export function isSameCall(a: Call, b: Call): boolean {
  return canonical(a) === canonical(b);
}

/** JSON with sorted keys: those of a stored call may be in another order. */
function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, each) =>
      isMap(each) ? Object.fromEntries(Object.entries(each).toSorted(([x], [y]) => compareText(x, y))) : each,
  );
}
