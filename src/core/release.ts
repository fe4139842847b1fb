import { compareNames } from "./text.ts";

/** The numbers that a kernel's release begins with: 6, 1, 0 of `6.1.0-50-amd64`; undefined if it begins with none. */
export function releaseNumbers(release: string): readonly number[] | undefined {
  const match = /^\d{1,6}(?:\.\d{1,6})*(?!\d)/.exec(release)?.[0];
  return match?.split(".").map(Number);
}

/** Compares the first numbers of two releases; a number that one of them lacks is zero. */
export function compareNumbers(
  a: readonly number[],
  b: readonly number[],
  count = Math.max(a.length, b.length),
): number {
  for (let index = 0; index < count; index++) {
    const order = (a[index] ?? 0) - (b[index] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

/** Whether a release is of a version such as 6.6 or later; undefined where it does not begin with two numbers. */
export function isSince(release: string, version: readonly [major: number, minor: number]): boolean | undefined {
  const numbers = releaseNumbers(release);
  if (numbers === undefined || numbers.length < 2) return undefined;
  return compareNumbers(numbers, version, version.length) >= 0;
}

/** The order of releases: by their numbers, then a release candidate before its release, then by the rest. */
export function compareReleases(a: string, b: string): number {
  const order = compareNumbers(releaseNumbers(a) ?? [], releaseNumbers(b) ?? []);
  if (order !== 0) return order;
  const candidates = Number(/-rc\d/.test(b)) - Number(/-rc\d/.test(a));
  return candidates !== 0 ? candidates : compareNames(a, b);
}
