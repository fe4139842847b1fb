import { EM_X86_64 } from "../../formats/elf.ts";
import { isSince } from "../../core/release.ts";
import type { Checked } from "../../core/diagnostic.ts";
import { intersect, type Range, subtract } from "../../core/range.ts";
import type { HostFacts, KernelMapping } from "../../host/facts.ts";
import { crashReservations, dumpedRam } from "../../host/iomem.ts";
import type { CrashDump, DumpedMemory } from "../elfcorehdr.ts";
import { unknownDump } from "../unknown_dump.ts";
import { LOW_MEMORY, START_KERNEL_MAP } from "./memory_layout.ts";

/** The memory that kernels before 5.5 neither reserved nor saved: whoever loads a crash kernel has it copied away. */
export const BACKUP_SOURCE: Range = { start: 0n, end: 640n << 10n };

/**
 * Whether the first 640 KiB hold memory of the running system that the crash kernel would overwrite. Linux 5.5 reserves
 * the first MiB where crashkernel= is given, and took the backup out of its own loader (arch/x86/kernel/crash.c,
 * arch/x86/realmode/init.c). Where a distribution has that in an older kernel the copy is needless, and harmless.
 */
export function needsBackup(release: string): boolean {
  return isSince(release, [5, 5]) !== true;
}

/**
 * What a dump of the running kernel holds: the notes of all CPUs and vmcoreinfo, the kernel's text, and all memory but
 * the reservations of the crash kernel, what it borrows (crashkernel=SIZE,cma), and the first MiB where that is not
 * memory of the system; with `backup` it is, and the first 640 KiB are copied to that address before. Error:
 * `crash-unknown`, `iomem-zeroed`.
 */
export function crashDump(facts: HostFacts, backup?: bigint): Checked<CrashDump> {
  const { vmcoreinfo, crashNotes, kernelMap, iomem, kexec } = facts;
  const text = kernelMap?.find(({ vaddr }) => vaddr >= START_KERNEL_MAP);
  const pageOffset = pageOffsetOf(kernelMap ?? []);
  const unknown = [
    ...(crashNotes.length === 0 ? ["/sys/devices/system/cpu/cpu*/crash_notes"] : []),
    ...(vmcoreinfo === undefined ? ["/sys/kernel/vmcoreinfo"] : []),
    ...(text === undefined || pageOffset === undefined ? ["/proc/kcore"] : []),
  ];
  if (vmcoreinfo === undefined || text === undefined || pageOffset === undefined || unknown.length > 0) {
    return { value: undefined, diagnostics: [unknownDump(unknown, facts)] };
  }
  const left = subtract(dumpedRam(iomem), [
    ...crashReservations(iomem),
    ...(kexec.crashCmaRanges ?? []),
    ...(backup === undefined ? [LOW_MEMORY] : []),
  ]);
  const memory = left.flatMap((range) => backup === undefined ? [range] : atBackup(range)).map(
    (range): DumpedMemory => ({
      ...range,
      vaddr: range.start + pageOffset,
      ...(backup === undefined || range.end > BACKUP_SOURCE.end ? {} : { copiedTo: backup + range.start }),
    }),
  );
  const value = {
    machine: EM_X86_64,
    cpuNotes: crashNotes.map(({ address, size }) => ({ address, size })),
    vmcoreinfo,
    text: { start: text.paddr, end: text.paddr + text.size, vaddr: text.vaddr },
    memory,
  };
  return { value, diagnostics: [] };
}

/** The parts of a range that are copied away, and that are not. */
function atBackup(range: Range): readonly Range[] {
  const copied = intersect(range, BACKUP_SOURCE);
  return [...(copied === undefined ? [] : [copied]), ...subtract([range], [BACKUP_SOURCE])];
}

/** The virtual address of physical address 0 in the mapping of all memory; KASLR chooses it at each boot. */
function pageOffsetOf(kernelMap: readonly KernelMapping[]): bigint | undefined {
  const memory = kernelMap.find(({ vaddr, paddr }) => vaddr < START_KERNEL_MAP && vaddr >= paddr);
  return memory === undefined ? undefined : memory.vaddr - memory.paddr;
}
