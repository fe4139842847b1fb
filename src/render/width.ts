import { eastAsianWidth } from "get-east-asian-width";

/** Characters of one column that never join another: these texts need no segmentation. U+00AD is a soft hyphen. */
const PLAIN = /^[\u0020-\u007e\u00a0-\u00ac\u00ae-\u02ff\u2010-\u2027\u2190-\u21ff\u2400-\u243f]*$/;

/** A character as people count them (a grapheme cluster), and its columns. */
interface Character {
  readonly text: string;
  readonly columns: number;
}

/**
 * The characters of a text. Unicode's tables are loaded here, at the first text that needs them: the segmenter and the
 * properties take some 20 ms to start, which all other runs save.
 */
function charactersOf(text: string): readonly Character[] {
  // Marks, what Unicode says is invisible, and the Hangul letters that complete a syllable take no column of their own.
  const joined = new RegExp("^[\\p{M}\\p{Default_Ignorable_Code_Point}\\u1160-\\u11ff\\ud7b0-\\ud7ff]$", "u");
  // Drawn two columns wide: an emoji by itself, or by a selector, a key cap or a pair that is a flag.
  const emoji = new RegExp("^(?:\\p{RI}{2}|[^]\\ufe0f|\\p{Emoji_Presentation})", "u");
  const columnsOf = (character: string): number => {
    if (emoji.test(character)) return 2;
    let columns = 0;
    for (const each of character) columns += joined.test(each) ? 0 : eastAsianWidth(each.codePointAt(0) ?? 0);
    return columns;
  };
  return [...new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text)]
    .map(({ segment }) => ({ text: segment, columns: columnsOf(segment) }));
}

/**
 * The columns that a text takes on a terminal: two for a wide character (East Asian Width, Unicode Annex 11) and for an
 * emoji, none for a combining one. Characters of ambiguous width take one, as in all but East Asian legacy fonts.
 */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  return charactersOf(text).reduce((total, { columns }) => total + columns, 0);
}

/** The text, filled up with spaces to so many columns. */
export function padToWidth(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - textWidth(text)));
}

/** The text in so many columns, cut between characters and with `…` at its end where it has more. */
export function cutToWidth(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let taken = 1;
  let kept = "";
  for (const each of charactersOf(text)) {
    taken += each.columns;
    if (taken > columns) break;
    kept += each.text;
  }
  return `${kept}…`;
}
