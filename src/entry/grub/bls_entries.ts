import { type BootFiles, ENTRIES_LIMIT, textAt } from "../boot_files.ts";
import { comparePackages } from "../version_order.ts";
import { parseScript } from "./script.ts";
import type { MenuItem } from "./state.ts";
import { isKnown, type Value } from "./value.ts";

/** An entry of a menu. */
type Entry = Extract<MenuItem, { readonly kind: "entry" }>;

/** The entries that `blscfg` adds, the newest first; `read` files were read for them. */
export type BlsEntries =
  | { readonly kind: "entries"; readonly items: readonly MenuItem[]; readonly read: number }
  | { readonly kind: "fault"; readonly file: string; readonly why: string };

/**
 * Reads the entries of a folder as Fedora's GRUB does (grub-core/commands/blscfg.c, the branch of rhboot): each becomes a
 * menu entry, whose script GRUB makes from the keys `linux`, `initrd`, `options` and `devicetree`.
 */
export function blsEntries(
  files: BootFiles,
  folder: string,
  names: readonly string[],
  variable: (name: string) => Value,
  isShown: (entry: Entry, place: number) => boolean,
): BlsEntries {
  const wanted = names.filter((name) => name.endsWith(".conf") && !name.startsWith("."));
  if (wanted.length > ENTRIES_LIMIT) {
    return { kind: "fault", file: folder, why: `${folder} has ${wanted.length} entries, more than ${ENTRIES_LIMIT}` };
  }
  const items: Entry[] = [];
  const sorted = wanted.map((name) => name.slice(0, -".conf".length)).toSorted((a, b) => comparePackages(b, a));
  for (const id of sorted) {
    const found = blsEntry(files, `${folder}/${id}.conf`, id, variable, "fedora");
    if (found?.kind === "fault") return found;
    if (found !== undefined) items.push(found.item);
  }
  return { kind: "entries", items: items.filter(isShown), read: items.length };
}

/** An entry of one file; undefined where it has no kernel. The dialects are Fedora's, and that of GRUB 2.14. */
export function blsEntry(
  files: BootFiles,
  file: string,
  id: string,
  variable: (name: string) => Value,
  dialect: Dialect,
):
  | { readonly kind: "entry"; readonly item: Entry; readonly titleKey: string | undefined }
  | Extract<BlsEntries, { readonly kind: "fault" }>
  | undefined {
  const text = textAt(files, file);
  if (text === undefined) return { kind: "fault", file, why: `Cannot read ${file}, which GRUB reads` };
  const keys = keysOf(text);
  const linux = keys.find(({ key }) => key === "linux")?.value;
  if (linux === undefined) return undefined;
  const script = scriptOf(keys, linux, variable, dialect);
  if (!isKnown(script)) {
    return { kind: "fault", file, why: `What ${file} boots depends on ${script.unknown}` };
  }
  const parsed = parseScript(script);
  if (parsed.kind === "fault") return { kind: "fault", file, why: `GRUB cannot read ${file}: it ${parsed.why}` };
  const titleKey = keys.find(({ key }) => key === "title")?.value;
  const title = titleKey ?? linux;
  const args = [title, ...keys.filter(({ key }) => key === "grub_arg").map(({ value }) => value)];
  const isRestricted = args.every((arg) => arg !== "--unrestricted") && keys.some(({ key }) => key === "grub_users");
  return {
    kind: "entry",
    titleKey,
    item: {
      kind: "entry",
      id,
      title,
      args,
      // One line of the file says nothing of another of the script.
      body: parsed.statements.map((statement) => ({ ...statement, line: 1 })),
      file,
      isSubmenu: false,
      isRestricted,
    },
  };
}

/** How entries become scripts: as Fedora's `blscfg` does it, or that of GRUB 2.14. */
type Dialect = "fedora" | "new";

interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** Keys and values up to the first line without a value, which an empty line is too: GRUB reads no further. */
function keysOf(text: string): readonly KeyValue[] {
  const found: KeyValue[] = [];
  for (const raw of text.split("\n")) {
    const line = raw.replace(/^[ \t]+/, "");
    if (line.startsWith("#")) continue;
    const space = line.includes(" ") ? line.indexOf(" ") : line.indexOf("\t");
    if (space < 0 || space + 1 >= line.length) break;
    found.push({ key: line.slice(0, space), value: line.slice(space + 1).replace(/^[ \t]+/, "") });
  }
  return found;
}

/** The script that create_entry() makes of an entry, or bls_create_entry() of GRUB 2.14. */
function scriptOf(
  keys: readonly KeyValue[],
  linux: string,
  variable: (name: string) => Value,
  dialect: Dialect,
): Value {
  const isFedora = dialect === "fedora";
  const first = (key: string): string | undefined => keys.find((each) => each.key === key)?.value;
  const [options, early, tree] = [first("options"), isFedora ? variable("early_initrd") : "", first("devicetree")];
  const defaults = options ?? (isFedora ? variable("default_kernelopts") : "");
  if (!isKnown(defaults)) return defaults;
  if (!isKnown(early)) return early;
  const expanded = expandValue(defaults, variable, dialect);
  if (!isKnown(expanded)) return expanded;
  const dtb = tree === undefined ? undefined : expandValue(tree, variable, dialect);
  if (dtb !== undefined && !isKnown(dtb)) return dtb;
  const initrds = keys.filter(({ key }) => key === "initrd").map(({ value }) => value);
  const folder = (initrds[0] ?? linux).replace(/[^/]*$/, "");
  const all = [...early.split(" ").filter((name) => name !== "").map((name) => `${folder}${name}`), ...initrds];
  return [
    `linux ($root)${linux}${expanded === "" ? "" : ` ${expanded}`}`,
    ...(all.length === 0 ? [] : [`initrd ${all.map((path) => `($root)${path}`).join(" ")}`]),
    ...(dtb === undefined ? [] : [`devicetree ($root)${dtb}`]),
    "",
  ].join("\n");
}

/**
 * Variables by their values, each with a space after it, as expand_val() does; unset ones are left out. A backslash protects
 * them in Fedora's.
 */
function expandValue(text: string, variable: (name: string) => Value, dialect: Dialect): Value {
  let result = "";
  let end = 0;
  for (const match of text.matchAll(dialect === "fedora" ? /(?<!\\)\$(\w+)( ?)/g : /\$(\w+)( ?)/g)) {
    const value = variable(match[1] ?? "");
    if (!isKnown(value)) return value;
    result += text.slice(end, match.index) + (value === "" ? "" : `${value} `);
    end = match.index + match[0].length;
  }
  return result + text.slice(end);
}
