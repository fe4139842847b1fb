import type { KernelImage } from "../arch/kernel_loader.ts";
import { type Segment, type SegmentRequest, sourceSize } from "../arch/segment.ts";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { formatAddress, formatSize, MAX_U64 } from "../core/number.ts";
import { alignUp, type Range } from "../core/range.ts";
import { type CrashParts, crashParts } from "./crash_segments.ts";
import { crashNeed, proposedReservation, reservationHint } from "./crash_size.ts";
import { initrdPieces } from "./initrd_pieces.ts";
import { type InitrdPlacement, initrdPlacements } from "./initrd_placement.ts";
import type { PlanInput } from "./input.ts";
import { freeMemory } from "./placement/free_memory.ts";
import { placeAll, type PlacedRequest } from "./placement/place.ts";
import type { PlannedBases } from "./plan.ts";
import { parseCmdline } from "../profile/cmdline/cmdline.ts";
import { reservedRanges } from "../profile/cmdline/ramoops.ts";
import { checksumOf, purgatoryRequest, type SegmentLayout, withPurgatory } from "./purgatory_segment.ts";
import { KEXEC_SEGMENT_MAX } from "./syscall.ts";
import { namedTree } from "../image/boot_files.ts";
import { REAL_MODE_ENTRY } from "../arch/x86_64/real_mode_loader.ts";
import { withName } from "../arch/x86_64/multiboot_loader.ts";
import { physicalBases } from "../arch/x86_64/predecompress.ts";
import type { LinuxMachine } from "../arch/machine.ts";

/** Segments of every Linux image other than kernel and initrds: the handover and purgatory. */
const OTHERS = 2;

/** A Linux image, laid out. */
export interface LinuxLayout extends SegmentLayout {
  /** Its command line, with what the layout adds. */
  readonly cmdline: string;
  /** Where the kernel may lie, if its place is chosen at load. */
  readonly bases?: PlannedBases;
  /** How each initrd is placed. */
  readonly initrds: readonly InitrdPlacement[];
}

/**
 * Lays a Linux kernel out for kexec_load(2): kernel, each initrd, the handover (boot_params or a device tree), and the
 * purgatory that verifies them and jumps. A crash kernel lies in its reservation, gets a description of the kernel that
 * panicked, and no memory but the reservations.
 */
