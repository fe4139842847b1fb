import type { DeviceNode, DeviceProperty, DeviceTree, Reservation } from "../../formats/fdt.ts";
import { flattenDeviceTree } from "../../formats/fdt.ts";
import { type Range, rangeSize } from "../../core/range.ts";
import type { HandoverBytes } from "../kernel_loader.ts";
import {
  type Cells,
  cellsOf,
  hasUefiMap,
  isMemory,
  memoryOf,
  numberOf,
  rangesOf,
  rootChild,
  valueOf,
} from "./device_tree_nodes.ts";

/** What the next kernel is given. */
export interface NextDeviceTreeInput {
  /** The device tree of the running kernel, or the one that takes its place. */
  readonly tree: DeviceTree;
  /** Without its NUL. */
  readonly cmdline: string;
  /** Where all initrds lie, one after the other; bytes. */
  readonly initrd?: { readonly address: bigint; readonly size: bigint };
  /** Of a crash kernel. */
  readonly crash?: {
    /** Where the ELF core header lies. */
    readonly elfcorehdr: Range;
    /** The memory that it may use: the reservation that holds it first. */
    readonly usable: readonly Range[];
  };
}

/** Bytes of the two seeds (of_kexec_alloc_and_setup_fdt in drivers/of/kexec.c, Linux 7.3). */
const KASLR_SEED = 8;
const RNG_SEED = 128;

/**
 * What concerned the running kernel alone, besides what is replaced: the dump that it came from, buffers and keys that
 * were handed over to it (drivers/of/kexec.c, Documentation/devicetree/bindings of Linux 7.3).
 */
const STALE: readonly string[] = [
  "linux,elfcorehdr",
  "linux,usable-memory-range",
  "linux,ima-kexec-buffer",
  "linux,kho-fdt",
  "linux,kho-scratch",
  "linux,dmcryptkeys",
];

/** What is replaced. */
const SET: readonly string[] = [
  "bootargs",
  "linux,initrd-start",
  "linux,initrd-end",
  "kaslr-seed",
  "rng-seed",
  "linux,booted-from-kexec",
];

/** Page sizes to which firmware rounds what it reserves. */
const PAGE_SIZES = [4096n, 16384n, 65536n];

/**
 * The device tree of the running kernel as the next one is to have it: /chosen rewritten, as drivers/of/kexec.c has it,
 * and without the reservations of what no longer exists. Everything else stays as it is and in its order. Its size is the same
 * wherever initrd and ELF core header lie. The seeds are zeros, to be drawn at load.
 */
export function nextDeviceTree({ tree, cmdline, initrd, crash }: NextDeviceTreeInput): HandoverBytes {
  const cells = cellsOf(tree.root);
  const chosen = rootChild(tree, "chosen") ?? { name: "chosen", properties: [], children: [] };
  const kaslrSeed = { name: "kaslr-seed", value: new Uint8Array(KASLR_SEED) };
  const rngSeed = { name: "rng-seed", value: new Uint8Array(RNG_SEED) };
  const properties: readonly DeviceProperty[] = [
    ...chosen.properties.filter(({ name }) => !STALE.includes(name) && !SET.includes(name)),
    ...(cmdline === "" ? [] : [{ name: "bootargs", value: new TextEncoder().encode(`${cmdline}\0`) }]),
    ...(initrd === undefined ? [] : [
      { name: "linux,initrd-start", value: number(initrd.address, 2) },
      { name: "linux,initrd-end", value: number(initrd.address + initrd.size, 2) },
    ]),
    ...(crash === undefined ? [] : [
      { name: "linux,elfcorehdr", value: list([crash.elfcorehdr], cells) },
      { name: "linux,usable-memory-range", value: list(crash.usable, cells) },
    ]),
    kaslrSeed,
    rngSeed,
    { name: "linux,booted-from-kexec", value: new Uint8Array() },
  ];
  const reservations: readonly Reservation[] = [
    ...tree.reservations.filter((each) => !isStale(each, chosen, cells)),
    ...(initrd === undefined ? [] : [initrd]),
    ...(crash === undefined ? [] : [{ address: crash.elfcorehdr.start, size: rangeSize(crash.elfcorehdr) }]),
  ];
  const next = { ...chosen, properties };
  const children = tree.root.children.includes(chosen)
    ? tree.root.children.map((node) => node === chosen ? next : node)
    : [...tree.root.children, next];
  const flat = flattenDeviceTree({ ...tree, reservations, root: { ...tree.root, children } });
  const random = [kaslrSeed, rngSeed].flatMap((seed) => {
    const offset = flat.offsetOf(seed);
    return offset === undefined ? [] : [{ offset, length: seed.value.length }];
  });
  return { bytes: flat.bytes, random };
}

