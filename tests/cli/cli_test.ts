import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type OutputUnit, Validator } from "@cfworker/json-schema";
import { join } from "@std/path";
import { parse } from "@std/yaml";
import { EXIT } from "../../src/core/program.ts";
import { sayChecked } from "../../src/cli/commands/status.ts";
import type { Sink } from "../../src/cli/ports.ts";
import { PLAIN } from "../../src/render/style.ts";
import type { HealthKind } from "../../src/state/health.ts";
import { COMMANDS } from "../../src/cli/table.ts";
import { bzImage } from "../image/build.ts";
import { run, runProcess, schemaOf } from "../support/run_cli.ts";

const folder = Deno.makeTempDirSync({ prefix: "warmboot-test-" });
const facts = new URL("../fixtures/hosts/bios-vm.json", import.meta.url).pathname;
const profile = write("web.yaml", "version: 1\nkernel: vmlinuz\ninitrd: initrd.img\ncmdline: root=/dev/vda ro\n");
write("vmlinuz", bzImage());
write("initrd.img", Deno.readFileSync(new URL("../fixtures/initrds/newc", import.meta.url)));

addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
  return path;
}

function assertValid(schema: string, text: string): void {
  const result = new Validator(schemaOf(schema), "7", false).validate(JSON.parse(text));
  assertEquals(result.errors.map((error: OutputUnit) => `${error.instanceLocation}: ${error.error}`), []);
}

Deno.test("a valid profile is valid, and the exit code is 0", async () => {
  const { code, stdout, stderr } = await run(["check", profile]);
  assertEquals([code, stdout, stderr], [0, `${profile}: valid\n`, ""]);
});

Deno.test("every problem of a profile is told at once, on standard error, with exit code 65", async () => {
  const bad = write("bad.yaml", "version: 1\nkernal: a\ncrash: maybe\n");
  const { code, stdout, stderr } = await run(["check", bad]);
  assertEquals([code, stdout], [EXIT.data.code, `${bad}: not valid\n`]);
  for (const place of [`${bad}:2:1: error`, `${bad}:3:8: error`]) assertStringIncludes(stderr, place);
});

Deno.test("check goes on after a bad file, and tells in JSON what its schema says", async () => {
  const bad = write("bad2.yaml", "version: 2\n");
  const { code, stdout } = await run(["check", bad, profile, join(folder, "none.yaml"), "-o", "json"]);
  assertEquals(code, EXIT.noinput.code);
  assertValid("check", stdout);
  assertEquals(JSON.parse(stdout).files.map((file: { valid: boolean }) => file.valid), [false, true, false]);
});

Deno.test("plan --facts needs read permission alone, and gives a plan that its schema describes", async () => {
  const { code, stdout, stderr } = await run(["plan", profile, "--facts", facts, "-o", "json"], ["--allow-read"]);
  assertEquals([code, stderr], [0, ""]);
  assertValid("plan", stdout);
  assertEquals(JSON.parse(stdout).call.kernel.path, join(folder, "vmlinuz"));
});

Deno.test("the same plan as YAML holds the same", async () => {
  const json = await run(["plan", profile, "--facts", facts, "-o", "json"]);
  const yaml = await run(["plan", profile, "--facts", facts, "-o", "yaml"]);
  assertEquals(parse(yaml.stdout, { schema: "json" }), JSON.parse(json.stdout));
});

Deno.test("a plan from this host's capture is, byte for byte, the plan made live", async () => {
  const captured = await run(["facts"]);
  assertValid("facts", captured.stdout);
  const live = await run(["plan", profile, "-o", "json"]);
  const offline = await run(["plan", profile, "-o", "json", "--facts", write("here.json", captured.stdout)]);
  assertEquals([offline.stdout, offline.code], [live.stdout, live.code]);
});

Deno.test("plan --out stores what it shows, whole or not at all", async () => {
  const out = join(folder, "web.plan.json");
  const { code, stderr } = await run(["plan", profile, "--facts", facts, "--out", out]);
  assertEquals([code, stderr], [0, `Stored in ${out}\n`]);
  assertValid("plan", Deno.readTextFileSync(out));
  const lost = await run(["plan", profile, "--facts", facts, "--out", join(folder, "no/such/folder.json")]);
  assertEquals(lost.code, EXIT.io.code);
  assertStringIncludes(lost.stderr, "Cannot write");
  assertEquals([...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".new")), []);
  // A new file is for its owner alone, since a plan shows addresses; one that is there keeps its mode.
  const modeOf = (path: string) => ((Deno.statSync(path).mode ?? 0) & 0o777).toString(8);
  assertEquals(modeOf(out), "600");
  Deno.chmodSync(out, 0o640);
  assertEquals((await run(["plan", profile, "--facts", facts, "--out", out])).code, 0);
  assertEquals(modeOf(out), "640");
  const capture = write("own.json", Deno.readTextFileSync(facts));
  const over = await run(["plan", profile, "--facts", capture, "--out", capture]);
  assertEquals([over.code, over.stdout, Deno.readTextFileSync(capture)], [64, "", Deno.readTextFileSync(facts)]);
  assertStringIncludes(over.stderr, `The plan would overwrite ${capture}, from which it is made`);
});

