/** What the bench of reboots has found, as it is kept in results/boot.json; tables and picture are made from it. */
import { keepNamed, keptResults } from "./kept_results.ts";
import { type Spread, spreadOf } from "./pairs.ts";

/** The ways to load: kexec-tools by its options, warmboot by the system call or the profile's lines. */
export type WayName =
  | "kexec -c"
  | "kexec -c -i"
  | "kexec -s"
  | "kexec_file_load"
  | "kexec_file_load, predecompress"
  | "kexec_load"
  | "predecompress"
  | "predecompress, checksum: sha256"
  | "predecompress, checksum: false";

/** From the jump to the next kernel's first line, and to the first line of its user space. */
export interface Times {
  readonly line: number;
  readonly user: number;
}

/** One way, by each round: seconds of the host's clock, and millions of the guest's instructions. */
export interface WayResult {
  readonly way: WayName;
  readonly seconds: readonly Times[];
  readonly millions: readonly Times[];
}

/** What was booted, and how long it took. Sizes in bytes. */
export interface BootResult {
  readonly name: string;
  /** QEMU's version. */
  readonly qemu: string;
  /** Whether the emulated processor has SHA instructions, which QEMU has since 8.2. */
  readonly sha: boolean;
  /** As uname -r. */
  readonly kernel: string;
  /** What the kernel is packed with. */
  readonly packing: string;
  readonly initrd: { readonly packing: string; readonly packed: number; readonly size: number };
  readonly ways: readonly WayResult[];
}

/** All that is kept. */
export function bootResults(): readonly BootResult[] {
  return keptResults("boot") ?? [];
}

/** Keeps a result in the place of the one that has its name. */
export async function keepBootResult(result: BootResult): Promise<void> {
  await keepNamed("boot", result);
}

/** One way, over its rounds. */
export interface Summary {
  readonly way: WayName;
  readonly tool: "kexec-tools" | "warmboot";
  readonly seconds: { readonly line: Spread; readonly user: Spread };
  readonly millions: { readonly line: Spread; readonly user: Spread };
}

/** The ways in the order of pages: kexec-tools', then warmboot's. */
const ORDER: readonly WayName[] = [
  "kexec -c",
  "kexec -c -i",
  "kexec -s",
  "kexec_file_load",
  "kexec_file_load, predecompress",
  "kexec_load",
  "predecompress",
  "predecompress, checksum: sha256",
  "predecompress, checksum: false",
];

/** All ways of a result; the one of kexec-tools that takes the fewest instructions to user space; and `predecompress`. */
export function summaries(
  { name, ways }: BootResult,
): { readonly all: readonly Summary[]; readonly best: Summary; readonly ours: readonly Summary[] } {
  const all = ways.map(({ way, seconds, millions }): Summary => ({
    way,
    tool: way.startsWith("kexec -") ? "kexec-tools" : "warmboot",
    seconds: spreadsOf(seconds),
    millions: spreadsOf(millions),
  })).toSorted((a, b) => ORDER.indexOf(a.way) - ORDER.indexOf(b.way));
  const [best] = all.filter(({ tool }) => tool === "kexec-tools")
    .toSorted((a, b) => a.millions.user.median - b.millions.user.median);
  if (best === undefined) throw new Error(`Nothing of kexec-tools was measured in ${name}`);
  return { all, best, ours: all.filter(({ way }) => way.startsWith("predecompress")) };
}

/** The ratio of two medians. */
export function ratio(a: Spread, b: Spread): number {
  return a.median / b.median;
}

function spreadsOf(times: readonly Times[]): { readonly line: Spread; readonly user: Spread } {
  return { line: spreadOf(times.map(({ line }) => line)), user: spreadOf(times.map(({ user }) => user)) };
}
