import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import type { NoCleanWay } from "../../src/app/ask_init.ts";
import { recordDeparture } from "../../src/app/departure.ts";
import { compareBooted } from "../../src/app/booted.ts";
import { checkLoaded } from "../../src/app/check_loaded.ts";
import { canReboot, execLoaded, oldSystemd, readyToExec, type RebootWay, systemdTooOld } from "../../src/app/exec.ts";
import type { Secret } from "../../src/app/run_secretly.ts";
import { type LoadEvents, type LoadOptions, loadPlan } from "../../src/app/load.ts";
import { isFileThere } from "../../src/app/installed_kernels.ts";
import { readFacts } from "../../src/app/read_facts.ts";
import { status } from "../../src/app/status.ts";
import { planUnload, unload } from "../../src/app/unload.ts";
import type { AttemptOutcome } from "../../src/state/attempt.ts";
import { findRecord, lockStore } from "../../src/state/record_store.ts";
import { CAPTURES } from "../host/fixture.ts";
import { bzImage } from "../image/build.ts";
import { cpio } from "../image/build_elf.ts";
import { type FailingSystem, withPrograms } from "../support/failing_system.ts";
import { loadableSystem as system, RESERVATION, WATCHDOG } from "../support/loadable_system.ts";
import { packedKernel, vmlinux } from "../support/small_kernel.ts";

const NOW = { kind: "now" } as const;
const SYSTEMD = { kind: "ask", init: "systemd", command: ["systemctl", "kexec"], hook: false } as const;
const ROUND_TRIP = { kind: "round-trip" } as const;

/** A way in one word. */
function shown(way: RebootWay | NoCleanWay | undefined): string | undefined {
  return way?.kind === "ask" ? way.init : way?.kind;
}

/** Whether and how what is loaded can be run, with the way in one word. */
function ready(on: FailingSystem, now = false): unknown {
  const found = on.on(() => readyToExec(now));
  return found.kind === "ready" ? { ...found, way: shown(found.way) } : found;
}

/** How a load of a profile ended, with what the caller heard. */
async function load(
  on: FailingSystem,
  name: string,
  options: LoadOptions = {},
  fault?: Parameters<FailingSystem["on"]>[1],
) {
  const heard: string[] = [];
  const events: LoadEvents = {
    onJudged: (diagnostics, plan) => heard.push(`judged ${plan?.profile}: ${diagnostics.map(({ code }) => code)}`),
    onChange: () => heard.push("changed"),
    onWait: (text) => heard.push(text),
    onWarning: (text) => heard.push(text),
  };
  return await on.on(async () => {
    using outcome = await loadPlan(join(on.root, `${name}.yaml`), options, events);
    const { found } = findRecord("reboot");
    return {
      kind: outcome.kind as string,
      way: "task" in outcome ? shown(outcome.task.way) : undefined,
      holds: outcome.store !== undefined,
      heard,
      image: on.image,
      record: found.kind === "record" ? found.record.plan.profile : found.kind,
    };
  }, fault);
}

const JUDGED = { way: "systemd", holds: true } as const;

Deno.test("an image is loaded once, recorded, and loaded again only where it is another one or is forced", async () => {
  using on = system();
  const loaded = { kind: "loaded", ...JUDGED, heard: ["judged web: ", "changed"], image: "ro", record: "web" };
  assertEquals(await load(on, "web"), loaded);
  assertEquals(await load(on, "web"), { ...loaded, kind: "already", holds: false, heard: ["judged undefined: "] });
  assertEquals(await load(on, "web", { force: true }), loaded);
  assertEquals(await load(on, "other"), {
    ...loaded,
    heard: ["judged other: ", "changed"],
    image: "rw",
    record: "other",
  });
});

