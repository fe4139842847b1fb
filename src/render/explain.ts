import { CATALOGUE, type DiagnosticCode } from "../core/catalogue.ts";
import { EXPLANATIONS, type Provocation } from "../core/explanations.ts";
import { EXIT } from "../core/program.ts";
import type { Rule } from "../plan/rules/rule.ts";
import { SEGMENT_RULES } from "../plan/rules/segments.ts";
import { RULES } from "../plan/rules/table.ts";
import type { Layout } from "./style.ts";
import { wrap } from "./wrap.ts";

/** What a code means, what provokes it and what to do, for a terminal. */
export function explainText(code: DiagnosticCode, { style, width }: Layout): string {
  const { about, exit } = CATALOGUE[code];
  const { why, example, remedy } = EXPLANATIONS[code];
  const prose = (text: string): string => wrap(text, width, 0);
  return [
    `${style.bold(code)} ${style.dim(`(exit code ${EXIT[exit].code})`)}`,
    "",
    prose(`${about}.${why === undefined ? "" : ` ${why}`}`),
    "",
    style.bold("Example"),
    ...(typeof example === "string"
      ? [prose(example)]
      : provocationLines(example).map((line) => `  ${line}`.trimEnd())),
    "",
    style.bold("What to do"),
    prose(remedy),
    "",
  ].join("\n");
}

/** A check of a plan, as it is explained. */
type ExplainedRule = Pick<Rule, "name" | "about" | "exit">;

/** Every check of a plan. `stored-plan` is made where a stored plan is read, not among the rules. */
export const EXPLAINED_RULES: readonly ExplainedRule[] = [
  ...RULES,
  ...SEGMENT_RULES,
  {
    name: "stored-plan",
    about: "A stored plan still fits the host and the files that it was made for",
    exit: "unavailable",
  },
];

/** What a check of a plan is for. */
export function explainRule({ name, about, exit }: ExplainedRule, layout: Layout): string {
  const { style, width } = layout;
  return [
    `${style.bold(name)} ${style.dim(`(check of a plan, exit code ${EXIT[exit].code})`)}`,
    "",
    wrap(`${about}. The plan says what the check found, and what to do where it fails.`, width, 0),
    "",
  ].join("\n");
}

/** Every code and check with its sentence. */
export function explanationList({ style, width }: Layout): string {
  const rows = [...Object.entries(CATALOGUE).map(([name, { about }]) => ({ name, about })), ...EXPLAINED_RULES];
  const room = Math.max(...rows.map(({ name }) => name.length)) + 2;
  return rows.map(({ name, about }) =>
    `${style.bold(name)}${" ".repeat(room - name.length)}${wrap(about, width, room)}\n`
  )
    .join("");
}

/** What a code means, what provokes it and what to do, as a section of docs/diagnostics.md. */
export function explainMarkdown(code: DiagnosticCode): string {
  const { about, exit } = CATALOGUE[code];
  const { why, example, remedy } = EXPLANATIONS[code];
  return [
    `### ${code}`,
    "",
    `${about}.${why === undefined ? "" : ` ${why}`} Exit code ${EXIT[exit].code}.`,
    "",
    ...(typeof example === "string" ? [`Example: ${example}`] : ["```text", ...provocationLines(example), "```"]),
    "",
    remedy,
    "",
  ].join("\n");
}

/** The files of an example, the sources of its host, and the command. */
function provocationLines({ files = {}, host = {}, machine, run }: Provocation): readonly string[] {
  return [
    ...Object.entries(files).flatMap(([name, text]) => [`# ${name}`, ...linesOf(text), ""]),
    ...(machine === undefined ? [] : [`# The host's architecture is ${machine}`, ""]),
    ...Object.entries(host).flatMap(([path, source]) =>
      source === null
        ? [`# ${path} of the host is missing`, ""]
        : typeof source === "string"
        ? [`# ${path} of the host`, ...linesOf(source), ""]
        : [`# ${path} of the host cannot be read: ${source.error}`, ""]
    ),
    `$ warmboot ${run}`,
  ];
}

const MOST_LINES = 8;
const LONGEST = 100;

/** The lines of a text, as far as they are of use to a reader; control characters as YAML writes them. */
function linesOf(text: string): readonly string[] {
  const lines = text.replace(/\n$/, "").split("\n").map((line) => {
    const shown = line.replaceAll(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1));
    return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}...` : shown;
  });
  return lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES - 1), "..."] : lines;
}
