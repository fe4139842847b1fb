import { assertEquals, assertMatch } from "@std/assert";
import { buildElfcorehdr, elfcorehdrSize } from "../../src/arch/elfcorehdr.ts";
import { BACKUP_SOURCE, crashDump, needsBackup } from "../../src/arch/x86_64/crash_dump.ts";
import { crashE820Of } from "../../src/arch/x86_64/crash_e820.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { crashHost, HIGH, LOW, PAGE_OFFSET } from "../support/crash_host.ts";
import { readElfCore } from "./read_elf_core.ts";

function coreOf(facts: HostFacts, backup?: bigint) {
  const { value } = crashDump(facts, backup);
  if (value === undefined) throw new Error("No dump");
  return { core: readElfCore(buildElfcorehdr(value)), size: elfcorehdrSize(value), bytes: buildElfcorehdr(value) };
}

/** Start and end of the memory that a core holds, without the kernel's text. */
function memoryOf(facts: HostFacts, backup?: bigint): readonly (readonly [bigint, bigint])[] {
  return coreOf(facts, backup).core.headers.filter(({ type }) => type === "LOAD").slice(1)
    .map(({ paddr, memsz }) => [paddr, paddr + memsz]);
}

Deno.test({
  name: "the core header has a note for each CPU, vmcoreinfo, and the kernel's text at its virtual address",
  permissions: "none",
  fn() {
    const { core, size, bytes } = coreOf(crashHost());
    assertEquals([core.machine, BigInt(bytes.length)], [62, size]);
    const notes = core.headers.filter(({ type }) => type === "NOTE");
    assertEquals(notes.map(({ offset, paddr, filesz, memsz }) => [offset, paddr, filesz, memsz]), [
      [0x1_3fc0_1000n, 0x1_3fc0_1000n, 368n, 368n],
      [0x1_3fd0_1000n, 0x1_3fd0_1000n, 368n, 368n],
      [0x1_01ab_c000n, 0x1_01ab_c000n, 0x1024n, 0x1024n],
    ]);
    assertEquals(core.headers.find(({ type }) => type === "LOAD"), {
      type: "LOAD",
      flags: 7,
      offset: 0x1a00_0000n,
      vaddr: 0xffff_ffff_9400_0000n,
      paddr: 0x1a00_0000n,
      filesz: 0x300_0000n,
      memsz: 0x300_0000n,
      align: 0n,
    });
  },
});

Deno.test({
  name: "a dump holds all memory above 1 MiB but both reservations, each piece where the kernel maps it",
  permissions: "none",
  fn() {
    assertEquals(memoryOf(crashHost()), [
      [0x10_0000n, LOW[0]],
      [LOW[1], 0xbffd_c000n],
      [0x1_0000_0000n, HIGH[0]],
      [HIGH[1], 0x1_4000_0000n],
    ]);
    for (const { offset, paddr, vaddr } of coreOf(crashHost()).core.headers.slice(4)) {
      assertEquals([offset, vaddr], [paddr, PAGE_OFFSET + paddr]);
    }
  },
});

Deno.test({
  name: "memory of drivers is dumped, and memory lent to crash kernels is not",
  permissions: "none",
  fn() {
    const { iomem, kexec } = crashHost();
    const kmem = { name: "System RAM (kmem)", start: 0x2_0000_0000n, end: 0x2_4000_0000n, children: [] };
    const dax = { name: "dax0.0", start: 0x2_0000_0000n, end: 0x2_4000_0000n, children: [kmem] };
    const facts = crashHost({
      iomem: { ...iomem, roots: [...iomem.roots, { ...dax, name: "Persistent Memory", children: [dax] }] },
      kexec: { ...kexec, crashCmaRanges: [{ start: 0x8000_0000n, end: 0x9000_0000n }] },
    });
    assertEquals(memoryOf(facts).slice(1), [
      [LOW[1], 0x8000_0000n],
      [0x9000_0000n, 0xbffd_c000n],
      [0x1_0000_0000n, HIGH[0]],
      [HIGH[1], 0x1_4000_0000n],
      [0x2_0000_0000n, 0x2_4000_0000n],
    ]);
  },
});

Deno.test({
  name: "with a backup the first 640 KiB are in the dump, and are read from where they were copied to",
  permissions: "none",
  fn() {
    const low = coreOf(crashHost(), 0x1_1800_0000n).core.headers[4];
    assertEquals([low?.paddr, low?.memsz, low?.offset], [0x1000n, 0x9_ec00n, 0x1_1800_1000n]);
    assertEquals(memoryOf(crashHost(), 0x1_1800_0000n)[1], [0x10_0000n, LOW[0]]);
    assertEquals(BACKUP_SOURCE.end, 0xa_0000n);
  },
});

Deno.test({
  name: "kernels before 5.5 need the backup, and one that is not understood gets it",
  permissions: "none",
  fn() {
    const cases = { "4.18.0-553.el8": true, "5.4.0-190-generic": true, "5.5.0": false, "6.1.0-50-amd64": false };
    for (const [release, needed] of Object.entries({ ...cases, "10.0": false, "next": true })) {
      assertEquals(needsBackup(release), needed, release);
    }
  },
});

