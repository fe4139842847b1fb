import { type Segment, sourceSize } from "../arch/segment.ts";
import type { Checked } from "../core/diagnostic.ts";
import { formatAddress } from "../core/number.ts";
import { describeImage, describeInitrd } from "../image/describe.ts";
import { loadFlags } from "./flags.ts";
import type { FilePart, PlanInput } from "./input.ts";
import { digestOf, linuxSegments, protectedModePart, type SegmentLayout } from "./linux_segments.ts";
import {
  type PlannedFile,
  plannedFile,
  type PlannedSegment,
  type PlannedSource,
  type SegmentLoadCall,
} from "./plan.ts";
import { explicitSegments } from "./placement/explicit.ts";

/** The parts of files whose digests a kexec_load plan takes; the caller gives them as `partDigests`. */
export function partsNeeded({ profile, images }: PlanInput): readonly FilePart[] {
  const { kernel } = images;
  if (kernel?.info.kind === "bzimage") return [protectedModePart(kernel.path, kernel.size, kernel.info)];
  return profile.segments.flatMap(({ source }) => {
    if (source.kind !== "file") return [];
    const size = images.segments?.find(({ path }) => path === source.file.path)?.size ?? 0;
    const offset = Number(source.offset);
    return [{ path: source.file.path, offset, length: Number(source.length ?? BigInt(size - offset)) }];
  });
}

/** Plans a kexec_load(2) call. Without a layout the call has no segments, and the diagnostics or a check say why. */
export function planSegmentCall(input: PlanInput, cmdline: string): Checked<SegmentLoadCall> {
  const { profile, images } = input;
  const layout = layOut(input, cmdline);
  const flags = loadFlags([
    ...(profile.crash ? ["KEXEC_ON_CRASH"] as const : []),
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
      cmdline,
      segments: (layout.value?.segments ?? []).map((segment) =>
        plannedSegment(segment, layout.value?.random ?? {}, input)
      ),
      files,
    },
    diagnostics: layout.diagnostics,
  };
}

function layOut(input: PlanInput, cmdline: string): Checked<SegmentLayout> {
  const { profile, images, facts } = input;
  if (profile.segments.length > 0) {
    const sizes = new Map((images.segments ?? []).map(({ path, size }) => [path, { size }]));
    const { value, diagnostics } = explicitSegments(profile, sizes, facts.pageSize);
    return { value: value === undefined ? undefined : { ...value, random: {} }, diagnostics };
  }
  const { kernel } = images;
  if (kernel?.info.kind !== "bzimage" || profile.crash) return { value: undefined, diagnostics: [] };
  return linuxSegments(input, kernel, kernel.info, cmdline);
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
