import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { nearest } from "../core/nearest.ts";
import { openProblem } from "./files/open_file.ts";
import type { DropIns, LayerFile, LayerReader } from "../profile/layers.ts";
import { type Listed, PROFILE_ENDING, PROFILE_ROOTS, unmasked } from "../profile/search.ts";
import { PROFILE_LIMIT, readWhole } from "./files/read_whole.ts";
import { STDIO } from "./files/stdio.ts";

/** Reads the files of profiles from this machine, and lists their drop-ins, each only once. */
export function layerFiles(): LayerReader {
  return { read: once(readLayerFile), dropIns: once((file) => dropInsOf([`${file}.d`])) };
}

function once<T>(look: (path: string) => T): (path: string) => T {
  const known = new Map<string, T>();
  return (path) => {
    const found = known.get(path) ?? look(path);
    known.set(path, found);
    return found;
  };
}

function readLayerFile(path: string): LayerFile {
  // A base is a file, one of this name too: standard input is for what the command line names.
  const { bytes, diagnostics } = readWhole(path === STDIO ? `./${path}` : path, PROFILE_LIMIT);
  const [diagnostic] = diagnostics;
  if (diagnostic !== undefined) return { kind: "failed", diagnostic };
  return { kind: "bytes", bytes: bytes ?? new Uint8Array(), id: fileId(path) };
}

/** What every name of a file has in common: its device and inode. */
export function fileId(path: string): string {
  try {
    const { dev, ino } = Deno.statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return path;
  }
}

/** The drop-ins of several folders, the strongest first. A folder that is not there has none. */
export function dropInsOf(folders: readonly string[]): DropIns {
  const diagnostics: Diagnostic[] = [];
  const listed = folders.map((folder) => {
    const { files, problem } = listFolder(folder);
    if (problem !== undefined) diagnostics.push(problem);
    return files;
  });
  return { files: unmasked(listed), diagnostics };
}

/** Where a profile of a name is, and its drop-ins. */
export interface FoundProfile {
  readonly path: string;
  readonly dropIns?: DropIns;
}

/** Looks a profile up by its name. Errors: `profile-missing`, `profile-masked`, `file-unreadable`. */
export function findProfile(name: string, roots: readonly string[] = PROFILE_ROOTS): Checked<FoundProfile> {
  const file = `${name}${PROFILE_ENDING}`;
  const listings = roots.map(listFolder);
  const refused = listings.find(({ problem }) => problem !== undefined)?.problem;
  if (refused !== undefined) return { value: undefined, diagnostics: [refused] };
  const files = listings.flatMap((listing) => listing.files);
  const found = files.find(({ path }) => path.endsWith(`/${file}`));
  if (found === undefined) return { value: undefined, diagnostics: [unknownProfile(name, roots, files)] };
  if (found.isMask) return { value: undefined, diagnostics: [maskedProfile(name, found.path)] };
  const dropIns = dropInsOf(roots.map((root) => `${root}/${file}.d`));
  return { value: { path: found.path, dropIns }, diagnostics: [] };
}

function listFolder(folder: string): { readonly files: readonly Listed[]; readonly problem?: Diagnostic } {
  try {
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name)
      .filter((name) => name.endsWith(PROFILE_ENDING) && !name.startsWith("."));
    return {
      files: names.map((name) => ({ path: `${folder}/${name}`, isMask: isMask(`${folder}/${name}`) })),
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return { files: [] };
    // What is in it would perhaps win, or switch off: without a look, nobody knows which profile it is.
    return { files: [], problem: openProblem(folder, error) };
  }
}

/** An empty file, or a link to /dev/null. What cannot be looked at is not a mask; its reader reports why. */
function isMask(path: string): boolean {
  try {
    const stats = Deno.statSync(path);
    return stats.isFile ? stats.size === 0 : Deno.realPathSync(path) === "/dev/null";
  } catch {
    return false;
  }
}

function unknownProfile(name: string, roots: readonly string[], files: readonly Listed[]): Diagnostic {
  const names = files.map(({ path }) => path.slice(path.lastIndexOf("/") + 1, -PROFILE_ENDING.length));
  const near = nearest(name, names);
  const here = [`${name}${PROFILE_ENDING}`, name].find(isFileHere);
  return {
    code: "profile-missing",
    severity: "error",
    message: `There is no profile ${name}${PROFILE_ENDING} in ${roots.join(", ")}`,
    hint: here !== undefined
      ? `Did you mean the file here? Write ./${here}`
      : near === undefined
      ? `To name a file in this folder, write ./${name}${PROFILE_ENDING}`
      : `Did you mean ${near}?`,
  };
}

function isFileHere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function maskedProfile(name: string, path: string): Diagnostic {
  return {
    code: "profile-masked",
    severity: "error",
    message: `The profile ${name} is switched off: ${path} is empty, or a link to /dev/null`,
    hint: `Remove ${path} to use the profile that it hides`,
  };
}