Deno.test("what another warmboot did before the lock was taken counts, even where nobody was waited for", async () => {
  const limit = "/proc/sys/kernel/kexec_load_limit_reboot";
  using on = system({ [limit]: "2\n" });
  await load(on, "web");
  const path = join(on.root, "run/warmboot/reboot.json");
  const record = Deno.readTextFileSync(path);
  /** Loads `web` on a host where nothing is loaded; the other one does what it does after the first judgement. */
  const meanwhile = async (other: () => void) => {
    await on.on(() => unload(false));
    let judged = 0;
    const onJudged = () => {
      if (++judged === 1) other();
    };
    const outcome = await on.on(async () => {
      using outcome = await loadPlan(join(on.root, "web.yaml"), {}, { onJudged });
      return { kind: outcome.kind, holds: outcome.store !== undefined };
    });
    return { ...outcome, judged, image: on.image };
  };
  const again = { holds: true, judged: 2 };
  // It loaded the very image.
  const same = () => {
    on.image = "ro";
    Deno.writeTextFileSync(path, record);
  };
  assertEquals(await meanwhile(same), { kind: "already", ...again, image: "ro" });
  // It loaded another one, and with that took the last load that the kernel allows.
  const last = () => {
    on.image = "rw";
    Deno.writeTextFileSync(path, record.replaceAll('"ro"', '"rw"'));
    Deno.writeTextFileSync(join(on.root, limit), "0\n");
  };
  assertEquals(await meanwhile(last), { kind: "checks-failed", ...again, image: "rw" });
  // It did nothing: one look is enough.
  Deno.writeTextFileSync(join(on.root, limit), "2\n");
  assertEquals(await meanwhile(() => {}), { kind: "loaded", holds: true, judged: 1, image: "ro" });
});

Deno.test("`exec` and `now` say how the image would be run, and rule out what cannot be", async () => {
  using on = system({}, { crash: "crash: true" });
  assertEquals((await load(on, "web", { exec: true, now: true })).way, "now");
  assertEquals((await load(on, "web", { exec: true })).way, "systemd");
  assertEquals(await load(on, "crash", { exec: true }), {
    kind: "crash-exec",
    way: undefined,
    holds: false,
    heard: ["judged undefined: "],
    image: "ro",
    record: "web",
  });
});

Deno.test("warnings stop a load only where `strict` says so, and failed checks always do", async () => {
  using on = system({}, { odd: "cmdline: quiet\ninitrd: /boot/one.img", long: `cmdline: ${"x".repeat(3000)}` });
  assertEquals((await load(on, "odd", { strict: true })).kind, "warned");
  assertEquals(on.image, undefined);
  assertEquals((await load(on, "odd")).kind, "loaded");
  const refused = await load(on, "long");
  assertEquals([refused.kind, refused.image, refused.record], ["checks-failed", "quiet", "odd"]);
});

Deno.test("what is loaded already is neither checked again nor held back by a warning; force lifts no other check", async () => {
  const limit = "/proc/sys/kernel/kexec_load_limit_reboot";
  using on = system({ [limit]: "2\n" }, {
    odd: "cmdline: quiet\ninitrd: /boot/one.img",
    comma: 'cmdline: ["a,", b]',
  });
  // What is strange in the profile itself is a warning as well.
  assertEquals((await load(on, "comma", { strict: true })).kind, "warned");
  assertEquals((await load(on, "odd")).kind, "loaded");
  Deno.writeTextFileSync(join(on.root, limit), "0\n");
  assertEquals((await load(on, "odd", { strict: true })).kind, "already");
  assertEquals((await load(on, "web", { force: true })).kind, "checks-failed");
});

Deno.test("while another warmboot loads an image, what is recorded says nothing: it is waited for", async () => {
  using on = system();
  await load(on, "web");
  const outcome = await on.on(async () => {
    const { found } = findRecord("reboot");
    assert(found.kind === "record");
    const other = await lockStore();
    other.prepare("reboot", found.record);
    let waited = 0;
    const onWait = () => {
      waited++;
      other.discard("reboot");
      other[Symbol.dispose]();
    };
    using outcome = await loadPlan(join(on.root, "web.yaml"), {}, { onWait });
    return [outcome.kind, outcome.store !== undefined, waited];
  });
  assertEquals(outcome, ["already", true, 1]);
});

