/** Shapes: what each takes, what it refuses, what is said of that, and its JSON Schema. */
import { assertEquals } from "@std/assert";
import { type Diagnostic, formatPath, hasErrors, reasonOf } from "../../src/core/diagnostic.ts";
import { countJson, JSON_VALUES_LIMIT } from "../../src/core/json_limits.ts";
import { nearest } from "../../src/core/nearest.ts";
import {
  anyText,
  choice,
  count,
  describe,
  either,
  flag,
  isMap,
  list,
  lookUp,
  mapOf,
  omitUndefined,
  pattern,
  record,
  type Shape,
  suggestedKey,
  text,
  wrongType,
} from "../../src/core/shape.ts";
import { compareNames, compareText, printable, shorten } from "../../src/core/text.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** What a shape gives for a value, and what it reports. */
function decode<T>(
  shape: Shape<T>,
  value: unknown,
): { readonly value: T | undefined; readonly said: readonly string[] } {
  const said: string[] = [];
  const decoded = shape.decode(value, [], ({ code, message, path, hint, fix, expected }: Diagnostic) =>
    said.push(
      [code, formatPath(path ?? []), message, hint ?? "-", fix?.replacement ?? "-", expected ?? "-"].join("|"),
    ));
  return { value: decoded, said };
}

const taken = <T>(shape: Shape<T>, values: readonly unknown[]) =>
  values.filter((value) => decode(shape, value).value !== undefined);

pure("scalars take what they are, and nothing that only looks like it", () => {
  const values = ["", "a", "1", 0, 1, -1, 1.5, 2 ** 53 - 1, 2 ** 53, NaN, Infinity, true, false, null, [], {}];
  assertEquals(taken(text, values), ["a", "1"]);
  assertEquals(taken(anyText, values), ["", "a", "1"]);
  assertEquals(taken(count, values), [0, 1, 2 ** 53 - 1]);
  assertEquals(taken(count, ["0", true, [3], { valueOf: () => 3 }]), []);
  assertEquals(taken(flag, values), [true, false]);
  assertEquals(taken(pattern("a digit", /^\d$/), [...values, "12", 7]), ["1"]);
  assertEquals(decode(count, "1").said, ["wrong-type||The document is not a whole number|-|-|a whole number"]);
  assertEquals([text, anyText, count, flag, pattern("x", /^y$/)].map(({ schema }) => schema), [
    { type: "string", minLength: 1 },
    { type: "string" },
    { type: "integer", minimum: 0 },
    { type: "boolean" },
    { type: "string", pattern: "^y$" },
  ]);
});

pure("a choice takes its words; for another one, what was meant is suggested and can be written instead", () => {
  const shape = choice(["auto", "kexec_load"], { automatic: "auto" });
  assertEquals(taken(shape, ["auto", "kexec_load", "Auto", "", 1, "toString"]), ["auto", "kexec_load"]);
  const about = "wrong-type||The document is not one of auto, kexec_load";
  const expected = "one of auto, kexec_load";
  assertEquals(decode(shape, "automatic").said, [`${about}|Did you mean \`auto\`?|auto|${expected}`]);
  assertEquals(decode(shape, "kexec-load").said, [`${about}|Did you mean \`kexec_load\`?|kexec_load|${expected}`]);
  assertEquals([decode(shape, "zebra").said, decode(shape, 7).said], [
    [`${about}|-|-|${expected}`],
    [`${about}|-|-|${expected}`],
  ]);
  assertEquals([choice(["one"]).expected, choice(["one"]).schema], ["`one`", { enum: ["one"] }]);
});

pure("lists and maps: each item is decoded at its place, and one that is wrong makes the whole nothing", () => {
  assertEquals(decode(list(count), [1, 2]), { value: [1, 2], said: [] });
  assertEquals(decode(list(count), []), { value: [], said: [] });
  assertEquals(decode(list(count), [1, "x", -1]), {
    value: undefined,
    said: [
      "wrong-type|[1]|`1` is not a whole number|-|-|a whole number",
      "wrong-type|[2]|`2` is not a whole number|-|-|a whole number",
    ],
  });
  assertEquals([decode(list(count), { 0: 1 }).said, decode(mapOf(count), [1]).said], [
    ["wrong-type||The document is not a list|-|-|a list"],
    ["wrong-type||The document is not a map|-|-|a map"],
  ]);
  assertEquals(decode(mapOf(count), { a: 1, b: 0 }), { value: { a: 1, b: 0 }, said: [] });
  assertEquals(decode(mapOf(count), { a: 1, b: "x" }).said, [
    "wrong-type|b|`b` is not a whole number|-|-|a whole number",
  ]);
  assertEquals(decode(mapOf(count), { a: 1, b: "x" }).value, undefined);
  assertEquals([list(count).schema, mapOf(count).schema], [
    { type: "array", items: count.schema },
    { type: "object", additionalProperties: count.schema },
  ]);
});

