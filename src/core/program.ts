/**
 * The exit codes of the program: one table that the commands, `--help` and the documentation read.
 * Those below 64 are states that a caller asked for, not failures. The others are those of sysexits.h, which
 * `systemctl status` shows by name; 130 is what shells report after Ctrl-C.
 */
export const EXIT: { readonly [Name in ExitName]: { readonly code: number; readonly meaning: string } } = {
  ok: { code: 0, meaning: "Done" },
  differs: {
    code: 1,
    meaning:
      "`diff` found differences, `status --booted` another system, `status --check` another image or no need of a reboot, `history --ended` an open reboot",
  },
  notLoaded: { code: 2, meaning: "`status --check` found no image for a reboot" },
  crashMissing: { code: 3, meaning: "`status --check` found no crash kernel" },
  crashStale: {
    code: 4,
    meaning: "`status --check` found a crash kernel that is not the declared one, or is out of date",
  },
  usage: { code: 64, meaning: "The command line is invalid" },
  data: { code: 65, meaning: "The profile, or another input, is invalid" },
  noinput: { code: 66, meaning: "A named file is missing or unreadable" },
  unavailable: { code: 69, meaning: "A check of the plan failed, or this host cannot do it" },
  software: { code: 70, meaning: "A defect in warmboot itself" },
  refused: { code: 71, meaning: "The kernel refused the call" },
  io: { code: 74, meaning: "Reading or writing failed" },
  permission: { code: 77, meaning: "Permission is missing" },
  interrupted: { code: 130, meaning: "A signal such as Ctrl-C stopped it; the last line says what was done" },
};

/** The names of the exit codes. */
export type ExitName =
  | "ok"
  | "differs"
  | "notLoaded"
  | "crashMissing"
  | "crashStale"
  | "usage"
  | "data"
  | "noinput"
  | "unavailable"
  | "software"
  | "refused"
  | "io"
  | "permission"
  | "interrupted";

/** Of two outcomes, the one with the higher code: what a command that continues after a failure exits with. */
export function worse(a: ExitName, b: ExitName): ExitName {
  return EXIT[b].code > EXIT[a].code ? b : a;
}

/** The version of warmboot. A test asserts that deno.json and jsr.json have the same. */
export const VERSION = "0.1.0";

/** Where the package is published. */
export const HOMEPAGE = "https://jsr.io/@warmboot/warmboot";

/** Where this version's page says more of a diagnostic code. */
export function explanationUrl(code: string): string {
  return `${HOMEPAGE}/${VERSION}/docs/diagnostics.md#${code}`;
}
