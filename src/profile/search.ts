import { compareText } from "../core/text.ts";
import { basename } from "@std/path/posix";

/** The folders in which a profile is looked for by its name; what is in an earlier one wins. systemd has the same order. */
export const PROFILE_ROOTS: readonly string[] = ["/etc/warmboot", "/run/warmboot", "/usr/lib/warmboot"];

/** The ending of profiles and drop-ins in those folders; other files there, as the records of loads, are none. */
export const PROFILE_ENDING = ".yaml";

/** A file as a folder lists it. */
export interface Listed {
  readonly path: string;
  /** It is empty, or a link to /dev/null, and so switches off what has its name in the folders behind. */
  readonly isMask: boolean;
}

/**
 * Whether a word names a profile rather than a file: it has neither a slash nor an ending of a file, and is none of the
 * words that stand for something else.
 */
export function isProfileName(word: string): boolean {
  return /^[A-Za-z0-9_][^/\s]*$/.test(word) && !/\.(?:ya?ml|json)$/i.test(word);
}

/** What counts of several folders, the strongest first: of each name the first file, unless it is a mask; by name. */
export function unmasked(folders: readonly (readonly Listed[])[]): readonly string[] {
  const first = new Map<string, Listed>();
  for (const file of folders.flat()) {
    const name = basename(file.path);
    if (!first.has(name)) first.set(name, file);
  }
  return [...first].toSorted(([a], [b]) => compareText(a, b))
    .flatMap(([, { path, isMask }]) => isMask ? [] : [path]);
}
