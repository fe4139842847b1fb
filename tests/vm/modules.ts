import { basename, join } from "@std/path";
import { output } from "./host_command.ts";
import type { GuestFiles } from "./initramfs.ts";
import type { Kernel } from "./packages.ts";

/** What mounting the machine's disk takes, in the order of loading; a kernel that has one built in has no such file. */
const MODULES = [
  "virtio",
  "virtio_ring",
  "virtio_pci_legacy_dev",
  "virtio_pci_modern_dev",
  "virtio_pci",
  "virtio_blk",
  "crc16",
  "crc32c-cryptoapi",
  "crc32c_generic",
  "libcrc32c",
  "mbcache",
  "jbd2",
  "ext4",
];

/** The kernel's modules for the machine's disk, as files that the agent loads in the order of their names. */
export async function driveModules({ release, modules }: Kernel): Promise<GuestFiles> {
  const found = new Map<string, string>();
  for (const path of (await output("find", [join(modules, "kernel"), "-name", "*.ko*"])).trim().split("\n")) {
    found.set(basename(path).replace(/\.ko(\..+)?$/, ""), path);
  }
  const files: { [path: string]: Uint8Array | { readonly file: string } } = {};
  for (const [index, name] of MODULES.entries()) {
    const path = found.get(name);
    if (path === undefined) continue;
    const target = `/modules/${release}/${`${index}`.padStart(2, "0")}-${name}.ko`;
    files[target] = path.endsWith(".xz") ? await unpacked(path) : { file: path };
  }
  if (!found.has("virtio_blk")) throw new Error(`${modules} has no driver of the disk`);
  return files;
}

/** A module of the kernel, by its name; undefined where the kernel has it built in. */
export async function kernelModule({ modules }: Kernel, name: string): Promise<Uint8Array | undefined> {
  const [path] = (await output("find", [join(modules, "kernel"), "-name", `${name}.ko*`])).trim().split("\n");
  if (path === undefined || path === "") return undefined;
  return path.endsWith(".xz") ? await unpacked(path) : await Deno.readFile(path);
}

/** A module as files that the guest loads in the order of their names, what it depends on first. */
export async function moduleFiles(
  kernel: Kernel,
  name: string,
  folder: string,
): Promise<{ readonly [path: string]: Uint8Array }> {
  const found = new Map<string, Uint8Array>();
  const add = async (name: string): Promise<void> => {
    if (found.has(name)) return;
    const bytes = await kernelModule(kernel, name);
    if (bytes === undefined) return; // It is built in.
    // The section .modinfo has `depends=` with names, which MODULE_INFO ends with a NUL.
    const [, names = ""] = /\0depends=([^\0]*)\0/.exec(new TextDecoder("latin1").decode(bytes)) ?? [];
    for (const each of names.split(",")) if (each !== "") await add(each);
    found.set(name, bytes);
  };
  await add(name);
  const rows = [...found].map(([name, bytes], index) => [`${folder}/${10 + index}-${name}.ko`, bytes] as const);
  return Object.fromEntries(rows);
}

async function unpacked(path: string): Promise<Uint8Array> {
  const { success, stdout } = await new Deno.Command("xz", { args: ["-dc", path] }).output();
  if (!success) throw new Error(`Cannot unpack ${path}`);
  return stdout;
}
