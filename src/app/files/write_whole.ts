import { dirname, join } from "@std/path/posix";
import { isStream } from "./read_whole.ts";
import { reasonOf } from "../../core/diagnostic.ts";

/** An output cannot be written. */
export class WriteError extends Error {
  override readonly name = "WriteError";
}

/**
 * Writes a regular file whole or not at all: beside its place first, then renamed. A symbolic link stays and its target
 * is written; a file keeps its mode; what is no regular file (a device, a FIFO) is written through. @throws {WriteError}
 */
export function writeWhole(path: string, text: string): void {
  try {
    const stats = statOf(path);
    // A link to nothing makes its target, as it does for a shell; renaming over it would cut it off.
    if (isStream(path) || (stats === undefined ? isLink(path) : !stats.isFile)) writeThrough(path, text, stats);
    else if (stats === undefined) replace(path, text, undefined);
    else replace(Deno.realPathSync(path), text, stats.mode ?? undefined);
  } catch (cause) {
    throw new WriteError(`Cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Whether two paths lead to one file, by whatever links. */
export function isSameFile(a: string, b: string): boolean {
  const [first, second] = [statOf(a), statOf(b)];
  return first !== undefined && second !== undefined && first.dev === second.dev && first.ino === second.ino;
}

/** Writes all of a text. */
export function writeAll(output: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) done += output.writeSync(bytes.subarray(done));
}

/** Appends, so that /dev/stdout does not write over what went to standard output before. */
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
      // It was not made, or is gone: the first error is the one that matters.
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
