/** The machine's disk: an ext4 file system with the guest's files, one virtio drive. */
import { dirname, join } from "@std/path";
import { output } from "./host_command.ts";
import type { GuestFiles } from "./initramfs.ts";

/** Room on the disk, beside its files. The image is sparse. */
const SIZE = "2G";

/** What a disk has besides its file system for a BIOS to boot GRUB from it. */
export interface GrubDisk {
  /** GRUB's boot.img, the first sector. */
  readonly boot: Uint8Array;
  /** GRUB's core image, which lies in the gap after it. */
  readonly core: Uint8Array;
  /** The UUID of the file system, which is in the first partition. */
  readonly uuid: string;
}

/** Where the first partition begins, bytes. */
const PARTITION = 1 << 20;

/**
 * Writes the image of a file system that holds the files, over a copy of the tree `base` if there is one. The folder is
 * for what it is made from.
 */
export async function writeDisk(
  image: string,
  files: GuestFiles,
  folder: string,
  base?: string,
  grub?: GrubDisk,
  size = SIZE,
): Promise<void> {
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
  // An encrypted disk has sectors of this size; for a small one, mke2fs would take less.
  const options = [
    "-q",
    "-b",
    "4096",
    "-E",
    `root_owner=0:0${grub === undefined ? "" : `,offset=${PARTITION}`}`,
    "-d",
    tree,
  ];
  // Of ext4's newest features, GRUB knows none.
  const kind = grub === undefined ? ["-t", "ext4"] : ["-t", "ext3", "-I", "256", "-U", grub.uuid];
  await output("mke2fs", [...options, ...kind, image, size]);
  if (grub !== undefined) await embed(image, grub);
  await Deno.remove(tree, { recursive: true });
}

/** GRUB as `grub-install` embeds it: boot.img before the table of partitions, the core image in the sectors after it. */
async function embed(path: string, { boot, core }: GrubDisk): Promise<void> {
  if (512 + core.length > PARTITION) throw new Error("GRUB's core image does not fit before the partition");
  using image = await Deno.open(path, { write: true });
  const { size } = await image.stat();
  const length = Math.ceil(size / PARTITION) * PARTITION;
  await image.truncate(length);
  const first = new Uint8Array(512);
  first.set(boot.subarray(0, 440));
  const view = new DataView(first.buffer);
  // One partition of type Linux, active, without cylinders and heads.
  first.set([0x80, 0xfe, 0xff, 0xff, 0x83, 0xfe, 0xff, 0xff], 446);
  view.setUint32(454, PARTITION / 512, true);
  view.setUint32(458, (length - PARTITION) / 512, true);
  view.setUint16(510, 0xaa55, true);
  const head = new Uint8Array(512 + core.length);
  head.set(first);
  head.set(core, 512);
  for (let done = 0; done < head.length;) done += await image.write(head.subarray(done));
}
