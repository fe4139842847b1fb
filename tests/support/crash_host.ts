import type { HostFacts } from "../../src/host/facts.ts";
import type { IomemNode } from "../../src/host/iomem.ts";
import { hostFacts } from "./host_facts.ts";

const MIB = 1n << 20n;

/** Where the crash host maps all memory. */
export const PAGE_OFFSET = 0xffff_9a31_0000_0000n;

/** Its reservations: a low one of 256 MiB, and a high one of 512 MiB that holds the image. */
export const LOW: readonly [bigint, bigint] = [0x3000_0000n, 0x3000_0000n + 256n * MIB];
export const HIGH: readonly [bigint, bigint] = [0x1_1000_0000n, 0x1_1000_0000n + 512n * MIB];

function node(name: string, [start, end]: readonly [bigint, bigint], children: readonly IomemNode[] = []): IomemNode {
  return { name, start, end, children };
}

/** A host of 4 GiB with two CPUs that was booted with `crashkernel=512M,high`. */
export function crashHost(changes: Partial<HostFacts> = {}): HostFacts {
  return hostFacts({
    release: "6.12.107+deb13-amd64",
    iomem: {
      visibility: "full",
      roots: [
        node("Reserved", [0n, 0x1000n]),
        node("System RAM", [0x1000n, 0x9_fc00n]),
        node("Reserved", [0x9_fc00n, 0x10_0000n]),
        node("System RAM", [0x10_0000n, 0xbffd_c000n], [
          node("Kernel code", [0x1_5a00_0000n - 0x1_4000_0000n, 0x1c00_0000n]),
          node("Crash kernel", LOW),
        ]),
        node("ACPI Tables", [0xbffd_c000n, 0xbfff_0000n]),
        node("Reserved", [0xbfff_0000n, 0xc000_0000n]),
        node("System RAM", [0x1_0000_0000n, 0x1_4000_0000n], [node("Crash kernel", HIGH)]),
      ],
    },
    kexec: { ...hostFacts().kexec, crashSize: 768n * MIB },
    vmcoreinfo: { address: 0x1_01ab_c000n, size: 0x1024n },
    crashNotes: [
      { cpu: 0, address: 0x1_3fc0_1000n, size: 368n },
      { cpu: 1, address: 0x1_3fd0_1000n, size: 368n },
    ],
    kernelMap: [
      { vaddr: 0xffff_ffff_9400_0000n, paddr: 0x1a00_0000n, size: 0x300_0000n },
      { vaddr: PAGE_OFFSET + 0x1000n, paddr: 0x1000n, size: 0x9_e000n },
      { vaddr: PAGE_OFFSET + 0x10_0000n, paddr: 0x10_0000n, size: 0xbfed_c000n },
    ],
    ...changes,
  });
}
