import { linuxMachine } from "../arch/machines.ts";
import { cellsOf, rangesOf, rootChild, textsOf, valueOf } from "../arch/arm64/device_tree_nodes.ts";
import { formatAddress } from "../core/number.ts";
import { alignDown, alignUp, intersectAll, overlaps, type Range, rangeSize, subtract } from "../core/range.ts";
import { isSince } from "../core/release.ts";
import { anyText, choice, count, either, isMap, list, omitUndefined, record, type Shape, text } from "../core/shape.ts";
import type { ColdLog, ColdReboot } from "../entry/cold_reboot.ts";
import type { DeviceTree } from "../formats/fdt.ts";
import type { HostFacts } from "../host/facts.ts";
import { type Images, kernelInfo, namedTree } from "../image/boot_files.ts";
import { imageRelease } from "../image/describe.ts";
import { hasRamoops } from "../image/initrd_maker.ts";
import { type Cmdline, parseCmdline, parseParameter } from "../profile/cmdline/cmdline.ts";
import { hasParameter, statedRamoops } from "../profile/cmdline/ramoops.ts";
import { allowedMemory, unknownMemory } from "./placement/free_memory.ts";

/** Where a guard keeps the log of the new kernel over a reset, as its plan has it. */
export type PlannedLog =
  | ({ readonly kind: "range"; readonly from: LogOrigin } & LogRange & LogFields)
  /** Memory of a name, which the kernel finds at each boot. */
  | ({ readonly kind: "named"; readonly from: LogOrigin } & LogFields)
  /** The device tree has a node for it; without `address`, the kernel finds the memory at each boot. */
  | ({ readonly kind: "device-tree"; readonly node: string } & Partial<LogRange> & LogFields)
  /** It cannot be kept. */
  | { readonly kind: "impossible"; readonly why: string; readonly hint?: string };

/** Where the memory comes from: the entry that a cold reboot boots, the running command line, or the plan. */
export type LogOrigin = "fallback" | "running" | "plan";

/** A range of memory. */
export interface LogRange {
  /** Physical address of its first byte. */
  readonly address: string;
  /** Bytes. */
  readonly size: number;
}

/** What every log that can be kept has. */
export interface LogFields {
  /** What the new kernel and the one that reads need on their command lines. */
  readonly parameters: readonly string[];
  /** Whether the initrd has the module; absent where that is not known. */
  readonly module?: "in-initrd" | "not-in-initrd";
}

/** What the place of a log depends on. */
export interface LogInput {
  readonly facts: HostFacts;
  readonly images: Images;
  readonly coldReboot?: ColdReboot;
}

/** The backends of pstore exclude each other, and the first one stays (fs/pstore/platform.c, Linux 6.1 to 7.2). */
const BACKEND = "pstore.backend=ramoops";

/** Where a log of this size is kept. */
export function planLog(size: number, input: LogInput): PlannedLog {
  const module = moduleIn(input.images);
  const found = placeLog(size, input);
  return found.kind === "impossible" ? found : { ...found, ...omitUndefined({ module }) };
}

function placeLog(size: number, input: LogInput): PlannedLog {
  switch (input.facts.machine) {
    case "x86_64":
      return stated(input, "range") ?? chosen(size, input.facts);
    case "aarch64":
      return ofTree(input) ?? stated(input, "name") ?? named(size, input);
    default:
      return impossible(`It is not known how a ${input.facts.machine} kernel keeps memory for it`);
  }
}

function impossible(why: string, hint = "Remove `log` from `guard`"): PlannedLog {
  return { kind: "impossible", why, hint };
}

function moduleIn({ initrd }: Images): LogFields["module"] | undefined {
  const contents = initrd.flatMap(({ content }) => content?.kind === "whole" ? [content] : []);
  if (contents.length < initrd.length) return undefined;
  const has = hasRamoops(contents);
  return has === undefined ? undefined : has ? "in-initrd" : "not-in-initrd";
}

