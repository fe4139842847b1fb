/** No regular expression of src takes time that grows faster than its input: what it reads comes from outside. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { regexesOf } from "./support/regexes.ts";

const REGEXES = regexesOf(join(import.meta.dirname ?? ".", ".."));

/** Repeated quantifiers whose inner texts cannot be told apart in two ways, each with why. */
const NESTED: { readonly [source: string]: string } = {
  "^\\d{1,6}(?:\\.\\d{1,6})*(?!\\d)": "each number begins with a dot",
  "^(>=|>|<=|<|=) *(\\d{1,6}(?:\\.\\d{1,6})*)": "the same",
  "^(?:>=|>|<=|<|=)\\d{1,6}(?:\\.\\d{1,6})*(?: (?:>=|>|<=|<|=)\\d{1,6}(?:\\.\\d{1,6})*)*$":
    "each bound begins with a space",
  "^[A-Za-z/][\\w./=,@+:%-]*(?: [\\w./=,@+:%-]+)*$": "each word begins with a space",
  "^(?:\\.\\/+)+": "each step begins with a dot",
  '(?:[^ \\t\\n\\v\\f\\r"]|"[^"]*"?)+': "each quote begins with a quotation mark",
};

/** Those that see only texts of warmboot's own. */
const OF_OUR_OWN = /^src\/host\/source_path\.ts:/;

/** A quantifier without an end within a group that has one, too. */
function isNested(source: string): boolean {
  const plain = source.replaceAll(/\\./g, "x").replaceAll(/\[[^\]]*\]/g, "x");
  return /\((?:[^()]|\([^()]*\))*(?:[*+]|\{\d+,\d*\})(?:[^()]|\([^()]*\))*\)(?:[*+]|\{\d+,\})/.test(plain);
}

Deno.test({
  name: "a quantifier within a repeated group has a reason",
  permissions: "none",
  fn() {
    assert(REGEXES.length > 150, `${REGEXES.length} regular expressions were found`);
    assertEquals([isNested("(?:\\s|#.*)*-"), isNested("(a+)+"), isNested("(?:ab)+c*")], [true, true, false]);
    const nested = REGEXES.filter(({ regex }) => isNested(regex.source) && !Object.hasOwn(NESTED, regex.source));
    assertEquals(nested.map(({ place, regex }) => `${place} ${regex.source}`), []);
  },
});

/** What patterns look for, many times over; a pattern that tries each place again takes minutes. */
const UNITS: readonly string[] = [
  ...[
    "a",
    "0",
    " ",
    "\t",
    "\n",
    "\r\n",
    "#",
    "# ",
    '"',
    "'",
    ",",
    "-",
    "- ",
    "=",
    ":",
    ": ",
    "/",
    "./",
    "\\",
    "a ",
    "a\n",
  ],
  ...[
    "0x",
    "1.",
    "1,",
    "a=",
    "a=b ",
    "[",
    "]",
    "{",
    "[a",
    "%",
    "\u00e0",
    ".",
    "<<",
    ">=1 ",
    "$",
    "${",
    "(",
    "~",
    "_",
    "\0",
  ],
];

for (const { place, regex } of REGEXES.filter((each) => !OF_OUR_OWN.test(each.place))) {
  Deno.test({
    name: `${place} reads 30 KB of anything`,
    permissions: "none",
    fn() {
      for (const unit of UNITS) {
        const repeated = unit.repeat(Math.ceil(30_000 / unit.length));
        for (const text of [repeated, `${repeated}!`, `x${repeated}\nx`]) {
          regex.lastIndex = 0;
          if (regex.global) text.replaceAll(regex, "");
          else regex.test(text);
        }
      }
    },
  });
}
