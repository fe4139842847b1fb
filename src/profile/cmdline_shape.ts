import { either, isMap, type JsonSchema, record, type Report, type Shape, wrongType } from "../core/shape.ts";
import type { Path } from "../core/diagnostic.ts";
import { isSeparator, shown, splitWords, wordProblem } from "./cmdline.ts";
import type { Cmdline } from "./profile.ts";
import { refine } from "./refine.ts";
import { boolean, CONTROL, isNothing, PLAIN_TYPES } from "./scalars.ts";
import { given, IS_TRUE } from "./schema_terms.ts";

const QUOTED = `"[^"${CONTROL}]*"`;

/** A string of words: white space of any kind between them, quotes closed, no other control characters. */
const STRING_SCHEMA: JsonSchema = {
  type: PLAIN_TYPES,
  pattern: `^(?:[^"\\u0000-\\u0008\\u000e-\\u001f\\u007f-\\u009f]|${QUOTED})*$`,
};

/** One word: no white space outside quotes. */
const WORD_SCHEMA: JsonSchema = {
  type: PLAIN_TYPES,
  pattern: `^(?:[^ "${CONTROL}]|${QUOTED})+$`,
};

/** Words of a command line: a string that is split as the kernel splits it, or a list with one word in each entry. */
const words: Shape<readonly string[]> = {
  schema: { anyOf: [STRING_SCHEMA, { type: "array", items: WORD_SCHEMA }] },
  expected: "a string of words, or a list of them",
  decode(value, at, report) {
    if (Array.isArray(value)) {
      const entries = value.map((entry: unknown, index) => decodeWord(entry, [...at, index], report));
      return entries.every((entry) => entry !== undefined) ? entries : undefined;
    }
    if (value === "") return [];
    if (isNothing(value) || typeof value !== "string") {
      return void report(wrongType(value, at, words.expected, isMap(value) ? mapHint(value, at) : undefined));
    }
    return checkWords(value, at, report) ? splitWords(value).words : undefined;
  },
};

function decodeWord(value: unknown, at: Path, report: Report): string | undefined {
  if (isNothing(value) || typeof value !== "string") {
    return void report(wrongType(value, at, "one word of a command line", isMap(value) ? colonHint(value) : undefined));
  }
  if (!checkWords(value, at, report)) return undefined;
  const split = splitWords(value).words;
  if (split.length === 1 && split[0] === value) return value;
  return void report({
    code: "wrong-type",
    severity: "error",
    message: `\`${shown(value)}\` is not one word of a command line`,
    path: at,
    expected: "one word in each entry",
    found: split.length === 1 ? "white space around a word" : `${split.length} words`,
    ...(value.length > 200 ? {} : { hint: entryHint(value, split) }),
  });
}

/** Reports what keeps the words of a text from reaching the kernel as they are written. */
function checkWords(text: string, at: Path, report: Report): boolean {
  const { words, unclosed } = splitWords(text);
  if (unclosed !== undefined) {
    report({
      code: "cmdline-quote",
      severity: "error",
      message: `A double quote is not closed in \`${shown(unclosed)}\``,
      path: at,
      expected: "quotes in pairs; the kernel knows no way to escape one",
      found: shown(unclosed),
    });
    return false;
  }
  const faults = words.flatMap((word) => {
    const problem = wordProblem(word);
    return problem === undefined ? [] : [`The word \`${shown(word)}\` ${problem}`];
  });
  for (const message of faults) {
    report({ code: "cmdline-character", severity: "error", message, path: at, found: shown(text) });
  }
  return faults.length === 0;
}

function listOf(words: readonly string[]): string {
  return `[${words.map((word) => /^[\w./=-]+$/.test(word) ? word : `'${word.replaceAll("'", "''")}'`).join(", ")}]`;
}

function entryHint(text: string, words: readonly string[]): string {
  const apart = `Write ${listOf(words)}`;
  return words.length < 2 || /\p{Cc}/u.test(text)
    ? apart
    : `${apart}, or quote what belongs together: '${quoteValue(text)}'`;
}

