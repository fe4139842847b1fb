import { EXIT, type ExitName, worse } from "../core/program.ts";
import type { Outcome, OutcomeCommand, OutcomeMessage } from "../render/outcome.ts";
import { formOf, type Invocation, isSet, OUTCOME_OPTION } from "./command.ts";
import type { Ports } from "./ports.ts";
import { WriteError } from "../app/files/write_whole.ts";
import { complain, dataText } from "./report.ts";

/** What a command does; it calls `onChange` at once when something has changed. */
export type Action = (ports: Ports, onChange: () => void) => Promise<ExitName>;

/**
 * Runs a command that changes something. With `-o json` or `yaml`, its result is one document on standard output, after a
 * failure too. Messages go to standard error as well. Where standard output cannot be written, that does not stop the
 * command: what it did goes to standard error.
 */
export async function withOutcome(
  command: OutcomeCommand,
  invocation: Invocation,
  ports: Ports,
  act: Action,
): Promise<ExitName> {
  const form = formOf(invocation, OUTCOME_OPTION);
  if (form === "text") {
    let failed: ExitName = "ok";
    const write = (text: string) => {
      failed = worse(failed, writeOr(ports, text, text));
    };
    const exit = await act({ ...ports, out: { ...ports.out, write } }, () => {});
    return worse(exit, failed);
  }
  const what: string[] = [];
  const why: OutcomeMessage[] = [];
  let changed = false;
  const collecting: Ports = {
    out: { ...ports.out, write: (text) => void what.push(...text.replace(/\n$/, "").split("\n")) },
    err: ports.err,
    onMessage: (message) => void why.push(message),
  };
  let exit: ExitName;
  try {
    exit = await act(collecting, () => {
      changed = true;
    });
  } catch (error) {
    exit = (await import("./explain.ts")).explain(error, collecting);
  }
  const dryRun = isSet(invocation, "dry-run");
  const outcome: Outcome = {
    format: "warmboot.outcome/1",
    command,
    dryRun,
    changed,
    exit: EXIT[exit].code,
    what,
    why,
  };
  return worse(exit, writeOr(ports, await dataText(outcome, form), what.map((line) => `${line}\n`).join("")));
}

/** Writes a result; where that fails, says so on standard error, and what the result is `about`. */
function writeOr({ out, err }: Ports, text: string, about: string): ExitName {
  try {
    out.write(text);
    return "ok";
  } catch (error) {
    if (!(error instanceof WriteError)) throw error;
    complain(error.message, undefined, { out, err });
    err.write(about);
    return "io";
  }
}
