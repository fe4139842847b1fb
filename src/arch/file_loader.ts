import type { Range } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import type { ImageInfo } from "../image/image.ts";

/**
 * A piece of memory that the kernel asks for when kexec_file_load(2) loads an image (struct kexec_buf, include/linux/kexec.h,
 * Linux 7.2), bytes and physical addresses. Its alignment is a power of two.
 */
export interface LoaderBuffer {
  /** What it holds. */
  readonly name: string;
  /** Bytes; the kernel rounds them up to pages. */
  readonly size: bigint;
  /** Bytes at most, where the size is not known from outside the kernel. */
  readonly atMost?: bigint;
  /** What its address must be a multiple of. */
  readonly alignment: bigint;
  /** The lowest address that it may have. */
  readonly min: bigint;
  /** The first address that is too high for it; undefined: none. */
  readonly max?: bigint;
  /** Whether it lies as high as possible in an area, or as low. */
  readonly topDown: boolean;
}

/** What the kernel's own loader asks for, in its order. */
export interface LoaderBuffers {
  /** What it places before the kernel. */
  readonly before: readonly LoaderBuffer[];
  readonly kernel: LoaderBuffer;
  /** What it places after the kernel, which may depend on where that lies. */
  beside(kernel: Range): readonly LoaderBuffer[];
  /** Whether it tries a higher place for the kernel if the rest fits nowhere. */
  readonly retries: boolean;
}

/** An image that kexec_file_load(2) is given. */
export interface FileLoad {
  readonly facts: HostFacts;
  /** The kernel. */
  readonly kernel: ImageInfo;
  /** All initrds together, bytes. */
  readonly initrd: number;
  readonly cmdline: string;
  /** Whether the host's device tree is handed over too (KEXEC_FILE_FORCE_DTB). */
  readonly forceDtb: boolean;
}

const KIB = 1n << 10n;

/** The entry of a measurement in the list that IMA hands over: with the shortest path, and with a long one. */
const MEASUREMENT = { least: 64n, most: 512n };

/**
 * What is placed for every image: IMA's list of measurements (security/integrity/ima/ima_kexec.c), where the kernel hands it over, and
 * the list of the scratch areas themselves (kho_fill_kimage, kernel/liveupdate/kexec_handover.c).
 */
export function commonBuffers(
  { kernelConfig, imaMeasurements = 1, handover, pageSize }: HostFacts,
): readonly LoaderBuffer[] {
  const extra = BigInt(kernelConfig.CONFIG_IMA_KEXEC_EXTRA_MEMORY_KB ?? "0") * KIB || pageSize / 2n;
  const anywhere = { min: 0n, topDown: true };
  return [
    ...(kernelConfig.CONFIG_IMA_KEXEC !== "y" ? [] : [{
      ...anywhere,
      name: "IMA's measurements",
      size: BigInt(imaMeasurements) * MEASUREMENT.least + extra,
      atMost: BigInt(imaMeasurements) * MEASUREMENT.most + extra,
      alignment: pageSize,
    }]),
    // 64 KiB: the largest page of any machine.
    {
      ...anywhere,
      name: "the list of scratch areas",
      size: 16n * BigInt(handover?.scratch?.length ?? 0),
      alignment: 64n * KIB,
    },
  ];
}
