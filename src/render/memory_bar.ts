import { alignDown, alignUp, contains, intersect, normalise, type Range, rangeSize, totalSize } from "../core/range.ts";
import type { Ground, MappedSegment, MemoryMap } from "./memory_map.ts";
import { type Interests, makeScale, type Piece, type Scale } from "./memory_scale.ts";

/** What a stretch of a bar represents. `fold`: addresses that are left out. */
export type Mark = Ground | "fold" | "segment" | "conflict";

/** Neighbouring cells that represent the same thing. */
export interface Run {
  /** The first cell. */
  readonly from: number;
  /** The cell after the last. */
  readonly to: number;
  /** What is there. */
  readonly mark: Mark;
  /** The segment, for `segment`, and for a `conflict` that only one is part of. */
  readonly segment?: MappedSegment;
}

/** A row of cells: a window of memory. */
export interface Bar {
  /** Its addresses. */
  readonly window: Range;
  /** Maps its addresses to cells. */
  readonly scale: Scale;
  /** From left to right, without gaps. */
  readonly runs: readonly Run[];
}

/** A picture: all memory where it is known, and the surroundings of the segments if they are small in it. */
export interface Drawing {
  /** All memory. */
  readonly whole?: Bar;
  /** Where the segments go. */
  readonly detail?: Bar;
}

/** What the bars show. Maps that are compared share one, so that their pictures have the same scale. */
export interface Frame {
  /** All memory. */
  readonly whole?: Interests;
  /** Where the segments go. */
  readonly detail?: Interests;
}

/** The frame of one map, or of several that are compared. */
export function frameOf(maps: readonly MemoryMap[]): Frame {
  const segments = maps.flatMap((map) => map.segments).filter((segment) => segment.start < segment.end);
  const regions = maps.flatMap((map) => map.regions);
  const memory = normalise([
    ...regions.filter(({ kind }) => kind === "ram" || kind === "kernel" || kind === "crash"),
    ...(regions.length === 0 ? [] : segments),
  ]);
  const marks = [
    ...maps.flatMap((map) => map.conflicts),
    ...segments,
    ...regions.filter(({ kind }) => kind === "crash"),
    ...regions.filter(({ kind }) => kind === "kernel"),
  ];
  const end = memory.at(-1)?.end;
  const near = surroundings(segments, maps.flatMap(({ target }) => target ?? []));
  const [first, last] = [near[0], near.at(-1)];
  const isSmall = end === undefined || totalSize(near) * 2n < totalSize(memory);
  return {
    ...(end === undefined ? {} : { whole: { window: { start: 0n, end }, solid: memory, marks } }),
    ...(first === undefined || last === undefined || !isSmall
      ? {}
      : { detail: { window: { start: first.start, end: last.end }, solid: near, marks } }),
  };
}

/** Draws a map in cells. Whatever matters gets at least `least` of them. */
export function draw(map: MemoryMap, { whole, detail }: Frame, cells: number, least: number): Drawing {
  const bar = (interests: Interests): Bar => {
    const scale = makeScale(interests, cells, least);
    return { window: interests.window, scale, runs: joined(scale.pieces.flatMap((piece) => runsOf(piece, map))) };
  };
  return {
    ...(whole === undefined ? {} : { whole: bar(whole) }),
    ...(detail === undefined ? {} : { detail: bar(detail) }),
  };
}

/** The segments and the reservation they go to, each with a little of its surroundings. */
function surroundings(segments: readonly Range[], targets: readonly Range[]): readonly Range[] {
  if (segments.length === 0) return [];
  const solid = normalise([...segments, ...targets]);
  const eighth = totalSize(solid) / 8n;
  let margin = 0x1000n;
  while (margin * 2n <= eighth) margin *= 2n;
  return normalise(solid.map(({ start, end }) => ({
    start: start > margin ? alignDown(start - margin, margin) : 0n,
    end: alignUp(end + margin, margin),
  })));
}

function runsOf(piece: Piece, map: MemoryMap): readonly Run[] {
  const { from, to } = piece;
  if (piece.folded) return [{ from, to, mark: "fold" }];
  const [segment, ...others] = map.segments.filter((each) => contains(each, piece));
  if (map.conflicts.some((conflict) => contains(conflict, piece))) {
    return [{ from, to, mark: "conflict", ...(segment === undefined || others.length > 0 ? {} : { segment }) }];
  }
  if (segment !== undefined) return [{ from, to, mark: "segment", segment }];
  return grounds(piece, map).map((mark, index) => ({ from: from + index, to: from + index + 1, mark }));
}

const GROUNDS: readonly Ground[] = ["crash", "kernel", "ram", "reserved", "unlisted"];

/** What each cell of a piece mostly holds. */
function grounds(piece: Piece, { regions }: MemoryMap): readonly Ground[] {
  const count = piece.to - piece.from;
  if (regions.length === 0) return Array.from({ length: count }, () => "unknown");
  const size = rangeSize(piece);
  const edge = (index: number): bigint => piece.start + size * BigInt(index) / BigInt(count);
  const held = Array.from({ length: count }, () => new Map<Ground, bigint>());
  for (const region of count === 0 ? [] : regions) {
    const part = intersect(region, piece);
    if (part === undefined) continue;
    const first = Number((part.start - piece.start) * BigInt(count) / size);
    for (let index = first; index < count && edge(index) < part.end; index++) {
      const bytes = rangeSize(intersect(part, { start: edge(index), end: edge(index + 1) }) ?? { start: 0n, end: 0n });
      held[index]?.set(region.kind, (held[index]?.get(region.kind) ?? 0n) + bytes);
    }
  }
  return held.map((bytes, index) => {
    const listed = bytes.values().reduce((total, each) => total + each, 0n);
    bytes.set("unlisted", edge(index + 1) - edge(index) - listed);
    return GROUNDS.reduce((most, kind) => (bytes.get(kind) ?? 0n) > (bytes.get(most) ?? 0n) ? kind : most, "unlisted");
  });
}

function joined(runs: readonly Run[]): readonly Run[] {
  const result: Run[] = [];
  for (const run of runs) {
    const last = result.at(-1);
    if (run.from === run.to) continue;
    if (last !== undefined && last.mark === run.mark && last.segment === run.segment) {
      result[result.length - 1] = { ...last, to: run.to };
    } else result.push(run);
  }
  return result;
}
