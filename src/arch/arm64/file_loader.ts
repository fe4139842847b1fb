import { flattenDeviceTree } from "../../formats/fdt.ts";
import { alignDown, type Range } from "../../core/range.ts";
import { commonBuffers, type FileLoad, type LoaderBuffer, type LoaderBuffers } from "../file_loader.ts";

/** MIN_KIMG_ALIGN (arch/arm64/include/asm/boot.h). */
const KERNEL_ALIGNMENT = 2n << 20n;

/** A tree does not cross a boundary of 2 MiB. */
const TREE_ALIGNMENT = 2n << 20n;

/** What the kernel adds to the tree: addresses, seeds, the lists of handover and IMA, and the new command line. */
const TREE_EXTRA = { least: 1n, most: 16n << 10n };

/** An initrd lies in a window of 32 GiB around the kernel that begins at a multiple of 1 GiB. */
const WINDOW = 32n << 30n;

const GIB = 1n << 30n;

/**
 * What image_load (arch/arm64/kernel/kexec_image.c) and load_other_segments (arch/arm64/kernel/machine_kexec_file.c, Linux 7.2) ask
 * for; undefined for what they do not take.
 */
export function fileLoaderBuffers({ kernel, facts, initrd }: FileLoad): LoaderBuffers | undefined {
  if (kernel.kind !== "arm64-image") return undefined;
  const tree = facts.deviceTree === undefined ? 0n : BigInt(flattenDeviceTree(facts.deviceTree).bytes.length);
  return {
    before: commonBuffers(facts),
    kernel: {
      name: "the kernel",
      size: kernel.imageSize + kernel.textOffset,
      alignment: KERNEL_ALIGNMENT,
      min: 0n,
      topDown: false,
    },
    // Nothing lies below the kernel.
    beside: ({ start, end }: Range): readonly LoaderBuffer[] => [
      ...(initrd === 0 ? [] : [{
        name: "the initrd",
        size: BigInt(initrd),
        alignment: facts.pageSize,
        min: end,
        max: alignDown(start, GIB) + WINDOW + 1n,
        topDown: false,
      }]),
      {
        name: "the device tree",
        size: tree + TREE_EXTRA.least,
        atMost: tree + TREE_EXTRA.most,
        alignment: TREE_ALIGNMENT,
        min: end,
        topDown: true,
      },
    ],
    retries: true,
  };
}
