/** Limits of what is built for the next kernel: each at the limit, one below and one above. */
import { assertEquals, assertThrows } from "@std/assert";
import { consoleOf } from "../../src/arch/arm64/console.ts";
import { stuckCpus } from "../../src/arch/arm64/cpus.ts";
import { crashDump as arm64Dump } from "../../src/arch/arm64/crash_dump.ts";
import { fileLoaderBuffers as arm64Buffers } from "../../src/arch/arm64/file_loader.ts";
import { commonBuffers, type FileLoad } from "../../src/arch/file_loader.ts";
import { digestBytes } from "../../src/arch/purgatory.ts";
import { crashDump } from "../../src/arch/x86_64/crash_dump.ts";
import { e820Of } from "../../src/arch/x86_64/e820.ts";
import { builtImageObjection, kernelStep } from "../../src/arch/x86_64/predecompress.ts";
import { buildPurgatory, PURGATORY, type SerialPort } from "../../src/arch/x86_64/purgatory.ts";
import { fileLoaderBuffers as x86Buffers } from "../../src/arch/x86_64/file_loader.ts";
import { findRelocations } from "../../src/arch/x86_64/relocations.ts";
import { serialConsole } from "../../src/arch/x86_64/serial_console.ts";
import { describeVmlinux } from "../../src/arch/x86_64/vmlinux.ts";
import { type DeviceNode, type DeviceTree, flattenDeviceTree } from "../../src/formats/fdt.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { crashHost } from "../support/crash_host.ts";
import { arm64Image } from "../support/arm64.ts";
import { bzImage } from "../support/profiles.ts";
import { hostFacts } from "../support/host_facts.ts";
import { CODE, LINKED, listed, vmlinux } from "../support/small_kernel.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const KIB = 1024n;

const cells = (...values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(values.length * 4);
  values.forEach((value, index) => new DataView(bytes.buffer).setUint32(index * 4, value));
  return bytes;
};
const text = (...values: readonly string[]): Uint8Array => new TextEncoder().encode(`${values.join("\0")}\0`);
const node = (
  name: string,
  properties: { readonly [name: string]: Uint8Array },
  ...children: readonly DeviceNode[]
): DeviceNode => ({
  name,
  properties: Object.entries(properties).map(([name, value]) => ({ name, value })),
  children,
});
const tree = (...children: readonly DeviceNode[]): DeviceTree => ({
  bootCpu: 0,
  reservations: [],
  root: node("", { "#address-cells": cells(2), "#size-cells": cells(2) }, ...children),
});

// --- arm64.

pure("a console behind a bus is in one of its ranges, from the first byte of one to the last", () => {
  // The bus shows 0x1000 to 0x1fff at 0x9_0000_0000, and 0x4000 to 0x4fff at 0xa_0000_0000.
  const ranges = cells(0x1000, 9, 0, 0x1000, 0x4000, 0xa, 0, 0x1000);
  const at = (address: number, more: Uint8Array = ranges) =>
    consoleOf(
      tree(
        node(
          "soc",
          { "#address-cells": cells(1), "#size-cells": cells(1), ranges: more },
          node("serial", { compatible: text("arm,pl011"), reg: cells(address, 0x100) }),
        ),
        node("chosen", { "stdout-path": text("/soc/serial") }),
      ),
      "",
    );
  assertEquals([0xfff, 0x1000, 0x1fff, 0x2000, 0x3fff, 0x4000, 0x4fff, 0x5000].map((address) => at(address)), [
    undefined,
    0x9_0000_0000n,
    0x9_0000_0fffn,
    undefined,
    undefined,
    0xa_0000_0000n,
    0xa_0000_0fffn,
    undefined,
  ]);
  // A range that breaks off does not count, and one before it does.
  assertEquals(at(0x4000, ranges.subarray(0, 28)), undefined);
  assertEquals(at(0x1000, ranges.subarray(0, 28)), 0x9_0000_0000n);
  // Without a bus, and without registers.
  const plain = (properties: { readonly [name: string]: Uint8Array }) =>
    consoleOf(
      tree(
        node("serial", { compatible: text("arm,sbsa-uart"), ...properties }),
        node("chosen", { "linux,stdout-path": text("/serial") }),
      ),
      "",
    );
  assertEquals([plain({ reg: cells(0, 0x900_0000, 0, 0x1000) }), plain({}), plain({ reg: cells(0) })], [
    0x900_0000n,
    undefined,
    undefined,
  ]);
  assertEquals(consoleOf(tree(node("chosen", { "stdout-path": text("/") })), ""), undefined);
});

