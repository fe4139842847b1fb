/** `blscfg` and `uki` of GRUB 2.14 (grub-core/commands/blsuki.c): entries and images that become entries of the menu. */
import { type BootFiles, ENTRIES_LIMIT, kindAt, textAt } from "../boot_files.ts";
import { fieldOf } from "../uki.ts";
import { compareFileVersions } from "../version_order.ts";
import { type BlsEntries, blsEntry } from "./bls_entries.ts";
import { parseScript } from "./script.ts";
import type { MenuItem } from "./state.ts";
import { isKnown, type Value } from "./value.ts";

/** The options of both commands. */
export interface BlsukiOptions {
  /** The folder, or a file. Undefined: the usual folder. */
  readonly path?: string;
  /** The usual folder is read where the other one has no entries. */
  readonly fallback: boolean;
  /** Which entries are added: the default, the others, and one by the name of its file. */
  readonly showDefault: boolean;
  readonly showOthers: boolean;
  readonly entry?: string;
}

const LETTERS: { readonly [letter: string]: string } = {
  p: "path",
  f: "enable-fallback",
  d: "show-default",
  n: "show-non-default",
  e: "entry",
};

/** Reads the options. Undefined: GRUB refuses them, or they are not known. */
export function blsukiOptions(args: readonly Value[]): BlsukiOptions | undefined {
  const found = new Map<string, string>();
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (!isKnown(arg)) return undefined;
    // Other words are passed over.
    if (!/^-./.test(arg)) continue;
    const [, long, joined] = /^--([a-z-]+)(?:=([^]*))?$/.exec(arg) ?? [];
    const names = long === undefined ? [...arg.slice(1)].map((letter) => LETTERS[letter] ?? "") : [long];
    for (const [index, name] of names.entries()) {
      if (!Object.values(LETTERS).includes(name)) return undefined;
      const takesValue = name === "path" || name === "entry";
      // Of letters in a row, only the last one can have a value.
      const value = !takesValue ? "" : joined ?? (index === names.length - 1 ? rest.shift() : undefined);
      if (value === undefined || !isKnown(value) || !takesValue && joined !== undefined) return undefined;
      found.set(name, value);
    }
  }
  const all = !["show-default", "show-non-default", "entry"].some((name) => found.has(name));
  const [path, entry] = [found.get("path"), found.get("entry")];
  return {
    ...(path === undefined ? {} : { path }),
    fallback: found.has("enable-fallback"),
    showDefault: all || found.has("show-default"),
    showOthers: all || found.has("show-non-default"),
    ...(entry === undefined ? {} : { entry }),
  };
}

/** A folder on the host, as GRUB names it. */
export interface BlsukiFolder {
  /** `(DEVICE)/PATH`, for the script of an entry. */
  readonly grub: string;
  readonly host: string;
}

type Names =
  | { readonly kind: "names"; readonly names: readonly string[] }
  | Extract<BlsEntries, { readonly kind: "fault" }>;

/** The files of a folder that may be entries, the newest first. */
function namesIn(files: BootFiles, { host }: BlsukiFolder, suffix: string): Names {
  const names = files.list(host).filter((name) => name.endsWith(suffix)).toSorted((a, b) => compareFileVersions(b, a));
  if (names.length > ENTRIES_LIMIT) {
    return { kind: "fault", file: host, why: `${host} has ${names.length} entries, more than ${ENTRIES_LIMIT}` };
  }
  const same = names.find((name, index) => index > 0 && compareFileVersions(name, names[index - 1] ?? "") === 0);
  if (same === undefined) return { kind: "names", names };
  const why = `${host}/${same} is the same version as another file, and GRUB takes only one of the two`;
  return { kind: "fault", file: host, why };
}

/** What is to be shown: a file by its name and title, at its place in the list. */
export type IsShown = (file: { readonly name: string; readonly title: string | undefined }, place: number) => boolean;

/** What the options and the value of `default` choose (blsuki_is_default_entry()). */
export function shownBy({ showDefault, showOthers, entry }: BlsukiOptions, wanted: string): IsShown {
  return ({ name, title }, place) => {
    const isDefault = wanted !== "" &&
      (wanted === name || wanted === title || /^\s*(?:0x[0-9a-f]+|\d+)$/i.test(wanted) && Number(wanted) === place);
    return (isDefault ? showDefault : showOthers) || entry === name;
  };
}

/** The entries that `blscfg` adds. */
export function newBlsEntries(
  files: BootFiles,
  folder: BlsukiFolder,
  isShown: IsShown,
  variable: (name: string) => Value,
): BlsEntries {
  const found = namesIn(files, folder, ".conf");
  if (found.kind === "fault") return found;
  const items: MenuItem[] = [];
  for (const [place, name] of found.names.entries()) {
    const file = `${folder.host}/${name}`;
    const entry = blsEntry(files, file, name.slice(0, -".conf".length), variable, "new");
    if (entry?.kind === "fault") return entry;
    if (isShown({ name, title: entry?.titleKey }, place) && entry !== undefined) items.push(entry.item);
  }
  return { kind: "entries", items, read: found.names.length };
}

/** Characters that mean something to GRUB's script parser, apart from spaces. */
const SPECIAL = /["'\\$;#{}|&<>*?\n]/;

/** The entries that `uki` adds: each starts an image, with the command line that is in it. */
export function ukiEntries(files: BootFiles, folder: BlsukiFolder, isShown: IsShown): BlsEntries {
  const found = namesIn(files, folder, ".efi");
  if (found.kind === "fault") return found;
  // Those without a kernel do not count for places either.
  const images = found.names.map((name) => ({ name, file: `${folder.host}/${name}` })).filter(({ file }) =>
    kindAt(files, `${file}/.linux`) === "file"
  );
  const items: MenuItem[] = [];
  for (const [place, { name, file }] of images.entries()) {
    const release = textAt(files, `${file}/.osrel`);
    if (release === undefined || !isShown({ name, title: undefined }, place)) continue;
    const title = fieldOf(release, "PRETTY_NAME");
    const path = `${folder.grub}/${name}`;
    const parsed = parseScript(`chainloader '${path}'\n`);
    if (title === undefined || parsed.kind === "fault") {
      items.push({ kind: "unknown", why: `the name of ${file}` });
      continue;
    }
    const item: MenuItem = {
      kind: "entry",
      id: name,
      title,
      args: [title],
      body: parsed.statements,
      file,
      isSubmenu: false,
      isRestricted: true,
    };
    const isPlain = !SPECIAL.test((textAt(files, `${file}/.cmdline`) ?? "").trim());
    const why = `how GRUB reads the command line of ${file}, which it takes for a script`;
    items.push(isPlain ? item : { kind: "unknown", why, candidates: [item] });
  }
  return { kind: "entries", items, read: images.length };
}
