import type { Checked } from "../../core/diagnostic.ts";
import { subtract } from "../../core/range.ts";
import type { HostFacts, KernelMapping } from "../../host/facts.ts";
import { crashReservations, dumpedRam } from "../../host/iomem.ts";
import type { CrashDump, DumpedMemory } from "../elfcorehdr.ts";
import { unknownDump } from "../unknown_dump.ts";

/** EM_AARCH64 of elf.h. */
const EM_AARCH64 = 183;

/**
 * What a dump of the running kernel holds: the notes of all CPUs and vmcoreinfo, the kernel's text, and all memory but the
 * reservations and what the crash kernel borrows (prepare_elf_headers in arch/arm64/kernel/machine_kexec_file.c, Linux
 * 7.3). Error: `crash-unknown`.
 */
export function crashDump(facts: HostFacts): Checked<CrashDump> {
  const { vmcoreinfo, crashNotes, kernelMap = [], iomem, kexec } = facts;
  const linear = linearOf(kernelMap);
  const text = linear === undefined ? undefined : textOf(kernelMap, linear);
  if (vmcoreinfo === undefined || linear === undefined || text === undefined || crashNotes.length === 0) {
    const unknown = [
      ...(crashNotes.length === 0 ? ["/sys/devices/system/cpu/cpu*/crash_notes"] : []),
      ...(vmcoreinfo === undefined ? ["/sys/kernel/vmcoreinfo"] : []),
      ...(text === undefined ? ["/proc/kcore"] : []),
    ];
    return { value: undefined, diagnostics: [unknownDump(unknown)] };
  }
  const memory = subtract(dumpedRam(iomem), [...crashReservations(iomem), ...(kexec.crashCmaRanges ?? [])]);
  const value: CrashDump = {
    machine: EM_AARCH64,
    cpuNotes: crashNotes.map(({ address, size }) => ({ address, size })),
    vmcoreinfo,
    text: { start: text.paddr, end: text.paddr + text.size, vaddr: text.vaddr },
    memory: memory.map((range): DumpedMemory => ({ ...range, vaddr: range.start + linear })),
  };
  return { value, diagnostics: [] };
}

/**
 * The virtual address of physical address 0 in the linear map: since Linux 5.4 that is the lower half of the kernel's
 * addresses, whatever their number of bits, and the kernel itself lies in the upper half (Documentation/arch/arm64/memory.rst).
 */
function linearOf(kernelMap: readonly KernelMapping[]): bigint | undefined {
  const [first, ...rest] = kernelMap;
  if (first === undefined) return undefined;
  const lowest = rest.reduce((low, each) => each.vaddr < low.vaddr ? each : low, first);
  return lowest.vaddr - lowest.paddr;
}

/** The kernel's own mapping: KCORE_TEXT of fs/proc/kcore.c, the one that is not part of the linear map. */
function textOf(kernelMap: readonly KernelMapping[], linear: bigint): KernelMapping | undefined {
  return kernelMap.find(({ vaddr, paddr }) => vaddr - paddr !== linear);
}
