import { sha256 } from "@noble/hashes/sha2.js";
import {
  buildPurgatory,
  PURGATORY_ENTRY,
  PURGATORY_SIZE,
  type PurgatoryInput,
  type PurgatoryRegion,
} from "../arch/x86_64/purgatory.ts";
import { type Segment, type SegmentRequest, sourceSize } from "../arch/segment.ts";
import { alignUp } from "../core/range.ts";
import { partKey, type PlanInput } from "./input.ts";

/** The name of its segment, by which a stored plan's is found. */
export const PURGATORY = "purgatory";

/** Segments with the address that is jumped to first. */
export interface SegmentLayout {
  readonly entry: bigint;
  readonly segments: readonly Segment[];
  /** By segment name: a part of its bytes that is drawn at random when the plan is carried out. */
  readonly random: { readonly [name: string]: { readonly offset: number; readonly length: number } };
}

/** screen_info.orig_video_isVGA in boot_params, and its value for a text screen at 0xb8000. */
const VIDEO_TYPE = 0x0f;
const VGA_TEXT = 1;

/** The place that a purgatory needs, at this address or above. */
export function purgatoryRequest(min: bigint, pageSize: bigint): SegmentRequest {
  return { name: PURGATORY, size: PURGATORY_SIZE, alignment: pageSize, min, max: 1n << 64n };
}

/** Where a purgatory lies, and what it is given besides the segments. */
export interface PurgatoryPlace extends Pick<PurgatoryInput, "bootParams" | "backup"> {
  readonly address: bigint;
  /** Names of segments that the running kernel may change after the load: they are not verified. */
  readonly changing?: readonly string[];
}

/** Puts a purgatory before a layout: it verifies every segment, unless the profile says not to, and jumps to the entry. */
export function withPurgatory(
  layout: SegmentLayout,
  { address, bootParams, changing = [], backup }: PurgatoryPlace,
  input: PlanInput,
): SegmentLayout {
  const { profile, facts } = input;
  const verified = profile.checksum ? layout.segments.filter(({ name }) => !changing.includes(name)) : [];
  const bytes = buildPurgatory({
    entry: layout.entry,
    bootParams,
    regions: verified.flatMap((segment) => regionsOf(segment, layout.random, input)),
    verify: profile.checksum,
    ...(backup === undefined ? {} : { backup }),
    console: { serial: true, vga: facts.bootParams?.[VIDEO_TYPE] === VGA_TEXT },
  });
  const purgatory: Segment = {
    name: PURGATORY,
    mem: address,
    memsz: alignUp(PURGATORY_SIZE, facts.pageSize),
    bytes: { kind: "bytes", bytes },
  };
  return { ...layout, entry: address + PURGATORY_ENTRY, segments: [...layout.segments, purgatory] };
}

/** What is verified of a segment: its bytes, but for those that are drawn at random later. */
function regionsOf(
  segment: Segment,
  random: SegmentLayout["random"],
  input: PlanInput,
): readonly PurgatoryRegion[] {
  const { mem, bytes } = segment;
  const hole = random[segment.name];
  if (bytes.kind === "zero") return [];
  if (bytes.kind !== "bytes" || hole === undefined) {
    return [{ address: mem, length: sourceSize(bytes), sha256: digestOf(segment, input) }];
  }
  const behind = hole.offset + hole.length;
  return [[0, hole.offset], [behind, bytes.bytes.length]].flatMap(([start = 0, end = 0]) =>
    start === end ? [] : [{
      address: mem + BigInt(start),
      length: BigInt(end - start),
      sha256: sha256(bytes.bytes.subarray(start, end)).toHex(),
    }]
  );
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
