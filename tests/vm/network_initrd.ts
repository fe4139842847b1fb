/** Initrds that configure the network by what `carry` brings, ping the gateway, say so on the console, and reset the machine. */
import { basename, join } from "@std/path";
import { debianRoot } from "./debian_root.ts";
import { concatenate, cpioArchive, type CpioEntry, MODE } from "./cpio.ts";
import { cached, removeTree } from "./cache.ts";
import { initramfsToolsInitrd, runDracut } from "./guarded_initrd.ts";
import { exists, output } from "./host_command.ts";
import { moduleFiles } from "./modules.ts";
import { fetchBusybox, fetchKlibc, type Kernel } from "./packages.ts";

/** The gateways of QEMU's user network. */
export const GATEWAYS = { ipv4: "10.0.2.2", ipv6: "fec0::2" } as const;

function file(path: string, data: Uint8Array | string): CpioEntry {
  const isText = /^\/(?:etc|usr\/lib\/systemd\/(?:system|network)|usr\/lib\/udev)\//.test(path);
  const mode = isText ? MODE.file & ~0o111 : MODE.file;
  return { path, mode, data: typeof data === "string" ? new TextEncoder().encode(data) : data };
}

function link(path: string, target: string): CpioEntry {
  return { path, mode: MODE.link, data: new TextEncoder().encode(target) };
}

