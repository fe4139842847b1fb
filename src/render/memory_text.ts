import { formatSize } from "../core/number.ts";
import { type Bar, draw, frameOf, type Mark, type Run } from "./memory_bar.ts";
import { barsOf, captionOf, labelsOf, legendOf, nameOf, notesOf } from "./memory_legend.ts";
import type { MemoryMap } from "./memory_map.ts";
import { cellsOf } from "./memory_scale.ts";
import { type Layout, NARROW, type Style } from "./style.ts";
import { padToWidth, textWidth } from "./width.ts";
import { wrap } from "./wrap.ts";
import { visible } from "../core/text.ts";

/** A character for each kind, so that the picture needs no colours; segments have letters. */
const CHARACTERS: { readonly [mark in Exclude<Mark, "segment">]: string } = {
  ram: ".",
  kernel: "=",
  crash: "%",
  reserved: "-",
  unlisted: " ",
  unknown: "?",
  fold: "~",
  conflict: "!",
};

const PAINT: { readonly [mark in Mark]: keyof Style | undefined } = {
  ram: undefined,
  kernel: "warning",
  crash: "good",
  reserved: "dim",
  unlisted: undefined,
  unknown: "dim",
  fold: "dim",
  segment: "accent",
  conflict: "bad",
};

const NAME = 18;

/** The picture in characters and its legend; indented, without a heading. */
export function memoryLines(map: MemoryMap, { style, width }: Layout): readonly string[] {
  const drawing = draw(map, frameOf([map]), width - 4, 1);
  const bars = barsOf(drawing);
  const note = (text: string) => `  ${style.dim(wrap(text, width, 2))}`;
  const legend = legendOf(map, drawing);
  const indent = width < NARROW ? 7 : NAME + 6;
  const rows = legend.map((each) => {
    const sign = each.mark === "segment" ? each.key ?? "" : CHARACTERS[each.mark];
    const name = nameOf(each);
    const head = width < NARROW || textWidth(name) > NAME
      ? `${name}\n${" ".repeat(indent)}`
      : padToWidth(name, NAME + 1);
    return `  ${painted(sign, each.mark, style)}  ${head}${wrap(each.text, width, indent)}`;
  });
  return [
    ...bars.flatMap((bar, index) => [
      ...(index === 0 ? [] : [""]),
      note(`${captionOf(bar, drawing)}, about ${formatSize(bar.scale.step)} a character`),
      ...barLines(bar, style),
      ...(bar === drawing.whole && drawing.detail !== undefined ? [pointer(bar, drawing.detail, style)] : []),
    ]),
    ...(bars.length === 0 ? [] : [""]),
    ...rows,
    ...notesOf(map, legend).map((each) => note(visible(each))),
  ];
}

function barLines(bar: Bar, style: Style): readonly string[] {
  let ruler = "";
  for (const { from, text } of labelsOf(bar, 1)) ruler = ruler.padEnd(from) + text;
  return [
    `   ${style.dim(ruler)}`,
    `  |${bar.runs.map((run) => painted(charactersOf(run), run.mark, style)).join("")}|`,
  ];
}

function charactersOf({ from, to, mark, segment }: Run): string {
  if (mark === "segment") return (segment?.key ?? "").repeat(to - from);
  const line = CHARACTERS[mark].repeat(to - from);
  // A segment that is entirely misplaced keeps its letter.
  return segment !== undefined && line.length > 1 ? `${segment.key}${line.slice(1)}` : line;
}

function painted(text: string, mark: Mark, style: Style): string {
  const paint = PAINT[mark];
  return paint === undefined ? text : style[paint](text);
}

/** Which part of all memory the next bar shows. */
function pointer({ scale }: Bar, { window }: Bar, style: Style): string {
  const { from, to } = cellsOf(scale, window);
  const arrows = "^".repeat(to - from);
  const text = "enlarged below";
  const line = to + 1 + text.length <= scale.cells
    ? `${" ".repeat(from)}${arrows} ${text}`
    : from > text.length
    ? `${" ".repeat(from - text.length - 1)}${text} ${arrows}`
    : `${" ".repeat(from)}${arrows}`;
  return `   ${style.dim(line)}`;
}
