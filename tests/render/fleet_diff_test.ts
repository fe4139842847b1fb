import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Validator } from "@cfworker/json-schema";
import type { Diff } from "../../src/diff/diff.ts";
import { type FleetDiff, fleetDiffSchema, type FleetEntry } from "../../src/diff/fleet.ts";
import { fleetDiffMarkdown, fleetDiffText } from "../../src/render/fleet_diff.ts";
import { PLAIN } from "../../src/render/style.ts";

const LAYOUT = { style: PLAIN, width: 80 };

function diffOf(word: string): Diff {
  return {
    format: "warmboot.diff/1",
    from: { kind: "running", name: "@running" },
    to: { kind: "profile", name: "web.yaml" },
    same: false,
    certain: true,
    changes: [{ about: "cmdline", action: "add", to: { word, position: 1 } }],
    unchanged: ["kernel"],
    unknown: [],
    ignored: [],
  };
}

function fleetOf(entries: readonly FleetEntry[]): FleetDiff {
  const hosts = [...new Set(entries.map(({ host }) => host))];
  return {
    format: "warmboot.fleet-diff/1",
    hosts: hosts.map((name) => ({ name, capturedAt: "2026-11-28T21:10:00Z", bootId: "5b0e7c52" })),
    entries,
  };
}

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const FLEET = fleetOf([
  { profile: "db.yaml", host: "db1", state: "same" },
  { profile: "web.yaml", host: "web1", state: "differs", diff: diffOf("quiet") },
  { profile: "web.yaml", host: "web2", state: "differs", diff: diffOf("quiet") },
  { profile: "web.yaml", host: "web3", state: "differs", diff: diffOf("debug") },
  { profile: "new.yaml", host: "web1", state: "added", diff: diffOf("x"), problems: ["Before: it was not valid"] },
  { profile: "old.yaml", host: "web1", state: "removed" },
  { profile: "bad.yaml", host: "web1", state: "failed", problems: ["There is no kernel"] },
]);

test("a fleet's diff lists hosts with the same change together, and what does not change last", () => {
  const lines = fleetDiffText(FLEET, LAYOUT).split("\n");
  assertEquals(lines.filter((line) => /^\S+\.yaml /.test(line)), [
    "web.yaml changes on web1, web2",
    "web.yaml changes on web3",
    "new.yaml is new on web1",
    "old.yaml is gone from web1",
    "bad.yaml cannot be planned for web1",
    "db.yaml does not change on db1",
  ]);
  assertStringIncludes(lines.join("\n"), "\n  There is no kernel\n");
  assertEquals(lines.at(-2), "3 changed, 1 new, 1 gone, 1 failed, of 7 plans for 4 hosts");
  assertEquals(
    fleetDiffText(fleetOf([{ profile: "a", host: "b", state: "same" }]), LAYOUT).split("\n").at(-2),
    "No change, of 1 plan for 1 host",
  );
});

test("a fleet's diff follows its schema", () => {
  const validator = new Validator({ ...fleetDiffSchema() }, "7", false);
  assertEquals(validator.validate(JSON.parse(JSON.stringify(FLEET))).errors, []);
  const wrong = { ...FLEET, entries: [{ profile: "a", host: "b", state: "other" }] };
  assert(!validator.validate(wrong).valid);
});

test("a fleet's diff as Markdown says when each host was captured, and in which boot", () => {
  const markdown = fleetDiffMarkdown(FLEET);
  assertStringIncludes(markdown, "### `web.yaml` changes on `web1`, `web2`\n");
  assertStringIncludes(markdown, "- `web1` was captured at 2026-11-28T21:10:00Z, in boot `5b0e7c52`\n");
  assertEquals(markdown.includes("db.yaml"), false);
  const undated = fleetDiffMarkdown({ ...FLEET, hosts: [] });
  assertStringIncludes(undated, "- `web1` does not say when it was captured\n");
});

test("a fleet's diff as Markdown: foreign text is never markup", () => {
  const names = [
    "$(touch x)",
    "`a`",
    "``b``",
    "a|b",
    "<script>x</script>",
    "${{ secrets.A }}",
    "a\n::error::b",
    "@user",
  ];
  const markdown = fleetDiffMarkdown({
    ...fleetOf(
      names.map((name) => ({ profile: name, host: name, state: "differs", diff: diffOf(`x=${name}\n\`\`\`\n`) })),
    ),
    hosts: names.map((name) => ({ name, capturedAt: "2026-11-28T21:10:00Z", bootId: name })),
  });
  const markup = markdown.replaceAll(/^(`{3,})text\n[^]*?\n\1$/gm, "").replaceAll(/(`+)(?!`)[^]*?[^`]\1(?!`)/g, "");
  assertEquals(markup.match(/[<$`|@]|^::/m), null, markup);
});

