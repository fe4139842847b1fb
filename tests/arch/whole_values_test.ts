import { assertEquals, assertThrows } from "@std/assert";
import { consoleOf } from "../../src/arch/arm64/console.ts";
import { stuckCpus } from "../../src/arch/arm64/cpus.ts";
import {
  cellsOf,
  hasUefiMap,
  memoryOf,
  nodesAlong,
  rangesOf,
  textsOf,
} from "../../src/arch/arm64/device_tree_nodes.ts";
import { treeHandover } from "../../src/arch/arm64/handover.ts";
import { arm64KernelImage, boundsBeside } from "../../src/arch/arm64/image_loader.ts";
import { tooLarge } from "../../src/arch/arm64/next_device_tree.ts";
import { buildElfcorehdr, type CrashDump, elfcorehdrSize } from "../../src/arch/elfcorehdr.ts";
import { linuxMachine, machineMemory } from "../../src/arch/machines.ts";
import { digestBytes, purgatoryFormat, regionOffsets, setRegions, setU64 } from "../../src/arch/purgatory.ts";
import { sourceSize } from "../../src/arch/segment.ts";
import { BACKUP_SOURCE, crashDump, needsBackup } from "../../src/arch/x86_64/crash_dump.ts";
import { e820Of } from "../../src/arch/x86_64/e820.ts";
import { acpiRsdp, efiHandover } from "../../src/arch/x86_64/efi.ts";
import { elfLayout, elfSegments } from "../../src/arch/x86_64/elf_loader.ts";
import { memoryParameters } from "../../src/arch/x86_64/memory_parameters.ts";
import { physicalBases, predecompressObjection, virtualBases } from "../../src/arch/x86_64/predecompress.ts";
import { findRelocations } from "../../src/arch/x86_64/relocations.ts";
import { describeVmlinux } from "../../src/arch/x86_64/vmlinux.ts";
import type { DeviceNode, DeviceTree } from "../../src/formats/fdt.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { ElfImage } from "../../src/image/image.ts";
import { crashHost } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { bzImage, elf64Image, kernelFile } from "../support/profiles.ts";
import { arm64Image } from "../support/arm64.ts";
import { listed, vmlinux } from "../support/small_kernel.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const MIB = 1n << 20n;

// --- What both machines have.

pure("the limits of each machine", () => {
  const of = (machine: string, ...cpuFlags: string[]) => machineMemory({ machine, cpuFlags });
  const x86 = ["Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"];
  assertEquals(of("x86_64", "lm"), { overwritable: x86, lowest: MIB, limit: (1n << 46n) - 1n });
  assertEquals(of("x86_64", "la57"), { overwritable: x86, lowest: MIB, limit: (1n << 52n) - 1n });
  const max = (1n << 64n) - 1n;
  assertEquals(of("aarch64"), { overwritable: ["Kernel code", "Kernel data"], lowest: 0n, limit: max });
  assertEquals(of("toString"), { overwritable: [], lowest: 0n, limit: max });
  const beside = (machine: string) => linuxMachine(machine)?.boundsBeside({ start: 0x4520_0000n, end: 0x4720_0000n });
  assertEquals(beside("x86_64"), { min: 0x100_0000n, initrdMax: 1n << 64n });
  assertEquals(beside("aarch64"), { min: 0x4720_0000n, initrdMax: 0x4000_0000n + (32n << 30n) });
  assertEquals(boundsBeside({ start: 0x3fff_ffffn, end: 0x4000_0000n }).initrdMax, 32n << 30n);
  const speeds = (machine: string, ...cpuFlags: string[]) =>
    (["xxh64", "sha256"] as const).map((by) =>
      linuxMachine(machine)?.purgatory.verifiedPerMs(by, hostFacts({ cpuFlags }))
    );
  assertEquals(speeds("x86_64"), [13_000_000, 350_000]);
  assertEquals(speeds("x86_64", "sha_ni", "ssse3", "sse4_1"), [13_000_000, 1_800_000]);
  assertEquals(speeds("aarch64"), [350_000, 350_000]);
  const crash = ["x86_64", "aarch64"].map((machine) => linuxMachine(machine)?.crash);
  assertEquals(crash.map((each) => each?.alignment), [4096n, 0x1_0000n]);
  assertEquals(crash.map((each) => each?.cmdline("ro -- x", 0x1000n)), ["ro elfcorehdr=0x1000 -- x", "ro -- x"]);
  const old = hostFacts({ release: "5.4.0" });
  assertEquals(crash.map((each) => each?.backup(old)), [BACKUP_SOURCE, undefined]);
  assertEquals(BACKUP_SOURCE, { start: 0n, end: 655_360n });
  assertEquals(["5.4.300", "5.5.0", "6.1", "4.19", "unknown"].map(needsBackup), [true, false, false, true, true]);
});

pure("the size of what a segment is made of", () => {
  assertEquals([
    sourceSize({ kind: "file", path: "/", offset: 7, length: 9 }),
    sourceSize({ kind: "unpacked", path: "/", offset: 7, length: 8 }),
    sourceSize({ kind: "bytes", bytes: new Uint8Array(5) }),
    sourceSize({ kind: "zero" }),
  ], [9n, 8n, 5n, 0n]);
});