pure("nr_cpus counts where it is a number, and nothing else", () => {
  const cpu = node("cpu", { device_type: text("cpu"), "enable-method": text("spin-table") });
  const of = (cmdline: string) => {
    const found = stuckCpus(hostFacts({ deviceTree: tree(node("cpus", {}, cpu, cpu, cpu)), cmdline }));
    return found?.kind === "spin-table" ? found.count : found?.kind;
  };
  assertEquals(["nr_cpus=1", "nr_cpus=2", "nr_cpus=3", "nr_cpus=4", "nr_cpus=0", "nr_cpus=x1", "nr_cpus=1x"].map(of), [
    undefined,
    2,
    3,
    3,
    3,
    3,
    3,
  ]);
});

pure("an arm64 kernel's own mapping is the smaller one that holds the start of its code", () => {
  const [image, linear] = [0xffff_8000_8000_0000n, 0xffff_0000_0000_0000n];
  const code = { start: 0x4020_0000n, end: 0x4120_0000n };
  const around = { vaddr: linear, paddr: 0x4000_0000n, size: 0x4000_0000n };
  const text = (kernelMap: HostFacts["kernelMap"]) => {
    const { value } = arm64Dump(hostFacts({
      machine: "aarch64",
      iomem: {
        visibility: "full",
        roots: [{
          name: "System RAM",
          start: 0x4000_0000n,
          end: 0x8000_0000n,
          children: [{ name: "Kernel code", ...code, children: [] }],
        }],
      },
      vmcoreinfo: { address: 0x4fff_0000n, size: 0x1000n },
      crashNotes: [{ cpu: 0, address: 0x7f00_1000n, size: 372n }],
      ...(kernelMap === undefined ? {} : { kernelMap }),
    }));
    return value === undefined ? undefined : [value.text.start, value.text.end, value.memory[0]?.vaddr];
  };
  const whole = { vaddr: image, paddr: code.start, size: 0x200_0000n };
  const expected = [code.start, code.start + 0x200_0000n, linear];
  assertEquals(text([whole, around]), expected);
  // A mapping of what lies in the code, after its start, is not the kernel's; nor is one that ends at its start.
  assertEquals(text([{ vaddr: 1n, paddr: code.start + 1n, size: 0x1000n }, around, whole]), expected);
  assertEquals(text([{ vaddr: 1n, paddr: code.start - 0x1000n, size: 0x1000n }, around, whole]), expected);
  const reaches = { vaddr: 1n, paddr: code.start - 0x1000n, size: 0x1001n };
  assertEquals(text([reaches, around])?.[0], reaches.paddr);
  assertEquals([text([whole]), text([around]), text(undefined)], [undefined, undefined, undefined]);
});

// --- What kexec_file_load places.

