import { assertEquals, assertThrows } from "@std/assert";
import {
  arrive,
  confirm,
  dropAttempt,
  expire,
  findDeadline,
  isConfirmed,
  readAttempts,
  readHistory,
  recordDeparture,
} from "../../src/app/attempts.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { FoundRecord } from "../../src/state/record.ts";
import { StoreError } from "../../src/state/record_store.ts";
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
  assertEquals(history.attempts.map(({ outcome }) => outcome?.end), ["arrived"]);
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
  Deno.writeTextFileSync(`${at.path}/notes.txt`, "mine");
  const { attempts, problems } = readAttempts(at.path);
  assertEquals(attempts, []);
  assertEquals(problems.map((text) => text.replace(at.path, "").replace(/: [A-Z].*JSON.*$/, ": JSON")), [
    "/20261128T170003Z-00000000.json is not an attempt: it is not a file",
    "/20261128T170002Z-00000000.json is not an attempt: The key `format` is missing",
    "/20261128T170001Z-00000000.json cannot be read: JSON",
  ]);
  assertEquals([...Deno.readDirSync(at.path)].length, 5);
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
