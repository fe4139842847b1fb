import { shorten } from "../core/text.ts";
import { latin1 } from "../core/bytes.ts";
import type { Diagnostic } from "../core/diagnostic.ts";
import { type Capture, captureReader, decodeUtf8, type ReadSource, readSources, releaseOf } from "./capture.ts";
import type { SourcePath } from "./source_path.ts";
import { type SourceName, SOURCES } from "./sources.ts";

/** One file of a source as it was captured. */
export interface Found extends SourcePath {
  readonly bytes: Uint8Array;
  /** The bytes as text, without the newline at the end; one character per byte if they are not UTF-8. */
  readonly text: string;
  readonly utf8: boolean;
}

/** One file of a source that could not be read. */
export interface Unreadable {
  readonly path: string;
  readonly error: string;
}

/** What a capture has of each source: what decoders read from. */
export interface Captured {
  /** The source's one file, or its first. */
  one(name: SourceName): Found | undefined;
  /** All files of a source whose path is a pattern. */
  all(name: SourceName): readonly Found[];
  unreadable(name: SourceName): readonly Unreadable[];
}

/** Looks sources up in a capture. */
export function capturedIn(capture: Capture): Captured {
  const reader = captureReader(capture);
  const release = releaseOf(reader);
  const known = new Map<SourceName, readonly ReadSource[]>();
  const files = (name: SourceName) => {
    const found = known.get(name) ?? readSources(reader, SOURCES[name], release);
    known.set(name, found);
    return found;
  };
  const all = (name: SourceName) =>
    files(name).flatMap(({ place, result }) => result.kind === "bytes" ? [toFound(place, result.bytes)] : []);
  return {
    one: (name) => all(name)[0],
    all,
    unreadable: (name) =>
      files(name).flatMap(({ place, result }) =>
        result.kind === "error" ? [{ path: place.path, error: result.error }] : []
      ),
  };
}

function toFound(place: SourcePath, bytes: Uint8Array): Found {
  const text = decodeUtf8(bytes);
  return { ...place, bytes, text: (text ?? latin1(bytes)).replace(/\n$/, ""), utf8: text !== undefined };
}

/**
 * The warning that a source is there but is not what the kernel writes, so that its fact is unknown.
 * @param line counts from 1
 */
export function malformed(found: Found, expected: string, line = 1): Diagnostic {
  const source = found.text.split("\n")[line - 1] ?? "";
  return {
    code: "facts-malformed",
    severity: "warning",
    message: `${found.path} does not hold ${expected}; it is ignored`,
    position: { file: found.path, line, column: 1, length: Math.max(1, source.length), source },
    expected,
    found: found.text === "" ? "nothing" : JSON.stringify(shorten(source)),
  };
}
