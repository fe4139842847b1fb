import type { ExitName } from "../../core/program.ts";
import type { HostFacts } from "../../host/facts.ts";
import type { Requires, UnbindTarget } from "../../profile/profile.ts";
import type { PlannedCarry } from "../carry/planned_carry.ts";
import type { FailedPlan } from "../failed_plan.ts";
import type { PlannedGuard } from "../guard.ts";
import type { Call } from "../plan.ts";
import type { UnlockOutcome } from "../unlock/unlock.ts";
import type { Images } from "../../image/boot_files.ts";

/** What a rule sees: the call that would be made, the files it reads, and the host. */
export interface RuleInput {
  readonly call: Call;
  readonly crash: boolean;
  /** Whether what the running kernel preserves over kexec may be lost; absent where it is to be kept. */
  readonly preservedState?: "discard";
  /** What the profile requires of the host. */
  readonly requires?: Requires;
  /** The devices that are taken from their drivers just before the jump. */
  readonly unbind?: readonly UnbindTarget[];
  /** What the next initrd makes of the volumes that it is to open. */
  readonly unlock?: readonly UnlockOutcome[];
  /** The way back if the new system does not come up. */
  readonly guard?: PlannedGuard;
  /** What of the running system the next initrd gets. */
  readonly carry?: PlannedCarry;
  /** The plans whose last attempt on this host failed; absent where that is not known. */
  readonly failed?: readonly FailedPlan[];
  /** Why the kernel stays packed, where the profile insists on the opposite (`predecompress: true`). */
  readonly packed?: string;
  readonly facts: HostFacts;
  readonly images: Images;
}

/** What a rule found. */
export interface Verdict {
  readonly status: "pass" | "warn" | "fail";
  readonly message: string;
  readonly hint?: string;
}

/** One safety check: a row of the rule table. */
export interface Rule {
  readonly name: string;
  /** What it ensures, for the documentation. */
  readonly about: string;
  /** The exit code when it alone fails. */
  readonly exit: ExitName;
  /** Undefined: it does not apply. */
  check(input: RuleInput): Verdict | undefined;
}

/** A passing verdict. */
export function pass(message: string): Verdict {
  return { status: "pass", message };
}

/** A verdict that warns. */
export function warn(message: string, hint?: string): Verdict {
  return { status: "warn", message, ...(hint === undefined ? {} : { hint }) };
}

/** A failing verdict. */
export function fail(message: string, hint?: string): Verdict {
  return { status: "fail", message, ...(hint === undefined ? {} : { hint }) };
}
