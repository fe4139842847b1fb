import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Cmdline } from "../../src/profile/profile.ts";
import { addWord, parseWord, resolveCmdline, splitWords, wordName, wordProblem } from "../../src/profile/cmdline.ts";

const words = (text: string): readonly string[] => splitWords(text).words;

function edit(parts: Partial<Extract<Cmdline, { kind: "edit" }>>): Cmdline {
  return { kind: "edit", reuse: true, remove: [], set: [], append: [], ...parts };
}

/** The command line of an edit, behind it the warnings. */
function resolved(parts: Partial<Extract<Cmdline, { kind: "edit" }>>, running: string, crash = false): string {
  const { value, diagnostics } = resolveCmdline(edit(parts), { running, crash });
  return [value ?? "", ...diagnostics.map(({ severity, code, message }) => `${severity} ${code}: ${message}`)].join(
    "\n",
  );
}

Deno.test({
  name: "white space splits words, but not between double quotes",
  permissions: "none",
  fn() {
    assertEquals(words(" a  b\tc\nd\r\ve\f"), ["a", "b", "c", "d", "e"]);
    assertEquals(words('a="b c" d'), ['a="b c"', "d"]);
    assertEquals(words('"a=b c" d'), ['"a=b c"', "d"]);
    assertEquals(words('a"b c"d" e"'), ['a"b c"d" e"']);
    assertEquals(words('a\\"b c" d'), ['a\\"b c"', "d"]);
    assertEquals(words('"" a'), ['""', "a"]);
    assertEquals(words(" \n"), []);
    // JavaScript's other white space is none to the kernel; U+00A0 has a problem of its own.
    assertEquals(words("a\u2003b"), ["a\u2003b"]);
  },
});

Deno.test({
  name: "a quote that is not closed is told, with its word",
  permissions: "none",
  fn() {
    assertEquals(splitWords('a "b c'), { words: ["a", '"b c'], unclosed: '"b c' });
    assertEquals(splitWords('a="b" c"'), { words: ['a="b"', 'c"'], unclosed: 'c"' });
    assertEquals(splitWords('"'), { words: ['"'], unclosed: '"' });
    assertEquals(splitWords('a "b c"').unclosed, undefined);
  },
});

Deno.test({
  name: "a word is taken apart as the kernel does, quotes gone",
  permissions: "none",
  fn() {
    assertEquals(parseWord("quiet"), { name: "quiet" });
    assertEquals(parseWord("a=b=c"), { name: "a", value: "b=c" });
    assertEquals(parseWord("a="), { name: "a", value: "" });
    assertEquals(parseWord('a="b c"'), { name: "a", value: "b c" });
    assertEquals(parseWord('"a=b c"'), { name: "a", value: "b c" });
    assertEquals(parseWord('"a b"'), { name: "a b" });
    assertEquals(parseWord('a="b"c'), { name: "a", value: 'b"c' });
    assertEquals(parseWord('a=b"c d"'), { name: "a", value: 'b"c d"' });
    // The kernel looks for `=` behind the first character only.
    assertEquals(parseWord("=a"), { name: "=a" });
    assertEquals(parseWord('""'), { name: "" });
  },
});

Deno.test({
  name: "names compare with dashes as underscores, and with their case",
  permissions: "none",
  fn() {
    assertEquals(wordName("crash-kexec_post-notifiers=1"), "crash_kexec_post_notifiers");
    assertEquals(wordName('"log-buf=a b"'), "log_buf");
    assertEquals(wordName("BOOT_IMAGE=/a-b"), "BOOT_IMAGE");
  },
});

Deno.test({
  name: "words of clean parts survive joining and splitting",
  permissions: "none",
  fn() {
    const bare = fc.string({ unit: fc.constantFrom(..."abz=-_.,/é") });
    const quoted = fc.string({ unit: fc.constantFrom(..."a =\t-ü") }).map((text) => `"${text}"`);
    const word = fc.array(fc.oneof(bare, quoted), { minLength: 1 }).map((parts) => parts.join(""))
      .filter((text) => text !== "");
    fc.assert(fc.property(fc.array(word), (list) => {
      assertEquals(splitWords(list.join("  ")), { words: list });
    }));
  },
});

Deno.test({
  name: "a character that would not reach the kernel is found, unless quotes protect it",
  permissions: "none",
  fn() {
    assertEquals(wordProblem("a=ü"), undefined);
    assertEquals(wordProblem('a="à"'), undefined);
    assertEquals(wordProblem("a=à"), "has `à`, whose byte 0xa0 ends a word for the kernel unless it is quoted");
    assertEquals(wordProblem("a\u00a0b")?.includes("0xa0"), true);
    assertEquals(wordProblem('"a\u0007"'), "has a control character, U+0007");
    assertEquals(wordProblem("a\ud800"), "has half of a surrogate pair, which is no character");
  },
});

Deno.test({
  name: "stated words are joined with single spaces",
  permissions: "none",
  fn() {
    const spec: Cmdline = { kind: "words", words: ["a", 'b="c  d"', "--", "e"] };
    assertEquals(resolveCmdline(spec, { crash: true }), { value: 'a b="c  d" -- e', diagnostics: [] });
  },
});

Deno.test({
  name: "reuse leaves out the words of the running boot, and of the reservation for a crash kernel",
  permissions: "none",
  fn() {
    const running = "BOOT_IMAGE=/vmlinuz initrd=\\a.img root=/dev/sda kexec-jump-back-entry=0x1 elfcorehdr=1K " +
      "crashkernel=256M quiet\n";
    assertEquals(resolved({}, running), "root=/dev/sda crashkernel=256M quiet");
    assertEquals(resolved({}, running, true), "root=/dev/sda quiet");
    assertEquals(resolved({ reuse: false, append: ["initrd=x"] }, running), "initrd=x");
  },
});

