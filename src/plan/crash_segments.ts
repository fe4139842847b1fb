import { buildElfcorehdr, type CrashDump, elfcorehdrSize } from "../arch/elfcorehdr.ts";
import type { Segment, SegmentRequest } from "../arch/segment.ts";
import { BACKUP_SOURCE, crashDump, needsBackup } from "../arch/x86_64/crash_dump.ts";
import { crashE820Of } from "../arch/x86_64/crash_e820.ts";
import type { E820Entry } from "../arch/x86_64/e820.ts";
import type { PurgatoryInput } from "../arch/x86_64/purgatory.ts";
import type { Checked } from "../core/diagnostic.ts";
import { formatAddress } from "../core/number.ts";
import { alignUp, rangeSize } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import { addWord } from "../profile/cmdline.ts";
import type { KexecLoadFlag } from "./flags.ts";
import type { PlannedSegment } from "./plan.ts";

/** The segments' names, by which a stored plan's are found. */
export const ELFCOREHDR = "elfcorehdr";
export const BACKUP = "backup";

/** What a crash image has besides the segments of a normal one: what it needs room for, and what comes of its places. */
export interface CrashParts {
  readonly requests: readonly SegmentRequest[];
  /** With the requests placed: their segments, and how the rest of the image differs. */
  at(places: ReadonlyMap<string, bigint>): Checked<CrashLayout>;
}

/** The parts of a crash image that are like no other's. */
export interface CrashLayout {
  readonly segments: readonly Segment[];
  /** The words that the command line gets. */
  readonly cmdline: (cmdline: string) => string;
  readonly e820: readonly E820Entry[];
  /** Segments that the running kernel may change after the load: purgatory does not verify them. */
  readonly changing: readonly string[];
  readonly backup?: NonNullable<PurgatoryInput["backup"]>;
}

/**
 * The flag by which the kernel itself keeps elfcorehdr in step with CPUs and memory that come and go, where it can: it
 * says how large that segment must be. x86 takes this flag from Linux 6.6 on; it takes KEXEC_CRASH_HOTPLUG_SUPPORT for
 * the same from 6.10 on only (arch_crash_hotplug_support in arch/x86/kernel/crash.c, Linux 7.3).
 */
export function hotplugFlags({ kexec }: HostFacts): readonly KexecLoadFlag[] {
  return (kexec.crashElfcorehdrSize ?? 0n) > 0n ? ["KEXEC_UPDATE_ELFCOREHDR"] : [];
}

/** What a crash image of this host needs, on x86_64. Errors: those of `crashDump` and `crashE820Of`. */
export function crashParts(facts: HostFacts): Checked<CrashParts> {
  // Its size is the same wherever the backup lies.
  const backedUp = needsBackup(facts.release);
  const { value: draft, diagnostics } = crashDump(facts, backedUp ? 0n : undefined);
  if (draft === undefined) return { value: undefined, diagnostics };
  const anywhere = { alignment: facts.pageSize, min: 0n, max: 1n << 64n };
  const size = memoryOf(draft, facts);
  const requests = [
    { ...anywhere, name: ELFCOREHDR, size },
    ...(backedUp ? [{ ...anywhere, name: BACKUP, size: rangeSize(BACKUP_SOURCE) }] : []),
  ];
  const at: CrashParts["at"] = (places) => {
    const address = places.get(ELFCOREHDR) ?? 0n;
    const target = backedUp ? places.get(BACKUP) : undefined;
    const dump = crashDump(facts, target);
    const taken = requests.map(({ name, size }) => {
      const start = places.get(name) ?? 0n;
      return { start, end: start + alignUp(size, facts.pageSize) };
    });
    const e820 = crashE820Of(facts, taken);
    const all = [...dump.diagnostics, ...e820.diagnostics];
    if (dump.value === undefined || e820.value === undefined) return { value: undefined, diagnostics: all };
    const header = { kind: "bytes", bytes: buildElfcorehdr(dump.value) } as const;
    const segments: readonly Segment[] = [
      { name: ELFCOREHDR, mem: address, memsz: alignUp(size, facts.pageSize), bytes: header },
      ...(target === undefined
        ? []
        : [{ name: BACKUP, mem: target, memsz: rangeSize(BACKUP_SOURCE), bytes: { kind: "zero" } } as const]),
    ];
    return {
      value: {
        segments,
        cmdline: (cmdline) => addWord(cmdline, `elfcorehdr=${formatAddress(address)}`),
        e820: e820.value,
        changing: hotplugFlags(facts).length > 0 ? [ELFCOREHDR] : [],
        ...(target === undefined
          ? {}
          : { backup: { from: BACKUP_SOURCE.start, to: target, size: rangeSize(BACKUP_SOURCE) } }),
      },
      diagnostics: all,
    };
  };
  return { value: { requests, at }, diagnostics };
}

/** Room for what elfcorehdr has now, and for what the kernel itself may make of it. */
function memoryOf(dump: CrashDump, { kexec }: HostFacts): bigint {
  const size = elfcorehdrSize(dump);
  const most = kexec.crashElfcorehdrSize ?? 0n;
  return most > size ? most : size;
}

/**
 * How a planned crash image no longer describes this host; undefined if it does, or is none that we laid out. Notes and
 * mappings lie elsewhere after each boot, memory and CPUs may have come and gone.
 */
export function staleDump(
  segments: readonly Pick<PlannedSegment, "name" | "mem" | "source">[],
  facts: HostFacts,
): string | undefined {
  const planned = segments.find(({ name }) => name === ELFCOREHDR);
  if (planned === undefined || planned.source.kind !== "bytes") return undefined;
  const backup = segments.find(({ name }) => name === BACKUP);
  const { value } = crashDump(facts, backup === undefined ? undefined : BigInt(backup.mem));
  if (value === undefined) return "whether it still describes this host's memory and CPUs is not known";
  return buildElfcorehdr(value).toBase64() === planned.source.base64
    ? undefined
    : "it describes other memory, CPUs or notes than this host has now";
}
