import type { Checked, Path, Position } from "../core/diagnostic.ts";
import { countJson, JSON_VALUES_LIMIT } from "../core/json_limits.ts";

/** A longer line, such as a binary source in base64, is of no use under a message. */
const LONGEST_SHOWN = 300;

/** Parses JSON. @param file what the diagnostic names the text */
export function parseJson(text: string, file: string): Checked<unknown> {
  if (countJson(text).values > JSON_VALUES_LIMIT) {
    return {
      value: undefined,
      diagnostics: [{
        code: "too-complex",
        severity: "error",
        message: `${file} has more than ${JSON_VALUES_LIMIT} values, and no capture of a host has as many`,
        position: { file, line: 1, column: 1, length: 1 },
        hint: "Capture the host again with `warmboot facts`",
      }],
    };
  }
  try {
    return { value: JSON.parse(text), diagnostics: [] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      value: undefined,
      diagnostics: [{
        code: "facts-syntax",
        severity: "error",
        message: text.trim() === "" ? `${file} is empty` : `${file} is not JSON: ${shortReason(reason)}`,
        position: positionAt(text, file, syntaxOffset(text, reason), 1),
        expected: "the JSON that `warmboot facts` wrote",
        hint: "Take the capture again with `warmboot facts`",
      }],
    };
  }
}

// V8 names the offset in some messages; in the others the text broke off at its end, or the message quotes the place.
function syntaxOffset(text: string, reason: string): number {
  const named = /at position (\d+)/.exec(reason)?.[1];
  if (named !== undefined) return Number(named);
  if (reason.includes("end of JSON input")) return text.trimEnd().length;
  const [, cut, quoted] = /^Unexpected token .*?, (\.\.\.)?"(.*)"(?:\.\.\.)? is not valid JSON$/s.exec(reason) ?? [];
  return quoted === undefined ? 0 : Math.max(0, text.indexOf(quoted)) + (cut === undefined ? 0 : QUOTED_BEFORE);
}

/** How many characters before the place V8 quotes of a longer text (kMaxContextCharacters in src/json/json-parser.cc). */
const QUOTED_BEFORE = 10;

/**
 * Where a value is in a JSON text, by its keys: the innermost key that is found. Each key is searched after the one
 * before, which finds the right place in a capture, whose keys do not recur.
 */
export function locatePath(text: string, file: string, path: Path): Position {
  let offset = 0;
  let length = 1;
  for (const step of path) {
    const key = JSON.stringify(step);
    const found = findKey(text, key, offset);
    if (found === undefined) break;
    [offset, length] = [found, key.length];
  }
  return positionAt(text, file, offset, length);
}

function findKey(text: string, key: string, from: number): number | undefined {
  for (let at = text.indexOf(key, from); at !== -1; at = text.indexOf(key, at + 1)) {
    if (/^\s*:/.test(text.slice(at + key.length, at + key.length + 40))) return at;
  }
  return undefined;
}

function positionAt(text: string, file: string, offset: number, length: number): Position {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  const start = offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset);
  const source = text.slice(start, Math.min(end === -1 ? text.length : end, start + LONGEST_SHOWN + 1));
  return {
    file,
    line,
    column: offset - start + 1,
    length,
    ...(source.length > LONGEST_SHOWN ? {} : { source }),
  };
}

/** V8's reason without what the message and its position say already: the text, where it is, and that it is not JSON. */
function shortReason(reason: string): string {
  const [short = reason] = reason.replace("end of JSON input", "end").split(/, (?:\.\.\.)?"| in JSON at position /, 1);
  return `${short.slice(0, 1).toLowerCase()}${short.slice(1)}`;
}
