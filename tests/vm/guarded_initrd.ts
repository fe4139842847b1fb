/** Initrds as Debian's packages make them, by the parts that decide what happens where the root file system is not found. */
import { join, relative } from "@std/path";
import type { InitrdMaker } from "../../src/image/initrd_maker.ts";
import { walkFiles } from "../support/walk_files.ts";
import { cached } from "./cache.ts";
import { cpioArchive, type CpioEntry, MODE } from "./cpio.ts";
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

/** Runs dracut below a Debian, on the host's kernel, which takes the rights to mount; $2 gets the initrds. */
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

/** The folder with an initrd of each of these kinds, by its name, as Debian's dracut makes them. None has a kernel module. */
export async function dracutInitrds(): Promise<string> {
  const root = await debianRoot("bookworm", ["dracut-core"]);
  return await cached(`initrds/dracut_${DRACUT_VERSION}`, async (partial) => {
    const wanted = Object.entries(DRACUT_MODULES).flat();
    const namespaces = ["--map-root-user", "--mount", "--pid", "--fork"];
    await output("unshare", [...namespaces, "sh", "-c", RUN_DRACUT, "sh", root, partial, ...wanted]);
  });
}

/** The drop-in by which an initrd of systemd resets the machine, as docs/guard-panic.md has it. */
export async function emergencyDropIn(): Promise<Uint8Array<ArrayBuffer>> {
  const page = await Deno.readTextFile(new URL("../../docs/guard-panic.md", import.meta.url));
  const [, lines = ""] = /\n((?: {4}.+\n)*? {4}ExecStart=\/.+\n)/.exec(page) ?? [];
  const folders = ["/etc", "/etc/systemd", "/etc/systemd/system", "/etc/systemd/system/emergency.service.d"];
  return cpioArchive([
    ...folders.map((path): CpioEntry => ({ path, mode: MODE.folder, data: new Uint8Array() })),
    {
      path: "/etc/systemd/system/emergency.service.d/warmboot.conf",
      mode: MODE.file,
      data: new TextEncoder().encode(lines.replaceAll(/^ {4}/gm, "")),
    },
  ]);
}
