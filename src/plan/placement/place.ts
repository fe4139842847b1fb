import type { SegmentRequest } from "../../arch/segment.ts";
import { alignUp, contains, intersect, normalise, type Range, subtract } from "../../core/range.ts";

/** A request with its place: the physical address of its first byte. */
export type PlacedRequest = SegmentRequest & { readonly address: bigint };

/** Every request with a place; or the first that does not fit, and the most bytes that it could have. */
export type Placement =
  | { readonly kind: "placed"; readonly placed: readonly PlacedRequest[] }
  | { readonly kind: "no-room"; readonly failed: SegmentRequest; readonly largest: bigint };

/**
 * Gives each request a place, in order: the preferred address if it is free, aligned and within the request's bounds, else
 * the lowest address that fits. Lowest first keeps plans predictable: more memory, or more reservations above, move nothing
 * below. To place one segment above another, set its `min`.
 *
 * A place consists of whole pages, at least one, that no other request shares. `free` may be in any order; the page size
 * and the alignments are powers of two.
 */
export function placeAll(requests: readonly SegmentRequest[], free: readonly Range[], pageSize: bigint): Placement {
  const placed: PlacedRequest[] = [];
  let left = normalise(free);
  for (const request of requests) {
    const size = alignUp(request.size > 0n ? request.size : 1n, pageSize);
    const alignment = request.alignment > pageSize ? request.alignment : pageSize;
    const bounds = { start: request.min, end: request.max };
    const within = subtract(left.flatMap((range) => intersect(range, bounds) ?? []), request.avoid ?? []);
    const { preferred } = request;
    const isFree = preferred !== undefined && preferred % alignment === 0n &&
      within.some((range) => contains(range, { start: preferred, end: preferred + size }));
    const address = isFree ? preferred : within.map(({ start, end }) => ({ start: alignUp(start, alignment), end }))
      .find(({ start, end }) => start + size <= end)?.start;
    if (address === undefined) return { kind: "no-room", failed: request, largest: largest(within, alignment) };
    placed.push({ ...request, address });
    left = subtract(left, [{ start: address, end: address + size }]);
  }
  return { kind: "placed", placed };
}

/** The most bytes from an aligned address to the end of its range. */
function largest(ranges: readonly Range[], alignment: bigint): bigint {
  return ranges.map((range) => range.end - alignUp(range.start, alignment))
    .reduce((most, size) => size > most ? size : most, 0n);
}
