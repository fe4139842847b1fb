import { anyText, choice, count, flag, type JsonSchema, list, record, type Shape, text } from "../core/shape.ts";

/** The commands that change something. */
export const OUTCOME_COMMANDS = ["load", "unload", "refresh", "exec", "depart", "arrive", "confirm"] as const;
/** One of them. */
export type OutcomeCommand = typeof OUTCOME_COMMANDS[number];

/** A message as data. */
export interface OutcomeMessage {
  /** `info` is about what happened. */
  readonly severity: "error" | "warning" | "info";
  /** What is wrong, or what happened. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** The code of a diagnostic or the name of a check: `warmboot explain` knows both. */
  readonly code?: string;
  /** The file that it is about. */
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1, in UTF-16 units. */
  readonly column?: number;
}

/** What a command did, and why. */
export interface Outcome {
  /** The form of this document. */
  readonly format: "warmboot.outcome/1";
  /** The command. */
  readonly command: OutcomeCommand;
  /** Whether it only looked, as `--dry-run` asks for. */
  readonly dryRun: boolean;
  /** Whether what is loaded, what runs, or a file is another one than before. */
  readonly changed: boolean;
  /** The exit code. */
  readonly exit: number;
  /** What was done or found; with `--dry-run`, what would be done. */
  readonly what: readonly string[];
  /** Why: what was reported, in order. */
  readonly why: readonly OutcomeMessage[];
}

const optional = { value: undefined };

const shape: Shape<Outcome> = record<Outcome>({
  format: { shape: choice(["warmboot.outcome/1"]), doc: "The format of this document" },
  command: { shape: choice(OUTCOME_COMMANDS), doc: "The command" },
  dryRun: { shape: flag, doc: "Whether --dry-run was given, so that nothing was done" },
  changed: {
    shape: flag,
    doc: "Whether what is loaded, what runs, or a file was changed; true after a failure as well",
  },
  exit: { shape: count, doc: "The exit code" },
  what: { shape: list(anyText), doc: "What was done or found, in lines; with --dry-run, what would be done" },
  why: {
    shape: list(record<OutcomeMessage>({
      severity: { shape: choice(["error", "warning", "info"]), doc: "How bad it is; info is about what happened" },
      message: { shape: anyText, doc: "What is wrong, or what happened" },
      hint: { shape: anyText, doc: "What to do about it", fallback: optional },
      code: { shape: text, doc: "The code of a diagnostic, or the name of a check", fallback: optional },
      file: { shape: text, doc: "The file that it is about", fallback: optional },
      line: { shape: count, doc: "The line, from 1", fallback: optional },
      column: { shape: count, doc: "The column, from 1, in UTF-16 units", fallback: optional },
    })),
    doc: "What was reported, in order: why it was done, or not",
  },
});

/** The JSON Schema of what the commands that change something print with `-o json`. */
export function outcomeSchema(): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot outcome",
    description: "What the commands that change something print with `-o json`",
    ...shape.schema,
  };
}
