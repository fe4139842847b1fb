import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { draw, frameOf } from "../../src/render/memory_bar.ts";
import { labelsOf } from "../../src/render/memory_legend.ts";
import { memoryMap } from "../../src/render/memory_map.ts";
import { memoryLines } from "../../src/render/memory_text.ts";
import { renderPlan } from "../../src/render/plan.ts";
import { COLOURED, PLAIN } from "../../src/render/style.ts";
import { explicitScene, hostWith, type Scene, sceneOf, SCENES, SMALL_VM } from "./scenes.ts";

const PAGE = Deno.readTextFileSync(new URL("../../docs/pictures.md", import.meta.url));

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function drawn({ plan, facts }: Scene, width = 80): string {
  return `\n${memoryLines(memoryMap(plan, facts), { style: PLAIN, width }).join("\n")}\n`;
}

pure("a virtual machine of 1 GiB: the segments, and around them", () => {
  assertEquals(
    drawn(SCENES.small),
    `
  All memory, about 13.8 MiB a character
   0x0       0x8000000          0x18000000        0x28000000         0x3ffdc000
  |.AAAABBCD........................==.........................................|
   ^^^^^^^^^^ enlarged below

  Where the segments go, about 1.5 MiB a character
   0x800000       0x2000000            0x4000000                      0x7800000
  |.....AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBBBBBCD..........|

  .  RAM                983.5 MiB in 3 ranges
  =  running kernel     0x1ae00000 to 0x1d600000, 40 MiB
  A  kernel             0x1000000 to 0x4c00000, 60 MiB, 12 MiB copied
  B  initrd             0x4c00000 to 0x6a00000, 30 MiB
  C  boot_params *      0x6a00000 to 0x6a02000, 8 KiB, 4.1 KiB copied
  D  purgatory *        0x6a02000 to 0x6a09000, 28 KiB, 12 KiB copied
  * drawn larger than to scale
`,
  );
});

pure("6 GiB, segments above 4 GiB: the hole below is seen", () => {
  assertEquals(
    drawn(SCENES.high),
    `
  All memory, about 98.3 MiB a character
   0x0       0x40000000          0xc0000000                         0x1c0000000
  |...............................----------ABCD...............................|
                                           ^^^^^ enlarged below

  Where the segments go, about 1.5 MiB a character
   0xff800000     0x101000000          0x103000000                  0x106800000
  |-----AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBBBBBCD..........|

  .  RAM                6 GiB in 3 ranges
  -  reserved, devices  0x9fc00 to 0x100000, 385 KiB; 0xbffdc000 to 0x100000000,
                        1 GiB
  A  kernel             0x100000000 to 0x103c00000, 60 MiB, 12 MiB copied
  B  initrd             0x103c00000 to 0x105a00000, 30 MiB
  C  boot_params *      0x105a00000 to 0x105a02000, 8 KiB, 4.1 KiB copied
  D  purgatory *        0x105a02000 to 0x105a09000, 28 KiB, 12 KiB copied
  * drawn larger than to scale
`,
  );
});

pure("a server of 253 GiB with 148 ranges: what is small is drawn larger, and said to be", () => {
  assertEquals(
    drawn(SCENES.server),
    `
  All memory, about 3.7 GiB a character
   0x0                  0x1000000000      0x2000000000             0x4040000000
  |ABCD%-................................=...................................%.|
   ^^^^ enlarged below

  Where the segments go, about 1.5 MiB a character
   0x800000       0x2000000            0x4000000                      0x7800000
  |.....AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBBBBBCD..........|

  .  RAM                252.9 GiB in 74 ranges
  =  running kernel     0x1f3e000000 to 0x1f41000000, 48 MiB
  %  crash, low         0x2a000000 to 0x3a000000, 256 MiB, for devices
  %  crash, high        0x3fd0000000 to 0x4010000000, 1 GiB, for the image
  -  reserved, devices  2.7 GiB in 73 ranges
  A  kernel             0x1000000 to 0x4c00000, 60 MiB, 12 MiB copied
  B  initrd             0x4c00000 to 0x6a00000, 30 MiB
  C  boot_params *      0x6a00000 to 0x6a02000, 8 KiB, 4.5 KiB copied
  D  purgatory *        0x6a02000 to 0x6a09000, 28 KiB, 12 KiB copied
  * drawn larger than to scale
`,
  );
});

