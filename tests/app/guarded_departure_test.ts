import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { readAttempts, writeAttempt } from "../../src/app/attempt_store.ts";
import { arrive, confirm, findDeadline, noteDeadline } from "../../src/app/attempts.ts";
import { HOST_CLOCKS } from "../../src/app/clocks.ts";
import { giveUp, recordDeparture, recordGuardedDeparture, revokeDepartures } from "../../src/app/departure.ts";
import { parseGrubenv } from "../../src/entry/grubenv.ts";
import type { OneShot } from "../../src/entry/one_shot.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Attempt, AttemptWay } from "../../src/state/attempt.ts";
import type { FoundRecord } from "../../src/state/record.ts";
import { StoreError } from "../../src/state/record_store.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";

const LOADED: HostFacts = hostFacts({ kexec: { loaded: true } });

function loaded(changes: Parameters<typeof profileOf>[0], { bootId } = LOADED): FoundRecord {
  const { value: plan } = planBoot({
    profile: profileOf({ stamp: true, ...changes }),
    facts: LOADED,
    images: images(),
  });
  if (plan === undefined || bootId === undefined) throw new Error("Cannot plan");
  const about = { format: "warmboot.record/1", loadedAt: "2026-11-28T17:00:00Z", user: "root", uid: 0 } as const;
  return { kind: "record", record: { ...about, bootId, plan } };
}

const GUARDED = loaded({ guard: { fallback: "running" } });

/** A host with attempts and an environment block of GRUB. */
function host(text = "saved_entry=x\n") {
  const parent = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "warmboot-guarded-" }));
  const file = `${parent}/grubenv`;
  Deno.writeTextFileSync(file, `# GRUB Environment Block\n${text}`.padEnd(1024, "#"));
  const oneShot: OneShot = { loader: "GRUB", entry: "old", file };
  const directory = `${parent}/attempts`;
  const pending = (): string | undefined => parseGrubenv(Deno.readTextFileSync(file))?.get("next_entry");
  const leave = (found: FoundRecord = GUARDED, facts: HostFacts = LOADED, way: AttemptWay = "now") =>
    recordGuardedDeparture(way, facts, { directory, found, find: () => oneShot });
  return {
    file,
    directory,
    oneShot,
    pending,
    leave,
    [Symbol.dispose]: () => Deno.removeSync(parent, { recursive: true }),
  };
}

/** The system that was to come. */
function arrivedAt(attempt: Attempt): HostFacts {
  return hostFacts({ release: "6.12.107+deb13-amd64", cmdline: attempt.to.cmdline, bootId: "next", kexecBooted: true });
}

async function left({ leave }: ReturnType<typeof host>): Promise<Attempt> {
  const attempt = await leave();
  if (attempt === undefined || "kind" in attempt) throw new Error("It did not leave");
  return attempt;
}

Deno.test("a guarded reboot asks the boot loader, and its confirmation takes that back; the arrival does not", async () => {
  using at = host();
  arrive(LOADED, at.directory);
  const attempt = await left(at);
  assertEquals(attempt.oneShot, at.oneShot);
  assertEquals(readAttempts(at.directory).attempts.map(({ oneShot }) => oneShot), [at.oneShot]);
  assertEquals(at.pending(), "old");
  assertEquals(arrive(arrivedAt(attempt), at.directory).kind, "ended");
  assertEquals(at.pending(), "old");
  assertEquals(confirm(arrivedAt(attempt), at.directory).kind, "confirmed");
  assertEquals(at.pending(), undefined);
  assertEquals(Deno.readTextFileSync(at.file).length, 1024);
});

Deno.test("after a fall back, and where the running system goes on, it is taken back", async () => {
  using at = host();
  arrive(LOADED, at.directory);
  await left(at);
  // The boot loader has not cleared it.
  const arrival = arrive(hostFacts({ bootId: "next", kexecBooted: false }), at.directory);
  assertEquals(arrival.kind === "ended" ? [arrival.attempt.outcome.end, arrival.problems] : [], ["fell-back", []]);
  assertEquals(at.pending(), undefined);

  const again = await left(at);
  assertEquals(at.pending(), "old");
  assertEquals(giveUp(again, at.directory), undefined);
  assertEquals(at.pending(), undefined);
  assertEquals(readAttempts(at.directory).attempts.length, 1);
});