Deno.test("plan --out - prints the plan as it would be stored, and nothing else", async () => {
  const printed = async (...words: readonly string[]) =>
    (await run(["plan", profile, "--facts", facts, ...words])).stdout;
  const [json, yaml] = [await printed("-o", "json"), await printed("-o", "yaml")];
  for (const form of [[], ["-o", "json"], ["--brief"]]) {
    assertEquals(await printed("--out", "-", ...form), json, form.join(" "));
  }
  assertEquals(await printed("--out", "-", "-o", "yaml"), yaml);
  const out = join(folder, "web.plan.yaml");
  assertEquals(await printed("--out", out, "-o", "yaml"), yaml);
  assertEquals(Deno.readTextFileSync(out), yaml);
  assertMatch(yaml, /^format: warmboot\.plan\/1\n/);
});

Deno.test("a missing file is named, with exit code 66", async () => {
  const lost = write("lost.yaml", "version: 1\nkernel: vmlinus\n");
  const { code, stderr } = await run(["plan", lost, "--facts", facts]);
  assertEquals(code, EXIT.noinput.code);
  assertStringIncludes(stderr, join(folder, "vmlinus"));
  assertMatch(stderr, /`vmlinuz`\? Or capture it with the host/);
  const nowhere = await run(["plan", write("nowhere.yaml", "version: 1\nkernel: none/vmlinuz\n"), "--facts", facts]);
  assertMatch(nowhere.stderr, /The directory \S+none does not exist\. Or capture it/);
});

Deno.test("a failed check is exit code 69, and the plan is still shown", async () => {
  const script = write("script.yaml", "version: 1\nkernel: script.sh\ncmdline: ro\n");
  write("script.sh", "#!/bin/sh\nexit 0\n");
  const { code, stdout } = await run(["plan", script, "--facts", facts]);
  assertEquals(code, EXIT.unavailable.code);
  assertStringIncludes(stdout, "it is a script for /bin/sh");
  assertStringIncludes(stdout, "\n\nNot ready: kernel-image\n");
});