pure("elfcorehdr, field by field (Elf64_Ehdr and Elf64_Phdr of elf.h)", () => {
  const dump: CrashDump = {
    machine: 62,
    cpuNotes: [{ address: 0x11n, size: 0x12n }],
    vmcoreinfo: { address: 0x21n, size: 0x22n },
    text: { start: 0x31n, end: 0x35n, vaddr: 0x32n },
    memory: [{ start: 0x41n, end: 0x46n, vaddr: 0x42n, copiedTo: 0x43n }],
  };
  const bytes = buildElfcorehdr(dump);
  const view = new DataView(bytes.buffer);
  assertEquals([BigInt(bytes.length), elfcorehdrSize(dump)], [64n + 4n * 56n, 64n + 4n * 56n]);
  assertEquals([...bytes.subarray(0, 16)], [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  assertEquals([16, 18].map((at) => view.getUint16(at, true)), [4, 62]);
  assertEquals([view.getUint32(20, true), view.getUint32(48, true)], [1, 0]);
  assertEquals([24, 32, 40].map((at) => view.getBigUint64(at, true)), [0n, 64n, 0n]);
  assertEquals([52, 54, 56, 58, 60, 62].map((at) => view.getUint16(at, true)), [64, 56, 4, 0, 0, 0]);
  const rows = [0, 1, 2, 3].map((index) => {
    const at = 64 + index * 56;
    return [
      view.getUint32(at, true),
      view.getUint32(at + 4, true),
      ...[8, 16, 24, 32, 40, 48].map((field) => Number(view.getBigUint64(at + field, true))),
    ];
  });
  assertEquals(rows, [
    [4, 0, 0x11, 0, 0x11, 0x12, 0x12, 0],
    [4, 0, 0x21, 0, 0x21, 0x22, 0x22, 0],
    [1, 7, 0x31, 0x32, 0x31, 4, 4, 0],
    [1, 7, 0x43, 0x42, 0x41, 5, 5, 0],
  ]);
});

pure("what is read from a purgatory, and what is written into it", () => {
  const at = {
    layout: 0,
    layoutNumber: 5,
    entry: 8,
    flags: 16,
    flagVerify: 1,
    flagXxh64: 4,
    regionCount: 20,
    regions: 24,
    regionMax: 2,
    regionSize: 48,
    regionAddress: 0,
    regionLength: 8,
    regionDigest: 16,
    xxh64Region: 3,
  };
  const format = purgatoryFormat("AQID", at, { size: 12288n, length: 8192 });
  const bytes = new Uint8Array(8192);
  const view = new DataView(bytes.buffer);
  assertEquals([format.size, format.length, format.sumCode()], [12288n, 8192, {
    code: Uint8Array.of(1, 2, 3),
    offset: 3,
  }]);
  const verifies = (layout: bigint, flags: number) => {
    view.setBigUint64(0, layout, true);
    view.setUint32(16, flags, true);
    return format.verifies(bytes);
  };
  assertEquals([verifies(5n, 0), verifies(5n, 4), verifies(5n, 1), verifies(5n, 5)], [false, false, "sha256", "xxh64"]);
  // Purgatories of before have no number, and knew no XXH64.
  assertEquals([verifies(0n, 0), verifies(0n, 1), verifies(0n, 5), verifies(6n, 1)], [
    false,
    "sha256",
    undefined,
    undefined,
  ]);
  assertEquals([format.verifies(bytes.subarray(1)), format.target(bytes.subarray(1))], [undefined, undefined]);
  verifies(5n, 8);
  const digest = "ab".repeat(32);
  const regions = [{ address: 0x1000n, length: 9n, sha256: digest }, { address: 0x2000n, length: 7n, sha256: digest }];
  setRegions(bytes, at, { regions, verify: "sha256" });
  assertEquals([view.getUint32(16, true), view.getUint32(20, true)], [9, 2]);
  assertEquals([bytes[24 + 16], bytes[24 + 47], bytes[24 + 48 + 16]], [0xab, 0xab, 0xab]);
  assertEquals(format.sumSlots(bytes), undefined);
  view.setUint32(16, 0, true);
  setRegions(bytes, at, { regions, verify: "xxh64" });
  assertEquals(format.sumSlots(bytes), [
    { offset: 40, address: 0x1000n, length: 9n },
    { offset: 88, address: 0x2000n, length: 7n },
  ]);
  view.setUint32(20, 99, true);
  assertEquals(regionOffsets(bytes, at), [24, 72]);
  view.setUint32(16, 0, true);
  setRegions(bytes, at, { regions: [], verify: false });
  assertEquals([view.getUint32(16, true), view.getUint32(20, true)], [0, 0]);
  setU64(view, 8, (1n << 64n) - 1n);
  assertEquals(format.target(bytes), (1n << 64n) - 1n);
  assertThrows(() => setU64(view, 8, 1n << 64n), RangeError, "18446744073709551616 does not fit 64 bits");
  assertThrows(() => setU64(view, 8, -1n), RangeError, "-1 does not fit 64 bits");
  assertThrows(
    () => setRegions(bytes, at, { regions: [...regions, ...regions], verify: false }),
    RangeError,
    "4 regions, at most 2 fit",
  );
  assertThrows(() => digestBytes("ab"), RangeError, "`ab` is not a SHA-256");
});

// --- x86_64.

pure("each type of memory by its name, whatever its capitals; an unknown one is reserved, with a warning", () => {
  const types = [
    ["System RAM", 1],
    ["Reserved", 2],
    ["device reserved", 2],
    ["Unknown E820 type", 2],
    ["ACPI Tables", 3],
    ["ACPI Non-volatile Storage", 4],
    ["Unusable memory", 5],
    ["Persistent Memory", 7],
    ["Persistent Memory (legacy)", 12],
    ["Soft Reserved", 0xefff_ffff],
  ] as const;
  const map = types.map(([type], index) => ({ start: BigInt(index) * MIB, end: BigInt(index + 1) * MIB, type }));
  const { value, diagnostics } = e820Of(hostFacts({ firmwareMap: map }));
  assertEquals([value?.map(({ type }) => type), diagnostics], [types.map(([, type]) => type), []]);
  const strange = { start: 16n * MIB, end: 17n * MIB, type: "Something" };
  const found = e820Of(hostFacts({ firmwareMap: [...map, strange, { ...strange, start: 17n * MIB, end: 18n * MIB }] }));
  assertEquals([found.value?.slice(-2).map(({ type }) => type), found.diagnostics], [[2, 2], [{
    code: "e820-type",
    severity: "warning",
    message: "The firmware's memory map has the unknown type `Something` at 0x1000000; the next kernel is handed it " +
      "as reserved",
  }]]);
});

pure("where the next kernel's memory map comes from, and why there is none", () => {
  const of = (changes: Partial<HostFacts>) => {
    const { value, diagnostics } = e820Of(hostFacts(changes));
    return value?.map(({ start, end, type }) => [start, end, type]) ?? diagnostics;
  };
  const firmwareMap = [{ start: 2n * MIB, end: 4n * MIB, type: "System RAM" }];
  const root = (name: string, start: bigint, end: bigint, ...children: readonly never[]) => ({
    name,
    start,
    end,
    children,
  });
  const iomem = { visibility: "full", roots: [root("System RAM", 0n, MIB), root("Reserved", MIB, 2n * MIB)] } as const;
  assertEquals(of({ firmwareMap, iomem }), [[2n * MIB, 4n * MIB, 1]]);
  assertEquals(of({ firmwareMap, iomem, cmdline: "add_efi_memmap" }), [[0n, MIB, 1], [MIB, 2n * MIB, 2]]);
  assertEquals(of({ firmwareMap, iomem, cmdline: "-- add_efi_memmap" }), [[2n * MIB, 4n * MIB, 1]]);
  const limits = ["mem=1G", "memmap=1G", "quiet", "-- mem=1G"].map((cmdline) =>
    e820Of(hostFacts({ iomem, cmdline })).diagnostics
  );
  const limited = (name: string) =>
    [{
      code: "e820-limited",
      severity: "warning",
      message:
        `The running kernel's \`${name}=\` limits /proc/iomem, and the next kernel will see no more memory than that`,
      hint: `Reboot through the firmware without \`${name}=\` if the next kernel is to have all memory`,
    }] as const;
  assertEquals(limits, [limited("mem"), limited("memmap"), [], []] as never);
  assertEquals(of({ iomem: { visibility: "zeroed", roots: [] } }), [{
    code: "iomem-zeroed",
    severity: "error",
    message: "The next kernel's memory map must come from /proc/iomem, which shows every address as zero",
    hint: "Take the facts as root, outside of containers",
  }]);
  assertEquals(of({ iomem: { visibility: "absent", roots: [] } }), [{
    code: "e820-unknown",
    severity: "error",
    message: "The next kernel's memory map is unknown: neither /sys/firmware/memmap nor /proc/iomem says it",
    hint: "Take the facts on the host itself, as root",
  }]);
  assertEquals(of({ firmwareMap: [{ start: 0n, end: MIB, type: "reserved" }] }), [{
    code: "e820-unknown",
    severity: "error",
    message: "The next kernel's memory map has no `System RAM`, so that it could not start",
    hint: "Take the facts again, on the host itself, as root",
  }]);
  const persistent = { visibility: "full", roots: [root("Persistent Memory", 3n * MIB, 8n * MIB)] } as const;
  assertEquals(of({ firmwareMap, iomem: persistent }), [[2n * MIB, 3n * MIB, 1]]);
});

function uefi(change: (view: DataView) => void = () => {}): HostFacts {
  const bootParams = new Uint8Array(4096);
  const view = new DataView(bootParams.buffer);
  bootParams.set([0x45, 0x4c, 0x36, 0x34], 0x1c0);
  view.setUint32(0x1c4, 0x1234_5678, true);
  view.setUint32(0x1cc, 1, true);
  view.setUint32(0x1d4, 48, true);
  view.setUint32(0x1d8, 1, true);
  view.setUint8(0x1ec, 3);
  change(view);
  return hostFacts({
    bootParams,
    efi: {
      platformSize: 64,
      fwVendor: 0x10n,
      configTable: 0x20n,
      runtime: 0x30n,
      systab: { SMBIOS: 0x40n, ACPI: 0x50n, ACPI20: 0x60n },
      runtimeMap: [{ type: 5, numPages: 1n, physAddr: 0x1000n, virtAddr: 0xffff_ffff_0000_0000n, attribute: 1n }],
    } as never,
  });
}

pure("what of EFI is handed over, and why it is not", () => {
  const facts = uefi();
  const { efi } = facts;
  if (efi === undefined) throw new Error("No EFI");
  const takes = { efiKexec: true };
  assertEquals(efiHandover(facts, takes), {
    kind: "handover",
    systab: 0x1_1234_5678n,
    secureBoot: 3,
    fwVendor: 0x10n,
    configTable: 0x20n,
    runtime: 0x30n,
    smbios: 0x40n,
    runtimeMap: efi.runtimeMap,
  });
  const why = (changed: HostFacts, info = takes) => {
    const found = efiHandover(changed, info);
    return found.kind === "none" ? found.reason : [found.runtime, found.smbios];
  };
  const { efi: _efi, ...bios } = facts;
  const { bootParams: _params, ...unknown } = facts;
  assertEquals(why(bios), "the machine was not booted through UEFI");
  assertEquals(why(facts, { efiKexec: false }), "the kernel image does not take them over (it lacks XLF_EFI_KEXEC)");
  assertEquals(why(unknown), "the running kernel's boot_params are unknown");
  const with_ = (changes: object): HostFacts => ({ ...facts, efi: { ...efi, ...changes } });
  const bits = "the firmware has 32 bits";
  assertEquals([
    why(with_({ platformSize: 32 })),
    why(uefi((view) => view.setUint8(0x1c2, 0x33))),
    why(uefi((view) => view.setUint16(0x1c2, 0x3233, true))),
  ], [
    bits,
    "the running kernel was itself started without them",
    bits,
  ]);
  assertEquals(why(uefi((view) => view.setUint32(0x1d4, 0))), "the running kernel was itself started without them");
  assertEquals(why(uefi((view) => view.setUint32(0x1cc, 2, true))), "the EFI memory map has version 2, not 1");
  assertEquals(why(with_({ runtimeMap: [] })), "the running kernel shows no EFI runtime map");
  assertEquals(
    why(with_({ runtimeMap: [...efi.runtimeMap, { ...efi.runtimeMap[0], physAddr: 0x2000n, virtAddr: 0n }] })),
    "the running kernel does not use them (0x2000 is not mapped)",
  );
  const not = (what: string, address: string) =>
    `the address of ${what} is said to be ${address}, which is not a physical one`;
  assertEquals(why(uefi((view) => view.setUint32(0x1d8, 1 << 20, true))), not("the system table", "0x10000012345678"));
  assertEquals(why(with_({ fwVendor: 0n })), not("the vendor's name", "0x0"));
  assertEquals(why(with_({ configTable: 1n << 52n })), not("the configuration tables", "0x10000000000000"));
  assertEquals(why(with_({ fwVendor: undefined })), "the address of the vendor's name is unknown");
  assertEquals([why(with_({ runtime: 1n << 52n })), why(with_({ configTable: (1n << 52n) - 1n }))], [[0n, 0x40n], [
    0x30n,
    0x40n,
  ]]);
  assertEquals(why(with_({ systab: {} })), [0x30n, 0n]);
  assertEquals(acpiRsdp(facts), 0x60n);
  assertEquals(acpiRsdp(uefi((view) => view.setBigUint64(0x70, 0x99n, true))), 0x99n);
  assertEquals([acpiRsdp(with_({ systab: { ACPI: 0x50n } })), acpiRsdp(bios)], [0x50n, undefined]);
});

pure("what a crash dump needs to know, by the file that says it", () => {
  const why = (changes: Partial<HostFacts>) =>
    crashDump(crashHost(changes)).diagnostics.map(({ code, message }) => [code, message]);
  const { vmcoreinfo: _, kernelMap: _map, ...rest } = crashHost();
  assertEquals(why({}), []);
  assertEquals(
    why({ crashNotes: [] }),
    crashDump({ ...crashHost(), crashNotes: [] }).diagnostics.map(({ code, message }) => [code, message]),
  );
  const names = crashDump({ ...rest, crashNotes: [] }).diagnostics[0]?.message ?? "";
  assertEquals(["cpu*/crash_notes", "/sys/kernel/vmcoreinfo", "/proc/kcore"].map((file) => names.includes(file)), [
    true,
    true,
    true,
  ]);
  const borrowed = crashHost({
    kexec: { ...crashHost().kexec, crashCmaRanges: [{ start: 0x200_0000n, end: 0x300_0000n }] },
  });
  const low = (facts: HostFacts, backup?: bigint) =>
    crashDump(facts, backup).value?.memory.slice(0, 2).map(({ start, end, copiedTo }) => [start, end, copiedTo]);
  assertEquals(low(crashHost()), [[MIB, 0x3000_0000n, undefined], [0x4000_0000n, 0xbffd_c000n, undefined]]);
  assertEquals(low(borrowed), [[MIB, 0x200_0000n, undefined], [0x300_0000n, 0x3000_0000n, undefined]]);
  assertEquals(low(crashHost(), 0x5000n), [[0x1000n, 0x9_fc00n, 0x6000n], [MIB, 0x3000_0000n, undefined]]);
  // Low memory that ends exactly where the copied part does, as on UEFI machines.
  const { iomem } = crashHost();
  const roots = iomem.roots.map((node) => node.end === 0x9_fc00n ? { ...node, end: BACKUP_SOURCE.end } : node);
  const whole = crashHost({ iomem: { ...iomem, roots } });
  assertEquals(low(whole, 0x5000n)?.[0], [0x1000n, BACKUP_SOURCE.end, 0x6000n]);
});

pure("an ELF kernel: where it goes, and why it cannot be laid out", () => {
  const load = (paddr: bigint, changes: object = {}) => ({
    offset: 0x1000n,
    paddr,
    vaddr: paddr + 0xffff_ffff_8000_0000n,
    filesz: 0x800n,
    memsz: 0x1000n,
    align: 0n,
    ...changes,
  });
  const of = (loads: ElfImage["loads"], entry = 0x100_0000n, changes: Partial<ElfImage> = {}) => {
    const info = elf64Image({ entry, loads, ...changes });
    const { value, diagnostics } = elfLayout(info, "/vmlinux", 4096n);
    return value === undefined
      ? diagnostics.map(({ message }) => message)
      : [value.request.size, value.request.alignment, value.request.max];
  };
  const max = (1n << 64n) - 1n;
  assertEquals(of([load(0x100_0000n)]), [0x1000n, 2n * MIB, max]);
  assertEquals(of([load(0x100_0000n), load(0x110_0000n, { memsz: 0x1001n })]), [0x10_2000n, 2n * MIB, max]);
  // What does not find out where it is stays where it was linked for.
  assertEquals(of([load(0x100_0000n, { vaddr: 0n })]), [0x1000n, 4096n, 0x100_1000n]);
  assertEquals(of([load(0x110_0000n)], 0x110_0000n), [0x1000n, 4096n, 0x110_1000n]);
  assertEquals(of([load(0x100_0000n)], 0x100_0000n, { machine: 3 }), [0x1000n, 4096n, 0x100_1000n]);
  assertEquals(of([load(0x100_0000n)], 0x100_0fffn), [0x1000n, 2n * MIB, max]);
  assertEquals(of([load(0x100_0000n)], 0x100_1000n), ["/vmlinux: its entry 0x1001000 lies in none of its segments"]);
  assertEquals(of([]), ["/vmlinux: its entry 0x1000000 lies in none of its segments"]);
  assertEquals(of([load(0x100_0800n)], 0x100_0800n), [
    "/vmlinux: its segment for 0x1000800 does not start on a page of 4096 bytes",
  ]);
  assertEquals(of([load(0x100_0000n), load(0x100_1000n)]), [0x2000n, 2n * MIB, max]);
  assertEquals(of([load(0x100_0000n, { memsz: 0x1001n }), load(0x100_1000n)]), [
    "/vmlinux: its segments for 0x1000000 and 0x1001000 share a page",
  ]);
  const last = (1n << 64n) - 0x1000n;
  assertEquals(of([load(last, { vaddr: last })], last), [
    `/vmlinux: its segment for 0xfffffffffffff000 ends beyond 64 bits`,
  ]);
  const info = elf64Image({
    entry: 0xffff_ffff_8100_0800n,
    loads: [load(0x100_0000n), load(0x120_0000n, { filesz: 0n })],
  });
  const layout = elfLayout(info, "/vmlinux", 4096n).value;
  assertEquals(layout === undefined ? undefined : elfSegments(layout, 0x140_0000n), {
    entry: 0x140_0800n,
    segments: [
      {
        name: "kernel 1",
        mem: 0x140_0000n,
        memsz: 0x1000n,
        bytes: { kind: "file", path: "/vmlinux", offset: 0x1000, length: 0x800 },
      },
      { name: "kernel 2", mem: 0x160_0000n, memsz: 0x1000n, bytes: { kind: "zero" } },
    ],
  });
});

pure("why a kernel decompresses itself: each sentence whole", () => {
  const why = (cmdline: string, facts: Partial<HostFacts> = {}, info: object = {}) =>
    predecompressObjection(kernelFile({ info: bzImage(info) }), hostFacts(facts), cmdline);
  const entered = "it cannot be entered in 64-bit mode at any address";
  const packed = "how its payload is packed is not known";
  assertEquals(why("ro"), undefined);
  assertEquals(
    predecompressObjection(kernelFile({ info: arm64Image() }), hostFacts(), "ro"),
    "its file is not a compressed one that starts in 64-bit mode",
  );
  assertEquals([{ entry64: false }, { above4G: false }, { relocatable: false }].map((info) => why("", {}, info)), [
    entered,
    entered,
    entered,
  ]);
  const payload = (compression: string) => why("", {}, { payload: { offset: 1, length: 1, compression } });
  assertEquals([payload("none"), payload("unknown"), payload("xz")], [packed, packed, undefined]);
  const guest = (...cpuFlags: string[]) => why("", { cpuFlags });
  assertEquals([
    guest("sev"),
    guest("hypervisor"),
    guest("hypervisor", "sme"),
    guest("tdx_guest"),
    guest("hypervisor", "sev_es"),
    guest("hypervisor", "sev_snp"),
  ], [
    undefined,
    undefined,
    undefined,
    "the memory of this guest may be encrypted (tdx_guest)",
    "the memory of this guest may be encrypted (sev_es)",
    "the memory of this guest may be encrypted (sev_snp)",
  ]);
  const on = "`mem_encrypt=on` has memory encrypted";
  assertEquals([
    why("mem_encrypt=on"),
    why("", { cmdline: "mem_encrypt=on" }),
    why("mem_encrypt=off"),
    why("mem_encrypt"),
  ], [on, on, undefined, undefined]);
  assertEquals(
    why("no5lvl", { cpuFlags: ["la57"] }),
    "`no5lvl` has it go from 5-level paging, which is on, to 4-level paging",
  );
  assertEquals(
    why("", { cpuFlags: ["la57"] }, { xloadflags: 0x3f }),
    "it does not run with 5-level paging, which is on",
  );
  assertEquals(
    why("", { cmdline: "no5lvl" }),
    "without `no5lvl`, which the running kernel has, it may go to 5-level paging",
  );
  assertEquals([why("no5lvl", { cmdline: "no5lvl" }), why("no5lvl")], [undefined, undefined]);
  assertEquals(why("memmap=exactmap"), "`memmap=exactmap` overrides the memory map");
});

pure("among which virtual and physical addresses a base is chosen", () => {
  const virtual = (movable: boolean, cmdline: string, info: object = {}) =>
    virtualBases(bzImage(info), movable, cmdline);
  const start = 0xffff_ffff_8100_0000n;
  const end = 0xffff_ffff_c000_0000n;
  assertEquals(virtual(true, ""), { kind: "bases", bases: { start, end, alignment: 2n * MIB } });
  assertEquals(virtual(true, "", { alignment: 0x100_0000 }), {
    kind: "bases",
    bases: { start, end, alignment: 16n * MIB },
  });
  assertEquals(virtual(true, "", { alignment: 0x1000 }), { kind: "bases", bases: { start, end, alignment: 2n * MIB } });
  assertEquals(virtual(true, "nokaslr"), { kind: "fixed", why: "the command line has `nokaslr`" });
  assertEquals(virtual(false, ""), { kind: "fixed", why: "it is built without KASLR" });
  const physical = (
    free: readonly [bigint, bigint],
    size: bigint,
    ...taken: readonly { start: bigint; end: bigint }[]
  ) =>
    physicalBases([{ start: free[0], end: free[1] }], taken, { start: 16n * MIB, end: 64n * MIB }, {
      size,
      alignment: 4n * MIB,
    })
      .map(({ start, end }) => [start / MIB, end / MIB]);
  assertEquals(physical([0n, 100n * MIB], 8n * MIB), [[16n, 64n]]);
  assertEquals(physical([17n * MIB, 31n * MIB], 8n * MIB), [[20n, 30n]]);
  assertEquals([physical([16n * MIB, 24n * MIB], 8n * MIB), physical([16n * MIB, 24n * MIB], 8n * MIB + 1n)], [[[
    16n,
    24n,
  ]], []]);
  assertEquals(physical([0n, 100n * MIB], 4n * MIB, { start: 20n * MIB, end: 29n * MIB }), [[16n, 20n], [32n, 64n]]);
});

pure("relocations that cannot be read, and what else a payload may unpack to", () => {
  const found = (words: readonly number[], end = 0, parts = [{ offset: 0n, paddr: 0n, filesz: 64n }]) => {
    const image = new Uint8Array(new Uint32Array(words).buffer);
    const result = findRelocations(image, end, parts);
    return result.kind === "fault"
      ? result.why
      : result.relocations.map(({ kind, offset, count }) => [kind, offset, count]);
  };
  const at = (address: number) => 0x8000_0000 + address;
  assertEquals(found([], 0), []);
  assertEquals(found([0, at(56), 0, at(60)]), [["add64", 4, 1], ["add32", 12, 1]]);
  assertEquals(found([0, 0, at(1), 0, at(2), at(3)]), [["add64", 4, 0], ["inverse32", 8, 1], ["add32", 16, 2]]);
  assertEquals(found([0, at(57), 0]), "has a relocation at 0x80000039, which lies outside of it");
  assertEquals(found([0, 0, at(61)]), "has a relocation at 0x8000003d, which lies outside of it");
  assertEquals(found([0, at(1)]), "has 1 lists of relocations, where 2 or 3 are known");
  assertEquals(found([0, 0, 0, 0]), "has 4 lists of relocations, where 2 or 3 are known");
  const begin = "has relocations that do not begin where its ELF file ends";
  assertEquals([found([1, 0, 0]), found([0, 0], 2), found([0], 8)], [begin, begin, begin]);
  const image = vmlinux({ add64: [listed(8)], add32: [listed(0x100)] });
  const why = (change: (view: DataView) => void) => {
    const copy = image.slice();
    change(new DataView(copy.buffer));
    const result = describeVmlinux(copy);
    return result.kind === "fault" ? result.why : result.kind;
  };
  assertEquals(why(() => {}), "vmlinux");
  const other = "unpacks to something else than an x86_64 ELF file";
  assertEquals([why((view) => view.setUint16(18, 183, true)), why((view) => view.setUint8(0, 0))], [other, other]);
  assertEquals(
    why((view) => view.setBigUint64(40, BigInt(image.length + 1), true)),
    "does not end with its section headers, so its relocations cannot be found",
  );
});

pure("sizes on a command line, as memparse() reads them", () => {
  const max = (text: string) => memoryParameters(`mem=${text}`).max ?? memoryParameters(`mem=${text}`).objection;
  assertEquals(["1", "0x10", "010", "1k", "1K", "2M", "1G", "1t", "1P", "1E"].map(max), [
    1n,
    16n,
    8n,
    1024n,
    1024n,
    2n * MIB,
    1n << 30n,
    1n << 40n,
    1n << 50n,
    1n << 60n,
  ]);
  assertEquals(["08", "1X", "x", "1K1"].map(max), [
    "`mem=08` is not understood",
    "`mem=1X` is not understood",
    "`mem=x` is not understood",
    "`mem=1K1` is not understood",
  ]);
  assertEquals(memoryParameters("mem=nopentium mem=2G mem=1G").max, 1n << 30n);
  const avoid = (text: string) => memoryParameters(`memmap=${text}`).avoid.map(({ start, end }) => [start, end]);
  assertEquals(["1M#2M", "1M$2M", "1M!2M", "1M%2M-1", "1M@2M", "1M$2M,1M$4M"].map(avoid), [
    [[2n * MIB, 3n * MIB]],
    [[2n * MIB, 3n * MIB]],
    [[2n * MIB, 3n * MIB]],
    [[2n * MIB, 3n * MIB]],
    [],
    [[2n * MIB, 3n * MIB], [4n * MIB, 5n * MIB]],
  ]);
  assertEquals(memoryParameters("memmap=512M").max, 512n * MIB);
});

// --- arm64.

const cells = (...values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(values.length * 4);
  values.forEach((value, index) => new DataView(bytes.buffer).setUint32(index * 4, value));
  return bytes;
};
const text = (...values: readonly string[]): Uint8Array =>
  new TextEncoder().encode(values.map((each) => `${each}\0`).join(""));
const nodeOf = (
  name: string,
  properties: { readonly [name: string]: Uint8Array },
  ...children: readonly DeviceNode[]
): DeviceNode => ({
  name,
  properties: Object.entries(properties).map(([name, value]) => ({ name, value })),
  children,
});
const treeOf = (
  properties: { readonly [name: string]: Uint8Array },
  ...children: readonly DeviceNode[]
): DeviceTree => ({
  bootCpu: 0,
  reservations: [],
  root: nodeOf("", properties, ...children),
});

pure("the console of an arm64 machine, through the buses above it", () => {
  const uart = (changes: { readonly [name: string]: Uint8Array } = {}) =>
    nodeOf("serial@100", { compatible: text("x", "arm,pl011"), reg: cells(0x100, 0x10), ...changes });
  const bus = (ranges: Uint8Array | undefined, child = uart()) =>
    nodeOf(
      "soc",
      { "#address-cells": cells(1), "#size-cells": cells(1), ...(ranges === undefined ? {} : { ranges }) },
      child,
    );
  const tree = (soc: DeviceNode, path = "/soc/serial@100:115200", key = "stdout-path") =>
    treeOf({}, nodeOf("chosen", { [key]: text(path) }), nodeOf("aliases", { serial0: text("/soc/serial@100") }), soc);
  // Child address, parent address of two cells, size.
  const ranges = cells(0x100, 1, 0x2000, 0x100);
  const at = (given: DeviceTree | undefined, cmdline = "") => consoleOf(given, cmdline);
  assertEquals(at(tree(bus(ranges))), 0x1_0000_2000n);
  assertEquals(at(tree(bus(ranges), "serial0")), 0x1_0000_2000n);
  assertEquals(at(tree(bus(ranges), "/soc/serial", "linux,stdout-path")), 0x1_0000_2000n);
  assertEquals(at(tree(bus(cells(0x80, 0, 0x2000, 0x80)))), undefined);
  assertEquals(at(tree(bus(cells(0x80, 0, 0x2000, 0x81)))), 0x2080n);
  assertEquals(at(tree(bus(new Uint8Array()))), 0x100n);
  assertEquals(at(tree(bus(undefined))), undefined);
  assertEquals(at(tree(bus(ranges), "serial1")), undefined);
  const status = (value: string) => at(tree(bus(ranges, uart({ status: text(value) }))));
  assertEquals([status("ok"), status("okay"), status("disabled")], [0x1_0000_2000n, 0x1_0000_2000n, undefined]);
  assertEquals(at(tree(bus(ranges, uart({ compatible: text("arm,sbsa-uart") })))), 0x1_0000_2000n);
  assertEquals(at(tree(bus(ranges, uart({ compatible: text("ns16550") })))), undefined);
  const early = [
    "earlycon=pl011,0x9000000",
    "earlycon=pl011,mmio32,0x9000000,115200",
    "earlycon=pl011,mmio,0x1",
    "earlycon=uart8250,0x1",
    "-- earlycon=pl011,0x1",
    "earlycon",
  ];
  assertEquals(early.map((cmdline) => at(undefined, cmdline)), [
    0x900_0000n,
    0x900_0000n,
    1n,
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals(at(tree(bus(ranges)), "earlycon=pl011,0x1"), 0x1_0000_2000n);
});

pure("CPUs that the running kernel cannot hand over", () => {
  const cpu = (method: string | undefined, changes: { readonly [name: string]: Uint8Array } = {}) =>
    nodeOf("cpu", {
      device_type: text("cpu"),
      ...(method === undefined ? {} : { "enable-method": text(method) }),
      ...changes,
    });
  const of = (cpus: readonly DeviceNode[], cmdline = "", release = "6.1.0") =>
    stuckCpus(hostFacts({ deviceTree: treeOf({}, nodeOf("cpus", {}, ...cpus)), cmdline, release }));
  const spin = cpu("spin-table");
  const stuck = (count: number) => ({ kind: "spin-table", count } as const);
  assertEquals([of([spin, spin, spin]), of([spin]), of([cpu("psci"), spin]), of([cpu("psci"), cpu("psci")])], [
    stuck(3),
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals(of([spin, cpu("spin-table", { status: text("disabled") })]), undefined);
  assertEquals(of([spin, cpu("spin-table", { status: text("okay") })]), stuck(2));
  assertEquals(of([spin, nodeOf("idle-states", { "enable-method": text("spin-table") })]), undefined);
  assertEquals(
    ["nr_cpus=2", "nr_cpus=1", "nr_cpus=0", "nr_cpus=x", "maxcpus=1", "nr_cpus=9"].map((cmdline) =>
      of([spin, spin, spin], cmdline)
    ),
    [stuck(2), undefined, stuck(3), stuck(3), stuck(3), stuck(3)],
  );
  const protectedKvm = { kind: "protected-kvm" } as const;
  assertEquals(["5.15.0", "5.16.0", "6.1"].map((release) => of([], "kvm_arm.mode=protected", release)), [
    undefined,
    protectedKvm,
    protectedKvm,
  ]);
  assertEquals(of([], "kvm_arm.mode=nvhe"), undefined);
});

pure("what is read of a device tree's nodes", () => {
  const memory = nodeOf("memory@0", { device_type: text("memory"), reg: cells(0, 0x1000, 0x2000) });
  assertEquals(cellsOf(nodeOf("", {})), { address: 2, size: 1 });
  assertEquals(cellsOf(nodeOf("", { "#address-cells": cells(1), "#size-cells": cells(2) })), { address: 1, size: 2 });
  assertEquals(memoryOf(treeOf({}, memory, nodeOf("cpus", { reg: cells(0, 0, 9) }))), [{
    start: 0x1000n,
    end: 0x3000n,
  }]);
  assertEquals(memoryOf(treeOf({}, nodeOf("memory", { device_type: text("memory"), reg: cells(0, 5, 0) }))), undefined);
  assertEquals(rangesOf(cells(1, 2, 3, 4), { address: 2, size: 2 }), [{ start: 0x1_0000_0002n, end: 0x4_0000_0006n }]);
  assertEquals([
    rangesOf(cells(1, 2, 3), { address: 1, size: 1 }),
    rangesOf(cells(1, 2, 3), { address: 3, size: 0 }),
    rangesOf(cells(1), { address: 1, size: 0 }),
  ], [undefined, undefined, undefined]);
  assertEquals(textsOf(nodeOf("", { a: text("x", "y") }), "a"), ["x", "y"]);
  assertEquals([
    hasUefiMap(treeOf({}, nodeOf("chosen", { "linux,uefi-mmap-start": cells(0) }))),
    hasUefiMap(treeOf({}, nodeOf("chosen", {}))),
  ], [true, false]);
  const nested = treeOf({}, nodeOf("soc@1", {}, nodeOf("uart@2", {}), nodeOf("uart", {})));
  assertEquals(
    ["/soc@1/uart", "/soc/uart@2", "/soc/none", "/"].map((path) => nodesAlong(nested, path)?.map(({ name }) => name)),
    [["", "soc@1", "uart"], ["", "soc@1", "uart@2"], undefined, [""]],
  );
  const range = (start: bigint, size: bigint) => [{ start, end: start + size }];
  const small = treeOf({ "#address-cells": cells(1), "#size-cells": cells(1) });
  assertEquals([
    tooLarge(small, range((1n << 32n) - 1n, 1n)),
    tooLarge(small, range(1n << 32n, 1n)),
    tooLarge(small, range(0n, 1n << 32n)),
    tooLarge(treeOf({ "#size-cells": cells(2) }), range(1n << 40n, 1n << 40n)),
  ], [undefined, range(1n << 32n, 1n)[0], range(0n, 1n << 32n)[0], undefined]);
});

pure("an arm64 Image where it is placed; and a device tree that cannot be handed over", () => {
  const image = arm64KernelImage({
    path: "/Image",
    size: 5000,
    info: arm64Image({ textOffset: 0x8_0000n, imageSize: 0x10_0001n }),
    unpacked: true,
  }, 4096n);
  assertEquals(image.request, { name: "kernel", size: 0x18_0001n, alignment: 2n * MIB, min: 0n, max: 1n << 64n });
  assertEquals(image.at(0x4000_0000n), {
    entry: 0x4008_0000n,
    segments: [{
      name: "kernel",
      mem: 0x4008_0000n,
      memsz: 0x10_1000n,
      bytes: { kind: "unpacked", path: "/Image", offset: 0, length: 5000 },
    }],
  });
  const signed = arm64KernelImage({
    path: "/Image",
    size: 5000,
    info: arm64Image({ imageSize: 4096n }),
    unpacked: false,
  }, 4096n);
  assertEquals(signed.at(0n).segments[0]?.bytes, { kind: "file", path: "/Image", offset: 0, length: 4096 });
  const input = { facts: hostFacts({ machine: "aarch64" }), cmdline: "ro", initrd: false, kaslr: false };
  assertEquals(treeHandover(input), {
    value: undefined,
    diagnostics: [{
      code: "device-tree-unknown",
      severity: "error",
      message:
        "The next kernel must be given the device tree, and neither /sys/firmware/fdt nor /proc/device-tree says it",
      hint: "Run warmboot as root on the host itself, or name a device tree with `dtb`",
    }],
  });
  const padded = (size: number, name: string) =>
    treeHandover({ ...input, deviceTree: treeOf({ [name]: new Uint8Array(size) }) });
  // A name with which the size is a multiple of 4, as that of every value is.
  const name = ["p", "pp", "ppp", "pppp"].find((each) => (padded(0, each).value?.size ?? 1n) % 4n === 0n) ?? "";
  const most = 2 * 2 ** 20 - Number(padded(0, name).value?.size ?? 0n);
  assertEquals([padded(most, name).value?.size, padded(most, name).value?.alignment], [2n * MIB, 2n * MIB]);
  assertEquals(padded(most + 4, name).diagnostics, [{
    code: "device-tree-limit",
    severity: "error",
    message: "The device tree for the next kernel takes 2 MiB, and arm64 kernels take at most 2 MiB",
    hint: "Name a smaller one with `dtb`",
  }]);
  const small = treeOf({ "#address-cells": cells(1), "#size-cells": cells(1) });
  const crash = { elfcorehdr: { start: 1n << 32n, end: (1n << 32n) + 1n }, kept: [] };
  assertEquals(treeHandover({ ...input, deviceTree: small, crash }).diagnostics, [{
    code: "device-tree-limit",
    severity: "error",
    message: "The device tree cannot name the memory at 0x100000000: its root has too few cells for it",
    hint: "Name another device tree with `dtb`, one whose root has `#address-cells` and `#size-cells` of 2",
  }]);
});
