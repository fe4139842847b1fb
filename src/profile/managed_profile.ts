import { sha256Of } from "../core/sha256.ts";

/** How a profile that follows the newest kernel was written, and is written again. */
export interface ManagedProfile {
  /** Whether it pins its files by their SHA-256. */
  readonly pin: boolean;
  /** Whether it has the guard of `init --guard`. */
  readonly guard?: true;
}

/** What the first line of a file says about it. */
export interface ManagedMark extends ManagedProfile {
  /** Whether the text after the line is unchanged; if not, a person has edited it. */
  readonly isIntact: boolean;
}

const MARK = /^# warmboot refresh: newest( pin)?( guard)? sha256=([0-9a-f]{64})\n/;

const NOTE =
  `# \`warmboot refresh\` rewrites this file when another kernel is the newest. Do not edit it: extend it from another
# profile, or add drop-ins. Once it is edited, or the line above is removed, refresh no longer touches it.
`;

/** A text below the mark that says that no person wrote it. */
export function managedProfileText(text: string, { pin, guard }: ManagedProfile): string {
  const body = `${NOTE}${text}`;
  const kind = `newest${pin ? " pin" : ""}${guard === true ? " guard" : ""}`;
  return `# warmboot refresh: ${kind} sha256=${sha256Of(body)}\n${body}`;
}

/** Reads the mark; undefined for a file without one, which a person wrote. */
export function managedMarkOf(text: string): ManagedMark | undefined {
  const found = MARK.exec(text);
  if (found === null) return undefined;
  return {
    pin: found[1] !== undefined,
    ...(found[2] === undefined ? {} : { guard: true }),
    isIntact: sha256Of(text.slice(found[0].length)) === found[3],
  };
}
