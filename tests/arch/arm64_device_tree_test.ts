import { assert, assertEquals } from "@std/assert";
import { consoleOf } from "../../src/arch/arm64/console.ts";
import { stuckCpus } from "../../src/arch/arm64/cpus.ts";
import { treeHandover } from "../../src/arch/arm64/handover.ts";
import { nextDeviceTree, type NextDeviceTreeInput, withRunningMemory } from "../../src/arch/arm64/next_device_tree.ts";
import { hasUefiMap, memoryOf, numberOf } from "../../src/arch/arm64/device_tree_nodes.ts";
import { type DeviceNode, type DeviceProperty, type DeviceTree, parseDeviceTree } from "../../src/formats/fdt.ts";
import { capturedFacts } from "../host/fixture.ts";
import { hostFacts } from "../support/host_facts.ts";

const BOARD = capturedFacts("arm64-vm").deviceTree ?? tree([]);
const SERVER = capturedFacts("arm64-uefi-vm").deviceTree ?? tree([]);

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `arm64 device tree: ${name}`, permissions: "none", fn });
}

/** Big-endian cells. */
function cells(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setUint32(index * 4, value);
  return bytes;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);

function node(
  name: string,
  properties: { readonly [name: string]: Uint8Array },
  children: readonly DeviceNode[] = [],
): DeviceNode {
  return { name, properties: Object.entries(properties).map(([name, value]) => ({ name, value })), children };
}

function tree(children: readonly DeviceNode[], addresses = 2, sizes = 2): DeviceTree {
  const root = node("", { "#address-cells": cells(addresses), "#size-cells": cells(sizes) }, children);
  return { bootCpu: 0, reservations: [], root };
}

function built(input: NextDeviceTreeInput) {
  const { bytes, random } = nextDeviceTree(input);
  const parsed = parseDeviceTree(bytes);
  if (parsed.kind === "fault") throw new Error(parsed.why);
  const next = parsed.tree;
  const chosen = next.root.children.find(({ name }) => name === "chosen")?.properties ?? [];
  return { bytes, random, next, chosen, value: (name: string) => valueOf(chosen, name) };
}

function valueOf(properties: readonly DeviceProperty[], name: string): string | undefined {
  return properties.find((property) => property.name === name)?.value.toHex();
}

pure("only /chosen is another one", () => {
  const { next, chosen, value } = built({
    tree: BOARD,
    cmdline: "console=ttyAMA0 rölle",
    initrd: { address: 0x1_4800_0000n, size: 0x123n },
  });
  const others = ({ root }: DeviceTree) => root.children.filter(({ name }) => name !== "chosen");
  assertEquals(others(next), others(BOARD));
  assertEquals(next.root.properties, BOARD.root.properties);
  assertEquals(chosen.map(({ name }) => name), [
    "stdout-path",
    "bootargs",
    "linux,initrd-start",
    "linux,initrd-end",
    "kaslr-seed",
    "rng-seed",
    "linux,booted-from-kexec",
  ]);
  assertEquals(value("bootargs"), text("console=ttyAMA0 rölle").toHex());
  assertEquals([value("linux,initrd-start"), value("linux,initrd-end")], ["0000000148000000", "0000000148000123"]);
  assertEquals(next.reservations, [{ address: 0x1_4800_0000n, size: 0x123n }]);
});

pure("the seeds are zeros that the loader finds", () => {
  const { bytes, random, value } = built({ tree: BOARD, cmdline: "x" });
  assertEquals(random.map(({ length }) => length), [8, 128]);
  assertEquals([value("kaslr-seed"), value("rng-seed")], ["00".repeat(8), "00".repeat(128)]);
  for (const { offset, length } of random) {
    assertEquals(offset % 4, 0);
    bytes.fill(1, offset, offset + length);
  }
  const next = parseDeviceTree(bytes);
  const chosen = next.kind === "fault"
    ? []
    : next.tree.root.children.find(({ name }) => name === "chosen")?.properties ?? [];
  assertEquals([valueOf(chosen, "kaslr-seed"), valueOf(chosen, "rng-seed")], ["01".repeat(8), "01".repeat(128)]);
});

