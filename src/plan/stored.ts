import type { Path } from "../core/diagnostic.ts";
import { VERSION } from "../core/program.ts";
import { isMap } from "../core/shape.ts";
import { shorten } from "../core/text.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Images } from "../image/boot_files.ts";
import { requiresOf } from "../profile/planned_requires.ts";
import type { Profile } from "../profile/profile.ts";
import { unbindOf } from "../profile/unbind_shape.ts";
import { RECREATE } from "./contradictions.ts";
import { declaredProfile } from "./declared.ts";
import { driftOf } from "./drift.ts";
import { KEXEC_FILE_LOAD_FLAGS, KEXEC_LOAD_FLAGS } from "./flags.ts";
import { lastingGuard } from "./guard.ts";
import type { PlanInput } from "./input.ts";
import type { Check, Plan } from "./plan.ts";
import { planBoot } from "./planner.ts";
import { runRules } from "./rules/table.ts";

/** Whether a plan loads a crash image. */
export function isCrash({ call }: Plan): boolean {
  const bit = call.syscall === "kexec_load"
    ? KEXEC_LOAD_FLAGS.KEXEC_ON_CRASH
    : KEXEC_FILE_LOAD_FLAGS.KEXEC_FILE_ON_CRASH;
  return (BigInt(call.flagBits) & bit) !== 0n;
}

/** The profile from which a stored plan is derived again; undefined for a plan that does not hold it. */
export function profileOfPlan(plan: Plan): Profile | undefined {
  return plan.declared === undefined ? undefined : declaredProfile(plan, plan.declared);
}

/**
 * Checks a stored plan against the current host and files: it is made again from the profile that it holds, and must come
 * out the same. So nothing that its text does not say is loaded, whatever was edited, and nothing that no longer fits. If it
 * passes, the result is the plan that was made again; else the stored one with a failed check, `stored-plan`.
 */
export function recheck(
  plan: Plan,
  facts: HostFacts,
  images: Images,
  partDigests: PlanInput["partDigests"] = new Map(),
  known: Pick<PlanInput, "failed" | "coldReboot"> = {},
): Plan {
  const fault = driftFault(plan, facts, images);
  const derived = fault ?? deriveAgain(plan, facts, images, { partDigests, ...known });
  if (derived.kind === "same") {
    const same: Check = {
      rule: "stored-plan",
      status: "pass",
      message: "Re-created from its profile, this host and these files, the plan is identical",
    };
    return { ...derived.plan, checks: [same, ...derived.plan.checks] };
  }
  const requires = plan.requires === undefined ? {} : { requires: requiresOf(plan.requires) };
  const preserved = plan.declared?.preservedState === undefined ? {} : { preservedState: plan.declared.preservedState };
  return {
    ...plan,
    checks: [
      { rule: "stored-plan", status: "fail", message: derived.message, hint: derived.hint },
      ...runRules({
        call: plan.call,
        crash: isCrash(plan),
        ...requires,
        ...preserved,
        unbind: unbindOf(plan.unbind).unbind,
        ...(plan.guard === undefined ? {} : { guard: plan.guard }),
        ...(plan.carry === undefined ? {} : { carry: plan.carry }),
        ...(known.failed === undefined ? {} : { failed: known.failed }),
        facts,
        images,
      }),
    ],
  };
}

/** Why a stored plan is refused. */
interface Fault {
  readonly kind: "fault";
  readonly message: string;
  readonly hint: string;
}

/** What obviously changed since the plan was made: the host, or a file. */
function driftFault(plan: Plan, facts: HostFacts, images: Images): Fault | undefined {
  const drift = driftOf(plan, facts, images);
  return drift.length === 0 ? undefined : {
    kind: "fault",
    message: `Since the plan was made, ${
      drift.map(({ what, planned, now }) => `${what} changed from ${planned} to ${now}`).join("; ")
    }`,
    hint: "Re-create the plan and review it",
  };
}