/** What the entry that reads it has, or the running kernel: the log must lie at the same place. */
function stated({ facts, coldReboot }: LogInput, kind: "range" | "name"): PlannedLog | undefined {
  const places: readonly (readonly [LogOrigin, Cmdline])[] = [
    ["fallback", parseCmdline(coldReboot?.log?.parameters.join(" ") ?? "")],
    ["running", parseCmdline(facts.cmdline ?? "")],
  ];
  for (const [from, cmdline] of places) {
    const ramoops = statedRamoops(cmdline);
    if (ramoops === undefined || ramoops.memory.kind !== kind) continue;
    const { memory, reservation } = ramoops;
    const backend = parseParameter(BACKEND);
    const parameters = [
      ...ramoops.parameters.filter((each) => parseParameter(each).name !== backend.name),
      BACKEND,
    ];
    if (memory.kind === "name") {
      return { kind: "named", from, parameters: [...reservation === undefined ? [] : [reservation], ...parameters] };
    }
    const keep = reservation ?? (isRam(memory, facts) ? reserve(memory) : undefined);
    return {
      kind: "range",
      from,
      ...textOf(memory),
      parameters: [...keep === undefined ? [] : [keep], ...parameters],
    };
  }
  return undefined;
}

/** By the firmware's map, where there is one: /proc/iomem already shows what the running command line reserves. */
function isRam(range: Range, { firmwareMap, iomem }: HostFacts): boolean {
  const ram = firmwareMap.length > 0
    ? firmwareMap.filter(({ type }) => type === "System RAM")
    : iomem.roots.filter(({ name }) => name === "System RAM");
  return ram.length === 0 || ram.some((each) => overlaps(each, range));
}

/** KASLR avoids a range after `$`; after `%`, it takes the size for a limit of all memory (arch/x86/boot/compressed/kaslr.c, Linux 6.1 to 7.2). */
function reserve(range: Range): string {
  return `memmap=${unit(rangeSize(range))}$${formatAddress(range.start)}`;
}

function unit(size: bigint): string {
  if (size % (1n << 20n) === 0n) return `${size >> 20n}M`;
  return size % 1024n === 0n ? `${size >> 10n}K` : `${size}`;
}

function textOf(range: Range): LogRange {
  return { address: formatAddress(range.start), size: Number(rangeSize(range)) };
}

const MIB = 1n << 20n;

/** Kernels are loaded at 16 MiB, and unpack themselves there; the firmware and GRUB use memory below that, and at the top. */
const LOWEST = 128n * MIB;

/** GRUB places initrds from 1 GiB downwards, and kexec images from the top of memory. */
const BEST = 512n * MIB;
const HIGHEST = 4096n * MIB;

/** A range that no kernel, initrd or reservation takes: the same on each boot of a host whose memory map is the same. */
function chosen(bytes: number, facts: HostFacts): PlannedLog {
  const hidden = unknownMemory(facts.iomem, false);
  if (hidden !== undefined) {
    const why = facts.iomem.visibility === "zeroed"
      ? "/proc/iomem shows every address as zero, so that no place for it can be found"
      : "/proc/iomem is missing or empty, so that no place for it can be found";
    return impossible(why, "Run warmboot on the host itself, as root");
  }
  const size = BigInt(bytes);
  const below = [{ start: LOWEST, end: HIGHEST }];
  const free = intersectAll(subtract(allowedMemory(facts, false), facts.handover?.scratch ?? []), below);
  const top = free.at(-1)?.end ?? 0n;
  const best = BEST < top / 2n ? BEST : alignDown(top / 2n, size);
  const above = free.map((range) => alignUp(range.start > best ? range.start : best, size));
  const first = free.findIndex(({ end }, index) => (above[index] ?? end) + size <= end);
  const under = free.flatMap(({ start, end }) => {
    const at = alignDown((end < best ? end : best) - size, size);
    return at >= start ? [at] : [];
  });
  const start = first >= 0 ? above[first] : under.at(-1);
  if (start === undefined) return impossible("No memory between 128 MiB and 4 GiB is free for it");
  const range = { start, end: start + size };
  return {
    kind: "range",
    from: "plan",
    ...textOf(range),
    parameters: [
      reserve(range),
      `ramoops.mem_address=${formatAddress(start)}`,
      `ramoops.mem_size=${formatAddress(size)}`,
      ...records(bytes),
    ],
  };
}

