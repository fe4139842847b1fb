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
    const behind = rest.slice(whole.length);
    if (behind !== "" && !/^[ ,]/.test(behind)) return undefined;
    rest = behind.replace(/^[ ,]+/, "");
  }
  return bounds.length === 0 ? undefined : bounds;
}

const RELATIONS: readonly ReleaseBound["relation"][] = [">=", ">", "<=", "<", "="];

/** The numbers that a release begins with: 6, 1, 0 of `6.1.0-50-amd64`; undefined if it begins with none. */
export function releaseNumbers(release: string): readonly number[] | undefined {
  const match = /^\d{1,6}(?:\.\d{1,6})*(?!\d)/.exec(release)?.[0];
  return match?.split(".").map(Number);
}

/**
 * Whether a release keeps a bound. As many numbers are compared as the bound has, so that 6.1.55 is `=6.1` and `<=6.1`
 * and not `>6.1`; a number that the release lacks is zero.
 */
export function keepsBound(release: readonly number[], { relation, numbers }: ReleaseBound): boolean {
  const order = numbers.map((number, index) => (release[index] ?? 0) - number).find((each) => each !== 0) ?? 0;
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
