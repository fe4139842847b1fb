import { layOutCpio } from "../formats/cpio_writer.ts";
import { followFolders, type InitrdTree, treeName, treeText } from "./initrd_tree.ts";

/** What asks for a file in the next initrd: `files` in `initrd`, `unlock` or `carry`. */
export type OverlayOrigin = "profile" | "unlock" | "carry";

/** All of them. */
export const OVERLAY_ORIGINS: readonly OverlayOrigin[] = ["profile", "unlock", "carry"];

/** A file, folder or symbolic link that is added to the next initrd, before it has a place there. */
export interface OverlayEntry {
  /** What it is. */
  readonly kind: "file" | "folder" | "link";
  /** As the profile has it, or as it lies below a folder that the profile names. */
  readonly path: string;
  /** Permissions. */
  readonly mode: number;
  /** Bytes of its content; undefined where that is known only at load. */
  readonly size?: number;
  /** The most that it may have, where the size is unknown. */
  readonly most?: number;
  /** SHA-256 of its content, where that is known and not secret. */
  readonly sha256?: string;
  /** Where a symbolic link leads. */
  readonly target?: string;
  /** Whether its content is in nothing that warmboot writes. */
  readonly secret: boolean;
  /** What asks for it. */
  readonly origin: OverlayOrigin;
  /** Where its content comes from, for people: `text`, a path, a prompt or a command. */
  readonly from: string;
}

/** An entry with its place in the next root. */
export interface PlacedEntry extends OverlayEntry {
  /** Where it lies once links are followed, without a slash at its start. */
  readonly name: string;
  /** Which of the stated entries it is; undefined for a folder that is made. */
  readonly source?: number;
}

/** Why an entry has no place. */
export interface OverlayFault {
  /** A sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

/** An overlay whose entries have their places. */
export interface PlacedOverlay {
  /** What the archive holds, in its order: folders before what lies in them. */
  readonly entries: readonly PlacedEntry[];
  /** Folders that are made because the initrds before it lack them, as absolute paths. */
  readonly folders: readonly string[];
  /** What cannot be placed, and is left out. */
  readonly faults: readonly OverlayFault[];
}

/** Permissions of a folder that is made; of root's home, what the kernel's own initramfs gives it. */
const FOLDER_MODE = 0o755;
const FOLDER_MODES: { readonly [name: string]: number } = { root: 0o700 };

/**
 * Gives entries their places in the next root: through the links of the initrds before, which a folder of the same name would
 * remove (clean_path in init/initramfs.c, Linux 7.2). Folders are made only where they are lacking: an existing one would get
 * other permissions. What is placed is added to the tree.
 */
export function placeOverlay(entries: readonly OverlayEntry[], tree: InitrdTree): PlacedOverlay {
  const placed: PlacedEntry[] = [];
  const folders: string[] = [];
  const faults: OverlayFault[] = [];
  const makeFolders = (missing: readonly string[], { origin, path }: OverlayEntry): void => {
    for (const name of missing) {
      tree.set(name, { kind: "folder" });
      folders.push(`/${treeText(name)}`);
      const mode = FOLDER_MODES[name] ?? FOLDER_MODE;
      placed.push({ kind: "folder", path, name: treeText(name), mode, secret: false, origin, from: "" });
    }
  };
  for (const [source, entry] of entries.entries()) {
    const name = treeName(entry.path);
    const slash = name.lastIndexOf("/");
    const way = followFolders(tree, entry.kind === "folder" ? name : name.slice(0, Math.max(0, slash)));
    if (way.kind !== "folder") {
      faults.push(blocked(entry, way.kind, treeText(way.path)));
      continue;
    }
    if (entry.kind === "folder") {
      const own = way.missing.at(-1);
      if (own === undefined) continue;
      makeFolders(way.missing.slice(0, -1), entry);
      tree.set(own, { kind: "folder" });
      placed.push({ ...entry, name: treeText(own), source });
      continue;
    }
    const base = name.slice(slash + 1);
    const real = way.path === "" ? base : `${way.path}/${base}`;
    const node = tree.get(real);
    if (node?.kind === "folder") {
      faults.push({
        message: `${entry.path} is a folder in the initrd`,
        hint: "Choose another path: the kernel does not put a file in the place of a folder",
      });
      continue;
    }
    if (node?.added !== undefined) {
      faults.push({
        message: node.added === entry.path
          ? `${entry.path} is added twice`
          : `${node.added} and ${entry.path} are the same file: links of the initrd lead both to /${treeText(real)}`,
        hint: "Remove one of them",
      });
      continue;
    }
    makeFolders(way.missing, entry);
    tree.set(
      real,
      entry.kind === "link"
        ? { kind: "link", target: treeTarget(entry), added: entry.path }
        : { kind: "file", added: entry.path },
    );
    placed.push({ ...entry, name: treeText(real), source });
  }
  return { entries: placed, folders, faults };
}

/** The target of a link as the tree has names. */
function treeTarget({ target = "" }: OverlayEntry): string {
  return target.startsWith("/") ? `/${treeName(target)}` : treeName(target);
}

function blocked({ path }: OverlayEntry, kind: "file" | "loop", at: string): OverlayFault {
  return kind === "file"
    ? {
      message: `${path} cannot be added: /${at} is a file in the initrd, not a folder`,
      hint: "Choose another path",
    }
    : {
      message: `${path} cannot be added: the links of the initrd form a loop at /${at}`,
      hint: "Choose another path, or build the initrd again",
    };
}

/** How an archive of these entries is written, with the size that each file has. */
export function cpioEntries(
  entries: readonly PlacedEntry[],
  sizeOf: (entry: PlacedEntry, index: number) => number,
): Parameters<typeof layOutCpio>[0] {
  return entries.map((entry, index) => {
    const { kind, name, mode, target = "" } = entry;
    return kind === "file"
      ? { kind, name, mode, size: sizeOf(entry, index) }
      : kind === "link"
      ? { kind, name, target }
      : { kind, name, mode };
  });
}

/** Bytes that the archive takes in the plan: with room for what is known only at load. */
export function overlaySize(entries: readonly PlacedEntry[]): number {
  return layOutCpio(cpioEntries(entries, ({ size, most = 0 }) => size ?? most)).size;
}

/** An archive that warmboot makes, as a plan lists it. */
export interface Overlay {
  /** Its files, and the links and folders of a folder that is copied, in the order of the profile. */
  readonly files: readonly OverlayEntry[];
  /** Folders that are made because the initrds before it lack them. */
  readonly folders: readonly string[];
  /** Why it is not made as asked; absent if it is. */
  readonly fault?: OverlayFault;
  /** Whether the content of any file is a secret, or known only at load. */
  readonly isOpen: boolean;
}