/** The plan made again, or how it differs from the stored one. */
function deriveAgain(
  plan: Plan,
  facts: HostFacts,
  images: Images,
  known: Pick<PlanInput, "partDigests" | "failed" | "coldReboot">,
): { readonly kind: "same"; readonly plan: Plan } | Fault {
  const profile = profileOfPlan(plan);
  if (profile === undefined) {
    return {
      kind: "fault",
      message: "The plan does not hold what its profile declares (`declared`), so it cannot be verified",
      hint: "It was made by an older version of warmboot, or edited: re-create it with `warmboot plan`",
    };
  }
  const { value, diagnostics } = planBoot({
    profile,
    facts: withCursor(facts, plan),
    images,
    ...known,
  });
  if (value === undefined) {
    const first = diagnostics.find(({ severity }) => severity === "error");
    return {
      kind: "fault",
      message: `The plan cannot be made again from its profile, this host and these files: ${
        first?.message ?? "the planner gives no reason"
      }`,
      hint: RECREATE,
    };
  }
  const difference = firstDifference(compared(plan), compared(value), []);
  return difference === undefined ? { kind: "same", plan: value } : differenceFault(difference, plan);
}

/**
 * The text cursor in screen_info is where the running kernel's console happened to begin: it describes no property of the
 * host, and changes with each boot. The plan's own is taken.
 */
function withCursor(facts: HostFacts, { call }: Plan): HostFacts {
  const planned = call.syscall === "kexec_load" ? call.segments.find(({ name }) => name === "boot_params") : undefined;
  if (facts.bootParams === undefined || planned?.source.kind !== "bytes") return facts;
  const bootParams = facts.bootParams.slice();
  bootParams.set(Uint8Array.fromBase64(planned.source.base64).subarray(0, CURSOR_LENGTH));
  return { ...facts, bootParams };
}

/** orig_x and orig_y of struct screen_info (include/uapi/linux/screen_info.h), the first bytes of boot_params. */
const CURSOR_LENGTH = 2;

/**
 * What must be the same: all but the verdicts of the moment, what the boot loader would boot at that moment, the running
 * command line, which is already resolved in `declared`, and the version that made the plan.
 */
function compared(
  { checks: _checks, warmboot: _warmboot, host: { cmdline: _cmdline, ...host }, guard, ...rest }: Plan,
): unknown {
  return { ...rest, ...(guard === undefined ? {} : { guard: lastingGuard(guard) }), host };
}

interface Difference {
  readonly at: Path;
  readonly planned: unknown;
  readonly derived: unknown;
}

function firstDifference(planned: unknown, derived: unknown, at: Path): Difference | undefined {
  if (Array.isArray(planned) && Array.isArray(derived)) {
    const longest = Math.max(planned.length, derived.length);
    return first(
      Array.from({ length: longest }, (_, index) => index),
      (index) => firstDifference(planned[index], derived[index], [...at, index]),
    );
  }
  if (isMap(planned) && isMap(derived)) {
    const keys = [...new Set([...Object.keys(planned), ...Object.keys(derived)])];
    return first(keys, (key) => firstDifference(planned[key], derived[key], [...at, key]));
  }
  return planned === derived ? undefined : { at, planned, derived };
}

function first<T>(items: readonly T[], differ: (item: T) => Difference | undefined): Difference | undefined {
  for (const item of items) {
    const found = differ(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function differenceFault({ at, planned, derived }: Difference, { warmboot, call }: Plan): Fault {
  const [, list, index, ...field] = at;
  const segment = list === "segments" && typeof index === "number" && call.syscall === "kexec_load"
    ? call.segments[index]
    : undefined;
  const path = segment === undefined || field.length === 0 ? at : field;
  const text = path.map((part) => typeof part === "number" ? `[${part}]` : `.${part}`).join("").slice(1);
  const where = `${path === at ? "" : `segment "${segment?.name}": `}\`${text}\``;
  const cause = warmboot === VERSION
    ? "The plan is not what its profile, this host and these files give"
    : `The plan was made by another version of warmboot (${
      warmboot ?? "unknown"
    }), and this one (${VERSION}) makes a different plan`;
  return {
    kind: "fault",
    message: `${cause}: ${where} is ${shownValue(planned)}, not ${shownValue(derived)}`,
    hint: `The plan was edited, or the host's memory, firmware or devices changed. ${RECREATE}`,
  };
}

function shownValue(value: unknown): string {
  return value === undefined ? "absent" : shorten(JSON.stringify(value));
}
