/**
 * Debian root file systems with systemd or another PID 1, unpacked from the archive's packages: nothing is installed or run
 * here, so what their maintainer scripts would do, as far as a boot needs it, is done by the tables below.
 */
import { join } from "@std/path";
import { releaseTree } from "../../packaging/tree.ts";
import { downloadClosure, refreshIndex, type Suite } from "./apt.ts";
import { cached, locked, removeTree } from "./cache.ts";
import { exists, output } from "./host_command.ts";
import { denoDisk, diskInitrd, type GuestFiles, type GuestPrograms, initrdBytes } from "./initramfs.ts";
import { type Machine, startMachine } from "./machine.ts";
import type { Kernel } from "./packages.ts";
import type { MachineOptions } from "./qemu.ts";

/** What PID 1 is. */
export type DebianInit = "systemd" | "sysvinit" | "openrc-init" | "runit";

/** The init systems, and what each needs to start and to reboot. */
const INIT_PACKAGES: { readonly [init in DebianInit]: readonly string[] } = {
  systemd: ["systemd", "systemd-sysv", "dbus", "udev"],
  sysvinit: ["sysvinit-core", "sysvinit-utils", "initscripts", "sysv-rc", "insserv", "startpar"],
  "openrc-init": ["openrc", "sysvinit-utils", "initscripts", "insserv"],
  runit: ["runit-init", "runit", "initscripts", "insserv", "sysvinit-utils"],
};

/** What runs a shell. `usr-is-merged` keeps the script that merges, and its perl, out. */
const PACKAGES = [
  "kmod",
  "base-files",
  "base-passwd",
  "bash",
  "coreutils",
  "dash",
  "findutils",
  "grep",
  "libc-bin",
  "mount",
  "sed",
  "usr-is-merged",
  "util-linux",
];

/** Part of the cache's name: a change of what `debianRoot` makes needs another. */
const VERSION = 2;

/** The merged directories, which the packages take for granted. */
const LINKS = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/** No test reads them. */
const UNUSED = ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/zoneinfo", "usr/lib/udev/hwdb.d"];

/**
 * Nothing that is looked at depends on them, and each takes seconds of a boot in the emulation, or fails there. Without
 * udev a boot takes half the time; what it would find, the kernel's devtmpfs has.
 */
const MASKED = [
  "getty.target",
  "serial-getty@ttyS0.service",
  "timers.target",
  "proc-sys-fs-binfmt_misc.automount",
  "dev-hugepages.mount",
  "dev-mqueue.mount",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "systemd-modules-load.service",
  "systemd-networkd.service",
  "systemd-pstore.service",
  "systemd-random-seed.service",
  "systemd-sysctl.service",
  "systemd-sysusers.service",
  "systemd-timesyncd.service",
  "systemd-tmpfiles-setup-dev.service",
  "systemd-tmpfiles-setup-dev-early.service",
  "systemd-udev-load-credentials.service",
  "systemd-udev-settle.service",
  "systemd-udev-trigger.service",
  "systemd-udevd-control.socket",
  "systemd-udevd-kernel.socket",
  "systemd-udevd.service",
  "systemd-update-utmp-runlevel.service",
  "systemd-update-utmp.service",
  "systemd-user-sessions.service",
  "modprobe@configfs.service",
  "modprobe@dm_mod.service",
  "modprobe@drm.service",
  "modprobe@efi_pstore.service",
  "modprobe@fuse.service",
  "modprobe@loop.service",
];

/** Started when they are asked for, and not at boot: the bus, and logind, by which `systemctl kexec` goes. */
const ON_DEMAND = ["dbus.service", "systemd-logind.service"];

/** The users of the services, which maintainer scripts and systemd-sysusers would add. */
const USERS = [
  ["messagebus", 100],
  ["systemd-network", 998],
  ["systemd-resolve", 997],
  ["systemd-timesync", 996],
] as const;

/**
 * The agent as a service: it says hello when the system is up, and ends with it. Not as the leader of its session, since
 * the serial port would become the terminal of that, and stop what reads from it in the background.
 */
