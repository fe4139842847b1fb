/**
 * The exit codes of the program: one table that the commands, `--help` and the documentation read.
 * The numbers above 1 are those of sysexits.h, which systemd names in `systemctl status`; 130 is what shells have for Ctrl-C.
 */
export const EXIT: { readonly [Name in ExitName]: { readonly code: number; readonly meaning: string } } = {
  ok: { code: 0, meaning: "Done" },
  differs: { code: 1, meaning: "`diff` found differences, or `status --booted` another system" },
  usage: { code: 64, meaning: "The command line is not understood" },
  data: { code: 65, meaning: "The profile, or another input, is invalid" },
  noinput: { code: 66, meaning: "A named file is missing or unreadable" },
  unavailable: { code: 69, meaning: "A check of the plan failed, or this host cannot do it" },
  software: { code: 70, meaning: "A defect of warmboot itself" },
  refused: { code: 71, meaning: "The kernel refused the call" },
  io: { code: 74, meaning: "Reading or writing failed" },
  permission: { code: 77, meaning: "Permission is lacking" },
  interrupted: { code: 130, meaning: "A signal stopped it, as Ctrl-C does; what was said last is done" },
};

/** The names of the exit codes. */
export type ExitName =
  | "ok"
  | "differs"
  | "usage"
  | "data"
  | "noinput"
  | "unavailable"
  | "software"
  | "refused"
  | "io"
  | "permission"
  | "interrupted";

/** Of two outcomes the one with the higher code: what a command ends with that goes on after a failure. */
export function worse(a: ExitName, b: ExitName): ExitName {
  return EXIT[b].code > EXIT[a].code ? b : a;
}

/** The version of warmboot; deno.json and jsr.json say the same, which a test makes sure of. */
export const VERSION = "0.1.0";
