import { escapeXml } from "./xml.ts";
import type { Diagnostic } from "../core/diagnostic.ts";
import type { FileVerdict } from "./check.ts";
import { messageOf } from "./sarif.ts";

/** A check as JUnit's XML, in the form that CI systems agree on: one test case for each file, its errors as a failure. */
export function junitXml(verdicts: readonly FileVerdict[]): string {
  const failures = verdicts.filter(({ valid }) => !valid).length;
  const counts = `tests="${verdicts.length}" failures="${failures}" errors="0"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="warmboot check" ${counts}>`,
    `  <testsuite name="warmboot check" ${counts} skipped="0">`,
    ...verdicts.flatMap(testCase),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function testCase({ file, valid, diagnostics }: FileVerdict): readonly string[] {
  const head = `    <testcase classname="warmboot.check" name="${escapeXml(file)}" file="${escapeXml(file)}"`;
  if (diagnostics.length === 0) return [`${head}/>`];
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const [first] = errors;
  const text = escapeXml(diagnostics.map(lineOf).join("\n\n"));
  return [
    `${head}>`,
    !valid && first !== undefined
      ? `      <failure type="${first.code}" message="${escapeXml(first.message)}">${text}</failure>`
      : `      <system-out>${text}</system-out>`,
    "    </testcase>",
  ];
}

function lineOf(diagnostic: Diagnostic): string {
  const { severity, position, code } = diagnostic;
  const place = position === undefined ? "" : `${position.file}:${position.line}:${position.column}: `;
  return `${place}${severity}: ${messageOf(diagnostic)} [${code}]`;
}