/** A larger console could not be read: 6.1 copies it into one piece of memory. */
const CONSOLE_MOST = 1 << 20;
const RECORD_MOST = 64 << 10;

/**
 * Half for the console, the rest for oopses and panics. The kernels of both sides must divide the range alike: of ftrace and
 * pmsg, which lies first changed between 6.1 and 7.2, so that they get nothing.
 */
function records(size: number): readonly string[] {
  const hex = (bytes: number): string => formatAddress(BigInt(bytes));
  return [
    `ramoops.record_size=${hex(Math.min(size / 4, RECORD_MOST))}`,
    `ramoops.console_size=${hex(Math.min(size / 2, CONSOLE_MOST))}`,
    "ramoops.ftrace_size=0",
    "ramoops.pmsg_size=0",
    "ramoops.ecc=1",
    BACKEND,
  ];
}

/** The name of the memory, for both kernels. */
const NAME = "warmboot";

/** The first version that has both (mm/memblock.c, fs/pstore/ram.c). */
const NAMED_SINCE = [6, 12] as const;

function named(size: number, { facts, images, coldReboot }: LogInput): PlannedLog {
  const info = kernelInfo(images);
  const releases = [info === undefined ? undefined : imageRelease(info), coldReboot?.entry?.release ?? facts.release];
  const old = releases.find((release) => release !== undefined && isSince(release, NAMED_SINCE) === false);
  if (old !== undefined) {
    return impossible(
      `The device tree has no node for it, and \`reserve_mem=\` is of Linux 6.12 and later, not of ${old}`,
      "Add a node `ramoops` to /reserved-memory of the device tree, or remove `log` from `guard`",
    );
  }
  // The largest page of arm64.
  const reservation = `reserve_mem=${unit(BigInt(size))}:64K:${NAME}`;
  return {
    kind: "named",
    from: "plan",
    parameters: [reservation, `ramoops.mem_name=${NAME}`, ...records(size)],
  };
}

/** The node of the device tree (Documentation/devicetree/bindings/reserved-memory/ramoops.yaml). */
function ofTree({ facts, images }: LogInput): PlannedLog | undefined {
  const own = treeLog(facts.deviceTree);
  const other = namedTree(images);
  const next = other === undefined ? own : treeLog(other);
  if (own === undefined) return undefined;
  if (next?.address !== own.address || next?.size !== own.size) {
    return impossible(
      `The host's device tree keeps it at ${own.node}, and the one of \`dtb\` does not have the same`,
      "Have both device trees reserve the same memory, or remove `log` from `guard`",
    );
  }
  return { kind: "device-tree", ...own, parameters: [BACKEND] };
}

function treeLog(tree: DeviceTree | undefined): ({ readonly node: string } & Partial<LogRange>) | undefined {
  const parent = tree === undefined ? undefined : rootChild(tree, "reserved-memory");
  const node = parent?.children.find((child) =>
    textsOf(child, "compatible").includes("ramoops") && [undefined, "ok", "okay"].includes(textsOf(child, "status")[0])
  );
  if (parent === undefined || node === undefined) return undefined;
  const [range] = rangesOf(valueOf(node, "reg") ?? new Uint8Array(), cellsOf(parent)) ?? [];
  return { node: `/reserved-memory/${node.name}`, ...(range === undefined ? {} : textOf(range)) };
}

/** The memory of a planned log. */
export function logRange(log: PlannedLog): Range | undefined {
  if (log.kind !== "range") return undefined;
  const start = BigInt(log.address);
  return { start, end: start + BigInt(log.size) };
}

/** What the entry that a cold reboot boots lacks to read the log. */
export function lackedToRead(
  log: Exclude<PlannedLog, { readonly kind: "impossible" }>,
  { parameters }: Pick<ColdLog, "parameters">,
): readonly string[] {
  const cmdline = parseCmdline(parameters.join(" "));
  return log.parameters.filter((parameter) => !hasParameter(cmdline, parseParameter(parameter)));
}

