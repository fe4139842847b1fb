import { formatAddress, MAX_U64, parseNumber } from "../core/number.ts";
import { nearest } from "../core/nearest.ts";
import { type Advice, didYouMean, type JsonSchema, lookUp, type Shape, wrongType } from "../core/shape.ts";
import { DOLLAR, DOLLAR_CONSTANT, PATH_VARIABLES } from "./path_variables.ts";
import type { Checksum, ReusedFrom } from "./profile.ts";

/**
 * The scalars of a profile. YAML's failsafe schema yields every scalar as text, so that no parser has rounded an address
 * or read `0123` as octal before. The JSON Schemas describe what an editor sees, whose YAML parser has already turned
 * `0x1000` into a number and `true` into a boolean.
 */

/** The result of reading a text: a value, or what to do about the text. */
type Reading<T> = { readonly kind: "value"; readonly value: T } | { readonly kind: "advice"; readonly advice: Advice };

/** A text that a pattern recognizes, and what to do about it; `instead` where the right value is certain. */
type HintRow = readonly [pattern: RegExp, hint: string, instead?: string];

/** The types that an editor may take an unquoted text for. */
export const PLAIN_TYPES: readonly string[] = ["string", "number", "boolean"];

/** What other YAML schemas read as null. A kernel of that name is a mistake, so these count as no value. */
const NULL_WORDS: readonly string[] = ["", "~", "null", "Null", "NULL"];

/** Whether a scalar is empty or null. */
export function isNothing(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === "string" && NULL_WORDS.includes(value));
}

function fromText<T>(expected: string, schema: JsonSchema, read: (text: string) => Reading<T>): Shape<T> {
  return {
    schema,
    expected,
    decode(value, at, report) {
      if (isNothing(value)) return void report(wrongType(value, at, expected, "Give it a value, or leave the key out"));
      if (typeof value !== "string") return void report(wrongType(value, at, expected));
      if (!value.isWellFormed()) {
        return void report(
          wrongType(value, at, expected, "Half of a surrogate pair is not a character: correct the escape"),
        );
      }
      const reading = read(value);
      if (reading.kind === "value") return reading.value;
      report(wrongType(value, at, expected, reading.advice));
    },
  };
}

function adviceOn(text: string, rows: readonly HintRow[]): Advice {
  const [, hint, instead] = rows.find(([pattern]) => pattern.test(text)) ?? [];
  return { ...(hint === undefined ? {} : { hint }), ...(instead === undefined ? {} : { instead }) };
}

/** A text of a pattern. The schema has the pattern too, so it must mean the same with and without flags. */
export function patterned(expected: string, pattern: RegExp, hints: readonly HintRow[] = []): Shape<string> {
  return fromText<string>(
    expected,
    { type: PLAIN_TYPES, pattern: pattern.source },
    (text) => pattern.test(text) ? { kind: "value", value: text } : { kind: "advice", advice: adviceOn(text, hints) },
  );
}

/** Any text that is not empty. */
export const prose: Shape<string> = fromText<string>(
  "a text",
  { type: PLAIN_TYPES, minLength: 1 },
  (value) => ({ kind: "value", value }),
);

/** Control characters, for a class of a pattern. */
export const CONTROL = "\\u0000-\\u001f\\u007f-\\u009f";

/** A name: one line without control characters. */
export const label: Shape<string> = patterned("a text of one line", new RegExp(`^[^${CONTROL}]+$`));

/** `default`, or the name of an entry of the boot loader: one line, without control characters, of at most 1000 characters. */
export const bootEntry: Shape<string> = patterned(
  "`default`, or the ID of an entry of the boot loader",
  new RegExp(`^[^${CONTROL}]{1,1000}$`),
);

/** What a path may be; `dollar` is what it may have where it has a `$`. */
function pathPattern(dollar: string): RegExp {
  return new RegExp(`^(?!~/|[A-Za-z][A-Za-z0-9+.-]*://|(?:path|file|sha256):)(?:[^$${CONTROL}]|${dollar})+$`);
}

