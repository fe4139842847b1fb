import { levenshteinDistance } from "@std/text";

/**
 * The known name that was probably meant; undefined if none is near. Two letters may differ, which allows for a swap, or
 * a third of the longer name.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const name of known) {
    const distance = levenshteinDistance(word.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best !== undefined &&
      bestDistance <= Math.max(word.length > 3 ? 2 : 1, Math.floor(Math.max(word.length, best.length) / 3))
    ? best
    : undefined;
}
