import { writtenPath } from "./path_variables.ts";
import type { FileRef, KernelRef, ModuleRef } from "./profile.ts";

/** A profile to write, as a start for a person to edit. */
export interface ProfileTemplate {
  /** Sentences above the keys: what it was made from. */
  readonly about: readonly string[];
  readonly description?: string;
  /** As uname -m. */
  readonly architecture?: string;
  /** Undefined with `bootEntry`. */
  readonly kernel?: KernelRef;
  /** What the boot loader would boot, instead of a kernel, initrds and a command line. */
  readonly bootEntry?: string;
  /** The kernel is a unified kernel image, which has its own initrd and command line. */
  readonly isUnified?: true;
  readonly initrd: readonly FileRef[];
  /** The command line, or what is added to the running one; undefined to take the running one. */
  readonly cmdline?: string | { readonly append: string };
  readonly dtb?: FileRef;
  /** The modules of a Multiboot kernel. */
  readonly modules?: readonly ModuleRef[];
  /** Whether the paths are written as a profile has them, with its variables. Otherwise they are those of files. */
  readonly hasVariables?: true;
  /** Further lines: keys with their values. */
  readonly settings?: readonly string[];
  /** Whether it has a guard to start from. */
  readonly guard?: true;
  /** A comment for each key, without `#`. */
  readonly notes: { readonly kernel?: string; readonly initrd?: string; readonly cmdline?: string };
}

const NOTE_WIDTH = 100;

/** A guard that any host can keep: what else there is depends on its hardware and its boot loader. */
const GUARD: readonly string[] = [
  ...comment(
    "The way back: the machine reboots through the firmware if the new kernel panics, or if nobody confirms the new " +
      "system in time. docs/guard.md has the units that must be enabled, and three more parts: watchdog, for a system " +
      "that hangs, fallback, which chooses what the firmware then boots, and log, which keeps the new kernel's messages.",
  ),
  "guard: { panic: 10s, confirm: 10min }",
];

/** The profile as YAML with comments. */
export function templateText(template: ProfileTemplate): string {
  const draft = template.hasVariables === true ? template : withWrittenPaths(template);
  const { about, description, architecture, kernel, notes, modules = [], settings = [] } = draft;
  const further = [
    ...(draft.dtb === undefined ? [] : entry("dtb", draft.dtb)),
    ...(modules.length === 0 ? [] : ["modules:", ...modules.flatMap(moduleLines)]),
    ...settings,
    ...(draft.guard === true ? GUARD : []),
  ];
  return [
    ...about.flatMap(comment),
    "",
    "version: 1",
    ...(description === undefined ? [] : [`description: ${scalar(description)}`]),
    ...(architecture === undefined
      ? []
      : ["", ...comment("Any other host is refused."), `requires: { architecture: ${architecture} }`]),
    "",
    ...comment(notes.kernel),
    ...(draft.bootEntry === undefined ? [] : [`boot_entry: ${scalar(draft.bootEntry)}`]),
    ...(kernel === undefined ? [] : kernelEntry(kernel)),
    "",
    ...(draft.isUnified === true || kernel === undefined ? [] : bootLines(draft)),
    ...further,
    ...(further.length === 0 ? [] : [""]),
  ].join("\n");
}

function withWrittenPaths(draft: ProfileTemplate): ProfileTemplate {
  const written = <Ref extends FileRef>(ref: Ref): Ref => ({ ...ref, path: writtenPath(ref.path) });
  return {
    ...draft,
    ...(draft.kernel === undefined ? {} : { kernel: written(draft.kernel) }),
    initrd: draft.initrd.map(written),
    ...(draft.dtb === undefined ? {} : { dtb: written(draft.dtb) }),
    ...(draft.modules === undefined ? {} : { modules: draft.modules.map(written) }),
  };
}

/** The lines of what a unified kernel image brings itself. */
function bootLines({ initrd, cmdline, notes }: ProfileTemplate): readonly string[] {
  const [only, ...more] = initrd;
  return [
    ...comment(notes.initrd),
    ...(only === undefined
      ? ["initrd: []"]
      : more.length === 0
      ? entry("initrd", only)
      : ["initrd:", ...initrd.flatMap((ref) => item(ref))]),
    "",
    ...comment(notes.cmdline),
    ...cmdlineLines(cmdline),
    "",
  ];
}

function cmdlineLines(cmdline: ProfileTemplate["cmdline"]): readonly string[] {
  if (typeof cmdline === "string") return [`cmdline: ${scalar(cmdline)}`];
  return ["cmdline:", "  reuse: true", ...(cmdline === undefined ? [] : [`  append: ${scalar(cmdline.append)}`])];
}

function kernelEntry({ profile, configuration, ...file }: KernelRef): readonly string[] {
  if (profile === undefined && configuration === undefined) return entry("kernel", file);
  return [
    "kernel:",
    `  path: ${scalar(file.path)}`,
    ...(file.sha256 === undefined ? [] : [`  sha256: ${file.sha256}`]),
    ...(profile === undefined ? [] : [`  profile: ${scalar(profile)}`]),
    ...(configuration === undefined ? [] : [`  configuration: ${scalar(configuration)}`]),
  ];
}

function entry(key: string, ref: FileRef): readonly string[] {
  return ref.sha256 === undefined
    ? [`${key}: ${scalar(ref.path)}`]
    : [`${key}:`, `  path: ${scalar(ref.path)}`, `  sha256: ${ref.sha256}`];
}

function item(ref: FileRef): readonly string[] {
  return ref.sha256 === undefined
    ? [`  - ${scalar(ref.path)}`]
    : [`  - path: ${scalar(ref.path)}`, `    sha256: ${ref.sha256}`];
}

function moduleLines({ path, sha256, cmdline }: ModuleRef): readonly string[] {
  return [
    `  - path: ${scalar(path)}`,
    ...(sha256 === undefined ? [] : [`    sha256: ${sha256}`]),
    ...(cmdline === "" ? [] : [`    cmdline: ${scalar(cmdline)}`]),
  ];
}

/** A text that every YAML reader takes for a text is written without quotes; any other as in JSON, which is also YAML. */
function scalar(text: string): string {
  const isBare = /^[A-Za-z/][\w./=,@+:%-]*(?: [\w./=,@+:%-]+)*$/.test(text) &&
    !/:(?: |$)| -|^(?:null|true|false|yes|no|on|off|y|n)$/i.test(text);
  return isBare ? text : JSON.stringify(text);
}

/** A text as comment lines; control characters, which would end the comment, become spaces. */
function comment(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  const lines: string[] = [];
  for (const word of text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, " ").split(" ").filter((part) => part !== "")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= NOTE_WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`# ${word}`);
  }
  return lines;
}
