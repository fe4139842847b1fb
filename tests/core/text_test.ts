import { assertEquals } from "@std/assert";
import { compareNames, jsonText, listed, visible, withoutEndSlashes } from "../../src/core/text.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** What turns the writing direction, or ends a line, though it is no control character. */
const TURNING = [..."\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"];

pure("JSON holds no character that a terminal acts on, and is read back as it was", () => {
  const value = { name: "a\u001b[2J\u007f\u009b31m\u202e\u2067b", "\u0085": ["é", "\ud83d\udc27"] };
  const text = jsonText(value);
  assertEquals(JSON.parse(text), value);
  assertEquals(text.match(/[^\n -~é\ud83d\udc27]/g), null);
  assertEquals(jsonText([1]), "[\n  1\n]\n");
  assertEquals(jsonText("\u007f\u009f\u00a0"), '"\\u007f\\u009f\u00a0"\n');
  for (const character of TURNING) assertEquals(/^"\\u[0-9a-f]{4}"\n$/.test(jsonText(character)), true);
  // Of what CI systems look for, the start is escaped; two such characters elsewhere are not.
  assertEquals(jsonText("##[error] ##vso[x] ## a[ ##"), '"\\u0023\\u0023[error] \\u0023\\u0023vso[x] ## a[ ##"\n');
});

pure(
  "text for a terminal has pictures of control characters, and cannot turn its direction or command a CI system",
  () => {
    assertEquals(visible("a\u0000\u0007\n\r\u001b[2J\u001fb"), "a␀␇␊␍␛[2J␟b");
    assertEquals(visible("a\tb é \ud83d\udc27"), "a\tb é \ud83d\udc27");
    for (const character of ["\u007f", "\u0080", "\u009b", "\u009f", ...TURNING]) {
      assertEquals(visible(`a${character}b`), "a\ufffdb");
    }
    assertEquals(["::error::x", "a ::error::x", "a::b", "\u00a0::x"].map(visible), [
      "∷error::x",
      "a ∷error::x",
      "a::b",
      "\u00a0∷x",
    ]);
    assertEquals(["##[error]", "a##vso[x", `##${"a".repeat(21)}[`, "## x"].map(visible), [
      "♯♯[error]",
      "a♯♯vso[x",
      `##${"a".repeat(21)}[`,
      "## x",
    ]);
  },
);

pure("names are ordered by the values of their digits", () => {
  const names = ["", "1", "2a", "10", "cpu", "cpu1", "cpu1a", "cpu1b2", "cpu1b10", "cpu2", "cpu10", "cpux"];
  assertEquals(names.toReversed().toSorted(compareNames), names);
  for (const [index, name] of names.entries()) {
    assertEquals(
      names.map((other) => Math.sign(compareNames(name, other))),
      names.map((_, at) => Math.sign(index - at)),
    );
  }
});

pure("slashes at the end of a path, and the words of a sentence", () => {
  assertEquals(["/", "//", "/srv", "/srv/", "srv///", "", "a//b"].map(withoutEndSlashes), [
    "",
    "",
    "/srv",
    "/srv",
    "srv",
    "",
    "a//b",
  ]);
  assertEquals([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(listed), ["", "a", "a and b", "a, b and c"]);
});
