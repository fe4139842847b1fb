import type { Fix, Position } from "../core/diagnostic.ts";
import { lineStartsOf } from "./locate.ts";

/** A fix whose place is known. */
export type PlacedFix = Fix & { readonly position: Position };

/** A text with fixes applied. */
export interface FixedText {
  readonly text: string;
  /** The fixes that were applied, in the order of the text, each with what it replaced. */
  readonly applied: readonly { readonly fix: PlacedFix; readonly from: string }[];
}

/**
 * Applies fixes to the text of a file and changes nothing else; a byte-order mark and quotes stay. A fix that overlaps an
 * earlier one, or whose line is not what it was, is left out.
 */
export function applyFixes(text: string, fixes: readonly PlacedFix[]): FixedText {
  const mark = text.startsWith("\ufeff") ? "\ufeff" : "";
  const body = text.slice(mark.length);
  const starts = lineStartsOf(body);
  const byPlace = fixes.toSorted((a, b) => a.position.line - b.position.line || a.position.column - b.position.column);
  const applied: { fix: PlacedFix; from: string }[] = [];
  const parts: string[] = [];
  let done = 0;
  for (const fix of byPlace) {
    const { line, column, length, source } = fix.position;
    const lineStart = starts[line - 1];
    if (lineStart === undefined || (source !== undefined && !body.startsWith(source, lineStart))) continue;
    const start = lineStart + column - 1;
    if (start < done) continue;
    const from = body.slice(start, start + length);
    parts.push(body.slice(done, start), quotedAs(from, fix.replacement));
    applied.push({ fix, from });
    done = start + length;
  }
  return { text: [mark, ...parts, body.slice(done)].join(""), applied };
}

/** The replacement with the quotes of the text that it replaces. */
function quotedAs(from: string, replacement: string): string {
  const [quote] = /^["']/.exec(from) ?? [];
  return quote === undefined ? replacement : `${quote}${replacement}${quote}`;
}
