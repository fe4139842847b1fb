import { alignUp, type Range } from "../core/range.ts";
import { isKernel, type PlannedBases, type PlannedRange, type SegmentLoadCall } from "./plan.ts";
import { PMD_SIZE } from "../arch/x86_64/memory_layout.ts";

/** The memory that a planned kernel takes as its segments state it; whole steps of 2 MiB, in which it is mapped. */
export function kernelRange({ segments }: Pick<SegmentLoadCall, "segments">): Range | undefined {
  const ranges = segments.filter(isKernel).map(({ mem, memsz }) => ({
    start: BigInt(mem),
    end: BigInt(mem) + BigInt(memsz),
  }));
  const [first] = ranges;
  if (first === undefined) return undefined;
  const start = ranges.reduce((least, range) => range.start < least ? range.start : least, first.start);
  const end = ranges.reduce((most, range) => range.end > most ? range.end : most, first.end);
  return { start, end: start + alignUp(end - start, PMD_SIZE) };
}

/** How many bases there are to choose from; 0 for a physical one that stays where it is. */
export interface BaseCounts {
  readonly physical: bigint;
  readonly virtual: bigint;
}

/** Counts the places of a kernel of this size. */
export function countBases(bases: PlannedBases, size: bigint): BaseCounts {
  return {
    physical: bases.physical.reduce((sum, range) => sum + countIn(range, size, bases), 0n),
    virtual: countIn(bases.virtual, size, bases),
  };
}

/** The physical base of this index, from 0, among those that were counted; undefined beyond them. */
export function physicalBase(bases: PlannedBases, size: bigint, index: bigint): bigint | undefined {
  let left = index;
  for (const range of bases.physical) {
    const count = countIn(range, size, bases);
    if (left < count) return BigInt(range.start) + left * BigInt(bases.alignment);
    left -= count;
  }
  return undefined;
}

function countIn(range: PlannedRange, size: bigint, { alignment }: PlannedBases): bigint {
  const room = BigInt(range.end) - BigInt(range.start) - size;
  return room < 0n ? 0n : room / BigInt(alignment) + 1n;
}
