import type { Diagnostic } from "../core/diagnostic.ts";
import { choice, type Shape } from "../core/shape.ts";

/** The boot loaders whose entries are read. */
export type BootLoader = "systemd-boot" | "GRUB";

/** The shape of their names. */
export const bootLoader: Shape<BootLoader> = choice(["systemd-boot", "GRUB"]);

/** What a boot loader would start: files by their paths on the host. */
export interface FoundEntry {
  /** Whose entry it is. */
  readonly loader: BootLoader;
  /** As the loader names it: the name of its file, or the ID or title of a menu entry, with those of its submenus. */
  readonly id: string;
  readonly title?: string;
  /** By which of the loader's rules it is this one. Completes "...: ". */
  readonly rule: string;
  readonly kernel: string;
  /** The profile of a unified kernel image, by its number. */
  readonly profile?: string;
  readonly initrd: readonly string[];
  readonly dtb?: string;
  /** The command line. Undefined: the image has its own, or it is not known. */
  readonly cmdline?: string;
  /** Why the command line is not known. Completes "depends on ...". */
  readonly unknownCmdline?: string;
  /** The kernel is started as an EFI program, so that only a unified kernel image will do. */
  readonly isProgram?: true;
  /** systemd-boot counts its boots: its file has a counter (`+3`). */
  readonly isCounted?: true;
}

/** Everything that makes a difference to what an entry starts. */
export function startOf({ loader, kernel, profile, initrd, dtb, cmdline, isProgram }: FoundEntry): string {
  return JSON.stringify([loader, kernel, profile ?? "0", initrd, dtb, cmdline, isProgram]);
}

/** An entry in a sentence, without its period. */
export function describeEntry({ loader, id, title, rule }: FoundEntry): string {
  const named = title === undefined || title === id ? "" : ` (${title})`;
  return `${loader} boots \`${id}\`${named}: ${rule}`;
}

/** That no boot loader can be found, or that it is not known which. */
export function loaderProblem(message: string, hint: string): Diagnostic {
  return { code: "boot-loader", severity: "error", message, path: ["boot_entry"], hint };
}

/** That an entry is not there, or cannot be started by kexec. */
export function entryProblem(message: string, hint?: string): Diagnostic {
  return {
    code: "boot-entry",
    severity: "error",
    message,
    path: ["boot_entry"],
    ...(hint === undefined ? {} : { hint }),
  };
}

/** What to know of an entry that can be started. */
export function entryWarning(message: string, hint?: string): Diagnostic {
  return { ...entryProblem(message, hint), severity: "warning" };
}