/**
 * Whether kexec_file_load may place the image over the log: the running kernel does not keep that memory free, and places
 * images from the top of a piece of memory downwards (locate_mem_hole_top_down in kernel/kexec_file.c). With kexec handover, it
 * places them in the scratch areas alone.
 */
export function mayBeOverwritten(
  log: PlannedLog,
  { facts, images, cmdline }: Pick<LogInput, "facts" | "images"> & { readonly cmdline: string },
): boolean {
  const range = logRange(log);
  const kernel = kernelInfo(images);
  if (range === undefined || kernel === undefined) return false;
  const scratch = facts.handover?.scratch;
  if (scratch !== undefined) return scratch.some((area) => overlaps(area, range));
  const memory = facts.iomem.roots.find((root) => root.name === "System RAM" && overlaps(root, range));
  if (memory === undefined) return false;
  const initrd = images.initrd.reduce((sum, { size }) => sum + size, 0);
  const built = images.kernel?.built;
  const info = kernel.kind === "bzimage" && built !== undefined ? { ...kernel, initSize: built.memory } : kernel;
  const buffers = linuxMachine(facts.machine)?.fileLoaderBuffers({
    facts,
    kernel: info,
    initrd,
    cmdline,
    forceDtb: false,
  });
  if (buffers === undefined) return false;
  const { min, size } = buffers.kernel;
  const all = [...buffers.before, buffers.kernel, ...buffers.beside({ start: min, end: min + size })];
  const needed = all.reduce(
    (sum, each) => sum + alignUp(each.atMost ?? each.size, facts.pageSize) + each.alignment,
    0n,
  );
  return memory.end - range.end < needed;
}

const optional = { value: undefined };
const from: Shape<LogOrigin> = choice(["fallback", "running", "plan"]);
const FROM = {
  shape: from,
  doc: "Whose place it is: that of the entry that reads it, of the running kernel, or a new one",
};
const PARAMETERS = { shape: list(text), doc: "What the new kernel needs on its command line, and the one that reads" };
const MODULE = {
  shape: choice(["in-initrd", "not-in-initrd"]),
  doc: "Whether the initrd has the kernel module ramoops; absent where that is not known",
  fallback: optional,
};
const ADDRESS = { shape: text, doc: "The physical address" };
const SIZE = { shape: count, doc: "Bytes" };

type OfKind<Kind extends PlannedLog["kind"]> = Extract<PlannedLog, { readonly kind: Kind }>;

function kind<const Kind extends string>(
  name: Kind,
  doc: string,
): { readonly shape: Shape<Kind>; readonly doc: string } {
  return { shape: choice([name]), doc };
}

const KINDS: { readonly [Kind in PlannedLog["kind"]]: Shape<OfKind<Kind>> } = {
  range: record<OfKind<"range">>({
    kind: kind("range", "A range of memory"),
    from: FROM,
    address: ADDRESS,
    size: SIZE,
    parameters: PARAMETERS,
    module: MODULE,
  }),
  named: record<OfKind<"named">>({
    kind: kind("named", "Memory of a name, which the kernel finds at each boot"),
    from: FROM,
    parameters: PARAMETERS,
    module: MODULE,
  }),
  "device-tree": record<OfKind<"device-tree">>({
    kind: kind("device-tree", "The device tree has a node for it"),
    node: { shape: text, doc: "Its path" },
    address: { ...ADDRESS, fallback: optional },
    size: { ...SIZE, fallback: optional },
    parameters: PARAMETERS,
    module: MODULE,
  }),
  impossible: record<OfKind<"impossible">>({
    kind: kind("impossible", "It cannot be kept"),
    why: { shape: anyText, doc: "Why" },
    hint: { shape: anyText, doc: "What to do about it", fallback: optional },
  }),
};

/** The shape of a guard's log in a plan. */
export const plannedLogShape: Shape<PlannedLog> = either<PlannedLog>(
  "where a log is kept",
  Object.values(KINDS),
  (value) => {
    const found = isMap(value) ? value.kind : undefined;
    return typeof found === "string" && Object.hasOwn(KINDS, found) ? KINDS[found as PlannedLog["kind"]] : undefined;
  },
);
