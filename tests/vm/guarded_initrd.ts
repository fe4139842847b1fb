/** Initrds as Debian's packages make them, by the parts that decide what happens where the root file system is not found. */
import { join, relative } from "@std/path";
import { walkFiles } from "../support/walk_files.ts";
import { cpioArchive, type CpioEntry, MODE } from "./cpio.ts";
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
