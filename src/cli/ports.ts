import { environmentVariable } from "../app/environment_variable.ts";
import { COLOURED, type Layout, PLAIN } from "../render/style.ts";
import type { OutcomeMessage } from "../render/outcome.ts";
import { isJournal, type Severity, withLevel } from "./journal.ts";
import { writeAll, WriteError } from "../app/files/write_whole.ts";

/** Where a program writes to. */
export interface Sink {
  readonly layout: Layout;
  readonly isTerminal: boolean;
  /** Writes whole lines. The severity is for the journal, which files them by it. */
  write(text: string, severity?: Severity): void;
}

/** What the commands see of the world around the process, so that a test can replace it. */
export interface Ports {
  /** Results. */
  readonly out: Sink;
  /** Diagnostics, progress and what else is not the result. */
  readonly err: Sink;
  /** Gets each message as data too, where the result of a command has them. */
  readonly onMessage?: (message: OutcomeMessage) => void;
}

/** When to use colours. */
export type ColourChoice = "auto" | "always" | "never";

/** The process's own standard output and error. */
export function systemPorts(colour: ColourChoice = "auto"): Ports {
  const out = sink(Deno.stdout, colour);
  const err = sink(Deno.stderr, colour);
  const say = isJournal() ? (text: string, severity?: Severity) => err.write(withLevel(text, severity)) : err.write;
  return {
    out: { ...out, write: (text) => written(() => out.write(text)) },
    err: { ...err, write: (text, severity) => heard(() => say(text, severity)) },
  };
}

function sink(stream: typeof Deno.stdout, colour: ColourChoice): Sink {
  const isTerminal = stream.isTerminal();
  const coloured = usesColours(colour, {
    isTerminal,
    noColor: Deno.noColor,
    term: isTerminal ? environmentVariable("TERM") : undefined,
  });
  return {
    layout: { style: coloured ? COLOURED : PLAIN, width: isTerminal ? columns() : 80 },
    isTerminal,
    write: (text) => writeAll(stream, text),
  };
}

function written(write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new WriteError(`Cannot write to standard output: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

/** A complaint that nobody can hear must not stop what it is about, least of all between a load and its record. */
function heard(write: () => void): void {
  try {
    write();
  } catch {
    // There is nowhere left to say so.
  }
}

/** Whether to use colours: where the choice is `auto`, on a terminal that is not `dumb`, unless NO_COLOR is set. */
export function usesColours(
  choice: ColourChoice,
  stream: { readonly isTerminal: boolean; readonly noColor: boolean; readonly term: string | undefined },
): boolean {
  if (choice !== "auto") return choice === "always";
  return stream.isTerminal && !stream.noColor && stream.term !== "dumb";
}

function columns(): number {
  try {
    return columnsOf(Deno.consoleSize().columns);
  } catch {
    return columnsOf(0);
  }
}

/**
 * The columns to use of a terminal's, within what stays readable: no fewer than 40, no more than 110. A terminal that does
 * not know its size, as a serial console, reports 0 and is taken to have 80.
 */
export function columnsOf(reported: number): number {
  return reported <= 0 ? 80 : Math.max(40, Math.min(110, reported));
}
