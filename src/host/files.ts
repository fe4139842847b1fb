import { createHash } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from "node:fs";
import { basename, dirname } from "@std/path/posix";
import type { ByteSource } from "../core/bytes.ts";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { suggestName } from "./near_name.ts";

/** What tells one content of a file from another, as far as the file system does. */
export interface FileIdentity {
  /** Device number of its file system. */
  readonly dev: bigint;
  /** Its inode. */
  readonly ino: bigint;
  /** Bytes. */
  readonly size: bigint;
  /** Nanoseconds since 1970; Deno 2.9 fills milliseconds here, and seconds in `ctimeNs`. */
  readonly mtimeNs: bigint;
  /** Last change of its inode, nanoseconds. */
  readonly ctimeNs: bigint;
}

/**
 * A regular file, opened once for reading: what is hashed and identified is what the kernel is handed, even if another
 * file takes its name in between. To be closed with `closeFile`.
 */
export interface OpenFile {
  /** As it was named. */
  readonly path: string;
  /** The process's own descriptor, which system calls take; closed on exec. */
  readonly fd: number;
  /** Bytes. */
  readonly size: number;
  /** As it was when the file was opened. */
  readonly identity: FileIdentity;
  /** Reads at positions; the descriptor's own position stays at 0. Throws on an I/O error. */
  readonly source: ByteSource;
}

/** Opens a regular file for reading. Anything else is refused without being opened: opening a device can act on it. */
export function openFile(path: string): Checked<OpenFile> {
  let fd: number | undefined;
  try {
    const refused = unsuitable(path, statSync(path));
    if (refused !== undefined) return { value: undefined, diagnostics: [refused] };
    // Whatever may have taken the name since: do not wait for the other end of a FIFO, and look again at what was opened.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = fstatSync(fd, { bigint: true });
    const changed = unsuitable(path, stats);
    if (changed !== undefined) {
      closeSync(fd);
      return { value: undefined, diagnostics: [changed] };
    }
    return { value: describeFile(path, fd, stats), diagnostics: [] };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    return { value: undefined, diagnostics: [openProblem(path, error)] };
  }
}

function describeFile(path: string, fd: number, stats: BigIntStats): OpenFile {
  const size = Number(stats.size);
  return {
    path,
    fd,
    size,
    identity: identityOf(stats),
    source: {
      size,
      read(offset, length) {
        const buffer = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
        return buffer.subarray(0, fill(fd, buffer, offset));
      },
    },
  };
}

function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileIdentity {
  return { dev, ino, size, mtimeNs, ctimeNs };
}

/** Reads until the buffer is full or the file ends; gives the number of bytes. */
function fill(fd: number, buffer: Uint8Array, offset: number): number {
  let done = 0;
  while (done < buffer.length) {
    const count = readSync(fd, buffer, done, buffer.length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Bytes read at once. Measured from 16 KiB to 16 MiB: from 64 KiB on the digest sets the pace. */
const CHUNK_SIZE = 256 * 1024;

/**
 * The file's SHA-256, 64 lower-case hex digits, read as it is now. `onProgress` gets the bytes done and in all, after
 * each chunk. Throws on an I/O error.
 */
export function hashFile(file: OpenFile, onProgress?: (done: number, total: number) => void): string {
  const digest = createHash("sha256");
  const buffer = new Uint8Array(CHUNK_SIZE);
  let done = 0;
  for (let count = fill(file.fd, buffer, done); count > 0; count = fill(file.fd, buffer, done)) {
    digest.update(buffer.subarray(0, count));
    done += count;
    onProgress?.(done, Math.max(done, file.size));
  }
  return digest.digest("hex");
}

/**
 * Whether the open file is as it was when it was opened. A write shows in the size or the times, except one that keeps
 * the size and sets mtime back within the second; a renamed or deleted file counts as changed too (ctime).
 */
export function isUnchanged(file: OpenFile): boolean {
  const now = identityOf(fstatSync(file.fd, { bigint: true }));
  const then = file.identity;
  return now.dev === then.dev && now.ino === then.ino && now.size === then.size && now.mtimeNs === then.mtimeNs &&
    now.ctimeNs === then.ctimeNs;
}

/** Closes the file; its descriptor must not be used any more. */
export function closeFile(file: OpenFile): void {
  closeSync(file.fd);
}

type FileKind = "isFile" | "isDirectory" | "isFIFO" | "isSocket" | "isBlockDevice" | "isCharacterDevice";

const NO_REGULAR_FILES: readonly (readonly [FileKind, string])[] = [
  ["isDirectory", "a directory"],
  ["isFIFO", "a FIFO"],
  ["isSocket", "a socket"],
  ["isBlockDevice", "a block device"],
  ["isCharacterDevice", "a character device"],
];

function unsuitable(path: string, stats: Stats | BigIntStats): Diagnostic | undefined {
  if (stats.isFile()) return undefined;
  const [, kind] = NO_REGULAR_FILES.find(([is]) => stats[is]()) ?? ["", "no regular file"];
  return {
    code: "file-unreadable",
    severity: "error",
    message: `${path} is ${kind}`,
    expected: "a regular file",
    found: kind,
  };
}

/** Why a file could not be opened, by the errno's name; `NotCapable` is Deno's own refusal. */
const REASONS: { readonly [error: string]: { readonly reason: string; readonly hint: string } } = {
  EACCES: { reason: "permission denied", hint: "Run warmboot as root, or give the file to its user to read" },
  EPERM: { reason: "permission denied", hint: "Run warmboot as root, or give the file to its user to read" },
  ELOOP: { reason: "its symbolic links lead in a circle", hint: "Name the file itself" },
  NotCapable: { reason: "Deno was not given the permission to", hint: "Run it with --allow-read, or with -A" },
};

function openProblem(path: string, error: unknown): Diagnostic {
  const name = errorName(error);
  if (name === "ENOENT" || name === "ENOTDIR") return missing(path);
  const known = REASONS[name];
  return {
    code: name === "NotCapable" ? "file-not-capable" : "file-unreadable",
    severity: "error",
    message: `Cannot open ${path}: ${known?.reason ?? name}`,
    ...(known === undefined ? {} : { hint: known.hint }),
  };
}

function missing(path: string): Diagnostic {
  const target = attempt(() => readlinkSync(path));
  const hint = missingHint(path);
  return {
    code: "file-missing",
    severity: "error",
    message: target === undefined
      ? `${path} does not exist`
      : `${path} is a symbolic link to ${target}, which does not exist`,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** What there is instead: a similar name, or the first part of the path that is no directory. */
function missingHint(path: string): string | undefined {
  const directory = dirname(path);
  const names = attempt(() => readdirSync(directory));
  if (names !== undefined) return suggestName(basename(path), names.filter((name) => name !== basename(path)));
  if (isDirectory(directory)) return undefined;
  let first = directory;
  while (dirname(first) !== first && !isDirectory(dirname(first))) first = dirname(first);
  return attempt(() => statSync(first)) === undefined ? `There is no directory ${first}` : `${first} is no directory`;
}

function isDirectory(path: string): boolean {
  return attempt(() => statSync(path).isDirectory()) ?? false;
}

/** For hints only: what fails leaves them out. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The errno's name, or Deno's for its own refusal; any other error is a defect and goes on. */
function errorName(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  if (error instanceof Deno.errors.NotCapable) return "NotCapable";
  throw error;
}
