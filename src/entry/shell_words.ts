/** A piece of a word: text that stays, or what only a shell replaces. */
export interface ShellPiece {
  /** `pattern`: `*`, `?`, `[` or `~`, which a shell replaces where there are such files. `shell`: a substitution. */
  readonly kind: "text" | "pattern" | "shell";
  readonly text: string;
}

/** A word of a command, in pieces; neighbouring texts are one. */
export type ShellWord = readonly ShellPiece[];

/** A command in words, or why it is not one command. */
export type SplitCommand =
  | { readonly kind: "words"; readonly words: readonly ShellWord[] }
  | { readonly kind: "fault"; readonly message: string; readonly hint?: string };

/** A word as it is written, without its quotes. */
export function textOfWord(word: ShellWord): string {
  return word.map(({ text }) => text).join("");
}

/** The words of one command as a POSIX shell splits them. What a shell would replace is left as it is written. */
export function shellWords(line: string): SplitCommand {
  const words: ShellWord[] = [];
  let word: ShellPiece[] | undefined;
  const add = (kind: ShellPiece["kind"], text: string): void => {
    word ??= [];
    const last = word.at(-1);
    if (kind === "text" && last?.kind === "text") word[word.length - 1] = { kind, text: last.text + text };
    else if (text !== "") word.push({ kind, text });
  };
  let at = 0;
  while (at < line.length) {
    const character = line[at] ?? "";
    const replaced = substitutionEnd(line, at);
    if (replaced === "unclosed") return UNCLOSED;
    if (replaced !== undefined) {
      add("shell", line.slice(at, replaced));
      at = replaced;
    } else if (character === "'") {
      const end = line.indexOf("'", at + 1);
      if (end < 0) return UNCLOSED;
      add("text", line.slice(at + 1, end));
      at = end + 1;
    } else if (character === '"') {
      const end = quotedText(line, at + 1, add);
      if (end === undefined) return UNCLOSED;
      at = end;
    } else if (character === "\\") {
      if (line[at + 1] !== "\n") add("text", line[at + 1] ?? "");
      at += 2;
    } else if (/[;\n]/.test(character) && /^\s*(?:#.*)?$/.test(line.slice(at + 1))) {
      at = line.length;
    } else if (/[;&|<>()\n]/.test(character)) {
      return {
        kind: "fault",
        message: `Only one kexec command is read, and ${
          character === "\n" ? "a line break" : `\`${character}\``
        } ends it`,
        hint: "Give one command, without what comes before or after it",
      };
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      at++;
    } else if (character === "#" && word === undefined) {
      const end = line.indexOf("\n", at);
      at = end < 0 ? line.length : end;
    } else {
      add(/[*?[]/.test(character) || character === "~" && word === undefined ? "pattern" : "text", character);
      at++;
    }
  }
  if (word !== undefined) words.push(word);
  return { kind: "words", words };
}

const UNCLOSED: SplitCommand = { kind: "fault", message: "The kexec command has an unclosed quote or bracket" };

/** Reads what is between double quotes; gives the place after them, undefined if they are not closed. */
function quotedText(line: string, start: number, add: (kind: ShellPiece["kind"], text: string) => void) {
  add("text", "");
  for (let at = start; at < line.length;) {
    const character = line[at] ?? "";
    if (character === '"') return at + 1;
    const replaced = substitutionEnd(line, at);
    if (replaced === "unclosed") return undefined;
    if (replaced !== undefined) {
      add("shell", line.slice(at, replaced));
      at = replaced;
    } else if (character === "\\" && /["\\$`\n]/.test(line[at + 1] ?? "")) {
      if (line[at + 1] !== "\n") add("text", line[at + 1] ?? "");
      at += 2;
    } else {
      add("text", character);
      at++;
    }
  }
  return undefined;
}

/** `$NAME`, and parameters of one character. */
const NAME = /\$(?:[A-Za-z_]\w*|[\d@*#?$!-])/y;

/** Where `$(...)`, `` `...` ``, `${...}` or `$NAME` ends that begins here; undefined where none does. */
function substitutionEnd(line: string, at: number): number | "unclosed" | undefined {
  if (line[at] === "`") return after(line.indexOf("`", at + 1));
  if (line[at] !== "$") return undefined;
  if (line[at + 1] === "{") return after(line.indexOf("}", at + 1));
  if (line[at + 1] === "(") return after(closingBracket(line, at + 1));
  NAME.lastIndex = at;
  return NAME.test(line) ? NAME.lastIndex : undefined;
}

function after(end: number): number | "unclosed" {
  return end < 0 ? "unclosed" : end + 1;
}

/** Where the bracket that opens here is closed; -1 where it is not. */
function closingBracket(line: string, start: number): number {
  let depth = 0;
  for (let at = start; at < line.length; at++) {
    if (line[at] === "(") depth++;
    else if (line[at] === ")" && --depth === 0) return at;
  }
  return -1;
}
