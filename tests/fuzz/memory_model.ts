import type { MemmapEntry } from "../../src/host/facts.ts";

/** A stretch of physical memory; `end` does not belong to it. */
interface Stretch {
  readonly start: bigint;
  readonly end: bigint;
}

interface Line extends Stretch {
  readonly nested: boolean;
  readonly name: string;
}

/** What the running kernel is made of: it may be overwritten, by machine. */
const OWN: { readonly [machine: string]: readonly string[] } = {
  "x86_64": ["Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"],
  "aarch64": ["Kernel code", "Kernel data"],
};

/** The lines of a map that is well formed. Shares nothing with src/. */
function linesOf(iomem: string): readonly Line[] {
  return iomem.split(/\r?\n/).flatMap((line) => {
    const match = /^( *)([0-9a-fA-F]+)-([0-9a-fA-F]+) : (.*)$/s.exec(line);
    if (match === null) return [];
    const [, indent = "", start = "", last = "", name = ""] = match;
    return [{ start: BigInt(`0x${start}`), end: BigInt(`0x${last}`) + 1n, nested: indent !== "", name }];
  });
}

/** Crashk_res as the kernel has it: of the lines `Crash kernel` the highest. */
export function crashRange(iomem: string): Stretch | undefined {
  return linesOf(iomem).filter(({ name }) => name === "Crash kernel")
    .reduce<Stretch | undefined>(
      (high, line) => high === undefined || line.start > high.start ? line : high,
      undefined,
    );
}

/**
 * Why a segment of a normal image must not lie there, by the text of /proc/iomem and the firmware's map; undefined where
 * it may: all of it is `System RAM` of the top level, no other line touches it but the running kernel's own, and the
 * firmware, where it says anything, says memory too.
 */
export function memoryFault(
  segment: Stretch,
  iomem: string,
  firmware: readonly MemmapEntry[],
  machine: string,
): string | undefined {
  const lines = linesOf(iomem);
  const touching = lines.filter(({ start, end }) => start < segment.end && segment.start < end);
  const ram = touching.filter(({ nested, name }) => !nested && name === "System RAM");
  if (!covered(segment, ram)) return "not all of it is System RAM";
  const other = touching.find((line) =>
    !(line.name === "System RAM" && !line.nested) && !(line.nested && (OWN[machine] ?? []).includes(line.name))
  );
  if (other !== undefined) return `it touches ${JSON.stringify(other.name)}`;
  if (firmware.length === 0) return undefined;
  const said = firmware.filter(({ start, end }) => start < segment.end && segment.start < end);
  const foreign = said.find(({ type }) => type !== "System RAM");
  if (foreign !== undefined) return `the firmware says ${JSON.stringify(foreign.type)}`;
  return covered(segment, said) ? undefined : "the firmware does not list all of it";
}

function covered(segment: Stretch, parts: readonly Stretch[]): boolean {
  let reached = segment.start;
  for (const { start, end } of parts.toSorted((a, b) => a.start < b.start ? -1 : 1)) {
    if (start <= reached && end > reached) reached = end;
  }
  return reached >= segment.end;
}
