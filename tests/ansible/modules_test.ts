/** The modules of contrib/ansible, with a program in place of warmboot. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Validator } from "@cfworker/json-schema";
import { join } from "@std/path";
import { Fleet, HAS_ANSIBLE, type HostState } from "./collection.ts";

const ROOT = join(import.meta.dirname ?? ".", "../..");

/** A host with this profile, and the test of it. */
function onHost(
  name: string,
  profile: string,
  fn: (fleet: Fleet) => Promise<void>,
  state: Partial<HostState> = {},
): void {
  Deno.test({
    name,
    ignore: !HAS_ANSIBLE,
    async fn() {
      using fleet = await Fleet.make();
      fleet.add("web1", profile, state);
      const before = fleet.state("web1");
      await fn(fleet);
      // Whatever `plan` says, it does nothing; those who load say so.
      if (!fleet.calls("web1").some((call) => call.startsWith("load"))) assertEquals(fleet.state("web1"), before);
    },
  });
}

for (const mode of [[], ["check"], ["diff"], ["check", "diff"]] as const) {
  onHost(`plan: something is to be done (${mode.join(" ") || "no mode"})`, "new", async (fleet) => {
    const result = await fleet.module("plan", "web1", {}, ...mode);
    assertEquals([result.changed, result.failed, result.current, result.ready], [true, undefined, false, true]);
    const plan = result.plan as { format: string; guard: { confirm: number }; call: { cmdline: string } };
    assertEquals([plan.format, plan.guard.confirm, plan.call.cmdline], ["warmboot.plan/1", 600, "new"]);
    assertEquals(result.diff?.prepared, mode.some((each) => each === "diff") ? "- old\n+ new\n" : undefined);
    assertStringIncludes(String(result.executable), "/fake/warmboot");
  });
}

onHost("plan: nothing is to be done, and a check that fails does not matter", "failing", async (fleet) => {
  const result = await fleet.module("plan", "web1", {}, "diff");
  assertEquals([result.changed, result.failed, result.current, result.ready], [false, undefined, true, false]);
  assertEquals([result.diff, result.warnings], [undefined, undefined]);
}, { running: "failing" });

onHost("plan: a check that fails is the message, and its plan is data", "failing", async (fleet) => {
  const result = await fleet.module("plan", "web1");
  assertEquals([result.changed, result.failed, result.ready], [false, true, false]);
  assertStringIncludes(result.msg ?? "", "web.yaml cannot be carried out: kexec is disabled [disabled]. Set it to 0");
  assert(result.plan !== undefined);
});

onHost("plan: a warning is one, and with `strict` a failure", "warning", async (fleet) => {
  const result = await fleet.module("plan", "web1");
  assertEquals([result.changed, result.failed], [true, undefined]);
  assertEquals(result.warnings, ["There is no console [console]"]);
  const strict = await fleet.module("plan", "web1", { strict: true });
  assertEquals([strict.failed, strict.ready], [true, false]);
  assertStringIncludes(strict.msg ?? "", "There is no console [console]");
});

onHost("plan: a profile that is invalid or missing is named with its place", "invalid", async (fleet) => {
  const result = await fleet.module("plan", "web1");
  assertEquals([result.failed, result.rc], [true, 65]);
  assertStringIncludes(result.msg ?? "", "web.yaml:1:1: Unknown key `kernl`");
  const missing = await fleet.module("plan", "web1", { profile: "/nowhere/web.yaml" });
  assertEquals([missing.failed, missing.rc], [true, 66]);
  assertStringIncludes(missing.msg ?? "", "/nowhere/web.yaml does not exist");
});

const FAILED = { plan: "70616e6963730000", outcome: { end: "fell-back" } };

onHost("plan: what fell back is refused, unless by `force`", "panics", async (fleet) => {
  const result = await fleet.module("plan", "web1");
  assertStringIncludes(result.msg ?? "", "The last reboot fell back [attempt-failed]");
  const forced = await fleet.module("plan", "web1", { force: true });
  assertEquals([forced.failed, forced.changed, forced.ready], [undefined, true, true]);
}, { attempts: [FAILED] });

onHost("plan: what cannot be determined is to be done, with a warning", "undetermined", async (fleet) => {
  const result = await fleet.module("plan", "web1");
  assertEquals([result.changed, result.current], [true, null]);
  assertStringIncludes(result.warnings?.join() ?? "", "Cannot determine whether the host has what");
});