Deno.test("status gives metrics that end as OpenMetrics does, but not of a comparison", async () => {
  const { code, stdout } = await run(["status", "-o", "openmetrics"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^# TYPE warmboot_reboot_is_kexec gauge\nwarmboot_reboot_is_kexec [01]\n# EOF\n$/m);
  const both = await run(["status", "--booted", "web.yaml", "-o", "openmetrics"]);
  assertEquals([both.code, both.stdout], [64, ""]);
});

Deno.test("status --check prints a line for each image, and exits with the code of the worst", async () => {
  const codes: { readonly [kind: string]: number } = {
    ok: EXIT.ok.code,
    differs: EXIT.differs.code,
    "not-loaded": EXIT.notLoaded.code,
    "crash-missing": EXIT.crashMissing.code,
    "crash-stale": EXIT.crashStale.code,
    undetermined: EXIT.unavailable.code,
  };
  const { code, stdout } = await run(["status", "--check"]);
  const kinds = stdout.trimEnd().split("\n").map((line) => /^([a-z-]+): [A-Z]/.exec(line)?.[1] ?? "");
  assertEquals(code, Math.max(...kinds.map((kind) => codes[kind] ?? NaN)), stdout);
});

Deno.test({
  name: "the exit code of status --check is that of the worst image, wherever it is named",
  permissions: "none",
  fn() {
    const exitOf = (...kinds: readonly HealthKind[]): string => {
      let said = "";
      const sink: Sink = {
        layout: { style: PLAIN, width: 80 },
        isTerminal: false,
        write: (text) => void (said += text),
      };
      const images = kinds.map((kind) => ({ kind: "health", health: { kind, message: "Message" } }) as const);
      const exit = sayChecked(images, { out: sink, err: sink });
      assertEquals(said, kinds.map((kind) => `${kind}: Message\n`).join(""));
      return exit;
    };
    const kinds = ["ok", "differs", "not-loaded", "crash-missing", "crash-stale", "undetermined"] as const;
    assertEquals(kinds.map((kind) => exitOf(kind)), [
      "ok",
      "differs",
      "notLoaded",
      "crashMissing",
      "crashStale",
      "unavailable",
    ]);
    assertEquals([exitOf("crash-missing", "ok"), exitOf("ok", "crash-missing")], ["crashMissing", "crashMissing"]);
    assertEquals(exitOf("differs", "undetermined", "not-loaded"), "unavailable");
  },
});

Deno.test("status speaks as its schema says", async () => {
  const { code, stdout } = await run(["status", "-o", "json"]);
  assertEquals(code, 0);
  assertValid("status", stdout);
});

Deno.test({
  name: "every command has help that fits 80 columns, and shows it and the version without any permission",
  permissions: "none",
  async fn() {
    const version = await run(["--version"]);
    for (const { name } of COMMANDS) {
      const { code, stdout, stderr } = await run([name, "--help"]);
      assertEquals([code, stderr], [0, ""], name);
      assertEquals(stdout.split("\n").filter((line) => line.length > 80), [], name);
      assertStringIncludes(stdout, `warmboot ${name}`);
      assertEquals(await run([name, "--version"]), version);
    }
  },
});

Deno.test("as a process of its own, the program exits with the code, and writes where it should", async () => {
  const good = await runProcess(["--version"], []);
  assertMatch(good.stdout, /^warmboot \d+\.\d+\.\d+ \(deno .*\)\n$/);
  assertEquals([good.code, good.stderr], [0, ""]);
  const wrong = await runProcess(["pln"], []);
  assertEquals([wrong.code, wrong.stdout], [EXIT.usage.code, ""]);
  assertStringIncludes(wrong.stderr, "Did you mean plan?");
});

Deno.test("no command, an unknown command and an unknown option are usage errors with a way out", async () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[], "Usage"],
    [["pln", "x"], "Did you mean plan?"],
    [["plan", "x", "--fact", "y"], "Did you mean --facts?"],
    [["plan"], "plan requires PROFILE"],
    [["--fast"], "is not allowed before a command"],
    [["--verison", "check", profile], "Did you mean --version?"],
    [["--facts=x", "plan", profile], "Write it after the command: warmboot plan --facts=x"],
    [["check", profile, "--exec"], "It is an option of warmboot load"],
    [["--color=bogus", "check", profile], '--color does not accept "bogus"'],
    [["check", profile, "--color=bogus"], '--color does not accept "bogus"'],
    [["--version", "extra"], 'Unexpected argument "extra"'],
    [["help", "plan", "extra"], 'Unexpected argument "extra"'],
    [["help", "pln"], "Did you mean plan?"],
    [["load", profile, "--now"], "--exec --now"],
    [["schema", "plann"], "Did you mean plan?"],
    [["load", profile, "--dry"], "Did you mean --dry-run?"],
    [["load", profile, "--fo"], "Did you mean --force?"],
    [["-v"], "Did you mean --version?"],
    [["version"], "Did you mean --version?"],
    [["hlep"], "Did you mean help?"],
  ];
  for (const [args, says] of cases) {
    const { code, stderr, stdout } = await run(args);
    assertEquals([code, stdout], [EXIT.usage.code, ""], args.join(" "));
    assertStringIncludes(stderr, says);
  }
});

Deno.test("help and versions are asked for in place of a command, and with each command", async () => {
  const { stdout: all } = await run(["--help"]);
  assertStringIncludes(all, "Commands\n");
  assertEquals((await run(["-h"])).stdout, all);
  assertEquals((await run(["help"])).stdout, all);
  const { stdout: one } = await run(["plan", "--help"]);
  assertEquals((await run(["help", "plan"])).stdout, one);
  assertEquals((await run(["plan", "-h", profile])).stdout, one);
  const { stdout: versions } = await run(["--version"]);
  for (const args of [["check", "--version"], ["plan", profile, "--version"]]) {
    assertEquals(await run(args), { code: 0, stdout: versions, stderr: "" });
  }
});

Deno.test("colour is for terminals, unless it is asked for", async () => {
  const plain = await run(["check", profile]);
  assert(!plain.stdout.includes("\x1b["));
  assertStringIncludes((await run(["check", profile, "--color=always"])).stdout, "\x1b[");
  assertStringIncludes((await run(["--color", "always", "check", profile])).stdout, "\x1b[");
  // What follows `--` are files; of two choices, both are refused in the colours of the last.
  for (const words of [["--", "--color=always"], ["--", "--color=always", "--"]]) {
    assert(!(await run(["check", ...words])).stderr.includes("\x1b["));
  }
  assertStringIncludes((await run(["--color=never", "check", profile, "--color=always"])).stderr, "\x1b[");
  assertStringIncludes((await run(["check", profile, "--color", "always"], ["-A"], { NO_COLOR: "1" })).stdout, "\x1b[");
});

