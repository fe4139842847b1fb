import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Matrix, type MatrixCell, matrixOf } from "../../src/render/matrix.ts";
import { matrixJunit } from "../../src/render/matrix_junit.ts";
import { matrixMarkdown } from "../../src/render/matrix_markdown.ts";
import { assertWellFormed } from "./well_formed.ts";

const HOSTILE = ["$(touch x)", "`touch x`", "a|b", "<script>alert(1)</script>", "${{ github.token }}", "]]>&\"'"];
const CONTROL = "\u0000\u0007\u001b[31m\n::error::x\u202e";

function cell(profile: string, host: string, status: MatrixCell["status"], message = ""): MatrixCell {
  return { profile, host, status, reasons: status === "ok" ? [] : [{ status, rule: "lockdown", message }] };
}

const SMALL: Matrix = matrixOf(["db.yaml", "web.yaml"], ["db1", "web1"], [
  cell("db.yaml", "db1", "ok"),
  cell("db.yaml", "web1", "excluded", "For other hosts"),
  cell("web.yaml", "db1", "warn", "Perhaps"),
  cell("web.yaml", "web1", "fail", "The kernel is locked down"),
]);

function hostileMatrix(): Matrix {
  const names = [...HOSTILE, CONTROL];
  return matrixOf(
    names.map((name) => `${name}.yaml`),
    names,
    names.flatMap((profile) => names.map((host) => cell(`${profile}.yaml`, host, "fail", `${profile} ${host}`))),
  );
}

/** Elements of a JUnit report, with the attributes that CI systems require of them, and what each may contain. */
const JUNIT: { readonly [element: string]: { readonly attributes: readonly string[]; readonly in: string } } = {
  testsuites: { attributes: ["name", "tests", "failures", "errors"], in: "" },
  testsuite: { attributes: ["name", "tests", "failures", "errors", "skipped"], in: "testsuites" },
  testcase: { attributes: ["classname", "name"], in: "testsuite" },
  failure: { attributes: ["type", "message"], in: "testcase" },
  skipped: { attributes: ["message"], in: "testcase" },
  "system-out": { attributes: [], in: "testcase" },
};

