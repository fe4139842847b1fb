import { assertEquals } from "@std/assert";
import { documentProblem, notProfile, ownDocument } from "../../src/app/own_document.ts";
import { readOwn } from "../../src/app/read_plan.ts";
import { JSON_VALUES_LIMIT } from "../../src/core/json_limits.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { planText } from "../../src/plan/plan.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** What a text is taken for: its format, why it cannot be read, or nothing. */
function taken(text: string): unknown {
  const own = ownDocument(bytesOf(text));
  if (own === undefined) return undefined;
  if (own.kind === "document") return own.format;
  const { code, message, position } = own.fault;
  return [own.format, code, message, position.line, position.column];
}

Deno.test({
  name: "a document of warmboot's is known by its format, in JSON and in YAML",
  permissions: "none",
  fn() {
    assertEquals(
      [
        '{"format": "warmboot.plan/1"}',
        ' \n{"a": {}, "format" : "warmboot.facts/12"}',
        "format: warmboot.status/1\n",
        "# a comment\n'format': 'warmboot.diff/1'\n",
      ].map(taken),
      ["warmboot.plan/1", "warmboot.facts/12", "warmboot.status/1", "warmboot.diff/1"],
    );
    assertEquals(
      [
        "version: 1\nkernel: /k\n",
        "version: 1\ndescription: 'format: warmboot.plan/1'\n",
        '{"description": "format: warmboot.plan/1"}',
        "- format: warmboot.plan/1\n",
        '{"a": {"format": "warmboot.plan/1"}}',
        "xformat: warmboot.plan/1\n",
        "format: warmboot.plan\n",
        "",
      ].map(taken),
      Array.from({ length: 8 }, () => undefined),
    );
  },
});

Deno.test({
  name: "a damaged document is known as well, unless it is a profile that quotes a format; where and why is said",
  permissions: "none",
  fn() {
    const plan = '"format": "warmboot.plan/1"';
    assertEquals(taken(`{${plan}, "a": 1, "b": {"c": 1, "c": 2}}`), [
      "warmboot.plan/1",
      "wrong-type",
      "A key occurs twice in one map",
      1,
      1,
    ]);
    assertEquals(taken(`{${plan}, "a": [{"c": 1}, {"c": 2}]}`), "warmboot.plan/1");
    const [format, code] = taken(`{${plan}`) as readonly unknown[];
    assertEquals([format, code], ["warmboot.plan/1", "wrong-type"]);
    assertEquals(taken(`{${plan}, "a": [${"0,".repeat(JSON_VALUES_LIMIT)}0]}`), [
      "warmboot.plan/1",
      "too-complex",
      "it has more than 250000 values",
      1,
      1,
    ]);
    assertEquals(taken(`{${plan}, "a": [${"0,".repeat(JSON_VALUES_LIMIT - 10)}0]}`), "warmboot.plan/1");
    assertEquals(taken("format: warmboot.plan/1\na: [\n"), [
      "warmboot.plan/1",
      "wrong-type",
      "deficient indentation",
      3,
      1,
    ]);
    assertEquals(taken("format: warmboot.plan/1\na: 1\na: 2\n"), [
      "warmboot.plan/1",
      "wrong-type",
      "Cannot store mapping pair: duplicated key at line 3, column 1:\n    a: 2\n    ^",
      1,
      1,
    ]);
    assertEquals(taken(`format: warmboot.plan/1\na: ${"x".repeat(1 << 20)}\n`), [
      "warmboot.plan/1",
      "too-large",
      "it is YAML of more than 1 MiB; write it with -o json",
      1,
      1,
    ]);
    assertEquals(taken("format: warmboot.plan/1\nversion: 1\na: [\n"), undefined);
    const fault = {
      code: "wrong-type",
      message: "A key",
      position: { file: "", line: 2, column: 3, length: 1 },
    } as const;
    assertEquals(documentProblem(fault, "plan", "a.json"), {
      code: "wrong-type",
      severity: "error",
      message: "The plan cannot be read: a key",
      position: { file: "a.json", line: 2, column: 3, length: 1 },
    });
  },
});

Deno.test({
  name: "a stored plan is read where one is welcome; each other document is named, with what takes it",
  permissions: "none",
  fn() {
    const { value: plan } = planBoot({
      profile: profileOf({}),
      facts: hostFacts(),
      images: images(),
      partDigests: PART_DIGESTS,
    });
    if (plan === undefined) throw new Error("Cannot plan");
    const text = planText(plan);
    const read = (of: string, welcome: boolean) => {
      const own = readOwn(bytesOf(of), "a.json", welcome);
      return own?.value ??
        own?.diagnostics.map((
          { code, message, hint, position },
        ) => [code, message, hint, `${position?.file}:${position?.line}`]);
    };
    assertEquals(read(text, true), plan);
    assertEquals(read(text, false), [[
      "wrong-type",
      "This is a stored plan, not a profile",
      "Load it with: warmboot load FILE",
      "a.json:1",
    ]]);
    assertEquals(notProfile(bytesOf(text), "a.json"), readOwn(bytesOf(text), "a.json", false)?.diagnostics[0]);
    for (const profile of ["version: 1\n", ""]) {
      assertEquals(read(profile, true), undefined);
      assertEquals(notProfile(bytesOf(profile), "a.json"), undefined);
    }
    const others = { none: "Give a profile", read: "No command reads it; give a profile" };
    for (
      const [kind, what, hint] of [
        ["facts", "a capture of a host", "Use it with a profile: warmboot plan PROFILE --facts FILE"],
        ["record", "the record of a load", "warmboot status reads it; give a profile"],
        ["status", "the output of warmboot status", others.read],
        ["check", "the output of warmboot check", others.read],
        ["diff", "the output of warmboot diff", others.read],
        ["matrix", "the output of warmboot plan --facts-dir", others.read],
        ["origin", "the output of warmboot check --origin", others.read],
        ["outcome", "the outcome of a command", others.read],
        ["install", "the manifest of an installation", others.read],
        ["other", "a document of the format warmboot.other/1", others.none],
      ]
    ) {
      const message = `This is ${what}, not a profile or a plan`;
      assertEquals(read(`{"format": "warmboot.${kind}/1"}`, true), [["wrong-type", message, hint, "a.json:1"]]);
    }
    assertEquals(read('{"format": "warmboot.plan/1", "a": 1, "a": 1}', true), [[
      "wrong-type",
      "The plan cannot be read: a key occurs twice in one map",
      undefined,
      "a.json:1",
    ]]);
    assertEquals(read(text.replace('"profile"', '"profil"'), true), [[
      "unknown-key",
      "Unknown key `profil`",
      "Did you mean `profile`?",
      "a.json:1",
    ]]);
    // Only the first problems are listed, and each has the hint.
    const missing = ["profile", "host", "call", "reasons", "checks"].map((key) => [
      "missing-key",
      `The key \`${key}\` is missing`,
      "Do not write a plan by hand: create it with warmboot plan PROFILE --out FILE",
      "a.json:1",
    ]);
    assertEquals(read('{"format": "warmboot.plan/2"}', true), [
      ["wrong-type", "`format` is not `warmboot.plan/1`", "Did you mean `warmboot.plan/1`?", "a.json:1"],
      ...missing,
    ]);
  },
});
