import type { LoaderBuffer } from "../arch/file_loader.ts";
import { linuxMachine } from "../arch/machines.ts";
import { totalSize } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import { crashReservations, nodesNamed, systemRam } from "../host/iomem.ts";
import { type Images, kernelInfo } from "../image/boot_files.ts";
import { type PlacedBuffer, placeInScratch } from "./placement/scratch.ts";

/** An image for kexec_file_load(2), on a host where kexec handover is on. */
export interface HandoverLoad {
  readonly facts: HostFacts;
  readonly images: Images;
  readonly cmdline: string;
  readonly forceDtb: boolean;
}

/** Whether the kernel's loader finds room for an image in the scratch areas. */
export type HandoverFit =
  | { readonly kind: "fits"; readonly buffers: readonly PlacedBuffer[]; readonly left: bigint }
  /** Where sizes that are not known decide. */
  | { readonly kind: "perhaps"; readonly failed: LoaderBuffer }
  | { readonly kind: "no-room"; readonly failed: LoaderBuffer }
  /** Debugfs does not show the areas. */
  | { readonly kind: "hidden" };

/** Whether an image fits into the scratch areas; undefined where handover is off, or the loader does not take the image. */
export function handoverFit({ facts, images, cmdline, forceDtb }: HandoverLoad): HandoverFit | undefined {
  const info = kernelInfo(images);
  if (facts.handover === undefined || info === undefined) return undefined;
  const { built } = images.kernel ?? {};
  const kernel = info.kind === "bzimage" && built !== undefined ? { ...info, initSize: built.memory } : info;
  const areas = facts.handover.scratch;
  if (areas === undefined) return { kind: "hidden" };
  const initrd = images.initrd.reduce((sum, { size }) => sum + size, 0);
  const buffers = linuxMachine(facts.machine)?.fileLoaderBuffers({ facts, kernel, initrd, cmdline, forceDtb });
  if (buffers === undefined) return undefined;
  const least = placeInScratch(buffers, areas, facts.pageSize, "least");
  if (least.kind === "no-room") return least;
  const most = placeInScratch(buffers, areas, facts.pageSize, "most");
  return most.kind === "no-room"
    ? { kind: "perhaps", failed: most.failed }
    : { kind: "fits", buffers: least.buffers, left: totalSize(areas) - totalSize(least.buffers) };
}

/** The running kernel in /proc/iomem. */
const KERNEL_LINES: readonly string[] = ["Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"];

/**
 * What the running kernel reserved for itself before its page allocator ran, bytes: the memory that MemTotal lacks, without the
 * kernel itself and the reservation for a crash kernel. Undefined where the host does not show its memory.
 */
export function earlyReservations({ iomem, memTotal }: HostFacts): bigint | undefined {
  if (memTotal === undefined) return undefined;
  const early = totalSize(systemRam(iomem)) - memTotal - totalSize(crashReservations(iomem)) -
    totalSize(KERNEL_LINES.flatMap((name) => nodesNamed(iomem, name)));
  return early > 0n ? early : undefined;
}
