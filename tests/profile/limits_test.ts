import { assertEquals } from "@std/assert";
import { matchesGlob } from "../../src/profile/glob.ts";
import { excessOf } from "../../src/profile/limits.ts";
import { resolveMerges } from "../../src/profile/merge.ts";
import { parseProfile } from "../../src/profile/parse.ts";

/** Shared lists, each ten times in the next: 10 to the power of `depth` values in few objects. */
function bomb(depth: number): unknown {
  let value: unknown = "x";
  for (let level = 0; level < depth; level++) value = Array.from({ length: 10 }, () => value);
  return value;
}

Deno.test({
  name: "shared values count as often as they stand, without being expanded",
  permissions: "none",
  fn() {
    assertEquals(excessOf(bomb(3)), undefined);
    assertEquals(excessOf(bomb(4))?.message, "The YAML expands to more than 10000 values");
    assertEquals(excessOf(bomb(60))?.message, "The YAML expands to more than 10000 values");
    const long = "x".repeat(1 << 20);
    assertEquals(excessOf(Array.from({ length: 9 }, () => long)), undefined);
    assertEquals(excessOf(Array.from({ length: 10 }, () => long))?.path, [9]);
  },
});

Deno.test({
  name: "a value within itself and a value too deep are told with their path",
  permissions: "none",
  fn() {
    const loop: unknown[] = [];
    loop.push({ again: loop });
    assertEquals(excessOf(loop), { path: [0, "again"], message: "The YAML refers to itself" });
    let deep: unknown = "x";
    for (let level = 0; level < 64; level++) deep = [deep];
    assertEquals(excessOf(deep), undefined);
    assertEquals(excessOf([deep])?.message, "The YAML nests more than 64 levels deep");
  },
});

const MASSES: { readonly [what: string]: string } = {
  "open brackets": "[".repeat(1 << 20),
  "open braces": "{a: ".repeat(1 << 18),
  "dashes": "- ".repeat(1 << 19),
  "explicit keys": "? ".repeat(1 << 19),
  "indentation": Array.from({ length: 1400 }, (_, index) => `${" ".repeat(index)}a:`).join("\n"),
  "keys": Array.from({ length: 60_000 }, (_, index) => `k${index}: v`).join("\n"),
  "a long key": `${"k".repeat(1 << 19)}: v`,
};

for (const [what, text] of Object.entries(MASSES)) {
  Deno.test({
    name: `a mass of ${what} is refused with one diagnostic`,
    permissions: "none",
    fn: () => assertEquals(parseProfile(text, "p.yaml").diagnostics.map(({ code }) => code), ["too-complex"]),
  });
}

Deno.test({
  name: "a merge takes what the map lacks, the earlier source first, and merges of merges",
  permissions: "none",
  fn() {
    const base = { "<<": { a: "0", b: "0" }, a: "1" };
    const value = { list: [{ "<<": [base, { b: "2", c: "2" }], d: "3" }] };
    assertEquals(resolveMerges(value, [], () => {}), { list: [{ d: "3", a: "1", b: "0", c: "2" }] });
  },
});

Deno.test({
  name: "a merge of what is no map is reported in its place, and the rest stays",
  permissions: "none",
  fn() {
    const problems: unknown[] = [];
    const value = resolveMerges({ x: { "<<": ["a"], b: "1" } }, [], ({ path, code }) => problems.push([path, code]));
    assertEquals(value, { x: { b: "1" } });
    assertEquals(problems, [[["x", "<<"], "wrong-type"]]);
  },
});

Deno.test({
  name: "of very many problems the first hundred are told, and how many more there are",
  permissions: "none",
  fn() {
    const keys = (count: number) => Array.from({ length: count }, (_, index) => `k${index}: v\n`).join("");
    const { value, diagnostics } = parseProfile(`version: 1\nkernel: a\n${keys(2500)}`, "p.yaml");
    assertEquals([value, diagnostics.length], [undefined, 101]);
    assertEquals(diagnostics[99]?.position?.line, 102);
    assertEquals(diagnostics[100]?.message, "There are 2400 more problems from here on");
    assertEquals(parseProfile(`version: 1\nkernel: a\n${keys(100)}`, "p.yaml").diagnostics.length, 100);
    assertEquals(diagnostics[100]?.position?.line, 103);
    assertEquals(diagnostics[100]?.severity, "error");
    // More warnings are no error, and the profile can be used.
    const paths = (count: number) => Array.from({ length: count }, (_, index) => `  - /i${index}*\n`).join("");
    const warned = parseProfile(`version: 1\nkernel: a\ninitrd:\n${paths(102)}`, "p.yaml");
    assertEquals([warned.value?.initrd.length, warned.diagnostics.at(-1)?.severity], [102, "warning"]);
    assertEquals(warned.diagnostics.at(-1)?.message, "There are 2 more problems from here on");
    const one = parseProfile(`version: 1\nkernel: a\ninitrd:\n${paths(101)}`, "p.yaml").diagnostics;
    assertEquals([one.length, one.at(-1)?.message], [101, "There is 1 more problem from here on"]);
  },
});