Deno.test("what the init system cannot do at the end of the shutdown rules out `exec`, and not the load", async () => {
  using on = system({
    ...WATCHDOG,
    "/proc/1/comm": "openrc-init\n",
    "/run/openrc/softlevel": "default\n",
  }, { device: "unbind: ['driver:e1000']", guarded: "cmdline: quiet\nguard: { watchdog: 2min }" });
  Deno.removeSync(join(on.root, "run/systemd/system"));
  await new Deno.Command("mkfifo", { args: [join(on.root, "run/openrc/init.ctl")] }).output();
  const ways = async (name: string) => {
    const { kind } = await load(on, name, { exec: true });
    const { kind: plain, way } = await load(on, name, { force: true });
    return [kind, plain, way];
  };
  assertEquals(await ways("web"), ["loaded", "loaded", "openrc-init"]);
  // Without the hook, openrc-init jumps by itself, and does neither.
  assertEquals(await ways("device"), ["no-clean-way", "loaded", "no-clean-way"]);
  assertEquals(await ways("guarded"), ["no-clean-way", "loaded", "no-clean-way"]);
});

Deno.test("systemd is asked for the watchdog of an image that was loaded, and for none of a crash image", async () => {
  using on = system({ ...RESERVATION, ...WATCHDOG }, {
    crash: "crash: true",
    guarded: "cmdline: quiet\nguard: { watchdog: 2min }",
  });
  const asked = (name: string, fault?: Parameters<FailingSystem["on"]>[1]) =>
    withPrograms({ stdout: "t 0\n" }, async () => {
      const { kind } = await load(on, name, {}, fault);
      return [kind, ...on.started.flatMap((args) => args.split(" KExecWatchdogUSec").slice(1))];
    });
  const refusing = { name: "libc kexec_file_load", path: "", turn: 0, errno: "EACCES" } as const;
  assertEquals(await asked("guarded", refusing), ["refused"]);
  assertEquals(await asked("guarded"), ["loaded", "", " t 120000000"]);
  assertEquals(await asked("crash"), ["loaded"]);
  assertEquals(await asked("web"), ["loaded", " t 0"]);
});

Deno.test("a refused load leaves no record half done, and says what became of the crash kernel", async () => {
  using on = system(RESERVATION, { crash: "crash: true" });
  const fault = { name: "libc kexec_file_load", path: "", turn: 0, errno: "EACCES" } as const;
  const refused = async (name: "crash" | "web") => {
    let changed = 0;
    const [kind, crashKernel] = await on.on(async () => {
      const onChange = () => void changed++;
      using outcome = await loadPlan(join(on.root, `${name}.yaml`), { force: true }, { onChange });
      return [outcome.kind, "crashKernel" in outcome ? outcome.crashKernel : undefined];
    }, fault);
    const { found } = on.on(() => findRecord(name === "crash" ? "crash" : "reboot"));
    return [kind, crashKernel, changed, found.kind];
  };
  assertEquals(await refused("crash"), ["refused", "none", 0, "none"]);
  assertEquals(await refused("web"), ["refused", "kept", 0, "none"]);
  assertEquals([(await load(on, "web")).kind, (await load(on, "crash")).kind], ["loaded", "loaded"]);
  assertEquals(await refused("web"), ["refused", "kept", 0, "record"]);
  assertEquals(await refused("crash"), ["refused", "dropped", 1, "none"]);
});

