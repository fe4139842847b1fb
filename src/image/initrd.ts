import { type ByteSource, latin1 } from "../core/bytes.ts";
import { compressionOf } from "../formats/compression.ts";
import { describeImage } from "./describe.ts";
import { identifyKernel } from "./identify.ts";
import type { InitrdInfo } from "./image.ts";

/** The cpio formats with headers in text, by their magic numbers. */
const CPIO: { readonly [magic: string]: "newc" | "crc" | "odc" } = {
  "070701": "newc",
  "070702": "crc",
  "070707": "odc",
};

/** Bytes of a newc or crc header; that of odc has 76. */
const CPIO_HEADER = 110;

/** The two bytes by which the kernel knows a compression (lib/decompress.c, Linux 7.3). */
const KERNEL_MAGIC: readonly string[] = ["\x1f\x8b", "BZ", "\x5d\0", "\xfd7", "\x89L", "\x02!", "\x28\xb5"];

/** How far leading NUL bytes are followed. */
const PADDING_LIMIT = 65536;

/**
 * Says what a file named as initrd is, by its content alone, as the kernel will look at it (init/initramfs.c): NUL bytes
 * are skipped, then comes a cpio archive or a compressed one. What follows the first archive is not looked at, so that
 * early microcode with a compressed archive behind it is `cpio`.
 */
export function identifyInitrd(source: ByteSource): InitrdInfo {
  if (source.size === 0) {
    return { kind: "unknown", what: "an empty file", hint: "Make the initrd anew, or leave `initrd` out" };
  }
  const padding = paddingOf(source);
  const start = source.read(padding, 4096);
  const format = CPIO[latin1(start.subarray(0, 6))];
  if (format !== undefined) {
    if (padding % 4 !== 0) {
      return {
        kind: "unknown",
        what: `a cpio archive behind ${padding} NUL bytes, where the kernel looks only at multiples of 4`,
        hint: "Pad it to a multiple of 4 bytes",
      };
    }
    if (format !== "odc" && start.length < CPIO_HEADER) {
      return {
        kind: "unknown",
        what: `a truncated cpio archive: ${source.size} bytes, less than one header`,
        hint: "Make the initrd anew",
      };
    }
    return { kind: "cpio", format };
  }
  const compression = compressionOf(start);
  if (compression !== undefined) {
    return KERNEL_MAGIC.includes(latin1(start.subarray(0, 2))) ? { kind: "compressed", compression } : {
      kind: "unknown",
      what: `packed with ${compression} in a variant that the kernel does not unpack`,
      hint: compression === "lz4"
        ? "Pack it with `lz4 -l`, the legacy format"
        : `Pack it anew, as one ${compression} frame`,
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

/** Why the kernel that boots would not unpack this initrd; undefined if it would, as far as the first bytes tell. */
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
