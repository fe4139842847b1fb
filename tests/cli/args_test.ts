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
    { name: "check", value: "deep", choices: ["deep"], optional: true, doc: "" },
  ],
  examples: [],
  exits: {},
  run: () => Promise.resolve("ok"),
};

function problems(...args: string[]): readonly string[] {
  const result = parseInvocation(command, args);
  return result.kind === "invocation" ? [] : result.problems.map(({ message, hint }) => `${message}. ${hint ?? ""}`);
}

Deno.test({
  name: "words and options are distinguished, in any order",
  permissions: "none",
  fn() {
    assertEquals(parseInvocation(command, ["--dry-run", "0x10", "-o", "json", "--facts=host.json"]), {
      kind: "invocation",
      words: ["0x10"],
      options: { output: "json", facts: "host.json", "dry-run": true },
    });
    assertEquals(parseInvocation(command, ["--", "--odd.yaml"]), {
      kind: "invocation",
      words: ["--odd.yaml"],
      options: {},
    });
    assertEquals(parseInvocation(command, ["1"]), { kind: "invocation", words: ["1"], options: {} });
    assertEquals(parseInvocation(command, ["-ojson", "--facts", "-", "-"]), {
      kind: "invocation",
      words: ["-"],
      options: { output: "json", facts: "-" },
    });
    assertEquals(parseInvocation(command, ["-o=json", "--", "--dry-run=no"]), {
      kind: "invocation",
      words: ["--dry-run=no"],
      options: { output: "json" },
    });
  },
});

Deno.test({
  name: "an option whose value is optional leaves the next word alone, and takes a value after = only",
  permissions: "none",
  fn() {
    const read = (...args: string[]) => parseInvocation(command, args);
    assertEquals(read("--check", "a"), { kind: "invocation", words: ["a"], options: { check: true } });
    assertEquals(read("--check", "--check", "deep"), { kind: "invocation", words: ["deep"], options: { check: true } });
    assertEquals(read("a", "--check=deep"), { kind: "invocation", words: ["a"], options: { check: "deep" } });
    assertEquals(problems("a", "--check="), ["--check requires a value. Write --check=deep"]);
    assertEquals(problems("a", "--check=deeper"), [
      '--check does not accept "deeper". Did you mean deep? The values are deep',
    ]);
    assertEquals(problems("a", "--check", "--check=deep"), ["--check is given 2 times. "]);
  },
});

const WRONG: readonly (readonly [readonly string[], string])[] = [
  [[], "plan requires PROFILE"],
  [["a", "b"], 'Unexpected argument "b" for plan'],
  [["a", "--dryrun"], "Unknown option --dryrun. Did you mean --dry-run?"],
  [["a", "-x"], "Unknown option -x"],
  [["a", "-o", "jso"], '--output does not accept "jso". Did you mean json?'],
  [["a", "--facts"], "--facts requires a value"],
  [["a", "--facts="], "--facts requires a value"],
  [["a", "--facts=1", "--facts=2"], "--facts is given 2 times"],
  [["a", "--dry-run=yes"], "--dry-run takes no value"],
  [["a", "--dry-run="], "--dry-run takes no value"],
  [["a", "-h=1"], "-h takes no value"],
  [["a", "-hx"], "-h takes no value"],
  [["a", "--facts", "--dry-run"], "--facts requires a value"],
  [["a", "-o", "-"], '--output does not accept "-"'],
  [["a", "--dry-run=no"], "--dry-run takes no value"],
  [["a", "--dry-run=true"], "--dry-run takes no value"],
  [["a", "--no-dry-run"], "Unknown option --no-dry-run"],
  [["a", "--no-facts=1"], "Unknown option --no-facts"],
  [["a", "--facts.a=1"], "Unknown option --facts.a"],
  [["a", "--constructor"], "Unknown option --constructor"],
  [["a", "--__proto__=1"], "Unknown option --__proto__"],
  [["a", "--=1"], "Unknown option --=1"],
  [["a", "-=1"], "Unknown option -=1"],
  [["a", "---facts=1"], "Unknown option ---facts"],
  [["a", "-1"], "Unknown option -1"],
  [["a", "-xo", "json"], "Unknown option -xo"],
  [["a", "-o"], "--output requires a value"],
  [["a", "-o="], "--output requires a value"],
  [["a", "-o", "-h"], "--output requires a value"],
  [["a", "-ojson", "--output", "json"], "--output is given 2 times"],
  [["a", "--out=json"], "Did you mean --output?"],
  [["a", "--facts", "--", "b"], "--facts requires a value"],
  [[""], "Empty argument for plan"],
  [["a", ""], "Empty argument for plan"],
];

