import type { DataForm } from "./command.ts";
import { CATALOGUE } from "../core/catalogue.ts";
import type { Diagnostic } from "../core/diagnostic.ts";
import type { ExitName } from "../core/program.ts";
import { renderDiagnostic } from "../render/excerpt.ts";
import type { OutcomeMessage } from "../render/outcome.ts";
import type { Severity } from "./journal.ts";
import type { Ports } from "./ports.ts";
import type { SyscallError } from "../syscall/errors/syscall_error.ts";
import { jsonText, visible } from "../core/text.ts";

/** Writes diagnostics to standard error, and gives the exit code that the first error among them asks for. */
export function report(diagnostics: readonly Diagnostic[], { err, onMessage }: Ports): ExitName {
  for (const diagnostic of diagnostics) {
    onMessage?.(messageOf(diagnostic));
    err.write(`${renderDiagnostic(diagnostic, err.layout)}\n`, diagnostic.severity);
  }
  return exitOf(diagnostics);
}

/** A diagnostic as a result of a command has it. */
function messageOf({ severity, message, hint, code, position }: Diagnostic): OutcomeMessage {
  const place = position === undefined ? {} : { file: position.file, line: position.line, column: position.column };
  return { severity, message, ...(hint === undefined ? {} : { hint }), code, ...place };
}

/** The exit code of the first error; `ok` without one. */
export function exitOf(diagnostics: readonly Diagnostic[]): ExitName {
  const first = diagnostics.find((diagnostic) => diagnostic.severity === "error");
  return first === undefined ? "ok" : CATALOGUE[first.code].exit;
}

/** Writes one line about what went wrong, and one about what to do. */
export function complain(message: string, hint: string | undefined, ports: Ports): void {
  put("error", message, hint, ports);
}

/** The same about what may go wrong. */
export function warn(message: string, hint: string | undefined, ports: Ports): void {
  put("warning", message, hint, ports);
}

function put(severity: Severity, message: string, hint: string | undefined, { err, onMessage }: Ports): void {
  onMessage?.({ severity, message, ...(hint === undefined ? {} : { hint }) });
  const { style } = err.layout;
  const label = severity === "error" ? style.bad(severity) : style.warning(severity);
  err.write(`${label}: ${visible(message)}\n`, severity);
  if (hint !== undefined) err.write(`  ${style.accent("hint")}: ${visible(hint)}\n`, severity);
}

/** Writes one line about what happened. */
export function say(message: string, { err, onMessage }: Ports): void {
  onMessage?.({ severity: "info", message: message.trim() });
  err.write(`${visible(message)}\n`);
}

/** Says why the kernel refused a call, and what to do. */
export function complainRefusal(error: SyscallError, ports: Ports): ExitName {
  complain(error.message, error.diagnosis?.remedy, ports);
  say(`  call: ${error.made} = -1 ${error.code}`, ports);
  return "refused";
}

/** A result as data, in the form that `-o` asks for. */
export async function dataText(value: unknown, form: DataForm): Promise<string> {
  if (form === "json") return jsonText(value);
  return (await import("../render/yaml.ts")).yamlText(value);
}
