import { failedPlanOf } from "../failed_plan.ts";
import { fail, type Rule } from "./rule.ts";

/** The rule that keeps a machine from falling again and again. It applies where the attempts of the host are known. */
export const ATTEMPT_FAILED: Rule = {
  name: "attempt-failed",
  about: "The last reboot of this host into the same plan, if there was one, succeeded",
  exit: "unavailable",
  check({ call, crash, failed = [] }) {
    const last = crash ? undefined : failedPlanOf(call, failed);
    return last === undefined ? undefined : fail(
      `The last reboot into this plan, asked for at ${last.askedAt}, ${last.how}`,
      "See `warmboot history`. `--force` tries it again; a plan with another kernel, initrd or command line is not refused",
    );
  },
};
