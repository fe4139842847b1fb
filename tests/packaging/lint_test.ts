/** What is committed for other programs, seen by the linters of those, where this machine has them. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { hasTool, tool } from "../support/tool.ts";
import { walkFiles } from "../support/walk_files.ts";

const CONTRIB = join(import.meta.dirname ?? ".", "../../contrib");

/** A linter, what it is given, and the lines that say no more than that this machine has not every manual. */
const LINTERS: readonly { command: string; args: readonly string[]; files: readonly string[]; ignores?: RegExp }[] = [
  { command: "shellcheck", args: ["-s", "bash"], files: ["completions/warmboot.bash"] },
  {
    command: "shellcheck",
    args: [],
    files: ["bin/warmboot", "hooks/zz-warmboot", "hooks/90-warmboot.install", "sysvinit/warmboot-exec"],
  },
  { command: "shellcheck", args: [], files: ["openrc/warmboot-exec", "runit/85-warmboot-exec.sh"] },
  { command: "bash", args: ["-n"], files: ["completions/warmboot.bash"] },
  { command: "zsh", args: ["-n"], files: ["completions/_warmboot"] },
  { command: "fish", args: ["-n"], files: ["completions/warmboot.fish"] },
  {
    command: "mandoc",
    args: ["-T", "lint", "-W", "style"],
    files: ["man/warmboot.8", "man/warmboot.profile.5"],
    ignores: /mandoc\.db|referenced manual not found|operating system explicitly specified/,
  },
  { command: "groff", args: ["-mdoc", "-Tutf8", "-ww", "-z"], files: ["man/warmboot.8", "man/warmboot.profile.5"] },
];

for (const { command, args, files, ignores } of LINTERS) {
  Deno.test({
    name: `${command} finds no fault with ${files.join(", ")}`,
    ignore: !await hasTool(command),
    fn: async () => {
      for (const file of files) {
        const run = await tool(command, [...args, join(CONTRIB, file)]);
        assertEquals(run?.said.split("\n").filter((line) => line !== "" && !ignores?.test(line)), [], file);
      }
    },
  });
}

Deno.test("every script and page of contrib is linted", () => {
  const linted = new Set(LINTERS.flatMap(({ files }) => files));
  const folders = ["bin", "completions", "hooks", "man", "openrc", "runit", "sysvinit"].flatMap((folder) =>
    walkFiles(join(CONTRIB, folder), "")
  );
  assertEquals(folders.map((path) => path.slice(CONTRIB.length + 1)).filter((path) => !linted.has(path)), []);
});

Deno.test({
  name: "groff hyphenates no literal of a manual page, however narrow the terminal",
  ignore: !await hasTool("groff"),
  fn: async () => {
    for (const page of ["man/warmboot.8", "man/warmboot.profile.5"]) {
      const source = Deno.readTextFileSync(join(CONTRIB, page));
      // Of literals, those that are not English words as well.
      const literals = new Set(
        [...source.matchAll(/\\%(\S+)/g)].map(([, word = ""]) => plain(word)).filter((word) => !/^[a-z]+$/i.test(word)),
      );
      const broken = new Set<string>();
      for (let width = 40; width <= 100; width += 4) {
        const run = await tool("groff", [
          "-mdoc",
          "-Tutf8",
          `-rLL=${width}n`,
          "-P-c",
          "-P-b",
          "-P-u",
          join(CONTRIB, page),
        ]);
        for (const [, head = "", tail = ""] of (run?.said ?? "").matchAll(/(\S+)\u2010\n\s*(\S+)/g)) {
          const word = plain(`${head}${tail}`);
          if (literals.has(word) || /[/_=@]|\w\.\w|^warmboot|^systemd/.test(word)) broken.add(word);
        }
      }
      assertEquals([...broken], [], page);
    }
  },
});

/** A word without roff's escapes, and without the punctuation around it. */
function plain(word: string): string {
  return word.replaceAll(/\\(?:f[A-Z]|[%&])/g, "").replaceAll("\\-", "-").replaceAll(/^["'(]+|[.,;:)"']+$/g, "");
}
