import { formatAddress, formatSize } from "../core/number.ts";
import { type Range, rangeSize, totalSize } from "../core/range.ts";
import type { Bar, Drawing, Mark } from "./memory_bar.ts";
import type { Ground, MemoryMap } from "./memory_map.ts";
import { cellAt } from "./memory_scale.ts";
import { visible } from "../core/text.ts";

/** One row below a picture. */
export interface LegendRow {
  /** What is explained. */
  readonly mark: Mark;
  /** The segment's letter. */
  readonly key?: string;
  /** Its name, safe for a terminal. */
  readonly name: string;
  /** Its place and size, or the total size of its ranges. */
  readonly text: string;
  /** A segment that the last bar shows larger than to scale. */
  readonly larger?: boolean;
}

/** An address above a bar. */
export interface Label {
  /** The cell of the address. */
  readonly cell: number;
  /** The cell of its first character. */
  readonly from: number;
  /** The address. */
  readonly text: string;
}

const NAMES: { readonly [ground in Ground]: string } = {
  ram: "RAM",
  kernel: "running kernel",
  crash: "crash reservation",
  reserved: "reserved, devices",
  unlisted: "nothing listed",
  unknown: "not known",
};

/** More ranges of a kind than this are counted, not listed. */
const FEW = 2;

/** The rows of a picture: the kinds of memory, the segments in their order, and conflicts. */
export function legendOf(map: MemoryMap, drawing: Drawing): readonly LegendRow[] {
  const bars = barsOf(drawing);
  const shown = new Set(bars.flatMap(({ runs }) => runs.map(({ mark }) => mark)));
  const window = drawing.whole?.window;
  const near = map.regions.filter(({ start }) => window !== undefined && start < window.end);
  const folds = bars.flatMap(({ scale }) => scale.pieces.filter(({ folded }) => folded));
  const last = bars.at(-1);
  const larger = last === undefined ? [] : enlarged(last);
  const grounds: readonly Ground[] = ["ram", "kernel", "crash", "reserved"];
  return [
    ...grounds.flatMap((kind) => {
      const ranges = near.filter((region) => region.kind === kind);
      // A kind that segments hide has no cell to explain.
      return shown.has(kind) ? groundRows(kind, ranges) : [];
    }),
    ...(shown.has("unlisted")
      ? [{ mark: "unlisted", name: NAMES.unlisted, text: "no line in /proc/iomem" } as const]
      : []),
    ...(shown.has("unknown") ? [{ mark: "unknown", name: NAMES.unknown, text: "no map of this memory" } as const] : []),
    ...(folds.length === 0 ? [] : [{ mark: "fold", name: "left out", text: rangesText(folds) } as const]),
    ...map.segments.map((segment): LegendRow => ({
      mark: "segment",
      key: segment.key,
      name: visible(segment.name),
      ...(larger.includes(segment.key) ? { larger: true } : {}),
      text: [
        rangeText(segment),
        ...(segment.copied === rangeSize(segment) ? [] : [`${formatSize(segment.copied)} copied`]),
      ].join(", "),
    })),
    ...map.conflicts.map((conflict): LegendRow => ({
      mark: "conflict",
      name: "conflict",
      text: `${visible(conflict.message)}: ${rangeText(conflict)}`,
    })),
  ];
}

/** Of two reservations, only the high one can hold an image. */
function groundRows(kind: Ground, ranges: readonly Range[]): readonly LegendRow[] {
  const [low, high, ...others] = ranges;
  if (kind !== "crash" || low === undefined || high === undefined || others.length > 0) {
    return [{ mark: kind, name: NAMES[kind], text: rangesText(ranges) }];
  }
  return [
    { mark: kind, name: "crash, low", text: `${rangeText(low)}, for devices` },
    { mark: kind, name: "crash, high", text: `${rangeText(high)}, for the image` },
  ];
}

/** The bars of a picture, in their order. */
export function barsOf({ whole, detail }: Drawing): readonly Bar[] {
  return [...(whole === undefined ? [] : [whole]), ...(detail === undefined ? [] : [detail])];
}

/** The letters of the segments that a bar shows larger than to scale. */
function enlarged({ runs, scale }: Bar): readonly string[] {
  const keys = runs.flatMap(({ from, segment }) => {
    const piece = scale.pieces.find((each) => each.from === from && each.to > from);
    return segment !== undefined && piece?.toScale === false ? [segment.key] : [];
  });
  return keys;
}

/** What a bar shows. */
export function captionOf(bar: Bar, { whole }: Drawing): string {
  return bar === whole ? "All memory" : "Where the segments go";
}

/** The lines below the rows, raw. */
export function notesOf(map: MemoryMap, rows: readonly LegendRow[]): readonly string[] {
  return [...(rows.some(({ larger }) => larger === true) ? ["* drawn larger than to scale"] : []), ...map.notes];
}

/** The name of a row, with a star if it is not drawn to scale. */
export function nameOf({ name, larger }: LegendRow): string {
  return larger === true ? `${name} *` : name;
}

function rangesText(ranges: readonly Range[]): string {
  if (ranges.length <= FEW) return ranges.map(rangeText).join("; ");
  return `${formatSize(totalSize(ranges))} in ${ranges.length} ranges`;
}

function rangeText(range: Range): string {
  return `${formatAddress(range.start)} to ${formatAddress(range.end)}, ${formatSize(rangeSize(range))}`;
}

/**
 * Addresses above a bar: both ends, the first one after each gap, and round ones where there is room. The first character
 * of each is above its cell; the last address ends where the bar ends. `width`: the cells of a character.
 */
export function labelsOf({ window, scale }: Bar, width: number): readonly Label[] {
  const ends: readonly bigint[] = [window.start, window.end];
  const afterGaps = scale.pieces.filter(({ folded }) => folded).map(({ end }) => end);
  const labels: Label[] = [];
  for (const address of [...ends, ...afterGaps, ...roundAddresses(window)]) {
    const cell = cellAt(scale, address);
    if (cell === undefined) continue;
    const text = formatAddress(address);
    const length = text.length * width;
    const from = address === window.end ? scale.cells - length : cell;
    const fits = from >= 0 && from + length <= scale.cells &&
      labels.every((label) =>
        from >= label.from + (label.text.length + 2) * width || from + length + 2 * width <= label.from
      );
    if (fits) labels.push({ cell, from, text });
  }
  return labels.toSorted((a, b) => a.from - b.from);
}

/** Multiples of a power of two, 4 to 8 of them. */
function roundAddresses({ start, end }: Range): readonly bigint[] {
  let step = 1n;
  while (step * 8n < end - start) step *= 2n;
  const first = (start + step - 1n) / step * step;
  return Array.from({ length: 9 }, (_, index) => first + BigInt(index) * step).filter((each) => each < end);
}