/**
 * A device tree that names no memory, with what firmware put into the running one: a board's tree comes without, and U-Boot
 * adds it when it boots (fdt_fixup_memory_banks in common/fdt_support.c, U-Boot 2026.10-rc2), as the EFI stub adds where the
 * memory map of UEFI lies. Any other tree stays as it is.
 */
export function withRunningMemory(tree: DeviceTree, running: DeviceTree | undefined): DeviceTree {
  if (running === undefined || memoryOf(tree) !== undefined || hasUefiMap(tree)) return tree;
  const memory = memoryNodes(running, cellsOf(tree.root));
  const uefi = (rootChild(running, "chosen")?.properties ?? []).filter(({ name }) => name.startsWith("linux,uefi-"));
  const chosen = rootChild(tree, "chosen") ?? { name: "chosen", properties: [], children: [] };
  const others = tree.root.children.filter((node) => node !== chosen && (memory.length === 0 || !isMemory(node)));
  const children = [{ ...chosen, properties: [...chosen.properties, ...uefi] }, ...memory, ...others];
  return { ...tree, root: { ...tree.root, children } };
}

/** The memory nodes of a tree, for a root with these cells; none where they are too few for it. */
function memoryNodes(tree: DeviceTree, cells: Cells): readonly DeviceNode[] {
  const own = cellsOf(tree.root);
  if (own.address === cells.address && own.size === cells.size) return tree.root.children.filter(isMemory);
  const ranges = memoryOf(tree);
  const [first] = ranges ?? [];
  if (ranges === undefined || first === undefined || !ranges.every((range) => fits(range, cells))) return [];
  return [{
    name: `memory@${first.start.toString(16)}`,
    properties: [
      { name: "device_type", value: new TextEncoder().encode("memory\0") },
      { name: "reg", value: list(ranges, cells) },
    ],
    children: [],
  }];
}

/** A reservation of what the running kernel was given: its initrd, a dump's header, measurements. */
function isStale({ address, size }: Reservation, chosen: DeviceNode, cells: Cells): boolean {
  const [start, end] = [numberOf(chosen, "linux,initrd-start"), numberOf(chosen, "linux,initrd-end")];
  const gone: readonly Range[] = [
    ...(start === undefined || end === undefined || end <= start ? [] : [{ start, end }]),
    ...["linux,elfcorehdr", "linux,ima-kexec-buffer"].flatMap((name) =>
      rangesOf(valueOf(chosen, name) ?? new Uint8Array(), cells) ?? []
    ),
  ];
  return gone.some((range) => {
    const exact = rangeSize(range);
    const sizes = [exact, ...PAGE_SIZES.map((page) => (exact + page - 1n) / page * page)];
    return range.start === address && sizes.includes(size);
  });
}

/** A number that does not fit its cells; undefined where all do. */
export function tooLarge(tree: DeviceTree, ranges: readonly Range[]): Range | undefined {
  const cells = cellsOf(tree.root);
  return ranges.find((range) => !fits(range, cells));
}

function fits(range: Range, cells: Cells): boolean {
  const holds = (value: bigint, count: number): boolean => count === 2 || (count === 1 && value < 1n << 32n);
  return holds(range.start, cells.address) && holds(rangeSize(range), cells.size);
}

function list(ranges: readonly Range[], { address, size }: Cells): Uint8Array {
  const bytes = new Uint8Array(ranges.length * (address + size) * 4);
  let at = 0;
  for (const range of ranges) {
    bytes.set(number(range.start, address), at);
    bytes.set(number(rangeSize(range), size), at + address * 4);
    at += (address + size) * 4;
  }
  return bytes;
}

/** Big-endian, in cells of 4 bytes. */
function number(value: bigint, cells: number): Uint8Array {
  return Uint8Array.from(
    { length: cells * 4 },
    (_, index) => Number(value >> BigInt((cells * 4 - 1 - index) * 8) & 0xffn),
  );
}
