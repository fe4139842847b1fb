import { basename } from "@std/path/posix";
import { compareText } from "../core/text.ts";

/** Listings of sysfs that the live reader makes: what is a tree of folders and links there is a text in a capture. */

/** At most so many devices: a server with thousands of disks has fewer, and a capture stays small. */
const MOST_DEVICES = 10_000;

/** Each CPU is a device of this bus, with one driver for all. */
const CPU_BUS = "cpu";

/** Bus, driver, device and path, with tabs between, for each device that has a driver: names may have spaces. */
export function boundDevices(): string {
  const found: string[] = [];
  for (const bus of names("/sys/bus")) {
    if (bus === CPU_BUS) continue;
    for (const driver of names(`/sys/bus/${bus}/drivers`)) {
      const folder = `/sys/bus/${bus}/drivers/${driver}`;
      for (const device of links(folder)) {
        if (device === "module") continue;
        const path = pathOf(`${folder}/${device}`);
        if (path !== undefined && found.length < MOST_DEVICES) found.push(`${bus}\t${driver}\t${device}\t${path}\n`);
      }
    }
  }
  return found.join("");
}

/** File systems that need no device. */
const IN_MEMORY: ReadonlySet<string> = new Set(["rootfs", "ramfs", "tmpfs"]);

/**
 * The device path of each disk that `/` lies on: below device-mapper and md, those that they are made of. Undefined where some
 * of what it needs cannot be seen.
 */
export function rootDisks(): string | undefined {
  const lines = Deno.readTextFileSync("/proc/self/mountinfo").split("\n").map((line) => line.split(" "));
  // The last one that is mounted there is the one that is seen.
  const root = lines.findLast((fields) => fields[4] === "/");
  if (root === undefined) return undefined;
  const [type = "", source = ""] = root.slice(root.indexOf("-") + 1);
  if (IN_MEMORY.has(type)) return "";
  const [, , numbers = ""] = root;
  const block = `/sys/dev/block/${numbers}`;
  // Btrfs and others have a number of their own; the device is named by the source, by device mapper's link too.
  const folders = pathOf(block) !== undefined
    ? [block]
    : source.startsWith("/dev/")
    ? btrfsDisks(basename(realPath(source) ?? source)).map((name) => `/sys/class/block/${name}`)
    : [];
  const found = new Set(folders.flatMap((folder) => disksOf(folder, 0)));
  const known = [...found].filter((path) => path !== undefined && !NEEDS_MORE.test(path));
  return known.length === 0 || known.length < found.size ? undefined : known.map((path) => `${path}\n`).join("");
}

/**
 * Disks that need something which their path does not show: a file or the network, as loop, nbd, NVMe over fabrics and iSCSI
 * do (drivers/scsi/scsi_transport_iscsi.c). Of the virtual ones, those in memory need nothing.
 */
const NEEDS_MORE = /^\/sys\/devices\/virtual\/(?!block\/z?ram\d)|\/session\d+\//;

/** All devices of the Btrfs that one of this name belongs to (fs/btrfs/sysfs.c): a mount names one of them. */
function btrfsDisks(name: string): readonly string[] {
  const systems = names("/sys/fs/btrfs").map((uuid) => links(`/sys/fs/btrfs/${uuid}/devices`));
  return systems.find((devices) => devices.includes(name)) ?? [name];
}

/** The paths of the disks that a block device lies on; undefined for one that is not there. */
function disksOf(folder: string, depth: number): readonly (string | undefined)[] {
  const slaves = names(`${folder}/slaves`);
  if (slaves.length > 0 && depth < 8) {
    return slaves.flatMap((name) => disksOf(`/sys/class/block/${name}`, depth + 1));
  }
  const path = pathOf(folder);
  return path === undefined ? [undefined] : controllersOf(path) ?? [path];
}

/** Of an NVMe namespace that controllers share, which is a virtual device, the paths of these (drivers/nvme/host/multipath.c). */
function controllersOf(path: string): readonly (string | undefined)[] | undefined {
  const subsystem = /^\/sys\/devices\/virtual\/nvme-subsystem\/[^/]+/.exec(path)?.[0];
  if (subsystem === undefined) return undefined;
  const controllers = links(subsystem).filter((name) => /^nvme\d+$/.test(name));
  return controllers.length === 0 ? undefined : controllers.map((name) => pathOf(`${subsystem}/${name}`));
}

/** Name and path, with a tab between, for each console that the kernel writes to; a screen is that of the framebuffers. */
export function consoleDevices(): string {
  const active = textOf("/sys/class/tty/console/active").split(/\s+/).filter((name) => name !== "");
  const rows = active.flatMap((name) => {
    const folders = /^tty\d+$/.test(name)
      ? names("/sys/class/graphics").filter((each) => /^fb\d+$/.test(each)).map((each) =>
        `/sys/class/graphics/${each}/device`
      )
      : [`/sys/class/tty/${name}/device`];
    return folders.flatMap((folder) => {
      const path = pathOf(folder);
      return path === undefined ? [] : [`${name}\t${path}\n`];
    });
  });
  return [...new Set(rows)].join("");
}

/** Name, UUID and device, with tabs between, for each dm-crypt device that is open. */
export function openVolumes(): string {
  const found = names("/sys/class/block").filter((name) => /^dm-\d+$/.test(name)).flatMap((name) => {
    const folder = `/sys/class/block/${name}`;
    const [title, id] = ["name", "uuid"].map((file) => textOf(`${folder}/dm/${file}`).trim());
    const [slave] = names(`${folder}/slaves`);
    const isPlain = title !== undefined && title !== "" && !/[\t\n]/.test(title);
    return isPlain && id?.startsWith("CRYPT-") === true && slave !== undefined
      ? [`${title}\t${id}\t/dev/${slave}\n`]
      : [];
  });
  return found.slice(0, MOST_DEVICES).join("");
}

/** Link and device, with a tab between, for each name that udev gives a disk, and for those of device mapper. */
export function diskLinks(): string {
  const folders = [...names("/dev/disk").map((name) => `/dev/disk/${name}`), "/dev/mapper"];
  const found = folders.flatMap((folder) =>
    links(folder).flatMap((name) => {
      const device = realPath(`${folder}/${name}`);
      return device === undefined || /[\t\n]/.test(`${name}${device}`) ? [] : [`${folder}/${name}\t${device}\n`];
    })
  );
  return found.slice(0, MOST_DEVICES).join("");
}

function realPath(link: string): string | undefined {
  try {
    return Deno.realPathSync(link);
  } catch {
    return undefined;
  }
}

/** Where a link of sysfs leads, below /sys/devices. */
function pathOf(link: string): string | undefined {
  try {
    const path = Deno.realPathSync(link);
    return path.startsWith("/sys/devices/") && !/[\t\n]/.test(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function names(folder: string): readonly string[] {
  return entries(folder).map(({ name }) => name);
}

function links(folder: string): readonly string[] {
  return entries(folder).filter(({ isSymlink }) => isSymlink).map(({ name }) => name);
}

function entries(folder: string): readonly Deno.DirEntry[] {
  try {
    return Array.from(Deno.readDirSync(folder)).toSorted((a, b) => compareText(a.name, b.name));
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
