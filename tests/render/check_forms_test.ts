import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Validator } from "@cfworker/json-schema";
import { CATALOGUE } from "../../src/core/catalogue.ts";
import { explanationUrl, HOMEPAGE } from "../../src/core/program.ts";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { isMap, type JsonSchema } from "../../src/core/shape.ts";
import { checkResult, checkSchema, checkText, type FileVerdict, type PartVerdict } from "../../src/render/check.ts";
import { junitXml } from "../../src/render/junit.ts";
import { originSchema, originText } from "../../src/render/origin.ts";
import { sarifLog } from "../../src/render/sarif.ts";
import { PLAIN } from "../../src/render/style.ts";

const error: Diagnostic = {
  code: "unknown-key",
  severity: "error",
  message: "Unknown key `kernal`",
  path: ["kernal"],
  position: { file: "p/a b.yaml", line: 3, column: 1, length: 6, source: "kernal: <&\"'>" },
  hint: "Did you mean `kernel`?",
  related: [{ message: "Here too", position: { file: "b.yaml", line: 1, column: 2, length: 1 } }],
  fix: { replacement: "kernel", position: { file: "p/a b.yaml", line: 3, column: 1, length: 6 } },
};
const warning: Diagnostic = { code: "no-version", severity: "warning", message: "x \u0007 & y" };
const VERDICTS: readonly FileVerdict[] = [
  { file: "p/a b.yaml", valid: false, diagnostics: [error] },
  { file: "/srv/ü.yaml", valid: true, diagnostics: [warning] },
  { file: "./ok.yaml", valid: true, diagnostics: [] },
];
const UNUSED: PartVerdict = { file: "part.yaml", used: false, diagnostics: [{ ...warning, message: "part & parcel" }] };

