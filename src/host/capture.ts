import { type Checked, type Diagnostic, hasErrors, type Path } from "../core/diagnostic.ts";
import { formatSize } from "../core/number.ts";
import { nearest } from "../core/nearest.ts";
import {
  anyText,
  choice,
  describe,
  either,
  isMap,
  type JsonSchema,
  mapOf,
  pattern,
  record,
  scalar,
  text,
} from "../core/shape.ts";
import { BASE64 } from "./base64.ts";
import { type CapturedImages, IMAGES } from "./captured_image.ts";
import { type CapturedOverlays, OVERLAYS, redactOverlays } from "./captured_overlay.ts";
import { locatePath, parseJson } from "./json_position.ts";
import { moreProblems, MOST_SHOWN } from "./many_problems.ts";
import type { HostReader, SourceResult } from "./reader.ts";
import { isBootSource, redactBootFile } from "./boot_source.ts";
import { expandPath, isSourcePath, type SourcePath } from "./source_path.ts";
import {
  FILES_LIMIT,
  IMAGES_LIMIT,
  PIECES_LIMIT,
  type Source,
  sourceLimit,
  type SourceName,
  SOURCES,
} from "./sources.ts";
import { compareNames, jsonText } from "../core/text.ts";

/** One captured source: its text; its bytes, if it is binary or no UTF-8; or the name of the error that reading gave. */
export type CapturedFile = string | { readonly base64: string } | { readonly error: string };

/** The form of a capture, with its version. */
export const CAPTURE_FORMAT = "warmboot.facts/1";

/** A host as it was read: the content of each source, by path. Sources that were not there are left out. */
export interface Capture {
  /** The form of the capture. */
  readonly format: typeof CAPTURE_FORMAT;
  /** Whether what shows addresses of the kernel, or secrets, was left out: for a repository. */
  readonly redacted?: true;
  /** When it was taken, by the clock of the host, UTC: 2026-11-29T05:00:00Z. Absent in captures of older versions. */
  readonly capturedAt?: string;
  /** What each source said, by its path. */
  readonly files: { readonly [path: string]: CapturedFile };
  /** The kernels, initrds and segments' files that were captured with the host, by path. */
  readonly images?: CapturedImages;
  /** The files of the host that profiles add to the next initrd, but for secrets; by path. */
  readonly overlays?: CapturedOverlays;
}

/** What is read besides what every plan needs. */
export interface Wanted {
  /** The sources that only `carry` needs. */
  readonly carry: boolean;
}

/** Reads every source of the table. */
export function collect(reader: HostReader, { carry }: Wanted = { carry: true }): Capture {
  const release = releaseOf(reader);
  const sources = Object.values(SOURCES).filter(({ forCarry = false }) => carry || !forCarry);
  const rows = sources.flatMap((source) => readSource(source, release, reader));
  return { format: CAPTURE_FORMAT, files: Object.fromEntries(rows) };
}

/** The kernel's release, which is part of some sources' paths. */
export function releaseOf(reader: HostReader): string | undefined {
  const result = reader.read("/proc/sys/kernel/osrelease");
  const text = result.kind === "bytes" ? new TextDecoder().decode(result.bytes).trim() : "";
  return text === "" || text.includes("/") ? undefined : text;
}

type Row = readonly [path: string, file: CapturedFile];

/** Reads the first place that has the source; where none has, an error on the way is kept. */
function readSource(source: Source, release: string | undefined, reader: HostReader): readonly Row[] {
  if (source.onlyWith?.every((path) => reader.read(path).kind === "absent") === true) return [];
  let refused: readonly Row[] = [];
  for (const pattern of source.paths) {
    const results = expandPath(pattern, release, reader.list).map(({ path }) => [path, reader.read(path)] as const);
    const rows = results.flatMap(([path, result]) => toRow(path, result, source));
    if (results.some(([, result]) => result.kind === "bytes")) return rows;
    if (refused.length === 0) refused = rows;
  }
  return refused;
}

