import { compareText } from "../core/text.ts";
import { basename } from "@std/path/posix";

/** The folders that are searched for a profile by name; an earlier one takes precedence. systemd has the same order. */
export const PROFILE_ROOTS: readonly string[] = ["/etc/warmboot", "/run/warmboot", "/usr/lib/warmboot"];

/** The extension of profiles and drop-ins in those folders, which also hold other files. */
export const PROFILE_ENDING = ".yaml";

/** A file as a folder lists it. */
export interface Listed {
  readonly path: string;
  /** It is empty, or a link to /dev/null, and so disables the files of its name in the later folders. */
  readonly isMask: boolean;
}

/**
 * Whether a word names a profile rather than a file: it has neither a slash nor the extension of a file, and does not begin
 * as the words with another meaning do (`-`, `@running`).
 */
export function isProfileName(word: string): boolean {
  return /^[A-Za-z0-9_][^/\s]*$/.test(word) && !/\.(?:ya?ml|json)$/i.test(word);
}

/** The files that count in several folders, by name: of each name the first one, unless it is a mask. */
export function unmasked(folders: readonly (readonly Listed[])[]): readonly string[] {
  const first = new Map<string, Listed>();
  for (const file of folders.flat()) {
    const name = basename(file.path);
    if (!first.has(name)) first.set(name, file);
  }
  return [...first].toSorted(([a], [b]) => compareText(a, b))
    .flatMap(([, { path, isMask }]) => isMask ? [] : [path]);
}
