import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { formatAddress } from "../../src/core/number.ts";
import type { Shape } from "../../src/core/shape.ts";
import { address, base64Bytes, boolean, bootEntry, hexBytes, path, sha256, size } from "../../src/profile/scalars.ts";

/** The value, or the hint of the refusal. */
function decoded<T>(shape: Shape<T>, value: unknown): T | string | undefined {
  let hint: string | undefined;
  const result = shape.decode(value, ["key"], (problem) => {
    hint = problem.hint ?? "refused";
  });
  return result ?? hint;
}

Deno.test({
  name: "numbers are exact over 64 bits, in decimal and hexadecimal",
  permissions: "none",
  fn() {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => {
      assertEquals(decoded(address, String(value)), value);
      assertEquals(decoded(address, formatAddress(value)), value);
    }));
    assertEquals(decoded(size, "3 GiB"), 3n << 30n);
  },
});

const NUMBERS: readonly (readonly [text: string, hint: string])[] = [
  ["010", "leading zero"],
  ["0x1_0000", "separators"],
  ["1_000", "separators"],
  ["-1", "without a sign"],
  ["+1", "without a sign"],
  ["1.5G", "whole number of a smaller unit"],
  ["1,5", "whole number of a smaller unit"],
  ["16KB", "may mean 1000"],
  ["16 mb", "may mean 1000"],
  ["16k", "The units are"],
  ["16mib", "The units are"],
  ["ff00", "begins with `0x`"],
  ["1000h", "begins with `0x`"],
  ["0XFF", "in hexadecimal with `0x`"],
  ["0b11", "in hexadecimal with `0x`"],
  ["0o17", "in hexadecimal with `0x`"],
  ["1e9", "Write all the digits"],
  ["0x10000000000000000", "at most 0xffffffffffffffff"],
  ["18446744073709551616", "at most 0xffffffffffffffff"],
  ["16777216T", "at most 0xffffffffffffffff"],
  ["", "Give it a value"],
  ["~", "Give it a value"],
];

Deno.test({
  name: "a number that is refused comes with what to write in its place",
  permissions: "none",
  fn() {
    for (const [text, hint] of NUMBERS) assertStringIncludes(String(decoded(address, text)), hint, text);
    assertEquals(decoded(size, "0K"), "The minimum is 1");
    assertEquals(decoded(address, "0K"), 0n);
    assertEquals(decoded(address, "many"), "refused");
  },
});

Deno.test({
  name: "what some reader of YAML takes for nothing is no value, and an ID of an entry has a length",
  permissions: "none",
  fn() {
    for (const word of ["", "~", "null", "Null", "NULL"]) {
      assertEquals([word, decoded(path, word)], [word, "Give it a value, or leave the key out"]);
    }
    assertEquals(["nULL", "none", "nil"].map((word) => decoded(path, word)), ["nULL", "none", "nil"]);
    assertEquals([decoded(bootEntry, "x".repeat(1000)), decoded(bootEntry, "x".repeat(1001))], [
      "x".repeat(1000),
      "refused",
    ]);
    assertEquals([decoded(bootEntry, "a>b c"), decoded(bootEntry, "a\tb")], ["a>b c", "refused"]);
  },
});

Deno.test({
  name: "only true and false are booleans",
  permissions: "none",
  fn() {
    assertEquals(decoded(boolean, "true"), true);
    assertEquals(decoded(boolean, "false"), false);
    for (const word of ["yes", "on", "tRUE", "1"]) assertEquals(decoded(boolean, word), "Write `true`");
    for (const word of ["no", "off", "fALSE", "0"]) assertEquals(decoded(boolean, word), "Write `false`");
    for (const word of ["constructor", "__proto__"]) assertEquals(decoded(boolean, word), "refused");
  },
});

Deno.test({
  name: "bytes come back from hexadecimal and base64, with white space anywhere between them",
  permissions: "none",
  fn() {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1 }), fc.integer({ min: 1, max: 9 }), (bytes, width) => {
      const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(width % 2 === 0 ? "" : "\n ");
      assertEquals(decoded(hexBytes, hex), bytes);
      const base64 = btoa(String.fromCharCode(...bytes));
      assertEquals(decoded(base64Bytes, base64.replaceAll(new RegExp(`.{${width}}`, "g"), "$& \n")), bytes);
    }));
    assertEquals(decoded(hexBytes, "f4 e"), "There is one digit too few or too many");
    assertStringIncludes(String(decoded(hexBytes, "0xf4")), "bytes in order");
    assertEquals(decoded(hexBytes, "f4e bfd"), "There is one digit too few or too many");
    for (const cut of ["SGVsbG8", "SGVsbG", "SGVsb"]) {
      assertStringIncludes(String(decoded(base64Bytes, cut)), "multiple of 4", cut);
    }
    assertStringIncludes(String(decoded(base64Bytes, "-_-_")), "alphabet");
  },
});

Deno.test({
  name: "a SHA-256 is kept in lower case, a path as it is written",
  permissions: "none",
  fn() {
    assertEquals(decoded(sha256, "AB".repeat(32)), "ab".repeat(32));
    assertEquals(decoded(sha256, "AB".repeat(31)), "`sha256sum FILE` prints it");
    assertEquals(decoded(path, "../a//b c/"), "../a//b c/");
    assertStringIncludes(String(decoded(path, "~/vmlinuz")), "not expanded");
    assertStringIncludes(String(decoded(path, "https://example.org/vmlinuz")), "local files, not URLs");
  },
});