pure("a crash kernel lies in the high reservation", () => {
  assertEquals(
    drawn(SCENES.crash),
    `
  All memory, about 71.4 MiB a character
   0x0           0x40000000    0x80000000    0xc0000000             0x140000000
  |.....=.....%%%.............................              ....ABCDE%%%%%%....|
                                                enlarged below ^^^^^^^^^^^^^

  Where the segments go, about 8.8 MiB a character
   0x10c000000             0x118000000   0x120000000                0x134000000
  |.......AAAAAAABBBCDE%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%........|

  .  RAM                3.2 GiB in 6 ranges
  =  running kernel     0x1a000000 to 0x1c000000, 32 MiB
  %  crash, low         0x30000000 to 0x40000000, 256 MiB, for devices
  %  crash, high        0x110000000 to 0x130000000, 512 MiB, for the image
     nothing listed     no line in /proc/iomem
  A  kernel             0x110000000 to 0x113c00000, 60 MiB, 12 MiB copied
  B  initrd             0x113c00000 to 0x115a00000, 30 MiB
  C  elfcorehdr *       0x115a00000 to 0x115a01000, 4 KiB, 512 bytes copied
  D  boot_params *      0x115a01000 to 0x115a03000, 8 KiB, 4.1 KiB copied
  E  purgatory *        0x115a03000 to 0x115a0a000, 28 KiB, 12 KiB copied
  * drawn larger than to scale
`,
  );
});

pure("with kexec_file_load the kernel chooses the place", () => {
  assertEquals(
    drawn(SCENES.file),
    `
  All memory, about 13.5 MiB a character
   0x0      0x8000000         0x18000000         0x28000000          0x3ffdc000
  |...............................===..........................................|

  .  RAM                983.5 MiB in 3 ranges
  =  running kernel     0x1ae00000 to 0x1d600000, 40 MiB
  The kernel chooses where the new image goes, when it is loaded
`,
  );
});

pure("with kexec_file_load a crash kernel goes to the reservation, wherever the kernel puts it", () => {
  assertEquals(
    drawn(SCENES.crashFile),
    `
  All memory, about 67.8 MiB a character
   0x0            0x40000000     0x80000000     0xc0000000          0x140000000
  |......=....%%%%..............................               ....%%%%%%%%....|

  .  RAM                3.2 GiB in 6 ranges
  =  running kernel     0x1a000000 to 0x1c000000, 32 MiB
  %  crash, low         0x30000000 to 0x40000000, 256 MiB, for devices
  %  crash, high        0x110000000 to 0x130000000, 512 MiB, for the image
     nothing listed     no line in /proc/iomem
  The kernel chooses where in the crash reservation the image goes, when it is
  loaded
`,
  );
});

pure("4 KiB in 1 TiB are seen, and enlarged", () => {
  assertEquals(
    drawn(SCENES.tiny),
    `
  All memory, about 13.7 GiB a character
   0x0               0x4000000000       0x8000000000              0x10040000000
  |.....................................A......................................|
                                       ^^ enlarged below

  Where the segments go, about 162 bytes a character
   0x7ffffff000             0x8000000000             0x8000001000  0x8000002000
  |.........................AAAAAAAAAAAAAAAAAAAAAAAAA..........................|

  .  RAM                1 TiB in 3 ranges
  A  tiny               0x8000000000 to 0x8000001000, 4 KiB
`,
  );
});

