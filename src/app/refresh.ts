import type { Diagnostic } from "../core/diagnostic.ts";
import { managedMarkOf, managedProfileText } from "../profile/managed_profile.ts";
import { templateText } from "../profile/profile_template.ts";
import { PROFILE_ROOTS } from "../profile/search.ts";
import { findFiles, isFolder } from "./files/find_files.ts";
import { PROFILE_LIMIT, readWhole } from "./files/read_whole.ts";
import { writeWhole } from "./files/write_whole.ts";
import { templateFromNewest, type Wanted } from "./init_installed.ts";
import { pinFiles } from "./pin_files.ts";

/** Where profiles of the administrator are. */
const [DEFAULT_FOLDER = "/etc/warmboot"] = PROFILE_ROOTS;

/** Which profiles are refreshed, and from which kernels. */
export interface RefreshRequest {
  /** Files and folders; none is the administrator's folder. */
  readonly paths?: readonly string[];
  /** A folder that takes the place of /. */
  readonly root?: string;
  /** The release of a kernel that is about to be removed. */
  readonly without?: string;
}

/** What happened to a file, or a folder. A file of a folder that follows no kernel is passed over. */
export type Refreshed =
  | { readonly kind: "written" | "unchanged"; readonly file: string; readonly kernel: string; readonly initrd: boolean }
  /** A named file that follows no kernel. */
  | { readonly kind: "unmanaged"; readonly file: string }
  /** A file that was changed since it was written. */
  | { readonly kind: "changed"; readonly file: string }
  /** It cannot be read, or it is a folder that cannot. */
  | { readonly kind: "unreadable"; readonly file: string; readonly diagnostics: readonly Diagnostic[] }
  /** Its new text cannot be made; it stays as it is. */
  | { readonly kind: "failed"; readonly file: string; readonly diagnostics: readonly Diagnostic[] };

/** Writes profiles that follow the newest kernel again. `onFile` gets each outcome as it comes. @throws {WriteError} */
export async function refreshProfiles(
  { paths = [], root = "", without }: RefreshRequest,
  onFile: (refreshed: Refreshed) => void = () => {},
): Promise<readonly Refreshed[]> {
  const wanted: Wanted = { withInitrd: true, ...(without === undefined ? {} : { without }) };
  const all: Refreshed[] = [];
  const add = (refreshed: Refreshed | undefined): void => {
    if (refreshed === undefined) return;
    all.push(refreshed);
    onFile(refreshed);
  };
  for (const path of paths.length > 0 ? paths : [`${root}${DEFAULT_FOLDER}`]) {
    const folder = isFolder(path);
    // Without the default folder, there is nothing that follows anything.
    if (!folder && paths.length === 0 && isMissing(path)) break;
    const { files, diagnostics } = folder ? findFiles(path, /\.yaml$/) : { files: [path], diagnostics: [] };
    if (diagnostics.length > 0) add({ kind: "unreadable", file: path, diagnostics });
    for (const file of files) add(await refreshFile(file, { root, wanted, isNamed: !folder }));
  }
  return all;
}

function isMissing(path: string): boolean {
  return readWhole(path, PROFILE_LIMIT).diagnostics.some(({ code }) => code === "file-missing");
}

interface Context {
  readonly root: string;
  readonly wanted: Wanted;
  /** Whether the file was named, and not found in a folder. */
  readonly isNamed: boolean;
}

async function refreshFile(file: string, { root, wanted, isNamed }: Context): Promise<Refreshed | undefined> {
  const { bytes, diagnostics } = readWhole(file, PROFILE_LIMIT);
  if (bytes === undefined) return { kind: "unreadable", file, diagnostics };
  const text = new TextDecoder().decode(bytes);
  const mark = managedMarkOf(text);
  if (mark === undefined) return isNamed ? { kind: "unmanaged", file } : undefined;
  if (!mark.isIntact) return { kind: "changed", file };
  const unpinned = templateFromNewest(root, wanted);
  const template = unpinned.value === undefined || !mark.pin ? unpinned : await pinFiles(unpinned.value, root);
  if (template.value === undefined) return { kind: "failed", file, diagnostics: template.diagnostics };
  const guarded = mark.guard === true ? { ...template.value, guard: mark.guard } : template.value;
  const fresh = managedProfileText(templateText(guarded), mark);
  const { kernel, initrd, isUnified } = template.value;
  const found = { file, kernel: kernel?.path ?? "", initrd: initrd.length > 0 || isUnified === true };
  if (fresh === text) return { kind: "unchanged", ...found };
  writeWhole(file, fresh);
  return { kind: "written", ...found };
}
