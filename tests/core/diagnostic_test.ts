import { assertEquals } from "@std/assert";
import { orUndefined, reasonOf, withoutPath } from "../../src/core/diagnostic.ts";
import { EXIT, type ExitName, worse } from "../../src/core/program.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("without its path a diagnostic keeps the rest", () => {
  assertEquals(withoutPath({ code: "suspicious", severity: "warning", message: "Perhaps", path: ["a"], hint: "b" }), {
    code: "suspicious",
    severity: "warning",
    message: "Perhaps",
    hint: "b",
  });
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
