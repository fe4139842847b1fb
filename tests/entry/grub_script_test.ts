import { assertEquals } from "@std/assert";
import { parseScript } from "../../src/entry/grub/script.ts";
import { evaluateTest } from "../../src/entry/grub/test_command.ts";
import { comparePackages, compareVersions } from "../../src/entry/version_order.ts";

function words(text: string): unknown {
  const parsed = parseScript(text);
  if (parsed.kind === "fault") return `${parsed.line}: ${parsed.why}`;
  return parsed.statements.map((statement) =>
    statement.kind === "command"
      ? statement.words.map(({ parts }) =>
        parts.map((part) =>
          part.kind === "variable" ? `$${part.name}` : part.kind === "quoted" ? `'${part.text}'` : part.text
        ).join("")
      )
      : statement.kind
  );
}

Deno.test({
  name: "a script of GRUB: words, quotes, escapes, comments",
  permissions: "none",
  fn() {
    assertEquals(words('a b\\ c \'d e\'"f $g\\$h"j$k${l}m # n\no#p; q=""'), [
      ["a", "b c", "'d e''f '$g'$h'j$k$lm"],
      ["o#p"],
      ["q=''"],
    ]);
    assertEquals(words('a \\\nb "c\\\nd"'), [["a", "b", "'cd'"]]);
    assertEquals(words('\\x41 a\\x4g $"b $ c $d"'), [["\\x41", "ax4g", "'b $ c '$d''"]]);
    // A word of which a character is protected is no reserved one.
    assertEquals(words("i\\f a; 'then'; \"fi\"; d$one"), [["if", "a"], ["'then'"], ["'fi'"], ["d$one"]]);
    assertEquals(words('a "b\\\\c" "d\\"e" "f\\$g" "h\\i"'), [["a", "'b\\c'", "'d\"e'", "'f$g'", "'h\\i'"]]);
    assertEquals(words("linux /v memmap=64K\\$0x1"), [["linux", "/v", "memmap=64K$0x1"]]);
    assertEquals(words("echo if then fi"), [["echo", "if", "then", "fi"]]);
  },
});

// Each was given to grub-script-check of GRUB 2.06, which refuses the same ones.
Deno.test({
  name: "a script that GRUB's parser refuses is refused, with its line",
  permissions: "none",
  fn() {
    for (
      const [text, expected] of [
        ["a\nif true; then\nfi", "3: has no command before `fi`"],
        ["menuentry x { }", "1: has no command before `}`"],
        ["a && b", "1: has `&`"],
        ["a | b", "1: has `|`"],
        ["a > b", "1: has `>`"],
        ["a 'b\nc", "1: has an unclosed quote"],
        ['a\nb "c', "2: has an unclosed quote"],
        ["a $", "1: has a `$` that no name follows"],
        ["if true; then a; ", "1: ends before `fi`"],
        ["fi", "1: has `fi` where a command begins"],
        ["if true; then function f { a; }; fi", "1: has `function` where a command begins"],
        ["[[ a ]]", "1: has `[[`"],
        ["a ]]", "1: has `]]`"],
        ...["case", "do", "done", "elif", "else", "esac", "in", "select", "then"].map((word) =>
          [word, `1: has \`${word}\` where a command begins`] as const
        ),
        ["a\nb;; c", "2: has `;;`"],
        // Words of several lines count as such.
        ["a 'b\nc\n'\n\"d\ne\" \\\nf\nfi", "7: has `fi` where a command begins"],
        ["for 1 in a; do b; done", "1: expects a name"],
        ["for 'a' in a; do b; done", "1: expects a name"],
        ["function a-b { c; }", "1: expects a name"],
        ["for a of b; do c; done", "1: expects `in`"],
        ["function f a; b", "1: expects `{`"],
        ["until a; do b; fi", "1: has `fi` where a command begins"],
        ["until", "1: ends before `do`"],
        ['"a $ b"', "1: has a `$` that no name follows"],
        ["a { b; } c", "1: has something after the end of a command"],
        ["a { b; ", "1: ends before `}`"],
        ["; a", "1: has `;` where a command begins"],
        ["} a", "1: has `}` where a command begins"],
        ["if true; then a { b; } c; fi", "1: has something after the end of a command"],
      ] as const
    ) assertEquals([text, words(text)], [text, expected]);
    assertEquals(
      words(
        "if a; then b; elif c; then d; else e; fi\nwhile a; do b; done\nuntil a; do b; done\nfor a in b c; do d; done\nfunction f { a; }",
      ),
      [
        "if",
        "loop",
        "loop",
        "for",
        "function",
      ],
    );
  },
});