pure("what the kernel places for every image: IMA's list if it hands it over, and the list of scratch areas", () => {
  const of = (kernelConfig: HostFacts["kernelConfig"], more: Partial<HostFacts> = {}) =>
    commonBuffers(hostFacts({ kernelConfig, ...more })).map(({ name, size, atMost, alignment, min, topDown }) =>
      [name, size, atMost, alignment, min, topDown] as const
    );
  const scratch = (size: bigint) => ["the list of scratch areas", size, undefined, 64n * KIB, 0n, true] as const;
  const ima = (least: bigint, most: bigint, page = 4096n) =>
    ["IMA's measurements", least, most, page, 0n, true] as const;
  const on = { CONFIG_IMA_KEXEC: "y" } as const;
  assertEquals(of({}), [scratch(0n)]);
  assertEquals(of({ CONFIG_IMA_KEXEC: "n" }), [scratch(0n)]);
  // Half a page besides, where the kernel is not built with a number of its own (ima_kexec.c, Linux 6.15).
  assertEquals(of(on), [ima(64n + 2048n, 512n + 2048n), scratch(0n)]);
  assertEquals(of({ ...on, CONFIG_IMA_KEXEC_EXTRA_MEMORY_KB: "0" }), of(on));
  assertEquals(of({ ...on, CONFIG_IMA_KEXEC_EXTRA_MEMORY_KB: "40" }, { imaMeasurements: 100 }), [
    ima(6400n + 40n * KIB, 51_200n + 40n * KIB),
    scratch(0n),
  ]);
  assertEquals(of(on, { pageSize: 65_536n, imaMeasurements: 2 })[0], ima(128n + 32_768n, 1024n + 32_768n, 65_536n));
  const areas = [{ start: 0n, end: 1n }, { start: 2n, end: 3n }, { start: 4n, end: 5n }];
  assertEquals(of({}, { handover: { scratch: areas } as unknown as NonNullable<HostFacts["handover"]> }), [
    scratch(48n),
  ]);
});

// --- The purgatory.

pure("a digest is 64 hex digits, no more, no fewer and nothing else", () => {
  const digest = "0123456789abcdefABCDEF0123456789".repeat(2);
  assertEquals(digestBytes(digest).length, 32);
  for (
    const bad of [
      "",
      digest.slice(1),
      `a${digest}`,
      `${digest}a`,
      `ab${digest}`,
      `${digest}\n`,
      digest.replace("0", "g"),
    ]
  ) {
    assertThrows(() => digestBytes(bad), RangeError, "is not a SHA-256");
  }
});

pure("the numbers of a serial port: what fits, and the next one that does not", () => {
  const build = (serial: SerialPort) => () =>
    buildPurgatory({
      entry: 0x1000n,
      bootParams: 0n,
      regions: [],
      verify: false,
      sha: false,
      console: { serial, vga: false },
    });
  const port: SerialPort = { address: 0x3f8n, width: 0, shift: 0 };
  const speed = (divisor: number) => ({ ...port, speed: { divisor, line: 3 } });
  const fits: readonly SerialPort[] = [
    port,
    { ...port, address: 0xffffn },
    { ...port, address: 0x1_0000n, width: 1 },
    { ...port, shift: 7 },
    speed(1),
    speed(0xffff),
  ];
  const not: readonly SerialPort[] = [
    { ...port, address: 0x1_0000n },
    { ...port, shift: 8 },
    { ...port, shift: -1 },
    speed(0),
    speed(-1),
    speed(0x1_0000),
    speed(1.5),
  ];
  for (const each of fits) build(each)();
  for (const each of not) assertThrows(build(each), RangeError, "no serial port is at");
});

pure("the sums of a purgatory: one slot a region, with its address and its size", () => {
  const regions = [{ address: 0x10_0000n, length: 0x2345n }, { address: 0xffff_ffff_ffff_f000n, length: 0x1000n }];
  const bytes = buildPurgatory({
    entry: 0x1000n,
    bootParams: 0n,
    regions,
    verify: "xxh64",
    sha: false,
    console: { vga: false },
  });
  const slots = PURGATORY.sumSlots(bytes) ?? [];
  assertEquals(slots.map(({ address, length }) => ({ address, length })), regions);
  // A region is 48 bytes: address, size, digest.
  assertEquals(slots.map(({ offset }) => offset), [0x38, 0x68]);
  assertEquals(PURGATORY.target(bytes), 0x1000n);
  assertEquals(PURGATORY.target(bytes.subarray(1)), undefined);
});

// --- x86_64.

