import { zstdDecompressSync } from "node:zlib";
import { memorySource } from "../../src/core/bytes.ts";
import { identifyKernel } from "../../src/image/identify.ts";

/** The ELF kernel inside a bzImage whose payload is zstd-compressed (Debian's since 6.12). */
export async function vmlinuxOf(image: string): Promise<Uint8Array> {
  const bytes = await Deno.readFile(image);
  const info = identifyKernel(memorySource(bytes));
  if (info.kind !== "bzimage" || info.payload?.compression !== "zstd") throw new Error(`${image} has no zstd payload`);
  const { offset, length } = info.payload;
  // The last four bytes tell the unpacked size, for the decompressor only (scripts/Makefile.lib, size_append).
  return new Uint8Array(zstdDecompressSync(bytes.subarray(offset, offset + length - 4)));
}
