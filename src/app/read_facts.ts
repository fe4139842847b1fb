import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { omitUndefined } from "../core/shape.ts";
import { type Capture, collect, parseCapture, type Wanted } from "../host/capture.ts";
import { decodeFacts } from "../host/decode_facts.ts";
import type { HostFacts } from "../host/facts.ts";
import { liveReader } from "../host/live.ts";
import type { CapturedFiles } from "./image_file.ts";
import { FACTS_LIMIT, readWhole } from "./files/read_whole.ts";
import { documentProblem, ownDocument } from "./own_document.ts";

/** What is known of a host. */
export interface ReadFacts {
  readonly facts?: HostFacts;
  /** The files that were captured with it; undefined for this host, whose files are here. */
  readonly captured?: CapturedFiles;
  /** When it was captured, UTC, if the capture says. */
  readonly capturedAt?: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** The facts of this host, without those that only `carry` needs unless they are wanted; or those captured in a file. */
export function readFacts(path: string | undefined, wanted: Wanted = { carry: false }): ReadFacts {
  if (path === undefined) {
    const { value, diagnostics } = decodeFacts(collect(liveReader(), wanted));
    return { ...(value === undefined ? {} : { facts: value }), diagnostics };
  }
  const diagnostics: Diagnostic[] = [];
  const capture = captureFrom(path, diagnostics);
  if (capture === undefined) return { diagnostics };
  const host = capturedHost(capture);
  return { ...host, diagnostics: [...diagnostics, ...host.diagnostics] };
}

/** The facts and the files of a captured host. */
export function capturedHost(capture: Capture): ReadFacts {
  const { value, diagnostics } = decodeFacts(capture);
  return {
    ...(value === undefined ? {} : { facts: value }),
    ...omitUndefined({ capturedAt: capture.capturedAt }),
    captured: { images: capture.images, ...omitUndefined({ overlays: capture.overlays }), files: capture.files },
    diagnostics,
  };
}

function captureFrom(path: string, diagnostics: Diagnostic[]): Capture | undefined {
  const read = readWhole(path, FACTS_LIMIT);
  diagnostics.push(...read.diagnostics);
  if (read.bytes === undefined) return undefined;
  const json = captureJson(read.bytes, read.name);
  diagnostics.push(...json.diagnostics);
  if (json.value === undefined) return undefined;
  const parsed = parseCapture(json.value, read.name);
  diagnostics.push(...parsed.diagnostics);
  return parsed.value;
}

/** The JSON of a capture, which may be the YAML of `facts -o yaml`. Of anything else the text, which the decoder refuses. */
function captureJson(bytes: Uint8Array, file: string): Checked<string> {
  const text = new TextDecoder().decode(bytes);
  const own = /^\s*\{/.test(text) ? undefined : ownDocument(bytes);
  if (own === undefined) return { value: text, diagnostics: [] };
  return own.kind === "damaged"
    ? { value: undefined, diagnostics: [documentProblem(own.fault, "capture", file)] }
    : { value: JSON.stringify(own.value, undefined, 2), diagnostics: [] };
}