Deno.test("a crash image has a record of its own, which says what it describes and not how it starts", async () => {
  using on = system(RESERVATION, { crash: "crash: true" });
  assertEquals((await load(on, "web")).kind, "loaded");
  assertEquals((await load(on, "crash")).kind, "loaded");
  assertEquals([(await load(on, "crash")).kind, (await load(on, "web")).kind], ["already", "already"]);
  const { facts } = on.on(() => readFacts(undefined));
  const records = on.on(() => [findRecord("reboot").found, findRecord("crash").found]);
  const said = records.map((found) => {
    assert(found.kind === "record");
    const { kernel, described, bootId } = found.record;
    return [kernel !== undefined, described !== undefined, bootId === facts?.bootId];
  });
  assertEquals(said, [[true, false, true], [false, true, true]]);
});

Deno.test("a file that is missing, or a host that cannot be read, is no plan; nothing is loaded", async () => {
  using on = system({}, { gone: "initrd: /boot/gone.img" });
  assertEquals(await load(on, "gone"), {
    kind: "unplanned",
    way: undefined,
    holds: false,
    heard: ["judged undefined: file-missing"],
    image: undefined,
    record: "none",
  });
});

Deno.test("in a container nothing is loaded that could not be run from there", async () => {
  using on = system({ "/proc/self/ns/pid": "pid:[4026532000]\n" });
  assertEquals((await load(on, "web", { exec: true, now: true })).kind, "pid-namespace");
  assertEquals(on.image, undefined);
  assertEquals((await load(on, "web", { now: true })).kind, "loaded");
  const { facts } = on.on(() => readFacts(undefined));
  assert(facts !== undefined);
  assertEquals([SYSTEMD, NOW, ROUND_TRIP].map((way) => canReboot(way, facts)), [true, false, false]);
  on.image = "foreign";
  assertEquals(ready(on, true), { kind: "pid-namespace" });
  assertEquals(ready(on), { kind: "ready", way: "systemd" });
});

Deno.test("exec runs what is loaded through systemd, or at once; how systemd answers is passed on", async () => {
  using on = system();
  assertEquals(ready(on), { kind: "nothing-loaded" });
  await load(on, "web");
  assertEquals(ready(on), { kind: "ready", way: "systemd" });
  assertEquals(ready(on, true), { kind: "ready", way: "now" });
  const ask = (code: number | undefined) => withPrograms({ code }, () => on.on(() => execLoaded(SYSTEMD)));
  assertEquals(await ask(0), { kind: "asked" });
  assertEquals(on.started, ["kexec"]);
  assertEquals(await ask(5), { kind: "init-failed", command: "systemctl kexec", code: 5, text: "" });
  assertEquals(await ask(undefined), {
    kind: "init-missing",
    command: "systemctl kexec",
    reason: "No such file or directory",
  });
  // The imitated call returns at once, as that of a payload which another program loaded.
  const returned = await on.on(() => execLoaded(NOW, { onReturn: (_, once) => assertEquals(once, false) }));
  assertEquals([returned.kind, "once" in returned && returned.once], ["returned", false]);
  const refused = await on.on(() => execLoaded(NOW), { name: "libc reboot", path: "", turn: 0, errno: "EINTR" });
  assertEquals(refused.kind === "refused" && refused.error.message.includes("EINTR"), true);
});

const PAYLOAD_HOST = {
  "/proc/sys/kernel/osrelease": "6.14.0-1-amd64\n",
  "/boot/config-6.14.0-1-amd64": "CONFIG_KEXEC_CORE=y\nCONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_JUMP=y\n",
};
const RETURNS = `preserve_context: true
entry: 0x4000000
segments: [{ name: payload, at: 0x4000000, size: 4KiB, hex: c3 }]`;

/** Loads a payload that returns, on a host of a release. */
async function payload(release: string): Promise<FailingSystem> {
  const on = system({
    "/proc/sys/kernel/osrelease": `${release}\n`,
    [`/boot/config-${release}`]: PAYLOAD_HOST["/boot/config-6.14.0-1-amd64"],
  });
  Deno.writeTextFileSync(join(on.root, "payload.yaml"), `version: 1\n${RETURNS}\n`);
  const loaded = await load(on, "payload");
  assertEquals([loaded.kind, loaded.way], ["loaded", "round-trip"]);
  return on;
}

