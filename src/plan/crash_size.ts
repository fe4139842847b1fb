import { formatSize } from "../core/number.ts";
import { alignUp, rangeSize, totalSize } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import { bzImageMemory } from "../image/bzimage.ts";
import { contradictedReservation, crashReservations } from "../host/iomem.ts";
import type { InitrdInfo } from "../image/image.ts";
import { crashReservation, differingCrashSize } from "./placement/free_memory.ts";
import type { Compression } from "../formats/compression.ts";
import { type Images, innerOf, type KernelFile, loadedInfo } from "../image/boot_files.ts";

/** What a crash kernel needs while it saves a dump, bytes; an estimate. */
export interface CrashNeed {
  /** The kernel while it decompresses itself, then its code, data and tables. */
  readonly kernel: bigint;
  /** The initrds as loaded; they stay until they are unpacked. */
  readonly initrd: bigint;
  /** Their files unpacked: the root file system of a dump, in memory. */
  readonly unpacked: bigint;
  /** Whether `unpacked` was measured when the initrds were read through; otherwise it is an estimate. */
  readonly isMeasured: boolean;
  /** What drivers, page tables and the program that saves the dump take. */
  readonly work: bigint;
}

const MIB = 1n << 20n;

/**
 * How much larger an initrd becomes that was not read through, in tenths. Measured on initrds of Debian and Fedora, rounded
 * up; what follows the first archive is not known then, so that one with early microcode in front counts as packed.
 */
const GROWTH: { readonly [kind in Compression | "cpio" | "unknown"]: bigint } = {
  none: 10n,
  cpio: 30n,
  unknown: 30n,
  lz4: 25n,
  lzo: 25n,
  gzip: 30n,
  bzip2: 35n,
  zstd: 35n,
  xz: 40n,
  lzma: 40n,
};

/** Measured with one CPU and makedumpfile; storage and network drivers vary most. */
const WORK = 64n * MIB;

/** The size of a page over that of its `struct page`: 4096 bytes over 64. */
const PAGE_TABLE_SHARE = 64n;

/** A proposal is a multiple of this, and at least what distributions reserve. */
const PROPOSAL_STEP = 64n * MIB;
const PROPOSAL_MIN = 256n * MIB;

/** The memory that a kernel takes when it starts, bytes: from its header, else from the size of its file. */
export function kernelMemory(kernel: Pick<KernelFile, "info" | "size" | "inner">): bigint {
  const info = loadedInfo(kernel);
  switch (info.kind) {
    case "bzimage":
      return BigInt(bzImageMemory(info, innerOf(kernel)?.size ?? kernel.size));
    case "arm64-image":
      return info.imageSize;
    case "elf":
    case "multiboot":
      return info.loads.reduce((sum, { memsz }) => sum + memsz, 0n);
    default:
      return BigInt(kernel.size);
  }
}

/** Estimates what a crash kernel needs; undefined where no kernel is named. */
export function crashNeed({ kernel, initrd }: Images): CrashNeed | undefined {
  if (kernel === undefined) return undefined;
  const measured = unpackedMemory({ initrd });
  return {
    kernel: kernelMemory(kernel),
    initrd: initrd.reduce((sum, { size }) => sum + BigInt(size), 0n),
    unpacked: measured ?? initrd.reduce((sum, { size, info }) => sum + BigInt(size) * GROWTH[packing(info)] / 10n, 0n),
    isMeasured: measured !== undefined,
    work: WORK,
  };
}

/** Memory that the initrds' files take once they are unpacked, bytes; undefined where one was not read through whole. */
export function unpackedMemory({ initrd }: Pick<Images, "initrd">): bigint | undefined {
  let memory = 0n;
  for (const { content } of initrd) {
    if (content?.kind !== "whole") return undefined;
    memory += BigInt(content.memory);
  }
  return memory;
}

function packing(info: InitrdInfo): keyof typeof GROWTH {
  return info.kind === "compressed" ? info.compression : info.kind;
}

/** The total, with the `struct page`s for that memory. */
export function totalNeed({ kernel, initrd, unpacked, work }: CrashNeed): bigint {
  const sum = kernel + initrd + unpacked + work;
  return sum + sum / PAGE_TABLE_SHARE;
}

/** The estimate in words: `about 240 MiB: kernel 60 MiB, initrd 30 MiB and unpacked about 84 MiB, work 64 MiB`. */
export function describeNeed(need: CrashNeed): string {
  const initrd = need.initrd === 0n
    ? ""
    : `, initrd ${about(need.initrd)} and unpacked ${need.isMeasured ? "" : "about "}${about(need.unpacked)}`;
  return `about ${about(totalNeed(need))}: kernel ${about(need.kernel)}${initrd}, work ${about(need.work)}`;
}

/** Whole MiB, rounded up: an estimate has no decimals. */
function about(bytes: bigint): string {
  return formatSize(alignUp(bytes, MIB));
}

/** A value for `crashkernel=` that is large enough, as `320M`. */
export function proposedReservation(need: CrashNeed | undefined): string {
  const least = need === undefined ? 0n : totalNeed(need);
  const size = (least + PROPOSAL_STEP - 1n) / PROPOSAL_STEP * PROPOSAL_STEP;
  return `${(size > PROPOSAL_MIN ? size : PROPOSAL_MIN) / MIB}M`;
}

/** A hint: how to make the running kernel reserve that much. */
export function reservationHint(value: string): string {
  return `Reserve \`crashkernel=${value}\` for the running kernel and reboot: on Debian and Ubuntu in ` +
    "GRUB_CMDLINE_LINUX of /etc/default/grub, then `update-grub`; on Fedora and its relatives " +
    `\`grubby --update-kernel=ALL --args=crashkernel=${value}\``;
}

/** What is reserved for a crash kernel, bytes; undefined where the host does not say. */
export interface Reserved {
  /** Where its image must lie. Undefined: which part of `all` that is, is not known. */
  readonly image?: bigint;
  /** All memory that the crash kernel will have, with what it borrows (CMA). */
  readonly all: bigint;
  /** What the kernel says, if /proc/iomem shows otherwise: the smaller counts. */
  readonly differs?: bigint;
}

/** The host's reservations; undefined where it does not say whether there are any. */
export function reservedMemory(facts: HostFacts): Reserved | undefined {
  const { iomem, kexec } = facts;
  const borrowed = totalSize(kexec.crashCmaRanges ?? []);
  const image = crashReservation(facts);
  if (image !== undefined) {
    const listed = totalSize(crashReservations(iomem));
    const differs = differingCrashSize(facts);
    const all = differs !== undefined && differs < listed ? differs : listed;
    return { image: rangeSize(image), all: all + borrowed, ...(differs === undefined ? {} : { differs }) };
  }
  if (kexec.crashSize !== undefined) return { all: kexec.crashSize === 0n ? 0n : kexec.crashSize + borrowed };
  return iomem.visibility === "full" && contradictedReservation(iomem) === undefined ? { all: 0n } : undefined;
}

/** Whether it is certain that nothing is reserved. */
export function lacksReservation(facts: HostFacts): boolean {
  return reservedMemory(facts)?.all === 0n;
}
