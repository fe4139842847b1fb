/** What `plan` and `diff` say of folders of captures. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { Validator } from "@cfworker/json-schema";
import { run, schemaOf } from "../support/run_cli.ts";

const EXAMPLE = join(import.meta.dirname ?? ".", "../../examples/gitops");
const HOSTS = join(EXAMPLE, "hosts");
const PROFILES = join(EXAMPLE, "profiles");
const folder = Deno.makeTempDirSync({ prefix: "warmboot-fleet-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

const WEB = Deno.readTextFileSync(join(PROFILES, "web.yaml"));
const HOST = Deno.readTextFileSync(join(HOSTS, "web1.json"));
for (
  const [name, text] of Object.entries({
    "base.yaml": Deno.readTextFileSync(join(PROFILES, "base.yaml")),
    "all/web.yaml": WEB.replace("base.yaml", "../base.yaml"),
    "all/db.yaml": Deno.readTextFileSync(join(PROFILES, "db.yaml")).replace("base.yaml", "../base.yaml"),
    "old/web.yaml": WEB.replace("base.yaml", "../base.yaml").replace("console=tty0, ", ""),
    "old/gone.yaml": WEB.replace("base.yaml", "../base.yaml"),
    "old/bad.yaml": "version: 1\nkernl: x\n",
    "new/web.yaml": WEB.replace("base.yaml", "../base.yaml"),
    "new/bad.yaml": WEB.replace("base.yaml", "../base.yaml"),
    "same/web.yaml": WEB.replace("base.yaml", "../base.yaml"),
    "more/web.yaml": WEB.replace("base.yaml", "../base.yaml"),
    "more/extra.yaml": WEB.replace("base.yaml", "../base.yaml"),
    "broken/web.yaml": "version: 1\nkernel: /no/such/kernel\n",
    "undated/web1.json": HOST.replace(/ {2}"capturedAt": .*\n/, ""),
    "loaded/web1.json": HOST.replace('"/sys/kernel/kexec_loaded": "0', '"/sys/kernel/kexec_loaded": "1'),
    "future/web1.json": HOST.replace(/"capturedAt": "\d{4}/, '"capturedAt": "9026'),
  })
) {
  Deno.mkdirSync(join(at(name), ".."), { recursive: true });
  Deno.writeTextFileSync(at(name), text);
}
Deno.mkdirSync(at("empty"));

Deno.test("diff --facts-dir: one folder is compared with what runs, each profile on the hosts that it is for", async () => {
  const { code, stdout } = await run(["diff", at("all"), "--facts-dir", HOSTS]);
  assertEquals(code, 1);
  assertEquals(stdout.match(/^\S+ changes\s+on\s+\w+$/gm)?.map((line) => line.replace(/\s+/g, " ")), [
    `${at("all")}/db.yaml changes on db1`,
    `${at("all")}/web.yaml changes on web1`,
  ]);
  assertMatch(stdout, /\n2 changed, of 2 plans for 2 hosts\n$/);
  const running = await run(["diff", "@running", at("all"), "--facts-dir", HOSTS]);
  assertEquals(running, { code, stdout, stderr: "" });
});

Deno.test("diff --facts-dir: two folders are compared by the names of their profiles", async () => {
  const { code, stdout } = await run(["diff", at("old"), at("new"), "--facts-dir", HOSTS, "-o", "json"]);
  assertEquals(code, 1);
  const fleet = JSON.parse(stdout);
  assertEquals(new Validator(schemaOf("fleet"), "7", false).validate(fleet).errors, []);
  assertEquals(
    fleet.entries.map(({ profile, host, state }: Record<string, string>) => [profile?.split("/").at(-1), host, state]),
    [["bad.yaml", "web1", "added"], ["gone.yaml", "web1", "removed"], ["web.yaml", "web1", "differs"]],
  );
  assertStringIncludes(fleet.entries[0].problems[0], "Before: ");
  assertEquals(fleet.hosts[0], {
    name: "db1",
    capturedAt: "2026-11-28T21:10:00Z",
    bootId: fleet.hosts[0].bootId,
  });
  const files = await run(["diff", at("old/web.yaml"), at("new/web.yaml"), "--facts-dir", HOSTS]);
  assertEquals([files.code, files.stdout.includes("+ console=tty0")], [1, true]);
});

Deno.test("diff --facts-dir: nothing changes is 0; what cannot be planned is 69, and where nothing was, all is new", async () => {
  assertEquals((await run(["diff", at("same"), at("same"), "--facts-dir", HOSTS])).code, 0);
  const broken = await run(["diff", at("broken"), "--facts-dir", HOSTS]);
  assertEquals(broken.code, 69);
  assertMatch(broken.stdout, /cannot be planned for\s+db1,\s+web1/);
  assertMatch((await run(["diff", at("empty"), at("same"), "--facts-dir", HOSTS])).stdout, /web\.yaml is new on web1/);
});

Deno.test("diff --facts-dir: a profile that is new, or gone, is a difference, though no other changes", async () => {
  for (const [before, after, state] of [["same", "more", "added"], ["more", "same", "removed"]] as const) {
    const { code, stdout } = await run(["diff", at(before), at(after), "--facts-dir", HOSTS, "-o", "json"]);
    const states = new Set(JSON.parse(stdout).entries.map((entry: { readonly state: string }) => entry.state));
    assertEquals([code, [...states].toSorted()], [1, ["same", state].toSorted()]);
  }
});

Deno.test("diff --facts-dir: a fault of the new side, or of a folder, has its own exit code", async () => {
  assertEquals((await run(["diff", at("new"), at("old"), "--facts-dir", HOSTS])).code, 65);
  assertEquals((await run(["diff", at("nowhere"), at("new"), "--facts-dir", HOSTS])).code, 66);
  assertEquals((await run(["diff", at("new"), "--facts-dir", at("empty")])).code, 65);
});

const WRONG: readonly (readonly [args: string, message: RegExp])[] = [
  ["diff new --facts-dir H -o svg", /-o svg cannot be combined with --facts-dir/],
  ["diff new --facts-dir H --facts F", /--facts cannot be combined with --facts-dir/],
  ["diff new @loaded --facts-dir H", /@loaded cannot be compared/],
  ["diff @running --facts-dir H", /nothing to compare @running with/],
  ["diff @default new --facts-dir H", /@default cannot be compared/],
  ["diff @running @running --facts-dir H", /nothing to compare @running with/],
  ["diff new --facts F --max-age soon", /--max-age does not accept "soon"/],
  ["diff new --facts-dir H --max-age 0d", /--max-age does not accept "0d"/],
  ["plan new --facts F --max-age soon", /--max-age does not accept "soon"/],
  ["plan new --facts-dir H --facts F", /--facts cannot be combined with --facts-dir/],
  ["plan new --facts-dir H --brief", /--brief cannot be combined with --facts-dir/],
  ["plan new new --facts F", /plan takes one profile, unless --facts-dir is given/],
  ["plan new --facts F", /plan takes one profile, unless --facts-dir is given/],
  ["diff new -o markdown", /-o markdown requires --facts-dir/],
  ["diff new --max-age 1d", /--max-age requires --facts/],
  ["plan new -o junit", /-o junit requires --facts-dir/],
  ["plan new --facts-dir H -o svg", /-o svg cannot be combined with --facts-dir/],
  ["plan new --max-age 1d", /--max-age requires --facts/],
  ["plan new --facts-dir H --max-age soon", /--max-age does not accept "soon"/],
];

for (const [line, message] of WRONG) {
  Deno.test(`options that do not go together: ${line}`, async () => {
    const args = line.split(" ").map((word) =>
      ({ H: HOSTS, F: join(HOSTS, "web1.json"), new: at("new") })[word] ?? word
    );
    const { code, stdout, stderr } = await run(args);
    assertEquals([code, stdout], [64, ""]);
    assertMatch(stderr, message);
  });
}

Deno.test("--max-age names captures that are too old or do not say, and with --strict that is a failure", async () => {
  const plan = ["plan", at("same"), "--facts-dir"];
  assertEquals((await run([...plan, HOSTS, "--max-age", "9999d"])).stderr, "");
  for (const [name, says] of [["undated", "does not say when"], ["future", "in the future"]] as const) {
    const warned = await run([...plan, at(name), "--max-age", "30d"]);
    assertEquals([warned.code, warned.stderr.includes(says)], [0, true], warned.stderr);
    assertEquals((await run([...plan, at(name), "--max-age", "30d", "--strict"])).code, 69);
    assertEquals((await run([...plan, at(name), "--strict"])).code, 0);
    const one = ["--facts", join(at(name), "web1.json"), "--max-age", "30d"];
    for (const [command, code, strict] of [["plan", 0, 69], ["diff", 1, undefined]] as const) {
      const old = await run([command, at("same/web.yaml"), ...one]);
      assertMatch(old.stderr, /\[facts-old\]/);
      assertEquals(old.code, code);
      if (strict !== undefined) {
        assertEquals((await run([command, at("same/web.yaml"), ...one, "--strict"])).code, strict);
      }
    }
  }
});

Deno.test("plan --facts-dir --strict: a plan with a warning is a failure", async () => {
  const codes = async (hosts: string) => {
    const plan = ["plan", at("same"), "--facts-dir", hosts];
    return [(await run(plan)).code, (await run([...plan, "--strict"])).code];
  };
  assertEquals([await codes(HOSTS), await codes(at("loaded"))], [[0, 0], [0, 69]]);
});

Deno.test("plan --facts-dir -o junit and markdown give the matrix, -o html a page with its plans", async () => {
  const junit = await run(["plan", PROFILES, "--facts-dir", HOSTS, "-o", "junit"]);
  assertEquals(junit.code, 0);
  assertMatch(
    junit.stdout,
    /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites name="warmboot plan" tests="4" failures="0"/,
  );
  const markdown = await run(["plan", PROFILES, "--facts-dir", HOSTS, "-o", "markdown"]);
  assertStringIncludes(markdown.stdout, "|  | `db1` | `web1` |\n");
  const page = await run(["plan", PROFILES, "--facts-dir", HOSTS, "-o", "html"]);
  assertMatch(page.stdout, /^<!DOCTYPE html>\n[^]*<title>2 profiles on 2 hosts - warmboot review<\/title>/);
});

Deno.test("plan --facts-dir --out stores what is shown, without colours, and never in place of what it is made from", async () => {
  Deno.mkdirSync(at("own"));
  Deno.copyFileSync(join(HOSTS, "web1.json"), at("own/web1.json"));
  const plan = ["plan", at("same"), "--facts-dir", at("own")];
  for (const input of [at("same/web.yaml"), at("own/web1.json")]) {
    const before = Deno.readTextFileSync(input);
    for (const form of ["text", "json", "html"]) {
      const { code, stderr } = await run([...plan, "-o", form, "--out", input]);
      assertEquals([code, stderr.includes(`${input}, from which it is made`)], [64, true], stderr);
    }
    assertEquals(Deno.readTextFileSync(input), before);
  }
  const shown = await run(plan);
  const stored = await run([...plan, "--out", at("matrix.txt"), "--color", "always"]);
  assertEquals([stored.code, stored.stdout, Deno.readTextFileSync(at("matrix.txt"))], [shown.code, "", shown.stdout]);
  assertStringIncludes(stored.stderr, `Stored in ${at("matrix.txt")}`);
  assertEquals((await run([...plan, "--out", "-"])).stdout, shown.stdout);
});

Deno.test("a capture says when it was taken", async () => {
  const { stdout } = await run(["facts"]);
  const taken = Date.parse(JSON.parse(stdout).capturedAt);
  assertEquals(Math.abs(Date.now() - taken) < 600_000, true, stdout.slice(0, 200));
  assertMatch((await run(["facts", "-o", "yaml"])).stdout, /^format: warmboot\.facts\/1\ncapturedAt: /);
  assertMatch(
    (await run(["facts", "--redact"])).stdout,
    /^\{\n {2}"format": "warmboot\.facts\/1",\n {2}"redacted": true,\n {2}"capturedAt": "/,
  );
});
