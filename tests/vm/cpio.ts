/** A file, or a symbolic link, for an archive. Paths are absolute in the guest. */
export interface CpioEntry {
  readonly path: string;
  /** File type and permissions, as st_mode. */
  readonly mode: number;
  /** The file's bytes, or the link's target. */
  readonly data: Uint8Array;
}

/** st_mode of a folder, a program or any other regular file, and a symbolic link. */
export const MODE = { folder: 0o040755, file: 0o100755, link: 0o120777 } as const;

/**
 * Writes a cpio archive in the format newc, which the kernel unpacks (Documentation/driver-api/early-userspace/
 * buffer-format.rst): a header of hexadecimal text, the name, the data, each padded to 4 bytes. The folders that the
 * entries lie in are added before them. The whole is padded, so that archives can be put behind each other.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Uint8Array<ArrayBuffer> {
  const folders = new Set(entries.flatMap((entry) => parents(entry.path)));
  const rows = [
    ...[...folders].toSorted().map((path) => ({ path, mode: MODE.folder, data: new Uint8Array() })),
    ...entries,
  ];
  return concatenate([
    ...rows.flatMap((entry, index) => record(entry, index + 1)),
    ...record({ path: "/TRAILER!!!", mode: 0, data: new Uint8Array() }, 0),
  ]);
}

/** The bytes one behind the other. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** The folders above a path: `/a`, `/a/b` for `/a/b/c`. */
function parents(path: string): readonly string[] {
  const steps = path.split("/").slice(1, -1);
  return steps.map((_, index) => `/${steps.slice(0, index + 1).join("/")}`);
}

function record({ path, mode, data }: CpioEntry, inode: number): readonly Uint8Array[] {
  const name = new TextEncoder().encode(`${path.slice(1)}\0`);
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const numbers = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}`;
  const head = [new TextEncoder().encode(header), name];
  return [...head, padding(header.length + name.length), data, padding(data.length)];
}

function padding(size: number): Uint8Array {
  return new Uint8Array((4 - size % 4) % 4);
}
