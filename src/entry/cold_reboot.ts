import { anyText, flag, list, omitUndefined, record, type Shape, text } from "../core/shape.ts";
import type { HostFacts } from "../host/facts.ts";
import { parseCmdline } from "../profile/cmdline/cmdline.ts";
import { ramoopsParameters } from "../profile/cmdline/ramoops.ts";
import type { Guard } from "../profile/profile.ts";
import type { BootFiles } from "./boot_files.ts";
import { type BootHost, bootMenu, coldBoot } from "./cold_boot.ts";
import { loaderVariable } from "./efi_variables.ts";
import { type BootLoader, bootLoader, type FoundEntry } from "./found_entry.ts";
import { type OneShot, oneShotShape } from "./one_shot.ts";
import { cmdlineOf, releaseOf, type RunningEntry, runningEntry } from "./running_entry.ts";

/** What a cold reboot of a host boots: where a guard leads back to. */
export interface ColdReboot {
  /** The entry that the boot loader boots by itself; absent where that is not known. */
  readonly entry?: ColdEntry;
  /** Why it is not known: a whole sentence. */
  readonly unknown?: string;
  /** The entry that the boot loader is already asked to boot once. */
  readonly pending?: string;
  /** How the boot loader can be asked to boot the running kernel once; absent where nobody wants that, or it cannot. */
  readonly once?: OneShot;
  /** What else to know of that boot: whole sentences. */
  readonly notes?: readonly string[];
  /** Why it cannot be asked: a whole sentence. */
  readonly impossible?: string;
  /** What to do about that. */
  readonly hint?: string;
  /** systemd-boot counts the boots of an entry. */
  readonly counts?: boolean;
  /** Where a log is to be kept: what the command line of that boot says of it; absent where that is not known. */
  readonly log?: ColdLog;
}

/** What the command line of an entry says of ramoops, which keeps a log over a reset. */
export interface ColdLog {
  /** The boot loader. */
  readonly loader: BootLoader;
  /** The entry, as the boot loader names it. */
  readonly entry: string;
  /** The parameters of its command line that matter to ramoops. */
  readonly parameters: readonly string[];
}

/** An entry, and the kernel that it boots. */
export interface ColdEntry {
  /** The boot loader. */
  readonly loader: BootLoader;
  /** The entry, as the boot loader names it. */
  readonly id: string;
  /** The path of its kernel. */
  readonly kernel: string;
  /** The release of the kernel, where it is known. */
  readonly release?: string;
}

const optional = { value: undefined };

/** The shape of what a cold reboot boots. */
export const coldRebootShape: Shape<ColdReboot> = record<ColdReboot>({
  entry: {
    shape: record<ColdEntry>({
      loader: { shape: bootLoader, doc: "The boot loader" },
      id: { shape: text, doc: "The entry, as the boot loader names it" },
      kernel: { shape: text, doc: "The path of its kernel" },
      release: { shape: text, doc: "The release of that kernel, where it is known", fallback: optional },
    }),
    doc: "The entry that the boot loader boots by itself",
    fallback: optional,
  },
  unknown: { shape: anyText, doc: "Why that is not known", fallback: optional },
  pending: { shape: text, doc: "The entry that the boot loader is already asked to boot once", fallback: optional },
  once: {
    shape: oneShotShape,
    doc: "With `fallback: running`: the entry that the boot loader is asked to boot once, just before the jump",
    fallback: optional,
  },
  notes: { shape: list(anyText), doc: "What else to know of that boot", fallback: optional },
  impossible: { shape: anyText, doc: "Why the boot loader cannot be asked", fallback: optional },
  hint: { shape: anyText, doc: "What to do about that", fallback: optional },
  counts: { shape: flag, doc: "systemd-boot counts the boots of an entry", fallback: optional },
  log: {
    shape: record<ColdLog>({
      loader: { shape: bootLoader, doc: "The boot loader" },
      entry: { shape: text, doc: "The entry, as the boot loader names it" },
      parameters: { shape: list(text), doc: "The parameters of its command line that matter to ramoops" },
    }),
    doc: "With `log`: what the command line of that boot says of it; absent where that is not known",
    fallback: optional,
  },
});

/** Whether the boot loader can be asked to boot the running kernel once. */
type FallbackWay = Pick<ColdReboot, "once" | "notes" | "impossible" | "hint"> & { readonly entry?: FoundEntry };

/** What is asked of the host besides the boot loader's files. */
export type ColdHost = BootHost & Pick<HostFacts, "release" | "cmdline">;

/** What a cold reboot boots, and with `fallback` how it would boot the running kernel. */
export function coldReboot(files: BootFiles, host: ColdHost, guard: Pick<Guard, "fallback" | "log">): ColdReboot {
  const { value: entry, diagnostics } = coldBoot(files, host);
  const menu = bootMenu(files, host);
  const pending = menu.value?.pending;
  const isCounted = menu.value?.entries.some((each) => each.isCounted === true) === true ||
    loaderVariable(files, "LoaderBootCountPath") !== undefined;
  const { entry: once, ...way } = guard.fallback === "running" ? fallbackWay(files, host, menu) : {};
  return {
    ...(entry === undefined ? { unknown: firstError(diagnostics) } : { entry: coldEntry(files, entry) }),
    ...omitUndefined({ pending }),
    ...way,
    ...(isCounted ? { counts: true } : {}),
    ...omitUndefined({ log: guard.log === undefined ? undefined : coldLog(files, once ?? entry) }),
  };
}

function coldEntry(files: BootFiles, { loader, id, kernel }: FoundEntry): ColdEntry {
  return { loader, id, kernel, ...omitUndefined({ release: releaseOf(files, kernel) }) };
}

function coldLog(files: BootFiles, entry: FoundEntry | undefined): ColdLog | undefined {
  const cmdline = entry === undefined ? undefined : cmdlineOf(files, entry);
  if (entry === undefined || cmdline === undefined) return undefined;
  const parsed = parseCmdline(cmdline.replaceAll(/[\s\0]+/g, " ").trim());
  return { loader: entry.loader, entry: entry.id, parameters: ramoopsParameters(parsed).map(({ text }) => text) };
}

function firstError(diagnostics: ReturnType<typeof coldBoot>["diagnostics"]): string {
  return diagnostics.find(({ severity }) => severity === "error")?.message ?? "The boot loader's files give no entry";
}

function fallbackWay(
  files: BootFiles,
  { release, cmdline = "" }: ColdHost,
  { value: menu, diagnostics }: ReturnType<typeof bootMenu>,
): FallbackWay {
  if (menu === undefined) return { impossible: firstError(diagnostics) };
  const found = runningEntry(files, menu.entries, { release, cmdline });
  if (found.kind === "unknown") {
    return {
      impossible: found.why,
      hint: "Let one entry of the boot loader have the running kernel and its command line",
    };
  }
  const way = menu.nextEntry(found.entry);
  if (way.kind === "impossible") {
    return { impossible: way.why, ...(way.hint === undefined ? {} : { hint: way.hint }) };
  }
  const notes = [...commandLineNotes(found), ...way.notes];
  return { entry: found.entry, once: way.oneShot, ...(notes.length === 0 ? {} : { notes }) };
}

function commandLineNotes(
  { entry: { id, loader }, lacks }: Extract<RunningEntry, { readonly kind: "entry" }>,
): readonly string[] {
  const name = `The entry \`${id}\` of ${loader}`;
  if (lacks === undefined) return [`${name} has another command line than the running system`];
  if (lacks.length === 0) return [];
  return [`${name} boots the running kernel without ${lacks.map((text) => `\`${text}\``).join(" ")}`];
}
