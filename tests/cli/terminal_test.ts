import { assertEquals } from "@std/assert";
import { withLevel } from "../../src/cli/journal.ts";
import type { Ports, Sink } from "../../src/cli/ports.ts";
import { progressLine, progressOf } from "../../src/cli/progress.ts";
import { PLAIN } from "../../src/render/style.ts";

Deno.test({
  name: "each line that is not empty has its level for the journal",
  permissions: "none",
  fn() {
    assertEquals([withLevel("a\n\nb\n", undefined), withLevel("a", "warning"), withLevel("a\n b", "error")], [
      "<6>a\n\n<6>b\n",
      "<4>a",
      "<3>a\n<3> b",
    ]);
  },
});

Deno.test({
  name: "a progress line leaves the last column free, and shortens the path at its start",
  permissions: "none",
  fn() {
    const of = (path: string, width: number) => progressLine(path, 7, width);
    assertEquals([27, 26, 20].map((width) => of("/boot/vmlinuz", width)), [
      "Reading /boot/vmlinuz: 7 %",
      "Reading ...t/vmlinuz: 7 %",
      "Reading ...nuz: 7 %",
    ]);
    for (const width of [40, 30, 27, 26, 25, 24]) {
      const line = of("/boot/vmlinuz", width);
      assertEquals(line.length <= width - 1 && line.endsWith("linuz: 7 %"), true, line);
      assertEquals(line.includes("..."), width < 27);
    }
    assertEquals(of("/a\u001bb", 80), "Reading /a␛b: 7 %");
  },
});

Deno.test("progress is shown on a terminal only, once it takes long, at each percent, and erased at the end", () => {
  const written: string[] = [];
  const sink = (isTerminal: boolean): Sink => ({
    layout: { style: PLAIN, width: 80 },
    isTerminal,
    write: (text) => void written.push(text),
  });
  const ports = (isTerminal: boolean): Ports => ({ out: sink(isTerminal), err: sink(isTerminal) });
  assertEquals(progressOf(ports(false))("/k"), undefined);
  const real = performance.now;
  let now = 1000;
  performance.now = () => now;
  try {
    const show = progressOf(ports(true))("/k");
    const at = (time: number, done: number) => {
      now = 1000 + time;
      const before = written.length;
      show?.(done, 1000);
      return written.slice(before).map((text) => text.replace("\r\x1b[K", "<"));
    };
    assertEquals([at(0, 0), at(499, 100), at(500, 105), at(501, 109), at(502, 110), at(503, 1000)], [
      [],
      [],
      ["<Reading /k: 10 %"],
      [],
      ["<Reading /k: 11 %"],
      ["<"],
    ]);
    const quick = progressOf(ports(true))("/k");
    now += 100;
    quick?.(1000, 1000);
    assertEquals(written.length, 3);
  } finally {
    performance.now = real;
  }
});