function toRow(path: string, result: SourceResult, source: Source): readonly Row[] {
  if (result.kind === "absent") return [];
  if (result.kind === "error") return [[path, { error: result.error }]];
  const bytes = source.keep?.(result.bytes) ?? result.bytes;
  const text = source.form === "binary" ? undefined : decodeUtf8(bytes);
  return [[path, text ?? { base64: bytes.toBase64() }]];
}

/** The text of UTF-8 bytes, a byte order mark included, or undefined if they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Reads a capture as if it were the host. The capture's base64 is well-formed, as `parseCapture` ensures. */
export function captureReader(capture: Capture): HostReader {
  const paths = Object.keys(capture.files);
  return {
    read: (path) => Object.hasOwn(capture.files, path) ? toResult(capture.files[path]) : { kind: "absent" },
    list(directory) {
      const names = paths.filter((path) => path.startsWith(`${directory}/`))
        .map((path) => path.slice(directory.length + 1).split("/", 1)[0] ?? "");
      return [...new Set(names)].sort(compareNames);
    },
  };
}

function toResult(file: CapturedFile | undefined): SourceResult {
  if (file === undefined) return { kind: "absent" };
  if (typeof file === "string") return { kind: "bytes", bytes: new TextEncoder().encode(file) };
  if ("error" in file) return { kind: "error", error: file.error };
  return { kind: "bytes", bytes: Uint8Array.fromBase64(file.base64) };
}

/** A file of a source, and what reading it gave. */
export interface ReadSource {
  readonly place: SourcePath;
  readonly result: Exclude<SourceResult, { readonly kind: "absent" }>;
}

/** The files of one source that a reader has, in the table's order. */
export function readSources(reader: HostReader, source: Source, release: string | undefined): readonly ReadSource[] {
  return source.paths.flatMap((pattern) => expandPath(pattern, release, reader.list)).flatMap((place) => {
    const result = reader.read(place.path);
    return result.kind === "absent" ? [] : [{ place, result }];
  });
}

/** Writes a capture as JSON: the table's order, then other files by name; equal captures give equal texts. */
export function captureText(capture: Capture): string {
  const reader = captureReader(capture);
  const release = releaseOf(reader);
  const known = Object.values(SOURCES).flatMap((source) => readSources(reader, source, release))
    .map(({ place }) => place.path);
  const paths = new Set([...known, ...Object.keys(capture.files).sort()]);
  const files = Object.fromEntries(Array.from(paths, (path) => [path, capture.files[path]]));
  const { format, redacted, capturedAt, images, overlays } = capture;
  return jsonText({
    format,
    ...(redacted === undefined ? {} : { redacted }),
    ...(capturedAt === undefined ? {} : { capturedAt }),
    files,
    ...(images === undefined ? {} : { images }),
    ...(overlays === undefined ? {} : { overlays }),
  });
}

/**
 * A capture for a repository: without what shows addresses of the kernel (KASLR) or secrets, as the table of sources says.
 * Images stay as they are; the content of files that are added to an initrd is left out. Applying it twice changes nothing.
 */
export function redactCapture({ format, capturedAt, files, images, overlays }: Capture): Capture {
  const reader = captureReader({ format, files });
  const release = releaseOf(reader);
  const rows = Object.values(SOURCES).flatMap((source) =>
    source.redaction.kind === "leave-out"
      ? []
      : readSources(reader, source, release).flatMap(({ place, result }) => redactedRow(place.path, source, result))
  );
  const boot = Object.entries(files).filter(([path]) => !isSourcePath(path) && isBootSource(path)).map(([path, file]) =>
    [path, typeof file === "string" ? redactedText(file) : file] as const
  );
  return {
    format,
    redacted: true,
    ...(capturedAt === undefined ? {} : { capturedAt }),
    files: Object.fromEntries([...rows, ...boot]),
    ...(images === undefined ? {} : { images }),
    ...(overlays === undefined ? {} : { overlays: redactOverlays(overlays) }),
  };
}

function redactedText(text: string): CapturedFile {
  const bytes = redactBootFile(new TextEncoder().encode(text));
  return decodeUtf8(bytes) ?? { base64: bytes.toBase64() };
}

