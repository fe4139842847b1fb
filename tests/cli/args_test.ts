import { assertEquals, assertStringIncludes } from "@std/assert";
import { leadingArguments, parseInvocation } from "../../src/cli/args.ts";
import type { Command } from "../../src/cli/command.ts";

const command: Command = {
  name: "plan",
  usage: "PROFILE",
  words: { min: 1, max: 1 },
  summary: "",
  description: "",
  options: [
    { name: "output", short: "o", value: "text|json", choices: ["text", "json"], doc: "" },
    { name: "facts", value: "FILE", doc: "" },
    { name: "dry-run", doc: "" },
  ],
  examples: [],
  run: () => Promise.resolve("ok"),
};

function problems(...args: string[]): readonly string[] {
  const result = parseInvocation(command, args);
  return "words" in result ? [] : result.map(({ message, hint }) => `${message}. ${hint ?? ""}`);
}

Deno.test({
  name: "words and options are told apart, in any order",
  permissions: "none",
  fn() {
    assertEquals(parseInvocation(command, ["--dry-run", "0x10", "-o", "json", "--facts=host.json"]), {
      words: ["0x10"],
      options: { output: "json", facts: "host.json", "dry-run": true },
    });
    assertEquals(parseInvocation(command, ["--", "--odd.yaml"]), { words: ["--odd.yaml"], options: {} });
    assertEquals(parseInvocation(command, ["1"]), { words: ["1"], options: {} });
    assertEquals(parseInvocation(command, ["-ojson", "--facts", "-", "-"]), {
      words: ["-"],
      options: { output: "json", facts: "-" },
    });
    assertEquals(parseInvocation(command, ["-o=json", "--", "--dry-run=no"]), {
      words: ["--dry-run=no"],
      options: { output: "json" },
    });
  },
});

const WRONG: readonly (readonly [readonly string[], string])[] = [
  [[], "plan needs PROFILE"],
  [["a", "b"], 'plan does not know what to do with "b"'],
  [["a", "--dryrun"], "The option --dryrun is not known. Did you mean --dry-run?"],
  [["a", "-x"], "The option -x is not known"],
  [["a", "-o", "jso"], '--output does not take "jso". Did you mean json?'],
  [["a", "--facts"], "--facts needs a value"],
  [["a", "--facts="], "--facts needs a value"],
  [["a", "--facts=1", "--facts=2"], "--facts is given 2 times"],
  [["a", "--dry-run=yes"], "--dry-run takes no value"],
  [["a", "--dry-run="], "--dry-run takes no value"],
  [["a", "-h=1"], "-h takes no value"],
  [["a", "-hx"], "-h takes no value"],
  [["a", "--facts", "--dry-run"], "--facts needs a value"],
  [["a", "-o", "-"], '--output does not take "-"'],
  [[""], "got an empty word"],
];

for (const [args, says] of WRONG) {
  Deno.test({
    name: `a usage problem is told: ${JSON.stringify(args)}`,
    permissions: "none",
    fn() {
      assertStringIncludes(problems(...args).join("\n"), says);
    },
  });
}

Deno.test({
  name: "no word behind a switch turns it off",
  permissions: "none",
  fn() {
    assertEquals(parseInvocation(command, ["--dry-run", "false"]), { words: ["false"], options: { "dry-run": true } });
  },
});

Deno.test({
  name: "each mistake is told once",
  permissions: "none",
  fn() {
    assertEquals([problems("a", "-ojso").length, problems("a", "-xyz").length, problems("a", "-h=1").length], [
      1,
      1,
      1,
    ]);
  },
});

Deno.test({
  name: "--color may stand before the command, in both forms",
  permissions: "none",
  fn() {
    const counts = [["plan"], ["--color", "always", "plan"], ["--color=x", "--color", "y", "plan"], ["--color"], []];
    assertEquals(counts.map(leadingArguments), [0, 2, 3, 1, 0]);
  },
});

Deno.test({
  name: "--help asks for no words",
  permissions: "none",
  fn() {
    assertEquals(parseInvocation(command, ["--help"]), { words: [], options: { help: true } });
    assertEquals(parseInvocation(command, ["-h"]), { words: [], options: { help: true } });
  },
});
