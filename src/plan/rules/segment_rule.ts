import type { Segment } from "../../arch/segment.ts";
import type { ExitName } from "../../core/program.ts";
import { formatAddress } from "../../core/number.ts";
import type { Range } from "../../core/range.ts";
import type { HostFacts } from "../../host/facts.ts";
import { pass, type Verdict } from "./rule.ts";

/** What the rules about segments look at. */
export interface SegmentRuleInput {
  readonly segments: readonly Segment[];
  /** The physical address where execution starts. */
  readonly entry: bigint;
  readonly facts: HostFacts;
  readonly crash: boolean;
}

/** One constraint on the segments of kexec_load(2). */
export interface SegmentRule {
  readonly name: string;
  /** What it ensures, where the kernel checks it, and which errno it gives otherwise. */
  readonly about: string;
  /** The exit code when it alone fails. */
  readonly exit: ExitName;
  /** One verdict for each fault, or one that passes. Empty: the rule does not apply. */
  check(input: SegmentRuleInput): readonly Verdict[];
}

/** The first address after it; may exceed 64 bits. */
export function endOf({ mem, memsz }: Segment): bigint {
  return mem + memsz;
}

/** The memory that it takes. */
export function rangeOf(segment: Segment): Range {
  return { start: segment.mem, end: endOf(segment) };
}

/** The segment in a message. */
export function named({ name, mem }: Segment): string {
  return `"${name}" at ${formatAddress(mem)}`;
}

/** The faults, or one passing verdict. */
export function orPass(faults: readonly Verdict[], message: string): readonly Verdict[] {
  return faults.length > 0 ? faults : [pass(message)];
}
