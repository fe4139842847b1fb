import { formatSize } from "../core/number.ts";
import { type Bar, draw, type Drawing, type Frame, type Mark } from "./memory_bar.ts";
import { barsOf, captionOf, labelsOf, legendOf, type LegendRow, nameOf, notesOf } from "./memory_legend.ts";
import type { MemoryMap } from "./memory_map.ts";
import { cellsOf } from "./memory_scale.ts";
import { element, escaped, line, type Part } from "./svg.ts";
import { cutToWidth } from "./width.ts";
import { wrap } from "./wrap.ts";

/** Units of a cell: fine enough for a scale, coarse enough that each cell is seen. */
const CELL = 2;
/** Cells that the smallest thing takes. */
const LEAST = 3;
const BAR = 34;
const ROW = 18;
/** Units for a letter below a bar. */
const LETTER = 13;
/** The columns of text that fit into so many units, in the widest of the monospaced fonts. */
export const columnsIn = (width: number): number => Math.floor(width / 7.1);

/** A memory map as a picture, from `x` on and `width` wide. */
export function memoryPart(
  map: MemoryMap,
  frame: Frame,
  at: { readonly x: number; readonly y: number },
  width: number,
): Part {
  const drawing = draw(map, frame, Math.floor(width / CELL), LEAST);
  const shapeOf = shapes(map);
  const body: string[] = [];
  let y = at.y;
  for (const bar of barsOf(drawing)) {
    const below = bar === drawing.detail || drawing.detail === undefined;
    // The enlarged part fans out under caption and addresses, down to the next bar.
    if (!below && drawing.detail !== undefined) body.push(spread(bar, drawing.detail, at.x, y + 42 + BAR, width));
    body.push(...barElements(bar, drawing, at.x, y, shapeOf));
    y += 42 + BAR;
    if (below) body.push(...letters(bar, at.x, y, width));
    y += 26;
  }
  const legend = legendOf(map, drawing);
  y += 4;
  for (const row of legend) {
    const part = legendRow(row, at.x, y, width, shapeOf);
    body.push(...part.body);
    y += part.height;
  }
  for (const note of notesOf(map, legend)) {
    for (const text of wrapped(note, columnsIn(width))) {
      body.push(line(at.x, y + 12, text, "wb-dim"));
      y += ROW;
    }
  }
  return { body, height: y - at.y };
}

/** The picture of a map in words, for screen readers. */
export function memoryWords(map: MemoryMap, frame: Frame): string {
  const rows = legendOf(map, draw(map, frame, 400, LEAST));
  return [...rows.map(({ key, name, text }) => `${key === undefined ? "" : `${key} `}${name}: ${text}`), ...map.notes]
    .join(". ");
}

/** Text in lines of at most so many columns; longer words are cut. */
export function wrapped(text: string, columns: number): readonly string[] {
  return wrap(text, columns, 0).split("\n").map((each) => cutToWidth(each, columns));
}

/** The class of a mark; for a segment by its letter. */
type ShapeOf = (mark: Mark, key?: string) => string;

/** Neighbours among the segments, by address, have different shades. */
function shapes({ segments }: MemoryMap): ShapeOf {
  const sorted = segments.toSorted((a, b) => a.start < b.start ? -1 : a.start > b.start ? 1 : 0);
  const second = new Set(sorted.filter((_, index) => index % 2 === 1).map(({ key }) => key));
  return (mark, key) => mark === "segment" && key !== undefined && second.has(key) ? "wb-segment-2" : `wb-${mark}`;
}

function barElements(bar: Bar, drawing: Drawing, x: number, y: number, shapeOf: ShapeOf): readonly string[] {
  const top = y + 42;
  const { cells } = bar.scale;
  const ruler = x + cells * CELL - 50;
  return [
    line(x, y + 12, captionOf(bar, drawing), "wb-dim"),
    element("path", { class: "wb-line", d: `M${ruler} ${y + 5}V${y + 11}M${ruler} ${y + 8}h50m0 -3v6` }),
    line(ruler - 6, y + 12, formatSize(bar.scale.step * BigInt(50 / CELL)), "wb-dim wb-end"),
    ...labelsOf(bar, 7.1 / CELL).flatMap(({ cell, from, text }) => [
      line(x + from * CELL, y + 32, text, "wb-code wb-dim"),
      element("path", { class: "wb-line", d: `M${x + cell * CELL} ${top - 6}V${top}` }),
    ]),
    ...bar.runs.map(({ from, to, mark, segment }) => {
      // A gap between segments that touch.
      const gap = mark === "segment" ? 1 : 0;
      const box = {
        class: shapeOf(mark, segment?.key),
        x: x + from * CELL,
        y: top,
        width: (to - from) * CELL - gap,
        height: BAR,
      };
      return element("rect", box, segment === undefined ? "" : element("title", {}, escaped(segment.name)));
    }),
    element("rect", { class: "wb-line", x, y: top, width: cells * CELL, height: BAR }),
  ];
}

function spread({ scale }: Bar, { window }: Bar, x: number, y: number, width: number): string {
  const { from, to } = cellsOf(scale, window);
  const down = y + 26 + 42;
  return element("path", {
    class: "wb-zoom",
    d: `M${x + from * CELL} ${y}L${x + to * CELL} ${y}L${x + width} ${down}L${x} ${down}Z`,
  });
}

/** The letters of the segments below a bar, moved apart where they would overlap. */
function letters({ runs }: Bar, x: number, y: number, width: number): readonly string[] {
  const places = new Map<string, number>();
  for (const { from, to, segment } of runs) {
    if (segment !== undefined && !places.has(segment.key)) places.set(segment.key, (from + to) * CELL / 2);
  }
  const sorted = [...places].sort(([, a], [, b]) => a - b);
  const shifted: number[] = [];
  for (const [index, [, place]] of sorted.entries()) {
    shifted[index] = Math.max(place, (shifted[index - 1] ?? -LETTER) + LETTER);
  }
  // Letters that were moved past the end move back.
  for (let index = shifted.length - 1; index >= 0; index--) {
    shifted[index] = Math.min(shifted[index] ?? 0, width - 4 - (shifted.length - 1 - index) * LETTER);
  }
  return sorted.flatMap(([key, place], index) => {
    const to = shifted[index] ?? place;
    return [
      element("path", { class: "wb-line", d: `M${x + place} ${y}L${x + to} ${y + 8}` }),
      line(x + to, y + 19, key, "wb-key"),
    ];
  });
}

function legendRow(row: LegendRow, x: number, y: number, width: number, shapeOf: ShapeOf): Part {
  const { mark, key, text } = row;
  const column = 160;
  const lines = wrapped(text, columnsIn(width - column));
  return {
    body: [
      element("rect", { class: shapeOf(mark, key), x, y, width: 18, height: 14 }),
      element("rect", { class: "wb-line", x, y, width: 18, height: 14 }),
      ...(key === undefined ? [] : [line(x + 9, y + 11, key, "wb-letter")]),
      line(x + 26, y + 12, cutToWidth(nameOf(row), 18)),
      ...lines.map((each, index) => line(x + column, y + 12 + index * 15, each, "wb-code")),
    ],
    height: ROW + (lines.length - 1) * 15,
  };
}
