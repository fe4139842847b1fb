import { code, codeBlock } from "./markdown.ts";
import { type Matrix, matrixText, rowsOf } from "./matrix.ts";
import { PLAIN } from "./style.ts";

/** Columns: what a pull request shows without scrolling. */
const WIDTH = 100;

/** What a table may have, so that it can be read; more hosts are counted. */
const MOST_HOSTS = 12;

/** A matrix as Markdown: a table of small fleets, then what the text says. Names and reasons are foreign text, in code. */
export function matrixMarkdown(matrix: Matrix): string {
  const { profiles, hosts } = matrix;
  const isTable = hosts.length <= MOST_HOSTS && profiles.length > 0;
  const row = (texts: readonly string[]): string => `| ${texts.join(" | ")} |`;
  const table = [
    row(["", ...hosts.map(cell)]),
    row(["", ...hosts].map(() => "---")),
    ...rowsOf(matrix).map(({ profile, cells }) => row([cell(profile), ...cells.map(({ status }) => MARKS[status])])),
  ];
  const text = matrixText(matrix, { style: PLAIN, width: WIDTH }).trimEnd().split("\n");
  // The first lines of the text are the table again.
  const reasons = isTable ? text.slice(text.indexOf("") + 1) : text;
  return [...(isTable ? [...table, ""] : []), codeBlock(reasons), ""].join("\n");
}

const MARKS: { readonly [status in Matrix["cells"][number]["status"]]: string } = {
  ok: "ok",
  warn: "warn",
  fail: "**FAIL**",
  excluded: "-",
};

/** A code span within a table, where `|` ends the cell even in code. */
function cell(text: string): string {
  return code(text).replaceAll("|", "\\|");
}