const BOMB = [
  "a: &a [x,x,x,x,x,x,x,x,x,x]",
  ..."bcdefghij".split("").map((name, index) => {
    const below = "abcdefghi"[index];
    return `${name}: &${name} [${Array.from({ length: 10 }, () => `*${below}`).join(",")}]`;
  }),
].join("\n");

/** Small texts, and texts of 1 MiB, that once took minutes, or never ended. */
const SLOW: readonly (readonly [what: string, text: string, code: string])[] = [
  [
    "comments before a dash",
    `version: 1\nkernel: /x\ninitrd:\n  - a\n  -\n  -${" #".repeat(60)}\n    &a\n  -\n`,
    "wrong-type",
  ],
  [
    "a long comment before a dash",
    `version: 1\nkernel: a\ninitrd:\n  -\n  - #${" x#".repeat(300_000)}\n    &a\n  -\n`,
    "wrong-type",
  ],
  ["aliases as a key", `version: 1\n${BOMB}\n? *j\n: x\n`, "yaml-syntax"],
  ["a list in itself as a key", "version: 1\n? &a [*a]\n: x\n", "yaml-syntax"],
  ["a quoted text of many lines", `name: "${"x \n ".repeat(250_000)}"`, "too-complex"],
  ["commas in comments", `a: [${"#,\n".repeat(300_000)}`, "yaml-syntax"],
  [
    "duplicate keys in one line",
    `{version: 1${", kernel: v".repeat(9000)}, x: ${"y".repeat(900_000)}}`,
    "duplicate-key",
  ],
  ["unknown keys", `version: 1\n${Array.from({ length: 9000 }, (_, at) => `kernl${at}: v`).join("\n")}`, "unknown-key"],
  [
    "open brackets in a pattern",
    `version: 1\nkernel: a\ncrash: x\nrequires: { hostname: '${"[".repeat(1_000_000)}' }`,
    "wrong-type",
  ],
];

for (const [what, text, code] of SLOW) {
  Deno.test({
    name: `${what}: read at once`,
    permissions: "none",
    fn: () => assertEquals(parseProfile(text, "p.yaml").diagnostics[0]?.code, code),
  });
}

Deno.test({
  name: "a pattern of open brackets is matched at once",
  permissions: "none",
  fn() {
    assertEquals(matchesGlob("[".repeat(200_000), "web1"), false);
    assertEquals(matchesGlob("[[[", "[[["), true);
    assertEquals(["[]]", "[!]]", "[a-c]x", "[!a-c]x", "[^a]x"].map((pattern) => matchesGlob(pattern, "bx")), [
      false,
      false,
      true,
      false,
      true,
    ]);
    assertEquals([matchesGlob("[]]", "]"), matchesGlob("[!]]", "a"), matchesGlob("[]", "[]")], [true, true, true]);
    const rows: readonly (readonly [pattern: string, matching: string, others: string])[] = [
      ["[^]]", "a ^ [", "] ab"],
      ["[^]a]", "b", "a ]"],
      ["[!]", "[!]", "! a"],
      ["[^]", "[^]", "^ a"],
      ["[!-a]", "b", "- a"],
      ["[a-]", "a -", "b"],
      ["[]-a]", "] ^ _ a", "b ["],
      ["*.web*", ".web x.web1 a.b.web", "web"],
      ["a*b*c", "abc axbxc abcbc", "ab ac abcd"],
      ["*a*", "a ba ab bab", "b"],
      ["?*", "a ab", ""],
    ];
    for (const [pattern, matching, others] of rows) {
      for (const text of matching.split(" ")) {
        assertEquals([pattern, text, matchesGlob(pattern, text)], [pattern, text, true]);
      }
      for (const text of others.split(" ")) {
        assertEquals([pattern, text, matchesGlob(pattern, text)], [pattern, text, false]);
      }
    }
  },
});

Deno.test({
  name: "a quoted text has at most a thousand line breaks, and a block as many as it likes",
  permissions: "none",
  fn() {
    const codes = (description: string) =>
      parseProfile(`version: 1\nkernel: a\ndescription: ${description}\n`, "p.yaml").diagnostics.map(({ code }) =>
        code
      );
    for (const quote of ['"', "'"]) {
      const text = (breaks: number) => `${quote}x${"\n  y".repeat(breaks)}${quote}`;
      assertEquals([quote, codes(text(1000)), codes(text(1001))], [quote, [], ["too-complex"]]);
    }
    assertEquals(codes(`|${"\n  y".repeat(1500)}`), []);
  },
});

Deno.test({
  name: "a text of a command line has at most 65,536 characters, wherever it is",
  permissions: "none",
  fn() {
    const codes = (cmdline: string): readonly string[] =>
      parseProfile(`version: 1\nkernel: a\ncmdline: ${cmdline}\n`, "p.yaml").diagnostics.map(({ code, message }) =>
        `${code}: ${message}`
      );
    const most = "a ".repeat(32_768);
    const over = ["too-complex: The command line has 65537 characters; kernels take some thousand"];
    assertEquals(codes(`"${most}"`), []);
    assertEquals(codes(`"${most}b"`), over);
    assertEquals(codes(`["${"a".repeat(65_536)}"]`), []);
    assertEquals(codes(`["${"a".repeat(65_537)}"]`), over);
    assertEquals(codes(`{ reuse: true, append: "${most}b" }`), over);
  },
});