Deno.test("a payload that returns is run by the call, and its record says that it ran; an old kernel runs it once", async () => {
  for (const [release, once] of [["6.14.0-1-amd64", false], ["6.13.0-1-amd64", true]] as const) {
    using on = await payload(release);
    const ranAt = () => {
      const { found } = on.on(() => findRecord("reboot"));
      return found.kind === "record" ? found.record.ranAt : found.kind;
    };
    assertEquals(ready(on), { kind: "ready", way: "round-trip" });
    // What did not run can still be run.
    const refused = await on.on(() => execLoaded(ROUND_TRIP), {
      name: "libc reboot",
      path: "",
      turn: 0,
      errno: "EIO",
    });
    assertEquals([refused.kind, ranAt()], ["refused", undefined]);
    const outcome = await on.on(() => execLoaded(ROUND_TRIP));
    assertEquals([outcome.kind, "once" in outcome && outcome.once], ["returned", once]);
    const at = ranAt() ?? "";
    assert(/^2.*Z$/.test(at), at);
    const spent = { kind: "spent", release, ranAt: at } as const;
    assertEquals(ready(on, true), once ? spent : { kind: "ready", way: "round-trip" });
    assertEquals((await on.on(() => execLoaded(ROUND_TRIP))).kind, once ? "spent" : "returned");
  }
});

Deno.test("a plan whose last attempt failed is not loaded or booted again, but by force; another one is", async () => {
  using on = system();
  const first = await load(on, "web");
  assertEquals(first.kind, "loaded");
  const { facts } = on.on(() => readFacts(undefined));
  const attempt = facts === undefined ? undefined : await on.on(() => recordDeparture("now", facts));
  if (attempt === undefined) throw new Error("Nothing was written down");
  const path = join(on.root, "var/lib/warmboot/attempts", `${attempt.id}.json`);
  const end = (outcome: AttemptOutcome) => Deno.writeTextFileSync(path, JSON.stringify({ ...attempt, outcome }));
  const said = { why: "6.1.0 came up", at: "2026-11-28T17:10:00Z" };
  end({ ...said, end: "fell-back" });
  assertEquals(await loadKind(on, "web"), ["checks-failed", ["fail"]]);
  assertEquals(await loadKind(on, "other"), ["loaded", []]);
  assertEquals(ready(on, true), { kind: "ready", way: "now" });
  assertEquals(await loadKind(on, "web", { force: true }), ["loaded", ["warn"]]);
  // It is loaded, and exec does not boot it by itself either.
  const found = on.on(() => readyToExec(true));
  assertEquals(found.kind === "attempt-failed" ? found.failed.how : found.kind, "fell back: 6.1.0 came up");
  assertEquals(on.on(() => readyToExec(true, true)).kind, "ready");
  assertEquals(await loadKind(on, "web"), ["checks-failed", ["fail"]]);
  end({ ...said, end: "arrived" });
  assertEquals((await loadKind(on, "web"))[0], "already");
  assertEquals(ready(on, true), { kind: "ready", way: "now" });
});

/** How a load ended, with the verdicts of `attempt-failed`. */
async function loadKind(on: FailingSystem, name: string, options: LoadOptions = {}): Promise<readonly unknown[]> {
  const verdicts: string[] = [];
  const onJudged: LoadEvents["onJudged"] = (_, plan) =>
    void verdicts.push(
      ...(plan?.checks ?? []).filter(({ rule }) => rule === "attempt-failed").map(({ status }) => status),
    );
  const kind = await on.on(async () => {
    using outcome = await loadPlan(join(on.root, `${name}.yaml`), options, { onJudged });
    return outcome.kind;
  });
  return [kind, verdicts];
}

