import { MAX_U64 } from "../../core/number.ts";
import type { HostFacts } from "../../host/facts.ts";

/** What placement must know of an architecture. */
export interface MachineMemory {
  /**
   * Lines nested under `System RAM` that a segment may take: the running kernel itself, since the copy to the final
   * place is made when it no longer runs.
   */
  readonly overwritable: readonly string[];
  /** Where placement starts unless told otherwise, bytes. */
  readonly lowest: bigint;
  /** KEXEC_DESTINATION_MEMORY_LIMIT: a segment must end below it, bytes. */
  readonly limit: bigint;
}

/**
 * The architecture's memory, by `uname -m`. An unknown one gets the strictest row: nothing under `System RAM` is free.
 *
 * x86_64: MAXMEM - 1, where MAXMEM is 2^52 with 5-level paging active, which is when the kernel shows the flag la57, and
 * 2^46 otherwise (arch/x86/include/asm/kexec.h, pgtable_64_types.h, Linux 7.3). Below 1 MiB lie firmware's data and
 * the trampolines with which CPUs start. arm64: ULONG_MAX; children named `reserved` hold what must survive.
 */
export function machineMemory(facts: Pick<HostFacts, "machine" | "cpuFlags">): MachineMemory {
  switch (facts.machine) {
    case "x86_64":
      return {
        overwritable: ["Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"],
        lowest: 1n << 20n,
        limit: (1n << (facts.cpuFlags.includes("la57") ? 52n : 46n)) - 1n,
      };
    case "aarch64":
      return { overwritable: ["Kernel code", "Kernel data"], lowest: 0n, limit: MAX_U64 };
    default:
      return { overwritable: [], lowest: 0n, limit: MAX_U64 };
  }
}
