import { join } from "@std/path";
import type { BuiltKernel } from "./built_kernel.ts";
import { output } from "./host_command.ts";
import { diskInitrd, initrdBytes } from "./initramfs.ts";
import { fetchStub, type Kernel } from "./packages.ts";

/** A section of a unified kernel image: its name, and the file or the text that it has. */
export type Section = readonly [name: string, content: { readonly file: string } | string];

const OBJCOPY = { x86_64: "objcopy", aarch64: "aarch64-linux-gnu-objcopy" } as const;

/** Sections begin at multiples of this in memory, from where the stub ends. */
const ALIGNMENT = 0x1000;

/**
 * A unified kernel image as the manual page of systemd-stub makes it: objcopy adds the sections to the distribution's stub,
 * one after the other in memory.
 */
export async function unifiedImage({ arch }: Pick<Kernel, "arch">, sections: readonly Section[]): Promise<Uint8Array> {
  const stub = await fetchStub(arch);
  const folder = await Deno.makeTempDir({ prefix: "warmboot-uki-" });
  try {
    const objcopy = OBJCOPY[arch];
    let address = aligned(await endOf(stub, objcopy.replace(/objcopy$/, "objdump")));
    const args: string[] = [];
    for (const [name, content] of sections) {
      const file = typeof content === "string" ? join(folder, name.slice(1)) : content.file;
      if (typeof content === "string") await Deno.writeTextFile(file, content);
      args.push("--add-section", `${name}=${file}`, "--change-section-vma", `${name}=0x${address.toString(16)}`);
      address = aligned(address + (await Deno.stat(file)).size);
    }
    const image = join(folder, "uki.efi");
    await output(objcopy, [...args, stub, image]);
    return await Deno.readFile(image);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The initrd of a guest with its programs on a disk, in a file that the caller removes. */
export async function writtenInitrd(kernel: Kernel | BuiltKernel): Promise<string> {
  const path = await Deno.makeTempFile({ prefix: "warmboot-initrd-" });
  await Deno.writeFile(path, await initrdBytes(await diskInitrd([kernel])));
  return path;
}

function aligned(address: number): number {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}

/** The first address after the stub's sections, from the image base on. */
async function endOf(stub: string, objdump: string): Promise<number> {
  const rows = (await output(objdump, ["-h", stub])).matchAll(/^ +\d+ \S+ +([0-9a-f]{8}) +([0-9a-f]{16}) /gm);
  return Math.max(...Array.from(rows, ([, size = "0", vma = "0"]) => parseInt(size, 16) + parseInt(vma, 16)));
}