pure("segments that overlap or lie in reserved memory are both drawn, and the conflict marked", () => {
  assertEquals(
    drawn(SCENES.overlap),
    `
  All memory, about 14.2 MiB a character
   0x0         0x8000000         0x18000000        0x28000000        0x3ffdc000
  |C!.A!B............................===.......................................|
   ^^^^^^ enlarged below

  Where the segments go, about 252.4 KiB a character
   0x0        0xf00000            0x1400000       0x1800000           0x1f00000
  |..C!--....~....AAAAAAAAAAAAAAAAAAAAAAAA!!!!!!!!BBBBBBBBBBBBBBBBBBBBBBBB.....|

  .  RAM                983.5 MiB in 3 ranges
  =  running kernel     0x1ae00000 to 0x1d600000, 40 MiB
  -  reserved, devices  0x9fc00 to 0x100000, 385 KiB
  ~  left out           0x200000 to 0xf00000, 13 MiB
  A  code               0x1000000 to 0x1800000, 8 MiB, 4 KiB copied
  B  data               0x1600000 to 0x1e00000, 8 MiB, 4 KiB copied
  C  low *              0x9f000 to 0xa1000, 8 KiB, 4 KiB copied
  !  conflict           A and B overlap: 0x1600000 to 0x1800000, 2 MiB
  !  conflict           C lies in "Reserved" (0x9fc00 to 0xfffff): 0x9fc00 to
                        0xa1000, 5 KiB
  * drawn larger than to scale
`,
  );
});

pure("a segment that lies wholly where it must not keeps its letter", () => {
  const { facts } = SCENES.small;
  const text = drawn(explicitScene([{ name: "lost", at: 0x8000_0000n, size: 0x10_0000n }], facts));
  assertMatch(text, /\| +A!!!+ +\|/);
  assertStringIncludes(text, "A lies in addresses that /proc/iomem does not list:");
});

pure("no line is wider than the terminal, and a wider one is used", () => {
  for (const scene of Object.values(SCENES)) {
    for (const width of [40, 60, 80, 110]) {
      const lines = drawn(scene, width).split("\n");
      assert(lines.every((line) => line.length <= width), lines.join("\n"));
      assert(lines.some((line) => line.length === width && line.endsWith("|")));
    }
  }
});

pure("every segment is seen at any width, sixteen of them too", () => {
  const many = explicitScene(
    Array.from({ length: 16 }, (_, index) => ({
      name: `part ${index}`,
      at: 0x200_0000n * BigInt(index + 1),
      size: 4096n,
    })),
    SMALL_VM,
  );
  for (const scene of [...Object.values(SCENES), many]) {
    const keys = memoryMap(scene.plan, scene.facts).segments.map(({ key }) => key);
    for (const width of [40, 80, 110]) {
      const bars = drawn(scene, width).split("\n").filter((line) => line.startsWith("  |"));
      const last = bars.at(-1) ?? "";
      assertEquals(keys.filter((key) => !last.includes(key)), [], last);
    }
  }
});

pure("colours change no text, and kinds are recognised without them", () => {
  for (const { plan, facts } of Object.values(SCENES)) {
    const lines = memoryLines(memoryMap(plan, facts), { style: COLOURED, width: 80 }).join("\n");
    // deno-lint-ignore no-control-regex
    assertEquals(`\n${lines.replaceAll(/\u001b\[\d+m/g, "")}\n`, drawn({ plan, facts }));
  }
});

pure("a plan without the facts of its host shows the segments, and says what is missing", () => {
  const text = renderPlan(SCENES.small.plan, { style: PLAIN, width: 80 });
  assertStringIncludes(text, "\nMemory\n  Where the segments go");
  assertStringIncludes(text, "|?????AAAA");
  assertStringIncludes(text, "The memory map of web1 is not available here; give its facts with --facts FILE");
  assertEquals(renderPlan(SCENES.file.plan, { style: PLAIN, width: 80 }).includes("Memory\n"), false);
  // With its facts there is memory to see, though no segment has a place yet.
  const { plan, facts } = SCENES.file;
  assertStringIncludes(renderPlan(plan, { style: PLAIN, width: 80 }, { facts }), `\nMemory${drawn(SCENES.file)}`);
});