Deno.test({
  name: "a crash kernel takes over no word that reserves or cuts memory, unless it is stated anew",
  permissions: "none",
  fn() {
    const running = "ro hugepages=64 hugepagesz=1G default-hugepagesz=1G memmap=1M$2M mem=4G cma=64M member=1";
    assertEquals(resolved({}, running), running);
    assertEquals(resolved({}, running, true), "ro member=1");
    assertEquals(resolved({ append: ["cma=0"] }, running, true), "ro member=1 cma=0");
  },
});

Deno.test({
  name: "what kdump tools remove goes in one edit: names with values, names without, words in quotes",
  permissions: "none",
  fn() {
    const running = 'ro quiet rd.lvm.lv=vg/a rd.lvm.lv=vg/b "resume=UUID=1 2" panic_on_warn=1 slub_debug dyndbg="a b"';
    const remove = ["quiet", "rd.lvm.lv", "resume", "panic-on-warn", "slub_debug", 'dyndbg="a b"'];
    assertEquals(resolved({ remove, append: ["irqpoll"] }, running, true), "ro irqpoll");
  },
});

Deno.test({
  name: "an added word stands before what is init's, and quotes are not looked into",
  permissions: "none",
  fn() {
    assertEquals(addWord("", "a=1"), "a=1");
    assertEquals(addWord("ro  quiet", "a=1"), "ro quiet a=1");
    assertEquals(addWord('b="x -- y" -- single', "a=1"), 'b="x -- y" a=1 -- single');
  },
});

Deno.test({
  name: "remove takes every word of a name, or the one word that it spells out",
  permissions: "none",
  fn() {
    const running = 'console=tty0 quiet console=ttyS0 a-b="c d"';
    assertEquals(resolved({ remove: ["console"] }, running), 'quiet a-b="c d"');
    assertEquals(resolved({ remove: ["console=tty0"] }, running), 'quiet console=ttyS0 a-b="c d"');
    assertEquals(resolved({ remove: ['"a_b=c d"', "quiet"] }, running), "console=tty0 console=ttyS0");
  },
});

Deno.test({
  name: "a remove that finds nothing warns and names the nearest word",
  permissions: "none",
  fn() {
    const { value, diagnostics } = resolveCmdline(edit({ remove: ["quiet", "quite", "console=tty1", "zzz"] }), {
      running: "quiet console=tty0 quiets",
      crash: false,
    });
    assertEquals(value, "console=tty0 quiets");
    assertEquals(diagnostics, [
      {
        code: "cmdline-no-match",
        severity: "warning",
        message: "`remove` finds no word `quite`",
        path: ["cmdline", "remove", 1],
        hint: "The nearest word is `quiets`",
      },
      {
        code: "cmdline-no-match",
        severity: "warning",
        message: "`remove` finds no word `console=tty1`",
        path: ["cmdline", "remove", 2],
        hint: "The nearest word is `console=tty0`",
      },
      {
        code: "cmdline-no-match",
        severity: "warning",
        message: "`remove` finds no word `zzz`",
        path: ["cmdline", "remove", 3],
      },
    ]);
  },
});

Deno.test({
  name: "set replaces all words of a name in the first one's place, new names go to the end",
  permissions: "none",
  fn() {
    const running = "console=tty0 ro console=ttyS0 quiet";
    assertEquals(resolved({ set: ["console=ttyS1"] }, running), "console=ttyS1 ro quiet");
    assertEquals(
      resolved({ set: ["console=a", "panic=1", "console=b"] }, running),
      "console=a console=b ro quiet panic=1",
    );
    assertEquals(resolved({ set: ["CONSOLE=a"] }, running), `${running} CONSOLE=a`);
    assertEquals(resolved({ set: ["log-level=1"] }, "log_level=7 ro"), "log-level=1 ro");
  },
});

Deno.test({
  name: "remove comes before set, and set before append",
  permissions: "none",
  fn() {
    assertEquals(resolved({ remove: ["a"], set: ["a=2"], append: ["a=3"] }, "a=1 b"), "b a=2 a=3");
    assertEquals(resolved({ append: ["b"] }, "a b"), "a b b");
  },
});

Deno.test({
  name: "words for init stay behind the separator, and an edit does not touch them",
  permissions: "none",
  fn() {
    const running = "a=1 -- a=2 single";
    assertEquals(resolved({ set: ["a=3", "b"], append: ["c"] }, running), "a=3 b c -- a=2 single");
    assertEquals(resolved({ append: ["c", "--", "d"] }, running), "a=1 c -- a=2 single d");
    assertEquals(resolved({ append: ["--", "d"] }, "a"), "a -- d");
    assertEquals(resolved({}, 'a "--" b'), "a -- b");
    assertEquals(
      resolved({ remove: ["single"] }, running),
      `${running}\nwarning cmdline-no-match: \`remove\` finds no word \`single\``,
    );
  },
});

Deno.test({
  name: "reuse without a running command line, or with an open quote in it, is an error",
  permissions: "none",
  fn() {
    const unknown = resolveCmdline(edit({}), { crash: false });
    assertEquals([unknown.value, unknown.diagnostics.map(({ code }) => code)], [undefined, ["cmdline-not-known"]]);
    const open = resolveCmdline(edit({ append: ["a"] }), { running: 'x="y z', crash: false });
    assertEquals([open.value, open.diagnostics.map(({ code }) => code)], [undefined, ["cmdline-quote"]]);
  },
});
