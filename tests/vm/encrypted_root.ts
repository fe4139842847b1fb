/**
 * A Debian whose root file system lies on LUKS2, and initrds that open it, as Debian's own tools make them: these run here,
 * below a root of their own, which takes the rights to mount. The volume is written here too, since device mapper may be
 * missing: cryptsetup makes the header, and the sectors are encrypted by the key in it.
 */
import { createCipheriv } from "node:crypto";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { cached, removeTree } from "./cache.ts";
import { DEBIAN_FILES, debianPrograms, debianRoot } from "./debian_root.ts";
import { writeDisk } from "./disk.ts";
import { output } from "./host_command.ts";
import type { GuestFiles, GuestPrograms } from "./initramfs.ts";
import { type Machine, startMachine } from "./machine.ts";
import { fetchKernel, type Kernel } from "./packages.ts";

/** Which tool makes the initrd: initramfs-tools with cryptsetup-initramfs, or dracut with systemd in the initrd. */
export type InitrdTool = "initramfs-tools" | "dracut";

/** The UUIDs of the root volume, and of the one on the second disk. */
export const UUID = "5eb63bbb-e01e-4ed0-93cb-22bb8f5acdc3";
export const DATA_UUID = "2aae6c35-c94f-4cfb-8415-dbe95f408b9c";

/**
 * The passphrase for cold boots, that for `ask`, and a key file, in the key slots 0 to 2; and the key file of the second disk.
 * None of them is a part of another.
 */
export const KEYS = {
  cold: "coldly-does-it",
  typed: "Correct Horse Battery",
  file: Uint8Array.from({ length: 64 }, (_, index) => (index * 37 + 11) % 256),
  data: Uint8Array.from({ length: 64 }, (_, index) => (index * 41 + 7) % 256),
} as const;

/** What the initrds ask. */
export const QUESTIONS: { readonly [tool in InitrdTool]: string } = {
  "initramfs-tools": "Please unlock disk root",
  "dracut": "Please enter passphrase for disk",
};

/** MiB of memory of the machine. */
export const MEMORY = 1536;

/** Packages besides those that a Debian boots with. */
const PACKAGES = ["cryptsetup", "cryptsetup-initramfs", "dracut-core", "gzip", "bsdutils"];

const CRYPTTAB = `root UUID=${UUID} none luks,discard,initramfs\n`;

/** Bytes from the start of the volume to its first sector (LUKS2's default), and of a sector. */
const HEADER = 16 << 20;
const SECTOR = 4096;

/** Part of the cache's name: a change of what is made needs another. */
const VERSION = 2;

/** Makes the initrds and the headers, below a root of their own. The keys of the sectors are in `root.key` and `data.key`. */
const SCRIPT = `set -e
for name in dev proc sys; do mount --rbind /$name "$1/$name"; done
exec chroot "$1" /bin/sh -c '
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
release=$(ls /usr/lib/modules)
depmod "$release"
cd /root
fast="--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --batch-mode"
format() {
  dd if=/dev/urandom of=$1.key bs=32 count=1 2>/dev/null
  truncate -s ${HEADER} $1.header
  cryptsetup luksFormat $fast --type luks2 --cipher aes-cbc-plain64 --key-size 256 --sector-size ${SECTOR} --uuid $2 \\
    --volume-key-file $1.key --key-file $3 $1.header
}
format root ${UUID} cold
cryptsetup luksAddKey $fast --key-file cold root.header typed
cryptsetup luksAddKey $fast --key-file cold root.header file
format data ${DATA_UUID} data
mkinitramfs -o initrd.initramfs-tools "$release"
dracut --quiet --no-hostonly --kver "$release" --no-compress --no-early-microcode --add crypt \\
  --drivers "virtio_pci virtio_blk ext4 dm_crypt cbc crc32c_generic" \\
  --omit "plymouth lvm mdraid multipath btrfs network dmraid nvdimm resume virtiofs" initrd.dracut
'
`;

