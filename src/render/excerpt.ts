import { type Diagnostic, formatPath, type Position } from "../core/diagnostic.ts";
import type { Style } from "./style.ts";

/** Writes a diagnostic for people: where, what, the source line with a caret, expected and found, and what to do. */
export function renderDiagnostic(diagnostic: Diagnostic, style: Style): string {
  const { severity, message, position, path, expected, found, hint } = diagnostic;
  const label = severity === "error" ? style.bad("error") : style.warning("warning");
  const where = position === undefined ? "" : style.bold(`${position.file}:${position.line}:${position.column}: `);
  const lines = [`${where}${label}: ${message}${style.dim(` [${diagnostic.code}]`)}`];
  if (position?.source !== undefined) lines.push(...excerpt(position, position.source, style));
  else if (position === undefined && path !== undefined && path.length > 0) lines.push(`  at ${formatPath(path)}`);
  if (expected !== undefined) lines.push(`  expected: ${expected}`);
  if (found !== undefined) lines.push(`  found:    ${found}`);
  if (hint !== undefined) lines.push(`  ${style.accent("hint")}:     ${hint}`);
  return lines.join("\n");
}

/** A diagnostic in one line, for the journal: no colour, no excerpt. */
export function diagnosticLine({ severity, message, position, hint }: Diagnostic): string {
  const where = position === undefined ? "" : `${position.file}:${position.line}:${position.column}: `;
  return `${where}${severity}: ${message}${hint === undefined ? "" : `. ${hint}`}`;
}

const WIDEST = 100;

function excerpt(position: Position, source: string, style: Style): readonly string[] {
  const number = String(position.line);
  const gutter = " ".repeat(number.length);
  const column = position.column - 1;
  // A long line is shown around the place that matters.
  const start = column > WIDEST - 20 ? column - 40 : 0;
  const shown = source.slice(start, start + WIDEST);
  const before = shown.slice(0, column - start);
  const carets = "^".repeat(Math.max(1, Math.min(position.length, shown.length - before.length)));
  // A tab before the place stays a tab, so that the caret stands under it however wide the terminal makes it.
  const pad = before.replaceAll(/[^\t]/g, (character) => wide(character) ? "  " : " ");
  return [
    style.dim(`  ${number} |`) + ` ${visible(shown)}`,
    style.dim(`  ${gutter} |`) + ` ${pad}${style.bad(carets)}`,
  ];
}

/** Control characters as pictures, so that a hostile file cannot drive the terminal. */
function visible(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000a-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replaceAll(/[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

function wide(character: string): boolean {
  return /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/
    .test(character);
}