Deno.test("systemd is not asked where the record of what is loaded is cut off, or cannot be read", async () => {
  using on = system();
  await load(on, "web");
  const record = join(on.root, "run/warmboot/reboot.json");
  Deno.writeTextFileSync(record, "{");
  const found = on.on(() => readyToExec(false));
  assertEquals(found.kind, "unrecorded");
  assertEquals(ready(on, true), { kind: "ready", way: "now" });
});

Deno.test("systemd before 246 needs /sbin/kexec", async () => {
  const old = "systemd 245 (245.4-4ubuntu3)\n+PAM\n";
  assertEquals([systemdTooOld(old, false), systemdTooOld(old, true)], [245, undefined]);
  assertEquals(["systemd 246 (246)", "systemd 257", "none", ""].map((text) => systemdTooOld(text, false)), [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  using on = system();
  const found = (code: number | undefined) => withPrograms({ code, stdout: old }, () => on.on(() => oldSystemd()));
  const hasTool = isFileThere("/sbin/kexec");
  assertEquals([await found(0), await found(undefined)], [hasTool ? undefined : 245, undefined]);
});

Deno.test("unload drops the image and its record, with the call that the kernel has", async () => {
  using on = system();
  const heard: string[] = [];
  const events = { onChange: () => heard.push("changed") };
  assertEquals([on.on(() => planUnload(false)), (await on.on(() => unload(false))).kind], [
    { kind: "nothing-loaded" },
    "nothing-loaded",
  ]);
  await load(on, "web");
  const planned = on.on(() => planUnload(false));
  assertEquals(planned.kind === "call" && planned.call.name, "kexec_file_unload");
  assertEquals([(await on.on(() => unload(false, events))).kind, on.image, heard], ["unloaded", undefined, [
    "changed",
  ]]);
  assertEquals(on.on(() => findRecord("reboot")).found.kind, "none");
  // A record that outlived its image is removed.
  await load(on, "web");
  on.image = undefined;
  assertEquals((await on.on(() => unload(false))).kind, "nothing-loaded");
  assertEquals(on.on(() => findRecord("reboot")).found.kind, "none");
  // The crash image is another one.
  on.crashImage = "foreign";
  await load(on, "web");
  assertEquals([(await on.on(() => unload(true))).kind, on.image, on.crashImage], ["unloaded", "ro", undefined]);
  const refused = await on.on(() => unload(false), {
    name: "libc kexec_file_load",
    path: "",
    turn: 0,
    errno: "EACCES",
  });
  assertEquals([refused.kind, on.image], ["refused", "ro"]);
});

Deno.test("status and its check compare what is loaded with records, files and profiles", async () => {
  using on = system();
  const [web, other] = [join(on.root, "web.yaml"), join(on.root, "other.yaml")];
  const images = async () =>
    (await on.on(() => status({ coldBoot: false }))).status?.images.map((
      { image, loaded, record, profile, cmdline, changes },
    ) => [image, loaded, record, profile, cmdline, changes]);
  const crash = ["crash", "no", "none", undefined, undefined, undefined];
  assertEquals(await images(), [["reboot", "no", "none", undefined, undefined, undefined], crash]);
  await load(on, "web");
  assertEquals(await images(), [["reboot", "yes", "matches", "web", "ro", []], crash]);
  const check = async (...words: readonly string[]) =>
    (await on.on(() => checkLoaded(words))).map((each) => each.kind === "health" ? each.health.kind : each.kind);
  assertEquals(await check(web), ["ok"]);
  assertEquals(await check(other, `${web}.gone`, web), ["differs", "invalid", "ok"]);
  assertEquals(await check(), ["ok"]);
  Deno.writeFileSync(join(on.root, "boot/vmlinuz"), packedKernel(vmlinux(), "gzip"));
  assertEquals(await images(), [["reboot", "yes", "matches", "web", "ro", [
    "/boot/vmlinuz has changed since it was loaded",
  ]], crash]);
  const { status: cold } = await on.on(() => status());
  assertEquals(cold?.coldBoot, {
    note: "No boot loader is found: there is neither LoaderInfo of systemd-boot, " +
      "nor a grub.cfg in /boot/grub or /boot/grub2",
  });
});

Deno.test("status and its check look at the crash image too, and at the last reboot where that matters", async () => {
  using on = system(RESERVATION, { crash: "crash: true" });
  const check = async () =>
    (await on.on(() => checkLoaded([join(on.root, "crash.yaml")]))).map((each) =>
      each.kind === "health" ? each.health.kind : each.kind
    );
  const found = async () => {
    const { status: now } = await on.on(() => status({ coldBoot: false }));
    return [now?.images.find(({ image }) => image === "crash")?.changes, now?.lastAttempt?.outcome?.end];
  };
  await load(on, "web");
  assertEquals(await check(), ["crash-missing"]);
  await load(on, "crash");
  assertEquals([await check(), await found()], [["ok"], [[], undefined]]);
  Deno.writeFileSync(join(on.root, "boot/vmlinuz"), packedKernel(vmlinux(), "gzip"));
  assertEquals((await found())[0], ["/boot/vmlinuz has changed since it was loaded"]);

  const { facts } = on.on(() => readFacts(undefined));
  const attempt = facts === undefined ? undefined : await on.on(() => recordDeparture("now", facts));
  assert(attempt !== undefined);
  const path = join(on.root, "var/lib/warmboot/attempts", `${attempt.id}.json`);
  const end = (end: AttemptOutcome["end"], bootId: string) => {
    const outcome = { end, bootId, why: "It came up", at: "2026-11-28T17:10:00Z" };
    Deno.writeTextFileSync(path, JSON.stringify({ ...attempt, outcome }));
  };
  // One that led into another boot is only of interest if it failed.
  end("fell-back", "another");
  assertEquals((await found())[1], "fell-back");
  end("confirmed", "another");
  assertEquals((await found())[1], undefined);
  end("confirmed", facts?.bootId ?? "");
  assertEquals((await found())[1], "confirmed");
});

Deno.test("whether the running system is what a profile declares: by its command line, and the release of its kernel", async () => {
  const { files = {} } = CAPTURES.get("bios-vm") ?? {};
  const said = (path: string) => String(files[path]).trim();
  const [cmdline, release] = [said("/proc/cmdline"), said("/proc/sys/kernel/osrelease")];
  const lines = `cmdline: ${JSON.stringify(cmdline)}`;
  using on = system({}, { same: lines });
  const booted = async (kernel: Uint8Array, name = "same") => {
    Deno.writeFileSync(join(on.root, "boot/vmlinuz"), kernel);
    const found = await on.on(() => compareBooted(join(on.root, `${name}.yaml`)));
    return [found.kind, "unknown" in found ? found.unknown.what : undefined];
  };
  const running = bzImage({ version: `${release} (builder@example.org) ${said("/proc/sys/kernel/version")}` });
  assertEquals(await booted(running), ["alike", undefined]);
  assertEquals(await booted(bzImage()), ["differs", undefined]);
  assertEquals(await booted(running, "web"), ["differs", undefined]);
  assertEquals(await booted(bzImage({ version: "" })), ["undetermined", "the kernel's release"]);
  assertEquals(await booted(running, "gone"), ["invalid", undefined]);
});

Deno.test("an image with a secret is loaded already if the answer is the same; nothing that is written has it", async () => {
  using on = system({}, {
    secret:
      'initrd: [/boot/one.img, { files: [{ path: /etc/pass, ask: "Who?" }, { path: /etc/a, text: a }] }]\ncmdline: ro',
  });
  const answered = async (answer: string, options: LoadOptions = {}): Promise<readonly string[]> => {
    const asked: string[] = [];
    const give = (what: unknown, into: Uint8Array): Promise<Secret> => {
      asked.push(String(what));
      return Promise.resolve(
        answer === ""
          ? { kind: "failed", why: "nobody answered", hint: "Load again" }
          : { kind: "secret", size: new TextEncoder().encodeInto(answer, into).written },
      );
    };
    return await on.on(async () => {
      using outcome = await loadPlan(join(on.root, "secret.yaml"), options, {
        secrets: { ask: give, run: give },
        onJudged: (diagnostics) => asked.push(...diagnostics.map(({ code }) => code)),
      });
      return [outcome.kind, ...asked];
    });
  };
  assertEquals(await answered("hunter2"), ["loaded", "Who?"]);
  assertEquals(await answered("hunter2"), ["already", "Who?"]);
  assertEquals(await answered("hunter2", { force: true }), ["loaded", "Who?"]);
  assertEquals(await answered("hunter3"), ["loaded", "Who?"]);
  assertEquals(await answered(""), ["unplanned", "Who?", "overlay-secret"]);
  const record = Deno.readTextFileSync(join(on.root, "run/warmboot/reboot.json"));
  assertEquals([record.includes("hunter"), /"keyed": ?"[0-9a-f]{64}"/.test(record)], [false, true]);
  assertEquals((Deno.statSync(join(on.root, "run/warmboot/secret.key")).mode ?? 0) & 0o777, 0o600);
});

Deno.test("kexec_load is handed an archive that is made at load, too", async () => {
  using on = system({}, {
    files: "initrd: [/boot/one.img, { files: [{ path: /etc/a, text: a }] }]\nload: kexec_load\ncmdline: ro",
  });
  const { code, said } = await on.run(["load", join(on.root, "files.yaml")]);
  assertEquals([code, on.image], [0, "segments"], said);
});

Deno.test("what holds a secret is wiped however a load ends", async () => {
  using on = system({ "/boot/pass": "hunter2" }, {
    secret: "initrd: [/boot/one.img, { files: [{ path: /etc/pass, from: /boot/pass, secret: true }] }]",
  });
  const run = async (...options: readonly string[]) => {
    const { code, operations } = await on.run(["load", join(on.root, "secret.yaml"), ...options]);
    const count = (name: string) => operations.filter((each) => each.name === `libc ${name}`).length;
    return { code, left: count("mmap") - count("munmap"), taken: count("mmap") > 0 };
  };
  const clean = { code: 0, left: 0, taken: true };
  assertEquals(await run(), clean);
  // It is loaded already.
  assertEquals(await run(), clean);
  assertEquals(await run("--force"), clean);
});

Deno.test("what holds a key is wiped where it does not open its volume, and nothing is loaded", async () => {
  const uuid = "11111111-2222-4333-8444-555555555555";
  using on = system({ "/boot/luks.key": "hunter2" }, {
    unlock: `initrd: /boot/luks.img\ncmdline: ro rd.luks.uuid=${uuid}\n` +
      `unlock: [{ volume: ${uuid}, key: { from: /boot/luks.key } }]`,
  });
  const names = [
    "systemd/systemd",
    "systemd/systemd-cryptsetup",
    "systemd/system-generators/systemd-cryptsetup-generator",
  ];
  const inInitrd = ["init", ...names.map((name) => `usr/lib/${name}`)];
  const bytes = new Uint8Array(1);
  Deno.writeFileSync(join(on.root, "boot/luks.img"), cpio(inInitrd.map((name) => ({ name, bytes }))));
  // There is no cryptsetup.
  const { code, said, operations } = await withPrograms(
    { code: undefined },
    () => on.run(["load", join(on.root, "unlock.yaml")]),
  );
  const count = (name: string) => operations.filter((each) => each.name === `libc ${name}`).length;
  assertStringIncludes(said, "cannot be tried");
  assertEquals([code === 0, on.image, count("mmap") - count("munmap"), count("mmap") > 0], [false, undefined, 0, true]);
});
