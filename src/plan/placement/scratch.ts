import type { LoaderBuffer, LoaderBuffers } from "../../arch/file_loader.ts";
import { alignDown, alignUp, overlaps, type Range } from "../../core/range.ts";

/** A buffer of the kernel's loader, placed. */
export interface PlacedBuffer extends Range {
  /** What it holds. */
  readonly name: string;
}

/** The result of placing buffers as the kernel does. */
export type ScratchPlacement =
  | { readonly kind: "placed"; readonly buffers: readonly PlacedBuffer[] }
  | { readonly kind: "no-room"; readonly failed: LoaderBuffer };

/** Which size counts where only bounds are known. */
export type Bound = "least" | "most";

/**
 * Places an image in the scratch areas of kexec handover as the kernel does: each buffer whole within the first area that has room,
 * in the order of the areas (kho_locate_mem_hole in kernel/liveupdate/kexec_handover.c, locate_mem_hole_top_down and _bottom_up in
 * kernel/kexec_file.c, Linux 7.2).
 */
export function placeInScratch(
  { before, kernel, beside, retries }: LoaderBuffers,
  areas: readonly Range[],
  pageSize: bigint,
  bound: Bound,
): ScratchPlacement {
  const first = placeEach(before, [], areas, pageSize, bound);
  if (first.kind === "no-room") return first;
  let failure: ScratchPlacement | undefined;
  for (let min = kernel.min;;) {
    const placed = placeEach([{ ...kernel, min }], first.buffers, areas, pageSize, bound);
    const own = placed.kind === "placed" ? placed.buffers.at(-1) : undefined;
    // Where no higher place is left, what did not fit beside the last one is the cause.
    if (placed.kind === "no-room" || own === undefined) return failure ?? placed;
    const all = placeEach(beside(own), placed.buffers, areas, pageSize, bound);
    if (all.kind === "placed" || !retries) return all;
    failure = all;
    min = own.end;
  }
}

function placeEach(
  wanted: readonly LoaderBuffer[],
  taken: readonly PlacedBuffer[],
  areas: readonly Range[],
  pageSize: bigint,
  bound: Bound,
): ScratchPlacement {
  const buffers = [...taken];
  for (const buffer of wanted) {
    const size = alignUp(bound === "most" ? buffer.atMost ?? buffer.size : buffer.size, pageSize);
    const alignment = buffer.alignment > pageSize ? buffer.alignment : pageSize;
    const start = areas.map((area) => placeIn(area, { ...buffer, size, alignment }, buffers))
      .find((found) => found !== undefined);
    if (start === undefined) return { kind: "no-room", failed: buffer };
    buffers.push({ name: buffer.name, start, end: start + size });
  }
  return { kind: "placed", buffers };
}

/** The address of a buffer in an area; undefined where it has no room. */
function placeIn(area: Range, buffer: LoaderBuffer, taken: readonly Range[]): bigint | undefined {
  const { size, alignment, topDown } = buffer;
  const lowest = area.start > buffer.min ? area.start : buffer.min;
  const highest = buffer.max === undefined || area.end < buffer.max ? area.end : buffer.max;
  let start = topDown ? alignDown(highest - size, alignment) : alignUp(lowest, alignment);
  while (start >= lowest && start + size <= highest) {
    const at = { start, end: start + size };
    const hit = taken.find((other) => overlaps(at, other));
    if (hit === undefined) return start;
    start = topDown ? alignDown(hit.start - size, alignment) : alignUp(hit.end, alignment);
  }
  return undefined;
}
