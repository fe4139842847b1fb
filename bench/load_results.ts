/** What the bench of `load` has found, as it is kept in results/load.json, and its table. */
import { keepResults, keptResults } from "./kept_results.ts";
import { markdownTable } from "./markdown_table.ts";
import { median, spreadOf } from "./pairs.ts";

/** Who loads, by which way. */
export type LoaderName = "kexec -c -l" | "kexec -s -l" | "kexec_load" | "kexec_file_load" | "predecompress";

/** One run: milliseconds, and the most bytes of memory at a time. */
export interface Run {
  readonly time: number;
  readonly peak: number;
}

/** On the processor of the computer that measures, up to the call, which is refused; milliseconds. */
export interface HereResults {
  readonly processor: string;
  readonly sizes: readonly {
    readonly mib: number;
    readonly ours: readonly number[];
    readonly theirs: readonly number[];
  }[];
}

/** What was measured. */
export interface LoadResults {
  /** QEMU's version, and the running kernel as uname -r. */
  readonly qemu: string;
  readonly kernel: string;
  /** A Deno that does nothing. */
  readonly bare: Run;
  /** By size of the initrd, MiB. */
  readonly sizes: readonly {
    readonly mib: number;
    readonly loaders: readonly { readonly name: LoaderName; readonly runs: readonly Run[] }[];
  }[];
  readonly here?: HereResults;
}

/** Which of kexec-tools' ways each of warmboot's is compared with. */
export const PEERS: { readonly [name: string]: LoaderName } = {
  "kexec_load": "kexec -c -l",
  "kexec_file_load": "kexec -s -l",
  "predecompress": "kexec -c -l",
};

const MIB = 2 ** 20;

/** All that is kept; undefined before the first run. */
export function loadResults(): LoadResults | undefined {
  return keptResults("load");
}

/** Keeps the results. */
export async function keepLoadResults(results: LoadResults): Promise<void> {
  await keepResults("load", results);
}

/** What the table shows, in words. */
const ABOUT =
  `**The load before it**, with initrds that cannot be unpacked, and the most memory that it takes. Each number is a
median, in one virtual machine. Its processor is emulated: there, starting Deno takes seconds; on a real one, some 40
ms. With 512 MiB the kernel's own time varies from run to run, and for some ways it is most of the total.`;

const ABOUT_HERE = (processor: string): string =>
  `**The same on a processor that is not emulated** (${processor}), up to the call, which the kernel refuses to a process
without CAP_SYS_BOOT. So it is not timed: the kernel's own part, copying the segments, is left out.`;

/** Medians, and the ratio of times, as a table of Markdown with an introduction; nothing before the first run. */
export function loadTable(results: LoadResults | undefined): string {
  if (results === undefined) return "";
  const { sizes } = results;
  const rows = sizes.flatMap(({ mib, loaders }) => {
    const runsOf = (name: string, of: (run: Run) => number): readonly number[] =>
      loaders.find((loader) => loader.name === name)?.runs.map(of) ?? [];
    const middle = (name: string, of: (run: Run) => number): number => median(runsOf(name, of));
    const spread = (name: string): string => {
      const { median: middling, least, most } = spreadOf(runsOf(name, ({ time }) => time / 1000));
      // Said where it matters.
      const extremes = most > 1.2 * least ? ` (${least.toFixed(1)} to ${most.toFixed(1)})` : "";
      return `${middling.toFixed(2)} s${extremes}`;
    };
    return Object.entries(PEERS).map(([name, peer], index) => [
      index === 0 ? `${mib} MiB` : "",
      `\`${name}\``,
      spread(name),
      `\`${peer}\` ${spread(peer)}`,
      (middle(name, ({ time }) => time) / middle(peer, ({ time }) => time)).toFixed(2),
      `${(middle(name, ({ peak }) => peak) / MIB).toFixed(0)} MiB`,
      `${(middle(peer, ({ peak }) => peak) / MIB).toFixed(0)} MiB`,
    ]);
  });
  const head = ["initrd", "way", "warmboot", "kexec-tools", "ratio", "its peak", "kexec-tools' peak"];
  const here = results.here === undefined ? "" : `\n${hereTable(results.here)}`;
  return `${ABOUT}\n\n${markdownTable(head, rows, [0, 2, 3, 4, 5, 6])}${here}`;
}

function hereTable({ processor, sizes }: HereResults): string {
  const rows = sizes.map(({ mib, ours, theirs }) => [
    `${mib} MiB`,
    "`kexec_load`",
    `${(median(ours) / 1000).toFixed(2)} s`,
    `${(median(theirs) / 1000).toFixed(2)} s (\`kexec -c -l\`)`,
    (median(ours) / median(theirs)).toFixed(2),
  ]);
  const head = ["initrd", "way", "warmboot", "kexec-tools", "ratio"];
  return `${ABOUT_HERE(processor)}\n\n${markdownTable(head, rows, [0, 2, 3, 4])}`;
}
