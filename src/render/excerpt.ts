import { type Diagnostic, formatPath, type Position } from "../core/diagnostic.ts";
import type { Layout } from "./style.ts";
import { visible } from "../core/text.ts";
import { padToWidth, textWidth } from "./width.ts";

/** Formats a diagnostic for people: where, what, the source line with a caret, expected and found, and what to do. */
export function renderDiagnostic(diagnostic: Diagnostic, layout: Layout): string {
  const { style } = layout;
  const { severity, message, position, path, expected, found, hint, related = [] } = diagnostic;
  const label = severity === "error" ? style.bad("error") : style.warning("warning");
  const where = position === undefined
    ? ""
    : style.bold(`${visible(position.file)}:${position.line}:${position.column}: `);
  const lines = [`${where}${label}: ${visible(message)}${style.dim(` [${diagnostic.code}]`)}`];
  if (position?.source !== undefined) lines.push(...excerpt(position, position.source, layout));
  else if (position === undefined && path !== undefined && path.length > 0) {
    lines.push(`  at ${visible(formatPath(path))}`);
  }
  const details: (readonly [label: string, text: string])[] = related.map(({ message, position, path = [] }) => {
    const place = position === undefined ? formatPath(path) : `${position.file}:${position.line}:${position.column}`;
    return ["related", `${place}: ${message}`];
  });
  if (expected !== undefined) details.push(["expected", expected]);
  if (found !== undefined) details.push(["found", found]);
  if (hint !== undefined) details.push(["hint", hint]);
  const labelWidth = Math.max(0, ...details.map(([label]) => label.length));
  for (const [label, text] of details) {
    const gap = " ".repeat(labelWidth - label.length + 1);
    lines.push(`  ${label === "hint" ? style.accent(label) : label}:${gap}${visible(text)}`);
  }
  return lines.join("\n");
}

function excerpt(position: Position, source: string, { style, width }: Layout): readonly string[] {
  const number = String(position.line);
  const gutter = " ".repeat(number.length);
  const room = Math.max(20, width - `  ${number} | `.length);
  const column = position.column - 1;
  // A long line is shown around the place that matters.
  const start = column > room * 0.8 ? column - Math.floor(room * 0.4) : 0;
  const shown = source.slice(start, start + room);
  const before = shown.slice(0, column - start);
  const marked = shown.slice(before.length, before.length + position.length);
  const carets = "^".repeat(Math.max(1, textWidth(visible(marked))));
  // A tab before the place stays a tab, so that the caret is below it however wide the terminal makes it.
  const pad = before.replaceAll(/[^\t]+/g, (text) => padToWidth("", textWidth(visible(text))));
  return [
    style.dim(`  ${number} |`) + ` ${visible(shown)}`,
    style.dim(`  ${gutter} |`) + ` ${pad}${style.bad(carets)}`,
  ];
}
