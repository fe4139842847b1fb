/** The results of boot_results.ts as tables of Markdown. */
import { type BootResult, ratio, summaries, type Summary, type WayName } from "./boot_results.ts";
import type { Spread } from "./pairs.ts";
import { markdownTable } from "./markdown_table.ts";

/** In the place of what was not measured. */
const NONE = "not measured";

/** By what `predecompress` has its segments verified. */
const VERIFIED: { readonly [Way in WayName]?: string } = {
  predecompress: "XXH64",
  "predecompress, checksum: sha256": "SHA-256",
  "predecompress, checksum: false": "nothing",
};

/** What was booted, in words. */
export function titleOf({ kernel, packing, initrd }: BootResult): string {
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  const version = /^\d+\.\d+/.exec(kernel)?.[0] ?? kernel;
  const flavour = kernel.includes("cloud") ? " cloud" : "";
  const archive = initrd.packing === "none" ? "" : `, initrd ${initrd.packing} ${megabytes(initrd.packed)}`;
  return `${version}${flavour} (${packing})${archive}`;
}

/** In short: kexec-tools' quickest way against `predecompress`, with each of its checks and without. */
export function shortTable(results: readonly BootResult[]): string {
  const rows = results.flatMap((result) => {
    const { best, ours } = summaries(result);
    return ours.map((way, index) => [
      index === 0 ? titleOf(result) : "",
      VERIFIED[way.way] ?? "",
      index === 0 ? `${seconds(best.seconds.line, best.seconds.user)} (\`${best.way.slice(6)}\`)` : "",
      seconds(way.seconds.line, way.seconds.user),
      ratios(way, best, "seconds"),
      ratios(way, best, "millions"),
    ]);
  });
  const head = ["kernel", "verified by", "kexec-tools' quickest", "`predecompress`", "ratio", "in instructions"];
  return markdownTable(head, rows, [2, 3, 4, 5]);
}

/** Every way, with the extremes. */
export function longTables(results: readonly BootResult[]): string {
  return results.map((result) => {
    const { all } = summaries(result);
    const rows = all.map(({ way, tool, seconds: clock, millions }) => [
      tool,
      `\`${way}\``,
      spread(clock.line),
      spread(clock.user),
      millions.line.median.toFixed(0),
      millions.user.median.toFixed(0),
    ]);
    const head = ["by", "way", "first line, s", "user space, s", "first line, M instr.", "user space, M instr."];
    return `**${titleOf(result)}**; QEMU ${result.qemu}, a processor ${
      result.sha ? "with" : "without"
    } SHA instructions\n\n${markdownTable(head, rows, [2, 3, 4, 5])}`;
  }).join("\n");
}

function seconds(line: Spread, user: Spread): string {
  if (Number.isNaN(line.median)) return NONE;
  return `${line.median.toFixed(2)} s, ${user.median.toFixed(2)} s`;
}

function ratios(way: Summary, best: Summary, unit: "seconds" | "millions"): string {
  if (Number.isNaN(way[unit].line.median)) return NONE;
  return `${ratio(way[unit].line, best[unit].line).toFixed(2)}, ${ratio(way[unit].user, best[unit].user).toFixed(2)}`;
}

function spread({ median, least, most }: Spread): string {
  if (Number.isNaN(median)) return NONE;
  return `${median.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;
}
