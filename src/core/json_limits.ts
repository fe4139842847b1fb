/** The most values that a JSON text from a file may have: a capture of the largest host has some ten thousand. */
export const JSON_VALUES_LIMIT = 250_000;

/** What a JSON text is made of, counted in its text: a text of a few MiB can parse to hundreds of MiB. */
export interface JsonCounts {
  /** Values in maps and lists, at most one too many for each of these; the count stops once it is beyond the limit. */
  readonly values: number;
  /** Colons outside of strings: each follows a key. */
  readonly keys: number;
}

/** Counts in one pass, without parsing; the text need not be well-formed. */
export function countJson(text: string): JsonCounts {
  let values = 1;
  let keys = 0;
  for (let at = 0; at < text.length && values <= JSON_VALUES_LIMIT; at++) {
    switch (text[at]) {
      case ",":
      case "[":
      case "{":
        values++;
        break;
      case ":":
        keys++;
        break;
      case '"':
        do at = text.indexOf('"', at + 1); while (isEscaped(text, at));
        if (at < 0) return { values, keys };
    }
  }
  return { values, keys };
}

/** Whether an odd number of backslashes comes before a place. */
function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (text[start - 1] === "\\") start--;
  return (at - start) % 2 === 1;
}
