import { shorten } from "../core/text.ts";
import type { Checked, Diagnostic, Path } from "../core/diagnostic.ts";
import { nearest } from "../core/nearest.ts";
import type { Cmdline } from "./profile.ts";

/** A text split into words. `unclosed` is the last word, where its quote is still open at the end of the text. */
export interface Words {
  readonly words: readonly string[];
  readonly unclosed?: string;
}

/** A word taken apart: quotes gone, the name as it is written. Without `=` there is no value. */
export interface Word {
  readonly name: string;
  readonly value?: string;
}

/**
 * Splits a command line as the kernel does (next_arg() in lib/cmdline.c, 6.1 to 7.3): white space separates words except
 * between double quotes, which may begin anywhere in a word and cannot be escaped. Words keep their quotes.
 */
export function splitWords(text: string): Words {
  const words = text.match(/(?:[^ \t\n\v\f\r"]+|"[^"]*"?)+/g) ?? [];
  const last = words.at(-1);
  const open = last !== undefined && last.split('"').length % 2 === 0;
  return open ? { words, unclosed: last } : { words };
}

/**
 * Takes a word apart as next_arg() does. The name ends at the first `=` behind its first character; quotes go that
 * enclose the whole word (`"name=a b"`) or the value (`name="a b"`).
 */
export function parseWord(word: string): Word {
  const whole = word.startsWith('"');
  const body = whole ? word.slice(1) : word;
  const equals = body.indexOf("=", 1);
  if (equals < 0) return { name: whole ? withoutEndQuote(body) : body };
  const name = body.slice(0, equals);
  const value = body.slice(equals + 1);
  if (value.startsWith('"')) return { name, value: withoutEndQuote(value.slice(1)) };
  return { name, value: whole ? withoutEndQuote(value) : value };
}

/** A word's name for comparing: dashes are underscores, as parameq() in kernel/params.c takes them. */
export function wordName(word: string): string {
  return parseWord(word).name.replaceAll("-", "_");
}

/** Shows a word or a text of words in a message: on one line, and not too long. */
export function shown(text: string): string {
  const line = text.replaceAll(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1));
  return shorten(line);
}

/** Why a single word could not reach the kernel as it is written; undefined if it can. */
export function wordProblem(word: string): string | undefined {
  if (/^[ -~]*$/.test(word)) return undefined;
  const control = /\p{Cc}/u.exec(word)?.[0];
  if (control !== undefined) {
    return `has a control character, U+${control.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  }
  if (!word.isWellFormed()) return "has half of a surrogate pair, which is no character";
  // lib/ctype.c of the kernel counts the byte 0xa0 as white space, and UTF-8 has it inside letters such as U+00E0.
  const bare = word.replaceAll(/"[^"]*"/g, "");
  const cut = [...bare].find((character) => character > "~" && new TextEncoder().encode(character).includes(0xa0));
  return cut === undefined
    ? undefined
    : `has \`${cut}\`, whose byte 0xa0 ends a word for the kernel unless it is quoted`;
}

/** What resolving a command line depends on beside the profile. */
export interface CmdlineContext {
  /** The running kernel's command line; undefined if the host does not say. */
  readonly running?: string | undefined;
  /** Whether it is for a crash kernel. */
  readonly crash: boolean;
}

/** Words of a running command line that describe how it was booted, and would be wrong for the next kernel. */
export const BOOT_WORDS: readonly string[] = ["BOOT_IMAGE", "initrd", "kexec_jump_back_entry", "elfcorehdr"];

/** The word of `stamp: true`, which says what was booted. The kernel ignores it: a name with a dot is a module's. */
export const STAMP = "warmboot.plan";

/** What a reused command line starts without: the stamp of the running boot would be false on the next one. */
const DROPPED: readonly string[] = [...BOOT_WORDS, STAMP];

/**
 * A crash kernel must not reserve memory in the little that it has, for another one or for huge or contiguous pages; and
 * what the running kernel was told of memory does not hold for it.
 */
const DROPPED_FOR_CRASH: readonly string[] = [
  "crashkernel",
  "hugepages",
  "hugepagesz",
  "default_hugepagesz",
  "hugetlb_cma",
  "cma",
  "mem",
  "memmap",
];

/**
 * The command line that the next kernel gets. An edit starts from the running one (if it says so), less the words of its
 * own boot; then come `remove`, `set` and `append`, in this order. What follows `--` goes to init: it stays at the end,
 * and only a `--` within `append` adds to it. A `remove` that finds nothing is a warning.
 */
export function resolveCmdline(spec: Cmdline, context: CmdlineContext): Checked<string> {
  if (spec.kind === "words") return { value: spec.words.join(" "), diagnostics: [] };
  const diagnostics: Diagnostic[] = [];
  let params: readonly string[] = [];
  let init: readonly string[] = [];
  if (spec.reuse) {
    if (context.running === undefined) return { value: undefined, diagnostics: [unknownRunning()] };
    const running = splitWords(context.running);
    if (running.unclosed !== undefined) return { value: undefined, diagnostics: [openRunning(running.unclosed)] };
    const dropped = [...DROPPED, ...(context.crash ? DROPPED_FOR_CRASH : [])];
    [params, init] = atSeparator(running.words);
    params = params.filter((word) => !dropped.includes(wordName(word)));
  }
  for (const [index, removal] of spec.remove.entries()) {
    const left = params.filter((word) => !removes(removal, word));
    if (left.length === params.length) diagnostics.push(removedNothing(removal, params, ["cmdline", "remove", index]));
    params = left;
  }
  for (const name of new Set(spec.set.map(wordName))) {
    params = replaceWords(params, name, spec.set.filter((word) => wordName(word) === name));
  }
  const [appended, appendedInit] = atSeparator(spec.append);
  params = [...params, ...appended];
  init = [...init, ...appendedInit];
  return { value: [...params, ...(init.length === 0 ? [] : ["--", ...init])].join(" "), diagnostics };
}

/** Adds a word to a command line, before the `--` behind which everything is init's. */
export function addWord(cmdline: string, word: string): string {
  const { words } = splitWords(cmdline);
  const separator = words.findIndex(isSeparator);
  const at = separator < 0 ? words.length : separator;
  return [...words.slice(0, at), word, ...words.slice(at)].join(" ");
}

/** Whether a word is the one that ends the kernel's own parameters. */
export function isSeparator(word: string): boolean {
  return word === "--" || word === '"--"';
}

function withoutEndQuote(text: string): string {
  return text.endsWith('"') ? text.slice(0, -1) : text;
}

function atSeparator(words: readonly string[]): [before: readonly string[], behind: readonly string[]] {
  const at = words.findIndex(isSeparator);
  return at < 0 ? [words, []] : [words.slice(0, at), words.slice(at + 1)];
}

/** A name removes every word of that name; a word with a value only its equal. */
function removes(removal: string, word: string): boolean {
  const value = parseWord(removal).value;
  return wordName(removal) === wordName(word) && (value === undefined || value === parseWord(word).value);
}

function replaceWords(words: readonly string[], name: string, by: readonly string[]): readonly string[] {
  const first = words.findIndex((word) => wordName(word) === name);
  if (first < 0) return [...words, ...by];
  const behind = words.slice(first).filter((word) => wordName(word) !== name);
  return [...words.slice(0, first), ...by, ...behind];
}

function removedNothing(removal: string, words: readonly string[], path: Path): Diagnostic {
  const sameName = words.find((word) => wordName(word) === wordName(removal));
  const near = sameName ?? nearest(removal, [...words, ...words.map((word) => parseWord(word).name)]);
  return {
    code: "cmdline-no-match",
    severity: "warning",
    message: `\`remove\` finds no word \`${shown(removal)}\``,
    path,
    ...(near === undefined ? {} : { hint: `The nearest word is \`${shown(near)}\`` }),
  };
}

function unknownRunning(): Diagnostic {
  return {
    code: "cmdline-not-known",
    severity: "error",
    message: "The running command line is not known, so `reuse` has nothing to start from",
    path: ["cmdline", "reuse"],
    hint: "State the whole command line, or plan with facts that hold /proc/cmdline",
  };
}

function openRunning(word: string): Diagnostic {
  return {
    code: "cmdline-quote",
    severity: "error",
    message: `The running command line has an open quote in \`${shown(word)}\`, which would swallow what is added`,
    path: ["cmdline", "reuse"],
    hint: "State the whole command line",
  };
}