pure("its size is the same wherever the initrd and the ELF core header lie", () => {
  const size = (address: bigint) =>
    nextDeviceTree({
      tree: BOARD,
      cmdline: "x",
      initrd: { address, size: address },
      crash: { elfcorehdr: { start: address, end: address * 2n }, usable: [{ start: address, end: address * 2n }] },
    }).bytes.length;
  assertEquals(size(0n), size(0x1234_5678_9000n));
});

pure("what was said to the running kernel alone is gone, and so are the reservations of what it was given", () => {
  const stale = tree([node("chosen", {
    "linux,initrd-start": cells(0x4800_0000),
    "linux,initrd-end": cells(0x4800_1234),
    "linux,elfcorehdr": cells(0, 0x5000_0000, 0, 0x400),
    "linux,usable-memory-range": cells(0, 0x5000_0000, 0, 0x1000_0000),
    "linux,ima-kexec-buffer": cells(0, 0x6000_0000, 0, 0x1000),
    "linux,kho-fdt": cells(0, 1),
    "linux,kho-scratch": cells(0, 2),
    "linux,dmcryptkeys": cells(0, 3),
    "linux,booted-from-kexec": new Uint8Array(),
    "linux,uefi-system-table": cells(0, 0xbffd_0018),
    bootargs: text("old crashkernel=1G"),
    "kaslr-seed": cells(1, 2),
  })]);
  const kept = [{ address: 0x4000_0000n, size: 0x1000n }, { address: 0x4800_0000n, size: 0x9_0000n }];
  const { next, chosen } = built({
    tree: {
      ...stale,
      reservations: [
        ...kept,
        { address: 0x4800_0000n, size: 0x2000n },
        { address: 0x5000_0000n, size: 0x400n },
        { address: 0x6000_0000n, size: 0x1000n },
      ],
    },
    cmdline: "",
  });
  assertEquals(next.reservations, kept);
  assertEquals(chosen.map(({ name }) => name), [
    "linux,uefi-system-table",
    "kaslr-seed",
    "rng-seed",
    "linux,booted-from-kexec",
  ]);
});

pure("a reservation of the old initrd goes if firmware rounded it to any size of page, and stays otherwise", () => {
  const [start, end] = [0x4800_0000, 0x4800_1234];
  const old = tree([node("chosen", { "linux,initrd-start": cells(start), "linux,initrd-end": cells(end) })]);
  const left = (size: bigint) =>
    built({ tree: { ...old, reservations: [{ address: BigInt(start), size }] }, cmdline: "" }).next.reservations.length;
  const sizes = [0x1234n, 0x2000n, 0x4000n, 0x1_0000n, 0x1233n, 0x3000n, 0x8000n, 0x2_0000n];
  assertEquals(sizes.map(left), [0, 0, 0, 0, 1, 1, 1, 1]);
});

pure("a tree without /chosen gets one", () => {
  const { next } = built({ tree: tree([node("cpus", {})]), cmdline: "x" });
  assertEquals(next.root.children.map(({ name }) => name), ["cpus", "chosen"]);
});

pure("a crash kernel is told of its header and its memory, in the cells of the root", () => {
  const crash = {
    elfcorehdr: { start: 0x6000_0000n, end: 0x6000_0400n },
    usable: [{ start: 0x5000_0000n, end: 0x7000_0000n }, { start: 0x1000_0000n, end: 0x1800_0000n }],
  };
  const wide = built({ tree: tree([]), cmdline: "x", crash });
  assertEquals(wide.value("linux,elfcorehdr"), cells(0, 0x6000_0000, 0, 0x400).toHex());
  assertEquals(
    wide.value("linux,usable-memory-range"),
    cells(0, 0x5000_0000, 0, 0x2000_0000, 0, 0x1000_0000, 0, 0x800_0000).toHex(),
  );
  assertEquals(wide.next.reservations, [{ address: 0x6000_0000n, size: 0x400n }]);
  const narrow = built({ tree: tree([], 1, 1), cmdline: "x", crash });
  assertEquals(
    narrow.value("linux,usable-memory-range"),
    cells(0x5000_0000, 0x2000_0000, 0x1000_0000, 0x800_0000).toHex(),
  );
});

