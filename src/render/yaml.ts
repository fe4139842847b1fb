import { stringify } from "@std/yaml";
import { ACTED_ON, escapeActedOn, LOG_COMMAND } from "../core/text.ts";

/** What a reader of the text may act on: characters that drive a terminal, and lines that CI systems take for commands. */
const UNSAFE = new RegExp(`${ACTED_ON.source}|\\n\\s*::|${LOG_COMMAND.source}`);

/**
 * A value as YAML; long lines stay whole, so that a path or a digest can be copied. Text within it cannot drive a terminal:
 * YAML calls the marks that turn the direction of text printable, so a string with one is written as JSON, escaped.
 */
export function yamlText(value: unknown): string {
  const unsafe = [...new Set(stringsOf(value))].filter((text) => UNSAFE.test(text));
  if (unsafe.length === 0) return written(value);
  let prefix = "escaped";
  const all = stringsOf(value).join("\n");
  while (all.includes(prefix)) prefix += "-x";
  const names = new Map(unsafe.map((text, index) => [text, `${prefix}-${index}-end`]));
  return unsafe.reduce(
    (text, each) => text.replaceAll(names.get(each) ?? each, () => escapeActedOn(JSON.stringify(each))),
    written(renamed(value, names)),
  );
}

function written(value: unknown): string {
  return stringify(value, { lineWidth: -1, useAnchors: false });
}

/** Every string of a value, keys included. */
function stringsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(stringsOf);
  return Object.entries(value).flatMap(([key, each]) => [key, ...stringsOf(each)]);
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof value === "string") return names.get(value) ?? value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => renamed(each, names));
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [names.get(key) ?? key, renamed(each, names)]),
  );
}
