import type { MenuItem } from "./state.ts";
import { isKnown, type Value } from "./value.ts";

/** An entry of a menu. */
export type Entry = Extract<MenuItem, { readonly kind: "entry" }>;

/** Which entry a text names, and what is left of the text for a submenu. */
export type Choice =
  | { readonly kind: "entry"; readonly entry: Entry; readonly rest: string | undefined }
  /** No entry has this name or number. */
  | { readonly kind: "none" }
  /** It cannot be known. Completes "depends on ...". */
  | { readonly kind: "unknown"; readonly why: string };

/**
 * The entry that a text as in `default` names: `1>2`, or an ID or title, in which `>>` is a `>`. Upstream's GRUB reads a
 * number first and then titles and IDs (get_entry_number() in grub-core/normal/menu.c, GRUB 2.12); Fedora's the ID first,
 * then the title, then a number. `isFedora`: undefined where either may be.
 */
export function chooseEntry(menu: readonly MenuItem[], text: string, isFedora: boolean | undefined): Choice {
  if (isFedora !== undefined) return isFedora ? byName(menu, text, true) : byNumberFirst(menu, text);
  const [upstream, fedora] = [byNumberFirst(menu, text), byName(menu, text, true)];
  const isSame = upstream.kind === fedora.kind &&
    (upstream.kind !== "entry" || fedora.kind !== "entry" ||
      upstream.entry === fedora.entry && upstream.rest === fedora.rest);
  if (isSame) return upstream;
  return { kind: "unknown", why: `the version of GRUB: \`${text}\` can be a number, or the name of an entry` };
}

/** A number at the start of a text, as strtoul() reads it with base 0. */
const NUMBER = /^\s*(?:0x([0-9a-f]+)|(0[0-7]*)|(\d+))/i;

function byNumberFirst(menu: readonly MenuItem[], text: string): Choice {
  const number = NUMBER.exec(text);
  return number === null ? byName(menu, text, false) : numbered(menu, valueOf(number), text);
}

function valueOf([, hex, octal, decimal]: RegExpExecArray): number {
  return hex !== undefined ? parseInt(hex, 16) : octal !== undefined ? parseInt(octal, 8) : Number(decimal);
}

function byName(menu: readonly MenuItem[], text: string, thenNumber: boolean): Choice {
  const { name, rest } = splitPath(text);
  const named = (of: (entry: Entry) => string): Choice | undefined => {
    for (const item of menu) {
      if (item.kind === "entry" && of(item) === name) return { kind: "entry", entry: item, rest };
      if (item.kind === "unknown" && mayHave(item, (entry) => of(entry) === name)) {
        return { kind: "unknown", why: item.why };
      }
    }
  };
  const found = named(({ id }) => id) ?? named(({ title }) => title);
  if (found !== undefined) return found;
  const number = thenNumber ? NUMBER.exec(text) : null;
  if (number === null || /^[^>\s]/.test(text.slice(number[0].length))) return { kind: "none" };
  return numbered(menu, valueOf(number), text);
}

/** Whether one of the entries that there may be has a property. */
function mayHave(item: MenuItem, has: (entry: Entry) => boolean): boolean {
  if (item.kind === "entry") return has(item);
  return item.candidates === undefined || item.candidates.some((each) => mayHave(each, has));
}

function numbered(menu: readonly MenuItem[], index: number, text: string): Choice {
  for (const item of menu.slice(0, index + 1)) if (item.kind === "unknown") return { kind: "unknown", why: item.why };
  const item = menu[index];
  return item?.kind === "entry" ? { kind: "entry", entry: item, rest: splitPath(text).rest } : { kind: "none" };
}

/** The first step of a path of names, and the others. */
function splitPath(text: string): { readonly name: string; readonly rest: string | undefined } {
  let name = "";
  for (let at = 0; at < text.length; at++) {
    if (text[at] === ">" && text[at + 1] !== ">") {
      const rest = text.slice(at + 1);
      return { name, rest: rest === "" ? undefined : rest };
    }
    if (text[at] === ">") at++;
    name += text[at];
  }
  return { name, rest: undefined };
}

/** A name as a step of such a path. */
export function escapeName(name: string): string {
  return name.replaceAll(">", ">>");
}

/** The numbers in `fallback`, which GRUB tries in turn when an entry does not start. */
export function fallbackOf(value: Value): readonly number[] | undefined {
  if (!isKnown(value)) return undefined;
  return value.split(/\s+/).filter((word) => word !== "").map(Number).filter((number) =>
    Number.isInteger(number) && number >= 0
  );
}

/** The command line that a loader makes of its arguments (grub_create_loader_cmdline() in grub-core/lib/cmdline.c). */
export function loaderCmdline(args: readonly string[]): string {
  return args.map((arg) => {
    const escaped = arg.replaceAll(/\\x[0-9a-fA-F]{2}|[\\'"]/g, (found) => found.length > 1 ? found : `\\${found}`);
    return arg.includes(" ") ? `"${escaped}"` : escaped;
  }).join(" ");
}
