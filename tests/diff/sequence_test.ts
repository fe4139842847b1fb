import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { align } from "../../src/diff/sequence.ts";

Deno.test({
  name: "what only changed its place is moved, and as little as can be",
  permissions: "none",
  fn() {
    assertEquals(align(["a", "b", "c", "d"], ["d", "a", "b", "c"]), {
      kept: [[0, 1], [1, 2], [2, 3]],
      moved: [[3, 0]],
      removed: [],
      added: [],
    });
    assertEquals(align(["x", "a", "x"], ["a"]), { kept: [[1, 0]], moved: [], removed: [0, 2], added: [] });
    assertEquals(align([], ["a"]), { kept: [], moved: [], removed: [], added: [0] });
    // Of several equal items the first one is taken first, on either side.
    assertEquals(align(["a", "a", "b"], ["b", "c", "a", "a", "a"]), {
      kept: [[0, 2], [1, 3]],
      moved: [[2, 0]],
      removed: [],
      added: [1, 4],
    });
    assertEquals(align(["x", "x", "a", "b", "c"], ["a", "b", "c", "x", "x", "x"]), {
      kept: [[2, 0], [3, 1], [4, 2]],
      moved: [[0, 3], [1, 4]],
      removed: [],
      added: [5],
    });
  },
});

/** The length of a longest common subsequence, by its definition. */
function mostCommon([a, ...from]: readonly string[], to: readonly string[]): number {
  if (a === undefined) return 0;
  const at = to.indexOf(a);
  const without = mostCommon(from, to);
  return at < 0 ? without : Math.max(without, 1 + mostCommon(from, to.slice(at + 1)));
}

Deno.test({
  name: "every item of both lists is told of exactly once, with an equal partner or none",
  permissions: "none",
  fn() {
    const keys = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 12 });
    fc.assert(fc.property(keys, keys, (from, to) => {
      const { kept, moved, removed, added } = align(from, to);
      const pairs = [...kept, ...moved];
      assert(pairs.every(([a, b]) => from[a] === to[b]));
      assertEquals([...pairs.map(([a]) => a), ...removed].toSorted((a, b) => a - b), [...from.keys()]);
      assertEquals([...pairs.map(([, b]) => b), ...added].toSorted((a, b) => a - b), [...to.keys()]);
      assert(kept.every(([, b], index) => index === 0 || b > (kept[index - 1]?.[1] ?? -1)));
      assert(!removed.some((a) => added.some((b) => from[a] === to[b])));
      for (const list of [kept.map(([a]) => a), moved.map(([a]) => a), removed, added]) {
        assert(list.every((index, place) => place === 0 || index > (list[place - 1] ?? -1)), "each list is in order");
      }
      assertEquals(kept.length, mostCommon(from, to), "as much as can be is kept");
    }));
  },
});

Deno.test({
  name: "lists of 100,000 items are aligned without a table of all pairs",
  permissions: "none",
  fn() {
    const from = Array.from({ length: 100_000 }, (_, index) => `a${index}`);
    const { removed, added, moved } = align(from, from.toReversed());
    assertEquals([removed.length, added.length, moved.length > 0], [0, 0, true]);
  },
});
