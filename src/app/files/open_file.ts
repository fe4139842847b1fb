import { digestBytes } from "../../core/sha256.ts";
import { basename, dirname } from "@std/path/posix";
import type { ByteSource } from "../../core/bytes.ts";
import { type Checked, type Diagnostic, orUndefined, reasonOf } from "../../core/diagnostic.ts";
import { formatSize } from "../../core/number.ts";
import { findPart, parsePartPath, type PartPath } from "../../entry/part_path.ts";
import { suggestFile } from "./suggest_file.ts";
import { othersCanReplace } from "./writers.ts";

/** What identifies the content of a file, as far as the file system shows it. */
export interface FileIdentity {
  /** Device number of its file system. */
  readonly dev: number;
  /** Its inode. */
  readonly ino: number | null;
  /** Bytes. */
  readonly size: number;
  /** Last change of its content, milliseconds since 1970. */
  readonly mtime: number | undefined;
  /** Last change of its inode, milliseconds since 1970; Deno 2.9 fills whole seconds. */
  readonly ctime: number | undefined;
}

/**
 * A regular file, opened once for reading: what is hashed and identified is what the kernel gets, even if another file takes
 * its name in between. Close it with `closeFile`.
 */
export interface OpenFile extends ByteSource {
  /** As it was named. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** As it was when the file was opened. */
  readonly identity: FileIdentity;
  /** The open file itself; see `descriptorOf`. */
  readonly handle: Deno.FsFile;
  /** Where its bytes begin in the open file, bytes: it is a part of it. Undefined: it is the whole file. */
  readonly start?: number;
  /** Where this is a sealed copy in memory: the file that it is a copy of. Both are closed together. */
  readonly original?: OpenFile;
}

/**
 * Opens a regular file for reading, or a part of one by its path (see `PartPath`). Anything else is refused without opening
 * it: opening a device can have effects.
 */
export function openFile(path: string): Checked<OpenFile> {
  try {
    return openOrThrow(path);
  } catch (error) {
    const part = errorName(error) === "ENOTDIR" ? parsePartPath(path) : undefined;
    if (part !== undefined) return openPart(path, part);
    return { value: undefined, diagnostics: [openProblem(path, error)] };
  }
}

/** The same, but what the system refuses is thrown as its error, and not a diagnostic. */
export function openOrThrow(path: string): Checked<OpenFile> {
  const refused = unsuitable(path, Deno.statSync(path));
  if (refused !== undefined) return { value: undefined, diagnostics: [refused] };
  const { value: handle, diagnostics } = othersCanReplace(path)
    ? openWithoutWaiting(path)
    : { value: Deno.openSync(path), diagnostics: [] };
  if (handle === undefined) return { value: undefined, diagnostics };
  try {
    // Another file may have taken the name since: check what was opened.
    const stats = statOf({ path, handle });
    const changed = unsuitable(path, stats);
    if (changed === undefined) return { value: describeFile(path, handle, stats), diagnostics: [] };
    handle.close();
    return { value: undefined, diagnostics: [changed] };
  } catch (error) {
    handle.close();
    throw error;
  }
}

/**
 * Opens what may be replaced meanwhile: by a FIFO, whose opening waits until somebody writes to it, forever. Deno cannot open
 * with O_NONBLOCK, and Node's functions take longer to start than all else that reads a profile.
 */
function openWithoutWaiting(path: string): Checked<Deno.FsFile> {
  // deno-lint-ignore no-process-global
  const { closeSync, constants, openSync } = process.getBuiltinModule("node:fs");
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const opened = `${DESCRIPTORS}/${descriptor}`;
    const refused = unsuitable(path, Deno.statSync(opened));
    if (refused !== undefined) return { value: undefined, diagnostics: [refused] };
    return { value: Deno.openSync(opened), diagnostics: [] };
  } finally {
    closeSync(descriptor);
  }
}

function openPart(path: string, named: PartPath): Checked<OpenFile> {
  const { value: image, diagnostics } = openFile(named.image);
  if (image === undefined) return { value: undefined, diagnostics };
  const part = findPart(image, named);
  if (part !== undefined && part.offset + part.size <= image.size) {
    const { offset: start, size } = part;
    const read: OpenFile["read"] = (offset, length) =>
      image.read(start + offset, Math.max(0, Math.min(length, size - offset)));
    return { value: { ...image, path, size, start, read }, diagnostics };
  }
  closeFile(image);
  const message = named.kind === "uboot"
    ? `${named.image} has no image \`${named.name}\``
    : `${named.image} has no section \`${named.name}\`${
      named.profile === undefined ? "" : ` of its profile ${named.profile}`
    }`;
  return { value: undefined, diagnostics: [{ code: "file-missing", severity: "error", message }] };
}

