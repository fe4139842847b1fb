import { type Segment, sourceSize } from "../arch/segment.ts";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { formatAddress } from "../core/number.ts";
import { subtract } from "../core/range.ts";
import { describeImage, describeInitrd } from "../image/describe.ts";
import { hotplugFlags } from "./crash_segments.ts";
import { lacksReservation } from "./crash_size.ts";
import { loadFlags } from "./flags.ts";
import type { FilePart, PlanInput } from "./input.ts";
import { kernelImage, MIN_ADDRESS } from "./kernel_image.ts";
import { linuxSegments, noRoom } from "./linux_segments.ts";
import {
  type PlannedFile,
  plannedFile,
  type PlannedSegment,
  type PlannedSource,
  type SegmentLoadCall,
} from "./plan.ts";
import { explicitSegments } from "./placement/explicit.ts";
import { freeMemory } from "./placement/free_memory.ts";
import { placeAll } from "./placement/place.ts";
import { digestOf, purgatoryRequest, type SegmentLayout, withPurgatory } from "./purgatory_segment.ts";

/** The parts of files whose digests a kexec_load plan takes; the caller gives them as `partDigests`. */
export function partsNeeded({ profile, images, facts }: PlanInput): readonly FilePart[] {
  if (images.kernel !== undefined) return kernelImage(images.kernel, facts.pageSize).value?.parts ?? [];
  return profile.segments.flatMap(({ source }) => {
    if (source.kind !== "file") return [];
    const size = images.segments?.find(({ path }) => path === source.file.path)?.size ?? 0;
    const offset = Number(source.offset);
    return [{ path: source.file.path, offset, length: Number(source.length ?? BigInt(size - offset)) }];
  });
}

const NO_PREDECOMPRESSION: Diagnostic = {
  code: "not-yet",
  severity: "error",
  message: "This version of warmboot does not decompress a kernel before the reboot",
  path: ["predecompress"],
  hint: "Take out `predecompress`; the kernel then decompresses itself, as ever",
};

/** Plans a kexec_load(2) call. Without a layout the call has no segments, and the diagnostics or a check say why. */
export function planSegmentCall(input: PlanInput, cmdline: string): Checked<SegmentLoadCall> {
  const { profile, facts, images } = input;
  if (profile.predecompress) return { value: undefined, diagnostics: [NO_PREDECOMPRESSION] };
  const layout = layOut(input, cmdline);
  const flags = loadFlags([
    ...(profile.crash ? ["KEXEC_ON_CRASH"] as const : []),
    ...(layout.value?.hotplug === true ? hotplugFlags(facts) : []),
    ...(profile.preserveContext ? ["KEXEC_PRESERVE_CONTEXT"] as const : []),
  ], profile.arch);
  const files: readonly PlannedFile[] = [
    ...(images.kernel === undefined ? [] : [plannedFile(images.kernel, describeImage(images.kernel.info))]),
    ...images.initrd.map((file) => plannedFile(file, describeInitrd(file.info))),
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
      files,
    },
    diagnostics: layout.diagnostics,
  };
}

/** What a call is made of, besides what the profile says. */
interface CallLayout extends SegmentLayout {
  readonly cmdline?: string;
  /** Whether there is an elfcorehdr that the kernel can keep up to date. */
  readonly hotplug?: boolean;
}

function layOut(input: PlanInput, cmdline: string): Checked<CallLayout> {
  const { profile, images, facts } = input;
  if (profile.segments.length > 0) return layOutExplicit(input);
  // What is left out here, a check of the plan says.
  if (images.kernel === undefined || profile.preserveContext || facts.machine !== "x86_64") {
    return { value: undefined, diagnostics: [] };
  }
  if (profile.crash && lacksReservation(facts)) return { value: undefined, diagnostics: [] };
  const kernel = kernelImage(images.kernel, facts.pageSize);
  if (kernel.value === undefined) return { value: undefined, diagnostics: kernel.diagnostics };
  const { value, diagnostics } = linuxSegments(input, kernel.value, cmdline);
  return { value: value === undefined ? undefined : { ...value, hotplug: profile.crash }, diagnostics };
}

/**
 * Explicit segments stay where the profile has them. Purgatory comes before them, unless the profile says that nothing is
 * verified, or they are to return: purgatory does not.
 */
function layOutExplicit(input: PlanInput): Checked<SegmentLayout> {
  const { profile, images, facts } = input;
  const sizes = new Map((images.segments ?? []).map(({ path, size }) => [path, { size }]));
  const { value, diagnostics } = explicitSegments(profile, sizes, facts.pageSize);
  if (value === undefined) return { value, diagnostics };
  const layout = { ...value, random: {} };
  if (!profile.checksum || profile.preserveContext || facts.machine !== "x86_64") return { value: layout, diagnostics };
  const free = freeMemory(facts, { crash: profile.crash, ...profile.memory });
  if (free.value === undefined) return { value: undefined, diagnostics: [...diagnostics, ...free.diagnostics] };
  const taken = value.segments.map(({ mem, memsz }) => ({ start: mem, end: mem + memsz }));
  const result = placeAll([purgatoryRequest(MIN_ADDRESS, facts.pageSize)], subtract(free.value, taken), facts.pageSize);
  if ("failed" in result) return { value: undefined, diagnostics: [...diagnostics, noRoom(result, profile.crash)] };
  const address = result.placed[0]?.address ?? 0n;
  return { value: withPurgatory(layout, { address, bootParams: 0n }, input), diagnostics };
}

function plannedSegment(segment: Segment, random: SegmentLayout["random"], input: PlanInput): PlannedSegment {
  return {
    name: segment.name,
    mem: formatAddress(segment.mem),
    memsz: Number(segment.memsz),
    bufsz: Number(sourceSize(segment.bytes)),
    sha256: digestOf(segment, input),
    source: plannedSource(segment, random[segment.name]),
  };
}

function plannedSource({ bytes }: Segment, random: { offset: number; length: number } | undefined): PlannedSource {
  if (bytes.kind !== "bytes") return bytes;
  return { kind: "bytes", base64: bytes.bytes.toBase64(), ...(random === undefined ? {} : { random }) };
}
