import { parse, YamlSyntaxError } from "@std/yaml";
import type { Diagnostic } from "../core/diagnostic.ts";
import { MAX_DEPTH } from "./limits.ts";
import type { Source } from "./locate.ts";
import { type Slip, slipBefore } from "./yaml_slips.ts";
import type { TreeFault } from "./yaml_tree.ts";

/** A YAML document as plain values: maps, lists, texts, and null where nothing is written. */
export interface YamlDocument {
  /** Undefined if the text could not be read. Where it has anchors, the value shares objects or even contains itself. */
  readonly value: unknown;
  readonly problems: readonly Diagnostic[];
}

/** What went wrong, in a parser's words, and where. */
interface Fault {
  readonly reason: string;
  readonly offset: number;
}

/** What `@std/yaml` makes of a text. */
type Parsed =
  | { readonly kind: "value"; readonly value: unknown; readonly warning: Error | undefined }
  | { readonly kind: "error"; readonly error: Error };

/**
 * Reads one YAML document with every scalar as text. All duplicate keys are reported; the last one's value counts, so that
 * the rest of the document can be checked too. js-yaml reads the text first: it takes time proportional to the text, has
 * the better positions, and refuses what `@std/yaml` reads without complaint though it is not YAML (tabs as indentation,
 * which move a key to another map; two commas with nothing between them). What it reads is within limits.ts.
 */
export function readDocument(text: string, source: Source, names: readonly string[]): YamlDocument {
  const tree = source.tree();
  if (tree.kind === "fault") return { value: undefined, problems: [faultProblem(tree.fault, text, source, names)] };
  const strict = parsed(text, false);
  const hasDuplicates = strict.kind === "error" && strict.error.message.includes("duplicated key");
  const result = hasDuplicates ? parsed(text, true) : strict;
  if (result.kind === "error") return { value: undefined, problems: [problemOf(result.error, text, source, names)] };
  if (result.value === null) return { value: undefined, problems: [emptyProblem(text, source)] };
  if (result.warning !== undefined) {
    return { value: undefined, problems: [syntaxProblem(faultOf(result.warning), text, source, names)] };
  }
  return { value: result.value, problems: hasDuplicates ? duplicateProblems(source) : [] };
}

function parsed(text: string, allowDuplicateKeys: boolean): Parsed {
  let warning: Error | undefined;
  try {
    const value = parse(text, { schema: "failsafe", allowDuplicateKeys, onWarning: (error) => warning ??= error });
    return { kind: "value", value, warning };
  } catch (error) {
    // A RangeError is the stack's end: nesting that no profile has.
    if (error instanceof YamlSyntaxError || error instanceof RangeError) return { kind: "error", error };
    throw error;
  }
}

function faultProblem(fault: TreeFault, text: string, source: Source, names: readonly string[]): Diagnostic {
  if (fault.kind === "syntax") return syntaxProblem(fault, text, source, names);
  return { code: "too-complex", severity: "error", message: fault.reason, position: source.at(fault.offset, 1) };
}

/** The bare reason of an `@std/yaml` error, without the position and the excerpt at the end of its message. */
function faultOf(error: Error): Fault {
  return {
    reason: error.message.replace(/ at line \d+, column \d+[^]*$/, "").replace(/^Cannot [^:]*: /, ""),
    offset: error instanceof YamlSyntaxError ? error.offset ?? 0 : 0,
  };
}

function problemOf(error: Error, text: string, source: Source, names: readonly string[]): Diagnostic {
  if (error instanceof RangeError) {
    return {
      code: "too-complex",
      severity: "error",
      message: `The YAML nests more than ${MAX_DEPTH} levels deep`,
      position: source.at(0, 1),
    };
  }
  const fault = faultOf(error);
  if (fault.reason.startsWith("Found more than 1 document")) {
    return {
      code: "several-documents",
      severity: "error",
      message: "The file holds more than one YAML document",
      position: source.at(fault.offset, 3),
      expected: "one profile in one file",
      hint: "Move the second document to a file of its own",
    };
  }
  return syntaxProblem(fault, text, source, names);
}

function syntaxProblem(fault: Fault, text: string, source: Source, names: readonly string[]): Diagnostic {
  const { reason, offset } = fault;
  const slip = slipBefore(text, fault, names);
  if (slip !== undefined) return slipProblem(slip, source);
  const position = source.at(offset, 1);
  const line = position.source ?? "";
  const hint = SYNTAX_HINTS.find((row) =>
    row.reason.test(reason) && row.text.test(text.slice(offset, offset + 1)) && row.line.test(line)
  );
  return {
    code: "yaml-syntax",
    severity: "error",
    message: `The YAML cannot be read: ${reason.slice(0, 1).toLowerCase()}${reason.slice(1)}`,
    position,
    ...(hint === undefined ? {} : { hint: hint.hint }),
  };
}

function slipProblem({ offset, length, message, hint, instead }: Slip, source: Source): Diagnostic {
  const position = source.at(offset, length);
  return {
    code: "yaml-syntax",
    severity: "error",
    message,
    position,
    hint,
    ...(instead === undefined ? {} : { fix: { replacement: instead, position } }),
  };
}

const ANY = /^/;

/** What to do about a fault, by its reason, by the text from its place on, and by its line. The first that fits. */
const SYNTAX_HINTS: readonly { reason: RegExp; text: RegExp; line: RegExp; hint: string }[] = [
  { reason: /\btab\b/, text: ANY, line: ANY, hint: "Indent with spaces" },
  { reason: /^a key is/, text: ANY, line: ANY, hint: "Write each key as a text: `key: value`" },
  { reason: /unknown tag/, text: ANY, line: ANY, hint: "Quote a text that begins with `!`; tags are not used here" },
  { reason: /unidentified alias/, text: ANY, line: ANY, hint: "Quote a text that begins with `*`" },
  { reason: /quoted scalar/, text: ANY, line: ANY, hint: "Close the quote" },
  { reason: /flow collection/, text: ANY, line: ANY, hint: "Close the bracket" },
  { reason: /non-printable/, text: ANY, line: ANY, hint: "Remove the control character" },
  { reason: ANY, text: /^[@`%]/, line: ANY, hint: "Quote a text that begins with `@`, `%` or a backtick" },
  { reason: ANY, text: ANY, line: /\t/, hint: "Indent with spaces, not with tabs" },
  { reason: ANY, text: ANY, line: /: .*:(?: |$)/, hint: "Quote a text that contains `: `" },
  { reason: ANY, text: ANY, line: /: *["']/, hint: "Quote the whole text, or none of it" },
  { reason: /indentation/, text: ANY, line: ANY, hint: "Begin the keys of one map in the same column" },
  { reason: ANY, text: ANY, line: ANY, hint: "A profile has lines of `key: value`, with a space after the colon" },
];

function emptyProblem(text: string, source: Source): Diagnostic {
  return {
    code: "empty-document",
    severity: "error",
    message: text.trim() === "" ? "The file is empty" : "The file holds no document, only comments or markers",
    position: source.at(0, 1),
    expected: "a profile, beginning with `version: 1`",
  };
}

function duplicateProblems(source: Source): readonly Diagnostic[] {
  return source.duplicateKeys().map(({ name, first, again }) => ({
    code: "duplicate-key",
    severity: "error",
    message: `Duplicate key \`${name}\`; first defined at line ${first.line}`,
    position: again,
    related: [{ message: "First defined here", position: first }],
    hint: "Remove one of them",
  }));
}
