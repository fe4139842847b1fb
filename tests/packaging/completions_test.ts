import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { offeredFor, PLACEHOLDERS } from "../../src/cli/placeholders.ts";
import { COMMANDS } from "../../src/cli/table.ts";
import { hasTool, tool } from "../support/tool.ts";

const SCRIPTS = join(import.meta.dirname ?? ".", "../../contrib/completions");

Deno.test("every word in capitals in the help has a meaning", { permissions: "none" }, () => {
  const usages = COMMANDS.flatMap(({ usage, options }) => [usage, ...options.map(({ value }) => value ?? "")]);
  const words = usages.flatMap((usage) => usage.match(/(?<![\w-])[A-Z]+\b/g) ?? []);
  assertEquals(words.filter((word) => PLACEHOLDERS[word] === undefined), []);
});

Deno.test(
  "usages tell words that stand for themselves from those that stand for others",
  { permissions: "none" },
  () => {
    assertEquals(offeredFor("text|json"), { literals: ["text", "json"], offers: [] });
    assertEquals(offeredFor("PROFILE|DIR..."), { literals: [], offers: ["profile-names", "profile-files", "folders"] });
    assertEquals(offeredFor("[--images PROFILE...]"), { literals: [], offers: ["profile-names", "profile-files"] });
    assertEquals(offeredFor(""), { literals: [], offers: [] });
  },
);

/** A folder with files to complete, which is removed in the end. */
async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    for (const name of ["web.yaml", "a b.yaml", "web.plan.json", "notes.txt"]) Deno.createSync(join(folder, name));
    Deno.mkdirSync(join(folder, "profiles"));
    Deno.createSync(join(folder, "profiles/db.yml"));
    await test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** What is typed, and what a shell offers then. Names under /etc/warmboot are the machine's own, and are left out. */
const CASES: readonly (readonly [string, readonly string[]])[] = [
  ["ex", ["exec", "explain"]],
  ["--color never sta", ["status"]],
  ["load w", ["web.plan.json", "web.yaml"]],
  ["load web.yaml ", []],
  ["check pro", ["profiles"]],
  ["check profiles/", ["profiles/db.yml"]],
  ["check n", []],
  ["plan -o j", ["json", "junit"]],
  ["plan --facts n", ["notes.txt"]],
  ["plan --facts-dir w", []],
  ["diff web.yaml @l", ["@loaded"]],
  ["diff @", ["@loaded", "@running"]],
  ["schema pl", ["plan"]],
  ["help unl", ["unload"]],
  ["exec ", []],
  ["exec --n", ["--now"]],
  ["status --boo", ["--booted"]],
  ["refresh --without zz", []],
  ["refresh --without zz pro", ["profiles"]],
];

Deno.test({
  name: "bash completes commands, options, values, files and sides",
  ignore: !await hasTool("bash"),
  fn: () =>
    inFolder(async (folder) => {
      for (const [typed, offered] of CASES) {
        // Readline breaks the line for COMP_WORDS; here no word has a blank in it.
        const script = `source "$0"; read -ra words <<<"$1"; [[ $1 == *' ' ]] && words+=('')
COMP_WORDS=(warmboot "\${words[@]}"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); COMP_WORDBREAKS=' '
_warmboot; printf '%s\\n' "\${COMPREPLY[@]}"`;
        const run = await tool("bash", ["--norc", "-c", script, join(SCRIPTS, "warmboot.bash"), typed], {
          cwd: folder,
        });
        assertEquals(run?.said.split("\n").filter((line) => line !== ""), offered, typed);
      }
    }),
});

Deno.test({
  name: "bash completes behind the characters at which it breaks words",
  ignore: !await hasTool("bash"),
  fn: async () => {
    const cases: readonly (readonly [string, string])[] = [
      ["plan --output = js", "json"],
      ["plan --output =", "text json yaml svg html markdown junit"],
      ["diff @r", "@running"],
      ["diff @", "@loaded @running"],
      ["init --out = x --newe", "--newest"],
    ];
    for (const [words, offered] of cases) {
      const script = `source "$0"; COMP_WORDS=(warmboot $1); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_warmboot; echo "\${COMPREPLY[@]}"`;
      const run = await tool("bash", ["--norc", "-c", script, join(SCRIPTS, "warmboot.bash"), words], { cwd: "/dev" });
      assertEquals(run?.said.trim().split(" ").toSorted(), offered.split(" ").toSorted(), words);
    }
  },
});

Deno.test({
  name: "fish completes the same",
  ignore: !await hasTool("fish"),
  fn: () =>
    inFolder(async (folder) => {
      for (const [typed, offered] of CASES) {
        const run = await tool("fish", [
          "--no-config",
          "-c",
          `source $argv[1]; complete -C "warmboot $argv[2]"`,
          join(SCRIPTS, "warmboot.fish"),
          typed,
        ], { cwd: folder });
        const lines = (run?.said ?? "").split("\n").map((line) => line.split("\t")[0]?.replace(/\/$/, ""));
        // Behind the last word, fish offers what it did before.
        if (typed.endsWith(" ") && offered.length === 0 && typed.startsWith("load")) continue;
        assertEquals(lines.filter((line) => line !== "").toSorted(), [...offered], typed);
      }
    }),
});
