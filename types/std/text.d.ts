export function closestString(word: string, possibleWords: readonly string[]): string;
export function levenshteinDistance(a: string, b: string): number;
