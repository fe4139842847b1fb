import type { DiagnosticCode } from "./catalogue.ts";

/** A place inside a value: keys and indices from the root, as in `["initrd", 1, "sha256"]`. */
export type Path = readonly (string | number)[];

/** A place in a text. Line and column count from 1, the column in UTF-16 units; `length` is what a caret underlines. */
export interface Position {
  /** The file, as it was named. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** How much a caret underlines, in UTF-16 units. */
  readonly length: number;
  /** The line itself, for showing; absent where the text is not at hand. */
  readonly source?: string;
}

/** One expected problem, as data. Messages: sentence case, active, with the offending value, without a final period. */
export interface Diagnostic {
  /** The closed name of the problem. */
  readonly code: DiagnosticCode;
  /** Errors stop; warnings are shown. */
  readonly severity: "error" | "warning";
  /** What is wrong. */
  readonly message: string;
  /** The key or value, from the root. */
  readonly path?: Path;
  /** The place in the text. */
  readonly position?: Position;
  /** What would have been right. */
  readonly expected?: string;
  /** What stood there instead. */
  readonly found?: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** A result that keeps its complaints. `value` is undefined when an error made it impossible. */
export interface Checked<T> {
  /** The result; undefined where an error made it impossible. */
  readonly value: T | undefined;
  /** Every complaint, warnings too. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Whether any of them is an error. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}

/** Writes a path the way people name keys: `initrd[1].sha256`. */
export function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, step) => typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`,
    "",
  );
}

/** What the system said of an operation that failed, as `Permission denied`, without the call and the path that Deno adds. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message.replace(/: [a-z_]+ '[^]*'$/, "").replace(/ \(os error \d+\)$/, "");
}