/** Fails unless each element is where JUnit has it, with these attributes and no others, and the counts are right. */
function assertJunit(xml: string): void {
  const [declaration = "", ...lines] = xml.split("\n");
  assertEquals(declaration, '<?xml version="1.0" encoding="UTF-8"?>');
  const body = lines.join("\n");
  assertWellFormed(body.replaceAll("system-out", "output"));
  const open: string[] = [""];
  const counted: Record<string, number> = {};
  for (
    const [, closing, name = "", attributes = "", empty] of body.matchAll(
      /<(\/?)([a-z-]+)((?: [a-z]+="[^"]*")*)(\/?)>/g,
    )
  ) {
    if (closing === "/") {
      open.pop();
      continue;
    }
    const known = JUNIT[name];
    assert(known !== undefined, name);
    assertEquals(
      [...attributes.matchAll(/ ([a-z]+)=/g)].map(([, attribute]) => attribute ?? ""),
      known.attributes,
      name,
    );
    assertEquals(open.at(-1), known.in, name);
    counted[name] = (counted[name] ?? 0) + 1;
    if (empty !== "/") open.push(name);
  }
  const told = (attribute: string) => Number(new RegExp(`<testsuites [^>]*${attribute}="(\\d+)"`).exec(body)?.[1]);
  assertEquals([told("tests"), told("failures")], [counted.testcase, counted.failure ?? 0]);
}

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("a matrix as JUnit: a suite for each profile, a case for each host, skipped where the profile is for others", () => {
  const xml = matrixJunit(SMALL);
  assertJunit(xml);
  assertStringIncludes(xml, '<testsuites name="warmboot plan" tests="4" failures="1" errors="0">');
  assertStringIncludes(xml, '  <testsuite name="db.yaml" tests="2" failures="0" errors="0" skipped="1">');
  assertStringIncludes(xml, '    <testcase classname="db.yaml" name="db1"/>\n');
  assertStringIncludes(xml, '<skipped message="For other hosts"/>');
  assertStringIncludes(xml, "<system-out>warn: Perhaps [lockdown]</system-out>");
  assertStringIncludes(
    xml,
    '<failure type="lockdown" message="The kernel is locked down">fail: The kernel is locked down [lockdown]</failure>',
  );
});

test("a matrix as JUnit: names and messages are text, control characters too", () => {
  const xml = matrixJunit(hostileMatrix());
  assertJunit(xml);
  assertEquals(xml.match(/<script|^\s*::|\u202e/m), null);
  assertEquals(xml.includes("\u001b"), false);
  assertStringIncludes(xml, "$(touch x)");
});

test("a matrix as JUnit: the type of a failure is text as well", () => {
  const failure = { ...cell("a", "b", "fail"), reasons: [{ status: "fail", rule: 'r"<', message: "m" }] } as const;
  const xml = matrixJunit(matrixOf(["a"], ["b"], [failure]));
  assertJunit(xml);
  assertStringIncludes(xml, '<failure type="r&quot;&lt;" message="m">fail: m [r&quot;&lt;]</failure>');
});

/** Markdown without code: what is left is markup. */
function markupOf(markdown: string): string {
  return markdown.replaceAll(/^(`{3,})text\n[^]*?\n\1$/gm, "").replaceAll(/(`+)(?!`)[^]*?[^`]\1(?!`)/g, "");
}

test("a matrix as Markdown: a table, with the reasons in a block", () => {
  assertEquals(
    matrixMarkdown(SMALL),
    [
      "|  | `db1` | `web1` |",
      "| --- | --- | --- |",
      "| `db.yaml` | ok | - |",
      "| `web.yaml` | warn | **FAIL** |",
      "",
      "```text",
      "FAIL  lockdown of web.yaml: 1 host: web1",
      "      The kernel is locked down",
      "",
      "warn  lockdown of web.yaml: 1 host: db1",
      "      Perhaps",
      "",
      "Has no profile that fits: web1",
      "1 of 2 profiles fails on hosts that it is for",
      "```",
      "",
    ].join("\n"),
  );
});

test("a matrix as Markdown: no name is markup, and each row has its cells", () => {
  const markdown = matrixMarkdown(hostileMatrix());
  assertEquals(markupOf(markdown).match(/[<$`:@[\]]/), null, markupOf(markdown));
  const rows = markdown.split("\n").filter((line) => line.startsWith("|"));
  assertEquals(rows.length, 2 + HOSTILE.length + 1);
  for (const row of rows) assertEquals(row.match(/(?<!\\)\|/g)?.length, HOSTILE.length + 3, row);
  assertEquals(markdown.match(/^::/m), null);
});

test("a matrix as Markdown: of many hosts, counts", () => {
  const hosts = Array.from({ length: 200 }, (_, index) => `web${index}`);
  const markdown = matrixMarkdown(matrixOf(["web.yaml"], hosts, hosts.map((host) => cell("web.yaml", host, "ok"))));
  assertEquals(markdown.startsWith("```text\nweb.yaml  ok 200"), true, markdown);
});

test("a matrix as Markdown: twelve hosts are a table, and without profiles there is none", () => {
  const startOf = (profiles: readonly string[], count: number) => {
    const hosts = Array.from({ length: count }, (_, index) => `web${index}`);
    const cells = profiles.flatMap((profile) => hosts.map((host) => cell(profile, host, "ok")));
    return matrixMarkdown(matrixOf(profiles, hosts, cells)).slice(0, 8);
  };
  assertEquals([startOf(["a"], 12), startOf(["a"], 13), startOf([], 1)], ["|  | `we", "```text\n", "```text\n"]);
});