const AGENT_UNIT = `[Unit]
Description=Agent of the tests
After=multi-user.target
[Service]
Type=exec
ExecStart=/bin/sh -c "/bin/sh /usr/local/sbin/agent; exit"
Environment=HOME=/root NO_COLOR=1 DENO_DIR=/var/cache/deno DENO_NO_UPDATE_CHECK=1 SYSTEMD_PAGER= SYSTEMD_COLORS=0
StandardOutput=null
`;

/** Configuration. There is a machine ID, so that no boot counts as the first. An empty unit file masks the unit. */
export const DEBIAN_FILES: GuestFiles = {
  ...Object.fromEntries(MASKED.map((unit) => [`/etc/systemd/system/${unit}`, ""])),
  "/etc/fstab": "/dev/vda / ext4 defaults 0 0\n",
  "/etc/hostname": "debian\n",
  "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
  "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
  "/etc/systemd/journald.conf.d/tests.conf": "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\n",
  "/etc/systemd/system/agent.service": AGENT_UNIT,
  // Redrawing the progress costs more than what it is about.
  "/etc/systemd/system.conf.d/tests.conf": "[Manager]\nShowStatus=no\n",
  "/etc/systemd/system/graphical.target.d/agent.conf": "[Unit]\nWants=agent.service\n",
};

/** Has units of warmboot take as long as they take: in the emulation of a busy host, Deno may need a minute to start. */
export const PATIENT_UNITS: GuestFiles = {
  // For all units whose names begin so.
  "/etc/systemd/system/warmboot-.service.d/tests.conf":
    "[Service]\nTimeoutStartSec=infinity\nTimeoutStopSec=infinity\n",
};

/**
 * The folder with the root file system of a suite, made if the cache lacks it; its configuration comes with the disk. `more`
 * are packages besides those that it boots with.
 */
export async function debianRoot(
  suite: Suite,
  more: readonly string[] = [],
  init: DebianInit = "systemd",
): Promise<string> {
  const packages = [...INIT_PACKAGES[init], ...PACKAGES, ...more];
  const name = [
    "roots/",
    suite,
    init === "systemd" ? "" : `_${init}`,
    `_${VERSION}`,
    ...more.map((each) => `+${each}`),
  ].join("");
  const folder = await cached(name, async (partial) => {
    await refreshIndex(suite);
    const archives = join(partial, "archives");
    const fetch = () => locked(`apt-${suite}`, () => downloadClosure(suite, packages, archives));
    // An index that names what the mirror no longer has is refreshed, once.
    const files = await fetch().catch(async () => {
      await refreshIndex(suite, true);
      return await fetch();
    });
    const root = join(partial, "root");
    for (const name of LINKS) {
      await Deno.mkdir(join(root, "usr", name), { recursive: true });
      await Deno.symlink(`usr/${name}`, join(root, name));
    }
    const unpack = 'for file; do dpkg-deb --fsys-tarfile "$file" | tar -x --keep-directory-symlink || exit; done';
    await output("sh", ["-c", unpack, "unpack", ...files], { cwd: root });
    if (more.includes("apt")) await registerPackages(root, files);
    await removeTree(archives);
    await configure(root);
  });
  return join(folder, "root");
}

/** Has dpkg know the packages that were unpacked, as if it had installed them. */
async function registerPackages(root: string, files: readonly string[]): Promise<void> {
  const script = `mkdir -p var/lib/dpkg/info var/lib/dpkg/updates var/lib/apt/lists/partial
for file; do
  name=$(dpkg-deb -f "$file" Package)
  [ "$(dpkg-deb -f "$file" Multi-Arch)" != same ] || name=$name:$(dpkg-deb -f "$file" Architecture)
  dpkg-deb -f "$file" | sed '1a Status: install ok installed' && echo
  dpkg-deb --fsys-tarfile "$file" | tar -t | sed 's,^\\.,,; s,/$,,; s,^$,/.,' > "var/lib/dpkg/info/$name.list" || exit
done > var/lib/dpkg/status`;
  await output("sh", ["-c", script, "register", ...files], { cwd: root });
}

