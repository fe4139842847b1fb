import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { printable } from "../core/text.ts";
import { fileItems, isFiles, type OverlayFile, overlayFiles } from "./overlay_file.ts";
import type { FileRef, Profile } from "./profile.ts";

/** What a host says for the variables of paths. */
export interface PathValues {
  /** As uname -r. */
  readonly release: string;
  /** As uname -m. */
  readonly machine: string;
}

/** The variables that a path may have, as `${release}`. `$${` is a literal `${`. */
export const PATH_VARIABLES = [
  { name: "release", about: "the running kernel's release, as `uname -r` prints it" },
  { name: "machine", about: "the machine's architecture, as `uname -m` prints it" },
] as const satisfies readonly { readonly name: keyof PathValues; readonly about: string }[];

/** A part of a pattern: a character of a path that is not the start of a variable, or a literal `${`. */
const NOT_A_VARIABLE = "\\$(?!\\$?\\{)|\\$\\$\\{";

/** A part of a pattern: what a path may have where it has a `$`. */
export const DOLLAR = `${NOT_A_VARIABLE}|\\$\\{(?:${PATH_VARIABLES.map(({ name }) => name).join("|")})\\}`;

/** The same for paths that must not depend on the host. */
export const DOLLAR_CONSTANT = NOT_A_VARIABLE;

const ESCAPE_OR_VARIABLE = /\$\$\{|\$\{([a-z]+)\}/g;

/** A path as it is written in a profile: a `${` in it is not a variable. */
export function writtenPath(path: string): string {
  return path.replaceAll("${", () => "$${");
}

/** A path without variables, from how it is written in a profile. */
export function literalPath(written: string): string {
  return written.replaceAll("$${", () => "${");
}

/** Whether files of a profile depend on the host. */
export function hasVariables(profile: Profile): boolean {
  return refsOf(profile).some(({ path }) => variablesOf(path).length > 0);
}

/**
 * The profile with the paths that it has on a host. A value that is not a single name of a file (`..`, a slash), as only a
 * forged capture has it, is an error: the paths stay below the folders that the profile names.
 */
export function resolvePaths(profile: Profile, values: PathValues): Checked<Profile> {
  const used = new Set(refsOf(profile).flatMap(({ path }) => variablesOf(path)));
  const diagnostics = PATH_VARIABLES.flatMap(({ name }) => used.has(name) ? notAName(name, values[name]) : []);
  if (diagnostics.length > 0) return { value: undefined, diagnostics };
  const resolved = <Ref extends FileRef>(ref: Ref): Ref => ({ ...ref, path: resolvedPath(ref.path, values) });
  const resolvedFrom = (file: OverlayFile): OverlayFile =>
    file.content.kind === "from" ? { ...file, content: resolved(file.content) } : file;
  const { kernel, initrd, dtb, modules, segments, unlock } = profile;
  return {
    value: {
      ...profile,
      unlock: unlock.map((entry) => entry.key.kind === "from" ? { ...entry, key: resolved(entry.key) } : entry),
      ...(kernel === undefined ? {} : { kernel: resolved(kernel) }),
      initrd: initrd.map((item) => isFiles(item) ? { files: item.files.map(resolvedFrom) } : resolved(item)),
      modules: modules.map(resolved),
      ...(dtb === undefined ? {} : { dtb: resolved(dtb) }),
      segments: segments.map((segment) =>
        segment.source.kind === "file"
          ? { ...segment, source: { ...segment.source, file: resolved(segment.source.file) } }
          : segment
      ),
    },
    diagnostics,
  };
}

function refsOf({ kernel, initrd, dtb, modules, segments, unlock }: Profile): readonly FileRef[] {
  return [
    ...(kernel === undefined ? [] : [kernel]),
    ...fileItems(initrd),
    ...overlayFiles(initrd).flatMap(({ content }) => content.kind === "from" ? [content] : []),
    ...(dtb === undefined ? [] : [dtb]),
    ...modules,
    ...unlock.flatMap(({ key }) => key.kind === "from" ? [key] : []),
    ...segments.flatMap(({ source }) => source.kind === "file" ? [source.file] : []),
  ];
}

function variablesOf(path: string): readonly (keyof PathValues)[] {
  return [...path.matchAll(ESCAPE_OR_VARIABLE)].flatMap(([, name]) =>
    PATH_VARIABLES.flatMap((each) => each.name === name ? [each.name] : [])
  );
}

function resolvedPath(path: string, values: PathValues): string {
  return path.replaceAll(ESCAPE_OR_VARIABLE, (written, name: string | undefined) => {
    const known = PATH_VARIABLES.find((each) => each.name === name);
    return name === undefined ? "${" : known === undefined ? written : values[known.name];
  });
}

function notAName(name: keyof PathValues, value: string): readonly Diagnostic[] {
  if (/^(?!\.{1,2}$)[\w.+~:@-]+$/.test(value)) return [];
  return [{
    code: "facts-malformed",
    severity: "error",
    message: `The host's ${name} is \`${printable(value)}\`, which cannot be a part of a path`,
    hint: "Write the path without a variable",
  }];
}
