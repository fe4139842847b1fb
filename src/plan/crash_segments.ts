import { buildElfcorehdr, type CrashDump, elfcorehdrSize } from "../arch/elfcorehdr.ts";
import type { Segment, SegmentRequest } from "../arch/segment.ts";
import type { HandoverInput } from "../arch/kernel_loader.ts";
import type { PurgatoryTask } from "../arch/purgatory.ts";
import type { Checked } from "../core/diagnostic.ts";
import { alignUp, rangeSize } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import type { KexecLoadFlag } from "./flags.ts";
import { linuxMachine } from "../arch/machines.ts";
import type { PlannedSegment } from "./plan.ts";
import type { LinuxMachine } from "../arch/machine.ts";

/** The segments' names, by which a stored plan's are found. */
export const ELFCOREHDR = "elfcorehdr";
export const BACKUP = "backup";

/** What a crash image has in addition to a normal one: what needs room, and what follows from where it lies. */
export interface CrashParts {
  readonly requests: readonly SegmentRequest[];
  /** Given the places: the segments, and how the rest of the image differs. */
  at(places: ReadonlyMap<string, bigint>): Checked<CrashLayout>;
}

/** The parts that only a crash image has. */
export interface CrashLayout {
  readonly segments: readonly Segment[];
  /** Adds the parameters that the command line gets. */
  readonly cmdline: (cmdline: string) => string;
  /** What the handover says about them to the crash kernel. */
  readonly crashInfo?: NonNullable<HandoverInput["crash"]>;
  /** Segments that the running kernel may change after the load: purgatory does not verify them. */
  readonly changing: readonly string[];
  readonly backup?: NonNullable<PurgatoryTask["backup"]>;
}

/**
 * The flag that makes the kernel itself keep elfcorehdr up to date as CPUs and memory come and go, where it can: it says
 * how large that segment must be. x86 takes this flag from Linux 6.6 on; it takes KEXEC_CRASH_HOTPLUG_SUPPORT for
 * the same from 6.10 on only (arch_crash_hotplug_support in arch/x86/kernel/crash.c, Linux 7.3).
 */
export function hotplugFlags({ kexec }: HostFacts): readonly KexecLoadFlag[] {
  return (kexec.crashElfcorehdrSize ?? 0n) > 0n ? ["KEXEC_UPDATE_ELFCOREHDR"] : [];
}

/** What a crash image of this host needs. Errors: those of the machine's `dump`. */
export function crashParts(facts: HostFacts, { crash }: LinuxMachine): Checked<CrashParts> {
  // Its size does not depend on where the backup lies.
  const source = crash.backup(facts);
  const { value: draft, diagnostics } = crash.dump(facts, source === undefined ? undefined : 0n);
  if (draft === undefined) return { value: undefined, diagnostics };
  const anywhere = { alignment: facts.pageSize, min: 0n, max: 1n << 64n };
  const size = memoryOf(draft, facts);
  const requests = [
    { ...anywhere, name: ELFCOREHDR, alignment: crash.alignment, size },
    ...(source === undefined ? [] : [{ ...anywhere, name: BACKUP, size: rangeSize(source) }]),
  ];
  const at: CrashParts["at"] = (places) => {
    const address = places.get(ELFCOREHDR) ?? 0n;
    const target = source === undefined ? undefined : places.get(BACKUP);
    const dump = crash.dump(facts, target);
    if (dump.value === undefined) return { value: undefined, diagnostics: dump.diagnostics };
    const kept = requests.map(({ name, size }) => {
      const start = places.get(name) ?? 0n;
      return { start, end: start + alignUp(size, facts.pageSize) };
    });
    const bytes = buildElfcorehdr(dump.value);
    const segments: readonly Segment[] = [
      { name: ELFCOREHDR, mem: address, memsz: alignUp(size, facts.pageSize), bytes: { kind: "bytes", bytes } },
      ...(source === undefined || target === undefined
        ? []
        : [{ name: BACKUP, mem: target, memsz: rangeSize(source), bytes: { kind: "zero" } } as const]),
    ];
    return {
      value: {
        segments,
        cmdline: (cmdline) => crash.cmdline(cmdline, address),
        crashInfo: { elfcorehdr: { start: address, end: address + BigInt(bytes.length) }, kept },
        changing: hotplugFlags(facts).length > 0 ? [ELFCOREHDR] : [],
        ...(source === undefined || target === undefined
          ? {}
          : { backup: { from: source.start, to: target, size: rangeSize(source) } }),
      },
      diagnostics: dump.diagnostics,
    };
  };
  return { value: { requests, at }, diagnostics };
}

/** Room for elfcorehdr as it is now, and for what the kernel may add to it. */
function memoryOf(dump: CrashDump, { kexec }: HostFacts): bigint {
  const size = elfcorehdrSize(dump);
  const most = kexec.crashElfcorehdrSize ?? 0n;
  return most > size ? most : size;
}

/**
 * Why a planned crash image no longer describes this host; undefined if it does, or if warmboot did not lay it out. Notes
 * and mappings move with each boot, and memory and CPUs come and go.
 */
export function staleDump(
  segments: readonly Pick<PlannedSegment, "name" | "mem" | "source">[],
  facts: HostFacts,
): string | undefined {
  const planned = segments.find(({ name }) => name === ELFCOREHDR);
  if (planned === undefined || planned.source.kind !== "bytes") return undefined;
  const backup = segments.find(({ name }) => name === BACKUP);
  const dump = linuxMachine(facts.machine)?.crash.dump;
  const { value } = dump?.(facts, backup === undefined ? undefined : BigInt(backup.mem)) ?? { value: undefined };
  if (value === undefined) return "cannot determine whether it still describes this host's memory and CPUs";
  return buildElfcorehdr(value).toBase64() === planned.source.base64
    ? undefined
    : "it does not describe this host's current memory, CPUs and notes";
}
