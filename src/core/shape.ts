import { shorten } from "./text.ts";
import type { Diagnostic, Path } from "./diagnostic.ts";
import { nearest } from "./nearest.ts";

/** A JSON Schema (draft-07) fragment. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** Takes the problems that decoding finds. */
export type Report = (diagnostic: Diagnostic) => void;

/**
 * What a value must look like: one description that decodes it and that yields its JSON Schema. `decode` reports every
 * problem it finds and returns undefined where there is no usable value.
 */
export interface Shape<T> {
  readonly schema: JsonSchema;
  /** What the reader should have written, as in "expected a path". */
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

/** The diagnostic of a value that does not have its shape. */
export function wrongType(value: unknown, at: Path, expected: string, hint?: string): Diagnostic {
  const name = at.length === 0 ? "The document" : `\`${at.findLast((step) => typeof step === "string") ?? at[0]}\``;
  return {
    code: "wrong-type",
    severity: "error",
    message: `${name} is not ${expected}`,
    path: at,
    expected,
    found: describe(value),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Whether a value is a plain map with string keys. */
export function isMap(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A scalar that `read` understands; undefined from `read` is a wrong type. */
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

/** Any text, not empty. */
export const text: Shape<string> = scalar(
  "a text",
  { type: "string", minLength: 1 },
  (value) => typeof value === "string" && value !== "" ? value : undefined,
);

/** Any text, perhaps empty. */
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

/** A text that matches a pattern. */
export function pattern(expected: string, regex: RegExp): Shape<string> {
  return scalar(
    expected,
    { type: "string", pattern: regex.source },
    (value) => typeof value === "string" && regex.test(value) ? value : undefined,
  );
}

/** One of some words. An unknown one gets the nearest. */
export function choice<const T extends string>(words: readonly T[]): Shape<T> {
  const expected = words.length === 1 ? `\`${words[0]}\`` : `one of ${words.join(", ")}`;
  return {
    schema: { enum: words },
    expected,
    decode(value, at, report) {
      const found = words.find((word) => word === value);
      if (found === undefined) {
        const near = typeof value === "string" ? nearest(value, words) : undefined;
        report(wrongType(value, at, expected, near === undefined ? undefined : `Did you mean \`${near}\`?`));
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

/** A map with exactly these keys; an unknown key is an error that names the nearest known one. */
export function record<T extends object>(fields: Fields<T>, expected = "a map"): Shape<T> {
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
      if (!isMap(value)) return void report(wrongType(value, at, expected));
      for (const key of Object.keys(value)) {
        if (!Object.hasOwn(fields, key)) report(unknownKey(key, at, rows.map(([name]) => name)));
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

/** One of several shapes, told apart by `pick`, so that the problems reported are those of the one that was meant. */
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

function unknownKey(key: string, at: Path, known: readonly string[]): Diagnostic {
  const near = nearest(key, known);
  return {
    code: "unknown-key",
    severity: "error",
    message: `The key \`${key}\` is not known${at.length === 0 ? "" : " here"}`,
    path: [...at, key],
    expected: `one of ${known.join(", ")}`,
    found: key,
    ...(near === undefined ? {} : { hint: `Did you mean \`${near}\`?` }),
  };
}

/** The record without the keys that are undefined: what a host did not say has no key in its facts. */
export function omitUndefined<T extends object>(record: T): Defined<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** A record type whose keys that may be undefined are optional instead. */
export type Defined<T> =
  & { [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key] }
  & { [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined> };
