import { lookUp } from "../core/shape.ts";
import { sha256Of } from "../core/sha256.ts";
import type { PurgatoryRegion, PurgatoryTask } from "../arch/purgatory.ts";
import { type RandomPart, type Segment, type SegmentRequest, sourceSize } from "../arch/segment.ts";
import { alignUp, subtract } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import { partKey, type PlanInput } from "./input.ts";
import { linuxMachine } from "../arch/machines.ts";
import type { Checksum, Profile } from "../profile/profile.ts";
import type { Call, PlannedSegment, SegmentLoadCall } from "./plan.ts";
import { imageFiles, namedTree } from "../image/boot_files.ts";
import type { LinuxMachine } from "../arch/machine.ts";

/** The name of its segment, by which a stored plan's is found. */
export const PURGATORY = "purgatory";

/** Segments with the address that is jumped to first. */
export interface SegmentLayout {
  readonly entry: bigint;
  readonly segments: readonly Segment[];
  /** By segment name: the parts of its bytes that are filled with random bytes when the plan is carried out. */
  readonly random: { readonly [name: string]: readonly RandomPart[] };
  /** How its purgatory verifies it; undefined where nothing is verified. */
  readonly checksum?: Checksum;
  /** Where purgatory reports a mismatch; undefined where nothing is verified. */
  readonly mismatch?: string;
}

/** The place that a purgatory needs. */
export function purgatoryRequest({ purgatory, lowest }: LinuxMachine, pageSize: bigint): SegmentRequest {
  return { name: PURGATORY, size: purgatory.size, alignment: pageSize, min: lowest, max: 1n << 64n };
}

/** Where a purgatory lies, and what it gets in addition to the segments. */
export interface PurgatoryPlace
  extends Pick<PurgatoryTask, "handover" | "entry32" | "multibootMagic" | "legacy" | "real" | "backup"> {
  readonly address: bigint;
  /** The image's command line, which may name a console. */
  readonly cmdline?: string;
  /** Names of segments that the running kernel may change after the load: they are not verified. */
  readonly changing?: readonly string[];
}

/** Adds a purgatory to a layout: it verifies every segment, unless the profile disables that, and jumps to the entry. */
export function withPurgatory(
  layout: Omit<SegmentLayout, "checksum" | "mismatch">,
  { purgatory }: LinuxMachine,
  { address, cmdline = "", changing = [], ...place }: PurgatoryPlace,
  input: PlanInput,
): SegmentLayout {
  const { profile, facts } = input;
  const verify = checksumOf(profile);
  const verified = verify === false ? [] : layout.segments.filter(({ name }) => !changing.includes(name));
  const deviceTree = namedTree(input.images);
  const around = { facts, cmdline, ...(deviceTree === undefined ? {} : { deviceTree }) };
  const bytes = purgatory.build({
    entry: layout.entry,
    ...place,
    regions: verified.flatMap((segment) =>
      verify === "sha256" ? hashedRegions(segment, layout.random, input) : summedRegions(segment)
    ),
    verify,
  }, around);
  const segment: Segment = {
    name: PURGATORY,
    mem: address,
    memsz: alignUp(purgatory.size, facts.pageSize),
    bytes: { kind: "bytes", bytes },
  };
  return {
    ...layout,
    entry: address,
    segments: [...layout.segments, segment],
    ...(verify === false ? {} : { checksum: verify, mismatch: purgatory.mismatch(around) }),
  };
}

/** A call's purgatory: the segment where execution starts. The name alone is not enough: explicit segments may have it. */
export function purgatoryOf({ segments, entry }: SegmentLoadCall): PlannedSegment | undefined {
  return segments.find(({ name, mem }) => name === PURGATORY && BigInt(mem) === BigInt(entry));
}

/** Whether a planned purgatory uses instructions that this host's processor lacks; it would fault. */
export function lacksInstructions(call: Call, facts: HostFacts): boolean {
  const source = call.syscall === "kexec_load" ? purgatoryOf(call)?.source : undefined;
  return source?.kind === "bytes" &&
    linuxMachine(facts.machine)?.purgatory.lacks(Uint8Array.fromBase64(source.base64), facts) === true;
}

/** How purgatory verifies the segments: `true` is the fastest way. */
export function checksumOf({ checksum }: Pick<Profile, "checksum">): Checksum | false {
  return checksum === true ? "xxh64" : checksum;
}

/**
 * What is verified of a segment by XXH64: a sum of the very bytes that the kernel then gets, random ones included. A
 * cryptographic digest would not be stronger: whoever can alter a segment on purpose can alter its digest as well.
 */
function summedRegions({ mem, bytes }: Segment): readonly PurgatoryRegion[] {
  return bytes.kind === "zero" ? [] : [{ address: mem, length: sourceSize(bytes) }];
}

/** What is verified of a segment by SHA-256: all of its bytes, except those that are filled at random later. */
function hashedRegions(
  segment: Segment,
  random: SegmentLayout["random"],
  input: PlanInput,
): readonly PurgatoryRegion[] {
  const { mem, bytes } = segment;
  const holes = lookUp(random, segment.name) ?? [];
  if (bytes.kind === "zero") return [];
  if (bytes.kind !== "bytes" || holes.length === 0) {
    return [{ address: mem, length: sourceSize(bytes), sha256: digestOf(segment, input) }];
  }
  const parts = subtract(
    [{ start: 0n, end: BigInt(bytes.bytes.length) }],
    holes.map(({ offset, length }) => ({ start: BigInt(offset), end: BigInt(offset + length) })),
  );
  return parts.map(({ start, end }) => ({
    address: mem + start,
    length: end - start,
    sha256: sha256Of(bytes.bytes.subarray(Number(start), Number(end))),
  }));
}

/** The SHA-256 of a segment's bytes. */
export function digestOf({ bytes }: Segment, { images, partDigests }: PlanInput): string {
  if (bytes.kind === "zero") return sha256Of("");
  if (bytes.kind === "bytes") return sha256Of(bytes.bytes);
  const part = bytes.kind === "unpacked" ? { ...bytes, unpacked: true as const } : bytes;
  const whole = bytes.kind === "unpacked"
    ? undefined
    : imageFiles(images).find((file) => file.path === bytes.path && file.size === bytes.length && bytes.offset === 0);
  const digest = whole?.sha256 ?? partDigests?.get(partKey(part));
  if (digest === undefined) throw new Error(`Cannot plan: the digest of ${partKey(part)} was not given`);
  return digest;
}
