import { type ByteSource, fieldsOf } from "../core/bytes.ts";
import { probeArm64Image } from "./arm64.ts";
import { probeBzImage } from "./bzimage.ts";
import { compressionOf } from "../formats/compression.ts";
import { probeElf } from "./elf.ts";
import type { ImageInfo } from "./image.ts";
import { knownFormatOf } from "./known_formats.ts";
import { probePe } from "./pe.ts";
import { HEAD_SIZE, type Probe } from "./probe.ts";
import { probeFit, probeUImage } from "./uboot.ts";

const probeCompressed: Probe = (_source, head) => {
  const compression = compressionOf(head.bytes(0, head.size));
  return compression === undefined ? undefined : { kind: "compressed", compression };
};

/**
 * In this order: U-Boot's images are known by their first bytes, and have text where others have a magic number; a bzImage
 * and an arm64 Image with an EFI stub are PE files, too.
 */
const PROBES: readonly Probe[] = [
  probeUImage,
  probeFit,
  probeBzImage,
  probeArm64Image,
  probeElf,
  probePe,
  probeCompressed,
];

/**
 * Says what a file named as kernel is, by its content alone. Reads the headers only: some KiB of a kernel, at most 64 KiB
 * of anything else with sane headers. Throws nothing of its own, whatever the bytes; what `source.read` throws goes
 * through.
 */
export function identifyKernel(source: ByteSource): ImageInfo {
  const head = fieldsOf(source.read(0, HEAD_SIZE));
  if (head.size < Math.min(source.size, HEAD_SIZE)) {
    return { kind: "not-kernel", what: "a file that changes its size while it is read", hint: "Wait, and try again" };
  }
  for (const probe of PROBES) {
    const info = probe(source, head);
    if (info !== undefined) return info;
  }
  return knownFormatOf(source);
}