pure("a serial port at an I/O port has its registers side by side, whatever else is said of it", () => {
  const registers = (more: object) =>
    serialConsole(
      hostFacts({
        serialPorts: [{ line: 1, ioType: 0, port: 0x2f8n, address: 0xfedc_9000n, shift: 2, clock: 1_843_200, ...more }],
      }),
      "console=ttyS1,115200",
    ).port;
  assertEquals(registers({}), { address: 0x2f8n, width: 0, shift: 0, speed: { divisor: 1, line: 3 } });
  assertEquals(registers({ ioType: 2, port: 0n }), {
    address: 0xfedc_9000n,
    width: 1,
    shift: 2,
    speed: { divisor: 1, line: 3 },
  });
  assertEquals([registers({ port: 0xffffn })?.address, registers({ port: 0x1_0000n }), registers({ port: 0n })], [
    0xffffn,
    undefined,
    undefined,
  ]);
});

pure("relocations begin on a word where the ELF file ends, with a zero", () => {
  const end = (at: number, size: number, first = 0) => {
    const image = new Uint8Array(size);
    if (at + 4 <= size) new DataView(image.buffer).setUint32(at, first, true);
    const found = findRelocations(image, at, []);
    return found.kind === "fault"
      ? found.why
      : found.relocations.map(({ kind, offset, count }) => [kind, offset, count]);
  };
  const misplaced = "has relocations that do not begin where its ELF file ends";
  assertEquals([end(8, 8), end(9, 8), end(1, 3), end(4, 7), end(4, 12, 1)], [
    [],
    misplaced,
    misplaced,
    misplaced,
    misplaced,
  ]);
  assertEquals(end(1, 9), [["add64", 5, 0], ["add32", 9, 0]]);
  assertEquals(end(4, 16), [["add64", 8, 0], ["inverse32", 12, 0], ["add32", 16, 0]]);
  assertEquals([end(4, 8), end(4, 20)], [
    "has 1 lists of relocations, where 2 or 3 are known",
    "has 4 lists of relocations, where 2 or 3 are known",
  ]);
  const part = [{ offset: 0n, paddr: LINKED, filesz: 0x100n }];
  const one = (address: number) => {
    const image = new Uint8Array(16);
    const view = new DataView(image.buffer);
    view.setUint32(8, address, true);
    const found = findRelocations(image, 4, part);
    return found.kind === "fault" ? found.why : "relocations";
  };
  const outside = (address: number) => `has a relocation at 0x${address.toString(16)}, which lies outside of it`;
  assertEquals([listed(0), listed(0xf8), listed(-1), listed(0xf9), listed(0x100)].map(one), [
    "relocations",
    "relocations",
    outside(listed(-1)),
    outside(listed(0xf9)),
    outside(listed(0x100)),
  ]);
});

pure("the zeros at the end of a kernel are not copied, but for those that a relocation changes", () => {
  const copied = (kernel: Parameters<typeof vmlinux>[0]) => {
    const found = describeVmlinux(vmlinux(kernel));
    return found.kind === "fault" ? found.why : found.vmlinux.elf.loads.map(({ filesz }) => filesz);
  };
  // 0x2000 bytes of pattern, and as many zeros.
  assertEquals(copied({}), [0x2000n]);
  assertEquals(copied({ add32: [listed(0x100)] }), [0x2000n]);
  // Up to a multiple of 64.
  assertEquals(copied({ add32: [listed(0x2000)] }), [0x2040n]);
  assertEquals(copied({ add32: [listed(0x203c)] }), [0x2040n]);
  assertEquals(copied({ add32: [listed(0x203d)] }), [0x2080n]);
  assertEquals(copied({ add64: [listed(0x2038)] }), [0x2040n]);
  assertEquals(copied({ add64: [listed(0x2039)] }), [0x2080n]);
  assertEquals(copied({ inverse32: [listed(0x3ffc)] }), [0x4000n]);
  assertEquals(copied({ add64: [listed(0x3ff8)], add32: [listed(0)] }), [0x4000n]);
  const odd = CODE.slice(0, 0x2041);
  odd[0x2040] = 1;
  assertEquals([copied({ code: odd }), copied({ code: odd.slice(0, 0x2040) })], [[0x2041n], [0x2000n]]);
});