function describeFile(path: string, handle: Deno.FsFile, stats: Deno.FileInfo): OpenFile {
  const { size } = stats;
  return {
    path,
    size,
    identity: identityOf(stats),
    read(offset, length) {
      const buffer = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      return buffer.subarray(0, fill({ path, handle }, buffer, offset));
    },
    handle,
  };
}

function identityOf({ dev, ino, size, mtime, ctime }: Deno.FileInfo): FileIdentity {
  return { dev, ino, size, mtime: mtime?.getTime(), ctime: ctime?.getTime() };
}

/** Reads until the buffer is full or the file ends; returns the number of bytes. */
function fill({ path, handle }: Pick<OpenFile, "path" | "handle">, buffer: Uint8Array, offset: number): number {
  return asReading(`read ${path}`, () => {
    handle.seekSync(offset, Deno.SeekMode.Start);
    let done = 0;
    while (done < buffer.length) {
      const count = handle.readSync(buffer.subarray(done));
      if (count === null) break;
      done += count;
    }
    return done;
  });
}

/** Reads the start of an open file into memory; returns the number of bytes. @throws {ReadError} */
export function readInto(file: OpenFile, into: Uint8Array): number {
  return fill(file, into, file.start ?? 0);
}

function statOf({ path, handle }: Pick<OpenFile, "path" | "handle">): Deno.FileInfo {
  return asReading(`look at ${path}`, () => handle.statSync());
}

/** Names the file of what the system refuses: a descriptor's errors do not. @throws {ReadError} */
function asReading<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new ReadError(`Cannot ${what}: ${reasonOf(cause)}`, { cause });
  }
}

/** An open file cannot be read, as on a failing disk. */
export class ReadError extends Error {
  /** Always `ReadError`. */
  override readonly name = "ReadError";
}

/**
 * Up to this size, a file is hashed in one piece by Web Crypto, which starts at once but needs all of it in memory, twice.
 * Node's hash streams, but takes some 40 ms to start, which kernel and initrd together make up for.
 */
const WHOLE_SIZE = 4 << 20;

/** Bytes read at once. Measured from 16 KiB to 16 MiB: from 64 KiB on, the digest is the bottleneck. */
const CHUNK_SIZE = 256 * 1024;

/**
 * The file's current SHA-256, 64 lower-case hex digits. `onProgress` gets the bytes read and the total after each chunk: the
 * disk may be slow. Rejects on an I/O error.
 */
export async function hashFile(
  file: OpenFile,
  onProgress?: (done: number, total: number) => void,
): Promise<string> {
  return await hashPart(file, 0, file.start === undefined ? statOf(file).size : file.size, onProgress);
}

/** The SHA-256 of a part of the file, up to its end. */
export async function hashPart(
  file: OpenFile,
  offset: number,
  length: number,
  onProgress?: (done: number, total: number) => void,
): Promise<string> {
  const begin = (file.start ?? 0) + offset;
  if (length <= WHOLE_SIZE) {
    // A part that begins beyond the end of its file has a negative length; the plan reports it.
    const part = new Uint8Array(Math.max(0, length));
    let done = 0;
    for (let count = -1; done < length && count !== 0; done += count) {
      count = fill(file, part.subarray(done, done + CHUNK_SIZE), begin + done);
      if (count > 0) onProgress?.(done + count, length);
    }
    return await digestBytes(part.subarray(0, done));
  }
  const { createHash } = await import("node:crypto");
  const digest = createHash("sha256");
  for (const { bytes, end } of chunksOf(file, begin, length)) {
    digest.update(bytes);
    onProgress?.(end, length);
  }
  return digest.digest("hex");
}

/** The SHA-256 of pieces of the file, one after the other. */
export async function hashPieces(
  file: OpenFile,
  pieces: readonly { readonly at: number; readonly size: number }[],
): Promise<string> {
  const [only, ...more] = pieces;
  if (only !== undefined && more.length === 0) return await hashPart(file, only.at, only.size);
  const { createHash } = await import("node:crypto");
  const digest = createHash("sha256");
  for (const { at, size } of pieces) {
    for (const { bytes } of chunksOf(file, (file.start ?? 0) + at, size)) digest.update(bytes);
  }
  return digest.digest("hex");
}

