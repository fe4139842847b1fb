import { escapeXml } from "./xml.ts";
import type { Diagnostic } from "../core/diagnostic.ts";
import type { FileVerdict, PartVerdict } from "./check.ts";
import { visible } from "../core/text.ts";
import { messageOf } from "./sarif.ts";

/**
 * A check as JUnit's XML, in the form that CI systems agree on: one test case for each profile, its errors as a failure.
 * What was found in files that are not profiles by themselves is output of the suite, and counts as no test.
 */
export function junitXml(verdicts: readonly FileVerdict[], parts: readonly PartVerdict[]): string {
  const failures = verdicts.filter(({ valid }) => !valid).length;
  const counts = `tests="${verdicts.length}" failures="${failures}" errors="0"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="warmboot check" ${counts}>`,
    `  <testsuite name="warmboot check" ${counts} skipped="0">`,
    ...verdicts.flatMap(testCase),
    ...systemOut(parts),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function systemOut(parts: readonly PartVerdict[]): readonly string[] {
  const lines = parts.flatMap(({ diagnostics }) => diagnostics.map(lineOf));
  return lines.length === 0 ? [] : [`    <system-out>${escapeXml(lines.join("\n\n"))}</system-out>`];
}

function testCase({ file, diagnostics }: FileVerdict): readonly string[] {
  const head = `    <testcase classname="warmboot.check" name="${attribute(file)}" file="${attribute(file)}"`;
  if (diagnostics.length === 0) return [`${head}/>`];
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const [first] = errors;
  const text = escapeXml(diagnostics.map(lineOf).join("\n\n"));
  return [
    `${head}>`,
    first !== undefined
      ? `      <failure type="${first.code}" message="${attribute(first.message)}">${text}</failure>`
      : `      <system-out>${text}</system-out>`,
    "    </testcase>",
  ];
}

function lineOf(diagnostic: Diagnostic): string {
  const { severity, position, code } = diagnostic;
  const place = position === undefined ? "" : `${position.file}:${position.line}:${position.column}: `;
  return `${visible(place)}${severity}: ${messageOf(diagnostic)} [${code}]`;
}

/** A name or a message in an attribute, where nothing reverses the direction of the text around it. */
function attribute(text: string): string {
  return escapeXml(visible(text));
}
