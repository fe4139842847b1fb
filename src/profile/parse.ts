import { basename, extname } from "@std/path/posix";
import { type Checked, type Diagnostic, hasErrors, type Path } from "../core/diagnostic.ts";
import { isMap, suggestedKey } from "../core/shape.ts";
import { conflictsOf } from "./conflicts.ts";
import { suspicionsOf } from "./suspicions.ts";
import { FIELDS, KEY_ADVICE, PROFILE, type Stated } from "./fields.ts";
import { type Layer, readLayer, readLayerText } from "./layer.ts";
import { collectLayers, type LayerContext, pathBeside } from "./layers.ts";
import { literalSecrets, maskSecrets } from "./literal_secrets.ts";
import { placed } from "./locate.ts";
import { originAt, overlayAll, type Traced } from "./overlay.ts";
import { isFiles, type OverlayFile } from "./overlay_file.ts";
import { writtenPath } from "./path_variables.ts";
import { FILE_FLAG_KEYS, type FileRef, type Profile, type SegmentSpec } from "./profile.ts";

/** A profile together with the files that it is made of. */
export interface ParsedProfile extends Checked<Profile> {
  /** Its files, the lowest first. */
  readonly layers: readonly Layer[];
  /** What the files say together, before decoding; undefined where one of them could not be read. */
  readonly merged: Traced | undefined;
  /** Adds to a diagnostic the position of the key or value that it names, in the file that set it. */
  place(diagnostic: Diagnostic): Diagnostic;
}

/**
 * Decodes a profile. Messages show the path `file`; its folder resolves relative paths, and its stem is the default name.
 * `context` supplies the profile's other files; without one, `extends` is an error. Reports all problems at once, in the
 * order of the files and their text; the value is undefined if one of them is an error.
 */
export function parseProfile(text: string, file: string, context?: LayerContext): Checked<Profile> {
  return parseLayers(readLayerText(text, file, "profile"), context);
}

/** Decodes a profile from the bytes of its file: UTF-8, with or without a byte-order mark, at most 1 MiB. */
export function parseProfileBytes(bytes: Uint8Array, file: string, context?: LayerContext): Checked<Profile> {
  return parseLayers(readLayer(bytes, file, "profile"), context);
}

/** Decodes a profile whose own file is read already, and keeps what all of its files have. */
export function parseLayers(main: Layer, context: LayerContext | undefined): ParsedProfile {
  const stack = collectLayers(main, context);
  const { layers } = stack;
  const problems: Diagnostic[] = [...layers.flatMap((layer) => layer.problems), ...stack.diagnostics];
  const report = (problem: Diagnostic): void => void problems.push(problem);
  // A file that cannot be read may have what the profile seems to lack.
  const complete = !hasErrors(stack.diagnostics) && layers.every(({ map }) => map !== undefined);
  const merged = complete ? overlayAll(layers, report) : undefined;
  const secrets = literalSecrets(layers.map(({ map }) => map));
  const place = (diagnostic: Diagnostic): Diagnostic => maskSecrets(placedIn(diagnostic, merged, main), secrets);
  // What it extends may have what the profile seems to lack.
  const isWhole = layers.every(({ bases }) => bases !== undefined);
  const reportOwn = (problem: Diagnostic): void =>
    isWhole || problem.code !== "missing-key" ? report(problem) : undefined;
  const profile = merged === undefined ? undefined : decodeMerged(merged, main.file, reportOwn);
  const diagnostics = problems.map(place).toSorted(byPlace(layers));
  return {
    value: hasErrors(diagnostics) ? undefined : profile,
    diagnostics: firstOf(diagnostics),
    layers,
    merged,
    place,
  };
}

/** Whoever fixes this many will run the check again. */
const MOST_SHOWN = 100;

function firstOf(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const more = diagnostics.slice(MOST_SHOWN);
  const position = more[0]?.position;
  if (more.length === 0) return diagnostics;
  return [...diagnostics.slice(0, MOST_SHOWN), {
    code: "too-many-problems",
    severity: hasErrors(more) ? "error" : "warning",
    message: `There ${more.length === 1 ? "is 1 more problem" : `are ${more.length} more problems`} from here on`,
    ...(position === undefined ? {} : { position }),
    hint: "Fix these first",
  }];
}

function placedIn(diagnostic: Diagnostic, merged: Traced | undefined, main: Layer): Diagnostic {
  return placed(diagnostic, (inWhole) => {
    const { layer: { source }, path } = merged === undefined
      ? { layer: main, path: inWhole }
      : originAt(merged.origin, inWhole);
    return source === undefined ? undefined : { source, path };
  });
}

