import { withoutEndSlashes } from "../core/text.ts";
import { resolve } from "@std/path/posix";
import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import type { LayerReader } from "../profile/layers.ts";
import type { ParsedProfile } from "../profile/parse.ts";
import { type CheckResult, checkResult, type FileVerdict, type PartVerdict } from "../render/check.ts";
import { fileId, layerFiles } from "./layer_files.ts";
import { notProfile } from "./own_document.ts";
import { parseNamed, readNamed } from "./read_profile.ts";
import { PROFILE_LIMIT } from "./files/read_whole.ts";
import { STDIO } from "./files/stdio.ts";
import { findFiles, isFolder } from "./files/find_files.ts";

/** A profile that was checked; `parsed` where its file could be read as one. */
export interface CheckedProfile {
  readonly verdict: FileVerdict;
  readonly parsed: ParsedProfile | undefined;
  /** Whether it is another document of warmboot's. */
  readonly isOther?: boolean;
}

/** The profiles that words name, and the files found beside them that are none. */
export interface CheckedFiles {
  readonly profiles: readonly CheckedProfile[];
  readonly parts: readonly PartVerdict[];
}

/** Profiles end so; what else lies in a folder is none of them. */
const YAML_NAME = /\.ya?ml$/i;

/**
 * Checks what words name: profiles by name or path, and every YAML file below a folder that has a `version`. Drop-ins and
 * files without a version are parts of profiles. `onChecked` gets each verdict as it is found.
 */
export function checkProfiles(
  words: readonly string[],
  onChecked: (diagnostics: readonly Diagnostic[]) => void = () => {},
  reader: LayerReader = layerFiles(),
): CheckedFiles {
  const profiles: CheckedProfile[] = [];
  const aside: string[] = [];
  const seen = new Set<string>();
  /** Whether a file is named again, by another word or another form of its path. */
  const isRepeated = (file: string): boolean => {
    // Of one name alone, `resolve` would start Node's `process` to know the folder, which is slow.
    const path = file === STDIO ? file : resolve(Deno.cwd(), file);
    if (seen.has(path)) return true;
    seen.add(path);
    return false;
  };
  const add = (checked: CheckedProfile): void => {
    profiles.push(checked);
    onChecked(checked.verdict.diagnostics);
  };
  for (const word of words) {
    if (word === STDIO || !isFolder(word)) {
      if (!isRepeated(word)) add(checkOne(word, reader));
      continue;
    }
    const { files, diagnostics } = findFiles(word, YAML_NAME);
    let isEmpty = true;
    for (const file of files) {
      if (isRepeated(file)) {
        isEmpty = false;
        continue;
      }
      const checked = isDropIn(file) ? undefined : checkOne(file, reader);
      // A plan or a capture in YAML is neither a profile nor a part of one.
      if (checked?.isOther === true) continue;
      if (checked === undefined || !isProfile(checked)) {
        aside.push(file);
        continue;
      }
      isEmpty = false;
      add(checked);
    }
    const empty = isEmpty && !hasErrors(diagnostics) ? [noProfiles(word)] : [];
    const problems = [...diagnostics, ...empty];
    if (problems.length > 0) add({ verdict: verdictOf(word, problems), parsed: undefined });
  }
  const parts = partsOf(aside, profiles);
  for (const { diagnostics } of parts) onChecked(diagnostics);
  return { profiles, parts };
}

/**
 * Checks profiles by name or path, and those of folders: what `warmboot check -o json` prints. Needs no host, and
 * permission to read the files of profiles; those that profiles name are not looked at.
 */
export function checkFiles(words: readonly string[]): CheckResult {
  const { profiles, parts } = checkProfiles(words);
  return checkResult(profiles.map(({ verdict }) => verdict), parts);
}

function checkOne(word: string, reader: LayerReader): CheckedProfile {
  const read = readNamed(word, PROFILE_LIMIT);
  const name = word === STDIO ? read.name : word;
  if (read.bytes === undefined) return { verdict: verdictOf(name, read.diagnostics), parsed: undefined };
  const other = notProfile(read.bytes, read.name);
  if (other !== undefined) return { verdict: verdictOf(name, [other]), parsed: undefined, isOther: true };
  const parsed = parseNamed(read, reader);
  return { verdict: verdictOf(name, [...read.diagnostics, ...parsed?.diagnostics ?? []]), parsed };
}

function verdictOf(file: string, diagnostics: readonly Diagnostic[]): FileVerdict {
  return { file, valid: !hasErrors(diagnostics), diagnostics };
}

/** A file in the folder of a profile's drop-ins. */
function isDropIn(file: string): boolean {
  return /\.ya?ml\.d\/[^/]+$/i.test(file);
}

/** Whether a file that was found, not named, says that it is a profile: by its `version`, legible or not. */
function isProfile({ parsed }: CheckedProfile): boolean {
  const main = parsed?.layers.find(({ role }) => role === "profile");
  if (main?.map !== undefined) return Object.hasOwn(main.map, "version");
  return main?.text === undefined || /^["']?version["']?\s*:|^\{[^]*\bversion["']?\s*:/m.test(main.text);
}

/** The files set aside: whether profiles are made of them, and a warning about each that is of no use to any. */
function partsOf(files: readonly string[], profiles: readonly CheckedProfile[]): readonly PartVerdict[] {
  if (files.length === 0) return [];
  const layers = new Set(profiles.flatMap(({ parsed }) => parsed?.layers.map(({ file }) => file) ?? []));
  const used = new Set([...layers].map(fileId));
  return files.map((file) => {
    const isUsed = used.has(fileId(file));
    return { file, used: isUsed, diagnostics: isUsed ? [] : [unused(file)] };
  });
}

function unused(file: string): Diagnostic {
  const what = isDropIn(file) ? "is a drop-in" : "has no `version`";
  return {
    code: "no-version",
    severity: "warning",
    message: `${file} ${what}, and no profile that was checked uses it`,
    hint: isDropIn(file) ? "Name its folder after its profile: NAME.yaml.d" : "A profile begins with `version: 1`",
  };
}

function noProfiles(folder: string): Diagnostic {
  return {
    code: "profile-missing",
    severity: "error",
    message: `There is no profile under ${folder}`,
    expected: "a file *.yaml or *.yml with `version: 1`",
    hint: `Write one with: warmboot init --out ${withoutEndSlashes(folder)}/NAME.yaml`,
  };
}