/** The folder with the headers, their keys and the initrds. */
export async function encryptedParts(kernel: Kernel): Promise<string> {
  const root = await debianRoot("bookworm", PACKAGES);
  return await cached(`encrypted/${kernel.release}_${VERSION}`, async (partial) => {
    const tree = join(partial, "tree");
    const write = (path: string, content: Uint8Array | string): Promise<void> =>
      typeof content === "string"
        ? Deno.writeTextFile(join(tree, path), content)
        : Deno.writeFile(join(tree, path), content);
    await output("cp", ["-a", root, tree]);
    await Deno.mkdir(join(tree, "usr/lib/modules"), { recursive: true });
    await output("cp", ["-a", kernel.modules, join(tree, "usr/lib/modules")]);
    if (kernel.config !== undefined) await Deno.copyFile(kernel.config, join(tree, `boot/config-${kernel.release}`));
    await write("etc/crypttab", CRYPTTAB);
    await write("etc/initramfs-tools/modules", "virtio_pci\nvirtio_blk\next4\ncbc\n");
    const settings = await Deno.readTextFile(join(tree, "etc/initramfs-tools/initramfs.conf"));
    await write(
      "etc/initramfs-tools/initramfs.conf",
      settings.replace(/^MODULES=.*$/m, "MODULES=list").replace(/^COMPRESS=.*$/m, "COMPRESS=gzip"),
    );
    for (const [name, key] of Object.entries(KEYS)) await write(`root/${name}`, key);
    await output("unshare", ["--mount", "sh", "-c", SCRIPT, "sh", tree]);
    const made = ["root", "data"].flatMap((volume) => [`${volume}.header`, `${volume}.key`]);
    for (const name of [...made, "initrd.initramfs-tools", "initrd.dracut"]) {
      await Deno.rename(join(tree, "root", name), join(partial, name));
    }
    await Deno.remove(tree, { recursive: true });
  });
}

/** Encrypts the image of a file system, in place: the header comes before it. */
async function encrypt(image: string, parts: string, volume: "root" | "data"): Promise<void> {
  const key = await Deno.readFile(join(parts, `${volume}.key`));
  const plain = `${image}.plain`;
  await Deno.rename(image, plain);
  {
    using from = await Deno.open(plain);
    using to = await Deno.open(image, { write: true, createNew: true });
    const header = await Deno.readFile(join(parts, `${volume}.header`));
    for (let done = 0; done < header.length;) done += await to.write(header.subarray(done));
    await to.truncate(HEADER + (await from.stat()).size);
    await to.seek(HEADER, Deno.SeekMode.Start);
    const chunk = new Uint8Array(256 * SECTOR);
    const iv = new Uint8Array(16);
    const number = new DataView(iv.buffer);
    // `plain64`: sectors count in 512 bytes.
    for (let sector = 0n;;) {
      const count = await from.read(chunk);
      if (count === null) break;
      for (let at = 0; at < count; at += SECTOR, sector += BigInt(SECTOR / 512)) {
        number.setBigUint64(0, sector, true);
        const cipher = createCipheriv("aes-256-cbc", key, iv).setAutoPadding(false);
        chunk.set(cipher.update(chunk.subarray(at, at + SECTOR)), at);
      }
      for (let done = 0; done < count;) done += await to.write(chunk.subarray(done, count));
    }
  }
  await Deno.remove(plain);
}

/** What a machine with an encrypted root is made of. */
export interface EncryptedOptions {
  readonly tool: InitrdTool;
  readonly programs: GuestPrograms;
  readonly files: GuestFiles;
  /** The files of a second disk, /dev/vdb, which is encrypted too and which a cold boot leaves closed. */
  readonly data?: GuestFiles;
  /** Whether a reset boots the machine again, instead of ending QEMU. */
  readonly resets?: boolean;
}

/** The command line by which the Debian boots, in its own words. */
export function encryptedCmdline(tool: InitrdTool): string {
  return `${ROOT_CMDLINE}${tool === "dracut" ? ` rd.luks.name=${UUID}=root` : ""}`;
}