pure("a dump of x86_64 needs the kernel's text and where all memory is mapped", () => {
  const facts = crashHost();
  const of = (kernelMap: HostFacts["kernelMap"]) => {
    const { value, diagnostics } = crashDump({ ...facts, ...(kernelMap === undefined ? {} : { kernelMap }) });
    return value === undefined ? diagnostics.map(({ message }) => /\/proc\/kcore/.test(message)) : "dump";
  };
  const map = facts.kernelMap ?? [];
  const isText = ({ vaddr }: (typeof map)[number]) => vaddr >= 0xffff_ffff_8000_0000n;
  assertEquals(of(map), "dump");
  assertEquals(of(map.filter(isText)), [true]);
  assertEquals(of(map.filter((each) => !isText(each))), [true]);
  assertEquals(of([]), [true]);
});

pure("entries of the memory map are by address, then by end, then by type", () => {
  const map = (entries: HostFacts["firmwareMap"]) =>
    e820Of(hostFacts({ firmwareMap: entries })).value?.map(({ start, end, type }) => [start, end, type]);
  const ram = { start: 0x1000n, end: 0x9_0000n, type: "System RAM" };
  const [tables, nvs, reserved] = ["ACPI Tables", "ACPI Non-volatile Storage", "Reserved"].map((type) => ({
    start: 0x10_0000n,
    end: 0x10_1000n,
    type,
  }));
  const longer = { start: 0x10_0000n, end: 0x10_2000n, type: "System RAM" };
  if (tables === undefined || nvs === undefined || reserved === undefined) throw new Error("no entries");
  assertEquals(map([longer, nvs, tables, reserved, ram]), [
    [0x1000n, 0x9_0000n, 1],
    [0x10_0000n, 0x10_1000n, 2],
    [0x10_0000n, 0x10_1000n, 3],
    [0x10_0000n, 0x10_1000n, 4],
    [0x10_0000n, 0x10_2000n, 1],
  ]);
  assertEquals(map([ram, { ...ram, start: 5n, end: 5n }])?.length, 1);
});

pure("an image that is built at load: what keeps a host or a command line from it", () => {
  const of = (cmdline: string) => builtImageObjection(hostFacts(), cmdline);
  const away =
    "`mem=` or `memmap=` takes memory away, and kexec_file_load chooses the kernel's place without heeding that";
  assertEquals(["ro", "mem=1G", "memmap=1M$16M", "memmap=1M#16M", "ro -- mem=1G"].map(of), [
    undefined,
    away,
    away,
    away,
    undefined,
  ]);
  assertEquals(of("nokaslr"), undefined);
  assertEquals([0, 0x20_0000, 0x100_0000].map((alignment) => kernelStep({ alignment })), [
    0x20_0000n,
    0x20_0000n,
    0x100_0000n,
  ]);
});

