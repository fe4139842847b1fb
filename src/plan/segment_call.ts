import { lookUp } from "../core/shape.ts";
import type { KernelImage } from "../arch/kernel_loader.ts";
import { type RandomPart, type Segment, sourceSize } from "../arch/segment.ts";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { formatAddress } from "../core/number.ts";
import { subtract } from "../core/range.ts";
import { hotplugFlags } from "./crash_segments.ts";
import { lacksReservation } from "./crash_size.ts";
import { loadFlags } from "./flags.ts";
import { initrdPieces, plannedInitrds } from "./initrd_pieces.ts";
import { initrdPlacements } from "./initrd_placement.ts";
import type { FilePart, PlanInput } from "./input.ts";
import { unpackedKernelImage } from "../arch/x86_64/bzimage_loader.ts";
import { linuxMachine } from "../arch/machines.ts";
import { linuxSegments, noRoom } from "./linux_segments.ts";
import {
  type PlannedBases,
  type PlannedFile,
  plannedFile,
  type PlannedSegment,
  type PlannedSource,
  type Reason,
  type SegmentLoadCall,
} from "./plan.ts";
import { explicitSegments } from "./placement/explicit.ts";
import { freeMemory } from "./placement/free_memory.ts";
import { placeAll } from "./placement/place.ts";
import { packedReason } from "./predecompress.ts";
import { segmentReasons } from "./predecompress_reasons.ts";
import { resolvedCmdline } from "./resolved_cmdline.ts";
import { digestOf, purgatoryRequest, type SegmentLayout, withPurgatory } from "./purgatory_segment.ts";
import { KEXEC_SEGMENT_MAX } from "./syscall.ts";
import { describeKernel, type KernelFile } from "../image/boot_files.ts";

/** The parts of files whose digests a kexec_load plan needs; the caller passes them as `partDigests`. */
export function partsNeeded(input: PlanInput): readonly FilePart[] {
  const { profile, images } = input;
  if (images.kernel !== undefined) {
    const kernel = kernelToPlace(input, images.kernel, resolvedCmdline(input) ?? "").value;
    if (kernel === undefined) return [];
    const pieces = initrdPieces(initrdPlacements(input, kernel.request.size));
    return [
      ...kernel.at(0n).segments.flatMap(filePart),
      ...pieces.flatMap(({ placement: { file, unpacked }, offset, size }): readonly FilePart[] => {
        if (unpacked) return [{ path: file.path, offset, length: size, unpacked: true }];
        return size === file.size ? [] : [{ path: file.path, offset, length: size }];
      }),
    ];
  }
  return profile.segments.flatMap(({ source }) => {
    if (source.kind !== "file") return [];
    const size = images.segments?.find(({ path }) => path === source.file.path)?.size ?? 0;
    const offset = Number(source.offset);
    return [{ path: source.file.path, offset, length: Number(source.length ?? BigInt(size - offset)) }];
  });
}

/** The part of a file that a segment is made of. */
function filePart({ bytes }: Segment): readonly FilePart[] {
  if (bytes.kind !== "file" && bytes.kind !== "unpacked") return [];
  const { path, offset, length } = bytes;
  return [{ path, offset, length, ...(bytes.kind === "unpacked" ? { unpacked: true as const } : {}) }];
}

/** A planned call, with reasons of its own. */
export interface PlannedCall extends Checked<SegmentLoadCall> {
  readonly reasons: readonly Reason[];
}

/** Plans a kexec_load(2) call. If it cannot be laid out, it has no segments, and the diagnostics or a check say why. */
export function planSegmentCall(input: PlanInput, cmdline: string): PlannedCall {
  const { profile, facts, images } = input;
  const layout = layOut(input, cmdline);
  const flags = loadFlags([
    ...(profile.crash ? ["KEXEC_ON_CRASH"] as const : []),
    ...(layout.value?.hotplug === true ? hotplugFlags(facts) : []),
    ...(profile.preserveContext ? ["KEXEC_PRESERVE_CONTEXT"] as const : []),
  ], profile.arch);
  const files: readonly PlannedFile[] = [
    ...(images.kernel === undefined ? [] : [plannedFile(images.kernel, describeKernel(images.kernel))]),
    ...plannedInitrds(images.initrd),
    ...(images.dtb === undefined ? [] : [plannedFile(images.dtb, "device tree")]),
    ...(images.modules ?? []).map((file) => plannedFile(file, "Multiboot module")),
    ...(images.segments ?? []).map((file) => plannedFile(file, "a part of an explicit segment")),
  ];
  return {
    value: {
      syscall: "kexec_load",
      ...flags,
      entry: formatAddress(layout.value?.entry ?? 0n),
      cmdline: layout.value?.cmdline ?? cmdline,
      segments: (layout.value?.segments ?? []).map((segment) =>
        plannedSegment(segment, layout.value?.random ?? {}, input)
      ),
      ...(layout.value?.checksum === undefined ? {} : { checksum: layout.value.checksum }),
      ...(layout.value?.mismatch === undefined ? {} : { mismatch: layout.value.mismatch }),
      ...(layout.value?.bases === undefined ? {} : { bases: layout.value.bases }),
      ...(profile.reentrant ? { reentrant: true } : {}),
      files,
    },
    diagnostics: layout.diagnostics,
    reasons: layout.value?.reasons ?? [],
  };
}

