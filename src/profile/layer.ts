import type { Diagnostic, Position } from "../core/diagnostic.ts";
import { formatSize } from "../core/number.ts";
import { describe, isMap } from "../core/shape.ts";
import { readDocument } from "./document.ts";
import { FIELDS } from "./fields.ts";
import { excessOf, MAX_BYTES } from "./limits.ts";
import { placed, type Source, sourceOf } from "./locate.ts";
import { MERGE_KEY, resolveMerges } from "./merge.ts";

/** What a file is to a profile: the profile itself, something that it extends, or a drop-in. */
export type LayerRole = "profile" | "base" | "drop-in";

/** One file of a profile: its map, in which nothing is decoded yet, and its text. */
export interface Layer {
  /** The path that messages show; its folder resolves relative paths. */
  readonly file: string;
  readonly role: LayerRole;
  /** Its text; undefined where the file is not text. */
  readonly text: string | undefined;
  /** Its text, to find positions in; undefined where the file is not text. */
  readonly source: Source | undefined;
  /** Its keys, with YAML's merge keys resolved; undefined where the file cannot be read as a map. */
  readonly map: { readonly [key: string]: unknown } | undefined;
  /** The files that it extends, as it writes them; undefined where that cannot be read. */
  readonly bases: readonly string[] | undefined;
  /** What is wrong with the file as such; each has its position. */
  readonly problems: readonly Diagnostic[];
}

/** Reads a file of a profile from its bytes: UTF-8, with or without a byte-order mark, at most 1 MiB. */
export function readLayer(bytes: Uint8Array, file: string, role: LayerRole): Layer {
  if (bytes.length > MAX_BYTES) return unreadable(tooLarge(bytes.length, file), file, role);
  const start = { file, line: 1, column: 1, length: 1 };
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return unreadable(notText("it is UTF-16", start), file, role);
  }
  const nul = bytes.indexOf(0);
  if (nul >= 0) return unreadable(notText(`byte ${nul} is NUL`, start), file, role);
  const text = decodedUtf8(bytes);
  if (text !== undefined) return readLayerText(text, file, role);
  const before = new TextDecoder().decode(bytes).split("\ufffd", 1)[0] ?? "";
  return unreadable(notText("it is not UTF-8", sourceOf(before, file).at(before.length, 1)), file, role);
}

/** Reads a file of a profile from its text. */
export function readLayerText(text: string, file: string, role: LayerRole): Layer {
  if (text.length > MAX_BYTES) return unreadable(tooLarge(text.length, file), file, role);
  const body = text.startsWith("\ufeff") ? text.slice(1) : text;
  const source = sourceOf(body, file);
  const stray = /\0|\p{Cs}/u.exec(body)?.index;
  if (stray !== undefined) {
    return unreadable(notText("it has a NUL or half of a surrogate pair", source.at(stray, 1)), file, role);
  }
  const document = readDocument(body, source, NAMES);
  const problems: Diagnostic[] = [...document.problems];
  const report = (problem: Diagnostic): void => void problems.push(placed(problem, (path) => ({ source, path })));
  if (document.value === undefined) {
    // A base or drop-in may be empty, or hold only comments; a profile may not.
    const isEmpty = role !== "profile" && problems.every(({ code }) => code === "empty-document");
    return {
      file,
      role,
      text: body,
      source,
      map: isEmpty ? {} : undefined,
      bases: [],
      problems: isEmpty ? [] : problems,
    };
  }
  const map = mapOf(document.value, body, report);
  return { file, role, text: body, source, map, bases: basesOf(map, report), problems };
}

/** A profile that was made in code: its keys as a text would yield them, without a text for places. */
export function valueLayer(value: unknown, file: string): Layer {
  const problems: Diagnostic[] = [];
  const report = (problem: Diagnostic): void => void problems.push(problem);
  const map = mapOf(value, "", report);
  return { file, role: "profile", text: undefined, source: undefined, map, bases: basesOf(map, report), problems };
}

function basesOf(map: Layer["map"], report: (problem: Diagnostic) => void): Layer["bases"] {
  if (map === undefined || !Object.hasOwn(map, "extends")) return [];
  return FIELDS.extends.shape.decode(map["extends"], ["extends"], report);
}

/** The keys of profiles, for what a faulty text was meant to be. */
const NAMES: readonly string[] = Object.keys(FIELDS);

function mapOf(value: unknown, text: string, report: (problem: Diagnostic) => void): Layer["map"] {
  const excess = excessOf(value);
  if (excess !== undefined) {
    return void report({ code: "too-complex", severity: "error", message: excess.message, path: excess.path });
  }
  const map = text.includes(MERGE_KEY) ? resolveMerges(value, [], report) : value;
  if (!isMap(map)) return void report(notMap(map));
  const version = map["version"];
  if (typeof version === "string" && version !== "1" && /^[1-9][0-9]*$/.test(version)) {
    return void report(futureVersion(version));
  }
  return map;
}

function unreadable(problem: Diagnostic, file: string, role: LayerRole): Layer {
  return { file, role, text: undefined, source: undefined, map: undefined, bases: [], problems: [problem] };
}

function decodedUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function tooLarge(length: number, file: string): Diagnostic {
  return {
    code: "too-large",
    severity: "error",
    message: `The file of ${formatSize(length)} is too large for a profile`,
    position: { file, line: 1, column: 1, length: 1 },
    expected: `at most ${formatSize(MAX_BYTES)}`,
    hint: "To boot a kernel, name it in a profile and give the profile here",
  };
}

function notText(found: string, position: Position): Diagnostic {
  return {
    code: "not-text",
    severity: "error",
    message: `The file is not text: ${found}`,
    position,
    expected: "YAML in UTF-8",
    found,
    hint: "Give a profile that is saved as UTF-8",
  };
}

function notMap(value: unknown): Diagnostic {
  return {
    code: "wrong-type",
    severity: "error",
    message: "The document is not a map of a profile's keys",
    path: [],
    expected: "lines of `key: value`, beginning with `version: 1`",
    found: describe(value),
  };
}

function futureVersion(version: string): Diagnostic {
  return {
    code: "unsupported-version",
    severity: "error",
    message: `This warmboot reads version 1 of profiles, not version ${version.slice(0, 20)}`,
    path: ["version"],
    expected: "`version: 1`",
    found: version.slice(0, 20),
    hint: "Install a newer warmboot, or write the profile for version 1",
  };
}