Deno.test("what is given up is taken back even where the attempt cannot be removed", async () => {
  using at = host();
  const attempt = await left(at);
  // What is to be its folder is a file.
  assertThrows(() => giveUp(attempt, at.file), StoreError);
  assertEquals(at.pending(), undefined);
});

Deno.test("what an older attempt asked of the boot loader is warmboot's own, and may be replaced", async () => {
  using at = host();
  const first = await left(at);
  assertEquals(at.pending(), "old");
  const outcome = { end: "fell-back", why: "It came up", at: "2026-11-28T17:00:10Z", bootId: "later" } as const;
  writeAttempt({ ...first, outcome }, at.directory);
  const { oneShot: _, ...later } = first;
  writeAttempt({ ...later, id: "20991128T170000Z-00000000", outcome }, at.directory);
  assertEquals((await left(at)).oneShot, at.oneShot);
});

Deno.test("a reboot that was under way, and is made at once, left when it was made", async () => {
  using at = host();
  const plain = loaded({});
  await at.leave(plain, LOADED, "systemd");
  await at.leave(plain, LOADED, "found");
  const [found] = readAttempts(at.directory).attempts;
  assert(found?.leftAt !== undefined);
  writeAttempt({ ...found, leftAt: "2020-01-01T00:00:00Z" }, at.directory);
  await at.leave(plain, LOADED, "now");
  const [made, ...others] = readAttempts(at.directory).attempts;
  assertEquals([made?.id, made?.way, others], [found.id, "now", []]);
  assert(made?.leftAt !== undefined && made.leftAt > "2026", made?.leftAt);
});

Deno.test("a system that came up, and was shut down unconfirmed, leaves the boot loader nothing to do", async () => {
  using at = host();
  arrive(LOADED, at.directory);
  const attempt = await at.leave(loaded({ guard: { fallback: "running", confirm: 600 } }));
  assert(attempt !== undefined && !("kind" in attempt));
  const arrived = arrivedAt(attempt);
  arrive(arrived, at.directory);
  const deadline = findDeadline(arrived, at.directory);
  assert(deadline !== undefined);
  noteDeadline(deadline, "kept", at.directory);
  noteDeadline(deadline, "stopped", at.directory);
  assertEquals(at.pending(), "old");
  const arrival = arrive(hostFacts({ bootId: "later", kexecBooted: false }), at.directory);
  assertEquals(arrival.kind === "ended" ? [arrival.attempt.outcome.end, arrival.problems] : [], ["arrived", []]);
  assertEquals(at.pending(), undefined);
});

Deno.test("a boot without an ID has no attempts of its own", async () => {
  using at = host();
  const { from: { bootId: _, ...from }, ...attempt } = await left(at);
  writeAttempt({ ...attempt, from }, at.directory);
  const { bootId: __, ...unknown } = LOADED;
  assertEquals([revokeDepartures(unknown, at.directory), at.pending()], [{ done: [], problems: [] }, "old"]);
});

Deno.test("a reboot that is off, since its image is unloaded, no longer asks the boot loader for anything", async () => {
  using at = host();
  const asked = await at.leave(GUARDED, LOADED, "systemd");
  assertEquals([asked === undefined || "kind" in asked, at.pending()], [false, "old"]);
  assertEquals(revokeDepartures(LOADED, at.directory), {
    done: ["GRUB is no longer asked to boot `old` once"],
    problems: [],
  });
  assertEquals([at.pending(), readAttempts(at.directory).attempts], [undefined, []]);
  // There is nothing left to take back.
  assertEquals(revokeDepartures(LOADED, at.directory), { done: [], problems: [] });

  // A shutdown that has begun goes on: a later boot says how it ended.
  await left(at);
  assertEquals(revokeDepartures(LOADED, at.directory).done.length, 1);
  assertEquals([at.pending(), readAttempts(at.directory).attempts.length], [undefined, 1]);
  // It still says what was asked for it, which was taken back before.
  assertEquals(revokeDepartures(LOADED, at.directory), { done: [], problems: [] });
});

Deno.test("an attempt that is carried on keeps what the boot loader was asked for it", async () => {
  using at = host();
  const asked = await at.leave(GUARDED, LOADED, "systemd");
  assert(asked !== undefined && !("kind" in asked));
  for (const way of ["init", "found", "now"] as const) {
    const carried = await recordDeparture(way, LOADED, { directory: at.directory, found: GUARDED });
    assertEquals([carried?.id, carried?.oneShot], [asked.id, at.oneShot], way);
  }
});