export function linuxSegments(
  input: PlanInput,
  machine: LinuxMachine,
  kernel: KernelImage,
  cmdline: string,
): Checked<LinuxLayout> {
  const { profile, facts, images } = input;
  const free = freeMemory(facts, {
    crash: profile.crash,
    ...(kernel.low === undefined ? {} : { min: lower(kernel.low.min, kernel.request.min) }),
    ...profile.memory,
    ...(profile.crash || facts.machine !== "x86_64" ? {} : { avoid: reservedRanges(parseCmdline(cmdline)) }),
  });
  const parts: Checked<CrashParts> = profile.crash ? crashParts(facts, machine) : { value: NO_PARTS, diagnostics: [] };
  const diagnostics = [...free.diagnostics, ...parts.diagnostics];
  if (free.value === undefined || parts.value === undefined) return { value: undefined, diagnostics };
  const most = KEXEC_SEGMENT_MAX - OTHERS - kernel.at(0n).segments.length - parts.value.requests.length;
  const modules = images.modules ?? [];
  const key = modules.length > 0 ? "modules" : "initrd";
  const placements = initrdPlacements(input, kernel.request.size);
  const pieces = initrdPieces(placements);
  const count = modules.length > 0 ? modules.length : pieces.length;
  if (count > most) return { value: undefined, diagnostics: [...diagnostics, tooMany(key, count, most)] };

  const initrds = pieces.map((piece) => ({ ...piece, memsz: alignUp(BigInt(piece.size), facts.pageSize) }));
  const initrdSize = initrds.reduce((sum, { memsz }) => sum + memsz, 0n);
  const modulesSize = modules.reduce((sum, { size }) => sum + alignUp(BigInt(size), facts.pageSize), 0n);
  const alone = placeAll([kernel.request], free.value, facts.pageSize);
  if (alone.kind === "no-room") return { value: undefined, diagnostics: [...diagnostics, noRoom(alone, input)] };
  const base = alone.placed[0]?.address ?? 0n;
  const { min, initrdMax } = machine.boundsBeside({ start: base, end: base + kernel.request.size });
  const { beside = { max: 1n << 64n, initrdMax } } = kernel;
  const anywhere = { alignment: facts.pageSize, min, max: beside.max };
  const first: readonly SegmentRequest[] = [
    kernel.request,
    ...(initrdSize === 0n ? [] : [{ ...anywhere, max: beside.initrdMax, name: "initrd", size: initrdSize }]),
    ...(modulesSize === 0n ? [] : [{ ...anywhere, name: "modules", size: modulesSize }]),
    ...parts.value.requests.map((request) => ({ ...request, min, max: beside.max })),
  ];
  // The size of the handover depends on where these lie. They keep their places when the handover is placed as well.
  const found = placeAll(first, free.value, facts.pageSize);
  if (found.kind === "no-room") return { value: undefined, diagnostics: [...diagnostics, noRoom(found, input)] };
  const { value: special, diagnostics: faults } = parts.value.at(
    new Map(found.placed.map(({ name, address }) => [name, address])),
  );
  diagnostics.push(...faults);
  if (special === undefined) return { value: undefined, diagnostics };
  const whole = special.cmdline(cmdline);
  const deviceTree = namedTree(images);
  const handover = kernel.handOver({
    facts,
    cmdline: whole,
    initrd: initrdSize > 0n,
    modules: moduleLines(input),
    kaslr: kernel.bases !== undefined,
    ...(deviceTree === undefined ? {} : { deviceTree }),
    ...(special.crashInfo === undefined ? {} : { crash: special.crashInfo }),
  });
  diagnostics.push(...handover.diagnostics);
  if (handover.value === undefined) return { value: undefined, diagnostics };
  const { size, alignment, build } = handover.value;
  const handoverName = kernel.handover ?? machine.handover;
  const requests: readonly SegmentRequest[] = [
    ...first,
    { ...anywhere, ...kernel.low, name: handoverName, size, alignment },
    { ...purgatoryRequest(machine, facts.pageSize), min, max: beside.max },
  ];
  const result = placeAll(requests, free.value, facts.pageSize);
  if (result.kind === "no-room") return { value: undefined, diagnostics: [...diagnostics, noRoom(result, input)] };
  const at = (name: string): bigint => result.placed.find((request) => request.name === name)?.address ?? 0n;

  const placedModules = moduleSegments(modules, at("modules"), facts.pageSize);
  const handed = build(at(handoverName), {
    kernel: at("kernel"),
    modules: placedModules.map(({ mem, bytes }) => ({ address: mem, size: sourceSize(bytes) })),
    ...(initrdSize === 0n ? {} : { initrd: { address: at("initrd"), size: initrdEnd(initrds) } }),
  });
  const image = kernel.at(at("kernel"));
  let next = at("initrd");
  const segments: readonly Segment[] = [
    ...image.segments,
    ...initrds.map(({ name, placement: { file, unpacked }, offset, size, memsz }): Segment => {
      const mem = next;
      next += memsz;
      const kind = file.overlay !== undefined ? "overlay" : unpacked ? "unpacked" : "file";
      return { name, mem, memsz, bytes: { kind, path: file.path, offset, length: size } };
    }),
    ...placedModules,
    ...special.segments,
    {
      name: handoverName,
      mem: at(handoverName),
      memsz: alignUp(size, facts.pageSize),
      bytes: { kind: "bytes", bytes: handed.bytes },
    },
  ];
  // In real mode, what is handed over holds the code that is entered.
  const entry = handed.real === undefined ? image.entry : handed.real.base + REAL_MODE_ENTRY;
  const layout = { entry, segments, random: { [handoverName]: handed.random } };
  const backup = special.backup ?? handed.copied;
  // A plan states SHA-256 sums, and would give away a secret by its own.
  const unhashed = checksumOf(profile) !== "sha256"
    ? []
    : initrds.flatMap(({ name, placement }) => placement.file.overlay?.isOpen === true ? [name] : []);
  const purgatory = {
    address: at("purgatory"),
    handover: at(handoverName),
    ...(kernel.entry32 === true ? { entry32: true } : {}),
    ...(kernel.multibootMagic === undefined ? {} : { multibootMagic: kernel.multibootMagic }),
    ...(kernel.legacy === true ? { legacy: true } : {}),
    ...(handed.real === undefined ? {} : { real: handed.real }),
    cmdline: whole,
    changing: [...special.changing, ...unhashed],
    ...(backup === undefined ? {} : { backup }),
  };
  const bases = basesOf(kernel, result.placed, free.value, facts.pageSize);
  return {
    value: {
      ...withPurgatory(layout, machine, purgatory, input),
      cmdline: whole,
      ...(bases === undefined ? {} : { bases }),
      initrds: placements,
    },
    diagnostics,
  };
}

