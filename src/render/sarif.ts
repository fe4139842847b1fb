import { CATALOGUE, type DiagnosticCode } from "../core/catalogue.ts";
import type { Diagnostic, Position } from "../core/diagnostic.ts";
import { explanationUrl, HOMEPAGE } from "../core/program.ts";
import { visible } from "../core/text.ts";
import type { FileVerdict } from "./check.ts";

/** A part of one line. */
interface SarifRegion {
  readonly startLine: number;
  readonly startColumn: number;
  readonly endColumn: number;
  readonly snippet?: { readonly text: string };
}

interface SarifText {
  readonly text: string;
}

/** A place in SARIF's terms: a file and a region of it. Code reviews show no result without a region. */
interface SarifLocation {
  readonly physicalLocation: {
    readonly artifactLocation: { readonly uri: string };
    readonly region: SarifRegion;
  };
}

/** A correction in SARIF's terms. */
interface SarifFix {
  readonly description: SarifText;
  readonly artifactChanges: readonly {
    readonly artifactLocation: { readonly uri: string };
    readonly replacements: readonly { readonly deletedRegion: SarifRegion; readonly insertedContent: SarifText }[];
  }[];
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
        readonly informationUri: string;
        readonly rules: readonly {
          readonly id: string;
          readonly shortDescription: SarifText;
          readonly helpUri: string;
        }[];
      };
    };
    readonly columnKind: "utf16CodeUnits";
    readonly results: readonly {
      readonly ruleId: string;
      readonly ruleIndex: number;
      readonly level: "error" | "warning";
      readonly message: SarifText;
      readonly locations: readonly SarifLocation[];
      readonly relatedLocations?: readonly (SarifLocation & { readonly id: number; readonly message: SarifText })[];
      readonly fixes?: readonly SarifFix[];
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
          informationUri: HOMEPAGE,
          rules: CODES.map((id) => ({
            id,
            shortDescription: { text: `${CATALOGUE[id].about}.` },
            helpUri: explanationUrl(id),
          })),
        },
      },
      columnKind: "utf16CodeUnits",
      results: onceEach(verdicts.flatMap(({ file, diagnostics }) =>
        diagnostics.map((diagnostic) => ({
          ruleId: diagnostic.code,
          ruleIndex: CODES.indexOf(diagnostic.code),
          level: diagnostic.severity,
          message: { text: withoutLinks(messageOf(diagnostic)) },
          locations: [locationOf(diagnostic.position, file)],
          ...relatedLocations(diagnostic, file),
          ...fixes(diagnostic),
        }))
      )),
    }],
  };
}

/** Without repeats: a problem of a base is found in every profile that extends it. */
function onceEach<T>(results: readonly T[]): readonly T[] {
  return [...new Map(results.map((result) => [JSON.stringify(result), result])).values()];
}

/** A diagnostic as one text, for systems that show nothing else of it. */
export function messageOf({ message, expected, found, hint }: Diagnostic): string {
  return [
    message,
    ...(expected === undefined ? [] : [`expected: ${expected}`]),
    ...(found === undefined ? [] : [`found: ${found}`]),
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
  ].map(visible).join("\n");
}

/** Text in which SARIF finds no link: `[text](target)` is one, within a plain message too (section 3.11.6). */
function withoutLinks(text: string): string {
  return text.includes("](") ? text.replaceAll(/[\\[\]]/g, "\\$&") : text;
}

/** The place of a diagnostic; one about a file as a whole is shown at its first line. */
function locationOf(position: Position | undefined, file: string): SarifLocation {
  return {
    physicalLocation: {
      artifactLocation: { uri: uriOf(position?.file ?? file) },
      region: position === undefined ? { startLine: 1, startColumn: 1, endColumn: 1 } : regionOf(position),
    },
  };
}

function regionOf({ line, column, length, source }: Position): SarifRegion {
  return {
    startLine: line,
    startColumn: column,
    endColumn: column + length,
    ...(source === undefined ? {} : { snippet: { text: source } }),
  };
}

function relatedLocations({ related }: Diagnostic, file: string) {
  if (related === undefined) return {};
  return {
    relatedLocations: related.map(({ message, position }, id) => ({
      id,
      message: { text: withoutLinks(visible(message)) },
      ...locationOf(position, file),
    })),
  };
}

function fixes({ fix }: Diagnostic): { readonly fixes?: readonly SarifFix[] } {
  if (fix?.position === undefined) return {};
  const { position, replacement } = fix;
  const { snippet: _snippet, ...deletedRegion } = regionOf(position);
  return {
    fixes: [{
      description: { text: withoutLinks(visible(`Write \`${replacement}\``)) },
      artifactChanges: [{
        artifactLocation: { uri: uriOf(position.file) },
        replacements: [{ deletedRegion, insertedContent: { text: replacement } }],
      }],
    }],
  };
}

/** A path as a URI reference: relative ones stay relative, which is how a review finds the file. */
function uriOf(path: string): string {
  const encoded = path.toWellFormed().replace(/^(?:\.\/+)+/, "").split("/").map(encodeURIComponent).join("/");
  return path.startsWith("/") ? `file://${encoded}` : encoded;
}
