import type { DiagnosticCode } from "./catalogue.ts";

/** A place inside a value: keys and indices from the root, as in `["initrd", 1, "sha256"]`. */
export type Path = readonly (string | number)[];

/** A place in a text. Line and column count from 1, the column in UTF-16 units. */
export interface Position {
  /** The file, under the name that the user gave. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** How much of the line to underline, in UTF-16 units. */
  readonly length: number;
  /** The line itself, to show; absent where the text is not available or the line is very long. */
  readonly source?: string;
}

/** Another place that a diagnostic is about: the first of two duplicate keys, or the key that excludes this one. */
export interface Related {
  /** What is there. */
  readonly message: string;
  /** The key or value, from the root. */
  readonly path?: Path;
  /** The place in the text. */
  readonly position?: Position;
}

/** A correction that a program can apply: the text at the position is replaced, and nothing else changes. */
export interface Fix {
  /** What to write instead; quotes around the present text stay. */
  readonly replacement: string;
  /** Exactly the text to replace, which is on one line. */
  readonly position?: Position;
}

/** One expected problem, as data. Messages: sentence case, active, with the offending value, without a final period. */
export interface Diagnostic {
  /** The name of the problem, from a closed set. */
  readonly code: DiagnosticCode;
  /** An error stops the program; a warning is only shown. */
  readonly severity: "error" | "warning";
  /** What is wrong. */
  readonly message: string;
  /** The key or value, from the root. */
  readonly path?: Path;
  /** The place in the text. */
  readonly position?: Position;
  /** What would be right. */
  readonly expected?: string;
  /** What is there instead. */
  readonly found?: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Further places that explain the problem. */
  readonly related?: readonly Related[];
  /** How a program can correct it, where only one correction is likely. */
  readonly fix?: Fix;
}

/** A result with the problems that were found. `value` is undefined where an error made it impossible. */
export interface Checked<T> {
  /** The result; undefined where an error made it impossible. */
  readonly value: T | undefined;
  /** Every problem, warnings included. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Whether any of the diagnostics is an error. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}

/** A diagnostic about a profile that has no such key: one made by the program, or one that is yet to be written. */
export function withoutPath({ path: _path, ...diagnostic }: Diagnostic): Diagnostic {
  return diagnostic;
}

/** Formats a path the way people name keys: `initrd[1].sha256`. */
export function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, step) => typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`,
    "",
  );
}

/** What an action gives; undefined where it fails, for callers to whom the reason makes no difference. */
export function orUndefined<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** Why an operation failed, in the system's words: `Permission denied`, without the call and the path that Deno adds. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message.replace(/: [a-z_]+ '[^]*'$/, "").replace(/ \(os error \d+\)$/, "");
}
