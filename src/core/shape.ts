import { shorten } from "./text.ts";
import type { Diagnostic, Path } from "./diagnostic.ts";
import { nearest } from "./nearest.ts";

/** A JSON Schema (draft-07) fragment. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** Receives each problem that decoding finds. */
export type Report = (diagnostic: Diagnostic) => void;

/**
 * What a value must look like: one description decodes it and yields its JSON Schema. `decode` reports every problem that
 * it finds, and returns undefined where they leave no usable value.
 */
export interface Shape<T> {
  readonly schema: JsonSchema;
  /** What the author should have written, as in "expected: a path". */
  readonly expected: string;
  decode(value: unknown, at: Path, report: Report): T | undefined;
}

/** One key of a record. Without `fallback` the key is required; a `fallback` of undefined makes it optional. */
export interface Field<T> {
  readonly shape: Shape<Exclude<T, undefined>>;
  readonly doc: string;
  readonly fallback?: { readonly value: T };
  readonly examples?: readonly unknown[];
}

/** The fields of a record type, one for each key. */
export type Fields<T> = { readonly [Key in keyof T]-?: Field<T[Key]> };

/** Shows a found value in a message: short, and on one line. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || value === "") return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object") return "a map";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return shorten(text);
}

/** What to do about a wrong value: a hint, and the right value where only one is likely. */
export interface Advice {
  readonly hint?: string;
  /** The value to write instead. */
  readonly instead?: string;
}

/** The diagnostic of a value that does not have its shape. */
export function wrongType(value: unknown, at: Path, expected: string, advice: string | Advice = {}): Diagnostic {
  const { hint, instead }: Advice = typeof advice === "string" ? { hint: advice } : advice;
  const name = at.length === 0 ? "The document" : `\`${at.findLast((step) => typeof step === "string") ?? at[0]}\``;
  return {
    code: "wrong-type",
    severity: "error",
    message: `${name} is not ${expected}`,
    path: at,
    expected,
    found: describe(value),
    ...(hint === undefined ? {} : { hint }),
    ...(instead === undefined ? {} : { fix: { replacement: instead } }),
  };
}

/**
 * What a table has under a name that comes from outside: undefined for any other name, such as `constructor`, which every
 * object has, and for what is not a text.
 */
