import { assertEquals, assertThrows } from "@std/assert";
import { dropAttempt, locked, readAttempts } from "../../src/app/attempt_store.ts";
import {
  arrive,
  confirm,
  expire,
  failedPlans,
  findConfirmed,
  findDeadline,
  isConfirmed,
  noteDeadline,
  noteTimes,
  readHistory,
} from "../../src/app/attempts.ts";
import { recordDeparture } from "../../src/app/departure.ts";
import type { Clocks } from "../../src/app/clocks.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { KernelStart } from "../../src/plan/kernel_start.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { AttemptWay } from "../../src/state/attempt.ts";
import type { Deadline } from "../../src/state/deadline.ts";
import type { FoundRecord } from "../../src/state/record.ts";
import { StoreError } from "../../src/state/record_store.ts";
import { OPEN_ATTEMPT } from "../support/attempts.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

function folder(): Disposable & { readonly path: string } {
  const parent = Deno.makeTempDirSync({ prefix: "warmboot-attempts-" });
  return { path: `${parent}/lib/attempts`, [Symbol.dispose]: () => Deno.removeSync(parent, { recursive: true }) };
}

const LOADED: HostFacts = hostFacts({ kexec: { loaded: true } });

function loaded(changes: Parameters<typeof profileOf>[0] = {}, { bootId } = LOADED): FoundRecord {
  const { value: plan } = planBoot({ profile: profileOf(changes), facts: LOADED, images: images() });
  if (plan === undefined || bootId === undefined) throw new Error("Cannot plan");
  const about = { format: "warmboot.record/1", loadedAt: "2026-11-28T17:00:00Z", user: "root", uid: 0 } as const;
  return { kind: "record", record: { ...about, bootId, plan } };
}

const ARRIVED = hostFacts({
  release: "6.12.107+deb13-amd64",
  cmdline: "root=LABEL=root ro",
  bootId: "next",
  kexecBooted: true,
});
const COLD = hostFacts({ bootId: "next", kexecBooted: false });

const ends = (directory: string) => readAttempts(directory).attempts.map(({ outcome }) => outcome?.end ?? "open");

Deno.test("a reboot is written down, arrives, and is confirmed; nothing is done twice", async () => {
  using at = folder();
  const directory = at.path;
  assertEquals(arrive(LOADED, directory), { kind: "nothing-open" });
  const attempt = await recordDeparture("systemd", LOADED, { directory, found: loaded() });
  assertEquals(attempt?.from.watched, true);
  assertEquals(readAttempts(directory), { attempts: attempt === undefined ? [] : [attempt], problems: [] });
  assertEquals(confirm(LOADED, directory).kind, "nothing-arrived");
  assertEquals(ends(directory), ["open"]);
  const arrival = arrive(ARRIVED, directory);
  assertEquals(arrival.kind === "ended" ? arrival.attempt.outcome.end : "", "arrived");
  assertEquals(arrive(ARRIVED, directory), { kind: "nothing-open" });
  assertEquals(confirm(ARRIVED, directory).kind, "confirmed");
  assertEquals(confirm(ARRIVED, directory).kind, "already");
  assertEquals(arrive(ARRIVED, directory), { kind: "nothing-open" });
  assertEquals(ends(directory), ["confirmed"]);
  assertEquals(findConfirmed(ARRIVED, directory)?.id, attempt?.id);
  assertEquals(findConfirmed({ ...ARRIVED, bootId: "later" }, directory), undefined);
  // Later boots change nothing of it, and cannot confirm it.
  assertEquals(confirm({ ...COLD, bootId: "later" }, directory).kind, "nothing-arrived");
  assertEquals(ends(directory), ["confirmed"]);
});

Deno.test("files of attempts are root's alone, and the folders too", async () => {
  using at = folder();
  await recordDeparture("now", LOADED, { directory: at.path, found: loaded() });
  const [entry] = [...Deno.readDirSync(at.path)];
  const mode = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o777;
  assertEquals(mode(at.path), 0o700);
  assertEquals(mode(`${at.path}/${entry?.name}`), 0o600);
});

