import { redactedParameters } from "../../host/redaction.ts";
import { fail, type Rule, warn } from "./rule.ts";

const cmdlineRedacted: Rule = {
  name: "cmdline-redacted",
  about: "The command line has the values that a redacted capture leaves out",
  exit: "unavailable",
  check({ call, facts }) {
    const names = redactedParameters(call.cmdline);
    if (names.length === 0) return undefined;
    const message = `The command line lacks the ${names.length === 1 ? "value" : "values"} of ${
      names.map((name) => `\`${name}\``).join(", ")
    }, which the capture leaves out`;
    // In a review that is expected; the next kernel is never given such a line.
    return facts.redacted === true
      ? warn(message, "Plan on the host itself to see the command line, and to load it")
      : fail(message, "Re-create the plan on the host itself");
  },
};

const placementRedacted: Rule = {
  name: "placement-redacted",
  about: "On arm64, the capture shows where the running kernel is, which decides where segments may lie",
  exit: "unavailable",
  check({ call, crash, facts }) {
    if (facts.redacted !== true || facts.machine !== "aarch64" || crash || call.syscall !== "kexec_load") {
      return undefined;
    }
    return warn(
      "On the host, segments may have other addresses: the capture leaves out where the running kernel is",
      "Make plans that are to be stored on the host itself, or from a capture that is not redacted",
    );
  },
};

/** The rules about what a redacted capture leaves out. */
export const REDACTED_RULES: readonly Rule[] = [cmdlineRedacted, placementRedacted];
