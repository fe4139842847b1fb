import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { cellAt, cellsOf, makeScale } from "../../src/render/memory_scale.ts";

const GIB = 1n << 30n;

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("without marks and gaps, a scale is linear", () => {
  const whole = { start: 0n, end: 8n * GIB };
  const scale = makeScale({ window: whole, solid: [whole], marks: [] }, 64, 1);
  assertEquals(scale.step, GIB / 8n);
  assertEquals([0n, GIB, 4n * GIB, 8n * GIB].map((address) => cellAt(scale, address)), [0, 8, 32, 64]);
  assertEquals(cellAt(scale, 9n * GIB), undefined);
});

pure("a gap that would crowd out the rest is left out; a smaller one is not", () => {
  const low = { start: 0n, end: 4n * GIB };
  const far = { start: 8192n * GIB, end: 8196n * GIB };
  const wide = makeScale({ window: { start: 0n, end: far.end }, solid: [low, far], marks: [] }, 65, 1);
  assertEquals(wide.pieces.map(({ folded, from, to }) => [folded, to - from]), [[false, 32], [true, 1], [false, 32]]);
  // What is left out has a cell where it begins and where it ends, and none for what is between.
  assertEquals([low.end, low.end + 1n, far.start - 1n, far.start].map((address) => cellAt(wide, address)), [
    32,
    undefined,
    undefined,
    33,
  ]);
  const hole = makeScale(
    { window: { start: 0n, end: 6n * GIB }, solid: [{ start: 0n, end: 3n * GIB }, low], marks: [] },
    60,
    1,
  );
  assertEquals(hole.pieces.some(({ folded }) => folded), false);
});

pure("a mark below a cell has one, and is not to scale", () => {
  const window = { start: 0n, end: 1024n * GIB };
  const mark = { start: 512n * GIB, end: 512n * GIB + 4096n };
  const { pieces } = makeScale({ window, solid: [window], marks: [mark] }, 77, 1);
  assertEquals(pieces.map(({ from, to, toScale }) => [to - from, toScale]), [[38, true], [1, false], [38, true]]);
});

pure("a mark of one cell is to scale; one that has less once others have theirs gets a whole one", () => {
  const at = (start: bigint, size: bigint) => ({ start, end: start + size });
  const scaleOf = (gibs: bigint, cells: number, ...marks: readonly ReturnType<typeof at>[]) => {
    const window = at(0n, gibs * GIB);
    return makeScale({ window, solid: [window], marks }, cells, 1).pieces.filter(({ start, end }) =>
      marks.some((mark) => mark.start === start && mark.end === end)
    ).map(({ from, to, toScale }) => [to - from, toScale]);
  };
  assertEquals(scaleOf(64n, 64, at(8n * GIB, GIB)), [[1, true]]);
  const tiny = [1n, 2n, 3n].map((gib) => at(gib * GIB, 4096n));
  assertEquals(scaleOf(10n, 10, ...tiny, at(5n * GIB, GIB), at(6n * GIB, GIB)), Array(5).fill([1, false]));
});

pure("marks that would take more than half of the cells are drawn as far as that goes, the first ones first", () => {
  const window = { start: 0n, end: 64n * GIB };
  const marks = Array.from({ length: 30 }, (_, index) => {
    const start = BigInt(60 - index) * GIB;
    return { start, end: start + 4096n };
  });
  const { pieces } = makeScale({ window, solid: [window], marks }, 60, 3);
  const shown = pieces.filter(({ start, end, from, to }) => end - start === 4096n && to > from);
  assertEquals([shown.length, shown.at(-1)?.start, pieces.at(-1)?.to], [10, 60n * GIB, 60]);
});

pure("of many gaps the eight largest are left out, and the others are drawn", () => {
  const solid = Array.from({ length: 12 }, (_, index) => {
    const start = BigInt(index) * 1000n * GIB + BigInt(index * index) * GIB;
    return { start, end: start + GIB };
  });
  const { pieces } = makeScale({ window: { start: 0n, end: solid.at(-1)?.end ?? 0n }, solid, marks: [] }, 400, 1);
  const folded = pieces.filter((piece) => piece.folded);
  assertEquals([folded.length, folded[0]?.start], [8, solid[3]?.end]);
});

pure("a range has a cell at least, the cells of its pieces, and all of them where it is nowhere", () => {
  const whole = { start: 0n, end: 64n * GIB };
  const scale = makeScale({ window: whole, solid: [whole], marks: [] }, 64, 1);
  const of = (start: bigint, end: bigint) => cellsOf(scale, { start, end });
  assertEquals(of(GIB, GIB + 4096n), { from: 1, to: 2 });
  assertEquals(of(GIB, 3n * GIB), { from: 1, to: 3 });
  assertEquals(of(62n * GIB, 64n * GIB), { from: 62, to: 64 });
  assertEquals(of(62n * GIB, 99n * GIB), { from: 62, to: 64 });
  assertEquals(of(99n * GIB, 100n * GIB), { from: 0, to: 64 });
});

const ranges = fc.array(
  fc.tuple(fc.bigInt({ min: 0n, max: 1n << 46n }), fc.bigInt({ min: 1n, max: 1n << 40n })).map(([start, size]) => ({
    start,
    end: start + size,
  })),
  { minLength: 1, maxLength: 40 },
);

pure("whatever there is, every cell belongs to one piece, in the order of the addresses", () => {
  fc.assert(fc.property(ranges, ranges, fc.integer({ min: 36, max: 400 }), (solid, marks, cells) => {
    const end = solid.reduce((most, each) => each.end > most ? each.end : most, 0n);
    const { pieces } = makeScale({ window: { start: 0n, end }, solid, marks }, cells, 1);
    assertEquals([pieces[0]?.start, pieces[0]?.from, pieces.at(-1)?.end, pieces.at(-1)?.to], [0n, 0, end, cells]);
    assert(pieces.every(({ start, from, to }, index) => {
      const before = pieces[index - 1];
      return to >= from && (before === undefined || before.end === start && before.to === from);
    }));
  }));
});
