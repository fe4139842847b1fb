import type { Diagnostic } from "../core/diagnostic.ts";
import { closeFile, openFile } from "../host/files.ts";

/** The name that stands for standard input. */
export const STDIN = "-";

/** A text of the user's: its bytes, or why there are none. */
export interface WholeFile {
  readonly bytes?: Uint8Array;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a file whole: a profile, a plan or facts. `-` is standard input; a pipe is read to its end. */
export function readWhole(path: string): WholeFile {
  if (path === STDIN) return { bytes: readToEnd(Deno.stdin), diagnostics: [] };
  if (isPipe(path)) {
    using pipe = Deno.openSync(path);
    return { bytes: readToEnd(pipe), diagnostics: [] };
  }
  const { value: file, diagnostics } = openFile(path);
  if (file === undefined) return { diagnostics };
  try {
    return { bytes: file.source.read(0, file.size), diagnostics };
  } finally {
    closeFile(file);
  }
}

/** A named pipe is only read where the shell made it for this call, as `<(command)` does: another might wait for ever. */
function isPipe(path: string): boolean {
  return /^\/(dev|proc\/self)\/fd\/\d+$|^\/dev\/stdin$/.test(path);
}

function readToEnd(input: { readSync(buffer: Uint8Array): number | null }): Uint8Array {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  for (let count = input.readSync(buffer); count !== null; count = input.readSync(buffer)) {
    parts.push(buffer.slice(0, count));
  }
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}