/** The parts of a call that do not come directly from the profile. */
interface CallLayout extends SegmentLayout {
  readonly cmdline?: string;
  /** Whether there is an elfcorehdr that the kernel can keep up to date. */
  readonly hotplug?: boolean;
  readonly bases?: PlannedBases;
  readonly reasons?: readonly Reason[];
}

function layOut(input: PlanInput, cmdline: string): Checked<CallLayout> {
  const { profile, images, facts } = input;
  if (profile.segments.length > 0) return layOutExplicit(input);
  // A check of the plan reports what is missing here.
  const machine = linuxMachine(facts.machine);
  if (images.kernel === undefined || profile.preserveContext || machine === undefined) {
    return { value: undefined, diagnostics: [] };
  }
  if (profile.crash && lacksReservation(facts)) return { value: undefined, diagnostics: [] };
  const kernel = kernelToPlace(input, images.kernel, cmdline);
  if (kernel.value === undefined) return { value: undefined, diagnostics: kernel.diagnostics };
  // A rule says that it cannot be a crash kernel.
  if (profile.crash && kernel.value.handover !== undefined) return { value: undefined, diagnostics: [] };
  const { value, diagnostics } = linuxSegments(input, machine, kernel.value, cmdline);
  if (value === undefined) return { value, diagnostics };
  const initrds = value.initrds.flatMap(({ reason }) =>
    reason === undefined ? [] : [{ code: "initrd-form", message: reason }]
  );
  const reasons = [...kernelReasons(input, kernel.value, cmdline), ...initrds];
  return { value: { ...value, hotplug: profile.crash, reasons }, diagnostics };
}

/** The kernel as it is placed: unpacked where the profile asks for that and nothing prevents it, else its file. */
function kernelToPlace(input: PlanInput, kernel: KernelFile, cmdline: string): Checked<KernelImage> {
  const { profile, facts } = input;
  const { info, unpacked } = kernel;
  if (
    profile.predecompress === false || info.kind !== "bzimage" || packedReason(input, "kexec_load") !== undefined
  ) {
    return linuxMachine(facts.machine)?.kernelImage(kernel, facts) ?? { value: undefined, diagnostics: [] };
  }
  if (unpacked === undefined) return { value: undefined, diagnostics: [notUnpacked(kernel.path)] };
  return unpackedKernelImage({ ...kernel, info, unpacked }, cmdline, facts.pageSize);
}

/** That what a kernel unpacks to is missing. */
export function notUnpacked(path: string): Diagnostic {
  return {
    code: "image-not-captured",
    severity: "error",
    message: `The unpacked content of ${path} is not available here`,
    path: ["predecompress"],
    hint: "Plan on the host that has the file, or without `predecompress`",
  };
}

/** What happens to `predecompress`, and to the kernel's bases. */
function kernelReasons(input: PlanInput, image: KernelImage, cmdline: string): readonly Reason[] {
  if (input.profile.predecompress === false || input.facts.machine === "aarch64") return [];
  const placed = image.at(0n).segments.flatMap(filePart).reduce((sum, { length }) => sum + length, 0);
  return segmentReasons(input, placed, image.bases?.fixed, cmdline);
}

/**
 * Explicit segments stay where the profile places them. Purgatory runs before them, unless the profile disables the
 * checksum or preserves the running system: purgatory cannot return.
 */
function layOutExplicit(input: PlanInput): Checked<SegmentLayout> {
  const { profile, images, facts } = input;
  const sizes = new Map((images.segments ?? []).map(({ path, size }) => [path, { size }]));
  const { value, diagnostics } = explicitSegments(profile, sizes, facts.pageSize);
  if (value === undefined) return { value, diagnostics };
  const layout = { ...value, random: {} };
  const machine = linuxMachine(facts.machine);
  // Segments that the kernel refuses anyway, by their number or addresses, get no purgatory.
  const isSound = value.segments.length <= KEXEC_SEGMENT_MAX &&
    value.segments.every(({ mem }) => mem % facts.pageSize === 0n);
  if (profile.checksum === false || profile.preserveContext || machine === undefined || !isSound) {
    return { value: layout, diagnostics };
  }
  const free = freeMemory(facts, { crash: profile.crash, ...profile.memory });
  if (free.value === undefined) return { value: undefined, diagnostics: [...diagnostics, ...free.diagnostics] };
  const taken = value.segments.map(({ mem, memsz }) => ({ start: mem, end: mem + memsz }));
  const result = placeAll([purgatoryRequest(machine, facts.pageSize)], subtract(free.value, taken), facts.pageSize);
  if (result.kind === "no-room") return { value: undefined, diagnostics: [...diagnostics, noRoom(result, input)] };
  const address = result.placed[0]?.address ?? 0n;
  return { value: withPurgatory(layout, machine, { address, handover: 0n }, input), diagnostics };
}

function plannedSegment(segment: Segment, random: SegmentLayout["random"], input: PlanInput): PlannedSegment {
  return {
    name: segment.name,
    mem: formatAddress(segment.mem),
    memsz: Number(segment.memsz),
    bufsz: Number(sourceSize(segment.bytes)),
    sha256: digestOf(segment, input),
    source: plannedSource(segment, lookUp(random, segment.name)),
  };
}

function plannedSource({ bytes }: Segment, random: readonly RandomPart[] = []): PlannedSource {
  if (bytes.kind !== "bytes") return bytes;
  return { kind: "bytes", base64: bytes.bytes.toBase64(), ...(random.length === 0 ? {} : { random }) };
}