Deno.test("nothing is written where nothing is loaded, or no record of this boot says what", async () => {
  using at = folder();
  const depart = (facts: HostFacts, found: FoundRecord) => recordDeparture("now", facts, { directory: at.path, found });
  assertEquals(await depart(hostFacts(), loaded()), undefined);
  assertEquals(await depart(LOADED, { kind: "none" }), undefined);
  assertEquals(await depart(LOADED, loaded({}, hostFacts({ bootId: "before" }))), undefined);
  assertEquals(readAttempts(at.path), { attempts: [], problems: [] });
});

Deno.test("asking and leaving are one attempt; another image of the same boot takes its place", async () => {
  using at = folder();
  const directory = at.path;
  const asked = await recordDeparture("systemd", LOADED, { directory, found: loaded() });
  assertEquals(asked?.leftAt, undefined);
  const left = await recordDeparture("found", LOADED, { directory, found: loaded() });
  assertEquals([left?.id, left?.way, left?.leftAt === undefined], [asked?.id, "systemd", false]);
  assertEquals(ends(directory), ["open"]);
  const other = await recordDeparture("now", LOADED, {
    directory,
    found: loaded({
      name: "other",
      stamp: true,
      cmdline: {
        kind: "parameters",
        parameters: ["root=LABEL=other"],
      },
    }),
  });
  assertEquals(readAttempts(directory).attempts.map(({ id }) => id), [other?.id]);
  if (other !== undefined) dropAttempt(other, directory);
  assertEquals(ends(directory), []);
});

Deno.test("a fall back needs a boot that was watched", async () => {
  using watched = folder();
  using alone = folder();
  arrive(LOADED, watched.path);
  for (const { path: directory } of [watched, alone]) {
    await recordDeparture("now", LOADED, { directory, found: loaded() });
    arrive(COLD, directory);
  }
  assertEquals([ends(watched.path), ends(alone.path)], [["fell-back"], ["unknown"]]);
});

Deno.test("confirming by hand does not make a boot a watched one", async () => {
  using at = folder();
  await recordDeparture("now", LOADED, { directory: at.path, found: loaded() });
  assertEquals(confirm(ARRIVED, at.path).kind, "confirmed");
  const next = { ...ARRIVED, kexec: { loaded: true } };
  const attempt = await recordDeparture("now", next, { directory: at.path, found: loaded({}, ARRIVED) });
  assertEquals(attempt?.from.watched, false);
});

Deno.test("history judges what is open and writes nothing", async () => {
  using at = folder();
  await recordDeparture("now", LOADED, { directory: at.path, found: loaded() });
  const { history, problems } = readHistory(ARRIVED, at.path);
  // When it was found is for whoever writes it down.
  assertEquals(history.attempts.map(({ outcome }) => [outcome?.end, outcome?.uptime]), [["arrived", undefined]]);
  assertEquals(problems, []);
  assertEquals(ends(at.path), ["open"]);
  assertEquals(readHistory(LOADED, at.path).history.attempts.map(({ outcome }) => outcome?.end), [undefined]);
});

Deno.test("a crash kernel judges nothing", async () => {
  using at = folder();
  await recordDeparture("now", LOADED, { directory: at.path, found: loaded() });
  const crash = { ...COLD, cmdline: "irqpoll elfcorehdr=0x7000000" };
  assertEquals(arrive(crash, at.path), { kind: "crash-kernel" });
  assertEquals(ends(at.path), ["open"]);
});

Deno.test("the last 50 attempts are kept", async () => {
  using at = folder();
  const directory = at.path;
  const first = await recordDeparture("now", LOADED, { directory, found: loaded() });
  if (first === undefined) throw new Error("Nothing is written");
  const text = Deno.readTextFileSync(`${directory}/${first.id}.json`);
  for (let day = 0; day < 60; day++) {
    const id = `2026010${Math.floor(day / 10)}T0000${10 + day % 10}Z-00000000`;
    Deno.writeTextFileSync(`${directory}/${id}.json`, text.replace(first.id, id));
  }
  arrive(ARRIVED, directory);
  const { attempts } = readAttempts(directory);
  assertEquals([attempts.length, attempts[0]?.id, attempts.at(-1)?.id], [50, first.id, "20260101T000011Z-00000000"]);
});

