import type { Checked } from "../../core/diagnostic.ts";
import { compareStart, intersect, type Range, subtract } from "../../core/range.ts";
import type { HostFacts } from "../../host/facts.ts";
import { crashReservations, systemRam } from "../../host/iomem.ts";
import { LOW_MEMORY } from "./memory_layout.ts";
import { E820_RAM, E820_SOFT_RESERVED, type E820Entry, e820Of } from "./e820.ts";

/**
 * The memory map that is handed over to a crash kernel: as memory, the reservations, what crashkernel=SIZE,cma lends,
 * and the memory below 1 MiB; other types (ACPI tables, reserved, persistent memory) as they are, but for soft reserved
 * memory: drivers of the crash kernel could take that into use, and it is to be dumped. `kept`, what must be
 * left alone in the reservation (above all the ELF core header), is not memory to it, as in
 * crash_setup_memmap_entries() of arch/x86/kernel/crash.c (Linux 7.3). Sorted. Errors: as those of `e820Of`.
 */
export function crashE820Of(facts: HostFacts, kept: readonly Range[]): Checked<readonly E820Entry[]> {
  const { value, diagnostics } = e820Of(facts);
  // The crash kernel would not use the system's memory that `mem=` hides.
  const relevant = diagnostics.filter(({ code }) => code !== "e820-limited");
  if (value === undefined) return { value, diagnostics: relevant };
  const low = systemRam(facts.iomem).flatMap((range) => intersect(range, LOW_MEMORY) ?? []);
  const memory = subtract([...low, ...crashReservations(facts.iomem), ...(facts.kexec.crashCmaRanges ?? [])], kept);
  const entries = [
    ...memory.map((range): E820Entry => ({ ...range, type: E820_RAM })),
    ...value.filter(({ type }) => type !== E820_RAM && type !== E820_SOFT_RESERVED),
  ];
  return { value: entries.toSorted(compareStart), diagnostics: relevant };
}
