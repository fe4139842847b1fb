import { assertEquals } from "@std/assert";
import { parseIomem } from "../../src/host/iomem.ts";
import { locatePath, parseJson } from "../../src/host/json_position.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("a text that is not JSON: where it breaks, and why", () => {
  const fault = (text: string) => {
    const { value, diagnostics: [found] } = parseJson(text, "web.json");
    return found === undefined
      ? value
      : [found.code, found.message, found.position?.line, found.position?.column, found.position?.source];
  };
  const empty = ["facts-syntax", "web.json is empty"];
  assertEquals([fault("[1]"), fault(""), fault(" \n")], [[1], ["facts-syntax", "web.json is empty", 1, 1, ""], [
    "facts-syntax",
    "web.json is empty",
    1,
    1,
    " ",
  ]]);
  assertEquals((fault("") as unknown[]).slice(0, 2), empty);
  assertEquals(fault('{\n  "a": 1,\n  "b": x\n}'), [
    "facts-syntax",
    "web.json is not JSON: unexpected token 'x'",
    3,
    8,
    '  "b": x',
  ]);
  assertEquals(fault('{\n  "a": 1,\n'), [
    "facts-syntax",
    "web.json is not JSON: expected double-quoted property name",
    3,
    1,
    "",
  ]);
  assertEquals(fault("nul"), ["facts-syntax", "web.json is not JSON: unexpected end", 1, 4, "nul"]);
  assertEquals(fault("x"), ["facts-syntax", "web.json is not JSON: unexpected token 'x'", 1, 1, "x"]);
  assertEquals(fault('[1, 2, 3, 4, 5, 6, 7, 8, 9, x, "more text that follows after it"]'), [
    "facts-syntax",
    "web.json is not JSON: unexpected token 'x'",
    1,
    29,
    '[1, 2, 3, 4, 5, 6, 7, 8, 9, x, "more text that follows after it"]',
  ]);
  assertEquals(fault('["a\nb"]'), [
    "facts-syntax",
    "web.json is not JSON: bad control character in string literal",
    1,
    4,
    '["a',
  ]);
  assertEquals(fault(`[${" ".repeat(299)}x`), [
    "facts-syntax",
    "web.json is not JSON: unexpected token 'x'",
    1,
    301,
    undefined,
  ]);
  assertEquals(fault(`[${" ".repeat(298)}x`), [
    "facts-syntax",
    "web.json is not JSON: unexpected token 'x'",
    1,
    300,
    "[                                                                                                                                                                                                                                                                                                          x",
  ]);
  assertEquals(parseJson("x", "f").diagnostics.map(({ severity, expected, hint }) => [severity, expected, hint]), [[
    "error",
    "the JSON that `warmboot facts` wrote",
    "Take the capture again with `warmboot facts`",
  ]]);
});

pure("where a value is: its innermost key that is there, with a colon after it", () => {
  const text = '{\n  "a": "b",\n  "b": { "c": 1,\n    "d" : 2 }\n}\n';
  const at = (...path: readonly (string | number)[]) => {
    const { line, column, length, source } = locatePath(text, "f", path);
    return [line, column, length, source];
  };
  assertEquals([at(), at("a"), at("b"), at("b", "d"), at("b", "x"), at("b", 0, "d")], [
    [1, 1, 1, "{"],
    [2, 3, 3, '  "a": "b",'],
    [3, 3, 3, '  "b": { "c": 1,'],
    [4, 5, 3, '    "d" : 2 }'],
    [3, 3, 3, '  "b": { "c": 1,'],
    [3, 3, 3, '  "b": { "c": 1,'],
  ]);
});

pure("a line of /proc/iomem that cannot be read is an error at its place", () => {
  const of = (text: string) => {
    const { iomem, diagnostics } = parseIomem(text);
    return [
      iomem.visibility,
      diagnostics.map((
        { code, severity, message, expected, found, hint, position },
      ) => [code, severity, message, expected, found, hint, position?.line, position?.column, position?.length]),
    ];
  };
  assertEquals(of("00001000-0009fbff : System RAM\n"), ["full", []]);
  assertEquals(of("00001000-0009fbff : System RAM\n  00003000-00003000 : a\n"), ["full", []]);
  assertEquals(of("00001000-0009fbff : System RAM\nx\n"), ["full", [[
    "iomem-malformed",
    "error",
    "This line of the memory map cannot be read",
    "`start-end : name` in hexadecimal",
    '"x"',
    "Take the facts again; a line that cannot be read may hold memory that is in use",
    2,
    1,
    1,
  ]]]);
  assertEquals(of("00001000-0009fbff : System RAM\n\n00100000-001fffff : y\n"), ["full", [[
    "iomem-malformed",
    "error",
    "This line of the memory map cannot be read",
    "`start-end : name` in hexadecimal",
    "an empty line",
    "Take the facts again; a line that cannot be read may hold memory that is in use",
    2,
    1,
    1,
  ]]]);
  assertEquals(of("00001000-0009fbff : System RAM\n  00003000-00002fff : a\n"), ["full", [[
    "iomem-backwards",
    "error",
    "`a` ends at 0x00002fff, before it starts at 0x00003000",
    undefined,
    undefined,
    "Take the facts again",
    2,
    3,
    17,
  ]]]);
  assertEquals(of("00001000-0009fbff : System RAM\n  00003000-00002ffe : a\n"), ["full", [[
    "iomem-backwards",
    "error",
    "`a` ends at 0x00002ffe, before it starts at 0x00003000",
    undefined,
    undefined,
    "Take the facts again",
    2,
    3,
    17,
  ]]]);
});