Deno.test({
  name: "what a dump must describe is named where the host does not say it",
  permissions: "none",
  fn() {
    const without = (key: "vmcoreinfo" | "kernelMap") => {
      const { [key]: _, ...rest } = crashHost();
      return rest;
    };
    const messageOf = (facts: HostFacts) => {
      const [first] = crashDump(facts).diagnostics;
      return `${first?.code}: ${first?.message}`;
    };
    assertMatch(messageOf(without("kernelMap")), /^crash-unknown: .*: \/proc\/kcore does not say$/);
    assertMatch(messageOf(without("vmcoreinfo")), /: \/sys\/kernel\/vmcoreinfo does not say$/);
    assertMatch(
      messageOf({ ...without("vmcoreinfo"), crashNotes: [] }),
      /cpu\*\/crash_notes, .*vmcoreinfo do not say$/,
    );
    const textOnly = crashHost().kernelMap?.slice(0, 1) ?? [];
    assertMatch(messageOf(crashHost({ kernelMap: textOnly })), /kcore does not say$/);
  },
});

Deno.test({
  name:
    "the crash kernel is told of the reservations without what is kept, of low memory, and of all that is no memory",
  permissions: "none",
  fn() {
    const kept = { start: HIGH[0] + 0x100_0000n, end: HIGH[0] + 0x101_0000n };
    const { value } = crashE820Of(crashHost(), [kept]);
    assertEquals(value?.map(({ start, end, type }) => [type, start, end]), [
      [2, 0n, 0x1000n],
      [1, 0x1000n, 0x9_fc00n],
      [2, 0x9_fc00n, 0x10_0000n],
      [1, LOW[0], LOW[1]],
      [3, 0xbffd_c000n, 0xbfff_0000n],
      [2, 0xbfff_0000n, 0xc000_0000n],
      [1, HIGH[0], kept.start],
      [1, kept.end, HIGH[1]],
    ]);
  },
});

Deno.test({
  name: "soft reserved memory is not handed over: drivers of the crash kernel would take what is to be dumped",
  permissions: "none",
  fn() {
    const ram = { start: 0x10_0000n, end: 0x1_4000_0000n, type: "System RAM" };
    const soft = { start: 0x20_7000_0000n, end: 0xa0_7000_0000n, type: "Soft Reserved" };
    const persistent = { start: 0x1_8000_0000n, end: 0x1_c000_0000n, type: "Persistent Memory" };
    const { value } = crashE820Of(crashHost({ firmwareMap: [ram, soft, persistent] }), []);
    assertEquals(value?.filter(({ start }) => start >= HIGH[1]), [{
      start: persistent.start,
      end: persistent.end,
      type: 7,
    }]);
  },
});

Deno.test({
  name: "memory of drivers is dumped also where it has the plain name, as before Linux 5.8",
  permissions: "none",
  fn() {
    const { iomem } = crashHost();
    const ram = { name: "System RAM", start: 0x2_0000_0000n, end: 0x2_4000_0000n, children: [] };
    const pmem = { name: "Persistent Memory", start: 0x1_f000_0000n, end: 0x2_4000_0000n, children: [ram] };
    assertEquals(memoryOf(crashHost({ iomem: { ...iomem, roots: [...iomem.roots, pmem] } })).at(-1), [
      0x2_0000_0000n,
      0x2_4000_0000n,
    ]);
  },
});

Deno.test({
  name: "memory that is lent to the crash kernel is memory to it, and `mem=` of the running kernel is no matter",
  permissions: "none",
  fn() {
    const { kexec } = crashHost();
    const lent = { start: 0x8000_0000n, end: 0x9000_0000n };
    const { value, diagnostics } = crashE820Of(
      crashHost({ cmdline: "mem=3G", kexec: { ...kexec, crashCmaRanges: [lent] } }),
      [],
    );
    assertEquals(value?.some(({ start, end, type }) => type === 1 && start === lent.start && end === lent.end), true);
    assertEquals(diagnostics, []);
  },
});

Deno.test({
  name:
    "the kernel's text is what is mapped from START_KERNEL_MAP on, and the map of all memory lies above what it maps",
  permissions: "none",
  fn() {
    const [, ...memory] = crashHost().kernelMap ?? [];
    const of = (vaddr: bigint, ...first: typeof memory) =>
      crashDump(crashHost({ kernelMap: [...first, { vaddr, paddr: 0x1a00_0000n, size: 0x300_0000n }, ...memory] }))
        .value;
    assertEquals(of(0xffff_ffff_8000_0000n)?.text.vaddr, 0xffff_ffff_8000_0000n);
    assertEquals(of(0xffff_ffff_7fff_f000n), undefined);
    // Such as the identity map of firmware, moved down.
    const moved = { vaddr: 0x1000n, paddr: 0x2000n, size: 0x1000n };
    assertEquals(of(0xffff_ffff_9400_0000n, moved)?.memory[0]?.vaddr, PAGE_OFFSET + 0x10_0000n);
  },
});