/**
 * What is in a part of the open file, piece by piece up to its end; `start` and `end` count from where the part begins. The
 * bytes are overwritten by the next piece.
 */
function* chunksOf(
  file: OpenFile,
  begin: number,
  length: number,
): Iterable<{ readonly bytes: Uint8Array; readonly start: number; readonly end: number }> {
  const buffer = new Uint8Array(CHUNK_SIZE);
  for (let start = 0; start < length;) {
    const chunk = buffer.subarray(0, Math.min(buffer.length, length - start));
    const count = fill(file, chunk, begin + start);
    if (count === 0) return;
    const end = start + count;
    yield { bytes: chunk.subarray(0, count), start, end };
    start = end;
  }
}

/** The file that an open file, or what it is a copy of, is a part of; undefined for a whole file. */
export function imageOf({ path, start, original }: OpenFile): string | undefined {
  return (original === undefined ? start : original.start) === undefined ? undefined : parsePartPath(path)?.image;
}

/** A part of a file, bytes. */
interface Part {
  readonly offset: number;
  readonly size: number;
}

/** The SHA-256 of a file and of parts of it, all of the same bytes: each byte is read once. Rejects on an I/O error. */
export async function hashWithParts(
  file: OpenFile,
  parts: readonly Part[],
): Promise<{ readonly whole: string; readonly parts: readonly string[] }> {
  const { createHash } = await import("node:crypto");
  const hashes = [{ offset: 0, size: file.size }, ...parts].map((part) => ({ ...part, digest: createHash("sha256") }));
  for (const { bytes, start, end } of chunksOf(file, file.start ?? 0, file.size)) {
    for (const { offset, size, digest } of hashes) {
      const [from, to] = [Math.max(offset, start), Math.min(offset + size, end)];
      if (from < to) digest.update(bytes.subarray(from - start, to - start));
    }
  }
  const [whole = "", ...rest] = hashes.map(({ digest }) => digest.digest("hex"));
  return { whole, parts: rest };
}

/**
 * Whether the open file is unchanged since it was opened. A write changes the size or the times, except one that keeps the
 * size and resets mtime within the same second; a renamed or deleted file counts as changed too (ctime).
 * @throws {ReadError} if it cannot be looked at
 */
export function isUnchanged({ path, handle, identity }: OpenFile): boolean {
  const now = identityOf(statOf({ path, handle }));
  return now.dev === identity.dev && now.ino === identity.ino && now.size === identity.size &&
    now.mtime === identity.mtime && now.ctime === identity.ctime;
}

/** A file that was not the same from its first reading to its last. */
export function fileChanged(path: string): Diagnostic {
  return {
    code: "file-unreadable",
    severity: "error",
    message: `${path} changed while it was read`,
    hint: "Wait until it is written, and try again",
  };
}

/**
 * The file descriptor of the open file, for system calls, at position 0. Deno does not disclose it, but the process can list
 * its descriptors: this one is distinguished from others of the same file (a shell may have left one open for writing) by its
 * position, which is changed for a moment. @throws {ReadError} if it is not found
 */
export function descriptorOf({ path, handle }: OpenFile): number {
  const { dev, ino, size } = statOf({ path, handle });
  const mark = size + 1 + Math.floor(Math.random() * 2 ** 32);
  const found = asReading(`find the descriptor of ${path}`, () => {
    handle.seekSync(mark, Deno.SeekMode.Start);
    const number = Array.from(Deno.readDirSync(DESCRIPTORS), ({ name }) => name).find((name) => {
      const stats = orUndefined(() => Deno.statSync(`${DESCRIPTORS}/${name}`));
      return stats?.dev === dev && stats.ino === ino && positionOf(name) === mark;
    });
    handle.seekSync(0, Deno.SeekMode.Start);
    return number;
  });
  // As with too many open files: then the position of none can be read.
  if (found === undefined) throw new ReadError(`Cannot find the descriptor of ${path} in ${DESCRIPTORS}`);
  return Number(found);
}

const DESCRIPTORS = "/proc/self/fd";

function positionOf(descriptor: string): number | undefined {
  const info = orUndefined(() => Deno.readTextFileSync(`/proc/self/fdinfo/${descriptor}`));
  const position = /^pos:\t(\d+)$/m.exec(info ?? "")?.[1];
  return position === undefined ? undefined : Number(position);
}

/**
 * A file of this process by its descriptor, opened again for reading only: a copy in memory of `original`.
 * @throws what the system refuses
 */