Deno.test({
  name: "what needs the live host says so when Deno may not read it",
  permissions: { read: true },
  async fn() {
    const own = ["exec", "unload", "unload --dry-run", "history", "arrive", "confirm", "depart"].map((line) =>
      line.split(" ")
    );
    for (const args of [["status"], ["facts"], ["plan", profile], ["load", profile], ...own]) {
      const { code, stderr } = await run(args);
      assertEquals(code, EXIT.permission.code, args.join(" "));
      assertMatch(stderr, /-A|Give Deno the permission/, args.join(" "));
    }
  },
});

Deno.test("a reader that goes away early is no defect", async () => {
  const child = new Deno.Command("sh", {
    args: ["-c", `"${Deno.execPath()}" run -A --quiet cli.ts facts | head -c 10; true`],
    stderr: "piped",
    stdout: "piped",
  });
  const { stderr } = await child.output();
  assertEquals(new TextDecoder().decode(stderr), "");
});

Deno.test("a complaint that cannot be written changes no exit code", async () => {
  const { code } = await new Deno.Command("sh", {
    args: ["-c", `exec "${Deno.execPath()}" run -A --quiet cli.ts explain none 2>/dev/full`],
    stdout: "null",
  }).output();
  assertEquals(code, EXIT.usage.code);
});

Deno.test("an invalid profile is diagnostics for a program, in the form of check", async () => {
  const bad = write("invalid.yaml", "version: 1\nkernal: a\ncrash: maybe\n");
  const { code, stdout, stderr } = await run(["plan", bad, "--facts", facts, "-o", "json"]);
  assertEquals(code, EXIT.data.code);
  for (const place of [`${bad}:2:1: error`, `${bad}:3:8: error`]) assertStringIncludes(stderr, place);
  assertValid("check", stdout);
  const { format, files } = JSON.parse(stdout);
  assertEquals([format, files[0].file, files[0].valid], ["warmboot.check/1", bad, false]);
  assert(files[0].diagnostics.length > 0);
  const yaml = await run(["plan", bad, "--facts", facts, "-o", "yaml"]);
  assertEquals([yaml.code, parse(yaml.stdout, { schema: "json" })], [EXIT.data.code, JSON.parse(stdout)]);
  for (const form of ["text", "svg", "markdown", "html"]) {
    const other = await run(["plan", bad, "--facts", facts, "-o", form]);
    assertEquals(other, { code, stdout: "", stderr }, form);
  }
});

Deno.test("--strict makes warnings errors of check and plan", async () => {
  const profiles = join(folder, "profiles");
  Deno.mkdirSync(profiles);
  write("profiles/web.yaml", "version: 1\nkernel: ../vmlinuz\ncmdline: ro\n");
  write("profiles/unused.yaml", "kernel: ../vmlinuz\n");
  const plain = write("plain.yaml", "version: 1\nkernel: vmlinuz\ncmdline: ro\n");
  // An image is loaded on that host already.
  const text = Deno.readTextFileSync(facts).replace('"/sys/kernel/kexec_loaded": "0', '"/sys/kernel/kexec_loaded": "1');
  const warned = ["plan", plain, "--facts", write("loaded.json", text)];
  const without = await Promise.all([run(["check", profiles]), run(warned)]);
  assertEquals(without.map(({ code }) => code), [0, 0], without[1]?.stdout);
  const strict = await Promise.all([
    run(["check", profiles, "--strict"]),
    run([...warned, "--strict"]),
    run(["check", profile, "--strict"]),
    run(["plan", plain, "--facts", facts, "--strict"]),
  ]);
  assertEquals(strict.map(({ code }) => code), [EXIT.data.code, EXIT.unavailable.code, 0, 0], strict[3]?.stdout);
  // A warning about the profile counts as well, and what fails without it fails with it.
  const comma = write("comma.yaml", "version: 1\nkernel: vmlinuz\ncmdline: ro, quiet\n");
  const script = write("strict.yaml", "version: 1\nkernel: strict.sh\ncmdline: ro\n");
  write("strict.sh", "#!/bin/sh\nexit 0\n");
  const codes = async (...args: readonly string[]) => [(await run(args)).code, (await run([...args, "--strict"])).code];
  assertEquals(await codes("plan", comma, "--facts", facts), [0, EXIT.unavailable.code]);
  assertEquals(await codes("plan", script, "--facts", facts), [EXIT.unavailable.code, EXIT.unavailable.code]);
  assertEquals(await codes("check", comma), [0, EXIT.data.code]);
  // Of several profiles, the highest code counts, in any order.
  const none = join(folder, "none.yaml");
  assertEquals(await codes("check", none, comma), [EXIT.noinput.code, EXIT.noinput.code]);
  assertEquals(await codes("check", comma, none), [EXIT.noinput.code, EXIT.noinput.code]);
});
