import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { type OutputUnit, Validator } from "@cfworker/json-schema";
import { parse } from "@std/yaml";
import { SCHEMAS } from "../../src/app/schemas.ts";
import { EXIT, type ExitName } from "../../src/core/program.ts";
import { type Action, withOutcome } from "../../src/cli/outcome.ts";
import { WriteError } from "../../src/app/files/write_whole.ts";
import type { Ports } from "../../src/cli/ports.ts";
import { complain, report, say } from "../../src/cli/report.ts";
import { PLAIN } from "../../src/render/style.ts";
import type { Outcome } from "../../src/render/outcome.ts";
import { StoreError } from "../../src/state/record_store.ts";
import { bzImage } from "../image/build.ts";
import { run } from "../support/run_cli.ts";

const folder = Deno.makeTempDirSync({ prefix: "warmboot-outcome-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** The document that a text is, which must be as the schema says. */
function outcomeOf(text: string): Outcome {
  const value = JSON.parse(text);
  const schema = JSON.parse(JSON.stringify(SCHEMAS.outcome?.()));
  const { errors } = new Validator(schema, "7", false).validate(value);
  assertEquals(errors.map((error: OutputUnit) => `${error.instanceLocation}: ${error.error}`), []);
  return value;
}

async function acted(act: Action, options: { readonly [name: string]: string | true } = { output: "json" }) {
  const written = { out: "", err: "" };
  const sink = (name: "out" | "err") => ({
    layout: { style: PLAIN, width: 80 },
    isTerminal: false,
    write: (text: string) => void (written[name] += text),
  });
  const ports: Ports = { out: sink("out"), err: sink("err") };
  const exit = await withOutcome("load", { words: [], options }, ports, act);
  return { exit, ...written };
}

Deno.test({
  name: "where standard output cannot be written, the command goes on, and what it did is on standard error",
  permissions: "none",
  async fn() {
    for (const output of ["text", "json"]) {
      let err = "";
      const layout = { style: PLAIN, width: 80 };
      const ports: Ports = {
        out: {
          layout,
          isTerminal: false,
          write: () => {
            throw new WriteError("Cannot write to standard output: No space left on device");
          },
        },
        err: { layout, isTerminal: false, write: (text) => void (err += text) },
      };
      const exit = await withOutcome("load", { words: [], options: { output } }, ports, (ports, onChange) => {
        onChange();
        ports.out.write("Loaded 6.12\n");
        say("Take it back with: warmboot unload", ports);
        return Promise.resolve("ok");
      });
      assertEquals(exit, "io");
      for (const line of ["error: Cannot write to standard output: ", "Loaded 6.12\n", "Take it back with: "]) {
        assertStringIncludes(err, line);
      }
    }
  },
});

Deno.test({
  name: "a failure to write is not forgotten for a later success, nor hides a graver one; a defect is not taken for it",
  permissions: "none",
  async fn() {
    const layout = { style: PLAIN, width: 80 };
    const full = new WriteError("Cannot write to standard output: No space left on device");
    const after = (fault: Error, exit: ExitName, output: string) => {
      const faults = [fault];
      const write = () => {
        const next = faults.pop();
        if (next !== undefined) throw next;
      };
      const ports: Ports = {
        out: { layout, isTerminal: false, write },
        err: { layout, isTerminal: false, write: () => {} },
      };
      return withOutcome("load", { words: [], options: { output } }, ports, (ports) => {
        ports.out.write("one\n");
        ports.out.write("two\n");
        return Promise.resolve(exit);
      });
    };
    for (const output of ["text", "json"]) {
      const exits = (["ok", "refused", "permission"] as const).map((exit) => after(full, exit, output));
      assertEquals(await Promise.all(exits), ["io", "io", "permission"], output);
      await assertRejects(() => after(new TypeError("defect"), "ok", output), TypeError, "defect");
    }
  },
});

Deno.test({
  name: "a result has what was done in lines, and each message as data and on standard error",
  permissions: "none",
  async fn() {
    const { exit, out, err } = await acted((ports, onChange) => {
      onChange();
      ports.out.write("Loaded 6.12\n");
      ports.out.write("a\nb\n");
      say("Recorded", ports);
      report([{
        code: "unknown-key",
        severity: "warning",
        message: "Unknown key",
        hint: "Remove it",
        position: { file: "web.yaml", line: 3, column: 2, length: 1 },
      }], ports);
      return Promise.resolve("ok");
    });
    assertEquals(exit, "ok");
    assertEquals(outcomeOf(out), {
      format: "warmboot.outcome/1",
      command: "load",
      dryRun: false,
      changed: true,
      exit: 0,
      what: ["Loaded 6.12", "a", "b"],
      why: [
        { severity: "info", message: "Recorded" },
        {
          severity: "warning",
          message: "Unknown key",
          hint: "Remove it",
          code: "unknown-key",
          file: "web.yaml",
          line: 3,
          column: 2,
        },
      ],
    });
    assertMatch(err, /^Recorded\nweb\.yaml:3:2: warning/);
  },
});

Deno.test({
  name: "a failure has a result too, and says that something was changed before it",
  permissions: "none",
  async fn() {
    const { exit, out } = await acted((_ports, onChange) => {
      onChange();
      throw new StoreError("Cannot write the record");
    });
    const { changed, exit: code, what, why } = outcomeOf(out);
    assertEquals([exit, changed, code, what], ["io", true, EXIT.io.code, []]);
    assertEquals(why, [{ severity: "error", message: "Cannot write the record" }]);
  },
});

Deno.test({
  name: "without -o, nothing is collected and errors are the caller's",
  permissions: "none",
  async fn() {
    const act: Action = (ports) => {
      ports.out.write("Loaded\n");
      complain("No", undefined, ports);
      return Promise.resolve("refused");
    };
    assertEquals(await acted(act, {}), { exit: "refused", out: "Loaded\n", err: "error: No\n" });
  },
});

Deno.test({
  name: "hostile text in messages is escaped, and stays one document",
  permissions: "none",
  async fn() {
    const hostile = '\u001b[2J\u009b\u202e"}\n{"changed": true}';
    const { out } = await acted((ports) => {
      complain(hostile, hostile, ports);
      return Promise.resolve("data");
    });
    // deno-lint-ignore no-control-regex
    assertEquals(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(out), false);
    assertEquals(outcomeOf(out).why, [{ severity: "error", message: hostile, hint: hostile }]);
    assertEquals(outcomeOf(out).changed, false);
  },
});

const REFUSALS: readonly (readonly [readonly string[], number, string])[] = [
  [["load", join(folder, "none.yaml")], EXIT.noinput.code, "file-missing"],
  [["refresh", join(folder, "none.yaml")], EXIT.noinput.code, "file-missing"],
];

for (const [args, code, diagnostic] of REFUSALS) {
  Deno.test(`${args[0]} of a missing file has a result with the exit code ${code}`, async () => {
    const text = await run(args);
    const json = await run([...args, "-o", "json"]);
    assertEquals([text.code, json.code, text.stdout], [code, code, ""]);
    const outcome = outcomeOf(json.stdout);
    assertEquals([outcome.command, outcome.changed, outcome.exit], [args[0], false, code]);
    assertEquals(outcome.why.map((message) => message.code), [diagnostic]);
    const yaml = await run([...args, "-o", "yaml"]);
    assertEquals(parse(yaml.stdout), outcome);
  });
}

Deno.test("a refused load names the checks that failed, as it does on standard error", async () => {
  const profile = join(folder, "script.yaml");
  Deno.writeTextFileSync(profile, "version: 1\nkernel: script.sh\ncmdline: ro\n");
  Deno.writeTextFileSync(join(folder, "script.sh"), "#!/bin/sh\nexit 0\n");
  const { code, stdout, stderr } = await run(["load", profile, "--dry-run", "-o", "json"]);
  const { dryRun, changed, exit, why } = outcomeOf(stdout);
  assertEquals([dryRun, changed, exit], [true, false, code]);
  assertEquals(why.some((message) => message.code === "kernel-image" && message.severity === "error"), true, stdout);
  assertStringIncludes(stderr, "it is a script for /bin/sh");
});

Deno.test("a refused load counts the checks that failed, not the warnings that are listed with them", async () => {
  const profile = join(folder, "silent.yaml");
  Deno.writeTextFileSync(
    profile,
    'version: 1\nkernel: script.sh\ninitrd: script.sh\ncmdline: ""\nload: kexec_file_load\n',
  );
  Deno.writeTextFileSync(join(folder, "script.sh"), "#!/bin/sh\nexit 0\n");
  const { stderr } = await run(["load", profile, "--dry-run"]);
  assertMatch(stderr, /^ {2}warn {2}cmdline-empty/m);
  const failed = stderr.match(/^ {2}FAIL /gm)?.length ?? 0;
  assertEquals(failed >= 2, true, stderr);
  assertEquals(stderr.trimEnd().split("\n").at(-1), `error: ${failed} checks of the plan failed; nothing was loaded`);
});

Deno.test("a refresh says whether it wrote a file, and as what it left the others", async () => {
  const root = join(folder, "root");
  const kernel = (release: string) =>
    Deno.writeFileSync(join(root, `boot/vmlinuz-${release}`), bzImage({ version: `${release} (x) #1 SMP` }));
  for (const path of ["boot", "etc/warmboot"]) Deno.mkdirSync(join(root, path), { recursive: true });
  kernel("6.1.0");
  const file = join(root, "etc/warmboot/next.yaml");
  const made = await run(["init", "--newest", "--follow", "--root", root, "--out", file]);
  assertEquals(made.code, 0, made.stderr);
  const refresh = async () => outcomeOf((await run(["refresh", "--root", root, "-o", "json"])).stdout);
  const first = await refresh();
  assertEquals([first.changed, first.what], [false, [`${file}: as it was, /boot/vmlinuz-6.1.0`]]);
  const slash = await run(["refresh", "--root", `${root}/`, "-o", "json"]);
  assertEquals(outcomeOf(slash.stdout).what, first.what);
  kernel("6.12.0");
  const second = await refresh();
  assertEquals([second.changed, second.what], [true, [`${file}: updated, /boot/vmlinuz-6.12.0`]]);
  const noInitrd = { severity: "info", message: "No initrd was found for it, nor for any other kernel" } as const;
  assertEquals([first.why, second.why], [[], [noInitrd]]);
  Deno.writeTextFileSync(join(root, "boot/initrd.img-6.12.0"), "070701");
  const withInitrd = await refresh();
  assertEquals([withInitrd.changed, withInitrd.why], [true, []]);
  Deno.removeSync(join(root, "boot/initrd.img-6.12.0"));
  await refresh();
  // A hook runs before a kernel is removed, which is still there then.
  const leaving = outcomeOf((await run(["refresh", "--root", root, "--without", "6.12.0", "-o", "json"])).stdout);
  assertEquals([leaving.changed, leaving.what], [true, [`${file}: updated, /boot/vmlinuz-6.1.0`]]);
  assertEquals((await refresh()).what, [`${file}: updated, /boot/vmlinuz-6.12.0`]);
  Deno.writeTextFileSync(file, `${Deno.readTextFileSync(file)}# by hand\n`);
  const third = await refresh();
  assertEquals([third.changed, third.exit, third.what], [false, EXIT.unavailable.code, []]);
  assertStringIncludes(third.why[0]?.message ?? "", `${file} was changed since it was written`);
  // Of several files, the worst counts, and the others are updated.
  Deno.removeSync(file);
  const two = [join(root, "etc/warmboot/a.yaml"), join(root, "etc/warmboot/c.yaml")];
  for (const out of two) await run(["init", "--newest", "--follow", "--root", root, "--out", out]);
  Deno.writeTextFileSync(join(root, "etc/warmboot/b.yaml"), Deno.readTextFileSync(two[0] ?? "").replace("ro", "rw"));
  kernel("6.13.0");
  const all = await refresh();
  assertEquals([all.changed, all.exit, all.what], [
    true,
    EXIT.unavailable.code,
    two.map((path) => `${path}: updated, /boot/vmlinuz-6.13.0`),
  ]);
  for (const release of ["6.1.0", "6.12.0", "6.13.0"]) Deno.removeSync(join(root, `boot/vmlinuz-${release}`));
  const none = outcomeOf((await run(["refresh", "--root", `${root}/`, two[0] ?? "", "-o", "json"])).stdout);
  assertEquals([none.changed, none.exit, none.why[0]?.hint], [false, EXIT.noinput.code, `${two[0]} stays as it is`]);
});

for (const command of ["unload", "exec"]) {
  Deno.test(`${command} --dry-run has the result of this host, and changes nothing`, async () => {
    const text = await run([command, "--dry-run"]);
    const json = await run([command, "--dry-run", "-o", "json"]);
    const { dryRun, changed, exit, what } = outcomeOf(json.stdout);
    assertEquals([dryRun, changed, exit], [true, false, text.code]);
    assertEquals(what.map((line) => `${line}\n`).join(""), text.stdout);
  });
}