Deno.test({
  name: "`[` of GRUB: comparisons, numbers, files, and what cannot be known",
  permissions: "none",
  fn() {
    const unknown = { unknown: "a key" };
    const test = (...args: Parameters<typeof evaluateTest>[0]) =>
      evaluateTest(args, (which, path) => path === "?" ? undefined : which !== "d" && path === "/there");
    assertEquals([
      test("a", "=", "a"),
      test("a", "!=", "a"),
      test("a", "<", "b"),
      test("10", "-gt", "9"),
      test("0x10", "-eq", "16"),
    ], [
      true,
      false,
      true,
      true,
      true,
    ]);
    assertEquals([test("vmlinuz-2", "-plt", "vmlinuz-11"), test("vmlinuz-2", "-pgt", "vmlinuz-11")], [true, false]);
    assertEquals([test("-f", "/there"), test("-d", "/there"), test("!", "-e", "/gone"), test("-s", "?")], [
      true,
      false,
      true,
      undefined,
    ]);
    assertEquals([test("-n", ""), test("-z", ""), test(""), test("x"), test()], [false, true, false, true, true]);
    assertEquals([test("x", "-a", ""), test("x", "-o", ""), test("(", "", "-o", "x", ")", "-a", "!", "")], [
      false,
      true,
      true,
    ]);
    // As grub.d/25_bli writes it: texts, and no command.
    assertEquals(test("!", "insmod", "bli"), false);
    assertEquals([test(unknown, "=", "a"), test(unknown, "-a", ""), test(unknown, "-o", "x"), test("-n", unknown)], [
      undefined,
      false,
      true,
      undefined,
    ]);
    assertEquals(test(..."(".repeat(200)), undefined);
  },
});

Deno.test({
  name: "versions of systemd-boot are in the order of its own documentation",
  permissions: "none",
  fn() {
    // The comment of strverscmp_improved().
    const order = [
      "122.1",
      "123~rc1-1",
      "123",
      "123-a",
      "123-a.1",
      "123-1",
      "123-1.1",
      "123^post1",
      "123.a-1",
      "123.1-1",
      "123a-1",
      "124-1",
    ];
    for (const [index, version] of order.entries()) {
      for (const [other, than] of order.entries()) {
        assertEquals([version, than, compareVersions(version, than)], [version, than, Math.sign(index - other)]);
      }
    }
    assertEquals([compareVersions("00123", "123"), compareVersions("123_a", "123a"), compareVersions("", "a")], [
      0,
      0,
      -1,
    ]);
  },
});

Deno.test({
  name: "Fedora's GRUB orders entries as packages: rescue last, releases by their numbers",
  permissions: "none",
  fn() {
    const id = "4ea28d8e2d1b4f5fa5f0c3d9d0a1b2c3";
    const order = [
      `${id}-0-rescue`,
      `${id}-6.9.7-200.fc40.x86_64`,
      `${id}-6.11.0-0.rc1.fc41.x86_64`,
      `${id}-6.11.4-301.fc41.x86_64`,
      `${id}-6.11.4-301.fc41.x86_64+debug`,
      `${id}-6.11.10-300.fc41.x86_64`,
    ];
    assertEquals(order.toReversed().toSorted(comparePackages), order);
    assertEquals([
      comparePackages("ostree-2", "ostree-1"),
      comparePackages("a-1~rc1-1", "a-1-1"),
      comparePackages("a", "a"),
    ], [1, -1, 0]);
  },
});

// The vectors of rpm's own tests (tests/rpmvercmp.at), but for those of characters that GRUB's copy treats otherwise.
Deno.test({
  name: "versions of packages are compared as rpm does it",
  permissions: "none",
  fn() {
    const vectors = `1.0 = 1.0, 1.0 < 2.0, 2.0 < 2.0.1, 2.0.1 < 2.0.1a, 5.5p1 < 5.5p2, 5.5p1 < 5.5p10, 10xyz < 10.1xyz,
      xyz10 < xyz10.1, xyz.4 < 8, xyz.4 < 2, 5.5p2 < 5.6p1, 5.6p1 < 6.5p1, 6.0 < 6.0.rc1, 10a1 < 10b2, 10a2 < 10b2,
      1.0a < 1.0aa, 10.0001 = 10.1, 10.0001 < 10.0039, 4.999.9 < 5.0, 20101121 < 20101122, 2.0 = 2_0, 1.0~rc1 < 1.0,
      1.0~rc1 < 1.0~rc2, 1.0~rc1~git123 < 1.0~rc1, 1.0 < 1.0+1, 1.0+1 < 1.0.1, 1.0+1 < 1.0+2, 1.0+1 = 1.0+1, 1.0~a < 1.0~b,
      1.0+a < 1.0a, a < 1`;
    for (const vector of vectors.split(",")) {
      const [a = "", sign, b = ""] = vector.trim().split(" ");
      const expected = sign === "=" ? 0 : -1;
      assertEquals([vector, Math.sign(comparePackages(a, b)), Math.sign(comparePackages(b, a)) || 0], [
        vector,
        expected,
        -expected || 0,
      ]);
    }
  },
});
