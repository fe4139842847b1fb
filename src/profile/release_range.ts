import { compareNumbers } from "../core/release.ts";
import type { ReleaseBound } from "./profile.ts";

const BOUND = /^(>=|>|<=|<|=) *(\d{1,6}(?:\.\d{1,6})*)/;

/** Reads `>=6.1 <7`: bounds with white space or commas between them; undefined for anything else. */
export function parseReleaseRange(text: string): readonly ReleaseBound[] | undefined {
  const bounds: ReleaseBound[] = [];
  let rest = text.trim();
  while (rest !== "") {
    const [whole, relation, numbers] = BOUND.exec(rest) ?? [];
    const known = RELATIONS.find((each) => each === relation);
    if (whole === undefined || known === undefined || numbers === undefined) return undefined;
    bounds.push({ relation: known, numbers: numbers.split(".").map(Number) });
    const next = rest.slice(whole.length);
    if (next !== "" && !/^[ ,]/.test(next)) return undefined;
    rest = next.replace(/^[ ,]+/, "");
  }
  return bounds.length === 0 ? undefined : bounds;
}

const RELATIONS: readonly ReleaseBound["relation"][] = [">=", ">", "<=", "<", "="];

/**
 * Whether a release satisfies a bound. As many numbers are compared as the bound has, so that 6.1.55 is `=6.1` and
 * `<=6.1` and not `>6.1`; a number that the release lacks is zero.
 */
export function keepsBound(release: readonly number[], { relation, numbers }: ReleaseBound): boolean {
  const order = compareNumbers(release, numbers, numbers.length);
  switch (relation) {
    case ">=":
      return order >= 0;
    case ">":
      return order > 0;
    case "<=":
      return order <= 0;
    case "<":
      return order < 0;
    case "=":
      return order === 0;
  }
}

/** A bound as it is written. */
export function formatBound({ relation, numbers }: ReleaseBound): string {
  return `${relation}${numbers.join(".")}`;
}
