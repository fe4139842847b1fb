import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  contradictedReservation,
  crashReservations,
  dumpedRam,
  imageReservation,
  type Iomem,
  type IomemNode,
  nodesNamed,
  parseIomem,
  systemRam,
  walk,
} from "../../src/host/iomem.ts";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { MAX_U64 } from "../../src/core/number.ts";
import { hostCapture } from "./fixture.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Codes with the line and column they point at. */
function places(diagnostics: readonly Diagnostic[]): readonly string[] {
  return diagnostics.map(({ code, position }) => `${code} ${position?.line}:${position?.column}+${position?.length}`);
}

/** Writes a tree as the kernel does: at least 8 digits, inclusive ends. */
function print(nodes: readonly IomemNode[], depth = 0): string {
  const hex = (address: bigint) => address.toString(16).padStart(8, "0");
  return nodes.map((node) =>
    `${"  ".repeat(depth)}${hex(node.start)}-${hex(node.end - 1n)} : ${node.name}\n${print(node.children, depth + 1)}`
  ).join("");
}

pure("the end of a line is inclusive, that of a node exclusive, up to the last address", () => {
  const { iomem, diagnostics } = parseIomem(
    "00001000-0009fbff : System RAM\nfffffffffffff000-ffffffffffffffff : Top\n",
  );
  assertEquals(diagnostics, []);
  assertEquals(iomem, {
    visibility: "full",
    roots: [
      { start: 0x1000n, end: 0x9fc00n, name: "System RAM", children: [] },
      { start: MAX_U64 - 0xfffn, end: MAX_U64 + 1n, name: "Top", children: [] },
    ],
  });
});

pure("two spaces nest a line under the one above it", () => {
  const { iomem } = parseIomem(
    "00000000-000000ff : a\n  00000000-0000000f : b\n    00000001-00000001 : c\n  00000010-0000001f : d\n00000100-000001ff : e",
  );
  assertEquals(
    print(iomem.roots),
    "00000000-000000ff : a\n  00000000-0000000f : b\n    00000001-00000001 : c\n  00000010-0000001f : d\n00000100-000001ff : e\n",
  );
  assertEquals(iomem.roots.map((root) => root.children.map((child) => child.name)), [["b", "d"], []]);
});

pure("a name keeps its spaces, colons, brackets and letters beyond ASCII", () => {
  const names = [
    "PCI ECAM 0000 [bus 00-ff]",
    "0000:00:02.0",
    "System RAM (kmem)",
    "a : b, c",
    "Prüfsumme",
    " x ",
    "\u2028",
  ];
  const text = names.map((name, index) => `0000000${index}-0000000${index} : ${name}\n`).join("");
  const { iomem, diagnostics } = parseIomem(text);
  assertEquals([diagnostics, iomem.roots.map((node) => node.name)], [[], names]);
});

pure(
  "a dump holds what the kernel manages and what a driver does, joined; a reservation that comes later may lie lower",
  () => {
    const { iomem } = parseIomem(
      "00001000-00001fff : System RAM\n00002000-00002fff : Reserved\n00010000-0001ffff : Persistent Memory\n" +
        "  00010000-00017fff : System RAM (kmem)\n00020000-0002ffff : System RAM\n00018000-0001ffff : x\n" +
        "00003000-00003fff : System RAM\n00000000-00000fff : System RAM\n00040000-0004ffff : System RAMs\n",
    );
    assertEquals(dumpedRam(iomem), [
      { start: 0n, end: 0x2000n },
      { start: 0x3000n, end: 0x4000n },
      { start: 0x1_0000n, end: 0x1_8000n },
      { start: 0x2_0000n, end: 0x3_0000n },
    ]);
    assertEquals(systemRam(iomem).length, 4);
    const reserved = parseIomem("00008000-00008fff : Crash kernel\n00001000-00001fff : Crash kernel\n").iomem;
    assertEquals(crashReservations(reserved).map(({ start }) => start), [0x1000n, 0x8000n]);
    assertEquals(imageReservation(reserved)?.start, 0x8000n);
  },
);

