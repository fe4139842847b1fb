import { flattenDeviceTree } from "../../formats/fdt.ts";
import type { Range } from "../../core/range.ts";
import { commonBuffers, type FileLoad, type LoaderBuffer, type LoaderBuffers } from "../file_loader.ts";
import { BASE_ALIGNMENT, boundsBeside } from "./image_loader.ts";

/** A tree does not cross a boundary of 2 MiB. */
const TREE_ALIGNMENT = 2n << 20n;

/** What the kernel adds to the tree: addresses, seeds, the lists of handover and IMA, and the new command line. */
const TREE_EXTRA = { least: 1n, most: 16n << 10n };

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
      alignment: BASE_ALIGNMENT,
      min: 0n,
      topDown: false,
    },
    beside(own: Range): readonly LoaderBuffer[] {
      const { min, initrdMax } = boundsBeside(own);
      return [
        ...(initrd === 0 ? [] : [{
          name: "the initrd",
          size: BigInt(initrd),
          alignment: facts.pageSize,
          min,
          // The kernel takes it for the last byte.
          max: initrdMax + 1n,
          topDown: false,
        }]),
        {
          name: "the device tree",
          size: tree + TREE_EXTRA.least,
          atMost: tree + TREE_EXTRA.most,
          alignment: TREE_ALIGNMENT,
          min,
          topDown: true,
        },
      ];
    },
    retries: true,
  };
}