for (const [args, says] of WRONG) {
  Deno.test({
    name: `a usage problem is reported: ${JSON.stringify(args)}`,
    permissions: "none",
    fn() {
      assertStringIncludes(problems(...args).join("\n"), says);
    },
  });
}

Deno.test({
  name: "no word after a switch turns it off",
  permissions: "none",
  fn() {
    assertEquals(parseInvocation(command, ["--dry-run", "false"]), {
      kind: "invocation",
      words: ["false"],
      options: { "dry-run": true },
    });
  },
});

/** What parseArgs would read in another way: numbers, truth values, dashes, equals signs, lines. */
const VALUES = ["1", "0x10", "1e3", "true", "false", "-", "a=b", "=", "a.b", "a\nb", " ", "_", "__proto__", "-x", "--"];

Deno.test({
  name: "a value is kept as it is written, in every form",
  permissions: "none",
  fn() {
    for (const value of VALUES) {
      for (const args of [[`--facts=${value}`], ...(/^-./.test(value) ? [] : [["--facts", value]])]) {
        assertEquals(parseInvocation(command, [...args, "a"]), {
          kind: "invocation",
          words: ["a"],
          options: { facts: value },
        });
      }
      assertEquals(parseInvocation(command, ["--", value]), { kind: "invocation", words: [value], options: {} });
    }
    for (const word of ["1", "0x10", "true", "false", "-", "a=b"]) {
      assertEquals(parseInvocation(command, [word, "--dry-run"]), {
        kind: "invocation",
        words: [word],
        options: { "dry-run": true },
      });
      assertEquals(parseInvocation(command, ["--dry-run", word]), {
        kind: "invocation",
        words: [word],
        options: { "dry-run": true },
      });
    }
  },
});

Deno.test({
  name: "an option that is not given is absent, and a switch may be repeated",
  permissions: "none",
  fn() {
    assertEquals(parseInvocation(command, ["a"]), { kind: "invocation", words: ["a"], options: {} });
    const twice = parseInvocation(command, ["a", "--dry-run", "--dry-run"]);
    assertEquals(twice, { kind: "invocation", words: ["a"], options: { "dry-run": true } });
  },
});

Deno.test({
  name: "each mistake is reported once, options before words",
  permissions: "none",
  fn() {
    assertEquals(problems("a", "b", "--facts", "--zebra").map((problem) => problem.split(" ").slice(0, 2).join(" ")), [
      "Unknown option",
      "--facts requires",
      "Unexpected argument",
    ]);
    assertEquals([problems("a", "-ojso").length, problems("a", "-xyz").length, problems("a", "-h=1").length], [
      1,
      1,
      1,
    ]);
  },
});

Deno.test({
  name: "--color may precede the command, in both forms",
  permissions: "none",
  fn() {
    const counts = [["plan"], ["--color", "always", "plan"], ["--color=x", "--color", "y", "plan"], ["--color"], []];
    assertEquals(counts.map(leadingArguments), [0, 2, 3, 1, 0]);
  },
});

Deno.test({
  name: "--help and --version ask for no words",
  permissions: "none",
  fn() {
    for (const [word, name] of [["--help", "help"], ["-h", "help"], ["--version", "version"]] as const) {
      assertEquals(parseInvocation(command, [word]), { kind: "invocation", words: [], options: { [name]: true } });
    }
  },
});

Deno.test({
  name: "the name of an unknown option is there to look for other commands that have it, unless one of its own is near",
  permissions: "none",
  fn() {
    const unknown = (word: string) => {
      const result = parseInvocation(command, ["a", word]);
      return result.kind === "invocation" ? [] : result.problems.map((problem) => problem.unknown);
    };
    assertEquals(["--exec", "--dryrun", "--fact", "-x", "--facts="].map(unknown), [
      ["exec"],
      [undefined],
      [undefined],
      [undefined],
      [undefined],
    ]);
  },
});
