import { environmentVariable } from "../app/environment_variable.ts";
import type { Diagnostic } from "../core/diagnostic.ts";

/** How bad it is; what has no severity is about what happened. */
export type Severity = Diagnostic["severity"];

/** The syslog levels that the journal reads at the start of a line (sd-daemon(3)). */
const LEVELS: { readonly [severity in Severity]: number } = { error: 3, warning: 4 };
const INFO = 6;

/** Puts the level before each line, so that `journalctl -p err` finds what went wrong. */
export function withLevel(text: string, severity: Severity | undefined): string {
  const prefix = `<${severity === undefined ? INFO : LEVELS[severity]}>`;
  return text.replaceAll(/^(?=.)/gm, prefix);
}

/** Whether standard error is the journal's: JOURNAL_STREAM names the device and inode of that stream (systemd.exec(5)). */
export function isJournal(): boolean {
  const stream = environmentVariable("JOURNAL_STREAM");
  if (stream === undefined) return false;
  try {
    const { dev, ino } = Deno.statSync("/dev/stderr");
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
