import { failedPlanOf } from "../failed_plan.ts";
import { fail, type Rule } from "./rule.ts";

/** The rule that keeps a machine from falling again and again. It applies where the attempts of the host are known. */
export const ATTEMPT_FAILED: Rule = {
  name: "attempt-failed",
  about: "The last reboot of this host into the same plan, if there was one, succeeded",
  exit: "unavailable",
  check({ call, crash, failed = [], images: { initrd } }) {
    const last = crash ? undefined : failedPlanOf(call, failed);
    return last === undefined ? undefined : fail(
      `The last reboot into this plan, asked for at ${last.askedAt}, ${last.how}`,
      `See \`warmboot history\`. ${initrd.some(({ overlay }) => overlay?.isOpen === true) ? SECRETS : OTHERS}`,
    );
  },
};

const OTHERS = "`--force` tries it again; a plan with another kernel, initrd or command line is not refused";

/** Nothing that is kept of a plan depends on its secrets. */
const SECRETS =
  "A plan is the same whatever its keys and secrets are: if one of them was wrong, `--force` tries it again";
