import { CATALOGUE, type DiagnosticCode } from "../core/catalogue.ts";
import type { Diagnostic } from "../core/diagnostic.ts";
import type { FileVerdict } from "./check.ts";

/** A place in SARIF's words: a file, and a region of it where one is known. */
interface SarifLocation {
  readonly physicalLocation: {
    readonly artifactLocation: { readonly uri: string };
    readonly region?: {
      readonly startLine: number;
      readonly startColumn: number;
      readonly endColumn: number;
      readonly snippet?: { readonly text: string };
    };
  };
}

/** What code review systems read: the Static Analysis Results Interchange Format, 2.1.0 (OASIS). */
export interface SarifLog {
  readonly $schema: string;
  readonly version: "2.1.0";
  readonly runs: readonly {
    readonly tool: {
      readonly driver: {
        readonly name: string;
        readonly version: string;
        readonly rules: readonly { readonly id: string; readonly shortDescription: { readonly text: string } }[];
      };
    };
    readonly columnKind: "utf16CodeUnits";
    readonly results: readonly {
      readonly ruleId: string;
      readonly ruleIndex: number;
      readonly level: "error" | "warning";
      readonly message: { readonly text: string };
      readonly locations: readonly SarifLocation[];
    }[];
  }[];
}

const CODES = Object.keys(CATALOGUE) as DiagnosticCode[];

/** The diagnostics of a check as one run; every diagnostic code is a rule. */
export function sarifLog(verdicts: readonly FileVerdict[], version: string): SarifLog {
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [{
      tool: {
        driver: {
          name: "warmboot",
          version,
          rules: CODES.map((id) => ({ id, shortDescription: { text: `${CATALOGUE[id].about}.` } })),
        },
      },
      columnKind: "utf16CodeUnits",
      results: onceEach(verdicts.flatMap(({ file, diagnostics }) =>
        diagnostics.map((diagnostic) => ({
          ruleId: diagnostic.code,
          ruleIndex: CODES.indexOf(diagnostic.code),
          level: diagnostic.severity,
          message: { text: messageOf(diagnostic) },
          locations: [locationOf(diagnostic, file)],
        }))
      )),
    }],
  };
}

/** Without repeats: a fault of a base is found in every profile that is made of it, and lies in one place. */
function onceEach<T>(results: readonly T[]): readonly T[] {
  return [...new Map(results.map((result) => [JSON.stringify(result), result])).values()];
}

/** A diagnostic in one text, for systems that show nothing else of it. */
export function messageOf({ message, expected, found, hint }: Diagnostic): string {
  return [
    message,
    ...(expected === undefined ? [] : [`expected: ${expected}`]),
    ...(found === undefined ? [] : [`found: ${found}`]),
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
  ].join("\n");
}

function locationOf({ position }: Diagnostic, file: string): SarifLocation {
  const artifactLocation = { uri: uriOf(position?.file ?? file) };
  if (position === undefined) return { physicalLocation: { artifactLocation } };
  const { line, column, length, source } = position;
  return {
    physicalLocation: {
      artifactLocation,
      region: {
        startLine: line,
        startColumn: column,
        endColumn: column + length,
        ...(source === undefined ? {} : { snippet: { text: source } }),
      },
    },
  };
}

/** A path as a URI reference: relative ones stay relative, which is how a review finds the file. */
function uriOf(path: string): string {
  const encoded = path.toWellFormed().replace(/^(?:\.\/+)+/, "").split("/").map(encodeURIComponent).join("/");
  return path.startsWith("/") ? `file://${encoded}` : encoded;
}
