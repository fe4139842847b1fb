import { eastAsianWidth } from "get-east-asian-width";

/** Characters of one column that never join another: these texts need no segmentation. U+00AD is a soft hyphen. */
const PLAIN = /^[\u0020-\u007e\u00a0-\u00ac\u00ae-\u02ff\u2010-\u2027\u2190-\u21ff\u2400-\u243f]*$/;

/** Takes no column of its own: marks, what Unicode says is invisible, and the Hangul letters that complete a syllable. */
const JOINED = /^[\p{M}\p{Default_Ignorable_Code_Point}\u1160-\u11ff\ud7b0-\ud7ff]$/u;

/** Drawn as a picture, two columns wide: an emoji by itself, or by a selector, a key cap or a pair that is a flag. */
const EMOJI = /^(?:\p{RI}{2}|[^]\ufe0f|\p{Emoji_Presentation})/u;

/** The characters of a text as people count them (grapheme clusters), each with its columns. */
function charactersOf(text: string): readonly { readonly character: string; readonly columns: number }[] {
  // The first segmenter of a process takes some 20 ms to start, so only texts that need one get here.
  return [...new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text)]
    .map(({ segment }) => ({ character: segment, columns: columnsOf(segment) }));
}

function columnsOf(character: string): number {
  if (EMOJI.test(character)) return 2;
  let columns = 0;
  for (const each of character) columns += JOINED.test(each) ? 0 : eastAsianWidth(each.codePointAt(0) ?? 0);
  return columns;
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
    kept += each.character;
  }
  return `${kept}…`;
}
