import type { ByteSource } from "../core/bytes.ts";
import { compressionOf, kernelCompressionOf } from "../formats/compression.ts";
import { CPIO_HEADER, cpioFormat } from "../formats/cpio.ts";
import { describeImage } from "./describe.ts";
import { identifyKernel } from "./identify.ts";
import type { InitrdInfo } from "./image.ts";

/** How far leading NUL bytes are followed. */
const PADDING_LIMIT = 65536;

/**
 * Says what a file named as initrd is, by its content alone, as the kernel will look at it (init/initramfs.c): NUL bytes
 * are skipped, then comes a cpio archive or a compressed one. What follows the first archive is not looked at, so that
 * early microcode with a compressed archive after it is `cpio`.
 */
export function identifyInitrd(source: ByteSource): InitrdInfo {
  if (source.size === 0) {
    return { kind: "unknown", what: "an empty file", hint: "Create the initrd again, or leave `initrd` out" };
  }
  const padding = paddingOf(source);
  const start = source.read(padding, 4096);
  const format = cpioFormat(start);
  if (format !== undefined) {
    if (padding % 4 !== 0) {
      return {
        kind: "unknown",
        what: `a cpio archive after ${padding} NUL bytes, where the kernel looks only at multiples of 4`,
        hint: "Pad it to a multiple of 4 bytes",
      };
    }
    if (format !== "odc" && start.length < CPIO_HEADER) {
      return {
        kind: "unknown",
        what: `a truncated cpio archive: ${source.size} bytes, less than one header`,
        hint: "Create the initrd again",
      };
    }
    return { kind: "cpio", format };
  }
  const compression = compressionOf(start);
  if (compression !== undefined) {
    return kernelCompressionOf(start) === compression ? { kind: "compressed", compression } : {
      kind: "unknown",
      what: `packed with ${compression} in a variant that the kernel does not unpack`,
      hint: compression === "lz4"
        ? "Pack it with `lz4 -l`, the legacy format"
        : `Pack it again, as one ${compression} frame`,
    };
  }
  const info = identifyKernel(source);
  if (info.kind !== "not-kernel") {
    return {
      kind: "unknown",
      what: `a kernel or program: ${describeImage(info)}`,
      hint: "Are `kernel` and `initrd` swapped?",
    };
  }
  return { kind: "unknown", what: info.what };
}

/** Leading NUL bytes; 0 if there is nothing else within the limit. */
function paddingOf(source: ByteSource): number {
  for (let offset = 0; offset < PADDING_LIMIT; offset += 4096) {
    const chunk = source.read(offset, 4096);
    const index = chunk.findIndex((byte) => byte !== 0);
    if (index >= 0) return offset + index;
    if (chunk.length < 4096) return 0;
  }
  return 0;
}

/** Why the kernel that boots would not unpack this initrd; undefined if it would, as far as the first bytes show. */
export function initrdObjection(info: InitrdInfo): { readonly message: string; readonly hint?: string } | undefined {
  if (info.kind === "cpio" && info.format === "odc") {
    return {
      message: "The initrd is a cpio archive in the old portable format (odc), which the kernel does not unpack",
      hint: "Pack it with `cpio -o -H newc`",
    };
  }
  if (info.kind !== "unknown") return undefined;
  return {
    message: `The initrd is ${info.what}; the kernel unpacks cpio archives, plain or compressed`,
    ...(info.hint === undefined ? {} : { hint: info.hint }),
  };
}
