import { dirname } from "@std/path/posix";
import { WriteError } from "./write_whole.ts";
import { reasonOf } from "../../core/diagnostic.ts";

/** Whether there is anything of that name, a link to nothing too. What cannot be looked at is for the writing to tell. */
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

/** Copies a part of a file to a new one, whole or not at all. @throws {WriteError} if there is one, or it cannot be written */
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

/** Writes a text to a new file. Whether there was one already is the answer. @throws {WriteError} */
export function writeNew(path: string, text: string): "written" | "exists" {
  try {
    Deno.writeTextFileSync(path, text, { createNew: true });
    return "written";
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) return "exists";
    throw new WriteError(`Cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}