Deno.test("a file that is not an attempt is named, and stays; other files are not looked at", () => {
  using at = folder();
  arrive(LOADED, at.path);
  const name = (digit: number) => `${at.path}/20261128T17000${digit}Z-00000000.json`;
  Deno.writeTextFileSync(name(1), "{");
  Deno.writeTextFileSync(name(2), "{}");
  Deno.mkdirSync(name(3));
  Deno.writeTextFileSync(name(4), " ".repeat((1 << 20) + 1));
  Deno.writeTextFileSync(`${at.path}/notes.txt`, "mine");
  Deno.writeTextFileSync(`${at.path}/notes.json`, "mine");
  const { attempts, problems } = readAttempts(at.path);
  assertEquals(attempts, []);
  assertEquals(problems.map((text) => text.replace(at.path, "").replace(/: [A-Z].*JSON.*$/, ": JSON")), [
    "/20261128T170004Z-00000000.json is not an attempt: it is too large",
    "/20261128T170003Z-00000000.json is not an attempt: it is not a file",
    "/20261128T170002Z-00000000.json is not an attempt: The key `format` is missing",
    "/20261128T170001Z-00000000.json cannot be read: JSON",
  ]);
  assertEquals([...Deno.readDirSync(at.path)].length, 7);
});

Deno.test("one process at a time reads attempts and writes them, and clears away what a killed one was writing", () => {
  using at = folder();
  arrive(LOADED, at.path);
  const isFree = () => {
    using other = Deno.openSync(at.path);
    return other.tryLockSync(false);
  };
  assertEquals([locked(at.path, isFree), isFree()], [false, true]);
  const left = `${at.path}/.warmboot-999999999.new`;
  Deno.writeTextFileSync(left, "{");
  arrive({ ...LOADED, bootId: "later" }, at.path);
  assertThrows(() => Deno.statSync(left), Deno.errors.NotFound);
});

Deno.test("an attempt with something that is not understood is not taken for one", () => {
  using at = folder();
  arrive(LOADED, at.path);
  Deno.writeTextFileSync(`${at.path}/${OPEN_ATTEMPT.id}.json`, JSON.stringify({ ...OPEN_ATTEMPT, more: 1 }));
  assertEquals(readAttempts(at.path).attempts, []);
  assertEquals(readAttempts(at.path).problems.length, 1);
});

Deno.test("a folder that others may write to is not used", async () => {
  using at = folder();
  arrive(LOADED, at.path);
  Deno.chmodSync(at.path, 0o777);
  assertEquals(readAttempts(at.path).problems, [`${at.path} is not used: others than its owner may write to it`]);
  assertThrows(
    () => arrive(ARRIVED, at.path) && arrive({ ...ARRIVED, bootId: "later" }, at.path),
    StoreError,
    "Cannot use",
  );
  let thrown: unknown;
  await recordDeparture("now", LOADED, { directory: at.path, found: loaded() }).catch((error) => thrown = error);
  assertEquals(thrown instanceof StoreError, true);
});

const GUARDED = { guard: { confirm: 600 } } as const;

/** A guarded reboot that arrived, and the host that it led to. */
async function arrivedGuarded(directory: string): Promise<HostFacts> {
  const attempt = await recordDeparture("now", LOADED, { directory, found: loaded(GUARDED) });
  const running = { ...ARRIVED, cmdline: attempt?.to.cmdline ?? "" };
  arrive(running, directory);
  return running;
}

Deno.test("a guarded reboot that arrived has a deadline, which stays the same, until it is confirmed", async () => {
  using at = folder();
  const directory = at.path;
  const running = await arrivedGuarded(directory);
  const deadline = findDeadline(running, directory);
  assertEquals(deadline?.due, (deadline?.attempt.outcome.uptime ?? NaN) + 600);
  arrive(running, directory);
  assertEquals(findDeadline(running, directory), deadline);
  assertEquals(findDeadline({ ...running, bootId: "later" }, directory), undefined);
  if (deadline === undefined) return;
  assertEquals(isConfirmed(deadline.attempt, directory), false);
  assertEquals(confirm(running, directory).kind, "confirmed");
  assertEquals(isConfirmed(deadline.attempt, directory), true);
  assertEquals(findDeadline(running, directory), undefined);
  // Too late: the outcome stays.
  assertEquals(expire(deadline, directory), false);
  assertEquals(ends(directory), ["confirmed"]);
  const kept = Deno.readTextFileSync(`${directory}/${deadline.attempt.id}.json`);
  noteDeadline(deadline, "stopped", directory);
  assertEquals(Deno.readTextFileSync(`${directory}/${deadline.attempt.id}.json`), kept);
});