interface Sample {
  readonly path: string;
  readonly size?: number;
  readonly "files+"?: string;
  readonly isLast: boolean;
}

const SAMPLE = record<Sample>(
  {
    path: { shape: text, doc: "Where it is", examples: ["/a"] },
    size: { shape: count, doc: "Bytes", fallback: { value: undefined } },
    "files+": { shape: text, doc: "More", fallback: { value: undefined } },
    isLast: { shape: flag, doc: "Whether it is the last", fallback: { value: false } },
  },
  "a sample",
  { otherNames: { "file-name": "path" }, further: ["extends"] },
);

pure("a record has its keys: those that are missing get their default, those that are not known are named", () => {
  assertEquals(decode(SAMPLE, { path: "/a", size: 3, isLast: true }).value, { path: "/a", size: 3, isLast: true });
  assertEquals(decode(SAMPLE, { path: "/a" }), { value: { path: "/a", isLast: false }, said: [] });
  assertEquals(decode(SAMPLE, {}), {
    value: undefined,
    said: ["missing-key||The key `path` is missing|-|-|a text"],
  });
  assertEquals(decode(SAMPLE, { path: "" }).said, ["wrong-type|path|`path` is not a text|-|-|a text"]);
  // One that is wrong makes the record nothing, though it could be missing.
  assertEquals(decode(SAMPLE, { path: "/a", size: "x" }), {
    value: undefined,
    said: ["wrong-type|size|`size` is not a whole number|-|-|a whole number"],
  });
  // An unknown key does not make the record nothing: whoever asked decides.
  assertEquals(decode(SAMPLE, { path: "/a", zebra: 1 }), {
    value: { path: "/a", isLast: false },
    said: ["unknown-key|zebra|Unknown key `zebra`|-|-|one of path, size, files+, isLast"],
  });
  // A mistyped key is not missing as well.
  assertEquals(decode(SAMPLE, { paht: "/a" }).said, [
    "unknown-key|paht|Unknown key `paht`|Did you mean `path`?|path|-",
  ]);
  // It is renamed only where that makes no duplicate, and where `+` stays what it is.
  assertEquals(decode(SAMPLE, { path: "/a", paht: "/b" }).said, [
    "unknown-key|paht|Unknown key `paht`|Did you mean `path`?|-|-",
  ]);
  assertEquals(decode(SAMPLE, { path: "/a", files: "b" }).said, [
    "unknown-key|files|Unknown key `files`|Did you mean `files+`?|-|-",
  ]);
  assertEquals(decode(SAMPLE, { path: "/a", "filez+": "b" }).said, [
    "unknown-key|filez+|Unknown key `filez+`|Did you mean `files+`?|files+|-",
  ]);
  assertEquals(decode(SAMPLE, { file_name: "/a" }).said, [
    "unknown-key|file_name|Unknown key `file_name`|Did you mean `path`?|path|-",
  ]);
  assertEquals(decode(SAMPLE, { path: "/a", toString: 1 }).said.length, 1);
});

pure("a key that YAML reads as one text with its value lacks a space, wherever that is", () => {
  assertEquals(decode(SAMPLE, "path:/a b").said, [
    "wrong-type||The document is not a sample|There is no space after `path:`: write `path: /a b`|-|a sample",
  ]);
  assertEquals(decode(SAMPLE, { path: "/a", "size:3": null }).said, [
    "unknown-key|size:3|There is no space after `size:`|Write `size: 3`|-|-",
  ]);
  assertEquals(decode(SAMPLE, "path:/a\nb").said, [
    "wrong-type||The document is not a sample|There is no space after `path:`: write `path: /a\nb`|-|a sample",
  ]);
  // Another name of the key is put right with it, and the key is not missing as well.
  assertEquals(decode(SAMPLE, "file-name:/a").said, [
    "wrong-type||The document is not a sample|There is no space after `file-name:`: write `path: /a`|-|a sample",
  ]);
  assertEquals(decode(SAMPLE, { "file-name:/a": null }), {
    value: undefined,
    said: ["unknown-key|file-name:/a|There is no space after `file-name:`|Write `path: /a`|-|-"],
  });
  for (const not of ["zebra:/a", " path:/a", "x path:/a", "path: /a", "path:", "toString:1", 7]) {
    assertEquals([not, decode(SAMPLE, not).said], [not, ["wrong-type||The document is not a sample|-|-|a sample"]]);
  }
});

