import { latin1 } from "../core/bytes.ts";
import { type CpioEntry, isFolder } from "../formats/cpio.ts";

/** What lies at a path of the next root; `file` is all but folders and symbolic links. */
export type InitrdNode =
  | { readonly kind: "folder" }
  /** `added`: the path by which a profile adds it. */
  | { readonly kind: "link"; readonly target: string; readonly added?: string }
  | { readonly kind: "file"; readonly added?: string };

/**
 * The next root as far as it is known: by paths without a slash at their start, one character per byte. The root itself is not
 * in it.
 */
export type InitrdTree = Map<string, InitrdNode>;

/** More than the names of any initrd, characters: beyond it the tree is not kept. */
const TREE_MAX = 16 << 20;

/** Collects the names of an initrd's entries, one a line, in their order. */
export function treeWriter(): { add(entry: CpioEntry): void; text(): string | undefined } {
  const lines: string[] = [];
  let size = 0;
  return {
    add(entry) {
      const name = plainName(entry.name);
      if (name === "" || name === "." || size > TREE_MAX) return;
      const line = entry.target !== undefined
        ? `${escaped(name)}\t${escaped(entry.target)}`
        : `${escaped(name)}${isFolder(entry) ? "/" : ""}`;
      size += line.length + 1;
      lines.push(line);
    },
    text: () => size > TREE_MAX ? undefined : lines.join("\n"),
  };
}

function plainName(name: string): string {
  return name.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, "");
}

const SPECIAL = /[\\\n\t]/g;
const ESCAPES: { readonly [character: string]: string } = { "\\": "\\\\", "\n": "\\n", "\t": "\\t" };

function escaped(name: string): string {
  return name.replaceAll(SPECIAL, (character) => ESCAPES[character] ?? character);
}

function unescaped(text: string): string {
  return text.includes("\\")
    ? text.replaceAll(/\\([\\nt])/g, (_, letter) => letter === "n" ? "\n" : letter === "t" ? "\t" : "\\")
    : text;
}

/** A path or name as the tree has it: one character per byte. */
export function treeName(path: string): string {
  return latin1(new TextEncoder().encode(path)).replace(/^\/+/, "");
}

/** The text of such a name, for people and plans. */
export function treeText(name: string): string {
  return new TextDecoder().decode(Uint8Array.from(name, (character) => character.charCodeAt(0)));
}

/**
 * Adds the entries of an initrd to the tree as the kernel would make them (do_name in init/initramfs.c, Linux 7.2): through
 * the links before them, a later one in place of an earlier one of another type, and none whose folder is missing.
 */
export function addToTree(tree: InitrdTree, text: string): void {
  if (text === "") return;
  for (const line of text.split("\n")) {
    const tab = line.indexOf("\t");
    const isFolder = tab < 0 && line.endsWith("/");
    const name = unescaped(tab >= 0 ? line.slice(0, tab) : isFolder ? line.slice(0, -1) : line);
    const slash = name.lastIndexOf("/");
    const parent = slash < 0 ? "" : realFolder(tree, name.slice(0, slash));
    if (parent === undefined) continue;
    const path = parent === "" ? name.slice(slash + 1) : `${parent}/${name.slice(slash + 1)}`;
    const before = tree.get(path);
    // A folder that is not empty stays; which ones are is not followed.
    if (before?.kind === "folder" && !isFolder) continue;
    tree.set(path, tab >= 0 ? { kind: "link", target: unescaped(line.slice(tab + 1)) } : isFolder ? FOLDER : FILE);
  }
}

const FOLDER: InitrdNode = { kind: "folder" };
const FILE: InitrdNode = { kind: "file" };

/** The folder that a path leads to; undefined if it leads to none. */
function realFolder(tree: InitrdTree, path: string): string | undefined {
  if (tree.get(path) === FOLDER) return path;
  const found = followFolders(tree, path);
  return found.kind === "folder" && found.missing.length === 0 ? found.path : undefined;
}

/** Where the folders of a path lead. */
export type FollowedPath =
  /** `missing`: those that have to be made, the outermost first. */
  | { readonly kind: "folder"; readonly path: string; readonly missing: readonly string[] }
  /** `path` is a file, or one of too many links. */
  | { readonly kind: "file" | "loop"; readonly path: string };

/** How many symbolic links are followed (MAXSYMLINKS). */
const LINKS_MAX = 40;

/** Follows a path of folders, and the symbolic links among them, as the kernel resolves it. */
export function followFolders(tree: InitrdTree, path: string): FollowedPath {
  let rest = path.split("/").toReversed();
  const at: string[] = [];
  const missing: string[] = [];
  let links = 0;
  while (rest.length > 0) {
    const step = rest.pop() ?? "";
    if (step === "" || step === ".") continue;
    if (step === "..") {
      at.pop();
      continue;
    }
    const next = [...at, step].join("/");
    const node = tree.get(next);
    if (node?.kind === "file") return { kind: "file", path: next };
    if (node?.kind === "link") {
      if (++links > LINKS_MAX) return { kind: "loop", path: next };
      if (node.target.startsWith("/")) at.length = 0;
      rest = [...rest, ...node.target.split("/").toReversed()];
      continue;
    }
    if (node === undefined && !missing.includes(next)) missing.push(next);
    at.push(step);
  }
  return { kind: "folder", path: at.join("/"), missing };
}
