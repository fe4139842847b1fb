import { assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "@std/yaml";
import { visible } from "../../src/core/text.ts";
import { yamlText } from "../../src/render/yaml.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Texts that a terminal or a CI system would act on, and some that only look like it. */
const TEXTS = [
  "\u202egnp.exe",
  "a\u2066b\u2069",
  "\u200fright",
  "\u009b31m",
  "\u007f",
  "line\n::error::x",
  "line\n  ::add-mask::x",
  "::error::x",
  'quo"te \\ \u202e',
  "ip=10.0.0.1::10.0.0.254:255.255.255.0",
  "# \u202e",
  "- \u202e",
  "escaped-0-end",
  "$& \u202e $1",
  "日本語",
  "plain",
  "\u2028",
];

/** What drives a terminal. */
// deno-lint-ignore no-control-regex
const DRIVING = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

pure("YAML escapes what drives a terminal, and reads back as the same value", () => {
  const value = { list: TEXTS, nested: { deep: [{ text: TEXTS[0], number: 1, none: null, yes: true }] } };
  const text = yamlText(value);
  assertEquals(text.match(DRIVING), null);
  assertEquals(text.match(/^\s*::/m), null);
  assertEquals(parse(text, { schema: "json" }), value);
  for (const each of TEXTS) {
    const key = yamlText({ [each]: 1 });
    assertEquals([key.match(DRIVING), key.match(/^\s*::/m)], [null, null]);
    assertEquals(parse(key, { schema: "json" }), { [each]: 1 });
    assertEquals(parse(yamlText(each), { schema: "json" }), each);
    assertEquals(parse(yamlText({ [each]: each }), { schema: "json" }), { [each]: each });
  }
});

pure("YAML without such text is as it was: long lines are whole, nothing is quoted without need", () => {
  const digest = "a".repeat(200);
  assertEquals(yamlText({ name: "web", digest }), `name: web\ndigest: ${digest}\n`);
  assertStringIncludes(yamlText({ name: "\u202ex", same: "plain" }), "same: plain\n");
  // What is there twice is written twice: readers of a plan need not know anchors.
  const twice = { path: "/k" };
  assertEquals(yamlText({ a: twice, b: twice }), "a:\n  path: /k\nb:\n  path: /k\n");
});

pure("no line of text for people begins with a command to a CI system", () => {
  for (const text of ["::error::x", " ::error::x", "a ::stop-commands::x"]) {
    assertEquals(visible(text).match(/(?:^|\s)::/), null);
  }
  assertEquals(visible("ip=10.0.0.1::10.0.0.254 std::path"), "ip=10.0.0.1::10.0.0.254 std::path");
});
