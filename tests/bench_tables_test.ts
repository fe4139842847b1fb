import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type BootResult, ratio, summaries, type Times, type WayName } from "../bench/boot_results.ts";
import { bootPicture } from "../bench/boot_svg.ts";
import { longTables, shortTable } from "../bench/boot_table.ts";
import {
  type Interruption,
  interruptionRatio,
  type InterruptionResult,
  interruptionTable,
} from "../bench/interruption_results.ts";
import { markdownTable, withSection } from "../bench/markdown_table.ts";
import { scaleTable } from "../bench/scale_results.ts";

function way(name: WayName, seconds: readonly Times[], millions: Times): BootResult["ways"][number] {
  return { way: name, seconds, millions: [millions] };
}

const RESULT: BootResult = {
  name: "xz",
  qemu: "10.0",
  sha: true,
  kernel: "6.1.0-50-cloud-amd64",
  packing: "xz",
  initrd: { packing: "gzip", packed: 30_000_000, size: 120_000_000 },
  ways: [
    way("predecompress", [{ line: 1, user: 3 }, { line: 9, user: 12 }, { line: 2, user: 4 }], { line: 50, user: 150 }),
    way("kexec -c", [{ line: 3, user: 5 }], { line: 900, user: 1000 }),
    way("kexec -c -i", [{ line: 4, user: 8 }], { line: 500, user: 600 }),
  ],
};

Deno.test({
  name: "a result is summed up by medians against the way of kexec-tools that executes least",
  permissions: "none",
  fn() {
    const { all, best, ours } = summaries(RESULT);
    assertEquals(all.map(({ way }) => way), ["kexec -c", "kexec -c -i", "predecompress"]);
    assertEquals(best.way, "kexec -c -i");
    assertEquals(ours[0]?.seconds.line, { median: 2, least: 1, most: 9 });
    assertEquals(ours.map(({ seconds }) => ratio(seconds.user, best.seconds.user)), [0.5]);
    const short = shortTable([RESULT]);
    assertStringIncludes(short, "6.1 cloud (xz), initrd gzip 30 MB");
    assertStringIncludes(short, "2.00 s, 4.00 s | 0.50, 0.50 |      0.10, 0.25 |");
    assertStringIncludes(longTables([RESULT]), "2.00 (1.00 to 9.00)");
    assertThrows(() => summaries({ ...RESULT, ways: RESULT.ways.slice(0, 1) }), Error, "Nothing of kexec-tools");
  },
});

Deno.test({
  name: "a picture has a bar in each panel for each way, within its width",
  permissions: "none",
  fn() {
    const svg = bootPicture([RESULT]);
    const ends = [...svg.matchAll(/<rect class="wb-(?:kernel|segment)"[^>]* x="([\d.]+)"[^>]* width="([\d.]+)"/g)]
      .map(([, x, width]) => Number(x) + Number(width));
    assertEquals(ends.length, 4 + 3 * 2 * 2);
    assertEquals(ends.filter((end) => !(end < 980)), []);
  },
});

Deno.test({
  name: "a table's columns are as wide as their widest cells; a section is replaced, and nothing around it",
  permissions: "none",
  fn() {
    assertEquals(
      markdownTable(["a", "size"], [["word", "1"]], [1]),
      "| a    | size |\n| ---- | ---: |\n| word |    1 |\n",
    );
    const page = "one\n\n<!-- x -->\nold\n<!-- end of x -->\ntwo\n";
    const changed = withSection(page, "x", "new\n");
    assertEquals(changed, "one\n\n<!-- x -->\n\nnew\n\n<!-- end of x -->\ntwo\n");
    assertEquals(withSection(changed, "x", "new"), changed);
    assertThrows(() => withSection(page, "y", ""), Error, "<!-- y -->");
  },
});

Deno.test({
  name: "interruptions are compared in each round with the quicker way of kexec-tools, since a machine drifts",
  permissions: "none",
  fn() {
    const rounds = (...seconds: number[]): readonly Interruption[] =>
      seconds.map((down) => ({ asked: down + 2, down }));
    const result: InterruptionResult = {
      name: "zstd",
      kernel: "6.12.117+deb13-amd64",
      qemu: "10.0",
      seconds: {
        "kexec -c": rounds(10, 20, 30),
        "kexec -s": rounds(12, 18, 40),
        "load: kexec_file_load": rounds(10, 18, 30),
        "predecompress: true": rounds(5, 9, 24),
      },
    };
    assertEquals(interruptionRatio(result, "predecompress: true", "down"), 0.5);
    assertEquals(interruptionRatio(result, "predecompress: true", "asked"), 7 / 12);
    assertEquals(interruptionRatio(result, "load: kexec_file_load", "down"), 1);
    const table = interruptionTable([result]).replaceAll(/ +/g, " ");
    assertStringIncludes(table, "| 6.12 (zstd) | kexec-tools | `kexec -c` | 22.0 (12.0 to 32.0) | 1.00 | 20.0");
    assertStringIncludes(
      table,
      "| | warmboot | `predecompress: true` | 11.0 (7.0 to 26.0) | 0.58 | 9.0 (5.0 to 24.0) | 0.50 |",
    );
  },
});

Deno.test({
  name: "a fleet has a row for each setting: medians, CPU time by the plan, and elapsed time against one job",
  permissions: "none",
  fn: () => {
    const run = (hosts: number, jobs: number, cpu: number, time: number) => (
      { hosts, jobs, plans: 10 * hosts, cpu, time, peak: 150 * 2 ** 20, kept: 20 * 2 ** 20 }
    );
    const runs = [run(100, 1, 500, 400), run(100, 1, 700, 600), run(100, 1, 900, 700), run(100, 2, 800, 300)];
    const table = scaleTable(runs).replaceAll(/ +/g, " ");
    assertStringIncludes(table, "| 100 | 1000 | 1 | 0.70 ms | 20 MiB | 150 MiB | 1.00 |");
    assertStringIncludes(table, "| 100 | 1000 | 2 | 0.80 ms | 20 MiB | 150 MiB | 0.50 |");
  },
});
