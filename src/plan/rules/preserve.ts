import { isSince } from "../../core/release.ts";
import type { HostFacts } from "../../host/facts.ts";
import type { Call } from "../plan.ts";
import { fail, pass, type Rule, type RuleInput, warn } from "./rule.ts";

const GUIDE = "docs/preserve-context.md";

const jump: Rule = {
  name: "preserve-context",
  about: "The running kernel can resume after a payload returns (CONFIG_KEXEC_JUMP, x86 only)",
  exit: "unavailable",
  check(input) {
    if (!preserves(input)) return undefined;
    const { facts, images } = input;
    if (facts.machine !== "x86_64") {
      return fail(`The kernel of this ${facts.machine} host cannot resume after a payload: only x86 kernels can`);
    }
    const built = hasJump(facts);
    if (built === false) {
      return fail(
        `The running kernel ${facts.release} cannot resume after a payload (CONFIG_KEXEC_JUMP is not set)`,
        "Boot a kernel that has CONFIG_KEXEC_JUMP; Debian's kernels lack it, Ubuntu's have it",
      );
    }
    if (images.kernel !== undefined) {
      return fail(
        "This version of warmboot supports `preserve_context` for explicit segments only, not for a kernel",
        "Give the payload as `segments` with `entry`, or remove `preserve_context`",
      );
    }
    return built === undefined
      ? warn(
        "Cannot determine whether the running kernel can resume after a payload (CONFIG_KEXEC_JUMP)",
        "If it cannot, it refuses the load with EINVAL, which does no harm",
      )
      : pass("The running kernel can resume after a payload (CONFIG_KEXEC_JUMP)");
  },
};

/** The first version that keeps the entry point, and is known to return correctly; stable updates fixed older ones. */
const KEEPS_ENTRY = [6, 14] as const;
/** No stable update fixed versions below this one. */
const RETURNS_AT_ALL = [6, 2] as const;

/**
 * arch/x86/kernel/relocate_kernel_64.S. Up to 6.1 (read in 6.1.176) the kernel returns without a descriptor table, and
 * faults at its next segment load. 6.12.107 loads the table, but takes the next entry point from the payload's stack,
 * where the payload must leave it; since 6.14 the kernel keeps the old one itself.
 */
const wayBack: Rule = {
  name: "preserve-return",
  about: "The running kernel survives the return of a payload; says whether it keeps the entry point for the next exec",
  exit: "unavailable",
  check(input) {
    if (!preserves(input) || input.facts.machine !== "x86_64") return undefined;
    const { release } = input.facts;
    const keeps = keepsEntry(release);
    if (keeps === undefined) return undefined;
    if (keeps) return pass("The running kernel keeps a payload's entry point for the next exec");
    if (isSince(release, RETURNS_AT_ALL) === false) {
      return fail(
        `The running kernel ${release} would crash when the payload returns: kernels before 6.2 lose their descriptor table`,
        `Boot a newer kernel with CONFIG_KEXEC_JUMP, preferably 6.14 or later; see ${GUIDE}`,
      );
    }
    return pass(
      isReentrant(input.call)
        ? `The running kernel ${release} takes the next entry point from the payload's stack, and the profile says ` +
          "that the payload leaves it there"
        : `The running kernel ${release} takes the next entry point from the payload's stack: the image must be loaded ` +
          "again before each further exec, unless the profile says `reentrant: true`",
    );
  },
};

const unverified: Rule = {
  name: "preserve-checksum",
  about: "Reports that a payload that returns is entered directly, without a checksum before the jump",
  exit: "unavailable",
  check(input) {
    if (!preserves(input) || input.images.kernel !== undefined) return undefined;
    return pass(
      "The payload is entered directly: if it changes its own memory, a checksum would fail at the next exec",
    );
  },
};

/** The rules about an image that preserves the running system. */
export const PRESERVE_RULES: readonly Rule[] = [jump, wayBack, unverified];

/**
 * Whether a kernel keeps the entry point of a payload that returns, so that it can run again as it is; undefined for a
 * release that is not understood.
 */
export function keepsEntry(release: string): boolean | undefined {
  return isSince(release, KEEPS_ENTRY);
}

/** Whether the profile says that the payload leaves its next entry point. */
export function isReentrant(call: Call): boolean {
  return call.syscall === "kexec_load" && call.reentrant === true;
}

function preserves({ call }: RuleInput): boolean {
  return call.flags.includes("KEXEC_PRESERVE_CONTEXT");
}

/**
 * Whether the kernel is built with CONFIG_KEXEC_JUMP. A configuration omits options whose dependencies are not met (this
 * one needs CONFIG_HIBERNATION): where CONFIG_KEXEC_CORE is known, an option that is missing is not set.
 */
function hasJump({ kernelConfig }: HostFacts): boolean | undefined {
  const value = kernelConfig.CONFIG_KEXEC_JUMP;
  if (value === undefined) return kernelConfig.CONFIG_KEXEC_CORE === undefined ? undefined : false;
  return value !== "n";
}
