import { EXIT, type ExitName } from "../core/program.ts";
import type { Outcome, OutcomeCommand, OutcomeMessage } from "../render/outcome.ts";
import { type Invocation, isSet, textOption } from "./command.ts";
import type { Ports } from "./ports.ts";
import { dataText } from "./report.ts";

/** What a command does; it calls `onChange` at once when something has changed. */
export type Action = (ports: Ports, onChange: () => void) => Promise<ExitName>;

/**
 * Runs a command that changes something. With `-o json` or `yaml`, its result is one document on standard output, after a
 * failure too. Messages go to standard error as well.
 */
export async function withOutcome(
  command: OutcomeCommand,
  invocation: Invocation,
  ports: Ports,
  act: Action,
): Promise<ExitName> {
  const form = textOption(invocation, "output") ?? "text";
  if (form === "text") return await act(ports, () => {});
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
  ports.out.write(await dataText(outcome, form));
  return exit;
}