pure("memory is what its nodes name, and none on a machine with ACPI, where UEFI says it", () => {
  assertEquals(memoryOf(BOARD), [{ start: 0x4000_0000n, end: 0xc000_0000n }]);
  assertEquals([memoryOf(SERVER), hasUefiMap(SERVER), hasUefiMap(BOARD)], [undefined, true, false]);
  const two = tree([
    node("memory@0", { device_type: text("memory"), reg: cells(0, 0, 0, 0) }),
    node("memory@1", { device_type: text("memory"), reg: cells(1, 0, 0, 0x1000, 2, 0, 0, 0x1000) }),
  ]);
  assertEquals(memoryOf(two), [
    { start: 0x1_0000_0000n, end: 0x1_0000_1000n },
    { start: 0x2_0000_0000n, end: 0x2_0000_1000n },
  ]);
});

pure("the console is the PL011 of stdout-path, by its path or an alias", () => {
  assertEquals(consoleOf(BOARD, ""), 0x900_0000n);
  assertEquals(consoleOf(SERVER, ""), undefined);
  assertEquals(consoleOf(undefined, "quiet earlycon=pl011,0x9010000"), 0x901_0000n);
  assertEquals(consoleOf(undefined, "earlycon=pl011,mmio32,0x9010000,115200n8"), 0x901_0000n);
  assertEquals(consoleOf(undefined, 'earlycon="pl011,0x9010000"'), 0x901_0000n);
  assertEquals(consoleOf(undefined, "earlycon=uart8250,mmio,0x9010000"), undefined);
  assertEquals(consoleOf(undefined, "ro -- earlycon=pl011,0x9010000"), undefined);
});

/** A UART at 0x100 of a bus that puts 0 to 0xfff at 0x10000000, on another that adds 0x8_0000_0000. */
function behind(ranges: Uint8Array, more: { readonly [name: string]: Uint8Array } = {}): DeviceTree {
  const uart = node("serial@100", { compatible: text("arm,pl011\0arm,primecell"), reg: cells(0x100, 0x1000), ...more });
  const inner = node("bus", { "#address-cells": cells(1), "#size-cells": cells(1), ranges }, [uart]);
  const soc = node("soc", {
    "#address-cells": cells(1),
    "#size-cells": cells(1),
    ranges: cells(0, 8, 0, 0x4000_0000),
  }, [inner]);
  return tree([
    soc,
    node("aliases", { serial0: text("/soc/bus/serial@100") }),
    node("chosen", { "stdout-path": text("serial0:115200n8") }),
  ]);
}

pure("a console behind buses is where they put it", () => {
  assertEquals(consoleOf(behind(cells(0, 0x1000_0000, 0x1000)), ""), 0x8_1000_0100n);
  assertEquals(consoleOf(behind(new Uint8Array()), ""), 0x8_0000_0100n);
  assertEquals(consoleOf(behind(cells(0x2000, 0x1000_0000, 0x1000)), ""), undefined);
  assertEquals(consoleOf(behind(cells(0, 1)), ""), undefined);
  // Of several windows, the one that holds it; its end is outside.
  assertEquals(consoleOf(behind(cells(0x2000, 0x3000_0000, 0x1000, 0, 0x1000_0000, 0x101)), ""), 0x8_1000_0100n);
  assertEquals(consoleOf(behind(cells(0x2000, 0x3000_0000, 0x1000, 0, 0x1000_0000, 0x100)), ""), undefined);
});

pure("a UART that is switched off or another one is no console", () => {
  assertEquals(consoleOf(behind(new Uint8Array(), { status: text("disabled") }), ""), undefined);
  assertEquals(consoleOf(behind(new Uint8Array(), { compatible: text("ns16550a") }), ""), undefined);
  assert(consoleOf(behind(new Uint8Array(), { status: text("okay") }), "") !== undefined);
});

pure("memory is what says that it is, by any name, and numbers have one or two cells", () => {
  const named = tree([
    node("ram@0", { device_type: text("memory"), reg: cells(0, 0x1000, 0, 0x1000) }),
    node("memory-controller@0", { device_type: text("controller"), reg: cells(0, 0x8000, 0, 0x1000) }),
  ]);
  assertEquals(memoryOf(named), [{ start: 0x1000n, end: 0x2000n }]);
  const of = (...values: readonly number[]) => numberOf(node("", { x: cells(...values) }), "x");
  assertEquals([of(), of(7), of(1, 7), of(1, 2, 7)], [undefined, 7n, 0x1_0000_0007n, undefined]);
});

