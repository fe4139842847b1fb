import { sha256Of } from "../core/sha256.ts";

/** How a file that follows the newest kernel was written, and so is written again. */
export interface ManagedProfile {
  /** Whether it pins its files by their digests. */
  readonly pin: boolean;
}

/** What the first line of a file says of it. */
export interface ManagedMark extends ManagedProfile {
  /** Whether what follows the line is as it was written: if not, a person has changed it. */
  readonly isIntact: boolean;
}

const MARK = /^# warmboot refresh: newest( pin)? sha256=([0-9a-f]{64})\n/;

const NOTE =
  `# \`warmboot refresh\` writes this file anew when another kernel is the newest. Do not change it: extend it, from
# another profile or by drop-ins. Without the line above, or once anything is changed, it is left as it is.
`;

/** A text with the mark above it, by which it is known as one that no person wrote. */
export function managedProfileText(text: string, { pin }: ManagedProfile): string {
  const body = `${NOTE}${text}`;
  return `# warmboot refresh: newest${pin ? " pin" : ""} sha256=${sha256Of(body)}\n${body}`;
}

/** Reads the mark; undefined for a file that has none, which a person wrote. */
export function managedMarkOf(text: string): ManagedMark | undefined {
  const found = MARK.exec(text);
  if (found === null) return undefined;
  return { pin: found[1] !== undefined, isIntact: sha256Of(text.slice(found[0].length)) === found[2] };
}
