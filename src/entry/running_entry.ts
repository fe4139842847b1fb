import { kernelParameter, type Parameter, parameterKey, parseCmdline } from "../profile/cmdline/cmdline.ts";
import { BOOT_PARAMETERS, GUARD_PARAMETERS, guardsIn, STAMP } from "../profile/cmdline/resolve.ts";
import { type BootFiles, textAt } from "./boot_files.ts";
import { loaderVariable } from "./efi_variables.ts";
import { type FoundEntry, startOf } from "./found_entry.ts";

/** The system that runs. */
export interface Running {
  /** As uname -r. */
  readonly release: string;
  readonly cmdline: string;
}

/** Which entry of the boot loader boots what runs. */
export type RunningEntry =
  | {
    readonly kind: "entry";
    readonly entry: FoundEntry;
    /** Parameters of the running command line that the entry lacks; undefined: its command line is another one. */
    readonly lacks: readonly string[] | undefined;
  }
  /** None, or several that differ: a whole sentence. */
  | { readonly kind: "unknown"; readonly why: string };

/** The name of a file, by a path with slashes of either kind. */
function baseOf(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** Where `BootFiles` has the release of a kernel, as the image says it. */
export function releasePath(kernel: string): string {
  return `${kernel}/.release`;
}

/** The release of a kernel that an entry boots: as the image says, else by the name of its file or folder. */
export function releaseOf(files: BootFiles, kernel: string, running?: string): string | undefined {
  const stated = textAt(files, releasePath(kernel))?.trim();
  if (stated !== undefined && stated !== "") return stated;
  const [folder = "", name = ""] = kernel.split("/").slice(-2);
  const named = /^(?:vmlinuz|vmlinux|Image|kernel|linux)-(\d.*)$/.exec(name)?.[1];
  if (named !== undefined) return named;
  return folder === running ? running : undefined;
}

/**
 * The entry that boots the running kernel: of those whose kernel has its release, the one with its command line; else the one
 * whose parameters it has all; else the only one. Where several are left, what the boot loader said of this boot decides: the
 * files on the command line, and LoaderEntrySelected. Entries that boot the same from the same files are one, and the one that
 * names the release is taken: what is called by its place may be another kernel tomorrow. Never guessed.
 */
export function runningEntry(files: BootFiles, entries: readonly FoundEntry[], running: Running): RunningEntry {
  const { release } = running;
  const booting = entries.filter(({ kernel }) => releaseOf(files, kernel, release) === release);
  const [loader] = entries.map((entry) => entry.loader);
  if (loader === undefined) return { kind: "unknown", why: "The boot loader has no entry for Linux" };
  if (booting.length === 0) {
    return { kind: "unknown", why: `No entry of ${loader} boots the running kernel, ${release}` };
  }
  const cmdline = parseCmdline(running.cmdline);
  // What says how the running system was booted, and what a guard put there.
  const ofThisBoot = new Set([...BOOT_PARAMETERS, STAMP, GUARD_PARAMETERS]);
  const isGuards = guardsIn(cmdline);
  const ignored = (parameter: Parameter): boolean => ofThisBoot.has(parameterKey(parameter)) || isGuards(parameter);
  const own = parametersOf(running.cmdline, ignored);
  const compared = booting.map((entry) => {
    const text = cmdlineOf(files, entry);
    return { entry, lacks: text === undefined ? undefined : lackedBy(parametersOf(text, ignored), own) };
  });
  const levels = [
    compared.filter(({ lacks }) => lacks?.length === 0),
    compared.filter(({ lacks }) => lacks !== undefined),
    compared,
  ];
  const close = levels.find((level) => level.length > 0) ?? [];
  // How the running system was booted, where its boot loader says so.
  const image = kernelParameter(cmdline, "BOOT_IMAGE")?.value;
  const initrds = cmdline.kernel.flatMap((each) => each.name === "initrd" ? [baseOf(each.value ?? "")] : []);
  const selected = loaderVariable(files, "LoaderEntrySelected")?.toLowerCase();
  const hints: readonly ((entry: FoundEntry) => boolean)[] = [
    ({ kernel }) => image !== undefined && baseOf(image) === baseOf(kernel),
    ({ initrd }) => initrds.length > 0 && initrds.join("\n") === initrd.map(baseOf).join("\n"),
    ({ id, loader: of }) => of === "systemd-boot" && id === selected,
  ];
  const left = hints.reduce((some, isIt) => {
    const such = some.filter(({ entry }) => isIt(entry));
    return such.length > 0 ? such : some;
  }, close);
  const kinds = Map.groupBy(left, ({ entry }) => startOf(entry));
  const ordered = left.toSorted((a, b) => Number(b.entry.id.includes(release)) - Number(a.entry.id.includes(release)));
  const [first] = ordered;
  if (kinds.size > 1 || first === undefined) {
    const ids = ordered.map(({ entry }) => `\`${entry.id}\``);
    return {
      kind: "unknown",
      why: `Which entry of ${loader} boots the running system is ambiguous: ${ids.slice(0, 5).join(", ")} boot ` +
        `${release}, and none is known to be the one`,
    };
  }
  return { kind: "entry", entry: first.entry, lacks: first.lacks };
}

/** The command line of an entry: its own, or that of its image. */
export function cmdlineOf(files: BootFiles, { cmdline, kernel, profile, isProgram }: FoundEntry): string | undefined {
  if (cmdline !== undefined || isProgram !== true) return cmdline;
  return (profile === undefined ? undefined : textAt(files, `${kernel}/@${profile}/.cmdline`)) ??
    textAt(files, `${kernel}/.cmdline`);
}

/** The parameters as the kernel reads them, without those of some names; what follows `--` is init's. */
function parametersOf(text: string, ignored: (parameter: Parameter) => boolean): readonly string[] {
  const { kernel, init = [] } = parseCmdline(text.replaceAll(/[\s\0]+/g, " ").trim());
  return [
    ...kernel.filter((parameter) => !ignored(parameter)).map((parameter) => {
      const key = parameterKey(parameter);
      return parameter.value === undefined ? key : `${key}=${parameter.value}`;
    }),
    ...init.map(({ text }) => `-- ${text}`),
  ];
}

/** What a command line has more than another one; undefined where it does not have all of that. */
function lackedBy(entry: readonly string[], own: readonly string[]): readonly string[] | undefined {
  const left = [...own];
  for (const parameter of entry) {
    const at = left.indexOf(parameter);
    if (at < 0) return undefined;
    left.splice(at, 1);
  }
  return left;
}