pure("of several `earlycon=`, the first that is a PL011 counts", () => {
  assertEquals(consoleOf(undefined, "earlycon earlycon=uart8250,mmio,0x1000 earlycon=pl011,0x9010000"), 0x901_0000n);
});

const RUNNING = tree([
  node("memory@40000000", { device_type: text("memory"), reg: cells(0, 0x4000_0000, 0, 0x1000_0000) }),
  node("memory@100000000", { device_type: text("memory"), reg: cells(1, 0, 0, 0x2000_0000) }),
  node("chosen", {
    "linux,uefi-system-table": cells(0, 0x1000),
    "linux,uefi-mmap-start": cells(0, 0x2000),
    "stdout-path": text("/uart"),
  }),
]);
const rootNames = ({ root }: DeviceTree) => root.children.map(({ name }) => name);

pure("a tree without memory gets that of the running one, in its own cells, and what UEFI said", () => {
  const bare = tree([node("memory@0", { device_type: text("memory") }), node("soc", {})]);
  const next = withRunningMemory(bare, RUNNING);
  assertEquals(rootNames(next), ["chosen", "memory@40000000", "memory@100000000", "soc"]);
  assertEquals(memoryOf(next), memoryOf(RUNNING));
  assertEquals(next.root.children[0]?.properties.map(({ name }) => name), [
    "linux,uefi-system-table",
    "linux,uefi-mmap-start",
  ]);
  // In other cells as one node, where all of it fits them.
  const narrow = withRunningMemory(tree([], 2, 1), RUNNING);
  assertEquals(rootNames(narrow), ["chosen", "memory@40000000"]);
  assertEquals(memoryOf(narrow), memoryOf(RUNNING));
  const few = withRunningMemory(tree([node("memory@0", { device_type: text("memory") })], 1, 1), RUNNING);
  assertEquals(rootNames(few), ["chosen", "memory@0"]);
  // What says where its memory is stays as it is.
  const own = tree([node("memory@0", { device_type: text("memory"), reg: cells(0, 0, 0, 0x1000) })]);
  const uefi = tree([node("chosen", { "linux,uefi-mmap-start": cells(0, 0x3000) })]);
  for (const kept of [own, uefi]) assertEquals(withRunningMemory(kept, RUNNING), kept);
  assertEquals(withRunningMemory(bare, undefined), bare);
});

pure("a crash kernel gets what is lent to it after its reservations, and a tree must be able to name that", () => {
  const lent = { start: 0x1_0000_0000n, end: 0x1_1000_0000n };
  const reserved = { start: 0x5000_0000n, end: 0x6000_0000n };
  const facts = hostFacts({
    machine: "aarch64",
    kexec: { crashCmaRanges: [lent] },
    iomem: {
      visibility: "full",
      roots: [{ ...reserved, name: "Crash kernel", children: [] }],
    },
  });
  const elfcorehdr = { start: 0x5800_0000n, end: 0x5800_0400n };
  const of = (deviceTree: DeviceTree) =>
    treeHandover({
      facts,
      cmdline: "x",
      initrd: false,
      kaslr: false,
      deviceTree,
      crash: { elfcorehdr, kept: [elfcorehdr] },
    });
  const parsed = parseDeviceTree(of(tree([])).value?.build(0n, { kernel: 0n }).bytes ?? new Uint8Array());
  assert(parsed.kind === "tree");
  const chosen = parsed.tree.root.children.find(({ name }) => name === "chosen")?.properties ?? [];
  assertEquals(
    valueOf(chosen, "linux,usable-memory-range"),
    cells(0, 0x5000_0000, 0, 0x1000_0000, 1, 0, 0, 0x1000_0000).toHex(),
  );
  const { value, diagnostics } = of(tree([], 1, 1));
  assertEquals([value, diagnostics[0]?.code], [undefined, "device-tree-limit"]);
  assertEquals(diagnostics[0]?.message.includes("0x100000000"), true);
});

pure("protected KVM keeps CPUs since 5.16 only, and a release that is not understood is not taken for newer", () => {
  const of = (release: string) =>
    stuckCpus(hostFacts({ machine: "aarch64", release, cmdline: "ro kvm-arm.mode=protected" }))?.kind;
  assertEquals(["5.15.9", "5.16.0", "6.12.1", "custom"].map(of), [
    undefined,
    "protected-kvm",
    "protected-kvm",
    undefined,
  ]);
});