Deno.test("where the arrival could not be written down, its deadline starts when it is looked at", async () => {
  using at = folder();
  const attempt = await recordDeparture("now", LOADED, { directory: at.path, found: loaded(GUARDED) });
  const before = Deno.osUptime();
  const deadline = findDeadline({ ...ARRIVED, cmdline: attempt?.to.cmdline ?? "" }, at.path);
  const due = deadline?.due ?? 0;
  assertEquals([due >= before + 600, due <= Deno.osUptime() + 600], [true, true]);
});

Deno.test("what nobody confirmed cannot be confirmed after its time, and the next boot adds what came up", async () => {
  using at = folder();
  const directory = at.path;
  const running = await arrivedGuarded(directory);
  const deadline = findDeadline(running, directory);
  assertEquals(deadline !== undefined && expire(deadline, directory), true);
  assertEquals(ends(directory), ["not-confirmed"]);
  assertEquals(confirm(running, directory).kind, "nothing-arrived");
  assertEquals(arrive(running, directory), { kind: "nothing-open" });
  const cold = { ...COLD, bootId: "cold" };
  const arrival = arrive(cold, directory);
  assertEquals(
    arrival.kind === "ended" ? arrival.attempt.outcome.why : "",
    `Nobody confirmed it within 10 min, so it rebooted through the firmware; ${COLD.release} came up by the firmware after it`,
  );
  assertEquals(arrive(cold, directory), { kind: "nothing-open" });
  assertEquals(confirm(cold, directory).kind, "nothing-arrived");
});

Deno.test("a guarded system that is reset before it is confirmed has fallen back: its plan is not tried again", async () => {
  using at = folder();
  const directory = at.path;
  const running = await arrivedGuarded(directory);
  const deadline = findDeadline(running, directory);
  if (deadline === undefined) throw new Error("There is no deadline");
  noteDeadline(deadline, "kept", directory);
  assertEquals(failedPlans(running, directory), []);
  const facts: HostFacts = {
    ...COLD,
    bootId: "cold",
    watchdog: {
      coreIsModule: true,
      ipmi: false,
      devices: [{ name: "watchdog0", identity: "iTCO_wdt", bootStatus: 0x20 }],
    },
  };
  // Before anyone wrote it down as well.
  assertEquals(failedPlans(facts, directory).map(({ plan }) => plan), [deadline.attempt.plan]);
  const arrival = arrive(facts, directory);
  const outcome = arrival.kind === "ended" ? arrival.attempt.outcome : undefined;
  assertEquals([outcome?.end, outcome?.cameBack?.bootId, outcome?.evidence?.watchdogs[0]?.reset], [
    "fell-back",
    "cold",
    true,
  ]);
  assertEquals(failedPlans(facts, directory).map(({ how }) => how), [`fell back: ${outcome?.why}`]);
  assertEquals(arrive(facts, directory), { kind: "nothing-open" });
  assertEquals(confirm(facts, directory).kind, "nothing-arrived");
});

