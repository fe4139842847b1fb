import { visible } from "../core/text.ts";

/**
 * Foreign text as a code span of CommonMark: the only form in which nothing in it is markup, a link, a mention or an
 * issue's number to those who render it. One line; control characters are shown.
 */
export function code(text: string): string {
  const shown = visible(text.toWellFormed());
  if (shown.trim() === "") return "(empty)";
  const fence = "`".repeat(longestRun(shown) + 1);
  const padding = /^[` ]|[` ]$/.test(shown) ? " " : "";
  return `${fence}${padding}${shown}${padding}${fence}`;
}

/** Foreign lines as a code block of CommonMark, with a fence that none of them can end. */
export function codeBlock(lines: readonly string[]): string {
  const shown = lines.map((line) => visible(line.toWellFormed()));
  const fence = "`".repeat(shown.reduce((most, line) => Math.max(most, longestRun(line) + 1), 3));
  return [`${fence}text`, ...shown, fence].join("\n");
}

/** The destination of a link: what could end it is percent-encoded. */
export function destination(link: string): string {
  const encoder = new TextEncoder();
  return `<${
    link.toWellFormed().replaceAll(/[^!-~]|[<>()\\`|]/gu, (character) =>
      [...encoder.encode(character)].map(percent).join(""))
  }>`;
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

function longestRun(text: string): number {
  return (text.match(/`+/g) ?? []).reduce((most, { length }) => Math.max(most, length), 0);
}
