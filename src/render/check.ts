import type { Diagnostic } from "../core/diagnostic.ts";
import type { JsonSchema } from "../core/shape.ts";
import { CATALOGUE } from "../core/catalogue.ts";
import type { Layout } from "./plan.ts";
import { visible } from "./visible.ts";

/** What `check` found in one file. */
export interface FileVerdict {
  readonly file: string;
  readonly valid: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** The summary behind the diagnostics. */
export function checkText(verdicts: readonly FileVerdict[], { style }: Layout): string {
  const invalid = verdicts.filter((verdict) => !verdict.valid);
  const [only, ...more] = verdicts;
  if (only !== undefined && more.length === 0) {
    return `${visible(only.file)}: ${only.valid ? style.good("valid") : style.bad("not valid")}\n`;
  }
  const summary = invalid.length === 0
    ? style.good(`${verdicts.length} profiles are valid`)
    : style.bad(`${invalid.length} of ${verdicts.length} profiles are not valid`);
  return `${summary}\n`;
}

/** The JSON Schema of `check -o json`. */
export function checkSchema(): JsonSchema {
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
    required: ["format", "files"],
    additionalProperties: false,
    properties: {
      format: { enum: ["warmboot.check/1"] },
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