Deno.test("what others asked, what was asked in another boot, and what cannot be taken back stays", async () => {
  using at = host();
  await at.leave(GUARDED, LOADED, "systemd");
  assertEquals(revokeDepartures(hostFacts({ bootId: "another" }), at.directory), { done: [], problems: [] });
  assertEquals(at.pending(), "old");
  const failing = () => ({ kind: "failed", problem: "GRUB is perhaps still asked" }) as const;
  assertEquals(revokeDepartures(LOADED, at.directory, failing), {
    done: [],
    problems: ["GRUB is perhaps still asked"],
  });

  using theirs = host("next_entry=rescue\n");
  await theirs.leave(GUARDED, LOADED, "systemd");
  assertEquals(revokeDepartures(LOADED, theirs.directory), { done: [], problems: [] });
  assertEquals(theirs.pending(), "rescue");
});

Deno.test("what another asked of the boot loader stays, and the reboot does not begin", async () => {
  using at = host("next_entry=rescue\n");
  const refused = await at.leave();
  assertStringIncludes(
    refused !== undefined && "kind" in refused ? refused.message : "",
    "asked to boot `rescue` once",
  );
  assertEquals(readAttempts(at.directory).attempts, []);
  assertEquals(at.pending(), "rescue");

  using same = host("next_entry=old\n");
  const attempt = await left(same);
  assertEquals(attempt.oneShot, undefined);
  assertEquals(readAttempts(same.directory).attempts.map(({ oneShot }) => oneShot), [undefined]);
  arrive(arrivedAt(attempt), same.directory);
  confirm(arrivedAt(attempt), same.directory);
  assertEquals(same.pending(), "old");
});

Deno.test("an image without such a guard takes the place of one that had it: nothing is asked any more", async () => {
  using at = host();
  await left(at);
  assertEquals(at.pending(), "old");
  await at.leave(loaded({ name: "other", cmdline: { kind: "parameters", parameters: ["root=LABEL=other"] } }));
  assertEquals(at.pending(), undefined);
  assertEquals(readAttempts(at.directory).attempts.map(({ oneShot }) => oneShot), [undefined]);
});

Deno.test("without a way back, or without a folder for the attempt, a guarded reboot does not begin", async () => {
  using at = host();
  const source = { directory: at.directory, found: GUARDED };
  const no = { kind: "fallback-refused", message: "No", hint: "Mend it" } as const;
  assertEquals(await recordGuardedDeparture("now", LOADED, { ...source, find: () => no }), no);
  assertEquals(readAttempts(at.directory).attempts, []);
  const now = () => {
    throw new TypeError("defect");
  };
  await assertRejects(
    () => recordGuardedDeparture("now", LOADED, { ...source, find: () => at.oneShot, clocks: { ...HOST_CLOCKS, now } }),
    TypeError,
  );
  Deno.writeTextFileSync(at.directory, "not a folder");
  const refused = await at.leave();
  assertEquals(refused !== undefined && "kind" in refused ? refused.kind : "", "fallback-refused");
  assertEquals(at.pending(), undefined);
});

Deno.test("what cannot be taken back is said, with how to do it by hand", async () => {
  using at = host();
  const attempt = await left(at);
  Deno.writeTextFileSync(at.file, Deno.readTextFileSync(at.file).replace("Environment", "Environmint"));
  const lost = confirm(arrivedAt(attempt), at.directory);
  // Not a block any more: nothing is asked.
  assertEquals(lost.kind === "confirmed" ? lost.problem : "", undefined);
  using link = host();
  const other = await left(link);
  Deno.renameSync(link.file, `${link.file}.real`);
  Deno.symlinkSync(`${link.file}.real`, link.file);
  const confirmed = confirm(arrivedAt(other), link.directory);
  assertStringIncludes(
    confirmed.kind === "confirmed" ? confirmed.problem ?? "" : "",
    `it is a symbolic link, which GRUB may not follow. Take it back: grub-editenv ${link.file} unset next_entry`,
  );
  // Once that is mended, confirming again takes it back.
  Deno.removeSync(link.file);
  Deno.renameSync(`${link.file}.real`, link.file);
  assertEquals([confirm(arrivedAt(other), link.directory).kind, link.pending()], ["already", undefined]);
});
