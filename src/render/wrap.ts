import { textWidth } from "./width.ts";

/**
 * Breaks text at spaces so that no line is longer than `width`; a longer word gets a line of its own and is not cut, so that
 * a path or a digest can be copied. Every line but the first is indented by `indent` spaces, which count towards the width.
 */
export function wrap(text: string, width: number, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.join(`\n${" ".repeat(indent)}`);
}
