import { bytesOfLatin1, latin1 } from "../core/bytes.ts";

/** What GRUB's environment block holds: names and values, in the file's order. */
export type GrubEnvironment = ReadonlyMap<string, string>;

/** How each block begins (include/grub/lib/envblk.h of GRUB). */
const SIGNATURE = "# GRUB Environment Block\n";

/** A line without its end: a backslash protects the character after it, a line break too. */
const LINE = /(?:[^\\\n]|\\[^])+/g;

/**
 * Reads an environment block as GRUB does (grub_envblk_iterate() in grub-core/lib/envblk.c, GRUB 2.12): lines
 * `name=value`, in which a backslash protects the character after it, a line break too; lines that begin with `#` are
 * comments, as is the padding at the end. Undefined: the text is not such a block.
 */
export function parseGrubenv(text: string): GrubEnvironment | undefined {
  if (!text.startsWith(SIGNATURE)) return undefined;
  const environment = new Map<string, string>();
  for (const [line] of text.slice(SIGNATURE.length).matchAll(LINE)) {
    const equals = line.indexOf("=");
    if (line.startsWith("#") || equals < 1) continue;
    environment.set(line.slice(0, equals), line.slice(equals + 1).replaceAll(/\\([^])/g, "$1"));
  }
  return environment;
}

/** A changed block of the same size, or why it cannot be changed. */
export type ChangedGrubenv =
  | { readonly kind: "block"; readonly bytes: Uint8Array }
  | { readonly kind: "not-a-block" }
  /** The value does not fit in. */
  | { readonly kind: "full" };

/**
 * An environment block with one variable set, or without it if `value` is undefined, byte for byte as `grub-editenv` leaves it
 * (grub_envblk_set() and grub_envblk_delete() in grub-core/lib/envblk.c, GRUB 2.06): a value is replaced in its place, a new
 * variable comes last; comments and other variables stay, and `#` fills the rest.
 */
export function changeGrubenv(block: Uint8Array, name: string, value: string | undefined): ChangedGrubenv {
  const text = latin1(block);
  if (!text.startsWith(SIGNATURE)) return { kind: "not-a-block" };
  const body = text.slice(SIGNATURE.length);
  const used = body.replace(/#+$/, "");
  // Comments before the padding end with a line break, as each line does.
  if (used !== "" && !used.endsWith("\n")) return { kind: "not-a-block" };
  const line = value === undefined
    ? ""
    : `${name}=${latin1(new TextEncoder().encode(value)).replaceAll(/[\\\n]/g, "\\$&")}\n`;
  const found = [...used.matchAll(LINE)].find(([each]) => each.startsWith(`${name}=`));
  const changed = found === undefined
    ? used + line
    : used.slice(0, found.index) + line + used.slice(found.index + found[0].length + 1);
  if (changed.length > body.length) return { kind: "full" };
  return { kind: "block", bytes: bytesOfLatin1(SIGNATURE + changed.padEnd(body.length, "#")) };
}