async function configure(root: string): Promise<void> {
  for (const path of UNUSED) await removeTree(join(root, path));
  for (const name of ["dev", "proc", "sys", "run", "tmp", "boot", "root", "var/log/journal"]) {
    await Deno.mkdir(join(root, name), { recursive: true });
  }
  await Deno.chmod(join(root, "tmp"), 0o1777);
  for (const name of ["passwd", "group"] as const) {
    const master = await Deno.readTextFile(join(root, `usr/share/base-passwd/${name}.master`));
    const rows = USERS.map(([user, id]) =>
      name === "passwd" ? `${user}:x:${id}:${id}::/:/bin/false\n` : `${user}:x:${id}:\n`
    );
    await Deno.writeTextFile(join(root, `etc/${name}`), master + rows.join(""));
  }
  for (const unit of ON_DEMAND) await removeTree(join(root, "usr/lib/systemd/system/multi-user.target.wants", unit));
  // Without them, whatever is made anew after an update of /usr is made anew at each first boot.
  for (const path of ["etc/.updated", "var/.updated"]) await Deno.writeTextFile(join(root, path), "");
  // openrc leaves the link to the administrator.
  const init = join(root, "usr/sbin/init");
  if (!await exists(init) && await exists(join(root, "usr/sbin/openrc-init"))) await Deno.symlink("openrc-init", init);
  if (!await exists(join(root, "usr/bin/sh"))) await Deno.symlink("dash", join(root, "usr/bin/sh"));
}

/**
 * A machine that runs this Debian, with Deno and the programs in /usr/local/bin, unless these are undefined, the kernel and
 * initrd in /boot, and these files.
 * It says hello after multi-user.target. A crash kernel that is booted from the same initrd does not go on to the Debian:
 * it has the agent, with the disk at /disk.
 */
export async function debianMachine(
  suite: Suite,
  kernel: Kernel,
  programs: GuestPrograms | undefined,
  { packages = [], ...options }: Partial<MachineOptions> & { readonly packages?: readonly string[] },
  more: GuestFiles,
  init: DebianInit = "systemd",
): Promise<Machine> {
  const initrd = await diskInitrd([kernel]);
  return await startMachine({
    kernel: kernel.image,
    initrd,
    diskBase: await debianRoot(suite, packages, init),
    disk: {
      ...DEBIAN_FILES,
      ...await debianPrograms(programs),
      "/boot/vmlinuz": { file: kernel.image },
      "/boot/initrd": await initrdBytes(initrd),
      ...more,
    },
    memory: 1536,
    ...options,
  });
}

/** The programs of the guest with Deno, or neither, and the agent. */
export async function debianPrograms(programs: GuestPrograms | undefined): Promise<GuestFiles> {
  const installed = programs === undefined ? {} : await localPrograms(programs);
  return { ...installed, "/usr/local/sbin/agent": await agentScript() };
}

async function agentScript(): Promise<Uint8Array> {
  return await Deno.readFile(new URL("guest/agent", import.meta.url));
}

/** Deno and the programs where an administrator would put them. The libraries are those of the Debian. */
async function localPrograms(programs: GuestPrograms): Promise<GuestFiles> {
  const files = Object.entries(await denoDisk(programs));
  return Object.fromEntries(files.flatMap(([path, content]) => {
    if (path.startsWith("/opt/")) return [[path, content]];
    return path.startsWith("/bin/") ? [[`/usr/local${path}`, content]] : [];
  }));
}

/** Where a machine has the release that it is to install. */
export const RELEASE = "/root/warmboot";

/** The files of the release, unpacked. */
export async function releaseFiles(): Promise<GuestFiles> {
  return Object.fromEntries((await releaseTree()).map(({ path, content }) => [`${RELEASE}/${path}`, content]));
}
