import { levenshteinDistance } from "@std/text/levenshtein-distance";

/**
 * The known name that was probably meant; undefined if none is near. Two letters may differ, which allows for a swap, or
 * a third of the longer name.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const name of known) {
    // Names of very different lengths are never near, and a foreign word may be long.
    if (Math.abs(word.length - name.length) > allowed(word, name)) continue;
    const distance = levenshteinDistance(word.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best !== undefined && bestDistance <= allowed(word, best) ? best : undefined;
}

function allowed(word: string, name: string): number {
  return Math.max(word.length > 3 ? 2 : 1, Math.floor(Math.max(word.length, name.length) / 3));
}