export function lookUp<T>(table: { readonly [name: string]: T }, name: unknown): T | undefined {
  return typeof name === "string" && Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Whether a value is a plain map with string keys. */
export function isMap(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A scalar that `read` converts; undefined from `read` is a wrong type. */
export function scalar<T>(expected: string, schema: JsonSchema, read: (value: unknown) => T | undefined): Shape<T> {
  return {
    schema,
    expected,
    decode(value, at, report) {
      const result = read(value);
      if (result === undefined) report(wrongType(value, at, expected));
      return result;
    },
  };
}

/** A text that is not empty. */
export const text: Shape<string> = scalar(
  "a text",
  { type: "string", minLength: 1 },
  (value) => typeof value === "string" && value !== "" ? value : undefined,
);

/** A text, which may be empty. */
export const anyText: Shape<string> = scalar(
  "a text",
  { type: "string" },
  (value) => typeof value === "string" ? value : undefined,
);

/** A JSON number that counts something: a safe integer, zero or more. */
export const count: Shape<number> = scalar(
  "a whole number",
  { type: "integer", minimum: 0 },
  (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined,
);

/** A JSON boolean. */
export const flag: Shape<boolean> = scalar(
  "true or false",
  { type: "boolean" },
  (value) => typeof value === "boolean" ? value : undefined,
);

/** A text that matches a pattern. The schema has the pattern too. */
export function pattern(expected: string, regex: RegExp): Shape<string> {
  return scalar(
    expected,
    { type: "string", pattern: regex.source },
    (value) => typeof value === "string" && regex.test(value) ? value : undefined,
  );
}

/** One of some words. For any other, the nearest is suggested. */
export function choice<const T extends string>(
  words: readonly T[],
  otherNames: { readonly [name: string]: T } = {},
): Shape<T> {
  const expected = words.length === 1 ? `\`${words[0]}\`` : `one of ${words.join(", ")}`;
  return {
    schema: { enum: words },
    expected,
    decode(value, at, report) {
      const found = words.find((word) => word === value);
      if (found === undefined) {
        const meant = typeof value === "string" ? lookUp(otherNames, value) ?? nearest(value, words) : undefined;
        report(wrongType(value, at, expected, meant === undefined ? {} : { hint: didYouMean(meant), instead: meant }));
      }
      return found;
    },
  };
}

/** A list of one shape. */
export function list<T>(item: Shape<T>): Shape<readonly T[]> {
  return {
    schema: { type: "array", items: item.schema },
    expected: "a list",
    decode(value, at, report) {
      if (!Array.isArray(value)) return void report(wrongType(value, at, "a list"));
      const items = value.map((entry: unknown, index) => item.decode(entry, [...at, index], report));
      return items.every((entry) => entry !== undefined) ? items : undefined;
    },
  };
}

/** A map from any key to one shape. */
export function mapOf<T>(item: Shape<T>): Shape<{ readonly [key: string]: T }> {
  return {
    schema: { type: "object", additionalProperties: item.schema },
    expected: "a map",
    decode(value, at, report) {
      if (!isMap(value)) return void report(wrongType(value, at, "a map"));
      const entries = Object.entries(value).map(([key, entry]) => [key, item.decode(entry, [...at, key], report)]);
      return entries.every(([, entry]) => entry !== undefined) ? Object.fromEntries(entries) : undefined;
    },
  };
}

/** What a record takes besides its keys, for suggestions. */
export interface KeyAdvice {
  /** Names that other programs, or people, use for a key. */
  readonly otherNames?: { readonly [name: string]: string };
  /** Keys that are handled before decoding, such as those that add to a list. */
  readonly further?: readonly string[];
}

/** A map with exactly these keys; an unknown key is an error that suggests the nearest known one. */
export function record<T extends object>(fields: Fields<T>, expected = "a map", advice: KeyAdvice = {}): Shape<T> {
  const rows = Object.entries(fields) as [string, Field<unknown>][];
  return {
    expected,
    schema: {
      type: "object",
      properties: Object.fromEntries(rows.map(([key, field]) => [key, fieldSchema(field)])),
      required: rows.filter(([, field]) => field.fallback === undefined).map(([key]) => key),
      additionalProperties: false,
    },
    decode(value, at, report) {
      const known = rows.map(([name]) => name);
      if (!isMap(value)) {
        const joined = joinedKey(value, known, advice);
        const hint = joined === undefined
          ? {}
          : { hint: `There is no space after \`${joined.key}:\`: write \`${joined.apart}\`` };
        return void report(wrongType(value, at, expected, hint));
      }
      const meant = new Set<string | undefined>();
      for (const key of Object.keys(value)) {
        if (Object.hasOwn(fields, key)) continue;
        const joined = joinedKey(key, known, advice);
        const near = joined?.name ?? suggestedKey(key, known, advice);
        report(
          joined === undefined ? unknownKey(key, at, value, known, near) : {
            code: "unknown-key",
            severity: "error",
            message: `There is no space after \`${joined.key}:\``,
            path: [...at, key],
            hint: `Write \`${joined.apart}\``,
          },
        );
        meant.add(near);
      }
      let complete = true;
      const result: { [key: string]: unknown } = {};
      for (const [key, field] of rows) {
        if (Object.hasOwn(value, key)) {
          const decoded = field.shape.decode(value[key], [...at, key], report);
          if (decoded === undefined) complete = false;
          else result[key] = decoded;
        } else if (field.fallback !== undefined) {
          if (field.fallback.value !== undefined) result[key] = field.fallback.value;
        } else {
          complete = false;
          // A mistyped key is reported as unknown; the right one is not missing as well.
          if (meant.has(key)) continue;
          report({
            code: "missing-key",
            severity: "error",
            message: `The key \`${key}\` is missing`,
            path: at,
            expected: field.shape.expected,
          });
        }
      }
      return complete ? result as T : undefined;
    },
  };
}

/** One of several shapes. `pick` chooses the one that was meant, so that only its problems are reported. */
export function either<T>(
  expected: string,
  shapes: readonly Shape<T>[],
  pick: (value: unknown) => Shape<T> | undefined,
): Shape<T> {
  return {
    expected,
    schema: { anyOf: shapes.map((shape) => shape.schema) },
    decode(value, at, report) {
      const shape = pick(value);
      if (shape === undefined) return void report(wrongType(value, at, expected));
      return shape.decode(value, at, report);
    },
  };
}

function fieldSchema(field: Field<unknown>): JsonSchema {
  const fallback = field.fallback?.value;
  return {
    description: field.doc,
    ...field.shape.schema,
    ...(isPlain(fallback) ? { default: fallback } : {}),
    ...(field.examples === undefined ? {} : { examples: field.examples }),
  };
}

function isPlain(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function unknownKey(
  key: string,
  at: Path,
  map: { readonly [key: string]: unknown },
  known: readonly string[],
  near: string | undefined,
): Diagnostic {
  return {
    code: "unknown-key",
    severity: "error",
    message: `Unknown key \`${key}\``,
    path: [...at, key],
    ...(near === undefined ? { expected: `one of ${known.join(", ")}` } : { hint: didYouMean(near) }),
    ...(near === undefined || !isRenamable(key, near, map) ? {} : { fix: { replacement: near } }),
  };
}

/** A key and its value that YAML reads as one text, since no space follows the colon: `path:/boot/vmlinuz`. */
function joinedKey(
  text: unknown,
  known: readonly string[],
  { otherNames = {} }: KeyAdvice,
): { readonly key: string; readonly name: string; readonly apart: string } | undefined {
  const [, key = "", value = ""] = /^([A-Za-z_][\w-]*):(\S[^]*)$/.exec(typeof text === "string" ? text : "") ?? [];
  const name = known.includes(key) ? key : lookUp(otherNames, key);
  return name === undefined ? undefined : { key, name, apart: `${name}: ${shorten(value)}` };
}

/** The key that an unknown one was probably meant to be; undefined if none is near. */
export function suggestedKey(
  key: string,
  known: readonly string[],
  { otherNames = {}, further = [] }: KeyAdvice,
): string | undefined {
  const other = key.toLowerCase().replaceAll("_", "-");
  return Object.hasOwn(otherNames, other) ? otherNames[other] : nearest(key, [...known, ...further]);
}

/** Whether a key can be renamed: it neither becomes a duplicate nor turns an addition (`key+`) into a replacement. */
function isRenamable(key: string, near: string, map: { readonly [key: string]: unknown }): boolean {
  return !Object.hasOwn(map, near) && key.endsWith("+") === near.endsWith("+");
}

/** The hint that suggests a name. */
export function didYouMean(name: string): string {
  return `Did you mean \`${name}\`?`;
}

/** The record without the keys whose value is undefined. */
export function omitUndefined<T extends object>(record: T): Defined<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** A record type in which keys that may be undefined are optional instead. */
export type Defined<T> =
  & { [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key] }
  & { [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined> };
