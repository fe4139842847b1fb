import { EXIT, type ExitName } from "../../core/program.ts";
import { type Check, segmentOf } from "../plan.ts";
import { ARM64_RULES } from "./arm64.ts";
import { ADDRESS_RULES } from "./arm64_addresses.ts";
import { ATTEMPT_FAILED } from "./attempt_failed.ts";
import { BASES_RULES } from "./bases.ts";
import { CARRY_RULES } from "./carry.ts";
import { CMDLINE_RULES } from "./cmdline.ts";
import { CRASH_RULES } from "./crash.ts";
import { FILE_RULES } from "./files.ts";
import { FLAG_RULES } from "./flags.ts";
import { GUARD_FALLBACK_RULES } from "./guard_fallback.ts";
import { GUARD_LOG_RULES } from "./guard_log.ts";
import { GUARD_PANIC_RULES } from "./guard_panic.ts";
import { GUARD_WATCHDOG_RULES } from "./guard_watchdog.ts";
import { HANDOVER_RULES } from "./handover.ts";
import { MEMORY_RULES } from "./memory.ts";
import { MULTIBOOT_RULES } from "./multiboot.ts";
import { OVERLAY_RULES } from "./overlay.ts";
import { PERMISSION_RULES } from "./permission.ts";
import { PLATFORM_RULES } from "./platform.ts";
import { PREDECOMPRESS_RULES } from "./predecompress.ts";
import { PRESERVE_RULES } from "./preserve.ts";
import { REAL_MODE_RULES } from "./real_mode.ts";
import { REDACTED_RULES } from "./redacted.ts";
import { REQUIRES_RULES } from "./requires.ts";
import type { Rule, RuleInput } from "./rule.ts";
import { SCREEN_RULES } from "./screen.ts";
import { SETUP_DATA_RULES } from "./setup_data.ts";
import { checkSegments, SEGMENT_RULES } from "./segments.ts";
import { STATE_RULES } from "./state.ts";
import { UNBIND_RULES } from "./unbind.ts";
import { UNLOCK_RULES } from "./unlock.ts";

/** Every rule, in the order in which a plan lists them. */
export const RULES: readonly Rule[] = [
  ...REQUIRES_RULES,
  ...PLATFORM_RULES,
  ...SCREEN_RULES,
  ...STATE_RULES,
  ...UNBIND_RULES,
  ...UNLOCK_RULES,
  ATTEMPT_FAILED,
  ...GUARD_PANIC_RULES,
  ...GUARD_FALLBACK_RULES,
  ...GUARD_WATCHDOG_RULES,
  ...GUARD_LOG_RULES,
  ...CARRY_RULES,
  ...FLAG_RULES,
  ...PRESERVE_RULES,
  ...FILE_RULES,
  ...OVERLAY_RULES,
  ...MULTIBOOT_RULES,
  ...REAL_MODE_RULES,
  ...SETUP_DATA_RULES,
  ...ARM64_RULES,
  ...ADDRESS_RULES,
  ...CMDLINE_RULES,
  ...REDACTED_RULES,
  ...MEMORY_RULES,
  ...HANDOVER_RULES,
  ...PREDECOMPRESS_RULES,
  ...BASES_RULES,
  ...CRASH_RULES,
  ...PERMISSION_RULES,
];

/** Runs every rule that applies. */
export function runRules(input: RuleInput): readonly Check[] {
  const checks = RULES.flatMap((rule) => {
    const verdict = rule.check(input);
    return verdict === undefined ? [] : [{ rule: rule.name, ...verdict }];
  });
  const { call, crash, facts } = input;
  if (call.syscall !== "kexec_load" || call.segments.length === 0) return checks;
  const segments = call.segments.map(segmentOf);
  return [...checks, ...checkSegments({ segments, entry: BigInt(call.entry), facts, crash })];
}

/** The exit code of a plan: that of its failed rules; where these differ, `unavailable`. */
export function exitOfChecks(checks: readonly Check[]): ExitName {
  const exits = new Set(
    checks.filter((check) => check.status === "fail")
      .map((check) => [...RULES, ...SEGMENT_RULES].find((rule) => rule.name === check.rule)?.exit ?? "unavailable"),
  );
  const [only] = exits;
  return only === undefined ? "ok" : exits.size === 1 ? only : "unavailable";
}

/** Whether the plan may be carried out. */
export function mayRun(checks: readonly Check[]): boolean {
  return EXIT[exitOfChecks(checks)].code === 0;
}