pure("the schema of a record has what is required, what is the default, and nothing else", () => {
  assertEquals(SAMPLE.schema, {
    type: "object",
    properties: {
      path: { description: "Where it is", type: "string", minLength: 1, examples: ["/a"] },
      size: { description: "Bytes", type: "integer", minimum: 0 },
      "files+": { description: "More", type: "string", minLength: 1 },
      isLast: { description: "Whether it is the last", type: "boolean", default: false },
    },
    required: ["path"],
    additionalProperties: false,
  });
  const defaults = record<{ a: string; b: number; c: readonly number[] }>({
    a: { shape: text, doc: "", fallback: { value: "x" } },
    b: { shape: count, doc: "", fallback: { value: 3 } },
    c: { shape: list(count), doc: "", fallback: { value: [] } },
  }).schema as { readonly properties: { readonly [key: string]: { readonly default?: unknown } } };
  assertEquals(["a", "b", "c"].map((key) => defaults.properties[key]?.default), ["x", 3, undefined]);
});

pure("of several shapes the one that was meant decodes, and only its problems are reported", () => {
  const shape = either<string | number>(
    "a text or a number",
    [text, count],
    (value) => typeof value === "string" ? text : typeof value === "number" ? count : undefined,
  );
  assertEquals([decode(shape, "a").value, decode(shape, 1).value], ["a", 1]);
  assertEquals(decode(shape, -1).said, ["wrong-type||The document is not a whole number|-|-|a whole number"]);
  assertEquals(decode(shape, true).said, ["wrong-type||The document is not a text or a number|-|-|a text or a number"]);
  assertEquals(shape.schema, { anyOf: [text.schema, count.schema] });
});

pure("a wrong value is named by the last key of its path, and shown in short", () => {
  const of = (...at: readonly (string | number)[]) => wrongType(1, at, "x").message;
  assertEquals([of(), of("a"), of("a", 3), of("a", "b"), of(3)], [
    "The document is not x",
    "`a` is not x",
    "`a` is not x",
    "`b` is not x",
    "`3` is not x",
  ]);
  const shown = [null, undefined, "", [], [1], [1, 2], {}, { a: 1 }, "a\nb", 1, true, "x".repeat(70)].map(describe);
  assertEquals(shown, [
    "nothing",
    "nothing",
    "nothing",
    "an empty list",
    "a list of 1",
    "a list of 2",
    "a map",
    "a map",
    '"a\\nb"',
    "1",
    "true",
    `"${"x".repeat(56)}...`,
  ]);
  assertEquals([wrongType(1, [], "x", "do it").hint, wrongType(1, [], "x", { instead: "y" }).fix], ["do it", {
    replacement: "y",
  }]);
});