pure("what kexec_file_load asks for on x86_64: purgatory, boot_params, kernel and initrd, each with its limits", () => {
  const kernel = bzImage({ prefAddress: 0x100_0000n, initSize: 0x123_4567, alignment: 0x20_0000 });
  const of = (more: Partial<FileLoad> = {}, facts: Partial<HostFacts> = {}) =>
    x86Buffers({ facts: hostFacts(facts), kernel, initrd: 5, cmdline: "ro", forceDtb: false, ...more });
  const found = of();
  assertEquals(
    found?.before.slice(-2).map(({ name, size, atMost, alignment, min, max, topDown }) => [
      name,
      size,
      atMost,
      alignment,
      min,
      max,
      topDown,
    ]),
    [
      ["purgatory", 0x4000n, 0xa000n, 4096n, 0x3000n, undefined, true],
      // A page, `ro` and its NUL, `elfcorehdr=0x...` and its room, to 16 bytes; then the nodes of setup_data.
      ["boot_params", 4144n + 16n + 96n + 16n + 32n + 16n + 32n, undefined, 16n, 0x3000n, undefined, true],
    ],
  );
  assertEquals(found?.kernel, {
    name: "the kernel",
    size: 0x123_5000n,
    alignment: 0x20_0000n,
    min: 0x100_0000n,
    topDown: true,
  });
  assertEquals(found?.retries, false);
  const beside = { start: 0n, end: 0n };
  assertEquals(found?.beside(beside), [
    { name: "the initrd", size: 5n, alignment: 4096n, min: 0x100_0000n, topDown: true },
  ]);
  assertEquals(of({ initrd: 0 })?.beside(beside), []);
  const min = (prefAddress: bigint) => of({ kernel: bzImage({ prefAddress }) })?.kernel.min;
  assertEquals([min(0n), min(0xf_ffffn), min(0x10_0000n), min(0x10_0001n)], [
    0x10_0000n,
    0x10_0000n,
    0x10_0000n,
    0x10_0001n,
  ]);
  assertEquals([of({ kernel: arm64Image() }), of({ kernel: bzImage({ initSize: 0x1000 }) })?.kernel.size], [
    undefined,
    0x1000n,
  ]);
  const params = (more: Partial<FileLoad>, facts: Partial<HostFacts> = {}) =>
    (of(more, facts)?.before.at(-1)?.size ?? 0n) - (found?.before.at(-1)?.size ?? 0n);
  // The text fills 16 bytes more from its 16th letter on; UTF-8 counts by its bytes.
  assertEquals(["ro", "x".repeat(17), "x".repeat(18), "é".repeat(9)].map((cmdline) => params({ cmdline })), [
    0n,
    0n,
    16n,
    16n,
  ]);
  const tree = treeOfTwoCells();
  assertEquals(
    [
      params({}, { kernelConfig: { CONFIG_IMA_KEXEC: "y" } }),
      params({}, { deviceTree: tree }),
      params({ forceDtb: true }),
      params({ forceDtb: true }, { deviceTree: tree }),
      params({}, { efi: { systab: {}, runtimeMap: Array(3).fill({}) } as unknown as NonNullable<HostFacts["efi"]> }),
    ],
    [32n, 0n, 0n, 16n + BigInt(flattenDeviceTree(tree).bytes.length), 144n],
  );
});

const treeOfTwoCells = (): DeviceTree => tree(node("chosen", {}));

pure("what kexec_file_load asks for on arm64: kernel, initrd beside it and device tree", () => {
  const device = treeOfTwoCells();
  const size = BigInt(flattenDeviceTree(device).bytes.length);
  const of = (initrd: number, facts: Partial<HostFacts> = {}) =>
    arm64Buffers({
      facts: hostFacts({ machine: "aarch64", pageSize: 65_536n, ...facts }),
      kernel: arm64Image({ textOffset: 0x8_0000n, imageSize: 0x200_0000n }),
      initrd,
      cmdline: "ro",
      forceDtb: false,
    });
  assertEquals(of(5)?.kernel, {
    name: "the kernel",
    size: 0x208_0000n,
    alignment: 0x20_0000n,
    min: 0n,
    topDown: false,
  });
  const own = { start: 0x4520_0000n, end: 0x4720_0000n };
  const beside = (initrd: number, facts: Partial<HostFacts> = {}) =>
    of(initrd, facts)?.beside(own).map((
      { name, size, atMost, alignment, min, max },
    ) => [name, size, atMost, alignment, min, max]);
  // From the kernel's end on, within 32 GiB of the GiB that it lies in.
  assertEquals(beside(5)?.[0], [
    "the initrd",
    5n,
    undefined,
    65_536n,
    0x4720_0000n,
    0x4000_0000n + (32n << 30n) + 1n,
  ]);
  assertEquals(beside(0)?.map(([name]) => name), ["the device tree"]);
  const trees = [beside(0), beside(0, { deviceTree: device })].map((rows) => rows?.[0]?.slice(1, 4));
  assertEquals(trees, [[1n, 16_384n, 0x20_0000n], [size + 1n, size + 16_384n, 0x20_0000n]]);
  assertEquals(
    arm64Buffers({ facts: hostFacts(), kernel: bzImage(), initrd: 0, cmdline: "", forceDtb: false }),
    undefined,
  );
});
