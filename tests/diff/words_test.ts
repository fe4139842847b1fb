import { assertEquals } from "@std/assert";
import { diffWords, withoutBootWords } from "../../src/diff/words.ts";

/** A change in short: `-word`, `+word`, `old>new`, `word@from>to`. */
function changes(from: string, to: string): readonly string[] {
  return diffWords(from, to).map((change) => {
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
  ["added and removed words", "ro quiet", "ro debug", ["-quiet", "+debug"]],
  ["another value of a name", "root=/dev/a ro", "root=/dev/b ro", ["root=/dev/a>root=/dev/b"]],
  ["a value that comes", "debug", "debug=1", ["debug>debug=1"]],
  ["a word that moved", "a b c", "c a b", ["c@3>1"]],
  ["one of several words of a name", "console=tty0 console=ttyS0", "console=ttyS0", ["-console=tty0"]],
  ["two consoles in another order", "console=tty0 console=ttyS0", "console=ttyS0 console=tty0", ["console=tty0@1>2"]],
  ["quotes that mean the same", 'a="b c" d', '"a=b c" d', []],
  ["a quoted value with other words in it", 'a="b c"', 'a="b d"', ['a="b c">a="b d"']],
  ["words within quotes, which are no words", 'a="ro quiet"', "ro quiet", ['-a="ro quiet"', "+ro", "+quiet"]],
  ["dashes for underscores", "no-x=1 y", "no_x=1 y", []],
  ["a word that goes to init instead", "a b", "a -- b", ["-b", "+b"]],
  ["init's words, where dashes count", "a -- x-y", "a -- x_y", ["-x-y", "+x_y"]],
  ["a line that becomes empty", "ro", "", ["-ro"]],
];

for (const [name, from, to, expected] of CASES) {
  Deno.test({
    name: `the words of two command lines: ${name}`,
    permissions: "none",
    fn: () => assertEquals(changes(from, to), expected),
  });
}

Deno.test({
  name: "words of a running boot are left out, but not those that the other side names, nor init's",
  permissions: "none",
  fn() {
    assertEquals(withoutBootWords("BOOT_IMAGE=/vmlinuz initrd=a ro -- initrd=b", "ro"), {
      cmdline: "ro -- initrd=b",
      ignored: ["BOOT_IMAGE=/vmlinuz", "initrd=a"],
    });
    assertEquals(withoutBootWords("initrd=a ro", "initrd=b").ignored, []);
  },
});