pure("a reservation that is not set up is none, and what is not set up within one contradicts nothing", () => {
  const ram = "00001000-0009ffff : System RAM\n";
  const found = (text: string) => {
    const { iomem } = parseIomem(text);
    return [crashReservations(iomem).length, imageReservation(iomem)?.start, contradictedReservation(iomem)];
  };
  assertEquals(found(`00000000-00000000 : Crash kernel\n${ram}`), [0, undefined, undefined]);
  assertEquals(found(`${ram}  00002000-00002fff : Crash kernel\n    00000000-00000000 : x\n`), [1, 0x2000n, undefined]);
});

pure("lines that contradict one another are found in any order, within another one, and at any depth of memory", () => {
  const found = (...lines: readonly string[]) =>
    parseIomem(lines.map((line) => `${line}\n`).join("")).diagnostics.map(({ code, message }) =>
      `${code} ${/\(.*/.exec(message)?.[0]}`
    );
  // In another order than that of their addresses, and beside each other.
  assertEquals(found("00002000-00002fff : System RAM", "00001000-00001fff : System RAM"), []);
  assertEquals(found("00002000-00002fff : System RAM", "00001000-000020ff : System RAM"), [
    "iomem-overlap (0x1000-0x20ff, line 2)",
  ]);
  // The second of two that lie in a third overlaps that one as well.
  assertEquals(
    found("00000000-0000ffff : System RAM", "00001000-00001fff : Reserved", "00003000-00003fff : Reserved"),
    [
      "iomem-overlap (0x0-0xffff, line 1), and 1 more lines contradict the map",
    ],
  );
  const nested = ["  00001000-00005fff : x", "    00001000-00002fff : y", "    00002000-00003fff : z"];
  assertEquals(found("00000000-0000ffff : System RAM", ...nested), ["iomem-overlap (0x1000-0x2fff, line 3)"]);
  assertEquals(found("00000000-0000ffff : PCI Bus 0000:00", ...nested), []);
  assertEquals(found("00000000-0000ffff : System RAM", "  00001000-00005fff : x", "    00001000-00006fff : y"), [
    "iomem-outside-parent (0x1000-0x5fff, line 2)",
  ]);
});

pure("lines at zero are resources that are not set up, unless all are", () => {
  const text = "00000000-00000000 : PCI Bus\n00001000-00001fff : System RAM\n";
  const { iomem, diagnostics } = parseIomem(text);
  assertEquals([iomem.visibility, diagnostics, iomem.roots[0]?.end], ["full", [], 0n]);
});

pure("resources that are not set up are silent wherever they stand, and reserve nothing", () => {
  const text = "00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n  00000000-00000000 : Crash kernel\n" +
    "0009fc00-000fffff : Reserved\n  00000000-00000000 : PCI Bus 0000:00\n  00000000-00000000 : PCI Bus 0000:00\n" +
    "    00000000-00000000 : 0000:00:02.0\n  000a0000-000dffff : PCI Bus 0000:00\n";
  const { iomem, diagnostics } = parseIomem(text);
  assertEquals([diagnostics, crashReservations(iomem), imageReservation(iomem)], [[], [], undefined]);
});

pure("the low reservation of vendor kernels is one, and no image lies in it", () => {
  const low = "f1a00000-f7dfffff : reserved\n  f1a00000-f7dfffff : Crash kernel (low)\n";
  const both = parseIomem(`${low}880000000-fffffffff : System RAM\n  f00000000-f3fffffff : Crash kernel\n`).iomem;
  const lowRange = { start: 0xf1a0_0000n, end: 0xf7e0_0000n };
  const high = { start: 0xf_0000_0000n, end: 0xf_4000_0000n };
  assertEquals([crashReservations(both), imageReservation(both)], [[lowRange, high], high]);
  const only = parseIomem(low).iomem;
  assertEquals([crashReservations(only), imageReservation(only)], [[lowRange], undefined]);
});