Deno.test("one that is shut down, confirmed, or whose deadline was stopped by hand, has not", async () => {
  const cold = { ...COLD, bootId: "cold" };
  const end = async (
    then: (deadline: Deadline, running: HostFacts, directory: string) => void,
    clocks = clocksAt(T0, 1_000),
  ) => {
    using at = folder();
    const running = await arrivedGuarded(at.path);
    const deadline = findDeadline(running, at.path);
    if (deadline === undefined) throw new Error("There is no deadline");
    noteDeadline(deadline, "kept", at.path);
    then(deadline, running, at.path);
    arrive(cold, at.path, clocks);
    return [ends(at.path), failedPlans(cold, at.path).length];
  };
  assertEquals(await end((deadline, _, directory) => noteDeadline(deadline, "stopped", directory)), [["arrived"], 0]);
  assertEquals(
    await end(() => {}, clocksAt(T0, 1_000, { stopped: (bootId) => bootId === "next" ? 5_000 : undefined })),
    [
      ["arrived"],
      0,
    ],
  );
  assertEquals(
    await end((deadline, running, directory) => {
      confirm(running, directory);
      // The process that waits ends after that.
      noteDeadline(deadline, "stopped", directory);
    }),
    [["confirmed"], 0],
  );
  assertEquals(await end((deadline, _, directory) => void expire(deadline, directory)), [["not-confirmed"], 1]);
  // Started again after that.
  assertEquals(
    await end((deadline, _, directory) => {
      noteDeadline(deadline, "stopped", directory);
      noteDeadline(deadline, "kept", directory);
    }),
    [["fell-back"], 1],
  );
});

Deno.test("of a deadline whose attempt is gone, or could not be written, nothing is noted", async () => {
  using at = folder();
  const running = await arrivedGuarded(at.path);
  const deadline = findDeadline(running, at.path);
  if (deadline === undefined) throw new Error("There is no deadline");
  dropAttempt(deadline.attempt, at.path);
  noteDeadline(deadline, "kept", at.path);
  assertEquals(ends(at.path), []);
});

Deno.test("an attempt that is gone, or cannot be read, is not confirmed", async () => {
  using at = folder();
  const running = await arrivedGuarded(at.path);
  const deadline = findDeadline(running, at.path);
  if (deadline === undefined) throw new Error("There is no deadline");
  const path = `${at.path}/${deadline.attempt.id}.json`;
  Deno.writeTextFileSync(path, "{");
  assertEquals(isConfirmed(deadline.attempt, at.path), false);
  Deno.removeSync(path);
  assertEquals(isConfirmed(deadline.attempt, at.path), false);
  assertEquals(expire(deadline, at.path), true);
  assertEquals(ends(at.path), ["not-confirmed"]);
});

Deno.test("without a guard there is no deadline", async () => {
  using at = folder();
  await recordDeparture("now", LOADED, { directory: at.path, found: loaded() });
  arrive(ARRIVED, at.path);
  assertEquals([ends(at.path), findDeadline(ARRIVED, at.path)], [["arrived"], undefined]);
});

/** A host whose clocks say this, and count on by a second at each look. */
function clocksAt(realtime: number, boottime: number, more: Partial<Clocks> = {}): Clocks {
  let looks = 0;
  return {
    now() {
      const passed = 1000 * looks++;
      return { realtime: realtime + passed, boottime: boottime + passed, rtc: Math.floor((realtime + passed) / 1000) };
    },
    moments: () => ({}),
    stopped: () => undefined,
    ...more,
  };
}

const T0 = 1_795_885_390_000;