test("a fleet's diff as Markdown fits a comment, and says what it leaves out", () => {
  const entries = Array.from({ length: 500 }, (_, index): FleetEntry => ({
    profile: `p${index}.yaml`,
    host: "web1",
    state: "differs",
    diff: diffOf(`x=${"y".repeat(400)}`),
  }));
  const markdown = fleetDiffMarkdown(fleetOf(entries));
  assert(markdown.length < 65_536);
  const [, more] = /^(\d+) more would make this too long, and are not shown\.$/m.exec(markdown) ?? [];
  const shown = markdown.match(/^### `p\d+\.yaml` changes on/gm)?.length ?? 0;
  assertEquals([shown > 50, shown + Number(more)], [true, 500]);
  // As much as there is room for, and in order: what does not fit ends it.
  const last = fleetDiffMarkdown(fleetOf([
    ...entries.slice(0, 100).map((entry): FleetEntry => ({ ...entry, diff: diffOf(`x=${"y".repeat(700)}`) })),
    { profile: "small.yaml", host: "web1", state: "removed" },
  ]));
  assertEquals(last.includes("small.yaml"), false);
  const one = fleetDiffMarkdown(fleetOf([
    { profile: "a.yaml", host: "web1", state: "removed" },
    { profile: "b.yaml", host: "web1", state: "differs", diff: diffOf(`x=${"y".repeat(60_000)}`) },
  ]));
  assertEquals([one.includes("a.yaml"), /^1 more would make this too long, and is not shown\.$/m.test(one)], [
    true,
    true,
  ]);
});

test("a fleet's diff names eight hosts one by one, and when these were captured", () => {
  const fleet = (count: number) =>
    fleetOf(Array.from({ length: count }, (_, index): FleetEntry => ({
      profile: "web.yaml",
      host: `web${index}`,
      state: "differs",
      diff: diffOf("quiet"),
    })));
  const head = (count: number) => fleetDiffText(fleet(count), { style: PLAIN, width: 200 }).split("\n")[0];
  const names = "web0, web1, web2, web3, web4, web5, web6, web7";
  assertEquals([head(8), head(9)], [`web.yaml changes on ${names}`, `web.yaml changes on ${names} and 1 more`]);
  const captured = (count: number) => fleetDiffMarkdown(fleet(count)).match(/^- `web\d+` was captured at/gm)?.length;
  assertEquals([captured(8), captured(9)], [8, undefined]);
  const { hosts, ...rest } = fleet(1);
  const undated = { ...rest, hosts: hosts.map(({ name }) => ({ name })) };
  assertStringIncludes(fleetDiffMarkdown(undated), "- `web0` does not say when it was captured\n");
});

test("why a side cannot be planned is said in each form", () => {
  const problems = ["There is no kernel", "Before: `x`", "a\u001b[2J"];
  const fleet = fleetOf([{ profile: "bad.yaml", host: "web1", state: "failed", problems }]);
  const [head, ...lines] = fleetDiffText(fleet, LAYOUT).split("\n");
  assertEquals([head, ...lines.slice(0, 3)], [
    "bad.yaml cannot be planned for web1",
    "  There is no kernel",
    "  Before: `x`",
    "  a␛[2J",
  ]);
  assertStringIncludes(fleetDiffMarkdown(fleet), "\n```text\nThere is no kernel\nBefore: `x`\na␛[2J\n```\n");
  assertEquals([head, fleetDiffMarkdown(fleet).split("\n")[0]], [
    "bad.yaml cannot be planned for web1",
    "**1 failed, of 1 plan for 1 host.**",
  ]);
});

test("what is not known, and what a side fails by, keeps hosts apart", () => {
  const entry = (host: string, more: Partial<FleetEntry>): FleetEntry => ({
    profile: "web.yaml",
    host,
    state: "differs",
    diff: diffOf("quiet"),
    ...more,
  });
  const unknown = [{ about: "initrd", side: "@running", what: "the initrds" }] as const;
  const heads = fleetDiffText(
    fleetOf([
      entry("a", {}),
      entry("b", { diff: { ...diffOf("quiet"), unknown } }),
      entry("c", { problems: ["Before: it was not valid"] }),
      entry("d", {}),
    ]),
    LAYOUT,
  ).split("\n").filter((line) => line.startsWith("web.yaml"));
  assertEquals(heads, ["web.yaml changes on a, d", "web.yaml changes on b", "web.yaml changes on c"]);
});
