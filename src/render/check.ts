import type { Diagnostic } from "../core/diagnostic.ts";
import type { JsonSchema } from "../core/shape.ts";
import { CATALOGUE, type DiagnosticCode } from "../core/catalogue.ts";
import { explanationUrl } from "../core/program.ts";
import type { Layout } from "./style.ts";
import { visible } from "../core/text.ts";

/** A diagnostic as `check` prints it, with a link to the page that explains its code. */
export type LinkedDiagnostic = Diagnostic & { readonly link: string };

/** What `check` found in one file. */
export interface FileVerdict {
  /** The file, as it was named or found. */
  readonly file: string;
  /** Whether no diagnostic is an error. */
  readonly valid: boolean;
  /** Every complaint. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A YAML file that is not a profile by itself: it has no `version`. */
export interface PartVerdict {
  /** The file, as it was found. */
  readonly file: string;
  /** Whether a profile that was checked uses it. */
  readonly used: boolean;
  /** A warning where it is not used. */
  readonly diagnostics: readonly Diagnostic[];
}

/** What `check` found. */
export interface CheckResult {
  /** The form of this document. */
  readonly format: "warmboot.check/1";
  /** The counts. */
  readonly summary: {
    /** How many profiles were checked. */
    readonly profiles: number;
    readonly invalid: number;
    readonly warnings: number;
    /** How many files are only parts of profiles. */
    readonly parts: number;
  };
  /** One for each profile. */
  readonly files: readonly Linked<FileVerdict>[];
  /** One for each file of a folder that is not a profile by itself. */
  readonly parts: readonly Linked<PartVerdict>[];
  /** With `--fix`: whether a file was changed. */
  readonly changed?: boolean;
  /** With `--fix`: what was corrected. */
  readonly fixed?: readonly AppliedFix[];
}

/** A verdict whose diagnostics have links. */
export type Linked<T> = Omit<T, "diagnostics"> & { readonly diagnostics: readonly LinkedDiagnostic[] };

/** A correction that `check --fix` made. Line and column are those before it. */
export interface AppliedFix {
  /** The file. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** What was wrong. */
  readonly code: DiagnosticCode;
  /** What it replaced. */
  readonly from: string;
  /** What is there now. */
  readonly to: string;
}

function linked<T extends { readonly diagnostics: readonly Diagnostic[] }>(verdict: T): Linked<T> {
  const diagnostics = verdict.diagnostics.map((each) => ({ ...each, link: explanationUrl(each.code) }));
  return { ...verdict, diagnostics };
}

/** Counts what was found. `fixed` are the corrections that were made, where they were asked for. */
export function checkResult(
  files: readonly FileVerdict[],
  parts: readonly PartVerdict[],
  fixed?: readonly AppliedFix[],
): CheckResult {
  const warnings = [...files, ...parts].flatMap(({ diagnostics }) =>
    diagnostics.filter(({ severity }) => severity === "warning")
  );
  return {
    format: "warmboot.check/1",
    summary: {
      profiles: files.length,
      invalid: files.filter(({ valid }) => !valid).length,
      warnings: warnings.length,
      parts: parts.length,
    },
    files: files.map(linked),
    parts: parts.map(linked),
    ...(fixed === undefined ? {} : { changed: fixed.length > 0, fixed }),
  };
}

/** The summary after the diagnostics. */
export function checkText({ files, parts, summary }: CheckResult, { style }: Layout): string {
  const { profiles, invalid, warnings } = summary;
  const used = parts.filter((part) => part.used).length;
  const [only] = files;
  if (only !== undefined && profiles === 1 && parts.length === 0) {
    return `${visible(only.file)}: ${only.valid ? style.good("valid") : style.bad("not valid")}\n`;
  }
  const verdict = invalid === 0
    ? style.good(profiles === 1 ? "1 profile is valid" : `${profiles} profiles are valid`)
    : style.bad(`${invalid} of ${profiles} profiles ${invalid === 1 ? "is" : "are"} not valid`);
  const also = [
    ...(warnings === 0 ? [] : [style.warning(warnings === 1 ? "1 warning" : `${warnings} warnings`)]),
    ...(used === 0 ? [] : [used === 1 ? "1 file is part of profiles" : `${used} files are parts of profiles`]),
  ];
  return `${[verdict, ...also].join("; ")}\n`;
}

/** The JSON Schema of `check -o json`. */
export function checkSchema(): JsonSchema {
  const counted = { type: "integer", minimum: 0 };
  const place = {
    type: "object",
    required: ["file", "line", "column", "length"],
    additionalProperties: false,
    properties: {
      file: { type: "string" },
      line: { type: "integer", minimum: 1 },
      column: { type: "integer", minimum: 1 },
      length: { type: "integer", minimum: 0 },
      source: { type: "string" },
    },
  };
  const code = { enum: Object.keys(CATALOGUE) };
  const path = { type: "array", items: { type: ["string", "integer"] } };
  const diagnostic = {
    type: "object",
    required: ["code", "severity", "message", "link"],
    additionalProperties: false,
    properties: {
      code,
      severity: { enum: ["error", "warning"] },
      message: { type: "string" },
      path,
      position: place,
      expected: { type: "string" },
      found: { type: "string" },
      hint: { type: "string" },
      related: {
        type: "array",
        items: {
          type: "object",
          required: ["message"],
          additionalProperties: false,
          properties: { message: { type: "string" }, path, position: place },
        },
      },
      fix: {
        description: "What to write in place of the text at the position; quotes around that text stay",
        type: "object",
        required: ["replacement"],
        additionalProperties: false,
        properties: { replacement: { type: "string" }, position: place },
      },
      link: { description: "The page that explains the code", type: "string" },
    },
  };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot check",
    description: "What `warmboot check -o json` prints",
    type: "object",
    required: ["format", "summary", "files", "parts"],
    additionalProperties: false,
    properties: {
      format: { enum: ["warmboot.check/1"] },
      changed: { description: "With --fix: whether a file was changed", type: "boolean" },
      fixed: {
        description: "With --fix: what was corrected; line and column are those before it",
        type: "array",
        items: {
          type: "object",
          required: ["file", "line", "column", "code", "from", "to"],
          additionalProperties: false,
          properties: {
            file: { type: "string" },
            line: { type: "integer", minimum: 1 },
            column: { type: "integer", minimum: 1 },
            code,
            from: { type: "string" },
            to: { type: "string" },
          },
        },
      },
      summary: {
        type: "object",
        required: ["profiles", "invalid", "warnings", "parts"],
        additionalProperties: false,
        properties: { profiles: counted, invalid: counted, warnings: counted, parts: counted },
      },
      parts: {
        type: "array",
        items: {
          type: "object",
          required: ["file", "used", "diagnostics"],
          additionalProperties: false,
          properties: {
            file: { type: "string" },
            used: { type: "boolean" },
            diagnostics: { type: "array", items: diagnostic },
          },
        },
      },
      files: {
        type: "array",
        items: {
          type: "object",
          required: ["file", "valid", "diagnostics"],
          additionalProperties: false,
          properties: {
            file: { type: "string" },
            valid: { type: "boolean" },
            diagnostics: { type: "array", items: diagnostic },
          },
        },
      },
    },
  };
}
