import { dirname, join } from "@std/path/posix";
import { isStream } from "./read_whole.ts";
import { reasonOf } from "../../core/diagnostic.ts";

/** An output cannot be written. */
export class WriteError extends Error {
  override readonly name = "WriteError";
}

/**
 * Writes a regular file whole or not at all: to a new file next to it, which then replaces it. A symbolic link stays and its
 * target is written; a file keeps its mode; a device or FIFO is written directly. @throws {WriteError}
 */
export function writeWhole(path: string, text: string): void {
  try {
    const stats = statOf(path);
    // A dangling link creates its target, as in a shell; a rename would replace the link.
    if (isStream(path) || (stats === undefined ? isLink(path) : !stats.isFile)) writeThrough(path, text, stats);
    else if (stats === undefined) replace(path, text, undefined);
    else replace(Deno.realPathSync(path), text, stats.mode ?? undefined);
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
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) done += output.writeSync(bytes.subarray(done));
}

/** Appends, so that /dev/stdout does not overwrite earlier output. */
function writeThrough(path: string, text: string, stats: Deno.FileInfo | undefined): void {
  using output = Deno.openSync(path, { append: true, create: stats === undefined });
  writeAll(output, text);
}

function replace(path: string, text: string, mode: number | undefined): void {
  const beside = join(dirname(path), `.warmboot-${Deno.pid}.new`);
  try {
    Deno.writeTextFileSync(beside, text, { createNew: true });
    if (mode !== undefined) Deno.chmodSync(beside, mode & 0o7777);
    Deno.renameSync(beside, path);
  } catch (error) {
    try {
      Deno.removeSync(beside);
    } catch {
      // It was not created, or is gone: the first error is the one to report.
    }
    throw error;
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

/** Bytes that are copied at once. */
const CHUNK = 1 << 20;

/** Copies a part of a file to a new one, whole or not at all. @throws {WriteError} if it exists, or cannot be written */
export function writePart(
  path: string,
  source: { read(offset: number, length: number): Uint8Array },
  part: { readonly offset: number; readonly size: number },
): void {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    using output = Deno.openSync(path, { createNew: true, write: true });
    try {
      for (let done = 0; done < part.size; done += CHUNK) {
        const bytes = source.read(part.offset + done, Math.min(CHUNK, part.size - done));
        for (let at = 0; at < bytes.length;) at += output.writeSync(bytes.subarray(at));
      }
    } catch (error) {
      Deno.removeSync(path);
      throw error;
    }
  } catch (cause) {
    throw new WriteError(`Cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Writes a text to a new file, unless it exists. @throws {WriteError} */
export function writeNew(path: string, text: string): "written" | "exists" {
  try {
    Deno.writeTextFileSync(path, text, { createNew: true });
    return "written";
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) return "exists";
    throw new WriteError(`Cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}
