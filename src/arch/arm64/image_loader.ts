import { alignDown, alignUp, type Range } from "../../core/range.ts";
import type { Arm64Image } from "../../image/image.ts";
import type { KernelImage } from "../kernel_loader.ts";
import { treeHandover } from "./handover.ts";

/** The step of a kernel's place, and of what it maps itself by (Documentation/arch/arm64/booting.rst, Linux 7.3). */
export const BASE_ALIGNMENT = 2n << 20n;

/** A kernel and its initrds lie in a window of 32 GiB, which begins on a multiple of 1 GiB (the same). */
const WINDOW_ALIGNMENT = 1n << 30n;
const WINDOW_SIZE = 32n << 30n;

/** The Image in a file, or what the file unpacks to. */
export interface ImageFile {
  /** The file. */
  readonly path: string;
  /** Bytes of the Image. */
  readonly size: number;
  /** Its header. */
  readonly info: Arm64Image;
  /** Whether the file has to be unpacked for it. */
  readonly unpacked: boolean;
}

/**
 * An arm64 Image to be placed: at text_offset after a multiple of 2 MiB, with image_size bytes, which are more than the
 * file has. It is entered at its first byte, the device tree in x0. A signature after its end is left out.
 */
export function arm64KernelImage({ path, size, info, unpacked }: ImageFile, pageSize: bigint): KernelImage {
  const { textOffset, imageSize } = info;
  const length = BigInt(size) < imageSize ? size : Number(imageSize);
  return {
    request: {
      name: "kernel",
      size: textOffset + imageSize,
      alignment: BASE_ALIGNMENT,
      min: 0n,
      max: 1n << 64n,
    },
    at: (base) => ({
      entry: base + textOffset,
      segments: [{
        name: "kernel",
        mem: base + textOffset,
        memsz: alignUp(imageSize, pageSize),
        bytes: { kind: unpacked ? "unpacked" : "file", path, offset: 0, length },
      }],
    }),
    handOver: treeHandover,
  };
}

/**
 * Where the rest of an image may lie beside its kernel: above it, as kernels before 4.6 reach no memory below themselves
 * (load_other_segments in arch/arm64/kernel/machine_kexec_file.c puts nothing there either), and initrds in its window.
 */
export function boundsBeside(kernel: Range): { readonly min: bigint; readonly initrdMax: bigint } {
  return { min: kernel.end, initrdMax: alignDown(kernel.start, WINDOW_ALIGNMENT) + WINDOW_SIZE };
}