/** What SARIF 2.1.0 demands of the objects that are used here (OASIS, sections 3.13 to 3.30). */
const SARIF_SCHEMA: JsonSchema = {
  type: "object",
  required: ["version", "runs"],
  properties: {
    version: { const: "2.1.0" },
    runs: {
      type: "array",
      items: {
        type: "object",
        required: ["tool", "results"],
        properties: {
          columnKind: { enum: ["utf16CodeUnits", "unicodeCodePoints"] },
          tool: {
            type: "object",
            required: ["driver"],
            properties: {
              driver: {
                type: "object",
                required: ["name", "informationUri"],
                properties: {
                  rules: {
                    type: "array",
                    uniqueItems: true,
                    items: {
                      type: "object",
                      required: ["id"],
                      properties: {
                        shortDescription: { type: "object", required: ["text"] },
                        helpUri: { type: "string", pattern: "^https://[!-~]+$" },
                      },
                    },
                  },
                },
              },
            },
          },
          results: {
            type: "array",
            items: {
              type: "object",
              required: ["message"],
              properties: {
                level: { enum: ["none", "note", "warning", "error"] },
                ruleIndex: { type: "integer", minimum: 0 },
                message: { type: "object", required: ["text"] },
                locations: {
                  type: "array",
                  items: {
                    type: "object",
                    properties: {
                      physicalLocation: {
                        type: "object",
                        required: ["artifactLocation"],
                        properties: {
                          artifactLocation: {
                            type: "object",
                            properties: { uri: { type: "string", pattern: "^[!-~]+$" } },
                          },
                          region: {
                            type: "object",
                            properties: {
                              startLine: { type: "integer", minimum: 1 },
                              startColumn: { type: "integer", minimum: 1 },
                              endColumn: { type: "integer", minimum: 1 },
                            },
                          },
                        },
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

Deno.test({
  name: "SARIF has what the standard demands, a rule for every code, and the place of every problem",
  permissions: "none",
  fn() {
    const log = sarifLog(VERDICTS, "1.2.3");
    assertEquals(new Validator({ ...SARIF_SCHEMA }, "7", false).validate(JSON.parse(JSON.stringify(log))).errors, []);
    const [run] = log.runs;
    assert(run !== undefined);
    assertEquals(run.tool.driver.rules.map(({ id }) => id), Object.keys(CATALOGUE));
    assertEquals(run.results.length, 2);
    const [first, second] = run.results;
    assertEquals(run.tool.driver.rules[first?.ruleIndex ?? -1]?.id, "unknown-key");
    assertEquals(first?.locations[0]?.physicalLocation, {
      artifactLocation: { uri: "p/a%20b.yaml" },
      region: { startLine: 3, startColumn: 1, endColumn: 7, snippet: { text: "kernal: <&\"'>" } },
    });
    assertStringIncludes(first?.message.text ?? "", "hint: Did you mean `kernel`?");
    assertEquals(second?.level, "warning");
    assertEquals(second?.locations[0]?.physicalLocation, {
      artifactLocation: { uri: "file:///srv/%C3%BC.yaml" },
      region: { startLine: 1, startColumn: 1, endColumn: 1 },
    });
    assertEquals(run.tool.driver.informationUri, HOMEPAGE);
    assertEquals(run.tool.driver.rules[first?.ruleIndex ?? -1]?.helpUri, explanationUrl("unknown-key"));
    assertEquals(first?.relatedLocations?.map(({ message, physicalLocation }) => [message.text, physicalLocation]), [
      ["Here too", { artifactLocation: { uri: "b.yaml" }, region: { startLine: 1, startColumn: 2, endColumn: 3 } }],
    ]);
    assertEquals(first?.fixes?.[0]?.artifactChanges, [{
      artifactLocation: { uri: "p/a%20b.yaml" },
      replacements: [{
        deletedRegion: { startLine: 3, startColumn: 1, endColumn: 7 },
        insertedContent: { text: "kernel" },
      }],
    }]);
    assertEquals([second?.relatedLocations, second?.fixes], [undefined, undefined]);
  },
});

Deno.test({
  name: "in neither form a text is a link, a command to a CI system, or reverses the text around it",
  permissions: "none",
  fn() {
    const texts = ["see [x](https://e.example) or \\\\[y](1)", "\u202egnp.exe", "::error::x", "a\n::add-mask::b"];
    const verdicts = texts.map((text): FileVerdict => ({
      file: text,
      valid: false,
      diagnostics: [{ code: "unknown-key", severity: "error", message: text, expected: text, found: text, hint: text }],
    }));
    const messages = sarifLog(verdicts, "1").runs[0]?.results.map(({ message }) => message.text) ?? [];
    assertEquals(messages.length, texts.length);
    const xml = junitXml(verdicts, []);
    for (const text of [...messages, xml]) {
      assertEquals(text.match(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]|^\s*::/m), null, text);
    }
    assertEquals(messages[0]?.match(/(?<!\\)(?:\\\\)*[[\]]/), null, messages[0]);
    assertEquals(sarifLog(VERDICTS, "1").runs[0]?.results[0]?.message.text.includes("\\"), false);
  },
});

Deno.test({
  name: "JUnit's XML has a case for each file, and no text that breaks it",
  permissions: "none",
  fn() {
    const xml = junitXml(VERDICTS, [UNUSED]);
    assertMatch(
      xml,
      /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites name="warmboot check" tests="3" failures="1"/,
    );
    assertEquals([...xml.matchAll(/<testcase /g)].length, 3);
    assertStringIncludes(
      xml,
      '<failure type="unknown-key" message="Unknown key `kernal`">p/a b.yaml:3:1: error',
    );
    assertStringIncludes(xml, "<system-out>warning: x \u2407 &amp; y [no-version]</system-out>");
    // What is not a profile counts as no test.
    assertStringIncludes(xml, "    <system-out>warning: part &amp; parcel [no-version]</system-out>\n  </testsuite>");
    const hostile = junitXml([{ file: "\"><a b='&", valid: true, diagnostics: [] }], []);
    assertStringIncludes(hostile, 'name="&quot;&gt;&lt;a b=&#39;&amp;"');
    // Every bracket that is left belongs to a tag of ours.
    assertEquals(
      hostile.replaceAll(/<\/?(?:testsuites?|testcase)(?: [a-z]+="[^"<>]*")*\/?>|<\?xml [^>]*\?>/g, "").trim(),
      "",
    );
  },
});

Deno.test({
  name: "the summary counts profiles, problems, warnings and parts, and follows its schema",
  permissions: "none",
  fn() {
    const part = { file: "base.yaml", used: true, diagnostics: [] };
    const result = checkResult(VERDICTS, [part]);
    assertEquals(result.summary, { profiles: 3, invalid: 1, warnings: 1, parts: 1 });
    const text = (...args: Parameters<typeof checkResult>) =>
      checkText(checkResult(...args), { style: PLAIN, width: 80 });
    assertEquals(text(VERDICTS, [part]), "1 of 3 profiles is not valid; 1 warning; 1 file is part of profiles\n");
    assertEquals(text(VERDICTS.slice(2), []), "./ok.yaml: valid\n");
    assertEquals(text(VERDICTS.slice(2), [part, part]), "1 profile is valid; 2 files are parts of profiles\n");
    assertEquals(
      text(VERDICTS.slice(2), [part, UNUSED]),
      "1 profile is valid; 1 warning; 1 file is part of profiles\n",
    );
    const schema = checkSchema();
    assert(isMap(schema));
    const fix = { file: "a", line: 1, column: 1, code: "unknown-key", from: "kernal", to: "kernel" } as const;
    for (const each of [result, checkResult(VERDICTS, [part], []), checkResult(VERDICTS, [part], [fix])]) {
      assertEquals(new Validator({ ...schema }, "7", false).validate(JSON.parse(JSON.stringify(each))).errors, []);
    }
    assertEquals(result.files[0]?.diagnostics[0]?.link, explanationUrl("unknown-key"));
    assertEquals([[], [fix]].map((fixes) => checkResult(VERDICTS, [part], fixes).changed), [false, true]);
  },
});

Deno.test({
  name: "the origin names file and line before each value, and cannot drive a terminal",
  permissions: "none",
  fn() {
    const report = {
      format: "warmboot.origin/1" as const,
      profiles: [{
        file: "web.yaml",
        layers: [{ file: "base\u001b.yaml", role: "base" as const }, { file: "web.yaml", role: "profile" as const }],
        keys: [
          { path: ["kernel"], value: "k\u001b[2J", file: "base.yaml", line: 12, column: 9 },
          { path: ["initrd", 0], value: "i", file: "web.yaml", line: 3, column: 3 },
          { path: ["cmdline"], value: "", file: "web.yaml", line: 4, column: 10 },
        ],
      }],
    };
    assertEquals(
      originText(report, { style: PLAIN, width: 80 }),
      "web.yaml\n  1. base\u241b.yaml is extended\n  2. web.yaml is the profile itself\n" +
        '  base.yaml:12  kernel: k\u241b[2J\n  web.yaml:3    initrd[0]: i\n  web.yaml:4    cmdline: ""\n',
    );
    assertEquals(new Validator({ ...originSchema() }, "7", false).validate(report).errors, []);
  },
});

Deno.test("SARIF has no link that a profile's text makes", { permissions: "none" }, () => {
  const linked = { ...error, message: "Unknown key `[click](https://example.org)`" };
  const [result] = sarifLog([{ file: "p.yaml", valid: false, diagnostics: [linked] }], "1").runs[0]?.results ?? [];
  assertStringIncludes(result?.message.text ?? "", "\\[click\\](https://example.org)");
  // Brackets that make none stay as they are.
  const plain = { ...error, message: "`initrd[0]` (optional)" };
  const [kept] = sarifLog([{ file: "p.yaml", valid: false, diagnostics: [plain] }], "1").runs[0]?.results ?? [];
  assertStringIncludes(kept?.message.text ?? "", "`initrd[0]` (optional)");
});

Deno.test("SARIF: a file below this folder has the same URI however it is named, and a correction is text alone", {
  permissions: "none",
}, () => {
  const position = { file: ".//./p/a.yaml", line: 1, column: 1, length: 6, source: "kernal: x" };
  const { runs: [run] } = sarifLog([{
    file: position.file,
    valid: false,
    diagnostics: [
      { code: "unknown-key", severity: "error", message: "m", position, fix: { replacement: "kernel", position } },
    ],
  }], "1");
  const [result] = run?.results ?? [];
  const [change] = result?.fixes?.[0]?.artifactChanges ?? [];
  assertEquals([result?.locations[0]?.physicalLocation.artifactLocation.uri, change?.artifactLocation.uri], [
    "p/a.yaml",
    "p/a.yaml",
  ]);
  assertEquals(change?.replacements[0]?.deletedRegion, { startLine: 1, startColumn: 1, endColumn: 7 });
});

Deno.test("SARIF: no link in a correction or a related message either, and any file name is a URI", {
  permissions: "none",
}, () => {
  const position = { file: "a\ud800 [b](c).yaml", line: 1, column: 1, length: 1 };
  const { runs: [run] } = sarifLog([{
    file: position.file,
    valid: false,
    diagnostics: [{
      code: "unknown-key",
      severity: "error",
      message: "m",
      position,
      related: [{ message: "See [x](http://e)\u001b", position }],
      fix: { replacement: "[y](z)", position },
    }],
  }], "1");
  const [result] = run?.results ?? [];
  const uri = "a%EF%BF%BD%20%5Bb%5D(c).yaml";
  assertEquals(result?.locations[0]?.physicalLocation.artifactLocation.uri, uri);
  assertEquals(result?.relatedLocations?.[0]?.message.text, "See \\[x\\](http://e)␛");
  const [fix] = result?.fixes ?? [];
  assertEquals([fix?.description.text, fix?.artifactChanges[0]?.artifactLocation.uri], ["Write `\\[y\\](z)`", uri]);
  // What is written into the file is as it is.
  assertEquals(fix?.artifactChanges[0]?.replacements[0]?.insertedContent.text, "[y](z)");
});