pure("where the host hides its addresses, nothing is made up", () => {
  const { plan, facts } = SCENES.file;
  for (const [visibility, says] of [["zeroed", "hides its addresses"], ["absent", "is missing or empty"]] as const) {
    const iomem = { visibility, roots: facts.iomem.roots };
    const map = memoryMap(plan, { ...facts, iomem });
    assertEquals([map.regions, map.conflicts, frameOf([map])], [[], [], {}]);
    // Nor are segments in the wrong place for it.
    assertEquals(memoryMap(SCENES.small.plan, { ...SCENES.small.facts, iomem }).conflicts, []);
    assertStringIncludes(memoryLines(map, { style: PLAIN, width: 110 }).join("\n"), says);
  }
});

pure(
  "each address of the host is of one kind: the kernel before what is reserved in it, the crash reservation before both",
  () => {
    const mib = 1n << 20n;
    const { regions } = memoryMap(
      undefined,
      hostWith(["System RAM", 16n * mib, 256n * mib, [
        ["Kernel rodata", 32n * mib, 40n * mib],
        ["Reserved", 40n * mib, 48n * mib],
        ["Crash kernel", 64n * mib, 96n * mib],
        ["Kernel bss", 100n * mib, 104n * mib],
        ["Reserved", 112n * mib, 128n * mib],
      ]]),
    );
    assertEquals(regions.map(({ kind, start, end }) => [kind, start / mib, end / mib]), [
      ["ram", 16n, 32n],
      ["kernel", 32n, 64n],
      ["crash", 64n, 96n],
      ["kernel", 96n, 104n],
      ["ram", 104n, 112n],
      ["reserved", 112n, 128n],
      ["ram", 128n, 256n],
    ]);
  },
);

pure("what the segments take is enlarged where it is less than half of the memory", () => {
  const mib = 1n << 20n;
  const bars = (size: bigint) =>
    drawn(explicitScene([{ name: "a", at: 64n * mib, size }], hostWith(["System RAM", 0n, 256n * mib]))).split("\n")
      .filter((line) => line.startsWith("  |")).length;
  // With an eighth on both sides.
  assertEquals([bars(64n * mib), bars(96n * mib), bars(112n * mib)], [2, 2, 1]);
});

pure("a running kernel is never left out, however much of the memory it takes", () => {
  const mib = 1n << 20n;
  const host = hostWith(["System RAM", 0n, 1024n * mib, [
    ["Kernel code", 64n * mib, 65n * mib],
    ["Kernel bss", 959n * mib, 960n * mib],
  ]]);
  const text = drawn(sceneOf({}, host));
  assertEquals([text.includes("left out"), /\|\.+={60,}\.+\|/.test(text)], [false, true], text);
});

pure("an address above a bar is within its ends, or left out", () => {
  for (const cells of [6, 10, 16, 40]) {
    const map = memoryMap(SCENES.small.plan, SCENES.small.facts);
    const { whole } = draw(map, frameOf([map]), cells, 1);
    if (whole === undefined) throw new Error("No bar");
    const labels = labelsOf(whole, 1);
    assert(labels.every(({ from, text }) => from >= 0 && from + text.length <= cells), JSON.stringify(labels));
    assertEquals(labels.some(({ text }) => text === "0x0"), true);
  }
});

pure("what is enlarged is pointed to within the width of the bar, wherever it is", () => {
  for (let at = 0x100_0000n; at < 0x3f00_0000n; at += 0x80_0000n) {
    const lines = drawn(explicitScene([{ name: "a", at, size: 4096n }], SMALL_VM)).split("\n");
    const pointer = lines.find((line) => line.includes("enlarged below")) ?? "";
    assertMatch(pointer, /^ {3} *(?:\^+ enlarged below|enlarged below \^+)$/);
    assert(pointer.length <= 79, pointer);
  }
});

