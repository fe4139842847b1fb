import { dirname, join } from "@std/path/posix";

/** A file cannot be written. */
export class WriteError extends Error {
  override readonly name = "WriteError";
}

/** Writes a file whole or not at all: beside its place first, then renamed. @throws {WriteError} */
export function writeWhole(path: string, text: string): void {
  const beside = join(dirname(path), `.warmboot-${Deno.pid}.new`);
  try {
    Deno.writeTextFileSync(beside, text, { createNew: true });
    Deno.renameSync(beside, path);
  } catch (cause) {
    try {
      Deno.removeSync(beside);
    } catch {
      // It was not made, or is gone: the first error is the one that matters.
    }
    throw new WriteError(`Cannot write ${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
