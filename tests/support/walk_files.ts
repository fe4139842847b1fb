import { join } from "@std/path";

/** Every file below a folder whose name ends so, sorted by path. */
export function walkFiles(folder: string, ending: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory) return walkFiles(path, ending);
    return entry.isFile && entry.name.endsWith(ending) ? [path] : [];
  }).sort();
}
