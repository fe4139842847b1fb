import { formatSize } from "../core/number.ts";
import { alignUp } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import type { PlanInput } from "./input.ts";
import { linuxMachine } from "../arch/machines.ts";
import { checksumOf } from "./purgatory_segment.ts";
import type { InitrdFile } from "../image/boot_files.ts";
import type { Profile } from "../profile/profile.ts";

/** An initrd as it is placed: what it unpacks to, or the file as it is. */
export interface InitrdPlacement {
  /** The file. */
  readonly file: InitrdFile;
  /** Whether what it unpacks to is placed. */
  readonly unpacked: boolean;
  /** Bytes that are placed. */
  readonly size: number;
  /** Why, as a sentence; undefined if the profile does not ask for it. */
  readonly reason?: string;
}

/**
 * Bytes of output that unpacking gives in a millisecond, on one core: 100 MB of Debian's modules by the formats' own
 * programs, gzip by zlib, whose code the kernel has, on an AMD EPYC of 2020. Other machines differ; the ratios much less.
 */
const UNPACKED_PER_MS: { readonly [packing: string]: number } = {
  gzip: 200_000,
  bzip2: 22_000,
  lzma: 54_000,
  xz: 69_000,
  lzo: 600_000,
  lz4: 1_800_000,
  zstd: 530_000,
};

/** Bytes that the jump copies to their place in a millisecond: an order of magnitude. */
const COPIED_PER_MS = 4_000_000;

/** More than boot_params and purgatory take, bytes. */
const OVERHEAD = 1n << 20n;

/** Estimates below this mean nothing, milliseconds. */
const WORTHWHILE = 20;

/**
 * Milliseconds by which a reboot is estimated to be shorter if archives are unpacked before it: the time that the kernel
 * saves on unpacking, less the time to verify and copy more bytes. `grown`: the bytes that they take in addition.
 */
export function estimatedGain(
  archives: readonly { readonly packing: string; readonly size: number }[],
  grown: number,
  { profile, facts }: { readonly profile: Pick<Profile, "checksum">; readonly facts: HostFacts },
): number {
  const saved = archives.reduce((sum, { packing, size }) => sum + size / (UNPACKED_PER_MS[packing] ?? Infinity), 0);
  return Math.round(saved - grown / COPIED_PER_MS - verifyingTime(grown, profile, facts));
}

/** Milliseconds. */
function verifyingTime(bytes: number, profile: Pick<Profile, "checksum">, facts: HostFacts): number {
  const by = checksumOf(profile);
  if (by === false) return 0;
  const perMs = linuxMachine(facts.machine)?.purgatory.verifiedPerMs(by, facts);
  return perMs === undefined ? 0 : bytes / perMs;
}

/** Whether an initrd is better unpacked before the reboot, whatever room there is. */
export type UnpackVerdict =
  | { readonly kind: "unpacked"; readonly size: number; readonly packings: readonly string[]; readonly gain: number }
  /** `why` completes "NAME stays as it is: …". */
  | { readonly kind: "kept"; readonly why: string };

/** What unpacking an initrd before the reboot gives; undefined where it was not read through. */
export function unpackVerdict(
  { content, size, kept }: InitrdFile,
  input: Pick<PlanInput, "profile" | "facts">,
): UnpackVerdict | undefined {
  if (content === undefined) return undefined;
  if (content.kind === "unread") return { kind: "kept", why: `it was not read through: ${content.why}` };
  if (content.kind === "ramdisk") return { kind: "kept", why: "it is not an archive that the kernel unpacks" };
  if (content.kind !== "whole") return { kind: "kept", why: `it ${content.why}` };
  if (content.packed.length === 0) return { kind: "kept", why: "it is not compressed" };
  if (kept !== undefined) return { kind: "kept", why: kept };
  const gain = estimatedGain(content.packed, content.size - size, input);
  if (gain >= WORTHWHILE) {
    return { kind: "unpacked", size: content.size, packings: content.packed.map(({ packing }) => packing), gain };
  }
  const costs = input.profile.checksum === false
    ? "copying what it unpacks to"
    : "verifying and copying what it unpacks to";
  return { kind: "kept", why: `${costs}, ${formatSize(content.size)}, takes about as long as unpacking it` };
}

/**
 * How each initrd is placed. It is unpacked before the reboot if that makes the reboot shorter, and if all segments still
 * fit in half of the memory, the most that the kernel accepts. `kernel`: the memory that the kernel takes, bytes.
 */
export function initrdPlacements(input: PlanInput, kernel: bigint): readonly InitrdPlacement[] {
  const { profile, facts, images } = input;
  const pages = (size: number): bigint => alignUp(BigInt(size), facts.pageSize);
  let left = (facts.memTotal ?? 0n) / facts.pageSize / 2n * facts.pageSize - kernel - OVERHEAD -
    images.initrd.reduce((sum, { size }) => sum + pages(size), 0n);
  return images.initrd.map((file): InitrdPlacement => {
    const as = (reason: string): InitrdPlacement => ({
      file,
      unpacked: false,
      size: file.size,
      reason: `${file.path} stays as it is: ${reason}`,
    });
    if (profile.predecompress === false || file.overlay !== undefined) {
      return { file, unpacked: false, size: file.size };
    }
    if (profile.crash) return as("unpacked, it would take room in the crash reservation twice");
    const unpacked = unpackVerdict(file, input);
    if (unpacked === undefined) return { file, unpacked: false, size: file.size };
    if (unpacked.kind === "kept") return as(unpacked.why);
    const more = pages(unpacked.size) - pages(file.size);
    if (more > left) {
      return as(`unpacked it takes ${formatSize(unpacked.size)}, and the segments would exceed half of the memory`);
    }
    left -= more;
    return {
      file,
      unpacked: true,
      size: unpacked.size,
      reason:
        `${file.path} is unpacked before the reboot (${unpacked.packings.join(", ")}, ${formatSize(file.size)} to ` +
        `${formatSize(unpacked.size)}), which is estimated to save ${unpacked.gain} ms on a fast core`,
    };
  });
}
