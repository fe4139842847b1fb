import { dirname, join } from "@std/path/posix";
import { isStream } from "./stdio.ts";
import { reasonOf } from "../../core/diagnostic.ts";

/** An output cannot be written. */
export class WriteError extends Error {
  override readonly name = "WriteError";
}

/**
 * Writes a regular file whole or not at all: to a new file next to it, which then replaces it. A symbolic link stays and its
 * target is written; a file gets the given mode, or keeps its own; a device or FIFO is written directly.
 * @throws {WriteError}
 */
export function writeWhole(path: string, content: string | Uint8Array, mode?: number): void {
  try {
    const stats = statOf(path);
    // A dangling link creates its target, as in a shell; a rename would replace the link.
    if (isStream(path) || (stats === undefined ? isLink(path) : !stats.isFile)) writeThrough(path, content, stats);
    else if (stats === undefined) replaceFile(path, content, mode);
    else replaceFile(Deno.realPathSync(path), content, mode ?? stats.mode ?? undefined);
  } catch (cause) {
    throw new WriteError(`Cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Whether two paths lead to the same file, through any links. */
export function isSameFile(a: string, b: string): boolean {
  const [first, second] = [statOf(a), statOf(b)];
  return first !== undefined && second !== undefined && first.dev === second.dev && first.ino === second.ino;
}

/** Writes all of a text. */
export function writeAll(output: { writeSync(bytes: Uint8Array): number }, text: string): void {
  writeBytes(output, encode(text));
}

function encode(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

/** Writes all bytes, however many the system takes at a time. */
export function writeBytes(output: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += output.writeSync(bytes.subarray(done));
}

/** Appends, so that /dev/stdout does not overwrite earlier output. */
function writeThrough(path: string, content: string | Uint8Array, stats: Deno.FileInfo | undefined): void {
  using output = Deno.openSync(path, { append: true, create: stats === undefined });
  writeBytes(output, encode(content));
}

/** A file that is being written. */
export interface OutputFile {
  /** Writes some bytes; returns how many. */
  writeSync(bytes: Uint8Array): number;
  /** fsync(2). */
  syncSync(): void;
  /** Closes the file. */
  close(): void;
}

/** What replacing a file asks of the file system. Tests inject a log, or a failure. */
export interface FileOperations {
  /** Creates a new file with these permissions, before its first byte; undefined: those of the umask. */
  create(path: string, mode: number | undefined): OutputFile;
  /** rename(2). */
  rename(from: string, to: string): void;
  /** link(2). */
  link(from: string, to: string): void;
  /** unlink(2). */
  remove(path: string): void;
  /** fsync(2) of a folder, which makes a rename in it permanent. */
  syncFolder(path: string): void;
}

const SYSTEM: FileOperations = {
  create(path, mode) {
    const file = Deno.openSync(path, { createNew: true, write: true, mode: mode === undefined ? 0o666 : 0o600 });
    try {
      if (mode !== undefined) Deno.chmodSync(path, mode);
      return file;
    } catch (error) {
      file.close();
      Deno.removeSync(path);
      throw error;
    }
  },
  rename: (from, to) => Deno.renameSync(from, to),
  link: (from, to) => Deno.linkSync(from, to),
  remove: (path) => Deno.removeSync(path),
  syncFolder(path) {
    using folder = Deno.openSync(path);
    try {
      folder.syncSync();
    } catch (error) {
      // Some file systems have nothing to synchronise for a folder.
      if (!(error instanceof Error && "code" in error && error.code === "EINVAL")) throw error;
    }
  },
};

/**
 * Replaces a file, or creates it: after a power cut it has the old content or the new one, never an empty one. Its bytes
 * are on the disk before the rename, and the rename is before this returns.
 */
export function replaceFile(
  path: string,
  content: string | Uint8Array,
  mode: number | undefined,
  system: FileOperations = SYSTEM,
): void {
  writeBeside(path, [encode(content)], mode, system, (beside) => system.rename(beside, path));
}

/** Writes a new file next to a path, then lets `place` give it that name. Whatever fails, no file is left over. */
function writeBeside<T>(
  path: string,
  content: Iterable<Uint8Array>,
  mode: number | undefined,
  system: FileOperations,
  place: (beside: string) => T,
): T {
  const beside = join(dirname(path), `.warmboot-${Deno.pid}.new`);
  let created = false;
  try {
    const output = system.create(beside, mode === undefined ? undefined : mode & 0o7777);
    created = true;
    try {
      for (const bytes of content) writeBytes(output, bytes);
      output.syncSync();
    } finally {
      output.close();
    }
    const result = place(beside);
    system.syncFolder(dirname(path));
    return result;
  } catch (error) {
    try {
      if (created) system.remove(beside);
    } catch {
      // It has its final name, or is gone: the first error is the one to report.
    }
    throw error;
  }
}

/** The name of a file that is being written, by the process that writes it. */
const UNFINISHED = /^\.warmboot-(\d+)\.new$/;

/** Removes what a killed process was writing into a folder. */
export function removeUnfinished(folder: string): void {
  for (const { name, isFile } of Deno.readDirSync(folder)) {
    const pid = UNFINISHED.exec(name)?.[1];
    if (isFile && pid !== undefined && !isThere(`/proc/${pid}`)) Deno.removeSync(join(folder, name));
  }
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function isLink(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSymlink;
  } catch {
    return false;
  }
}

/** Whether the path exists; false if that cannot be determined. */
export function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Whether the name is taken, even by a dangling link. If that cannot be determined, the later write reports why. */
export function isTaken(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}

/** The mode of what contains a command line or an initrd, in which there may be secrets: only its owner reads it. */
export const PRIVATE = 0o600;

/** Bytes that are copied at once. */
const CHUNK = 1 << 20;

/** Copies a part of a file to a new one, whole or not at all. @throws {WriteError} if it exists, or cannot be written */
export function writePart(
  path: string,
  source: { read(offset: number, length: number): Uint8Array },
  part: { readonly offset: number; readonly size: number },
  system: FileOperations = SYSTEM,
): void {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    const content = function* (): Iterable<Uint8Array> {
      for (let done = 0; done < part.size; done += CHUNK) {
        const length = Math.min(CHUNK, part.size - done);
        const bytes = source.read(part.offset + done, length);
        if (bytes.length < length) throw new Error("the file that it is copied from ends too early");
        yield bytes;
      }
    };
    const placed = writeBeside(path, content(), PRIVATE, system, (beside) => placeNew(beside, path, system));
    if (placed === "exists") throw new Deno.errors.AlreadyExists("it exists");
  } catch (cause) {
    throw new WriteError(`Cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Writes a text to a new file that only its owner reads, whole or not at all, unless the name is taken. @throws {WriteError} */
export function writeNew(path: string, text: string, system: FileOperations = SYSTEM): "written" | "exists" {
  if (isTaken(path)) return "exists";
  try {
    return writeBeside(path, [encode(text)], PRIVATE, system, (beside) => placeNew(beside, path, system));
  } catch (cause) {
    throw new WriteError(`Cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Gives a written file its name, unless another program has taken that meanwhile. */
function placeNew(beside: string, path: string, system: FileOperations): "written" | "exists" {
  try {
    // Unlike a rename, a link fails then.
    system.link(beside, path);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || isTaken(path)) {
      system.remove(beside);
      return "exists";
    }
    // FAT has no links.
    system.rename(beside, path);
    return "written";
  }
  system.remove(beside);
  return "written";
}
