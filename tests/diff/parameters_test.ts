import { assertEquals } from "@std/assert";
import { diffParameters, withoutBootParameters } from "../../src/diff/parameters.ts";

/** A change in short: `-parameter`, `+parameter`, `old>new`, `parameter@from>to`. */
function changes(from: string, to: string): readonly string[] {
  return diffParameters(from, to).map((change) => {
    switch (change.action) {
      case "add":
        return `+${change.to.word}`;
      case "remove":
        return `-${change.from.word}`;
      case "change":
        return `${change.from.word}>${change.to.word}`;
      case "move":
        return `${change.to.word}@${change.from.position}>${change.to.position}`;
    }
  });
}

const CASES: readonly (readonly [name: string, from: string, to: string, changes: readonly string[]])[] = [
  ["equal lines", "ro quiet", "ro  quiet", []],
  ["added and removed parameters", "ro quiet", "ro debug", ["-quiet", "+debug"]],
  ["another value of a name", "root=/dev/a ro", "root=/dev/b ro", ["root=/dev/a>root=/dev/b"]],
  ["a value that comes", "debug", "debug=1", ["debug>debug=1"]],
  ["an empty value, which is one", "debug", "debug=", ["debug>debug="]],
  ["a parameter that moved", "a b c", "c a b", ["c@3>1"]],
  ["one that is gone, before the one that moved to its place", "x a c b", "b a c", ["-x", "b@4>1"]],
  ["one of several parameters of a name", "console=tty0 console=ttyS0", "console=ttyS0", ["-console=tty0"]],
  ["two consoles in another order", "console=tty0 console=ttyS0", "console=ttyS0 console=tty0", ["console=tty0@1>2"]],
  [
    "two consoles that both changed, each paired with the one in its place",
    "console=tty0 console=ttyS0,9600 ro",
    "console=tty1 console=ttyS0,115200 ro",
    ["console=tty0>console=tty1", "console=ttyS0,9600>console=ttyS0,115200"],
  ],
  ["quotes that mean the same", 'a="b c" d', '"a=b c" d', []],
  ["a quoted value that differs", 'a="b c"', 'a="b d"', ['a="b c">a="b d"']],
  ["words within quotes, which are not parameters", 'a="ro quiet"', "ro quiet", ['-a="ro quiet"', "+ro", "+quiet"]],
  ["dashes for underscores", "no-x=1 y", "no_x=1 y", []],
  ["a parameter that goes to init instead", "a b", "a -- b", ["-b", "+b"]],
  ["init's parameters, where dashes count", "a -- x-y", "a -- x_y", ["-x-y", "+x_y"]],
  ["a line that becomes empty", "ro", "", ["-ro"]],
];

for (const [name, from, to, expected] of CASES) {
  Deno.test({
    name: `the parameters of two command lines: ${name}`,
    permissions: "none",
    fn: () => assertEquals(changes(from, to), expected),
  });
}

Deno.test({
  name: "parameters of a running boot are left out, but not those that the other side names, nor init's",
  permissions: "none",
  fn() {
    assertEquals(withoutBootParameters("BOOT_IMAGE=/vmlinuz initrd=a ro -- initrd=b", "ro"), {
      cmdline: "ro -- initrd=b",
      ignored: ["BOOT_IMAGE=/vmlinuz", "initrd=a"],
    });
    assertEquals(withoutBootParameters("initrd=a ro", "initrd=b").ignored, []);
    // Others only begin like them.
    assertEquals(withoutBootParameters("initrdmem=1,2 initrd ro", "ro").ignored, ["initrd"]);
    assertEquals(withoutBootParameters("initrd=a ro", "ro -- initrd=b").ignored, ["initrd=a"]);
  },
});

Deno.test({
  name: "many parameters of one name are compared in linear time",
  permissions: "none",
  fn() {
    const many = "a=b ".repeat(200_000);
    assertEquals(diffParameters(many, "a=c").length, 200_000);
  },
});
