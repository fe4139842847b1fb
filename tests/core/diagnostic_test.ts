import { assertEquals } from "@std/assert";
import {
  type Diagnostic,
  formatPath,
  hasErrors,
  orUndefined,
  reasonOf,
  withoutPath,
} from "../../src/core/diagnostic.ts";
import { countJson, JSON_VALUES_LIMIT } from "../../src/core/json_limits.ts";
import { nearest } from "../../src/core/nearest.ts";
import { EXIT, type ExitName, worse } from "../../src/core/program.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const WARNING: Diagnostic = { code: "suspicious", severity: "warning", message: "Perhaps", path: ["a"] };

pure("only an error is one, and without its path a diagnostic keeps the rest", () => {
  assertEquals([hasErrors([]), hasErrors([WARNING]), hasErrors([WARNING, { ...WARNING, severity: "error" }])], [
    false,
    false,
    true,
  ]);
  assertEquals(withoutPath(WARNING), { code: "suspicious", severity: "warning", message: "Perhaps" });
});

pure("a path is written as people name keys", () => {
  const paths: readonly (readonly [readonly (string | number)[], string])[] = [
    [[], ""],
    [["kernel"], "kernel"],
    [["kernel", "sha256"], "kernel.sha256"],
    [["initrd", 1, "sha256"], "initrd[1].sha256"],
    [[0, "a"], "[0].a"],
    [["a", 0, 1], "a[0][1]"],
  ];
  assertEquals(paths.map(([path]) => formatPath(path)), paths.map(([, text]) => text));
});

pure("why an operation failed is the system's word, without the call, the path and the number", () => {
  const messages: readonly (readonly [unknown, string])[] = [
    [new Error("Permission denied (os error 13): open '/boot/vmlinuz'"), "Permission denied"],
    [new Error("No space left on device (os error 28)"), "No space left on device"],
    [new Error("Is a directory (os error 21): read_dir '/a: open 'b''"), "Is a directory"],
    [new Error("It is: odd"), "It is: odd"],
    ["a text", "a text"],
    [undefined, "undefined"],
  ];
  assertEquals(messages.map(([error]) => reasonOf(error)), messages.map(([, text]) => text));
  const thrown = (): number => {
    throw new Error("no");
  };
  assertEquals([orUndefined(() => 1), orUndefined(thrown)], [1, undefined]);
});

pure("of two outcomes the higher code counts, whichever comes first", () => {
  const names: readonly ExitName[] = ["ok", "differs", "usage", "data", "noinput", "unavailable", "io", "permission"];
  for (const [a, low] of names.entries()) {
    for (const [b, high] of names.entries()) assertEquals(worse(low, high), names[Math.max(a, b)]);
  }
  assertEquals(names.map((name) => EXIT[name].code), [0, 1, 64, 65, 66, 69, 74, 77]);
});

pure("the values and keys of a JSON text are counted without what its strings hold", () => {
  const counts: readonly (readonly [string, number, number])[] = [
    ["1", 1, 0],
    ["[]", 2, 0],
    ["[1,2]", 3, 0],
    ['{"a":1,"b":[2]}', 4, 2],
    ['"a,b:[{"', 1, 0],
    ['["\\",", 1]', 3, 0],
    // The backslash itself is escaped: the string ends there.
    ['["\\\\", ":"]', 3, 0],
    ['["\\\\\\"", 1, 2]', 4, 0],
    ['["unended, a:', 2, 0],
  ];
  for (const [text, values, keys] of counts) assertEquals(countJson(text), { values, keys }, text);
  const commas = (count: number) => countJson(",".repeat(count)).values;
  assertEquals([commas(JSON_VALUES_LIMIT - 1), commas(JSON_VALUES_LIMIT), commas(2 * JSON_VALUES_LIMIT)], [
    250_000,
    250_001,
    250_001,
  ]);
});

pure("a name is near if two letters differ, one of a short word, or a third of a long one", () => {
  const known = ["ro", "kernel", "initrd", "preserve_context"];
  const near: readonly (readonly [string, string | undefined])[] = [
    ["kernal", "kernel"],
    ["kenrel", "kernel"],
    ["KERNEL", "kernel"],
    ["karnal", "kernel"],
    ["kxxxel", undefined],
    ["rw", "ro"],
    ["xy", undefined],
    ["abc", undefined],
    ["preserve", undefined],
    ["preserved_contex", "preserve_context"],
    ["preserveContext", "preserve_context"],
    ["initramfs", undefined],
    ["", undefined],
  ];
  assertEquals(near.map(([word]) => nearest(word, known)), near.map(([, name]) => name));
  // Of two that are as near, the first.
  assertEquals([nearest("cat", ["bat", "rat"]), nearest("cat", ["rat", "bat"]), nearest("cat", [])], [
    "bat",
    "rat",
    undefined,
  ]);
});
