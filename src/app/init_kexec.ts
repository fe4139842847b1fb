import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { profilePath, readKexecCommand } from "../entry/kexec_command.ts";
import type { ProfileTemplate } from "../profile/profile_template.ts";
import type { FileRef } from "../profile/profile.ts";
import { NEXT_STEPS } from "./init_installed.ts";
import { absolutePath } from "./named_files.ts";

/** A profile that loads what a kexec-tools command line loads. An option without a key is a warning, and a comment. */
export function templateFromKexec(line: string): Checked<ProfileTemplate> {
  const read = readKexecCommand(line);
  if (read.kind === "fault") return refused(read.message, read.hint);
  const { command } = read;
  const paths = [command.kernel, command.initrd, command.dtb].map((path) =>
    path === undefined ? undefined : profilePath(path) ?? null
  );
  if (paths.includes(null)) {
    return refused("A path of the kexec command has something that only a shell replaces", "Write the path itself");
  }
  if (/\$\(|`|\$\{?[A-Za-z_]/.test(command.cmdline ?? "")) {
    return refused(
      "The parameters of the kexec command have something that only a shell replaces",
      "Write the parameters themselves; of `$(cat /proc/cmdline)` it is known what it means",
    );
  }
  const [kernel, initrd, dtb] = paths.map((path): FileRef | undefined =>
    path === undefined || path === null ? undefined : { path: absolutePath(path) }
  );
  if (kernel === undefined) return refused("The kexec command names no kernel");
  const { reuse, cmdline, without } = command;
  return {
    value: {
      about: [
        "Loads what this command of kexec-tools loads:",
        line,
        ...without.map(({ option, instead }) => `Without \`${option}\`: ${instead}.`),
        NEXT_STEPS,
      ],
      hasVariables: true,
      kernel,
      initrd: initrd === undefined ? [] : [initrd],
      ...(reuse ? (cmdline === undefined ? {} : { cmdline: { append: cmdline } }) : { cmdline: cmdline ?? "" }),
      ...(dtb === undefined ? {} : { dtb }),
      settings: [
        ...(command.crash ? ["crash: true"] : []),
        ...(command.load === undefined ? [] : [`load: ${command.load}`]),
        ...(command.unverified ? ["checksum: false"] : []),
        ...memoryLines(command.memory),
        ...command.flags.map((key) => `${key}: true`),
      ],
      notes: {},
    },
    diagnostics: without.map(({ option, instead }) =>
      warning(`\`${option}\` of kexec is not in the profile: ${instead}`)
    ),
  };
}

function memoryLines({ min, max }: { readonly min?: string; readonly max?: string }): readonly string[] {
  const bounds = [
    ...(min === undefined ? [] : [`min: ${JSON.stringify(min)}`]),
    ...(max === undefined ? [] : [`max: ${JSON.stringify(max)}`]),
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