/** The drivers of the network device, and of what lies on it. */
export async function networkModules(
  kernel: Kernel,
  names: readonly string[] = ["virtio_pci", "virtio_net"],
): Promise<CpioEntry[]> {
  const found = new Map<string, Uint8Array>();
  for (const [index, name] of names.entries()) {
    for (const [path, bytes] of Object.entries(await moduleFiles(kernel, name, `/net/${index}`))) {
      found.set(path, bytes);
    }
  }
  return [...found].map(([path, bytes]) => file(path.replace(/^\/net\/(\d)\//, "/net/$1"), bytes));
}

/** What says on the console what the network is, and ends. */
const REPORT = `busybox ip addr show >/dev/console 2>&1
busybox ip route show >/dev/console 2>&1
busybox ip -6 route show >/dev/console 2>&1
busybox cat /etc/resolv.conf >/dev/console 2>&1
if busybox ping -c 2 -w 20 ${GATEWAYS.ipv4} >/dev/console 2>&1; then
  echo "carried: gateway answers" >/dev/console
else
  echo "carried: no answer" >/dev/console
fi
`;

/** What it adds where both families are carried, and links that are made. */
const FURTHER_REPORT =
  `busybox ping -6 -c 2 -w 20 ${GATEWAYS.ipv6} >/dev/console 2>&1 && echo "carried: IPv6 gateway answers" >/dev/console
for each in /proc/net/bonding/* /proc/net/vlan/config; do busybox cat $each >/dev/console; done
echo "carried: host name $(busybox hostname)" >/dev/console
`;

const END = "busybox sleep 1\nbusybox reboot -f\n";

/** An initrd of initramfs-tools, one of whose scripts asks for the network. */
export async function networkedTools(kernel: Kernel): Promise<Uint8Array<ArrayBuffer>> {
  const klibc = await fetchKlibc();
  const libraries = (await output("find", [klibc, "-name", "klibc-*.so"])).trim().split("\n");
  const [library = ""] = libraries;
  const script = `#!/bin/sh
[ "$1" = prereqs ] && exit 0
. /scripts/functions
for each in /net/*.ko; do busybox insmod $each; done
configure_networking
${REPORT}${END}`;
  const more = cpioArchive([
    file("/bin/ipconfig", await Deno.readFile(join(klibc, "usr/lib/klibc/bin/ipconfig"))),
    file(`/lib/${basename(library)}`, await Deno.readFile(library)),
    { path: "/run", mode: MODE.folder, data: new Uint8Array() },
    file("/scripts/init-premount/ORDER", '/scripts/init-premount/report "$@"\n'),
    file("/scripts/init-premount/report", script),
    ...await networkModules(kernel),
  ]);
  return concatenate([await initramfsToolsInitrd(), more]);
}

/** Dracut's modules that read `ip=`, by their names: what the initrd consists of, and the packages that it needs. */
const DRACUT_NETWORKS = {
  "network-legacy": {
    modules: "base bash udev-rules network network-legacy rootfs-block fs-lib",
    packages: ["dracut-network", "mawk", "procps"],
    // The scripts set up one link after the other.
    report:
      `for each in $(busybox sed -n 's/^ip=.*:\\([^:]*\\):none.*/\\1/p' /etc/cmdline.d/99-warmboot-network.conf); do
  [ -e /tmp/net.$each.did-setup ] || return 0
done
${REPORT}`,
  },
  // As RHEL and Fedora have it: with systemd.
  "network-manager": {
    modules:
      "base bash systemd systemd-initrd systemd-udevd systemd-journald systemd-tmpfiles udev-rules dbus dbus-daemon " +
      "network network-manager dracut-systemd rootfs-block fs-lib",
    packages: ["network-manager", "dracut-network", "mawk", "procps"],
    report: `${REPORT}${FURTHER_REPORT}busybox grep network- /usr/lib/dracut/modules.txt >/dev/console\n`,
  },
} as const;

/** Part of the cache's name: a change of what is made needs another. */
const DRACUT_VERSION = 1;

/** An initrd of Debian's dracut with this module. It reports from the hook that runs once a link is up. */
export async function networkedDracut(
  kernel: Kernel,
  network: keyof typeof DRACUT_NETWORKS,
  drivers?: readonly string[],
): Promise<Uint8Array<ArrayBuffer>> {
  const { modules, packages, report } = DRACUT_NETWORKS[network];
  const root = await debianRoot("bookworm", packages);
  const folder = await cached(`initrds/dracut-${network}_${DRACUT_VERSION}`, async (partial) => {
    const tree = join(partial, "tree");
    await output("cp", ["-a", root, tree]);
    // As update-alternatives would have it.
    await Deno.symlink("mawk", join(tree, "usr/bin/awk"));
    await runDracut(tree, partial, { initrd: modules });
    await removeTree(tree);
  });
  const hooks = "/usr/lib/dracut/hooks";
  // As NetworkManager loads it; the module would make a bond0 of its own.
  const insert = `for each in /net/*.ko; do
  case $each in
  *-bonding.ko) busybox insmod $each max_bonds=0 ;;
  *) busybox insmod $each ;;
  esac
done
`;
  const more = cpioArchive([
    file("/usr/bin/busybox", await Deno.readFile(await fetchBusybox("x86_64"))),
    file(`${hooks}/pre-udev/00-net.sh`, insert),
    file(`${hooks}/initqueue/online/99-report.sh`, `${report}${END}`),
    ...await networkModules(kernel, drivers),
  ]);
  return concatenate([await Deno.readFile(join(folder, "initrd")), more]);
}

/** Programs of systemd, as Debian has them. */
const PROGRAMS = [
  "usr/lib/systemd/systemd",
  "usr/lib/systemd/systemd-networkd",
  "usr/lib/systemd/systemd-executor",
  "usr/bin/udevadm",
];

/** Their units, targets and configuration. */
const UNITS = [
  "sysinit.target",
  "network.target",
  "network-pre.target",
  "shutdown.target",
  "umount.target",
  "systemd-networkd.service",
  "systemd-networkd.socket",
  "systemd-udevd.service",
  "systemd-udevd-control.socket",
  "systemd-udevd-kernel.socket",
  "systemd-udev-trigger.service",
].map((name) => `usr/lib/systemd/system/${name}`);

const RULES = ["50-udev-default.rules", "75-net-description.rules", "80-net-setup-link.rules", "99-systemd.rules"]
  .map((name) => `usr/lib/udev/rules.d/${name}`);

/** A plain initrd of systemd: nothing in it starts systemd-networkd but what `carry` brings. */
export async function networkedSystemd(kernel: Kernel, modules: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  const root = await debianRoot("bookworm");
  const script = `for each in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  busybox ip -4 route show default | busybox grep -q ${GATEWAYS.ipv4} && break
  busybox sleep 1
done
busybox sleep 3
${REPORT}${FURTHER_REPORT}${END}`;
  const init = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
for each in /net/*.ko; do
  case $each in
  *-bonding.ko) /bin/busybox insmod $each $(/bin/busybox sed "s/.* //" /etc/modprobe.d/warmboot-bonding.conf) ;;
  *) /bin/busybox insmod $each ;;
  esac
done
exec /usr/lib/systemd/systemd
`;
  return cpioArchive([
    file("/init", init),
    file("/bin/busybox", await Deno.readFile(await fetchBusybox("x86_64"))),
    link("/bin/sh", "busybox"),
    link("/lib", "usr/lib"),
    link("/lib64", "usr/lib64"),
    link("/usr/lib/systemd/systemd-udevd", "../../bin/udevadm"),
    { path: "/proc", mode: MODE.folder, data: new Uint8Array() },
    { path: "/sys", mode: MODE.folder, data: new Uint8Array() },
    { path: "/dev", mode: MODE.folder, data: new Uint8Array() },
    { path: "/run", mode: MODE.folder, data: new Uint8Array() },
    { path: "/tmp", mode: MODE.folder, data: new Uint8Array() },
    { path: "/var", mode: MODE.folder, data: new Uint8Array() },
    file("/etc/initrd-release", "ID=warmboot-tests\nVERSION_ID=1\n"),
    file("/etc/os-release", "ID=warmboot-tests\nVERSION_ID=1\n"),
    file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    file("/etc/passwd", "root:x:0:0::/:/bin/sh\nsystemd-network:x:998:998::/:/bin/false\n"),
    file(
      "/etc/group",
      "root:x:0:\nsystemd-network:x:998:\ntty:x:5:\nkmem:x:15:\ninput:x:101:\nkvm:x:102:\nrender:x:103:\ndisk:x:6:\nlp:x:7:\ncdrom:x:24:\ntape:x:26:\naudio:x:29:\nvideo:x:44:\nsgx:x:104:\ndialout:x:20:\n",
    ),
    file("/etc/nsswitch.conf", "passwd: files\ngroup: files\n"),
    // As systems have it: their own files come after those of `carry`.
    file("/etc/systemd/network/00-all.network", "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n"),
    file(
      "/etc/systemd/system/sysinit.target.d/udev.conf",
      "[Unit]\nWants=systemd-udevd.service systemd-udev-trigger.service\n",
    ),
    file(
      "/etc/systemd/system/initrd.target",
      "[Unit]\nRequires=sysinit.target report.service\nAfter=sysinit.target\n",
    ),
    file(
      "/etc/systemd/system/report.service",
      "[Unit]\nDefaultDependencies=no\nAfter=sysinit.target\n[Service]\nType=oneshot\nExecStart=/bin/sh /report\n",
    ),
    file("/etc/systemd/system.conf", "[Manager]\nLogTarget=kmsg\nShowStatus=no\n"),
    file("/report", script),
    ...await rootFiles(root, [...PROGRAMS, ...UNITS, ...RULES, "usr/lib/systemd/network/99-default.link"]),
    ...await networkModules(kernel, modules),
  ]);
}

/** Files of a root file system by their paths, those that are there, with the libraries that programs need. */
async function rootFiles(root: string, paths: readonly string[]): Promise<readonly CpioEntry[]> {
  const found = new Map<string, CpioEntry>();
  const pending = [...paths];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const real = join(root, path);
    if (found.has(path) || !await exists(real)) continue;
    found.set(path, file(`/${path}`, await Deno.readFile(real)));
    if (!/\/(?:systemd|systemd-\w+|udevadm|[^/]+\.so[.\d]*)$/.test(path)) continue;
    const needed = (await output("objdump", ["-p", real])).matchAll(/^\s*NEEDED\s+(\S+)$/gm);
    for (const [, name = ""] of needed) {
      for (const folder of ["usr/lib/x86_64-linux-gnu/systemd", "usr/lib/x86_64-linux-gnu", "usr/lib64"]) {
        if (await exists(join(root, folder, name))) pending.push(`${folder}/${name}`);
      }
    }
  }
  return [
    ...found.values(),
    file("/usr/lib64/ld-linux-x86-64.so.2", await Deno.readFile(join(root, "usr/lib64/ld-linux-x86-64.so.2"))),
  ];
}
