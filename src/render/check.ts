import type { Diagnostic } from "../core/diagnostic.ts";
import type { JsonSchema } from "../core/shape.ts";
import { CATALOGUE } from "../core/catalogue.ts";
import type { Layout } from "./style.ts";
import { visible } from "../core/text.ts";

/** What `check` found in one file. */
export interface FileVerdict {
  readonly file: string;
  readonly valid: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** A YAML file that is not a profile by itself: it has no `version`. */
export interface PartVerdict {
  readonly file: string;
  /** Whether one of the checked profiles includes it. */
  readonly used: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** What `check` found. */
export interface CheckResult {
  readonly format: "warmboot.check/1";
  readonly summary: {
    /** How many profiles were checked. */
    readonly profiles: number;
    readonly invalid: number;
    readonly warnings: number;
    /** How many files are not profiles by themselves. */
    readonly parts: number;
  };
  readonly files: readonly FileVerdict[];
  readonly parts: readonly PartVerdict[];
}

/** Counts what was found. */
export function checkResult(files: readonly FileVerdict[], parts: readonly PartVerdict[]): CheckResult {
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
    files,
    parts,
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
    ...(used === 0 ? [] : [used === 1 ? "1 file is a part of profiles" : `${used} files are parts of profiles`]),
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
  const diagnostic = {
    type: "object",
    required: ["code", "severity", "message"],
    additionalProperties: false,
    properties: {
      code: { enum: Object.keys(CATALOGUE) },
      severity: { enum: ["error", "warning"] },
      message: { type: "string" },
      path: { type: "array", items: { type: ["string", "integer"] } },
      position: place,
      expected: { type: "string" },
      found: { type: "string" },
      hint: { type: "string" },
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
