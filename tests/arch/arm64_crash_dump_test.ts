import { assertEquals } from "@std/assert";
import { crashDump } from "../../src/arch/arm64/crash_dump.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { IomemNode } from "../../src/host/iomem.ts";
import { hostFacts } from "../support/host_facts.ts";

const node = (name: string, start: bigint, end: bigint, children: readonly IomemNode[] = []): IomemNode => ({
  name,
  start,
  end,
  children,
});

const [IMAGE, LINEAR] = [0xffff_8000_8000_0000n, 0xffff_0000_0000_0000n];
/** The kernel's own mapping, and the piece of the linear map around it. */
const TEXT = { vaddr: IMAGE, paddr: 0x4020_0000n, size: 0x200_0000n };
const AROUND = { vaddr: LINEAR + 0x4000_0000n, paddr: 0x4000_0000n, size: 0x4000_0000n };

/** A board with 1 GiB at 1 GiB and another one at 8 GiB, of which 256 MiB and 64 MiB are reserved. */
function board(changes: Partial<HostFacts> = {}): HostFacts {
  return hostFacts({
    machine: "aarch64",
    iomem: {
      visibility: "full",
      roots: [
        node("UART", 0x900_0000n, 0x900_1000n),
        node("System RAM", 0x4000_0000n, 0x8000_0000n, [
          node("Kernel code", 0x4021_0000n, 0x4120_0000n),
          node("reserved", 0x4120_0000n, 0x4180_0000n),
          node("Crash kernel", 0x6000_0000n, 0x7000_0000n),
        ]),
        node("System RAM", 0x2_0000_0000n, 0x2_4000_0000n, [
          node("Crash kernel", 0x2_3c00_0000n, 0x2_4000_0000n),
        ]),
      ],
    },
    vmcoreinfo: { address: 0x4fff_0000n, size: 0x1024n },
    crashNotes: [
      { cpu: 0, address: 0x7f00_1000n, size: 372n },
      { cpu: 3, address: 0x7f00_2000n, size: 372n },
    ],
    kernelMap: [AROUND, TEXT],
    ...changes,
  });
}

const mapped = (start: bigint, end: bigint) => ({ start, end, vaddr: LINEAR + start });

Deno.test({
  name: "an arm64 dump holds the CPUs' notes, the text, and all memory but the reservations, where the kernel maps it",
  permissions: "none",
  fn() {
    const expected = {
      value: {
        machine: 183,
        cpuNotes: [{ address: 0x7f00_1000n, size: 372n }, { address: 0x7f00_2000n, size: 372n }],
        vmcoreinfo: { address: 0x4fff_0000n, size: 0x1024n },
        text: { start: 0x4020_0000n, end: 0x4220_0000n, vaddr: IMAGE },
        memory: [
          mapped(0x4000_0000n, 0x6000_0000n),
          mapped(0x7000_0000n, 0x8000_0000n),
          mapped(0x2_0000_0000n, 0x2_3c00_0000n),
        ],
      },
      diagnostics: [],
    };
    assertEquals(crashDump(board()), expected);
    // The linear map may lie lower or higher, and further mappings are of memory without the kernel.
    const far = { vaddr: LINEAR + 0x2_0000_0000n, paddr: 0x2_0000_0000n, size: 0x100_0000n };
    assertEquals(crashDump(board({ kernelMap: [far, TEXT, AROUND] })), expected);
  },
});

Deno.test({
  name: "what an arm64 crash kernel borrows is not in the dump, since it is overwritten",
  permissions: "none",
  fn() {
    const crashCmaRanges = [
      { start: 0x5000_0000n, end: 0x5800_0000n },
      { start: 0x2_0000_0000n, end: 0x2_1000_0000n },
    ];
    const facts = board({ kexec: { ...hostFacts().kexec, crashCmaRanges } });
    assertEquals(crashDump(facts).value?.memory, [
      mapped(0x4000_0000n, 0x5000_0000n),
      mapped(0x5800_0000n, 0x6000_0000n),
      mapped(0x7000_0000n, 0x8000_0000n),
      mapped(0x2_1000_0000n, 0x2_3c00_0000n),
    ]);
  },
});

Deno.test({
  name: "what an arm64 dump must describe is named where the host does not say it",
  permissions: "none",
  fn() {
    const { vmcoreinfo: _, ...silent } = board();
    const said = (facts: HostFacts) => {
      const { value, diagnostics } = crashDump(facts);
      return [value, ...diagnostics.map(({ code, message }) => `${code}: ${message}`)];
    };
    const [notes, info, kcore] = [
      "/sys/devices/system/cpu/cpu*/crash_notes",
      "/sys/kernel/vmcoreinfo",
      "/proc/kcore",
    ];
    const unknown = (...sources: readonly string[]) => [
      undefined,
      `crash-unknown: What a crash dump must describe is unknown: ${sources.join(", ")} ${
        sources.length === 1 ? "does" : "do"
      } not say`,
    ];
    assertEquals(said(silent), unknown(info));
    assertEquals(said(board({ crashNotes: [] })), unknown(notes));
    for (const kernelMap of [[], [TEXT], [AROUND]]) assertEquals(said(board({ kernelMap })), unknown(kcore));
    assertEquals(said({ ...silent, crashNotes: [], kernelMap: [] }), unknown(notes, info, kcore));
    const withoutCode = { visibility: "full", roots: [node("System RAM", 0x4000_0000n, 0x8000_0000n)] } as const;
    assertEquals(said(board({ iomem: withoutCode })), unknown(kcore));
    // A mapping counts only if the kernel's first byte lies in it.
    const [before, after] = [{ ...AROUND, size: 0x21_0000n }, { ...TEXT, paddr: 0x4021_0001n }];
    assertEquals([said(board({ kernelMap: [TEXT, before] })), said(board({ kernelMap: [AROUND, after] }))], [
      unknown(kcore),
      unknown(kcore),
    ]);
  },
});
