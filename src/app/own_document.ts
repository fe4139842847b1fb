import { parse } from "@std/yaml";
import { type Diagnostic, type Position, reasonOf } from "../core/diagnostic.ts";
import { countJson, JSON_VALUES_LIMIT } from "../core/json_limits.ts";
import { formatSize } from "../core/number.ts";
import { isMap } from "../core/shape.ts";
import { excessOf, MAX_BYTES } from "../profile/limits.ts";
import { sourceOf } from "../profile/locate.ts";

/** A document that warmboot itself writes, recognised by its `format`; damaged where it cannot be parsed. */
export type OwnDocument =
  | { readonly kind: "document"; readonly format: string; readonly value: unknown }
  | { readonly kind: "damaged"; readonly format: string; readonly fault: DocumentFault };

/** Why a document of warmboot's cannot be parsed. */
export interface DocumentFault {
  readonly code: "wrong-type" | "too-complex" | "too-large";
  readonly message: string;
  /** Where in the text; its file is unnamed. */
  readonly position: Position;
}

const FORMAT = /(?:^|[\s{,])["']?format["']?\s*:\s*["']?(warmboot\.\w+\/\d+)/;

/** Which of warmboot's documents the bytes are, JSON or YAML; undefined for anything else, such as a profile. */
export function ownDocument(bytes: Uint8Array): OwnDocument | undefined {
  const text = new TextDecoder().decode(bytes);
  // This search alone recognises most profiles, which are then parsed only once.
  const written = FORMAT.exec(text)?.[1];
  if (written === undefined) return undefined;
  const read = /^\s*\{/.test(text) ? readJson(text) : readYaml(text);
  if (read.kind === "damaged") {
    // A profile that merely quotes the format is recognised by its key `version`.
    return /^version\s*:/m.test(text) ? undefined : { kind: "damaged", format: written, fault: read.fault };
  }
  const format = isMap(read.value) ? read.value.format : undefined;
  return typeof format === "string" && format.startsWith("warmboot.")
    ? { kind: "document", format, value: read.value }
    : undefined;
}

type ReadText =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "damaged"; readonly fault: DocumentFault };

/** JSON in which no key occurs twice: a reader may see the first, and JSON.parse takes the last. */
function readJson(text: string): ReadText {
  const { values, keys } = countJson(text);
  if (values > JSON_VALUES_LIMIT) {
    return damagedText({
      code: "too-complex",
      message: `it has more than ${JSON_VALUES_LIMIT} values`,
      position: START,
    });
  }
  try {
    const value: unknown = JSON.parse(text);
    return keys === countKeys(value)
      ? { kind: "value", value }
      : damagedText({ code: "wrong-type", message: "A key occurs twice in one map", position: START });
  } catch (error) {
    return damagedText({ code: "wrong-type", message: reasonOf(error), position: START });
  }
}

/** The start of a document, for what is wrong with it as a whole. */
export function startOf(file: string): Position {
  return { file, line: 1, column: 1, length: 1 };
}

/** That of a text whose file is named later. */
const START = startOf("");

/** YAML within the limits of a profile: its aliases could expand a small text without end. */
function readYaml(text: string): ReadText {
  if (text.length > MAX_BYTES) {
    const message = `it is YAML of more than ${formatSize(MAX_BYTES)}; write it with -o json`;
    return damagedText({ code: "too-large", message, position: START });
  }
  const source = sourceOf(text, "");
  const tree = source.tree();
  if (tree.kind === "fault") {
    const { kind, reason, offset } = tree.fault;
    const code = kind === "excess" ? "too-complex" : "wrong-type";
    return damagedText({ code, message: reason, position: source.at(offset, 1) });
  }
  try {
    const value = parse(text, { schema: "json" });
    const excess = excessOf(value);
    if (excess === undefined) return { kind: "value", value };
    return damagedText({
      code: "too-complex",
      message: excess.message,
      position: source.locate(excess.path, "value"),
    });
  } catch (error) {
    return damagedText({ code: "wrong-type", message: reasonOf(error), position: START });
  }
}

function damagedText(fault: DocumentFault): ReadText {
  return { kind: "damaged", fault };
}

/** That a document cannot be parsed, as a diagnostic about its file. */
export function documentProblem({ code, message, position }: DocumentFault, what: string, file: string): Diagnostic {
  return {
    code,
    severity: "error",
    message: `The ${what} cannot be read: ${message.slice(0, 1).toLowerCase()}${message.slice(1)}`,
    position: { ...position, file },
  };
}

/** The keys of all maps in a value, however deep it is nested. */
function countKeys(value: unknown): number {
  let count = 0;
  const left: unknown[] = [value];
  while (left.length > 0) {
    const each = left.pop();
    if (typeof each !== "object" || each === null) continue;
    if (!Array.isArray(each)) count += Object.keys(each).length;
    for (const inner of Object.values(each)) left.push(inner);
  }
  return count;
}

/** What each document is, and who takes it; no command reads the others. */
const KINDS: ReadonlyMap<string, { readonly what: string; readonly hint?: string }> = new Map(Object.entries({
  plan: { what: "a stored plan", hint: "Load it with: warmboot load FILE" },
  facts: { what: "a capture of a host", hint: "Use it with a profile: warmboot plan PROFILE --facts FILE" },
  record: { what: "the record of a load", hint: "warmboot status reads it; give a profile" },
  status: { what: "the output of warmboot status" },
  check: { what: "the output of warmboot check" },
  diff: { what: "the output of warmboot diff" },
  matrix: { what: "the output of warmboot plan --facts-dir" },
  origin: { what: "the output of warmboot check --origin" },
  outcome: { what: "the outcome of a command" },
  install: { what: "the manifest of an installation" },
}));

/** That a document of warmboot's is not what is wanted; `wanted` is, for example, "a profile". */
export function otherDocument({ format }: OwnDocument, wanted: string, file: string): Diagnostic {
  const { what, hint = "No command reads it; give a profile" } = KINDS.get(kindOf(format)) ??
    { what: `a document of the format ${format}`, hint: "Give a profile" };
  return {
    code: "wrong-type",
    severity: "error",
    message: `This is ${what}, not ${wanted}`,
    position: startOf(file),
    hint,
  };
}

/** `plan` for the format `warmboot.plan/1`. */
export function kindOf(format: string): string {
  return /^warmboot\.(\w+)/.exec(format)?.[1] ?? "";
}

/** That bytes which should be a profile are a document of warmboot's; undefined if they may be a profile. */
export function notProfile(bytes: Uint8Array, file: string): Diagnostic | undefined {
  const own = ownDocument(bytes);
  return own === undefined ? undefined : otherDocument(own, "a profile", file);
}