pure("a name that is longer than its column has a line of its own", () => {
  const rows = (name: string) =>
    drawn(explicitScene([{ name, at: 0x200_0000n, size: 4096n }], SMALL_VM)).split("\n").filter((line, index, lines) =>
      line.startsWith("  A  ") || lines[index - 1]?.startsWith("  A  ")
    );
  assertEquals(rows("x".repeat(18))[0], `  A  ${"x".repeat(18)} 0x2000000 to 0x2001000, 4 KiB`);
  assertEquals(rows("x".repeat(19)).slice(0, 2), [
    `  A  ${"x".repeat(19)}`,
    `${" ".repeat(24)}0x2000000 to 0x2001000, 4 KiB`,
  ]);
});

pure("where a crash image goes is said as far as the map of the memory tells", () => {
  const mib = 1n << 20n;
  const notes = (count: number) => {
    const children = Array.from({ length: count }, (_, index) => {
      const start = BigInt(256 * (index + 1)) * mib;
      return ["Crash kernel", start, start + 64n * mib] as const;
    });
    return memoryMap(SCENES.crashFile.plan, hostWith(["System RAM", mib, 2048n * mib, children])).notes;
  };
  assertEquals(notes(0), ["No memory is reserved for a crash kernel"]);
  const { plan, facts } = SCENES.small;
  if (plan.call.syscall !== "kexec_load") throw new Error("No segments");
  assertEquals(memoryMap({ ...plan, call: { ...plan.call, segments: [] } }, facts).notes, [
    "No segment has an address; the checks say why",
  ]);
  assertEquals(notes(5).length, 1);
  assertStringIncludes(notes(5)[0] ?? "", "5 lines `Crash kernel`");
});

pure("the plan draws what it is drawn from, and stays as it is", () => {
  const { plan, facts } = SCENES.overlap;
  const before = JSON.stringify(plan);
  assertStringIncludes(renderPlan(plan, { style: PLAIN, width: 80 }, { facts }), drawn({ plan, facts }));
  assertEquals(JSON.stringify(plan), before);
});

pure("a name of a segment cannot drive the terminal", () => {
  const scene = explicitScene([{ name: "a\u001b[2J\u202eb", at: 0x100_0000n, size: 4096n }], SMALL_VM);
  // deno-lint-ignore no-control-regex
  assertEquals(drawn(scene).match(/[\u0000-\u0009\u000b-\u001f\u202e]/g), null);
});

pure("a stored plan with too many segments, or beyond all addresses, is drawn as far as that goes", () => {
  const { plan, facts } = SCENES.small;
  if (plan.call.syscall !== "kexec_load") throw new Error("No segments");
  const [first] = plan.call.segments;
  if (first === undefined) throw new Error("No segments");
  const segments = Array.from(
    { length: 40 },
    (_, index) => ({ ...first, name: `${index}`, mem: "0xfffffffffffff000" }),
  );
  const scene = { plan: { ...plan, call: { ...plan.call, segments } }, facts };
  const text = drawn(scene);
  assertStringIncludes(text, "14 more segments are not drawn");
  assertStringIncludes(text, "more conflicts are not drawn");
  assertEquals([...text.matchAll(/^ {2}! /gm)].length, 12);
  const [, , , bar = "", pointer = ""] = text.split("\n");
  assertEquals(pointer.trimEnd().length, bar.length - 1);
  assert(pointer.trim().length <= 21, pointer);
  assert(text.split("\n").every((line) => line.length <= 80));
  const empty = { ...plan, call: { ...plan.call, segments: [{ ...first, memsz: 0 }] } };
  assertStringIncludes(drawn({ plan: empty, facts }), "0x1000000 to 0x1000000, 0 bytes");
});

pure("the page on pictures shows what is drawn", () => {
  const block = drawn(SCENES.crash).split("\n").map((line) => line === "" ? "" : `    ${line}`).join("\n");
  assertStringIncludes(PAGE, block);
});