onHost("plan: a crash kernel is there when it is loaded, whatever runs", "crash", async (fleet) => {
  assertEquals((await fleet.module("plan", "web1")).changed, true);
  assertEquals((await fleet.module("load", "web1")).changed, true);
  const again = await fleet.module("plan", "web1");
  assertEquals([again.changed, again.current], [false, true]);
});

onHost("plan: a text that is not written yet", "old", async (fleet) => {
  assertEquals((await fleet.module("plan", "web1")).changed, false);
  const result = await fleet.module("plan", "web1", { content: "new" }, "check", "diff");
  assertEquals([result.changed, result.diff?.prepared], [true, "- old\n+ new\n"]);
  assertEquals(fleet.calls("web1").slice(-3), ["plan -o json -", "status --booted - -o json", "diff - @running"]);
});

onHost("load: it is loaded once", "new", async (fleet) => {
  const checked = await fleet.module("load", "web1", {}, "check");
  assertEquals([checked.changed, checked.failed, fleet.state("web1").loaded], [true, undefined, null]);
  assertEquals(fleet.calls("web1"), ["load -o json --dry-run web.yaml"]);
  const loaded = await fleet.module("load", "web1", {}, "diff");
  assertEquals([loaded.changed, loaded.what, fleet.state("web1").loaded], [true, ["Loaded it"], "new"]);
  assertEquals(loaded.diff?.prepared, "- old\n+ new\n");
  for (const mode of [[], ["check"], ["diff"]]) {
    const again = await fleet.module("load", "web1", {}, ...mode);
    assertEquals([again.changed, again.failed, again.diff], [false, undefined, undefined]);
  }
  assertEquals((await fleet.module("load", "web1", { force: true })).changed, true);
});

onHost("load: a refused load fails in either mode, and nothing is loaded", "failing", async (fleet) => {
  for (const mode of [[], ["check"]]) {
    const result = await fleet.module("load", "web1", {}, ...mode);
    assertEquals([result.failed, result.changed, result.rc], [true, false, 69]);
    assertStringIncludes(result.msg ?? "", "kexec is disabled; nothing was loaded");
    assertEquals((result.why as readonly { code: string }[])[0]?.code, "disabled");
  }
  assertEquals(fleet.state("web1").loaded, null);
});

onHost("load: `strict` refuses what warns", "warning", async (fleet) => {
  assertEquals((await fleet.module("load", "web1", { strict: true })).failed, true);
  assertEquals((await fleet.module("load", "web1")).changed, true);
});

onHost("both: a host without warmboot says so", "new", async (fleet) => {
  for (const name of ["plan", "load"]) {
    const result = await fleet.module(name, "web1", { executable: "warmboot-not-there" });
    assertEquals(result.failed, true);
    assertStringIncludes(result.msg ?? "", 'Failed to find required executable "warmboot-not-there"');
  }
});

onHost("the fake warmboot prints what warmboot's schemas have", "panics", async (fleet) => {
  const loaded = await fleet.module("load", "web1");
  const outcome = { format: "warmboot.outcome/1", command: "load", dryRun: false, exit: 0, ...pick(loaded) };
  assertEquals(errorsOf("outcome", outcome), []);
  assertEquals(errorsOf("plan", (await fleet.module("plan", "web1")).plan), []);
  await fleet.ansible(join(import.meta.dirname ?? ".", "fake/ssh"), [
    "web1",
    "warmboot load --exec $WARMBOOT_FAKE/web.yaml",
  ]);
  const { said } = await fleet.ansible(join(import.meta.dirname ?? ".", "fake/ssh"), [
    "web1",
    "warmboot history -o json",
  ]);
  assertEquals(errorsOf("history", JSON.parse(said)), []);
  assertEquals(JSON.parse(said).attempts.length, 1);
});

function pick({ changed, what, why }: Record<string, unknown>): object {
  return { changed, what, why };
}

function errorsOf(schema: string, document: unknown): readonly unknown[] {
  const text = Deno.readTextFileSync(join(ROOT, `schema/${schema}.schema.json`));
  return new Validator(JSON.parse(text), "7", false).validate(document).errors;
}
