import { type BootFiles, textAt } from "./boot_files.ts";

/** A mounted file system, or a part of one. */
export interface Mount {
  /** Where, as a path of the host. */
  readonly point: string;
  /** The folder of the file system that is mounted there: `/`, or a subvolume. */
  readonly root: string;
  readonly type: string;
  /** The device, as it was named: /dev/sda2. */
  readonly source: string;
  /** The device's number, as `8:2`. */
  readonly device: string;
  readonly uuid?: string;
  readonly label?: string;
  readonly partitionUuid?: string;
  /** The type of a GPT partition, a UUID. */
  readonly partitionType?: string;
}

/** GPT types of partitions that hold boot loaders (Discoverable Partitions Specification). */
export const ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
export const XBOOTLDR = "bc13c2ff-59e6-4262-a352-b275fd6f7172";

/** How many mounts are looked at: a host of many containers has thousands, of which few are of devices. */
export const MOUNTS_LIMIT = 500;

/** A line of mountinfo that is about a device or a pool, not about a file system of the kernel's own. */
export const DEVICE_MOUNT = /^\d+ \d+ \d+:\d+ \/\S* \/\S* [^\n]* - (?:\S+ \/dev\/|zfs )/;

/** The mounts of devices, in the order in which they were made (Documentation/filesystems/proc.rst, mountinfo). */
export function mountsOf(files: BootFiles): readonly Mount[] {
  const lines = (textAt(files, "/proc/self/mountinfo") ?? "").split("\n").filter((line) => DEVICE_MOUNT.test(line));
  const known = new Map<string, Identity>();
  const links = linksOnce(files);
  return lines.slice(0, MOUNTS_LIMIT).flatMap((line): readonly Mount[] => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , number = "", root = "", point = ""] = before.split(" ");
    const [type = "", source = ""] = after.split(" ");
    const device = number.startsWith("0:") ? deviceNumber(files, unescape(source)) ?? number : number;
    const identity = known.get(device) ?? identityOf(files, device, unescape(source), links);
    known.set(device, identity);
    return [{ point: unescape(point), root: unescape(root), type, source: unescape(source), device, ...identity }];
  });
}

type Identity = Pick<Mount, "uuid" | "label" | "partitionUuid" | "partitionType">;

/** `\040` is a space. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** The number of a block device by its name: file systems over several devices have one of their own in mountinfo. */
function deviceNumber(files: BootFiles, source: string): string | undefined {
  const name = /^\/dev\/([\w.+-]+)$/.exec(source)?.[1];
  const number = name === undefined ? undefined : textAt(files, `/sys/class/block/${name}/dev`)?.trim();
  return number !== undefined && /^\d+:\d+$/.test(number) ? number : undefined;
}

/** The lines of a device in udev's database that say what it holds. */
export const UDEV_LINE = /^E:ID_(?:FS_UUID|FS_LABEL_ENC|PART_ENTRY_UUID|PART_ENTRY_TYPE)=/;

/** What udev found out about a device, else what the links under /dev/disk say. */
function identityOf(files: BootFiles, device: string, source: string, links: Links): Identity {
  const database = textAt(files, `/run/udev/data/b${device}`);
  const field = (name: string): string | undefined => {
    const line = database?.split("\n").find((each) => each.startsWith(`E:${name}=`));
    return line?.slice(name.length + 3);
  };
  const name = source.slice(source.lastIndexOf("/") + 1);
  const uuid = field("ID_FS_UUID") ?? links("by-uuid").get(name);
  const label = field("ID_FS_LABEL_ENC") ?? links("by-label").get(name);
  const partitionUuid = field("ID_PART_ENTRY_UUID") ?? links("by-partuuid").get(name);
  const partitionType = field("ID_PART_ENTRY_TYPE");
  return {
    ...(uuid === undefined ? {} : { uuid }),
    ...(label === undefined ? {} : { label: unescapeHex(label) }),
    ...(partitionUuid === undefined ? {} : { partitionUuid: partitionUuid.toLowerCase() }),
    ...(partitionType === undefined ? {} : { partitionType: partitionType.toLowerCase() }),
  };
}

/** What a folder under /dev/disk calls each device, by the device's name. */
type Links = (folder: string) => ReadonlyMap<string, string>;

function linksOnce(files: BootFiles): Links {
  const known = new Map<string, ReadonlyMap<string, string>>();
  const read = (folder: string): ReadonlyMap<string, string> =>
    new Map(
      files.list(`/dev/disk/${folder}`).slice(0, MOUNTS_LIMIT).flatMap((name) => {
        const target = textAt(files, `/dev/disk/${folder}/${name}`)?.trim();
        return target === undefined ? [] : [[target.slice(target.lastIndexOf("/") + 1), name] as const];
      }),
    );
  return (folder) => {
    const found = known.get(folder) ?? read(folder);
    known.set(folder, found);
    return found;
  };
}

/** udev writes `\x20` for a space. */
function unescapeHex(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}

/** The mount that a path of the host lies on: the last one that was made at the longest point above it. */
export function mountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    if (isWithin(path, mount.point) && (found === undefined || mount.point.length >= found.point.length)) found = mount;
  }
  return found;
}

/** The path of the host at which a path of a device's file system can be read; undefined where no mount shows it. */
export function hostPath(mounts: readonly Mount[], device: string, path: string): string | undefined {
  const shown = mounts.filter((mount) => mount.device === device && isWithin(path, mount.root)).toSorted((a, b) =>
    b.root.length - a.root.length
  );
  for (const mount of shown) {
    const below = path.slice(mount.root === "/" ? 0 : mount.root.length);
    const found = `${mount.point === "/" ? "" : mount.point}${below}` || "/";
    // Another file system may be mounted over it, or another folder of this one.
    const top = mountAt(mounts, found);
    if (top?.device === device && pathOnDevice(top, found) === path) return found;
  }
  return undefined;
}

/** A path of the host below a mount, as the file system of the mount has it. */
export function pathOnDevice({ point, root }: Mount, path: string): string {
  return `${root === "/" ? "" : root}${path.slice(point === "/" ? 0 : point.length)}` || "/";
}

function isWithin(path: string, folder: string): boolean {
  return folder === "/" || path === folder || path.startsWith(`${folder}/`);
}
