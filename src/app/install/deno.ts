import { dirname, resolve } from "@std/path/posix";
import { isThere } from "../files/write_whole.ts";

/** A Deno to run the program with; or why a program that stays cannot rely on it. */
export type DenoChoice =
  | { readonly kind: "deno"; readonly path: string }
  /** None lasts: this one is in a cache, or in a project. */
  | { readonly kind: "temporary"; readonly path: string }
  /** Root would run it, and somebody else may change it. */
  | { readonly kind: "untrusted"; readonly path: string; readonly part: string; readonly why: string };

/** Where a Deno for all users is looked for. */
const LASTING = ["/usr/local/bin/deno", "/usr/bin/deno"];

/** What the choice depends on; that of this process by default. */
export interface Surroundings {
  /** The Deno that runs now. */
  readonly running?: string;
  /** Where one for all users may be, the first first. */
  readonly lasting?: readonly string[];
  /** The user who installs. */
  readonly uid?: number | null;
}

/**
 * Chooses the Deno of an installation: the one that is named, else the one that runs now, else one for all users. Where
 * root installs, it must be one that root alone can change, as root will run it.
 */
export function chooseDeno(
  named: string | undefined,
  { running = Deno.execPath(), lasting = LASTING, uid = Deno.uid() }: Surroundings = {},
): DenoChoice {
  const path = named ?? [running, ...lasting].find(lasts);
  if (path === undefined) return { kind: "temporary", path: running };
  const foreign = uid === 0 && isThere(path) ? foreignPart(path) : undefined;
  return foreign === undefined ? { kind: "deno", path } : { kind: "untrusted", path, ...foreign };
}

/** In caches, temporary folders and projects; `npm install --global` has its own place. */
const PASSING = /\/(?:_npx|tmp|\.npm)\/|(?<!\/lib)\/node_modules\//;

/** Whether a Deno is there tomorrow. */
function lasts(path: string): boolean {
  return isThere(path) && !PASSING.test(Deno.realPathSync(path));
}

/**
 * The first file or folder, on the way to a program, that another user than root may change: of its path as it is named,
 * and of the file that links lead to. `why` is for people.
 */
export function foreignPart(path: string): { readonly part: string; readonly why: string } | undefined {
  const file = Deno.realPathSync(path);
  for (const part of [file, ...foldersOf(file), ...foldersOf(resolve(path))]) {
    const { uid, mode } = Deno.statSync(part);
    if (uid !== 0) return { part, why: `belongs to the user ${uid}` };
    if (((mode ?? 0) & 0o022) !== 0) return { part, why: "may be written by others than root" };
  }
  return undefined;
}

function foldersOf(path: string): readonly string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersOf(folder)];
}
