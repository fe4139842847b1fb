/** The machine's disk: an ext4 file system with the guest's files, one virtio drive. */
import { dirname, join } from "@std/path";
import { output } from "./host_command.ts";
import type { GuestFiles } from "./initramfs.ts";

/** Room on the disk, beside its files. The image is sparse. */
const SIZE = "2G";

/**
 * Writes the image of a file system that holds the files, over a copy of the tree `base` if there is one. The folder is
 * for what it is made from.
 */
export async function writeDisk(image: string, files: GuestFiles, folder: string, base?: string): Promise<void> {
  const tree = join(folder, "tree");
  if (base !== undefined) await output("cp", ["-a", base, tree]);
  for (const [path, content] of Object.entries(files)) {
    const target = join(tree, path);
    await Deno.mkdir(dirname(target), { recursive: true });
    const mode = path.startsWith("/etc/") ? 0o644 : 0o755;
    if (typeof content === "string") await Deno.writeTextFile(target, content, { mode });
    else if (content instanceof Uint8Array) await Deno.writeFile(target, content, { mode: 0o755 });
    else await Deno.copyFile(content.file, target);
  }
  await output("mke2fs", ["-q", "-t", "ext4", "-E", "root_owner=0:0", "-d", tree, image, SIZE]);
  await Deno.remove(tree, { recursive: true });
}