/** Decodes the merged files. */
function decodeMerged(merged: Traced, file: string, report: (problem: Diagnostic) => void): Profile | undefined {
  const map = merged.value;
  if (!isMap(map)) return undefined;
  const stated = PROFILE.decode(map, [], report) ?? salvage(map);
  const besideFile = <Ref extends FileRef>(ref: Ref, path: Path, key = "path"): Ref => ({
    ...ref,
    path: pathBeside(ref.path, writtenPath(originAt(merged.origin, [...path, key]).layer.file)),
  });
  const profile = profileOf(stated, statedKeys(Object.keys(map)), file, besideFile);
  conflictsOf(profile).forEach(report);
  suspicionsOf(profile).forEach(report);
  return profile;
}

/** The keys that are meant: a mistyped key is reported as unknown, and the right one not as missing as well. */
function statedKeys(keys: readonly string[]): readonly string[] {
  const known = Object.keys(FIELDS);
  return keys.flatMap((key) => known.includes(key) ? key : suggestedKey(key, known, KEY_ADVICE) ?? []);
}

/**
 * What can be used of a map that does not decode as a whole: its valid keys, and defaults for the rest. It serves to find
 * conflicts in the same run, and is never returned.
 */
function salvage(map: { readonly [key: string]: unknown }): Stated {
  const entries = Object.entries(FIELDS).map(([key, field]) => {
    const decoded = Object.hasOwn(map, key) ? field.shape.decode(map[key], [key], () => {}) : undefined;
    return [key, decoded ?? field.fallback?.value] as const;
  });
  const sound = Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as unknown as Stated;
  // Segments that are invalid in themselves still exclude the keys of a kernel.
  const raw = map["segments"];
  const wrong = Array.isArray(raw) && raw.length > 0 && sound.segments.length === 0;
  return wrong ? { ...sound, segments: [{ at: 0n, source: { kind: "zero" } }] } : sound;
}

/** The profile that the files describe: each path resolved from the file that has it, and the name filled in. */
function profileOf(
  stated: Stated,
  keys: readonly string[],
  file: string,
  besideFile: <Ref extends FileRef>(ref: Ref, path: Path, key?: string) => Ref,
): Profile {
  const {
    preserve_context: preserveContext,
    unbind_failure: unbindFailure,
    preserved_state: preservedState,
    debug: _debug,
    no_cma: _noCma,
    force_dtb: _forceDtb,
    boot_entry: id,
    kernel,
    initrd,
    dtb,
    modules,
    segments,
    unlock,
    extends: _bases,
    ...same
  } = stated;
  return {
    ...same,
    preservedState,
    fileFlags: FILE_FLAG_KEYS.filter((key) => stated[key]),
    name: stated.name ?? (basename(file, extname(file)) || "profile"),
    ...(kernel === undefined ? {} : { kernel: besideFile(kernel, ["kernel"]) }),
    ...(id === undefined ? {} : { bootEntry: { id } }),
    ...(dtb === undefined ? {} : { dtb: besideFile(dtb, ["dtb"]) }),
    initrd: initrd.map((item, index) =>
      isFiles(item)
        ? { files: item.files.map((each, at) => besideFrom(each, ["initrd", index, "files", at], besideFile)) }
        : besideFile(item, ["initrd", index])
    ),
    modules: modules.map((ref, index) => besideFile(ref, ["modules", index])),
    preserveContext,
    unbindFailure,
    unlock: unlock.map((entry, index) =>
      entry.key.kind === "from" ? { ...entry, key: besideFile(entry.key, ["unlock", index, "key"], "from") } : entry
    ),
    segments: segments.map((segment, index): SegmentSpec =>
      segment.source.kind === "file"
        ? {
          ...segment,
          source: { ...segment.source, file: besideFile(segment.source.file, ["segments", index, "file"]) },
        }
        : segment
    ),
    stamp: stated.stamp || (stated.guard !== undefined && !keys.includes("stamp")),
    stated: keys,
  };
}

/** A file of the next initrd, with the path that it is from resolved. */
function besideFrom(
  file: OverlayFile,
  at: Path,
  besideFile: <Ref extends FileRef>(ref: Ref, path: Path, key: string) => Ref,
): OverlayFile {
  const { content } = file;
  return content.kind === "from" ? { ...file, content: besideFile(content, at, "from") } : file;
}

/** In the order of the files, then of the text. */
function byPlace(layers: readonly Layer[]): (a: Diagnostic, b: Diagnostic) => number {
  const rank = (file: string): number => layers.findIndex((layer) => layer.file === file);
  return (a, b) => {
    const [first, second] = [a.position, b.position];
    if (first === undefined || second === undefined) return 0;
    return rank(first.file) - rank(second.file) || first.line - second.line || first.column - second.column;
  };
}
