import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import {
  alignDown,
  alignUp,
  contains,
  intersect,
  intersectAll,
  makeRange,
  normalise,
  overlaps,
  type Range,
  subtract,
} from "../../src/core/range.ts";

const small = fc.bigInt({ min: 0n, max: 64n });
const range = fc.tuple(small, small).map(([a, b]): Range => a < b ? { start: a, end: b } : { start: b, end: a });

/** The truth about small ranges: which of 64 bytes they hold. */
function bytesOf(ranges: readonly Range[]): readonly boolean[] {
  return Array.from(
    { length: 64 },
    (_, index) => ranges.some((r) => r.start <= BigInt(index) && BigInt(index) < r.end),
  );
}

Deno.test({
  name: "makeRange() refuses a range that ends before it starts",
  permissions: "none",
  fn() {
    assertThrows(() => makeRange(0x2000n, 0x1000n), RangeError, "0x2000 to 0x1000 is backwards");
    assertThrows(() => makeRange(-1n, 1n), RangeError, "is backwards");
    assertEquals(makeRange(1n, 1n), { start: 1n, end: 1n });
  },
});

Deno.test({
  name: "normalise() keeps the bytes, sorts, joins what touches, and leaves no empty range",
  permissions: "none",
  fn() {
    fc.assert(fc.property(fc.array(range), (ranges) => {
      const result = normalise(ranges);
      assertEquals(bytesOf(result), bytesOf(ranges));
      result.forEach((r, index) => {
        assert(r.start < r.end);
        const next = result[index + 1];
        assert(next === undefined || r.end < next.start);
      });
    }));
  },
});

Deno.test({
  name: "intersectAll() has exactly the bytes that both lists hold",
  permissions: "none",
  fn() {
    fc.assert(fc.property(fc.array(range), fc.array(range), (a, b) => {
      const other = bytesOf(b);
      const common = intersectAll(a, b);
      assertEquals(bytesOf(common), bytesOf(a).map((held, index) => held && other[index] === true));
      assertEquals(common, normalise(common));
    }));
  },
});

Deno.test({
  name: "subtract() leaves exactly the bytes that no hole holds",
  permissions: "none",
  fn() {
    fc.assert(fc.property(fc.array(range), fc.array(range), (from, holes) => {
      const hole = bytesOf(holes);
      assertEquals(bytesOf(subtract(from, holes)), bytesOf(from).map((held, index) => held && !hole[index]));
    }));
  },
});

Deno.test({
  name: "overlaps(), intersect() and contains() agree with the bytes",
  permissions: "none",
  fn() {
    fc.assert(fc.property(range, range, (a, b) => {
      const both = bytesOf([a]).map((held, index) => held && bytesOf([b])[index] === true);
      assertEquals(overlaps(a, b), both.includes(true));
      const common = intersect(a, b);
      assertEquals(common === undefined ? both.map(() => false) : bytesOf([common]), both);
      if (b.start < b.end) {
        assertEquals(
          contains(a, b),
          bytesOf([b]).every((held, index) => !held || bytesOf([a])[index]),
        );
      }
    }));
  },
});

Deno.test({
  name: "an empty range shares no byte with the one around it, and ranges that touch share none",
  permissions: "none",
  fn() {
    const [whole, empty, next] = [{ start: 0n, end: 8n }, { start: 4n, end: 4n }, { start: 8n, end: 9n }];
    for (const [a, b] of [[whole, empty], [empty, whole], [empty, empty], [whole, next], [next, whole]] as const) {
      assertEquals([overlaps(a, b), intersect(a, b)], [false, undefined]);
    }
    assertEquals([contains(whole, empty), contains(whole, next), contains(whole, whole)], [true, false, true]);
  },
});

Deno.test({
  name: "alignUp() and alignDown() are exact above 2^53",
  permissions: "none",
  fn() {
    assertEquals(alignUp(0x20_0000_0000_0001n, 0x1000n), 0x20_0000_0000_1000n);
    assertEquals(alignDown(0x20_0000_0000_1fffn, 0x1000n), 0x20_0000_0000_1000n);
    assertEquals(alignUp(0x1000n, 0x1000n), 0x1000n);
  },
});

Deno.test({
  name: "more ranges are subtracted at once than a call takes arguments",
  permissions: "none",
  fn() {
    const every = (size: bigint, offset: bigint): readonly Range[] =>
      Array.from({ length: 130_000 }, (_, index) => {
        const start = BigInt(index) * 4n + offset;
        return { start, end: start + size };
      });
    assertEquals(subtract(every(3n, 0n), every(1n, 1n)).length, 260_000);
    assertEquals(subtract(every(4n, 0n), every(4n, 0n)), []);
  },
});
