import type { HostFacts } from "../../host/facts.ts";
import { fail, pass, type Rule, type RuleInput, warn } from "./rule.ts";

const GUIDE = "docs/preserve-context.md";

const jump: Rule = {
  name: "preserve-context",
  about: "The running kernel can come back from a payload, and the payload can return (CONFIG_KEXEC_JUMP, x86 only)",
  exit: "unavailable",
  check(input) {
    if (!preserves(input)) return undefined;
    const { facts, images } = input;
    if (facts.machine !== "x86_64") {
      return fail(`The kernel of this ${facts.machine} host cannot come back from a payload: only x86 kernels can`);
    }
    const built = hasJump(facts);
    if (built === false) {
      return fail(
        `The running kernel ${facts.release} cannot come back from a payload (CONFIG_KEXEC_JUMP is not set)`,
        "Boot a kernel that has CONFIG_KEXEC_JUMP; Debian's have it not, Ubuntu's have it",
      );
    }
    if (images.kernel !== undefined) {
      return fail(
        "This version of warmboot comes back from explicit payloads only, not from a kernel",
        "Give the payload as `segments` with `entry`, or take out `preserve_context`",
      );
    }
    return built === undefined
      ? warn(
        "Whether the running kernel can come back from a payload (CONFIG_KEXEC_JUMP) is not known",
        "If it cannot, it refuses the load with EINVAL, and nothing else happens",
      )
      : pass("The running kernel can come back from a payload (CONFIG_KEXEC_JUMP)");
  },
};

/** The first version whose way back is known to be whole; stable updates brought it to some before. */
const RETURNS_WELL = 6_014;
/** What the stable updates brought reached no version below this one. */
const RETURNS_AT_ALL = 6_002;

/**
 * arch/x86/kernel/relocate_kernel_64.S. Up to 6.1 (read in 6.1.176) the kernel comes back without a descriptor table, and
 * faults at its next segment load. 6.12.107 loads the table, but takes the next entry point from the payload's stack,
 * where nothing lies unless the payload leaves it; since 6.14 the kernel puts the old one there itself.
 */
const wayBack: Rule = {
  name: "preserve-return",
  about: "The running kernel survives the return of a payload, and knows where to enter it the next time",
  exit: "unavailable",
  check(input) {
    if (!preserves(input) || input.facts.machine !== "x86_64") return undefined;
    const { release } = input.facts;
    const version = versionOf(release);
    if (version === undefined) return undefined;
    if (version >= RETURNS_WELL) return pass("The running kernel keeps a payload's entry point for the next time");
    if (version < RETURNS_AT_ALL) {
      return fail(
        `The running kernel ${release} would crash when the payload returns: kernels before 6.2 lose their descriptor table`,
        `Boot a newer kernel with CONFIG_KEXEC_JUMP, best 6.14 or later; see ${GUIDE}`,
      );
    }
    return warn(
      `The running kernel ${release} looks for the next entry point on the payload's stack; after a payload that leaves ` +
        "none there (a bare `ret`), a second exec crashes the system",
      `Let the payload leave it, as examples/preserve.yaml does, or load the image anew before every exec; see ${GUIDE}`,
    );
  },
};

const unverified: Rule = {
  name: "preserve-checksum",
  about: "Says that a payload that returns is entered directly, without a check of its bytes before the jump",
  exit: "unavailable",
  check(input) {
    if (!preserves(input) || input.images.kernel !== undefined) return undefined;
    return pass("The payload is entered directly: what it changed of itself would fail a checksum at the next exec");
  },
};

/** The rules about an image from which the running system comes back. */
export const PRESERVE_RULES: readonly Rule[] = [jump, wayBack, unverified];

function preserves({ call }: RuleInput): boolean {
  return call.flags.includes("KEXEC_PRESERVE_CONTEXT");
}

/**
 * Whether the kernel is built with CONFIG_KEXEC_JUMP. A configuration leaves out the options whose conditions are not met
 * (this one needs CONFIG_HIBERNATION), so that where CONFIG_KEXEC_CORE is known, what is not named is not set.
 */
function hasJump({ kernelConfig }: HostFacts): boolean | undefined {
  const value = kernelConfig.CONFIG_KEXEC_JUMP;
  if (value === undefined) return kernelConfig.CONFIG_KEXEC_CORE === undefined ? undefined : false;
  return value !== "n";
}

/** 6.12.107+deb13-amd64 as 6012. */
function versionOf(release: string): number | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return major === undefined || minor === undefined ? undefined : Number(major) * 1000 + Number(minor);
}
