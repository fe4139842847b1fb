import type { HostFacts } from "../host/facts.ts";
import { driftOf } from "./drift.ts";
import { KEXEC_FILE_LOAD_FLAGS, KEXEC_LOAD_FLAGS } from "./flags.ts";
import type { Check, Plan } from "./plan.ts";
import { requiresOf } from "../profile/planned_requires.ts";
import { runRules } from "./rules/table.ts";
import type { Images } from "../image/boot_files.ts";

/** Whether a plan loads a crash image. */
export function isCrash({ call }: Plan): boolean {
  const bit = call.syscall === "kexec_load"
    ? KEXEC_LOAD_FLAGS.KEXEC_ON_CRASH
    : KEXEC_FILE_LOAD_FLAGS.KEXEC_FILE_ON_CRASH;
  return (BigInt(call.flagBits) & bit) !== 0n;
}

/**
 * A stored plan with its checks run again on the current host and files. Its call, reasons and host stay as they were
 * reviewed; whatever has changed since is a failed check.
 */
export function recheck(plan: Plan, facts: HostFacts, images: Images): Plan {
  const drift = driftOf(plan, facts, images);
  const same: Check = drift.length === 0
    ? { rule: "stored-plan", status: "pass", message: "Host and files have not changed since the plan was made" }
    : {
      rule: "stored-plan",
      status: "fail",
      message: `Since the plan was made, ${
        drift.map(({ what, planned, now }) => `${what} changed from ${planned} to ${now}`).join("; ")
      }`,
      hint: "Re-create the plan and review it",
    };
  const requires = plan.requires === undefined ? {} : { requires: requiresOf(plan.requires) };
  return {
    ...plan,
    checks: [same, ...runRules({ call: plan.call, crash: isCrash(plan), ...requires, facts, images })],
  };
}
