import { basename, dirname, extname, isAbsolute } from "@std/path/posix";
import { type Checked, type Diagnostic, hasErrors, type Position } from "../core/diagnostic.ts";
import { formatSize } from "../core/number.ts";
import { describe, isMap } from "../core/shape.ts";
import { conflictsOf } from "./conflicts.ts";
import { readDocument } from "./document.ts";
import { FIELDS, PROFILE, type Stated } from "./fields.ts";
import { excessOf, MAX_BYTES } from "./limits.ts";
import { placed, sourceOf } from "./locate.ts";
import { MERGE_KEY, resolveMerges } from "./merge.ts";
import type { FileRef, Profile, SegmentSpec } from "./profile.ts";

/**
 * Decodes a profile. `file` is the path that messages show, whose folder resolves relative paths and whose stem is the
 * default name. Reports every problem at once, in the order of the text; the value is undefined if one is an error.
 */
export function parseProfile(text: string, file: string): Checked<Profile> {
  if (text.length > MAX_BYTES) return refused(tooLarge(text.length, file));
  const body = text.startsWith("\ufeff") ? text.slice(1) : text;
  const source = sourceOf(body, file);
  const stray = /\0|\p{Cs}/u.exec(body)?.index;
  if (stray !== undefined) return refused(notText("it has a NUL or half of a surrogate pair", source.at(stray, 1)));

  const document = readDocument(body, source);
  const problems: Diagnostic[] = [...document.problems];
  const profile = document.value === undefined ? undefined : decodeDocument(document.value, body, file, problems);
  const diagnostics = problems.map((problem) => placed(problem, source)).toSorted(byPosition);
  return { value: hasErrors(diagnostics) ? undefined : profile, diagnostics: firstOf(diagnostics) };
}

/** Who has fixed this many will run the check again. */
const MOST_SHOWN = 100;

function firstOf(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const more = diagnostics.slice(MOST_SHOWN);
  const position = more[0]?.position;
  if (more.length === 0) return diagnostics;
  return [...diagnostics.slice(0, MOST_SHOWN), {
    code: "too-many-problems",
    severity: hasErrors(more) ? "error" : "warning",
    message: `The profile has ${more.length} more ${more.length === 1 ? "problem" : "problems"} from here on`,
    ...(position === undefined ? {} : { position }),
    hint: "Fix these first",
  }];
}

/** Decodes a profile from the bytes of its file: UTF-8, with or without a byte-order mark, at most 1 MiB. */
export function parseProfileBytes(bytes: Uint8Array, file: string): Checked<Profile> {
  if (bytes.length > MAX_BYTES) return refused(tooLarge(bytes.length, file));
  const start = { file, line: 1, column: 1, length: 1 };
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return refused(notText("it is UTF-16", start));
  }
  const nul = bytes.indexOf(0);
  if (nul >= 0) return refused(notText(`byte ${nul} is NUL`, start));
  const text = decodedUtf8(bytes);
  if (text !== undefined) return parseProfile(text, file);
  const before = new TextDecoder().decode(bytes).split("\ufffd", 1)[0] ?? "";
  return refused(notText("it is not UTF-8", sourceOf(before, file).at(before.length, 1)));
}

function decodedUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Decodes a document's value, and adds its problems. */
function decodeDocument(value: unknown, text: string, file: string, problems: Diagnostic[]): Profile | undefined {
  const report = (problem: Diagnostic): void => void problems.push(problem);
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
  const stated = PROFILE.decode(map, [], report) ?? salvage(map);
  const profile = profileOf(stated, Object.keys(map).filter((key) => Object.hasOwn(FIELDS, key)), file);
  conflictsOf(profile).forEach(report);
  return profile;
}

/**
 * What can be had of a map that does not decode as a whole: its sound keys, and defaults for the rest. It serves to find
 * conflicts too in the same run, and is never returned.
 */
function salvage(map: { readonly [key: string]: unknown }): Stated {
  const entries = Object.entries(FIELDS).map(([key, field]) => {
    const decoded = Object.hasOwn(map, key) ? field.shape.decode(map[key], [key], () => {}) : undefined;
    return [key, decoded ?? field.fallback?.value] as const;
  });
  const sound = Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as unknown as Stated;
  // Segments that are wrong in themselves still stand where a kernel's keys do not belong.
  const raw = map["segments"];
  const wrong = Array.isArray(raw) && raw.length > 0 && sound.segments.length === 0;
  return wrong ? { ...sound, segments: [{ at: 0n, source: { kind: "zero" } }] } : sound;
}

/** The profile of what a file states: paths resolved, the name filled in. */
function profileOf(stated: Stated, keys: readonly string[], file: string): Profile {
  const { preserve_context: preserveContext, kernel, initrd, segments, ...same } = stated;
  const resolved = (ref: FileRef): FileRef => ({ ...ref, path: resolvedPath(ref.path, file) });
  return {
    ...same,
    name: stated.name ?? (basename(file, extname(file)) || "profile"),
    ...(kernel === undefined ? {} : { kernel: resolved(kernel) }),
    initrd: initrd.map(resolved),
    preserveContext,
    segments: segments.map((segment): SegmentSpec =>
      segment.source.kind === "file"
        ? { ...segment, source: { ...segment.source, file: resolved(segment.source.file) } }
        : segment
    ),
    stated: keys,
  };
}

/** `..` stays as it is written: behind a symbolic link it does not lead back. */
function resolvedPath(path: string, file: string): string {
  const folder = dirname(file);
  if (isAbsolute(path) || folder === ".") return path;
  return folder.endsWith("/") ? `${folder}${path}` : `${folder}/${path}`;
}

function byPosition(a: Diagnostic, b: Diagnostic): number {
  const [first, second] = [a.position, b.position];
  if (first === undefined || second === undefined) return 0;
  return first.line - second.line || first.column - second.column;
}

function refused(problem: Diagnostic): Checked<Profile> {
  return { value: undefined, diagnostics: [problem] };
}

function tooLarge(length: number, file: string): Diagnostic {
  return {
    code: "too-large",
    severity: "error",
    message: `The file of ${formatSize(length)} is too large for a profile`,
    position: { file, line: 1, column: 1, length: 1 },
    expected: `at most ${formatSize(MAX_BYTES)}`,
    hint: "Name a kernel or a payload inside a profile, and give the profile here",
  };
}

function notText(found: string, position: Position): Diagnostic {
  return {
    code: "not-text",
    severity: "error",
    message: `The file is not a text: ${found}`,
    position,
    expected: "YAML in UTF-8",
    found,
    hint: "Give a profile here, saved as UTF-8",
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
