import type { Check } from "../plan.ts";
import { count, LIST_RULES } from "./segment_list.ts";
import { PLACE_RULES } from "./segment_place.ts";
import type { SegmentRule, SegmentRuleInput } from "./segment_rule.ts";
import { KEXEC_SEGMENT_MAX } from "../syscall.ts";

/** Every constraint on the segments of kexec_load(2), in the order in which a plan lists them. */
export const SEGMENT_RULES: readonly SegmentRule[] = [...LIST_RULES, ...PLACE_RULES];

/**
 * Runs every rule that applies on the segments of a kexec_load(2) call. With none or too many, only their number is checked,
 * as in the kernel.
 */
export function checkSegments(input: SegmentRuleInput): readonly Check[] {
  const countable = input.segments.length > 0 && input.segments.length <= KEXEC_SEGMENT_MAX;
  const rules = countable ? SEGMENT_RULES : [count];
  return rules.flatMap((rule) => rule.check(input).map((verdict) => ({ rule: rule.name, ...verdict })));
}
