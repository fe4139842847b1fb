import { sha256Of } from "../../core/sha256.ts";
import { dirname } from "@std/path/posix";
import { isThere, removeUnfinished, WriteError, writeWhole } from "../files/write_whole.ts";
import { type InstalledFile, type Manifest, MANIFEST_NAME, manifestText } from "./manifest.ts";
import { reasonOf } from "../../core/diagnostic.ts";

/** A file to install; its path is without a DESTDIR. */
export interface NewFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly isProgram: boolean;
}

/** What lies at a path: nothing, a file with its digest, or something else. */
type Found = { readonly kind: "nothing" } | { readonly kind: "other" } | {
  readonly kind: "file";
  readonly sha256: string;
};

/** Looks at a path, without following a link at its end. */
export function lookAt(path: string): Found {
  try {
    if (!Deno.lstatSync(path).isFile) return { kind: "other" };
    return { kind: "file", sha256: sha256Of(Deno.readFileSync(path)) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { kind: "nothing" };
    throw new WriteError(`Cannot look at ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/** The paths at which something lies that no installation put there, or that was changed since. */
export function foreignPaths(root: string, files: readonly NewFile[], before: Manifest | undefined): readonly string[] {
  return files.filter(({ path, content }) => {
    const found = lookAt(`${root}${path}`);
    if (found.kind !== "file") return found.kind === "other";
    return found.sha256 !== sha256Of(content) && !isListed(before, { path, sha256: found.sha256 });
  }).map(({ path }) => path);
}

/** Files of the installation before that the new one does not have. */
export function obsoletePaths(files: readonly NewFile[], before: Manifest | undefined): readonly string[] {
  const kept = new Set(files.map(({ path }) => path));
  return [...new Set((before?.files ?? []).map(({ path }) => path))].filter((path) => !kept.has(path));
}

/**
 * Installs files below a root, and makes folders that are to be there. The manifest is written first, with what was there before as well: wherever this is cut off,
 * the next installation or removal knows every file. @throws {WriteError}
 */
export function installFiles(
  root: string,
  files: readonly NewFile[],
  { version, format, folder }: Pick<Manifest, "version" | "format" | "folder">,
  { before, empty }: { readonly before: Manifest | undefined; readonly empty: readonly string[] },
): void {
  const listed = files.map(({ path, content }) => ({ path, sha256: sha256Of(content) }));
  const folders = new Set(before?.folders ?? []);
  for (const path of [folder, ...files.map((file) => dirname(file.path)), ...empty]) {
    for (const made of makeFolders(root, path)) folders.add(made);
  }
  const store = (all: readonly InstalledFile[]): void =>
    put(
      `${root}${folder}/${MANIFEST_NAME}`,
      manifestText({ format, version, folder, files: all, folders: [...folders] }),
    );
  for (const path of new Set([folder, ...files.map((file) => dirname(file.path))])) {
    attempt(`clean up ${root}${path}`, () => removeUnfinished(`${root}${path}`));
  }
  store([...listed, ...(before?.files ?? [])]);
  for (const { path, content, isProgram } of files) put(`${root}${path}`, content, isProgram ? 0o755 : 0o644);
  const gone = new Set(obsoletePaths(files, before));
  removeFiles(root, (before?.files ?? []).filter(({ path }) => gone.has(path)));
  store(listed);
}

/** Removes files that are still what was installed; gives the paths of those that are not. @throws {WriteError} */
export function removeFiles(root: string, files: readonly InstalledFile[]): readonly string[] {
  const listed = { files };
  return [...new Set(files.map(({ path }) => path))].filter((path) => {
    const found = lookAt(`${root}${path}`);
    if (found.kind === "nothing") return false;
    if (found.kind === "other" || !isListed(listed, { path, sha256: found.sha256 })) return true;
    attempt(`remove ${root}${path}`, () => Deno.removeSync(`${root}${path}`));
    return false;
  });
}

/** Removes the manifest, and the folders that were made, as far as they are empty. @throws {WriteError} */
export function removeRest(root: string, { folder, folders }: Manifest): void {
  attempt("remove the manifest", () => Deno.removeSync(`${root}${folder}/${MANIFEST_NAME}`));
  for (const path of folders.toReversed()) {
    try {
      // Without `recursive`, what others put there stays.
      if (Deno.lstatSync(`${root}${path}`).isDirectory) Deno.removeSync(`${root}${path}`);
    } catch {
      // It is in use, or gone.
    }
  }
}

function isListed(manifest: Pick<Manifest, "files"> | undefined, { path, sha256 }: InstalledFile): boolean {
  return manifest?.files.some((file) => file.path === path && file.sha256 === sha256) ?? false;
}

/** Makes a folder and those around it, whatever the umask says; gives those that were not there. */
function makeFolders(root: string, path: string): readonly string[] {
  const missing: string[] = [];
  for (let each = path; each !== "/" && !isThere(`${root}${each}`); each = dirname(each)) missing.unshift(each);
  attempt(`make ${root}${path}`, () => {
    Deno.mkdirSync(`${root}${path}`, { recursive: true });
    for (const made of missing) Deno.chmodSync(`${root}${made}`, 0o755);
  });
  return missing;
}

function put(path: string, content: string | Uint8Array, mode = 0o644): void {
  writeWhole(path, content, mode);
}

function attempt(what: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    throw new WriteError(`Cannot ${what}: ${reasonOf(cause)}`, { cause });
  }
}
