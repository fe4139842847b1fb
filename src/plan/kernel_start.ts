import { type ByteSource, fieldsOf } from "../core/bytes.ts";
import type { HostFacts } from "../host/facts.ts";
import { bzImageMemory } from "../image/bzimage.ts";
import { identifyKernel } from "../image/identify.ts";
import type { BzImage, ImageInfo } from "../image/image.ts";
import { checksumOfDeclared } from "./declared.ts";
import { estimatedGain } from "./initrd_placement.ts";
import { isKernel, type Plan, rolesOf, type SegmentLoadCall } from "./plan.ts";

/** How the kernel of a plan starts, as far as that decides how long a reboot takes. */
export interface KernelStart {
  /** What it is packed with: `xz`, `zstd`, ...; `none` where it is not packed, or that is unknown. */
  readonly packing: string;
  /** Whether it is unpacked before the reboot. */
  readonly unpacked: boolean;
  /** What that is estimated to save, milliseconds; undefined where it cannot be estimated, or nothing can be saved. */
  readonly saves?: number;
}

/** How the kernel of a plan starts; `kernel` is its file. Undefined for a plan without a kernel. */
export function kernelStartOf(plan: Plan, kernel: ByteSource, facts: HostFacts): KernelStart | undefined {
  if (rolesOf(plan.call).kernel === undefined) return undefined;
  const info = identifyKernel(kernel);
  const saves = info.kind === "bzimage" ? savedBy(info, kernel, plan, facts) : undefined;
  return {
    packing: packingOf(info),
    unpacked: isUnpacked(plan),
    ...(saves === undefined || saves <= 0 ? {} : { saves }),
  };
}

/** Whether a call hands over what its kernel file unpacks to. */
function isUnpacked({ call }: Plan): boolean {
  return call.syscall === "kexec_file_load"
    ? call.built !== undefined || call.unpacked !== undefined
    : unpackedSegments(call).length > 0;
}

function unpackedSegments({ segments }: SegmentLoadCall): SegmentLoadCall["segments"] {
  return segments.filter((segment) => isKernel(segment) && segment.source.kind === "unpacked");
}

function packingOf(info: ImageInfo): string {
  switch (info.kind) {
    case "bzimage":
    case "efi-zboot":
      return info.payload?.compression ?? "none";
    case "compressed":
      return info.compression;
    default:
      return "none";
  }
}

/**
 * Milliseconds; undefined for a payload of unknown size. kexec_file_load verifies all memory of an image, packed or not, by
 * SHA-256 and without SHA instructions (kexec_calculate_store_digests in kernel/kexec_file.c, Linux 7.2).
 */
function savedBy(info: BzImage, file: ByteSource, plan: Plan, facts: HostFacts): number | undefined {
  const { call, declared } = plan;
  const size = placedSize(info, file, plan);
  if (info.payload === undefined || size === undefined) return undefined;
  const { compression, length } = info.payload;
  const archive = { packing: compression, size };
  if (call.syscall === "kexec_load") {
    const checksum = checksumOfDeclared(declared?.checksum ?? "fastest");
    return estimatedGain([archive], size - length, { profile: { checksum }, facts });
  }
  const grown = call.built === undefined ? 0 : call.built.memory - bzImageMemory(info, file.size);
  return estimatedGain([archive], grown, { profile: { checksum: "sha256" }, facts: { ...facts, cpuFlags: [] } });
}

/**
 * What is placed of Debian's kernels, 6.1 and 6.12, of what they unpack to: 0.54 to 0.70. The rest are zeros, which take next
 * to no time.
 */
const PLACED_SHARE = 5 / 8;

/** Bytes of the unpacked kernel that are placed: those of the plan, or an estimate where it stays packed. */
function placedSize(info: BzImage, file: ByteSource, { call }: Plan): number | undefined {
  if (call.syscall === "kexec_load") {
    const placed = unpackedSegments(call);
    if (placed.length > 0) return placed.reduce((sum, { bufsz }) => sum + bufsz, 0);
  } else if (call.built !== undefined) return call.built.size;
  const size = unpackedSize(info, file);
  return size === undefined ? undefined : Math.round(size * PLACED_SHARE);
}

/** Of a kernel in memory that no machine has room for, the last bytes of the payload say something else. */
const MOST = 1 << 30;

/** The size of what a payload unpacks to: its last four bytes (size_append in scripts/Makefile.lib, Linux 7.2). */
function unpackedSize({ payload }: BzImage, file: ByteSource): number | undefined {
  if (payload === undefined || payload.length < 4) return undefined;
  const tail = fieldsOf(file.read(payload.offset + payload.length - 4, 4));
  if (tail.size < 4) return undefined;
  const size = tail.u32(0);
  return size > payload.length && size < MOST ? size : undefined;
}