pure("hidden addresses are told apart from a machine without memory", () => {
  const { iomem, diagnostics } = parseIomem(
    "00000000-00000000 : System RAM\n  00000000-00000000 : Crash kernel\n00000000-00000000 : Reserved\n",
  );
  assertEquals(places(diagnostics), ["iomem-zeroed 1:1+17"]);
  assertEquals(diagnostics[0]?.hint?.includes("CAP_SYS_ADMIN"), true);
  assertEquals(iomem.visibility, "zeroed");
  assertEquals(nodesNamed(iomem, "Crash kernel"), [{ start: 0n, end: 0n, name: "Crash kernel", children: [] }]);
  assertEquals([systemRam(iomem), crashReservations(iomem)], [[], []]);
});

pure("an empty map is unknown, not empty of memory", () => {
  for (const text of ["", "\n"]) {
    const { iomem, diagnostics } = parseIomem(text);
    assertEquals([iomem.visibility, places(diagnostics)], ["absent", ["iomem-empty 1:1+1"]]);
  }
});

pure("a line that cannot be read is an error, and the others are still there", () => {
  const text =
    "00001000-00001fff : System RAM\n\n1000-1fff : short\n00002000-00002fff: no space\n00003000-00003fff : Reserved\n";
  const { iomem, diagnostics } = parseIomem(text);
  assertEquals(places(diagnostics), ["iomem-malformed 2:1+1", "iomem-malformed 3:1+17", "iomem-malformed 4:1+27"]);
  assertEquals(diagnostics[1]?.position?.source, "1000-1fff : short");
  assertEquals(iomem.roots.map((node) => node.name), ["System RAM", "Reserved"]);
});

pure("Windows line ends do not become part of a name", () => {
  assertEquals(parseIomem("00001000-00001fff : System RAM\r\n").iomem.roots[0]?.name, "System RAM");
});

pure("a range that ends before it starts points at its addresses", () => {
  const { iomem, diagnostics } = parseIomem("00000000-00002fff : a\n  00002000-00001fff : b\n  00001000-00000ffe : c");
  assertEquals(places(diagnostics), ["iomem-backwards 2:3+17", "iomem-backwards 3:3+17"]);
  assertEquals(iomem.roots[0]?.children, []);
});

pure("an indentation that skips a level, or is odd, is an error", () => {
  const { iomem, diagnostics } = parseIomem(
    "  00000000-00000fff : a\n00001000-00001fff : b\n    00001000-000010ff : c\n   00001100-000011ff : d",
  );
  assertEquals(places(diagnostics), ["iomem-indentation 1:1+2", "iomem-indentation 3:1+4", "iomem-indentation 4:1+3"]);
  assertEquals(iomem.roots.map((node) => node.children.map((child) => child.name)), [[], ["c", "d"]]);
});

pure("what contradicts memory, or what is reserved in it, is one warning; what does not is silent", () => {
  const cases: readonly (readonly [string, string | undefined, string?])[] = [
    ["00001000-00001fff : a\n  00001800-00002000 : b\n00003000-00004fff : c\n00004fff-00005fff : d\n", undefined],
    [
      "a0000000-afffffff : PCI Bus 0000:00\n  a0000000-a7ffffff : 0000:01:00.0\n  a4000000-abffffff : 0000:02:00.0\n",
      undefined,
    ],
    ["00001000-00002fff : System RAM\n00002000-00003fff : Reserved\n", "iomem-overlap 2:1+17"],
    ["00001000-00002fff : Reserved\n00002000-00003fff : System RAM (kmem)\n", "iomem-overlap 2:1+17"],
    ["00001000-00002fff : System RAM\n  00002000-00003fff : Kernel code\n", "iomem-outside-parent 2:3+17"],
    [
      "00001000-00008fff : System RAM\n  00002000-00003fff : reserved\n  00003000-00004fff : reserved\n",
      "iomem-overlap 3:3+17",
    ],
    ["00001000-00008fff : reserved\n  00008000-0000ffff : Crash kernel\n", "iomem-outside-parent 2:3+17"],
    ["00001000-00008fff : reserved\n  00008000-0000ffff : Crash kernel (low)\n", "iomem-outside-parent 2:3+17"],
    [
      "00001000-00002fff : System RAM\n  00001000-00003fff : x\n  00002000-00004fff : y\n00002000-00003fff : Reserved\n",
      "iomem-outside-parent 2:3+17",
      "`x` reaches beyond `System RAM` (0x1000-0x2fff, line 1), and 3 more lines contradict the map",
    ],
  ];
  for (const [text, place, message] of cases) {
    const { diagnostics } = parseIomem(text);
    assertEquals([text, places(diagnostics)], [text, place === undefined ? [] : [place]]);
    if (message !== undefined) assertEquals(diagnostics[0]?.message, message);
  }
});