pure("tables, maps and keys: only what is their own", () => {
  const table = { a: 1 };
  assertEquals([lookUp(table, "a"), lookUp(table, "toString"), lookUp(table, 0), lookUp(table, undefined)], [
    1,
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals([{}, { a: 1 }, [], null, "a", 1].map(isMap), [true, true, false, false, false, false]);
  assertEquals(omitUndefined({ a: undefined, b: null, c: 0, d: "" }) as unknown, { b: null, c: 0, d: "" });
  const advice = { otherNames: { "file-name": "path" }, further: ["extends"] };
  assertEquals(
    ["file_name", "FILE-NAME", "extend", "pathh", "zebra", "constructor"].map((key) =>
      suggestedKey(key, ["path"], advice)
    ),
    [
      "path",
      "path",
      "extends",
      "path",
      undefined,
      undefined,
    ],
  );
});

pure("paths as people name keys, reasons as the system words them, and what is an error", () => {
  assertEquals([[], ["a"], ["a", "b"], ["initrd", 1, "sha256"], [0], [0, "a"]].map(formatPath), [
    "",
    "a",
    "a.b",
    "initrd[1].sha256",
    "[0]",
    "[0].a",
  ]);
  assertEquals(
    [
      new Error("Permission denied (os error 13): open '/a'"),
      new Error("No such file (os error 2)"),
      new Error("(os error 2) is not the end"),
      new Error("plain: text"),
      "text",
      7,
    ].map(reasonOf),
    ["Permission denied", "No such file", "(os error 2) is not the end", "plain: text", "text", "7"],
  );
  const of = (...severities: readonly ("error" | "warning")[]) =>
    hasErrors(severities.map((severity) => ({ code: "wrong-type", severity, message: "" })));
  assertEquals([of(), of("warning"), of("error"), of("warning", "error")], [false, false, true, true]);
});

pure("values and keys of a JSON text are counted outside of its strings, up to the limit", () => {
  const rows: readonly (readonly [string, number, number])[] = [
    ["1", 1, 0],
    ["[]", 2, 0],
    ["[1,2]", 3, 0],
    ['{"a":1,"b":[2]}', 4, 2],
    ['"a,[{:"', 1, 0],
    ['"a\\",[",1', 2, 0],
    ['"a\\\\",[', 3, 0],
    ['"open,', 1, 0],
    ["", 1, 0],
  ];
  assertEquals(rows.map(([text]) => countJson(text)), rows.map(([, values, keys]) => ({ values, keys })));
  const many = (commas: number) => countJson(`${",".repeat(commas)}:::`);
  assertEquals([250_000, 300_000].map((commas) => countJson(",".repeat(commas)).values), [250_001, 250_001]);
  assertEquals(many(JSON_VALUES_LIMIT - 1), { values: JSON_VALUES_LIMIT, keys: 3 });
  assertEquals(many(JSON_VALUES_LIMIT), { values: JSON_VALUES_LIMIT + 1, keys: 0 });
  assertEquals(many(JSON_VALUES_LIMIT + 9), { values: JSON_VALUES_LIMIT + 1, keys: 0 });
});

pure("the nearest name: two letters may differ, or a third; of a short word one", () => {
  const near = (word: string, ...known: readonly string[]) => nearest(word, known);
  const rows: readonly (readonly [string, string, boolean])[] = [
    ["kernal", "kernel", true],
    ["KERNEL", "kernel", true],
    ["kernel", "KERNEL", true],
    ["krenal", "kernel", false],
    ["abcd", "abxy", true],
    ["abcd", "axyz", false],
    ["abc", "abx", true],
    ["abc", "axy", false],
    ["abcdefghi", "abcdefxyz", true],
    ["abcdefghi", "abcdewxyz", false],
    ["a".repeat(9), "a".repeat(12), true],
    ["a".repeat(8), "a".repeat(13), false],
  ];
  assertEquals(rows.map(([word, name]) => [word, near(word, name) === name]), rows.map(([word, , is]) => [word, is]));
  assertEquals([near("abcd", "abxx", "abcx", "abcy"), near("x")], ["abcx", undefined]);
});

pure("texts: their order, that of names with numbers, and what a message shows of them", () => {
  assertEquals(
    [["a", "b"], ["b", "a"], ["a", "a"], ["Z", "a"], ["", "a"]].map(([a = "", b = ""]) => compareText(a, b)),
    [
      -1,
      1,
      0,
      -1,
      -1,
    ],
  );
  const order = (...names: readonly string[]) => names.toSorted(compareNames).join(" ");
  assertEquals([order("cpu10", "cpu2", "cpu1"), order("b", "a1", "a"), order("a2b10", "a2b9", "a10")], [
    "cpu1 cpu2 cpu10",
    "a a1 b",
    "a2b9 a2b10 a10",
  ]);
  assertEquals([compareNames("a1", "a1"), Math.sign(compareNames("a1", "a01"))], [0, 0]);
  assertEquals(printable("a b~\t\u007fé\u001b"), "a b~????");
  assertEquals([shorten("a".repeat(60)).length, shorten("a".repeat(61)), shorten("abcdef", 5), shorten("abcde", 5)], [
    60,
    `${"a".repeat(57)}...`,
    "ab...",
    "abcde",
  ]);
  // Half of a pair of units is not shown.
  assertEquals(shorten("a🐧bcd", 5), "a\ufffd...");
});
