import type { Diagnostic, Path } from "../core/diagnostic.ts";
import { formatSize } from "../core/number.ts";
import { shown } from "./cmdline/problem.ts";
import { kernelParameter, parseCmdline } from "./cmdline/cmdline.ts";
import { PATH_VARIABLES } from "./path_variables.ts";
import { isFiles } from "./overlay_file.ts";
import type { FileRef, Profile } from "./profile.ts";

/** What is valid as it is written, and probably not what is meant. */
interface Suspicion {
  readonly message: string;
  readonly path: Path;
  readonly hint: string;
}

/** Less memory than any host has that boots Linux, bytes. */
const LEAST_MEMORY = 1n << 20n;

/** What a shell would expand in a path, and a profile does not. `${` has its own meaning and is not among them. */
const SHELL: readonly { readonly what: string; readonly found: RegExp; readonly hint: string }[] = [
  {
    what: "a command substitution",
    found: /\$\(|`/,
    hint: "Write the path of one file; `${release}` is the running kernel's release",
  },
  {
    what: "a variable without braces",
    found: new RegExp(`\\$(?:${PATH_VARIABLES.map(({ name }) => name).join("|")})\\b`),
    hint: "Write it as `${release}` or `${machine}`",
  },
  { what: "a pattern", found: /[*?]|\[[^\]]*\]/, hint: "Write the path of one file" },
];

/**
 * What can be said of a profile without a host: values that no shell expands, a comma that YAML kept in a text, a memory of
 * a few bytes. Warnings, with code `suspicious`; an `elfcorehdr=` of a crash kernel is an error, as in a plan.
 */
export function suspicionsOf(profile: Profile): readonly Diagnostic[] {
  const warnings = [
    ...paths(profile).flatMap(ofPath),
    ...ofJoinedKeys(profile),
    ...ofParameters(profile),
    ...ofMemory(profile),
  ];
  return [
    ...ofCrash(profile),
    ...warnings.map((suspicion): Diagnostic => ({ code: "suspicious", severity: "warning", ...suspicion })),
  ];
}

function paths({ kernel, initrd, dtb, modules, segments, unlock }: Profile): readonly (readonly [FileRef, Path])[] {
  return [
    ...(kernel === undefined ? [] : [[kernel, ["kernel"]] as const]),
    ...initrd.flatMap((item, index): readonly (readonly [FileRef, Path])[] =>
      isFiles(item)
        ? item.files.flatMap(({ content }, at) =>
          content.kind === "from" ? [[content, ["initrd", index, "files", at, "from"]] as const] : []
        )
        : [[item, ["initrd", index]] as const]
    ),
    ...(dtb === undefined ? [] : [[dtb, ["dtb"]] as const]),
    ...modules.map((file, index) => [file, ["modules", index]] as const),
    ...unlock.flatMap(({ key }, index) =>
      key.kind === "from" ? [[key, ["unlock", index, "key", "from"]] as const] : []
    ),
    ...segments.flatMap(({ source }, index) =>
      source.kind === "file" ? [[source.file, ["segments", index, "file"]] as const] : []
    ),
  ];
}

function ofPath([{ path }, at]: readonly [FileRef, Path]): readonly Suspicion[] {
  const kind = SHELL.find(({ found }) => found.test(path));
  return kind === undefined ? [] : [{
    message: `The path \`${shown(path)}\` has ${kind.what}, which no shell expands here`,
    path: at,
    hint: kind.hint,
  }];
}

/** The keys of a command line that is a map. */
const EDITS = /^(reuse|remove|set|append):(.+)$/;

/** `set:role=web` is one parameter: no space follows the colon. */
function ofJoinedKeys({ cmdline }: Profile): readonly Suspicion[] {
  if (cmdline.kind !== "parameters") return [];
  const [, key, value = ""] = EDITS.exec(cmdline.parameters[0] ?? "") ?? [];
  return key === undefined ? [] : [{
    message: `\`${shown(`${key}:${value}`)}\` is a parameter for the kernel: no space follows \`${key}:\``,
    path: ["cmdline"],
    hint: `Write \`${key}: ${shown(value)}\``,
  }];
}

/** `append: a, b` is one text in YAML: the comma becomes a part of the first parameter. */
function ofParameters({ cmdline }: Profile): readonly Suspicion[] {
  const lists: readonly (readonly [readonly string[], Path])[] = cmdline.kind === "parameters"
    ? [[cmdline.parameters, ["cmdline"]]]
    : [[cmdline.set, ["cmdline", "set"]], [cmdline.append, ["cmdline", "append"]], [cmdline.remove, [
      "cmdline",
      "remove",
    ]]];
  return lists.flatMap(([parameters, path]) => {
    const index = parameters.findIndex((each) => each.endsWith(","));
    const [parameter, next] = [parameters[index], parameters[index + 1]];
    return parameter === undefined || next === undefined ? [] : [{
      message: `The parameter \`${shown(parameter)}\` ends with a comma, which the kernel gets too`,
      path,
      hint: `Write a list, \`[${shown(parameter.slice(0, -1))}, ${shown(next)}]\`, or no comma`,
    }];
  });
}

function ofMemory({ requires }: Profile): readonly Suspicion[] {
  const memory = requires?.memory;
  return memory === undefined || memory >= LEAST_MEMORY ? [] : [{
    message: `\`memory\` requires ${formatSize(memory)}, which every host has`,
    path: ["requires", "memory"],
    hint: "State a unit, such as `2GiB`",
  }];
}

function ofCrash({ crash, cmdline }: Profile): readonly Diagnostic[] {
  if (!crash) return [];
  const parameters = cmdline.kind === "parameters" ? cmdline.parameters : [...cmdline.set, ...cmdline.append];
  return [statedElfcorehdr(parameters.join(" "))].filter((each) => each !== undefined);
}

/** Either call adds `elfcorehdr=` by itself; a second one would win, and the crash kernel would find nothing to dump. */
export function statedElfcorehdr(cmdline: string): Diagnostic | undefined {
  const stated = kernelParameter(parseCmdline(cmdline), "elfcorehdr");
  return stated === undefined ? undefined : {
    code: "crash-cmdline",
    severity: "error",
    message: `The command line states \`${
      shown(stated.text)
    }\`, but its address is known only once the image is placed`,
    path: ["cmdline"],
    hint: "Remove it; it is added when the crash kernel is loaded",
  };
}