function redactedRow(path: string, source: Source, result: SourceResult): readonly Row[] {
  const { redaction } = source;
  if (redaction.kind !== "edit" || result.kind !== "bytes") return toRow(path, result, source);
  return toRow(path, { kind: "bytes", bytes: redaction.edit(result.bytes) }, source);
}

const BYTES = record<{ base64: string }>({ base64: { shape: BASE64, doc: "The source's bytes" } });
const ERROR = record<{ error: string }>({
  error: { shape: text, doc: "Why there is none, by the name of the errno", examples: ["EACCES"] },
});
const FILE = either<CapturedFile>("a text, { base64 } or { error }", [anyText, BYTES, ERROR], (value) => {
  if (typeof value === "string") return anyText;
  return isMap(value) ? Object.hasOwn(value, "error") ? ERROR : BYTES : undefined;
});

const FILES_DOC = "The content of each source that was there, by its path on the host";

const CAPTURE = record<Capture>({
  format: { shape: choice([CAPTURE_FORMAT]), doc: "The form of this file, with its version" },
  redacted: {
    shape: scalar("true", { const: true }, (value) => value === true ? true as const : undefined),
    doc: "What shows addresses of the kernel, or secrets, was left out (`facts --redact`)",
    fallback: { value: undefined },
  },
  capturedAt: {
    shape: pattern("a time as 2026-11-29T05:00:00Z", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    doc: "When it was taken, by the clock of the host, UTC",
    fallback: { value: undefined },
  },
  files: { shape: mapOf(FILE), doc: FILES_DOC },
  images: {
    shape: IMAGES,
    doc: "What plans need of the files that profiles name, by path (`facts --images PROFILE`)",
    fallback: { value: undefined },
  },
  overlays: {
    shape: OVERLAYS,
    doc:
      "The files of the host that profiles add to the next initrd, but for secrets, by path (`facts --images PROFILE`)",
    fallback: { value: undefined },
  },
});

/**
 * Reads the JSON of a capture. A path that no source has is a warning, since a misspelt one would be a fact that is
 * silently missing. @param file what the diagnostics name the text
 */
export function parseCapture(json: string, file: string): Checked<Capture> {
  const parsed = parseJson(json, file);
  if (parsed.diagnostics.length > 0) return { value: undefined, diagnostics: parsed.diagnostics };
  const foreign = foreignFormat(parsed.value) ?? tooMany(parsed.value);
  if (foreign !== undefined) {
    return { value: undefined, diagnostics: [{ ...foreign, position: locatePath(json, file, foreign.path ?? []) }] };
  }
  const diagnostics: Diagnostic[] = [];
  const capture = CAPTURE.decode(parsed.value, [], (diagnostic) => diagnostics.push(diagnostic));
  if (capture !== undefined) diagnostics.push(...tooLarge(capture));
  const unknown = Object.keys(capture?.files ?? {}).filter((path) => !isSourcePath(path) && !isBootSource(path));
  diagnostics.push(...unknown.slice(0, MOST_SHOWN + 1).map(unknownSource));
  const total = diagnostics.length + Math.max(0, unknown.length - MOST_SHOWN - 1);
  return {
    value: hasErrors(diagnostics) ? undefined : capture,
    diagnostics: [
      ...diagnostics.slice(0, MOST_SHOWN).map((diagnostic) => ({
        ...diagnostic,
        position: locatePath(json, file, diagnostic.path ?? []),
      })),
      ...(total > MOST_SHOWN
        ? [moreProblems(total - MOST_SHOWN, hasErrors(diagnostics.slice(MOST_SHOWN)), "the capture")]
        : []),
    ],
  };
}

function foreignFormat(value: unknown): Diagnostic | undefined {
  if (!isMap(value) || !Object.hasOwn(value, "format") || value.format === CAPTURE_FORMAT) return undefined;
  const newer = typeof value.format === "string" && value.format.startsWith("warmboot.facts/");
  return {
    code: "facts-format",
    severity: "error",
    message: `This is not a capture in the form \`${CAPTURE_FORMAT}\``,
    path: ["format"],
    expected: `\`${CAPTURE_FORMAT}\``,
    found: describe(value.format),
    hint: newer
      ? "Another version of warmboot wrote it; take the capture again with this one's `warmboot facts`"
      : "Give the file that `warmboot facts` wrote",
  };
}

/** That a capture has so many files, or parts of them, that looking at each would take too long. */
function tooMany(value: unknown): Diagnostic | undefined {
  const capture = isMap(value) ? value : {};
  const files = countOf(capture.files);
  if (files > FILES_LIMIT) return manyOf(`The capture has ${files} files, more than any host`, ["files"], FILES_LIMIT);
  const images = countOf(capture.images);
  if (images > IMAGES_LIMIT) {
    return manyOf(`The capture has ${images} images, more than profiles name`, ["images"], IMAGES_LIMIT);
  }
  for (const [path, image] of Object.entries(isMap(capture.images) ? capture.images : {})) {
    const found = manyPieces(path, image, ["images", path]) ??
      (isMap(image) ? manyPieces(path, image.unpacked, ["images", path, "unpacked"]) : undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

function manyPieces(name: string, image: unknown, path: Path): Diagnostic | undefined {
  for (const key of ["ranges", "parts"]) {
    const count = isMap(image) ? countOf(image[key]) : 0;
    if (count <= PIECES_LIMIT) continue;
    return manyOf(`The capture has ${count} ${key} of ${name}, more than any image has`, [...path, key], PIECES_LIMIT);
  }
  return undefined;
}

function countOf(value: unknown): number {
  return Array.isArray(value) ? value.length : isMap(value) ? Object.keys(value).length : 0;
}

function manyOf(message: string, path: Path, limit: number): Diagnostic {
  return { ...TOO_LARGE, message, path, expected: `at most ${limit}` };
}

const TOO_LARGE = {
  code: "too-large",
  severity: "error",
  hint: "Capture the host again with `warmboot facts`",
} as const;

/** What is larger than the kernel writes. */
function tooLarge({ format, files }: Capture): readonly Diagnostic[] {
  const reader = captureReader({ format, files });
  const release = releaseOf(reader);
  return (Object.keys(SOURCES) as SourceName[]).flatMap((name) => {
    const limit = sourceLimit(name);
    return SOURCES[name].paths.flatMap((pattern) => expandPath(pattern, release, reader.list)).flatMap(({ path }) => {
      const file = files[path];
      const size = typeof file === "string"
        ? file.length
        : file !== undefined && "base64" in file
        ? file.base64.length / 4 * 3
        : 0;
      if (size <= limit) return [];
      const message = `${path} has ${formatSize(size)}, more than the kernel writes there`;
      return [{ ...TOO_LARGE, message, path: ["files", path], expected: `at most ${formatSize(limit)}` }];
    });
  });
}

function unknownSource(path: string): Diagnostic {
  const near = nearest(path, Object.values(SOURCES).flatMap((source) => source.paths));
  return {
    code: "facts-unknown-source",
    severity: "warning",
    message: `No fact is read from \`${path}\`; it is ignored`,
    path: ["files", path],
    ...(near === undefined ? {} : { hint: `Did you mean \`${near}\`?` }),
  };
}

/** The JSON Schema (draft-07) of a capture. Every source that has one fixed path is described under that path. */
export function captureSchema(): JsonSchema {
  const described = Object.values(SOURCES).flatMap(({ paths, doc }) => paths.map((path) => [path, doc] as const))
    .filter(([path]) => !/[*{]|RELEASE|NAME/.test(path))
    .map(([path, doc]) => [path, { description: doc, ...FILE.schema }] as const);
  const { properties, ...rest } = CAPTURE.schema;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot facts",
    description: "What warmboot reads of a host, as `warmboot facts` captures it",
    ...rest,
    properties: {
      ...(isMap(properties) ? properties : {}),
      files: {
        description: FILES_DOC,
        type: "object",
        properties: Object.fromEntries(described),
        additionalProperties: FILE.schema,
      },
    },
  };
}
