import { visible } from "../core/text.ts";
import { type Matrix, type MatrixCell, rowsOf } from "./matrix.ts";
import { escapeXml } from "./xml.ts";

/**
 * A matrix as JUnit's XML, in the form that CI systems agree on: a suite for each profile, in it a test case for each host; a
 * host that the profile is not for is skipped.
 */
export function matrixJunit(matrix: Matrix): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="warmboot plan" ${counts(matrix.cells)}>`,
    ...rowsOf(matrix).flatMap(({ profile, cells }) => [
      `  <testsuite name="${attribute(profile)}" ${counts(cells)} skipped="${countOf(cells, "excluded")}">`,
      ...cells.flatMap(testCase),
      "  </testsuite>",
    ]),
    "</testsuites>",
    "",
  ].join("\n");
}

function counts(cells: readonly MatrixCell[]): string {
  return `tests="${cells.length}" failures="${countOf(cells, "fail")}" errors="0"`;
}

function countOf(cells: readonly MatrixCell[], status: MatrixCell["status"]): number {
  return cells.filter((cell) => cell.status === status).length;
}

function testCase({ profile, host, status, reasons }: MatrixCell): readonly string[] {
  const head = `    <testcase classname="${attribute(profile)}" name="${attribute(host)}"`;
  const [first] = reasons;
  if (first === undefined) return [`${head}/>`];
  const text = reasons.map(({ status, rule, message }) => `${status}: ${visible(message)} [${visible(rule)}]`).join(
    "\n",
  );
  const about = `message="${attribute(first.message)}"`;
  const body = status === "fail"
    ? `<failure type="${attribute(first.rule)}" ${about}>${escapeXml(text)}</failure>`
    : status === "excluded"
    ? `<skipped ${about}/>`
    : `<system-out>${escapeXml(text)}</system-out>`;
  return [`${head}>`, `      ${body}`, "    </testcase>"];
}

function attribute(text: string): string {
  return escapeXml(visible(text));
}
