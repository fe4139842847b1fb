import type { ByteSource, Fields } from "../core/bytes.ts";
import type { ImageInfo, NotKernel } from "./image.ts";

/**
 * Recognises one format. `head` holds the first HEAD_SIZE bytes of the file, or all of a smaller one.
 * Undefined: it is not this format, so that another may be tried.
 */
export type Probe = (source: ByteSource, head: Fields) => ImageInfo | undefined;

/** Bytes read of every file: enough for the first header of each format. */
export const HEAD_SIZE = 4096;

/** The hint where a file is something else altogether. */
export const NAME_THE_KERNEL = "Name the kernel itself, as /boot/vmlinuz-RELEASE";

/** A file that ends before its own header says it does. `wanted` is in bytes, for the whole file. */
export function truncated(name: string, source: ByteSource, wanted: number | bigint): NotKernel {
  return {
    kind: "not-kernel",
    what: `a truncated ${name}: ${source.size} bytes, where its header wants at least ${wanted}`,
    hint: "Copy it again, and check that the file system it lies on is not full",
  };
}

/** A file whose header contradicts itself; `why` says how. */
export function damaged(name: string, why: string): NotKernel {
  return {
    kind: "not-kernel",
    what: `a damaged ${name}: ${why}`,
    hint: "Copy it again, and compare its checksum with that of the original",
  };
}
