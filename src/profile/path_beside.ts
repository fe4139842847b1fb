import { dirname, isAbsolute } from "@std/path/posix";

/** A path as the file that writes it means it: relative to its folder. `..` stays: behind a link it does not lead back. */
export function pathBeside(path: string, file: string): string {
  const folder = dirname(file);
  if (isAbsolute(path) || folder === ".") return path;
  return folder.endsWith("/") ? `${folder}${path}` : `${folder}/${path}`;
}
