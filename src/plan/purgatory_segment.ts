import { sha256 } from "@noble/hashes/sha2.js";
import type { PurgatoryRegion, PurgatoryTask } from "../arch/purgatory.ts";
import { type RandomPart, type Segment, type SegmentRequest, sourceSize } from "../arch/segment.ts";
import { alignUp, subtract } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import { namedTree, partKey, type PlanInput } from "./input.ts";
import { type LinuxMachine, linuxMachine } from "./linux_machine.ts";
import type { Call } from "./plan.ts";

/** The name of its segment, by which a stored plan's is found. */
export const PURGATORY = "purgatory";

/** Segments with the address that is jumped to first. */
export interface SegmentLayout {
  readonly entry: bigint;
  readonly segments: readonly Segment[];
  /** By segment name: the parts of its bytes that are drawn at random when the plan is carried out. */
  readonly random: { readonly [name: string]: readonly RandomPart[] };
}

/** The place that a purgatory needs. */
export function purgatoryRequest({ purgatory, lowest }: LinuxMachine, pageSize: bigint): SegmentRequest {
  return { name: PURGATORY, size: purgatory.size, alignment: pageSize, min: lowest, max: 1n << 64n };
}

/** Where a purgatory lies, and what it is given besides the segments. */
export interface PurgatoryPlace extends Pick<PurgatoryTask, "handover" | "backup"> {
  readonly address: bigint;
  /** The image's command line, which may name a console. */
  readonly cmdline?: string;
  /** Names of segments that the running kernel may change after the load: they are not verified. */
  readonly changing?: readonly string[];
}

/** Puts a purgatory before a layout: it verifies every segment, unless the profile says not to, and jumps to the entry. */
export function withPurgatory(
  layout: SegmentLayout,
  { purgatory }: LinuxMachine,
  { address, handover, cmdline = "", changing = [], backup }: PurgatoryPlace,
  input: PlanInput,
): SegmentLayout {
  const { profile, facts } = input;
  const verified = profile.checksum ? layout.segments.filter(({ name }) => !changing.includes(name)) : [];
  const deviceTree = namedTree(input.images);
  const bytes = purgatory.build({
    entry: layout.entry,
    handover,
    regions: verified.flatMap((segment) => regionsOf(segment, layout.random, input)),
    verify: profile.checksum,
    ...(backup === undefined ? {} : { backup }),
  }, { facts, cmdline, ...(deviceTree === undefined ? {} : { deviceTree }) });
  const segment: Segment = {
    name: PURGATORY,
    mem: address,
    memsz: alignUp(purgatory.size, facts.pageSize),
    bytes: { kind: "bytes", bytes },
  };
  return { ...layout, entry: address, segments: [...layout.segments, segment] };
}

/** Whether a planned purgatory uses instructions that this host's processor lacks: it would die of them. */
export function lacksInstructions(call: Call, facts: HostFacts): boolean {
  const source = call.syscall === "kexec_load"
    ? call.segments.find(({ name }) => name === PURGATORY)?.source
    : undefined;
  return source?.kind === "bytes" &&
    linuxMachine(facts.machine)?.purgatory.lacks(Uint8Array.fromBase64(source.base64), facts) === true;
}

/** What is verified of a segment: its bytes, but for those that are drawn at random later. */
function regionsOf(
  segment: Segment,
  random: SegmentLayout["random"],
  input: PlanInput,
): readonly PurgatoryRegion[] {
  const { mem, bytes } = segment;
  const holes = random[segment.name] ?? [];
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
    sha256: sha256(bytes.bytes.subarray(Number(start), Number(end))).toHex(),
  }));
}

/** The SHA-256 of a segment's bytes. */
export function digestOf({ bytes }: Segment, { images, partDigests }: PlanInput): string {
  if (bytes.kind === "zero") return sha256(new Uint8Array()).toHex();
  if (bytes.kind === "bytes") return sha256(bytes.bytes).toHex();
  const files = [images.kernel, ...images.initrd, ...(images.segments ?? [])];
  const part = bytes.kind === "unpacked" ? { ...bytes, unpacked: true as const } : bytes;
  const whole = bytes.kind === "unpacked"
    ? undefined
    : files.find((file) => file?.path === bytes.path && file.size === bytes.length && bytes.offset === 0);
  const digest = whole?.sha256 ?? partDigests?.get(partKey(part));
  if (digest === undefined) throw new Error(`Cannot plan: the digest of ${partKey(part)} was not given`);
  return digest;
}