/** The entry with its value, or else the whole of it, in double quotes. */
function quoteValue(text: string): string {
  const bare = text.trim().replaceAll('"', "");
  const [, name = "", rest = bare] = /^([^\s=]+=)(.*)$/.exec(bare) ?? [];
  return `${name}"${rest}"`.replaceAll("'", "''");
}

/** Somebody wrote `- console: ttyS0` for `- console=ttyS0`. */
function colonHint(map: { readonly [key: string]: unknown }): string {
  return `Write ${listOf(wordsOfMap(map))}`;
}

/** Somebody wrote `set: { console: ttyS0 }` for `set: [console=ttyS0]`. */
function mapHint(map: { readonly [key: string]: unknown }, at: Path): string {
  return `Words are \`name=value\` or \`name\`: write \`${at.at(-1)}: ${listOf(wordsOfMap(map))}\``;
}

function wordsOfMap(map: { readonly [key: string]: unknown }): readonly string[] {
  return Object.entries(map).map(([name, value]) => {
    if (typeof value !== "string" || value === "") return name;
    return /\s/.test(value) ? `${name}="${value}"` : `${name}=${value}`;
  });
}

interface Edit {
  readonly reuse: boolean;
  readonly remove: readonly string[];
  readonly set: readonly string[];
  readonly append: readonly string[];
}

const settable: Shape<readonly string[]> = refine(words, (list, at, report) => {
  if (!list.some(isSeparator)) return list;
  return void report({
    code: "wrong-type",
    severity: "error",
    message: "`set` cannot hold `--`",
    path: at,
    expected: "words of the kernel",
    found: "`--`, behind which words go to init",
    hint: "Give words for init in `append`, behind `--`",
  });
});

const edit: Shape<Edit> = record<Edit>({
  reuse: {
    shape: boolean,
    doc:
      "Start from the running kernel's command line (true) or from nothing (false). Words that describe the running " +
      "boot are left out: BOOT_IMAGE, initrd, kexec_jump_back_entry, elfcorehdr, warmboot.plan, and crashkernel for a " +
      "crash kernel.",
  },
  remove: {
    shape: words,
    doc: "Names, of which every word goes, or whole words `name=value`.",
    fallback: { value: [] },
    examples: [["quiet", "console=tty0"]],
  },
  set: {
    shape: settable,
    doc: "Words that replace all words of their name, in the place of the first; a new name goes to the end.",
    fallback: { value: [] },
    examples: [["console=ttyS0,115200"]],
  },
  append: {
    shape: words,
    doc: "Words added at the end, before `--`.",
    fallback: { value: [] },
    examples: [["systemd.unit=rescue.target"]],
  },
}, "a map of `reuse`, `remove`, `set` and `append`");

const editCmdline: Shape<Cmdline> = refine(
  edit,
  (decoded, at, report) => {
    if (decoded.reuse || decoded.remove.length === 0) return { kind: "edit", ...decoded };
    return void report({
      code: "conflict",
      severity: "error",
      message: "`remove` has nothing to remove from",
      path: [...at, "remove"],
      hint: "Start from the running command line with `reuse: true`, or leave `remove` out",
    });
  },
  {
    ...edit.schema,
    anyOf: [given({ reuse: IS_TRUE }), { properties: { remove: { enum: ["", []] } } }],
  },
);

const plainCmdline: Shape<Cmdline> = refine(words, (list) => ({ kind: "words", words: list }));

/** The key `cmdline`: words, or an edit of the running command line. */
export const cmdline: Shape<Cmdline> = either(
  "a string of words, a list of them, or a map of `reuse`, `remove`, `set` and `append`",
  [plainCmdline, editCmdline],
  (value) => isMap(value) ? editCmdline : isNothing(value) && value !== "" ? undefined : plainCmdline,
);