Deno.test("how long a reboot took is written down step by step; what is known is not written again", async () => {
  using at = folder();
  const directory = at.path;
  const old = clocksAt(T0, 1_000_000);
  arrive(LOADED, directory, old);
  await recordDeparture("systemd", LOADED, { directory, found: loaded(), clocks: old });
  await recordDeparture("found", LOADED, { directory, found: loaded(), clocks: old });
  const [open] = readHistory(LOADED, directory, old).history.attempts;
  assertEquals([open?.timing, open?.interruption], [
    { asked: { realtime: T0, boottime: 1_000_000, rtc: T0 / 1000 } },
    undefined,
  ]);
  const left = LOADED.bootId;
  const starting = clocksAt(T0 + 20_000, 14_000, {
    moments: () => ({ userspace: 2_000 }),
    stopped: (bootId) => bootId === left ? 1_002_000 : undefined,
  });
  arrive(ARRIVED, directory, starting);
  const [early] = readAttempts(directory).attempts;
  assertEquals([early?.timing?.stopped, early?.timing?.boot], [1_002_000, { userspace: 2_000 }]);
  const up = clocksAt(T0 + 60_000, 54_000, { moments: () => ({ userspace: 2_000, finished: 8_000 }) });
  // Reading the history completes it, and writes nothing.
  assertEquals(readHistory(ARRIVED, directory, up).history.attempts[0]?.interruption, {
    phases: [
      { covers: ["stop"], milliseconds: 2_000, inferred: false },
      { covers: ["jump"], milliseconds: 4_000, inferred: true },
      { covers: ["kernel", "initrd"], milliseconds: 2_000, inferred: false },
      { covers: ["userspace"], milliseconds: 6_000, inferred: false },
    ],
    milliseconds: 14_000,
  });
  assertEquals(readAttempts(directory).attempts, early === undefined ? [] : [early]);
  assertEquals([noteTimes(ARRIVED, directory, up), noteTimes(ARRIVED, directory, up)], [true, false]);
  assertEquals(readAttempts(directory).attempts[0]?.timing?.boot, { userspace: 2_000, finished: 8_000 });
  assertEquals(noteTimes(COLD, directory, up), false);
  confirm(ARRIVED, directory, up);
  const [confirmed] = readHistory(ARRIVED, directory, up).history.attempts;
  assertEquals([confirmed?.interruption?.milliseconds, (confirmed?.interruption?.confirmed ?? 0) > 60_000], [
    14_000,
    true,
  ]);
});

Deno.test("asked for once more, an attempt begins then; the next one is expected to take as long as the last", async () => {
  using at = folder();
  const directory = at.path;
  const kernel = { packing: "xz", unpacked: false, saves: 2_600 } as const;
  const found = loaded();
  if (found.kind !== "record") throw new Error("There is a record");
  const packed: FoundRecord = { kind: "record", record: { ...found.record, kernel } };
  arrive(LOADED, directory, clocksAt(T0, 1_000_000));
  const first = await recordDeparture("systemd", LOADED, { directory, found: packed, clocks: clocksAt(T0, 1_000_000) });
  const again = clocksAt(T0 + 600_000, 1_600_000);
  const second = await recordDeparture("systemd", LOADED, { directory, found: packed, clocks: again });
  assertEquals([second?.id, second?.timing?.asked.boottime, second?.to.kernel], [first?.id, 1_600_000, kernel]);
  assertEquals(second?.expected, undefined);
  const up = clocksAt(T0 + 620_000, 12_000, { moments: () => ({ userspace: 2_000, finished: 4_500 }) });
  arrive(ARRIVED, directory, up);
  const next = { ...ARRIVED, kexec: { loaded: true } };
  const record = { ...found.record, bootId: "next" };
  const expected = async (kernel: KernelStart | undefined, way: AttemptWay = "found") => {
    const what: FoundRecord = { kind: "record", record: kernel === undefined ? record : { ...record, kernel } };
    const attempt = await recordDeparture(way, next, { directory, found: what, clocks: up });
    if (attempt !== undefined) dropAttempt(attempt, directory);
    return attempt?.expected;
  };
  assertEquals(await expected(kernel), { milliseconds: 12_500, basis: "measured", attempts: 1 });
  assertEquals(await expected({ ...kernel, unpacked: true }), { milliseconds: 9_900, basis: "estimated", attempts: 1 });
  assertEquals(await expected(kernel, "now"), undefined);
  assertEquals(await expected({ packing: "zstd", unpacked: false }), undefined);
  assertEquals(await expected(undefined), undefined);
});

Deno.test("what was found after another attempt, or of another boot, is not measured", async () => {
  using at = folder();
  const directory = at.path;
  const clocks = clocksAt(T0, 1_000_000);
  await recordDeparture("now", LOADED, { directory, found: loaded(), clocks });
  // Nothing watched the boot, so that others may have been in between.
  arrive(ARRIVED, directory, clocksAt(T0 + 90_000, 1_000));
  const [attempt] = readHistory(ARRIVED, directory, clocks).history.attempts;
  assertEquals(attempt?.interruption?.phases.map(({ unknown }) => unknown), ["Nothing watched the boots in between"]);
  assertEquals(noteTimes({ ...ARRIVED, bootId: "later" }, directory, clocks), false);
});
