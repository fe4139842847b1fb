import { matchesSteps, type Step } from "../profile/glob.ts";

/**
 * Whether a pattern of systemd-boot matches the whole of an ID (efi_fnmatch() in src/boot/efi-string.c, systemd 258): `*`,
 * `?`, sets with ranges that cannot be inverted, so that `!` and `^` are members, and a backslash before a character that is meant
 * itself. An unclosed set matches nothing.
 */
export function matchesEfiPattern(pattern: string, text: string): boolean {
  const steps = stepsOf(pattern);
  // EFI compares UTF-16 units.
  return steps !== undefined && matchesSteps(steps, text.split(""));
}

/** Undefined: the pattern ends within a set, or with a backslash. */
function stepsOf(pattern: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? "";
    if (character === "*") {
      if (steps.at(-1) !== "run") steps.push("run");
    } else if (character === "?") steps.push(() => true);
    else if (character === "[") {
      const set = setOf(pattern, at + 1);
      if (set === undefined) return undefined;
      steps.push((other) => set.ranges.some(([low, high]) => low <= other && other <= high));
      at = set.close;
    } else {
      if (character === "\\") at++;
      const wanted = pattern[at];
      if (wanted === undefined) return undefined;
      steps.push((other) => other === wanted);
    }
  }
  return steps;
}

/** The ranges of a set whose members begin at a place; `close` is where its bracket is. */
function setOf(
  pattern: string,
  start: number,
): { readonly ranges: readonly (readonly [low: string, high: string])[]; readonly close: number } | undefined {
  const ranges: (readonly [string, string])[] = [];
  /** A range may not begin with the end of another. */
  let canBegin = false;
  for (let at = start; at < pattern.length; at++) {
    const before = pattern[at - 1] ?? "";
    if (pattern[at] === "]" && at > start) return { ranges, close: at };
    const isRange: boolean = pattern[at] === "-" && canBegin && pattern[at + 1] !== "]";
    if (isRange) at++;
    if (pattern[at] === "\\") at++;
    const member = pattern[at];
    if (member === undefined) return undefined;
    ranges.push(isRange ? [before, member] : [member, member]);
    canBegin = !isRange;
  }
  return undefined;
}