pure("only memory of the kernel itself is system RAM", () => {
  const text =
    "00001000-00001fff : System RAM\n  00001000-000010ff : System RAM\n00002000-00002fff : System RAM (kmem)\n00003000-00003fff : Reserved\n";
  assertEquals(systemRam(parseIomem(text).iomem), [{ start: 0x1000n, end: 0x2000n }]);
});

const LAPTOP = String(hostCapture("uefi-laptop").files["/proc/iomem"]);

pure("both reservations of crashkernel= are found, the low one first", () => {
  assertEquals(crashReservations(parseIomem(LAPTOP).iomem), [
    { start: 0x4900_0000n, end: 0x5900_0000n },
    { start: 0x4_5f00_0000n, end: 0x4_7f00_0000n },
  ]);
});

/** Disjoint nodes in a range, in order, with children of their own. */
function forest(start: bigint, end: bigint, depth: number): fc.Arbitrary<readonly IomemNode[]> {
  const name = fc.oneof(
    fc.constantFrom("System RAM", "Reserved", "Crash kernel"),
    fc.string().map((text) => text.replace(/[\r\n]/g, "")),
  );
  return fc.uniqueArray(fc.bigInt({ min: start, max: end }), { maxLength: 8 }).chain((cuts) => {
    const sorted = cuts.toSorted((a, b) => a < b ? -1 : 1);
    const pairs = sorted.flatMap((from, index) => {
      const to = sorted[index + 1];
      return index % 2 === 0 && to !== undefined ? [[from, to] as const] : [];
    });
    return fc.tuple(...pairs.map(([from, to]) =>
      fc.record({
        start: fc.constant(from),
        end: fc.constant(to),
        name,
        children: depth === 0 ? fc.constant([]) : forest(from, to, depth - 1),
      })
    ));
  });
}

pure("any tree that is printed as the kernel prints it parses to itself", () => {
  fc.assert(fc.property(forest(1n, MAX_U64 + 1n, 3), (roots) => {
    const { iomem, diagnostics } = parseIomem(print(roots));
    const expected: Iomem = { visibility: roots.length === 0 ? "absent" : "full", roots };
    assertEquals([iomem, diagnostics.filter(({ code }) => code !== "iomem-empty")], [expected, []]);
  }));
});

pure("no change to a map makes the parser throw, or lose a line without saying so", () => {
  const edit = fc.record({
    at: fc.nat(LAPTOP.length),
    remove: fc.nat(40),
    insert: fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom("\n", "  ", "0", "-", " : ", "f")),
  });
  fc.assert(fc.property(fc.array(edit, { minLength: 1, maxLength: 5 }), (edits) => {
    const text = edits.reduce(
      (all, { at, remove, insert }) => all.slice(0, at) + insert + all.slice(at + remove),
      LAPTOP,
    );
    const { iomem, diagnostics } = parseIomem(text);
    const lost = diagnostics.filter(({ code }) => code === "iomem-malformed" || code === "iomem-backwards").length;
    const lines = text.replace(/\r?\n$/, "").split("\n").length;
    assertEquals([...walk(iomem)].length + lost, lines);
  }));
});

pure("a map of damaged lines is refused, and not read to its end", () => {
  const { iomem, diagnostics } = parseIomem(`${"x\n".repeat(100_000)}00001000-00001fff : System RAM\n`);
  assertEquals(diagnostics.length, 21);
  assertEquals(diagnostics[20]?.severity, "error");
  assertEquals(diagnostics[20]?.message, "The last 99981 lines of /proc/iomem were not read, after 20 problems");
  assertEquals(iomem.visibility, "absent");
});

