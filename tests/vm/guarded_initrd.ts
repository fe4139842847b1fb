/** Initrds as Debian's packages make them, by the parts that decide what happens where the root file system is not found. */
import { join, relative } from "@std/path";
import type { InitrdMaker } from "../../src/image/initrd_maker.ts";
import { walkFiles } from "../support/walk_files.ts";
import { cached } from "./cache.ts";
import { concatenate, cpioArchive, type CpioEntry, MODE } from "./cpio.ts";
import { debianRoot } from "./debian_root.ts";
import { output } from "./host_command.ts";
import { fetchBusybox, fetchInitramfsTools } from "./packages.ts";

/** What initramfs-tools' scripts run up to that point; klibc or busybox has them in a real one. */
const APPLETS = "sh mount mkdir ln cat sleep reboot halt cut grep sed tr printf uname modprobe rm mknod setsid".split(
  " ",
);

/**
 * An initrd with the /init and the scripts of initramfs-tools and busybox, and without the hooks of other packages: it mounts
 * a root file system whose driver is built in.
 */
export async function initramfsToolsInitrd(): Promise<Uint8Array<ArrayBuffer>> {
  const share = join(await fetchInitramfsTools(), "usr/share/initramfs-tools");
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const file = async (path: string): Promise<CpioEntry> => ({
    path: `/${relative(share, path)}`,
    mode: MODE.file,
    data: await Deno.readFile(path),
  });
  const scripts = walkFiles(join(share, "scripts"), "").filter((path) => /\/scripts\/[^/]+$/.test(path));
  return cpioArchive([
    await file(join(share, "init")),
    ...await Promise.all(scripts.map(file)),
    { path: "/conf/initramfs.conf", mode: MODE.file, data: text("MODULES=most\nBUSYBOX=auto\n") },
    { path: "/conf/arch.conf", mode: MODE.file, data: text("DPKG_ARCH=amd64\n") },
    { path: "/bin/busybox", mode: MODE.file, data: await Deno.readFile(await fetchBusybox("x86_64")) },
    ...APPLETS.map((name): CpioEntry => ({ path: `/bin/${name}`, mode: MODE.link, data: text("busybox") })),
  ]);
}

const SYSTEMD = "bash systemd systemd-initrd systemd-udevd systemd-journald systemd-tmpfiles udev-rules";

/** What dracut puts into each kind of initrd. That of systemd alone is made of its parts, without dracut's own program. */
const DRACUT_MODULES = {
  dracut: "base bash rootfs-block udev-rules fs-lib shutdown",
  "dracut-systemd": `base ${SYSTEMD} systemd-modules-load systemd-sysctl dracut-systemd rootfs-block fs-lib shutdown`,
  systemd: SYSTEMD,
} as const satisfies Partial<Record<InitrdMaker, string>>;

/** Runs dracut below a Debian, which takes the rights to mount; $2 gets the initrds. */
const RUN_DRACUT = `set -e
root=$1 out=$2
shift 2
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/var/tmp"
mount --bind "$out" "$root/root"
while [ $# -gt 0 ]; do
  chroot "$root" /usr/bin/env PATH=/usr/sbin:/usr/bin dracut --quiet --force --no-hostonly --no-hostonly-cmdline --no-kernel \
    --no-early-microcode --no-compress --kver none -m "$2" "/root/$1"
  shift 2
done`;

/** Part of the cache's name: a change of what is made needs another. */
const DRACUT_VERSION = 1;

/** An initrd of each of these kinds, as Debian's dracut makes them. None has a kernel module. */
export async function dracutInitrds(): Promise<{ readonly [maker in keyof typeof DRACUT_MODULES]: Uint8Array }> {
  const root = await debianRoot("bookworm", ["dracut-core"]);
  const folder = await cached(
    `initrds/dracut_${DRACUT_VERSION}`,
    async (partial) => await runDracut(root, partial, DRACUT_MODULES),
  );
  const read = (maker: keyof typeof DRACUT_MODULES) => Deno.readFile(join(folder, maker));
  return {
    dracut: await read("dracut"),
    "dracut-systemd": await read("dracut-systemd"),
    systemd: concatenate([await read("systemd"), await systemdParts(root)]),
  };
}

/** Has the dracut of a Debian make initrds without kernel modules, each with these modules of its own. */
export async function runDracut(
  root: string,
  folder: string,
  modules: { readonly [name: string]: string },
): Promise<void> {
  const namespaces = ["--map-root-user", "--mount", "--pid", "--fork"];
  const wanted = Object.entries(modules).flat();
  await output("unshare", [...namespaces, "sh", "-c", RUN_DRACUT, "sh", root, folder, ...wanted]);
}

/** What each initrd of systemd has, and dracut leaves to its own modules. */
async function systemdParts(root: string): Promise<Uint8Array> {
  const emergency = "usr/lib/systemd/system/emergency.service";
  return cpioArchive([
    // By this file systemd knows that it runs in an initrd.
    { path: "/etc/initrd-release", mode: MODE.file, data: await Deno.readFile(join(root, "etc/os-release")) },
    { path: `/${emergency}`, mode: MODE.file, data: await Deno.readFile(join(root, emergency)) },
  ]);
}

/** The profile of docs/guard-panic.md, whose initrd has the drop-in by which systemd resets the machine. */
export async function dropInProfile(): Promise<string> {
  const page = await Deno.readTextFile(new URL("../../docs/guard-panic.md", import.meta.url));
  const [, text] = /\n```yaml\n(version: 1\n[^]*?)```\n/.exec(page) ?? [];
  if (text === undefined) throw new Error("docs/guard-panic.md has no profile");
  return text;
}
