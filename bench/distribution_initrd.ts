/** An initrd as large as those that distributions make: busybox, and the kernel's modules, packed. */
import { relative } from "@std/path";
import { promisify } from "node:util";
import { gzip, zstdCompress } from "node:zlib";
import { output, outputBytes } from "../tests/vm/host_command.ts";
import { diskInitrd, initrdBytes } from "../tests/vm/initramfs.ts";
import type { Kernel } from "../tests/vm/packages.ts";

/** How it is packed: gzip, as many distributions have had it, or zstd, as Debian has it since 12; each at its usual level. */
export type InitrdPacking = keyof typeof PACKERS;

const PACKERS = { gzip: promisify(gzip), zstd: promisify(zstdCompress) } as const;

/** Unpacked modules, bytes; with them the packed initrd has some 30 MB. */
const MODULES = { gzip: 115_000_000, zstd: 150_000_000 } as const;

/** The packed initrd, with the bytes that it unpacks to. */
export async function distributionInitrd(
  kernel: Kernel,
  packing: InitrdPacking,
): Promise<{ readonly packed: Uint8Array; readonly size: number }> {
  const files: { [path: string]: Uint8Array } = {};
  let size = 0;
  for (const path of (await output("find", [kernel.modules, "-name", "*.ko*"])).trim().split("\n").toSorted()) {
    if (size >= MODULES[packing]) break;
    const module = path.endsWith(".xz") ? await outputBytes("xz", ["-dc", path]) : await Deno.readFile(path);
    files[`/lib/modules/${kernel.release}/${relative(kernel.modules, path).replace(/\.xz$/, "")}`] = module;
    size += module.length;
  }
  const plain = await initrdBytes(await diskInitrd([kernel], files));
  return { packed: await PACKERS[packing](plain), size: plain.length };
}
