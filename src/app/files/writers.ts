import { dirname } from "@std/path/posix";

const GROUP_OR_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Whether root alone can write a file, and put another in its place: neither it nor a folder on the way belongs to another
 * user, or may be written by a group or everyone. (A list of access rights shows in the group's bits.) False if that cannot
 * be determined.
 */
export function onlyRootWrites({ path, handle }: { readonly path: string; readonly handle: Deno.FsFile }): boolean {
  try {
    const stats = handle.statSync();
    if (stats.uid !== 0 || isShared(stats)) return false;
    return foldersOnTheWay(path).every((folder) => keepsFiles(Deno.statSync(folder), 0));
  } catch {
    return false;
  }
}

/**
 * Whether somebody other than root and this user can put another file in its place. True if that cannot be determined, false
 * without the permission to ask who this user is.
 */
export function othersCanReplace(path: string): boolean {
  if (Deno.permissions.querySync({ name: "sys", kind: "uid" }).state !== "granted") return false;
  const uid = Deno.uid();
  const isOurs = (stats: Deno.FileInfo): boolean => stats.uid === 0 || stats.uid === uid;
  try {
    const folders = foldersOnTheWay(path);
    // Whoever owns a file, or a link to it, can replace it in a sticky folder.
    return ![path, ...folders].every((each) => isOurs(Deno.lstatSync(each))) || !isOurs(Deno.statSync(path)) ||
      !folders.every((folder) => keepsFiles(Deno.statSync(folder), uid));
  } catch {
    return true;
  }
}

function isShared({ mode }: Deno.FileInfo): boolean {
  return ((mode ?? 0o777) & GROUP_OR_OTHERS) !== 0;
}

/** Whether only root and this user can replace what is in a folder; in a sticky one others cannot replace files of theirs. */
function keepsFiles(stats: Deno.FileInfo, uid: number | null): boolean {
  return (stats.uid === 0 || stats.uid === uid) && (!isShared(stats) || ((stats.mode ?? 0) & STICKY) !== 0);
}

/** By the path as it is named, and without its links. */
function foldersOnTheWay(path: string): readonly string[] {
  return [...new Set([...foldersOf(path), ...foldersOf(Deno.realPathSync(path))])];
}

function foldersOf(path: string): readonly string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersOf(folder)];
}
