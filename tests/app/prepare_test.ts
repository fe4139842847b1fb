import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { recordDeparture } from "../../src/app/departure.ts";
import { onlyRootWrites } from "../../src/app/files/writers.ts";
import { loadPlan } from "../../src/app/load.ts";
import { type PlanSource, prepare, prepareFrom, readSource, wantedBy } from "../../src/app/prepare.ts";
import { capturedHost, type ReadFacts, readFacts } from "../../src/app/read_facts.ts";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { MAX_BYTES } from "../../src/profile/limits.ts";
import { defineProfile, type ProfileInput } from "../../src/profile/define.ts";
import { openLibc } from "../../src/syscall/libc.ts";
import { CAPTURES } from "../host/fixture.ts";
import { bzImage } from "../image/build.ts";
import { openBelow } from "../support/descriptors.ts";
import { withEnvironment } from "../support/environment.ts";
import { loadableSystem } from "../support/loadable_system.ts";
import { withFiles } from "../support/temp_files.ts";

/** A profile whose diagnostics say that they were placed. */
function source(input: ProfileInput): PlanSource {
  const { value: profile, diagnostics } = defineProfile(input);
  assert(profile !== undefined, JSON.stringify(diagnostics));
  const place = (diagnostic: Diagnostic) => ({ ...diagnostic, message: `placed: ${diagnostic.message}` });
  return { kind: "profile", profile, files: [], place };
}

/** A captured host. */
function bios(): ReadFacts {
  const capture = CAPTURES.get("bios-vm");
  assert(capture !== undefined);
  return capturedHost(capture);
}

Deno.test("of a host that is not known, the files are looked at, closed, and what depends on it is not guessed", async () => {
  await withFiles({ vmlinuz: bzImage() }, async (root) => {
    const unknown: Diagnostic = { code: "facts-missing", severity: "error", message: "No host" };
    const said = async (kernel: string) => {
      using prepared = await prepareFrom(source({ kernel }), { diagnostics: [unknown] });
      return [prepared.plan, prepared.diagnostics.map(({ code }) => code)];
    };
    assertEquals(await said(join(root, "vmlinuz")), [undefined, ["facts-missing"]]);
    assertEquals(await said(join(root, "none")), [undefined, ["facts-missing", "file-missing"]]);
    assertEquals(await said(`${root}/none-\${release}`), [undefined, ["facts-missing"]]);
    assertEquals(openBelow(root), []);
  });
});

Deno.test("what is wrong with the files of a profile is said at its place in the profile", async () => {
  await withFiles({ vmlinuz: bzImage() }, async (root) => {
    const host = bios();
    const said = async (input: ProfileInput) => {
      using prepared = await prepareFrom(source(input), host);
      return prepared.diagnostics.map(({ message }) => message.startsWith("placed: "));
    };
    const kernel = join(root, "vmlinuz");
    assertEquals(await said({ kernel: join(root, "none") }), [true]);
    assertEquals(await said({ kernel: { path: kernel, profile: "one" } }), [true]);
    assertEquals(await said({ kernel, cmdline: { reuse: true, remove: "no-such-parameter" } }), [true]);
  });
});

Deno.test("a plan for another host does not heed the reboots of this one", async () => {
  using on = loadableSystem();
  const path = join(on.root, "web.yaml");
  await on.on(async () => {
    using outcome = await loadPlan(path);
    assertEquals(outcome.kind, "loaded");
  });
  const { facts } = on.on(() => readFacts(undefined));
  assert(facts !== undefined);
  const attempt = await on.on(() => recordDeparture("now", facts));
  assert(attempt !== undefined);
  const outcome = { end: "fell-back", why: "It came up", at: "2026-11-28T17:10:00Z", bootId: "later" };
  Deno.writeTextFileSync(
    join(on.root, "var/lib/warmboot/attempts", `${attempt.id}.json`),
    JSON.stringify({ ...attempt, outcome }),
  );
  const failed = async (isCaptured: boolean) =>
    await on.on(async () => {
      const { source: read } = readSource(path, true);
      assert(read !== undefined);
      const host = readFacts(undefined);
      const files = { images: undefined };
      using prepared = await prepareFrom(read, isCaptured ? { ...host, captured: files } : host);
      return prepared.plan?.checks.some(({ rule, status }) => rule === "attempt-failed" && status === "fail");
    });
  assertEquals([await failed(false), await failed(true)], [true, false]);
});

Deno.test("a memory limit of the environment that is none is told, and nothing is planned", async () => {
  await withFiles({ vmlinuz: bzImage() }, async (root) => {
    await withEnvironment({ WARMBOOT_MEMORY_LIMIT: "much" }, async () => {
      using prepared = await prepareFrom(source({ kernel: join(root, "vmlinuz"), cmdline: "ro" }), bios());
      assertEquals([prepared.plan, prepared.diagnostics.map(({ code }) => code)], [undefined, ["wrong-type"]]);
    });
  });
});

Deno.test("a profile is small; where a plan may be given, more is read, and still only a profile planned", async () => {
  const long = `version: 1\nkernel: /boot/vmlinuz\n${"#".repeat(MAX_BYTES)}\n`;
  await withFiles({ "long.yaml": long, "odd.yaml": "version: 1\nkernal: /boot/vmlinuz\n" }, async (root) => {
    const codes = (name: string, storedPlans: boolean) =>
      readSource(join(root, name), storedPlans).diagnostics.map(({ code }) => code);
    assertEquals([codes("long.yaml", false), codes("long.yaml", true)], [["too-large"], ["too-large"]]);
    const options = { facts: join(root, "none.json"), storedPlans: true };
    using prepared = await prepare(join(root, "odd.yaml"), options);
    // The host is not even looked at.
    assertEquals([prepared.plan, prepared.diagnostics.map(({ code }) => code)], [undefined, ["unknown-key"]]);
  });
});

Deno.test("the network of a host is only read for who carries it", async () => {
  const of = (input: ProfileInput) => wantedBy(source(input)).carry;
  assertEquals([of({ kernel: "/a" }), of({ kernel: "/a", initrd: "/b", carry: ["network"] })], [false, true]);
  await withFiles({ vmlinuz: bzImage() }, async (root) => {
    using prepared = await prepareFrom(source({ kernel: join(root, "vmlinuz"), cmdline: "ro" }), bios());
    const { plan } = prepared;
    assert(plan !== undefined);
    const carry = { network: { files: [], omitted: [] } };
    assertEquals([plan, { ...plan, carry }].map((each) => wantedBy({ kind: "plan", plan: each }).carry), [false, true]);
  });
});

Deno.test("before a load, all files of a stored plan are copied; of a profile, those that others could write", async () => {
  await withFiles({ vmlinuz: bzImage() }, async (root) => {
    const profile = source({ kernel: join(root, "vmlinuz"), cmdline: "ro" });
    using looked = await prepareFrom(profile, bios());
    const { plan, files: [file] } = looked;
    assert(plan !== undefined && file !== undefined);
    const isCopied = async (of: PlanSource) => {
      using prepared = await prepareFrom(of, bios(), { open: openLibc });
      return prepared.files.map(({ original }) => original !== undefined);
    };
    assertEquals(await isCopied({ kind: "plan", plan }), [true]);
    assertEquals(await isCopied(profile), [!onlyRootWrites(file)]);
  });
});