const PATH_HINTS: readonly HintRow[] = [
  [/^~\//, "`~` is not expanded: write the full path"],
  [/^[A-Za-z][A-Za-z0-9+.-]*:\/\//, "A profile names local files, not URLs: download the file and write its path"],
  [
    /^(?:path|file|sha256):/,
    "There is no space after the colon: write `path: /boot/vmlinuz`, or `./path:x` for a file of that name",
  ],
];

/** A path of this host, as the file has it: its variables are not replaced yet. */
export const path: Shape<string> = patterned("a path", pathPattern(DOLLAR), [
  ...PATH_HINTS,
  [
    /\$\{/,
    `${
      PATH_VARIABLES.map(({ name }) => `\`\${${name}}\``).join(" and ")
    } are the variables of paths; write \`$\${\` for a literal \`\${\``,
  ],
]);

/** A path that is the same on every host: files that are read before the host is. */
export const constantPath: Shape<string> = patterned("a path", pathPattern(DOLLAR_CONSTANT), [
  ...PATH_HINTS,
  [
    /\$\{/,
    "A file that a profile extends is the same on every host: write its path without a variable, or `$${` for a literal `${`",
  ],
]);

const SHA256_PATTERN = /^[0-9a-fA-F]{64}$/;

/** A SHA-256; decoded to lower case. */
export const sha256: Shape<string> = fromText<string>(
  "a SHA-256 of 64 hexadecimal digits",
  { type: "string", pattern: SHA256_PATTERN.source },
  (text) =>
    SHA256_PATTERN.test(text)
      ? { kind: "value", value: text.toLowerCase() }
      : { kind: "advice", advice: { hint: "`sha256sum FILE` prints it" } },
);

/** The spellings that YAML 1.1 and 1.2 both read as booleans. Templates of Python programs write `True`. */
const BOOLEANS: { readonly [word: string]: boolean } = {
  true: true,
  True: true,
  TRUE: true,
  false: false,
  False: false,
  FALSE: false,
};

const BOOLEAN_HINTS: readonly HintRow[] = [
  [/^(?:yes|y|on|true|1)$/i, "Write `true`", "true"],
  [/^(?:no|n|off|false|0)$/i, "Write `false`", "false"],
];

/** One of some words; `hints` are for others. */
function oneOf<T extends boolean | string>(
  expected: string,
  words: { readonly [word: string]: T },
  hints: readonly HintRow[],
): Shape<T> {
  return fromText<T>(expected, { enum: [true, false, ...Object.keys(words)] }, (text) => {
    const value = lookUp(words, text);
    return value === undefined ? { kind: "advice", advice: adviceOn(text, hints) } : { kind: "value", value };
  });
}

/**
 * `true` or `false`. Not `yes` or `on`: YAML 1.1 reads them as booleans and YAML 1.2 as texts, so that two readers of one
 * profile could disagree on whether it loads a crash kernel.
 */
export const boolean: Shape<boolean> = oneOf("true or false", BOOLEANS, BOOLEAN_HINTS);

/** `true` or `false`, or the name of a checksum. */
export const checksum: Shape<boolean | Checksum> = oneOf<boolean | Checksum>(
  "true, false, xxh64 or sha256",
  { ...BOOLEANS, xxh64: "xxh64", sha256: "sha256" },
  [
    ...BOOLEAN_HINTS,
    [/^sha[-_]?(?:2|256)$/i, "Write `sha256`", "sha256"],
    [/^xxh(?:ash)?[-_]?(?:64)?$/i, "Write `xxh64`", "xxh64"],
  ],
);

/** `true` or `false`, or `auto`. */
export const predecompress: Shape<boolean | "auto"> = oneOf<boolean | "auto">(
  "true, false or auto",
  { ...BOOLEANS, auto: "auto" },
  [...BOOLEAN_HINTS, [/^(?:auto(?:matic)?|if[-_ ]?possible|try)$/i, "Write `auto`", "auto"]],
);

const REUSED_FROM: readonly ReusedFrom[] = ["image", "entry"];

/** `true` or `false`, or `image` or `entry`: the command line that an edit starts from. */
export const reuse: Shape<boolean | ReusedFrom> = fromText<boolean | ReusedFrom>(
  "true, false, image or entry",
  { enum: [true, false, ...Object.keys(BOOLEANS), ...REUSED_FROM] },
  (text) => {
    const from = REUSED_FROM.find((each) => each === text);
    if (from !== undefined) return { kind: "value", value: from };
    const value = Object.hasOwn(BOOLEANS, text) ? BOOLEANS[text] : undefined;
    if (value !== undefined) return { kind: "value", value };
    const near = nearest(text, REUSED_FROM);
    return {
      kind: "advice",
      advice: near === undefined ? adviceOn(text, BOOLEAN_HINTS) : { hint: didYouMean(near), instead: near },
    };
  },
);

/** Only `true`: for a key that has its meaning by being there. */
export const onlyTrue: Shape<true> = fromText<true>(
  "true",
  { enum: [true, ...Object.keys(BOOLEANS).filter((word) => BOOLEANS[word] === true)] },
  (text) =>
    Object.hasOwn(BOOLEANS, text) && BOOLEANS[text] === true
      ? { kind: "value", value: true }
      : { kind: "advice", advice: { hint: "Write `true`, or leave the key out" } },
);

const NUMBER = "(?:0x[0-9a-fA-F]+|0|[1-9][0-9]*) ?(?:[KMGT](?:iB)?)?";
const NUMBER_PATTERN = new RegExp(`^${NUMBER}$`);

const NUMBER_HINTS: readonly HintRow[] = [
  [/^[-+]/, "Write it without a sign"],
  [/^0[xX]?[0-9a-fA-F]*[_'][0-9a-fA-F_']*$|^[0-9]+[_'][0-9_']*/, "Leave out the separators between digits"],
  [/^0[0-9]/, "Leave out the leading zero, which some readers take for octal; hexadecimal begins with `0x`"],
  [/^0[bBoOX]/, "Write it in decimal, or in hexadecimal with `0x`"],
  [/^[0-9]*[.,][0-9]/, "Write a whole number of a smaller unit: 1.5 GiB is `1536MiB`"],
  [/[0-9] *[kKmMgGtT][bB]$/, "`KB` may mean 1000 or 1024 bytes: write `K` or `KiB`, `M` or `MiB`"],
  [/[0-9] *[kmgt](?:i?b)?$/i, "The units are `K`, `M`, `G`, `T` and `KiB`, `MiB`, `GiB`, `TiB`"],
  [/^[0-9]+e[+-]?[0-9]+$/i, "Write all the digits"],
  [/^[0-9a-fA-F]+h?$/, "A hexadecimal number begins with `0x`"],
];

function number(expected: string, least: bigint, schema: JsonSchema): Shape<bigint> {
  return fromText<bigint>(expected, schema, (text) => {
    const value = parseNumber(text);
    if (value !== undefined && value >= least) return { kind: "value", value };
    if (value !== undefined) return { kind: "advice", advice: { hint: `The minimum is ${least}` } };
    return {
      kind: "advice",
      advice: NUMBER_PATTERN.test(text)
        ? { hint: `64 bits hold at most ${formatAddress(MAX_U64)}` }
        : adviceOn(text, NUMBER_HINTS),
    };
  });
}

/** A physical address or an offset, bytes: 0 or more, exact over 64 bits. */
export const address: Shape<bigint> = number("a number such as 0x100000 or 16MiB", 0n, {
  anyOf: [
    { type: "integer", minimum: 0, maximum: Number(MAX_U64) },
    { type: "string", pattern: NUMBER_PATTERN.source },
  ],
});

/** A number of bytes, 1 or more, exact over 64 bits. */
export const size: Shape<bigint> = number("a size such as 4096 or 16MiB", 1n, {
  anyOf: [
    { type: "integer", minimum: 1, maximum: Number(MAX_U64) },
    { type: "string", pattern: `^(?!(?:0x0+|0) ?(?:[KMGT](?:iB)?)?$)${NUMBER}$` },
  ],
});

/** Bytes in hexadecimal; white space between them is ignored. */
export const hexBytes: Shape<Uint8Array> = fromText<Uint8Array>(
  "bytes in hexadecimal, two digits each",
  { type: ["string", "number"], pattern: "^\\s*(?:[0-9a-fA-F]{2}\\s*)+$" },
  (text) => {
    const groups = text.split(/\s+/).filter((group) => group !== "");
    if (/^0x/i.test(text)) {
      return { kind: "advice", advice: { hint: "Leave out the `0x`: these are bytes in order, not a number" } };
    }
    if (groups.length === 0 || !groups.every((group) => /^[0-9a-fA-F]+$/.test(group))) {
      return { kind: "advice", advice: {} };
    }
    if (groups.some((group) => group.length % 2 !== 0)) {
      return { kind: "advice", advice: { hint: "There is one digit too few or too many" } };
    }
    const digits = groups.join("");
    return {
      kind: "value",
      value: Uint8Array.from({ length: digits.length / 2 }, (_, at) => parseInt(digits.slice(2 * at, 2 * at + 2), 16)),
    };
  },
);

const BASE64_SCHEMA: JsonSchema = {
  type: PLAIN_TYPES,
  pattern: "^\\s*(?:(?:[A-Za-z0-9+/]\\s*){4})*" +
    "(?:(?:[A-Za-z0-9+/]\\s*){4}|(?:[A-Za-z0-9+/]\\s*){3}=|(?:[A-Za-z0-9+/]\\s*){2}=\\s*=)\\s*$",
};

/** Bytes in base64 with its padding, as its digits; white space between them is ignored. */
export const base64Digits: Shape<string> = fromText<string>("bytes in base64", BASE64_SCHEMA, (text) => {
  const digits = text.replaceAll(/\s+/g, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(digits)) {
    return {
      kind: "advice",
      advice: /^[A-Za-z0-9_-]+=*$/.test(digits) ? { hint: "Use the alphabet with `+` and `/`" } : {},
    };
  }
  if (digits.length % 4 !== 0) {
    return { kind: "advice", advice: { hint: "The length is not a multiple of 4: the end or its `=` is missing" } };
  }
  return { kind: "value", value: digits };
});

/** The same as bytes. */
export const base64Bytes: Shape<Uint8Array> = {
  ...base64Digits,
  decode(value, at, report) {
    const digits = base64Digits.decode(value, at, report);
    return digits === undefined ? undefined : Uint8Array.from(atob(digits), (character) => character.charCodeAt(0));
  },
};
