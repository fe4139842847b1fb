import { EM_AARCH64 } from "../../formats/elf.ts";
import type { Checked } from "../../core/diagnostic.ts";
import { subtract } from "../../core/range.ts";
import type { HostFacts, KernelMapping } from "../../host/facts.ts";
import { crashReservations, dumpedRam, type Iomem, nodesNamed } from "../../host/iomem.ts";
import type { CrashDump, DumpedMemory } from "../elfcorehdr.ts";
import { unknownDump } from "../unknown_dump.ts";

/**
 * What a dump of the running kernel holds: the notes of all CPUs and vmcoreinfo, the kernel's text, and all memory but the
 * reservations and what the crash kernel borrows (prepare_elf_headers in arch/arm64/kernel/machine_kexec_file.c, Linux
 * 7.3). Error: `crash-unknown`.
 */
export function crashDump(facts: HostFacts): Checked<CrashDump> {
  const { vmcoreinfo, crashNotes, kernelMap = [], iomem, kexec } = facts;
  const maps = mapsOf(kernelMap, iomem);
  if (vmcoreinfo === undefined || maps === undefined || crashNotes.length === 0) {
    const unknown = [
      ...(crashNotes.length === 0 ? ["/sys/devices/system/cpu/cpu*/crash_notes"] : []),
      ...(vmcoreinfo === undefined ? ["/sys/kernel/vmcoreinfo"] : []),
      ...(maps === undefined ? ["/proc/kcore"] : []),
    ];
    return { value: undefined, diagnostics: [unknownDump(unknown, facts)] };
  }
  const { text, linear } = maps;
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

/** Where the kernel itself is mapped, and the linear map, in which physical address 0 has the virtual address `linear`. */
interface KernelMaps {
  readonly text: KernelMapping;
  readonly linear: bigint;
}

/**
 * Two mappings hold the kernel's code: its own, KCORE_TEXT of fs/proc/kcore.c, and the piece of the linear map around it,
 * which is larger. Which of the two lies higher depends on the release: until Linux 5.3 the linear map does
 * (Documentation/arm64/memory.rst of both).
 */
function mapsOf(kernelMap: readonly KernelMapping[], iomem: Iomem): KernelMaps | undefined {
  const [code] = nodesNamed(iomem, "Kernel code");
  if (code === undefined) return undefined;
  const [text, around] = kernelMap
    .filter(({ paddr, size }) => paddr <= code.start && code.start < paddr + size)
    .toSorted((a, b) => a.size < b.size ? -1 : a.size > b.size ? 1 : 0);
  return text === undefined || around === undefined ? undefined : { text, linear: around.vaddr - around.paddr };
}
