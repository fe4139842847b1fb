import type { DiagnosticCode } from "./catalogue.ts";

/** A place inside a value: keys and indices from the root, as in `["initrd", 1, "sha256"]`. */
export type Path = readonly (string | number)[];

/** A place in a text. Line and column count from 1, the column in UTF-16 units; `length` is what a caret underlines. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly length: number;
  /** The line itself, for showing; absent where the text is not at hand. */
  readonly source?: string;
}

/** One expected problem, as data. Messages: sentence case, active, with the offending value, without a final period. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly path?: Path;
  readonly position?: Position;
  readonly expected?: string;
  readonly found?: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** A result that keeps its complaints. `value` is undefined when an error made it impossible. */
export interface Checked<T> {
  readonly value: T | undefined;
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
