import type { Diagnostic } from "../../core/diagnostic.ts";
import { formatSize } from "../../core/number.ts";
import { closeFile, openFile, openProblem } from "./open_file.ts";
import { isStream, STDIO } from "./stdio.ts";
import { MAX_BYTES } from "../../profile/limits.ts";

/** How large an input may be, and what to call it. */
export interface InputLimit {
  readonly what: string;
  readonly bytes: number;
}

/** The limit of profiles. */
export const PROFILE_LIMIT: InputLimit = { what: "a profile", bytes: MAX_BYTES };

/** The limit of what may be a stored plan, whose segments can carry their bytes. */
export const PLAN_LIMIT: InputLimit = { what: "a plan", bytes: 16 << 20 };

/** The limit of captures: a large server's has 5 MiB, and each image adds some KiB. */
export const FACTS_LIMIT: InputLimit = { what: "a capture", bytes: 16 << 20 };

/** A text from the user: its bytes, or why they cannot be read. */
export interface WholeFile {
  /** Its name in messages: the path, or `stdin` for a stream, whose relative paths start at the working directory. */
  readonly name: string;
  readonly bytes?: Uint8Array;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a file whole, unless it is larger than the limit. `-` is standard input; a pipe is read to its end. */
export function readWhole(path: string, limit: InputLimit): WholeFile {
  if (path === STDIO || isStream(path)) {
    const name = "stdin";
    try {
      if (path === STDIO) return { name, ...withinLimit(name, readToEnd(Deno.stdin, limit.bytes + 1), limit) };
      using stream = Deno.openSync(path);
      return { name, ...withinLimit(path, readToEnd(stream, limit.bytes + 1), limit) };
    } catch (error) {
      return { name, diagnostics: [openProblem(path === STDIO ? "standard input" : path, error)] };
    }
  }
  const { value: file, diagnostics } = openFile(path);
  if (file === undefined) return { name: path, diagnostics };
  try {
    return { name: path, ...withinLimit(path, file.read(0, limit.bytes + 1), limit) };
  } catch (error) {
    return { name: path, diagnostics: [openProblem(path, error)] };
  } finally {
    closeFile(file);
  }
}

function withinLimit(name: string, bytes: Uint8Array, limit: InputLimit): Omit<WholeFile, "name"> {
  if (bytes.length <= limit.bytes) return { bytes, diagnostics: [] };
  const most = formatSize(limit.bytes);
  return {
    diagnostics: [{
      code: "too-large",
      severity: "error",
      message: `${name} is larger than ${most}, the limit for ${limit.what}`,
      expected: `at most ${most}`,
    }],
  };
}

/** Reads to the end, or until `most` bytes are there. */
function readToEnd(input: { readSync(buffer: Uint8Array): number | null }, most: number): Uint8Array {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  let size = 0;
  while (size < most) {
    const count = input.readSync(buffer.subarray(0, Math.min(buffer.length, most - size)));
    if (count === null) break;
    parts.push(buffer.slice(0, count));
    size += count;
  }
  const whole = new Uint8Array(size);
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}