function lower(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** The command lines of the modules, as the image gets them. */
function moduleLines({ profile, images }: PlanInput): readonly string[] {
  return (images.modules ?? []).map(({ path }, index) => withName(path, profile.modules[index]?.cmdline ?? ""));
}

/** One module after the other, each on pages of its own. */
function moduleSegments(
  modules: NonNullable<PlanInput["images"]["modules"]>,
  start: bigint,
  pageSize: bigint,
): readonly Segment[] {
  let next = start;
  return modules.map(({ path, size }, index): Segment => {
    const memsz = alignUp(BigInt(size), pageSize);
    const mem = next;
    next += memsz;
    const name = modules.length === 1 ? "module" : `module ${index + 1}`;
    return { name, mem, memsz, bytes: { kind: "file", path, offset: 0, length: size } };
  });
}

/** Where the kernel may lie without overlapping anything else. */
function basesOf(
  { request, bases }: KernelImage,
  placed: readonly PlacedRequest[],
  free: readonly Range[],
  pageSize: bigint,
): PlannedBases | undefined {
  if (bases === undefined) return undefined;
  const taken = placed.filter(({ name }) => name !== request.name).map(({ address, size }) => ({
    start: address,
    end: address + alignUp(size, pageSize),
  }));
  const text = ({ start, end }: Range) => ({ start: formatAddress(start), end: formatAddress(end) });
  const within = { start: request.min, end: request.max };
  const physical = bases.fixed === undefined
    ? physicalBases(free, [...taken, ...request.avoid ?? []], within, request)
    : [];
  return { physical: physical.map(text), virtual: text(bases.virtual), alignment: formatAddress(request.alignment) };
}

/** A normal image has no additional parts. */
const NO_PARTS: CrashParts = {
  requests: [],
  at: () => ({ value: { segments: [], cmdline: (cmdline) => cmdline, changing: [] }, diagnostics: [] }),
};

/** Bytes from the start of the first initrd to the end of the last; the zeros between them are skipped by the kernel. */
function initrdEnd(initrds: readonly { readonly size: number; readonly memsz: bigint }[]): bigint {
  return initrds.reduce(
    (sum, { size, memsz }, index) => sum + (index === initrds.length - 1 ? BigInt(size) : memsz),
    0n,
  );
}

function tooMany(key: "initrd" | "modules", count: number, most: number): Diagnostic {
  const what = key === "initrd" ? "initrds" : "modules";
  return {
    code: "too-many-segments",
    severity: "error",
    message: `There are ${count} ${what}, but kexec_load takes at most ${most} with this kernel`,
    path: [key],
    hint: key === "initrd"
      ? "Join some of them into one file, each padded with zeros to a multiple of 4 bytes"
      : "Name fewer modules",
  };
}

/** The smallest page of any machine: what must lie at one address is given whole pages there. */
const PAGE_SIZE = 4096n;

/** Where a request must end, where that is a limit of its own. */
function below({ max }: SegmentRequest): string {
  return max < MAX_U64 ? ` below ${formatAddress(max)}` : "";
}

/** The diagnostic for a request that fits nowhere, in the crash reservation or in system memory. */
export function noRoom(
  { failed, largest }: { readonly failed: SegmentRequest; readonly largest: bigint },
  { profile: { crash, memory }, images }: Pick<PlanInput, "profile" | "images">,
): Diagnostic {
  const isFixed = failed.preferred === failed.min && failed.max - failed.min < failed.size + PAGE_SIZE;
  const narrowed = memory.min !== undefined || memory.max !== undefined;
  const larger = reservationHint(proposedReservation(crashNeed(images)));
  return {
    code: "no-room",
    severity: "error",
    message: isFixed && !crash
      ? `The segment "${failed.name}" of ${formatSize(failed.size)} can only lie at ${formatAddress(failed.min)}, ` +
        "and that memory is not free"
      : `${crash ? "The crash reservation has no room" : `No free memory${below(failed)} is large enough`} for the ` +
        `segment "${failed.name}" of ${formatSize(failed.size)}`,
    expected: `${formatSize(failed.size)} in one piece`,
    found: `${formatSize(largest)} at most`,
    hint: crash
      ? narrowed ? `Widen \`memory\`; otherwise r${larger.slice(1)}` : larger
      : `Widen \`memory\` if the profile narrows it; otherwise ${
        isFixed ? "start this image by the boot loader" : "use a smaller initrd"
      }`,
  };
}