/** The same without what says which volumes dracut opens. */
export const ROOT_CMDLINE = "root=/dev/mapper/root rw init_on_free=1";

/** Boots the Debian cold: its initrd asks for the passphrase at the console. */
export async function encryptedMachine(
  { tool, programs, files, data, resets = false }: EncryptedOptions,
): Promise<Machine> {
  const kernel = await fetchKernel("6.1");
  const parts = await encryptedParts(kernel);
  const initrd = { file: join(parts, `initrd.${tool}`) };
  const folder = await Deno.makeTempDir({ prefix: "warmboot-vm-" });
  try {
    const second = data === undefined ? undefined : await secondDisk(data, parts, folder);
    return await startMachine({
      kernel: kernel.image,
      initrd: [initrd],
      append: encryptedCmdline(tool),
      diskBase: await debianRoot("bookworm", PACKAGES),
      disk: {
        ...DEBIAN_FILES,
        ...await debianPrograms(programs),
        "/etc/fstab": "/dev/mapper/root / ext4 defaults 0 0\n",
        "/etc/crypttab": CRYPTTAB,
        // The initrd has opened it; without udev, nothing says so to systemd.
        "/etc/systemd/system/systemd-cryptsetup@root.service": "",
        "/boot/vmlinuz": { file: kernel.image },
        "/boot/initrd": initrd,
        ...files,
      },
      onDisk: (image) => encrypt(image, parts, "root"),
      diskSize: "560M",
      memory: MEMORY,
      resets,
      ...(second === undefined ? {} : { extra: second }),
      asks: { question: QUESTIONS[tool], answer: KEYS.cold },
    });
  } finally {
    // QEMU holds the second disk open.
    await removeTree(folder);
  }
}

/** A second disk, as arguments of QEMU. */
async function secondDisk(files: GuestFiles, parts: string, folder: string): Promise<readonly string[]> {
  const image = join(folder, "data");
  await writeDisk(image, files, folder, undefined, undefined, "16M");
  await encrypt(image, parts, "data");
  // Far behind the other disk on the bus, so that it is found after that.
  return [
    ...["-drive", `if=none,id=data,format=raw,cache=unsafe,file=${image}`],
    ...["-device", "virtio-blk-pci,drive=data,addr=0x1e"],
  ];
}

/** The open volumes of a machine: their names, and the UUIDs without hyphens. */
export async function openVolumes(machine: Machine): Promise<{ readonly [name: string]: string }> {
  const rows = await machine.output("cd /sys/class/block; for each in dm-*; do cat $each/dm/name $each/dm/uuid; done");
  const words = rows.trim().split("\n");
  return Object.fromEntries(
    words.flatMap((name, index) => index % 2 === 0 ? [[name, words[index + 1]?.split("-")[2] ?? ""]] : []),
  );
}

/** Reboots into what is loaded, which says hello only once the root file system is open, and asks nothing before that. */
export async function unattended(machine: Machine, tool: InitrdTool, more = ""): Promise<void> {
  const before = machine.console().length;
  const { cmdline } = await machine.runToBoot(`warmboot exec --now ${more}`);
  assertStringIncludes(cmdline, "root=/dev/mapper/root");
  assert(!machine.console(before).includes(QUESTIONS[tool]), machine.console(before).slice(-2000));
  assertEquals((await openVolumes(machine)).root, UUID.replaceAll("-", ""));
}

/** Letters of the alphabet turned by 13 places, so that the harness itself does not put a passphrase into memory. */
export function turned(text: string): string {
  return text.replace(/[a-z]/gi, (letter) => {
    const base = letter <= "Z" ? 65 : 97;
    return String.fromCharCode((letter.charCodeAt(0) - base + 13) % 26 + base);
  });
}

/** The program of the guest that turns them back. */
export const PLAIN = "tr a-zA-Z n-za-mN-ZA-M";
