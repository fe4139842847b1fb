import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  addParameter,
  formatCmdline,
  kernelParameter,
  parameterKey,
  parseCmdline,
  parseParameter,
  replaceParameters,
  splitAtSeparator,
  splitParameters,
  withoutParameters,
} from "../../../src/profile/cmdline/cmdline.ts";

const split = (text: string): readonly string[] => splitParameters(text).parameters;

Deno.test({
  name: "each parameter is replaced in its place, those for init too, and the space between them stays",
  permissions: "none",
  fn() {
    const text = ' a  b="c d"\t-- \n e=f "g h" ';
    assertEquals(replaceParameters(text, ({ text }) => text), text);
    assertEquals(
      replaceParameters(text, ({ name, value }) => `<${name}|${value ?? ""}>`),
      " <a|>  <b|c d>\t<--|> \n <e|f> <g h|> ",
    );
    assertEquals(replaceParameters("", () => "x"), "");
  },
});

/** What the kernel reads, then what init reads. */
function readers(text: string): readonly [readonly string[], readonly string[] | undefined] {
  const { kernel, init } = parseCmdline(text);
  return [kernel.map((parameter) => parameter.text), init?.map((parameter) => parameter.text)];
}

Deno.test({
  name: "white space separates parameters, but not between double quotes",
  permissions: "none",
  fn() {
    assertEquals(split(" a  b\tc\nd\r\ve\f"), ["a", "b", "c", "d", "e"]);
    assertEquals(split('a="b c" d'), ['a="b c"', "d"]);
    assertEquals(split('"a=b c" d'), ['"a=b c"', "d"]);
    assertEquals(split('a"b c"d" e"'), ['a"b c"d" e"']);
    assertEquals(split('a\\"b c" d'), ['a\\"b c"', "d"]);
    assertEquals(split('"" a'), ['""', "a"]);
    assertEquals(split(" \n"), []);
    // JavaScript's other white space is none to the kernel; U+00A0 has a problem of its own.
    assertEquals(split("a\u2003b"), ["a\u2003b"]);
  },
});

Deno.test({
  name: "a quote that is not closed is reported, with its parameter",
  permissions: "none",
  fn() {
    assertEquals(splitParameters('a "b c'), { parameters: ["a", '"b c'], unclosed: '"b c' });
    assertEquals(splitParameters('a="b" c"'), { parameters: ['a="b"', 'c"'], unclosed: 'c"' });
    assertEquals(splitParameters('"'), { parameters: ['"'], unclosed: '"' });
    assertEquals(splitParameters('a "b c"').unclosed, undefined);
    assertEquals(parseCmdline('a -- "b c').unclosed, '"b c');
  },
});

Deno.test({
  name: "a parameter is taken apart as the kernel does, without quotes",
  permissions: "none",
  fn() {
    const cases: readonly (readonly [text: string, name: string, value?: string])[] = [
      ["quiet", "quiet"],
      ["a=b=c", "a", "b=c"],
      ["a=", "a", ""],
      ['a="b c"', "a", "b c"],
      ['"a=b c"', "a", "b c"],
      ['"a b"', "a b"],
      ['a="b"c', "a", 'b"c'],
      ['a=b"c d"', "a", 'b"c d"'],
      // The kernel looks for `=` after the first character only.
      ["=a", "=a"],
      ['""', ""],
    ];
    for (const [text, name, value] of cases) {
      assertEquals(parseParameter(text), value === undefined ? { text, name } : { text, name, value });
    }
  },
});

Deno.test({
  name: "names compare with dashes as underscores, and with their case",
  permissions: "none",
  fn() {
    const key = (text: string): string => parameterKey(parseParameter(text));
    assertEquals(key("crash-kexec_post-notifiers=1"), "crash_kexec_post_notifiers");
    assertEquals(key('"log-buf=a b"'), "log_buf");
    assertEquals(key("BOOT_IMAGE=/a-b"), "BOOT_IMAGE");
  },
});

Deno.test({
  name: "the kernel reads up to the first `--`, quoted or not, and init reads the rest",
  permissions: "none",
  fn() {
    assertEquals(readers("ro quiet"), [["ro", "quiet"], undefined]);
    assertEquals(readers("ro -- single -- x"), [["ro"], ["single", "--", "x"]]);
    assertEquals(readers('ro "--" single'), [["ro"], ["single"]]);
    assertEquals(readers("ro --"), [["ro"], []]);
    assertEquals(readers("-- mem=1G"), [[], ["mem=1G"]]);
    // Neither is the parameter `--`.
    assertEquals(readers('a="x -- y" --x --=1'), [['a="x -- y"', "--x", "--=1"], undefined]);
    assertEquals(readers(""), [[], undefined]);
  },
});

Deno.test({
  name: "of several parameters of a name the kernel's last one counts",
  permissions: "none",
  fn() {
    const value = (text: string): string | undefined => kernelParameter(parseCmdline(text), "log_level")?.value;
    assertEquals(value("log-level=1 log_level=2 -- log_level=3"), "2");
    assertEquals(value("ro -- log_level=3"), undefined);
    assertEquals(value('dyndbg="x log_level=1"'), undefined);
  },
});

Deno.test({
  name: "a command line survives parsing and formatting, with single spaces",
  permissions: "none",
  fn() {
    const bare = fc.string({ unit: fc.constantFrom(..."abz=-_.,/é") });
    const quoted = fc.string({ unit: fc.constantFrom(..."a =\t-ü") }).map((text) => `"${text}"`);
    const parameter = fc.array(fc.oneof(bare, quoted), { minLength: 1 }).map((parts) => parts.join(""))
      .filter((text) => text !== "");
    fc.assert(fc.property(fc.array(parameter), (list) => {
      assertEquals(splitParameters(list.join("  ")), { parameters: list });
      assertEquals(
        formatCmdline(parseCmdline(list.join("\t"))),
        list.map((text, index) => list.findIndex((each) => each === '"--"' || each === "--") === index ? "--" : text)
          .join(" "),
      );
    }));
  },
});

Deno.test({
  name: "a parameter is added for the kernel, and removed from what the kernel reads alone",
  permissions: "none",
  fn() {
    assertEquals(addParameter("", "a=1"), "a=1");
    assertEquals(addParameter("ro  quiet", "a=1"), "ro quiet a=1");
    assertEquals(addParameter('b="x -- y" -- single', "a=1"), 'b="x -- y" a=1 -- single');
    assertEquals(addParameter("ro --", "a=1"), "ro a=1 --");
    assertEquals(withoutParameters("a=1 b a -- a", ({ name }) => name === "a"), "b -- a");
  },
});

Deno.test({
  name: "a list is parted at the item that is the separator",
  permissions: "none",
  fn() {
    const textOf = (item: string | number): string | undefined => typeof item === "string" ? item : undefined;
    assertEquals(splitAtSeparator([1, "--", "a", "--"], textOf), { kernel: [1], separator: "--", init: ["a", "--"] });
    assertEquals(splitAtSeparator([1, "a"], textOf), { kernel: [1, "a"] });
  },
});
