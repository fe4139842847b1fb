import { basename } from "@std/path/posix";
import { withoutEndSlashes } from "../../core/text.ts";
import { type Diagnostic, hasErrors } from "../../core/diagnostic.ts";
import { VERSION } from "../../core/program.ts";
import { foreignPaths, installFiles, type NewFile, obsoletePaths } from "./install_files.ts";
import { isThere } from "../files/write_whole.ts";
import { chooseDeno, type DenoChoice } from "./deno.ts";
import { type Folders, foldersOf, type Group, installedText, isForHost, targetsOf } from "./layout.ts";
import { MANIFEST_FORMAT, MANIFEST_NAME, readManifest } from "./manifest.ts";
import { readRelease, RUNTIME } from "./release.ts";

/** Where a release is installed, and which parts of it. */
export interface InstallRequest {
  /** An absolute path, `/usr/local` by default. */
  readonly prefix?: string;
  /** A folder that takes the place of / while it is packaged. */
  readonly destdir?: string;
  /** Folders that are elsewhere than the prefix has them. */
  readonly folders?: Partial<Folders>;
  /**
   * The Deno that runs the program. By default that of the release, if it brings one, else the one that runs now, or one for
   * all users if that one does not last; with `destdir` none, so that it is looked for when the program runs.
   */
  readonly deno?: string;
  readonly without?: readonly Group[];
  /** Whether to install nothing, and say what would be. */
  readonly dryRun?: boolean;
}

/** How an installation ended. Paths have the DESTDIR in front. */
export type InstallOutcome =
  | {
    readonly kind: "installed" | "planned";
    /** The files of the new installation. */
    readonly files: readonly string[];
    /** The files of the installation before that it does not have, and that are removed. */
    readonly removed: readonly string[];
    readonly program: string;
    /** The Deno that runs the program: of the release, or written into it; else it is looked for when the program runs. */
    readonly deno: string | undefined;
    /** Where the hooks are, if no distribution runs hooks there. */
    readonly idleHooks: string | undefined;
  }
  /** No Deno that can be relied on. */
  | Exclude<DenoChoice, { readonly kind: "deno" }>
  /** A folder that scripts and units cannot name. */
  | { readonly kind: "unusable"; readonly path: string }
  /** This program is not part of an unpacked release. */
  | { readonly kind: "no-release" }
  /** The release, or the manifest of the installation before, is damaged. */
  | { readonly kind: "invalid"; readonly diagnostics: readonly Diagnostic[] }
  /** What others put in the places of warmboot's files. */
  | { readonly kind: "foreign"; readonly paths: readonly string[] };

/** Installs the release that this program is part of. @throws {WriteError} */
export function install(
  { prefix = "/usr/local", destdir = "", folders: given = {}, deno: chosen, without = [], dryRun = false }:
    InstallRequest,
): InstallOutcome {
  const folders = foldersOf(trimmed(prefix), trimmedFolders(given));
  const unusable = Object.values(folders).find((path) => !/^\/[\w./+-]*$/.test(path));
  if (unusable !== undefined) return { kind: "unusable", path: unusable };
  const { value: release, diagnostics } = readRelease();
  if (release === undefined) {
    return hasErrors(diagnostics) ? { kind: "invalid", diagnostics } : { kind: "no-release" };
  }
  const root = withoutEndSlashes(destdir);
  const brought = release.some(({ path }) => path === RUNTIME) ? `${folders.lib}/${basename(RUNTIME)}` : undefined;
  // Below a DESTDIR, paths are those of another host.
  const choice = root === "" && (chosen !== undefined || brought === undefined) ? chooseDeno(chosen) : undefined;
  if (choice !== undefined && choice.kind !== "deno") return choice;
  const deno = choice?.path ?? chosen;
  const parts = release.filter(({ path }) => isForHost(path, (name) => isThere(`${root}${folders.sysconf}/${name}`)));
  const files = parts.flatMap(({ path, content }) =>
    targetsOf(path, folders).filter(({ group }) => !without.includes(group)).map((target): NewFile => ({
      path: target.path,
      content: typeof content === "string" ? installedText(content, target, folders, deno) : content,
      isProgram: target.isProgram,
    }))
  );
  const manifest = readManifest(`${root}${folders.lib}/${MANIFEST_NAME}`);
  if (hasErrors(manifest.diagnostics)) return { kind: "invalid", diagnostics: manifest.diagnostics };
  const foreign = foreignPaths(root, files, manifest.value);
  if (foreign.length > 0) return { kind: "foreign", paths: foreign.map((path) => `${root}${path}`) };
  if (!dryRun) {
    const about = { format: MANIFEST_FORMAT, version: VERSION, folder: folders.lib };
    installFiles(root, files, about, { before: manifest.value, empty: [`${folders.sysconf}/warmboot`] });
  }
  return {
    kind: dryRun ? "planned" : "installed",
    files: files.map(({ path }) => `${root}${path}`),
    removed: obsoletePaths(files, manifest.value).map((path) => `${root}${path}`),
    program: `${root}${folders.bin}/warmboot`,
    deno: deno ?? brought,
    idleHooks: without.includes("hooks") || folders.sysconf === "/etc" ? undefined : folders.sysconf,
  };
}

function trimmedFolders(folders: Partial<Folders>): Partial<Folders> {
  return Object.fromEntries(Object.entries(folders).map(([name, path]) => [name, trimmed(path)]));
}

function trimmed(path: string): string {
  return withoutEndSlashes(path) || path.slice(0, 1);
}
