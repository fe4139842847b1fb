/** Text from a file as a message may show it: whatever is not printable ASCII becomes `?`. */
export function printable(text: string): string {
  return text.replace(/[^ -~]/g, "?");
}

/** Text of at most `most` UTF-16 units for a message: what is longer ends in three points. */
export function shorten(text: string, most = 60): string {
  return text.length > most ? `${text.slice(0, most - 3).toWellFormed()}...` : text;
}

/** The order of texts by their UTF-16 units, the same in every locale: for what is sorted to be stable, not to be read. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The order of names in a directory: digits by their value, so that `cpu2` precedes `cpu10`. */
export function compareNames(a: string, b: string): number {
  // Not by Intl.Collator: starting one takes longer than all else that happens before the first source is read.
  const left = a.split(/(\d+)/);
  const right = b.split(/(\d+)/);
  for (const [index, part] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = index % 2 === 1 ? Number(part) - Number(other) : part < other ? -1 : part > other ? 1 : 0;
    if (order !== 0) return order;
  }
  return left.length < right.length ? -1 : 0;
}

/** What a terminal acts on though JSON may hold it as it is: DEL, C1 controls, and what turns the writing direction. */
export const ACTED_ON = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * The start of a command of CI systems that look for it anywhere in a line: `##[error]` of GitHub's runners (ActionCommand.cs),
 * `##vso[` of Azure's, `##teamcity[`.
 */
export const LOG_COMMAND = /##(?=\w{0,20}\[)/g;

/** A value as indented JSON with a line break at the end. Text within it cannot drive a terminal: it is escaped. */
export function jsonText(value: unknown): string {
  return `${escapeActedOn(JSON.stringify(value, null, 2))}\n`;
}

/** JSON text with what is acted on as escapes; strings of JSON and of YAML in double quotes read them. */
export function escapeActedOn(json: string): string {
  return json.replaceAll(ACTED_ON, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .replaceAll(LOG_COMMAND, "\\u0023\\u0023");
}

/**
 * Control characters as pictures, so that text from a file, a capture or a record cannot drive the terminal. Tabs stay;
 * so do line breaks of our own, which are between texts and never within one. Two colons at the start of a word become
 * `∷`: at the start of a line, GitHub's runners would take them for a command, as in `::error::`. `##[` becomes `♯♯[`.
 */
export function visible(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000a-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replaceAll(ACTED_ON, "\ufffd").replaceAll(/(?<!\S)::/g, "∷")
    .replaceAll(LOG_COMMAND, "♯♯");
}

/** A path without the slashes at its end; nothing of `/`. */
export function withoutEndSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === "/") end--;
  return path.slice(0, end);
}

/** Words as a sentence lists them: `a, b and c`. */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
