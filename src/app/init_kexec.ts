import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { formatAddress } from "../core/number.ts";
import { readKexecCommand } from "../entry/kexec_command.ts";
import type { ProfileTemplate } from "../profile/profile_template.ts";
import { NEXT_STEPS } from "./init_installed.ts";
import { absolutePath } from "./named_files.ts";

/** A profile that loads what a kexec-tools command line loads. An option without a key is a warning, and a comment. */
export function templateFromKexec(line: string): Checked<ProfileTemplate> {
  const read = readKexecCommand(line);
  if (read.kind === "fault") return refused(read.message, read.hint);
  const { command } = read;
  const { reuse, cmdline, without, initrd, dtb, modules } = command;
  const file = (path: string) => ({ path: absolutePath(path) });
  return {
    value: {
      about: [
        "Loads what this command of kexec-tools loads:",
        line,
        ...without.map(({ option, instead }) => `Without \`${option}\`: ${instead}.`),
        NEXT_STEPS,
      ],
      hasVariables: true,
      kernel: file(command.kernel),
      initrd: initrd === undefined ? [] : [file(initrd)],
      ...(reuse ? (cmdline === undefined ? {} : { cmdline: { append: cmdline } }) : { cmdline: cmdline ?? "" }),
      ...(dtb === undefined ? {} : { dtb: file(dtb) }),
      ...(modules.length === 0 ? {} : { modules: modules.map(({ path, cmdline }) => ({ ...file(path), cmdline })) }),
      settings: [
        ...(command.crash ? ["crash: true"] : []),
        ...(command.load === undefined ? [] : [`load: ${command.load}`]),
        ...(command.unverified ? ["checksum: false"] : []),
        ...memoryLines(command.memory),
        ...command.flags.map((key) => `${key}: true`),
      ],
      notes: {},
    },
    diagnostics: without.map(({ option, instead }) => warning(`\`${option}\` is not in the profile: ${instead}`)),
  };
}

function memoryLines({ min, max }: { readonly min?: bigint; readonly max?: bigint }): readonly string[] {
  const bounds = [
    ...(min === undefined ? [] : [`min: ${formatAddress(min)}`]),
    ...(max === undefined ? [] : [`max: ${formatAddress(max)}`]),
  ];
  return bounds.length === 0 ? [] : [`memory: { ${bounds.join(", ")} }`];
}

function refused(message: string, hint?: string): Checked<never> {
  return {
    value: undefined,
    diagnostics: [{ code: "entry-unusable", severity: "error", message, ...(hint === undefined ? {} : { hint }) }],
  };
}

function warning(message: string): Diagnostic {
  return { code: "entry-unusable", severity: "warning", message };
}