export function openCopy(descriptor: number, original: OpenFile): OpenFile {
  const handle = Deno.openSync(`${DESCRIPTORS}/${descriptor}`);
  try {
    return { ...describeFile(original.path, handle, statOf({ path: original.path, handle })), original };
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** Closes the file, and what it is a copy of. */
export function closeFile({ handle, original }: OpenFile): void {
  handle.close();
  if (original !== undefined) closeFile(original);
}

type FileKind = "isDirectory" | "isFifo" | "isSocket" | "isBlockDevice" | "isCharDevice";

const SPECIAL_FILES: readonly (readonly [FileKind, string])[] = [
  ["isDirectory", "a directory"],
  ["isFifo", "a FIFO"],
  ["isSocket", "a socket"],
  ["isBlockDevice", "a block device"],
  ["isCharDevice", "a character device"],
];

/** No file to boot is larger, bytes; a sparse one, or /proc/kcore, would be read for hours. */
const SIZE_MAX = 64 * 2 ** 30;

function unsuitable(path: string, stats: Deno.FileInfo): Diagnostic | undefined {
  if (stats.isFile && stats.size <= SIZE_MAX) return undefined;
  if (stats.isFile) {
    const most = formatSize(SIZE_MAX);
    return {
      code: "too-large",
      severity: "error",
      message: `${path} has ${formatSize(stats.size)}, more than any kernel or initrd`,
      expected: `at most ${most}`,
    };
  }
  const [, kind] = SPECIAL_FILES.find(([is]) => stats[is]) ?? ["", "not a regular file"];
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
  EACCES: { reason: "permission denied", hint: "Run warmboot as root, or make the file readable for this user" },
  EPERM: { reason: "permission denied", hint: "Run warmboot as root, or make the file readable for this user" },
  EISDIR: { reason: "it is a directory", hint: "Name a file" },
  ELOOP: { reason: "its symbolic links form a loop", hint: "Name the file itself" },
  NotCapable: { reason: "Deno does not have the permission", hint: "Run it with --allow-read, or with -A" },
};

const OF_PATHS: ReadonlySet<string> = new Set([
  "ENOENT",
  "ENOTDIR",
  "EACCES",
  "EPERM",
  "ELOOP",
  "ENAMETOOLONG",
  "EINVAL",
]);

/**
 * Whether an error is about a path, or about who asks for it: then nothing is there for this user. A failing disk, or too
 * many open files, do not say what is there.
 */
export function isOfPath(error: unknown): boolean {
  return error instanceof Error && "code" in error && OF_PATHS.has(String(error.code));
}

/** Explains why a file cannot be opened or read. Any error that is not from a system call is a defect and is thrown again. */
export function openProblem(path: string, error: unknown): Diagnostic {
  const name = errorName(error);
  if (name === "ENOENT" || name === "ENOTDIR") return missing(path);
  const known = REASONS[name];
  const isIo = !Object.hasOwn(REASONS, name) && !OF_PATHS.has(name);
  return {
    code: name === "NotCapable" ? "file-not-capable" : isIo ? "file-io" : "file-unreadable",
    severity: "error",
    message: `Cannot open ${path}: ${known?.reason ?? name}`,
    ...(known === undefined ? {} : { hint: known.hint }),
  };
}

function missing(path: string): Diagnostic {
  const target = orUndefined(() => Deno.readLinkSync(path));
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

/** What exists instead: a similar name, or the first part of the path that is not a directory. */
function missingHint(path: string): string | undefined {
  const directory = dirname(path);
  const names = orUndefined(() => Array.from(Deno.readDirSync(directory), ({ name }) => name));
  if (names !== undefined) {
    const near = suggestFile(basename(path), names.filter((name) => name !== basename(path)));
    return near ?? (names.length === 0 ? `${directory} is empty` : undefined);
  }
  if (isDirectory(directory)) return undefined;
  let first = directory;
  while (dirname(first) !== first && !isDirectory(dirname(first))) first = dirname(first);
  return orUndefined(() => Deno.statSync(first)) === undefined
    ? `The directory ${first} does not exist`
    : `${first} is not a directory`;
}

function isDirectory(path: string): boolean {
  return orUndefined(() => Deno.statSync(path).isDirectory) ?? false;
}

/** The errno's name, or Deno's for its own refusal; any other error is a defect and is thrown again. */
function errorName(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  if (error instanceof Deno.errors.NotCapable) return "NotCapable";
  throw error;
}
