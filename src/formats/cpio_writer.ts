import { align4 } from "../core/bytes.ts";
import { CPIO_HEADER, TRAILER } from "./cpio.ts";

/** An entry of an archive to write; `name` is without a slash at its start. */
export type CpioWriteEntry =
  | { readonly kind: "folder"; readonly name: string; readonly mode: number }
  /** `size`: bytes of the body. */
  | { readonly kind: "file"; readonly name: string; readonly mode: number; readonly size: number }
  | { readonly kind: "link"; readonly name: string; readonly target: string };

/** Where the body of each entry lies in an archive, and how large that is. */
export interface CpioLayout {
  /** Bytes of the archive, a multiple of 4. */
  readonly size: number;
  /** Where the body of each entry begins, bytes. */
  readonly bodies: readonly number[];
}

/** Type bits of a mode (S_IFDIR, S_IFREG, S_IFLNK). */
const TYPE = { folder: 0o040000, file: 0o100000, link: 0o120000 } as const;

/** Lays an archive out, without its bytes. */
export function layOutCpio(entries: readonly CpioWriteEntry[]): CpioLayout {
  let at = 0;
  const bodies = entries.map((entry) => {
    const body = align4(at + CPIO_HEADER + nameBytes(entry.name).length + 1);
    at = align4(body + bodySize(entry));
    return body;
  });
  return { size: align4(at + CPIO_HEADER + TRAILER.length + 1), bodies };
}

/**
 * Writes an archive in the format newc (Documentation/driver-api/early-userspace/buffer-format.rst) into zeroed memory that
 * `layOutCpio` asks for: owner 0:0 and times 0, so that the same entries give the same bytes. The bodies of files are left for
 * the caller; those of links are written.
 */
export function writeCpio(entries: readonly CpioWriteEntry[], into: Uint8Array): void {
  const { bodies } = layOutCpio(entries);
  let at = 0;
  for (const [index, entry] of entries.entries()) {
    const body = bodies[index] ?? 0;
    const mode = TYPE[entry.kind] | (entry.kind === "link" ? 0o777 : entry.mode & 0o7777);
    // Each has a number of its own: the kernel links entries with the same one if they claim several names.
    writeHeader(into, at, { inode: index + 1, mode, links: entry.kind === "folder" ? 2 : 1, size: bodySize(entry) });
    writeName(into, at, entry.name);
    if (entry.kind === "link") into.set(nameBytes(entry.target), body);
    at = align4(body + bodySize(entry));
  }
  writeHeader(into, at, { inode: 0, mode: 0, links: 1, size: 0 });
  writeName(into, at, TRAILER);
}

/** An archive whose bodies are in memory; `body` gives that of a file, `size` bytes. */
export function cpioArchive(
  entries: readonly CpioWriteEntry[],
  body: (index: number) => Uint8Array,
): Uint8Array {
  const { size, bodies } = layOutCpio(entries);
  const archive = new Uint8Array(size);
  writeCpio(entries, archive);
  for (const [index, entry] of entries.entries()) {
    if (entry.kind === "file" && entry.size > 0) archive.set(body(index), bodies[index]);
  }
  return archive;
}

function bodySize(entry: CpioWriteEntry): number {
  switch (entry.kind) {
    case "folder":
      return 0;
    case "file":
      return entry.size;
    case "link":
      return nameBytes(entry.target).length;
  }
}

function nameBytes(name: string): Uint8Array {
  return new TextEncoder().encode(name);
}

function writeName(into: Uint8Array, at: number, name: string): void {
  const bytes = nameBytes(name);
  into.set(bytes, at + CPIO_HEADER);
  writeField(into, at + CPIO_HEADER - 2 * 8, bytes.length + 1);
}

function writeHeader(
  into: Uint8Array,
  at: number,
  { inode, mode, links, size }: {
    readonly inode: number;
    readonly mode: number;
    readonly links: number;
    readonly size: number;
  },
): void {
  into.set(new TextEncoder().encode("070701"), at);
  // c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, four device numbers, c_namesize, c_check.
  const fields = [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, 0, 0];
  for (const [index, value] of fields.entries()) writeField(into, at + 6 + index * 8, value);
}

function writeField(into: Uint8Array, at: number, value: number): void {
  const digits = value.toString(16).padStart(8, "0");
  for (let index = 0; index < 8; index++) into[at + index] = digits.charCodeAt(index);
}