pure("a map of absurd depth is refused, not followed", () => {
  const text = Array.from({ length: 20_000 }, (_, depth) => `${"  ".repeat(Math.min(depth, 50))}00001000-00001fff : x`)
    .join("\n");
  assertEquals(parseIomem(text).diagnostics.some(({ code }) => code === "iomem-indentation"), true);
});

Deno.test({
  name: "a map that has no address for any memory is zeroed, whatever another line says; a zero line alone is not",
  permissions: "none",
  fn() {
    const zeroed = [
      "00000000-00000001 : Reserved",
      "00000000-00000000 : System RAM",
      "  00000000-12345678 : Crash kernel",
      "00000000-00000fff : Reserved",
      "00000000-00000000 : System RAM",
    ].join("\n");
    const { iomem, diagnostics } = parseIomem(zeroed);
    assertEquals(iomem.visibility, "zeroed");
    assertEquals(diagnostics.map(({ code }) => code), ["iomem-zeroed"]);
    assertEquals([...walk(iomem)].every(({ start, end }) => start === end), true);
    assertEquals(crashReservations(iomem), []);
    const ordinary =
      "00001000-0009ffff : System RAM\n000a0000-000fffff : Reserved\n  00000000-00000000 : PCI Bus 0000:00\n";
    assertEquals(parseIomem(ordinary).iomem.visibility, "full");
  },
});

pure("where the map contradicts a reservation, no other one is taken for the kernel's", () => {
  const sound = "100000000-17fffffff : System RAM\n  110000000-11fffffff : Crash kernel\n";
  const both = (text: string): readonly unknown[] => {
    const { iomem } = parseIomem(text + sound);
    return [crashReservations(iomem).length, imageReservation(iomem)?.start, contradictedReservation(iomem)];
  };
  assertEquals(both("00100000-3fffffff : System RAM\n  10000000-1fffffff : Crash kernel\n"), [
    2,
    0x1_1000_0000n,
    undefined,
  ]);
  const ram = "00100000-3fffffff : System RAM\n";
  const line = "`Crash kernel` (0x10000000-0x1fffffff)";
  const rows: readonly (readonly [string, string])[] = [
    ["  10000000-4fffffff : Crash kernel\n", "`Crash kernel` (0x10000000-0x4fffffff) and `System RAM`"],
    ["  00000000-1fffffff : Crash kernel\n", "`Crash kernel` (0x0-0x1fffffff) and `System RAM` (0x100000-0x3fffffff)"],
    ["  50000000-5fffffff : Crash kernel\n", "`Crash kernel` (0x50000000-0x5fffffff) and `System RAM`"],
    ["  10000000-1fffffff : Crash kernel\n  1fff0000-20000fff : ACPI Tables\n", `${line} and \`ACPI Tables\``],
    ["  10000000-1fffffff : Crash kernel\n    1fff0000-20000fff : driver\n", `${line} and \`driver\``],
    ["  10000000-1fffffff : Crash kernel\n1f000000-4fffffff : Reserved\n", `${line} and \`Reserved\``],
    ["  10000000-1fffffff : Crash kernel\n  18000000-2fffffff : Crash kernel\n", `${line} and \`Crash kernel\``],
    ["  00000000-00000000 : PCI Bus\n    10000000-1fffffff : Crash kernel\n", `${line} and \`PCI Bus\` (no address)`],
    ["  20000000-2fffffff : ACPI Tables\n    10000000-1fffffff : Crash kernel\n", `${line} and \`ACPI Tables\``],
  ];
  for (const [text, contradiction] of rows) {
    const [count, image, why] = both(ram + text);
    assertEquals([count, image], [0, undefined], text);
    assertStringIncludes(String(why), contradiction, text);
  }
});

pure("more reservations than a kernel makes are not believed", () => {
  const lines = Array.from({ length: 5 }, (_, at) => `  0${at}000000-0${at}ffffff : Crash kernel\n`);
  const map = (count: number): Iomem =>
    parseIomem(`00000000-3fffffff : System RAM\n${lines.slice(0, count).join("")}`).iomem;
  assertEquals(crashReservations(map(4)).length, 4);
  assertEquals(crashReservations(map(5)), []);
  assertStringIncludes(contradictedReservation(map(5)) ?? "", "5 lines `Crash kernel`");
});
