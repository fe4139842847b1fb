import { assertEquals, assertStringIncludes } from "@std/assert";
import { diagnose } from "../../src/syscall/errors/diagnose.ts";
import { alreadyLoaded } from "../../src/state/already_loaded.ts";
import { comesBack, describeRoundTrip, isSpent, preservesContext, roundTrip } from "../../src/state/round_trip.ts";
import { statusOf } from "../../src/state/status.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { renderStatus } from "../../src/render/status.ts";
import { PLAIN } from "../../src/render/style.ts";
import { fakeLibc } from "../support/fake_libc.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, profileOf } from "../support/profiles.ts";
import { decodeRecord, type FoundRecord, type LoadRecord } from "../../src/state/record.ts";
import { ERRNOS } from "../../src/syscall/errno.ts";

const loaded = { ...hostFacts().kexec, loaded: true };
const facts = hostFacts({ kexec: loaded, systemd: true });

const ordinary = planned(planBoot({ profile: profileOf(), facts, images: images() }).value);
const payload = planned(
  planBoot({
    profile: profileOf({
      name: "ping",
      preserveContext: true,
      segments: [{ at: 0x400_0000n, source: { kind: "bytes", bytes: Uint8Array.of(0xc3) } }],
      entry: 0x400_0000n,
    }),
    facts,
    images: { initrd: [] },
  }).value,
);

function planned(plan: Plan | undefined): Plan {
  if (plan === undefined) throw new Error("Cannot plan");
  return plan;
}

function recorded(plan: Plan, bootId = hostFacts().bootId): FoundRecord {
  const who = { loadedAt: "2026-11-22T10:00:00Z", user: "root", uid: 0 };
  return {
    kind: "record",
    record: { format: "warmboot.record/1", ...who, plan, ...(bootId === undefined ? {} : { bootId }) },
  };
}

const { bootId: _, ...nameless } = facts;
const OUTLOOKS: readonly (readonly [string, boolean | undefined, boolean | undefined])[] = [
  ["a recorded payload that returns", comesBack(facts, recorded(payload)), true],
  ["a recorded kernel", comesBack(facts, recorded(ordinary)), false],
  ["no record", comesBack(facts, { kind: "none" }), undefined],
  ["a load that was cut off", comesBack(facts, { kind: "interrupted" }), undefined],
  ["a record of an earlier boot", comesBack(facts, recorded(payload, "another")), undefined],
  ["a host that does not tell its boot", comesBack(nameless, recorded(payload)), undefined],
  ["a recorded payload that is gone", comesBack(hostFacts(), recorded(payload)), undefined],
  ["a kernel that does not report what is loaded", comesBack(hostFacts({ kexec: {} }), recorded(payload)), undefined],
];

for (const [name, found, wanted] of OUTLOOKS) {
  Deno.test({
    name: `whether the loaded image comes back, with ${name}: ${wanted ?? "not known"}`,
    permissions: "none",
    fn() {
      assertEquals(found, wanted);
    },
  });
}

Deno.test({
  name: "that a payload is reentrant is in its plan, stored or not, and only where the profile says so",
  permissions: "none",
  fn() {
    const profile = {
      name: "ping",
      preserveContext: true,
      segments: [{ at: 0x400_0000n, source: { kind: "bytes", bytes: Uint8Array.of(0xc3) } }],
      entry: 0x400_0000n,
    } as const;
    const planFor = (reentrant: boolean): Plan =>
      planned(planBoot({ profile: profileOf({ ...profile, reentrant }), facts, images: { initrd: [] } }).value);
    assertEquals<unknown>(planFor(true).call, { ...planFor(false).call, reentrant: true });
    assertEquals(decodePlan(JSON.parse(JSON.stringify(planFor(true))), [], () => {})?.call, planFor(true).call);
  },
});

const OLD_KERNEL = { release: "6.12.107" };

Deno.test({
  name: "a payload that ran is spent on kernels before 6.14, unless it leaves its entry point",
  permissions: "none",
  fn() {
    const ran = (plan: Plan, ranAt?: string): LoadRecord => {
      const found = recorded(plan);
      if (found.kind !== "record") throw new Error("No record");
      return { ...found.record, ...(ranAt === undefined ? {} : { ranAt }) };
    };
    const at = "2026-11-22T10:01:00Z";
    const reentrant: Plan = { ...payload, call: { ...payload.call, reentrant: true } as Plan["call"] };
    const cases: readonly (readonly [LoadRecord, string, boolean])[] = [
      [ran(payload, at), "6.12.107", true],
      [ran(payload), "6.12.107", false],
      [ran(payload, at), "6.13.0", true],
      [ran(payload, at), "6.14.0-15-generic", false],
      [ran(payload, at), "7.2.13", false],
      [ran(payload, at), "next", true],
      [ran(reentrant, at), "6.12.107", false],
      [ran(ordinary, at), "6.12.107", false],
    ];
    for (const [record, release, spent] of cases) assertEquals(isSpent(record, { release }), spent, release);
  },
});

Deno.test({
  name: "a spent payload is not taken for loaded, and status says what to do",
  permissions: "none",
  fn() {
    const old = hostFacts({ ...OLD_KERNEL, kexec: loaded });
    const found = recorded(payload);
    if (found.kind !== "record") throw new Error("No record");
    const spent: FoundRecord = { ...found, record: { ...found.record, ranAt: "2026-11-22T10:01:00Z" } };
    const sound: Plan = { ...payload, checks: [] };
    assertEquals(alreadyLoaded(sound, old, found)?.plan.profile, "ping");
    assertEquals(alreadyLoaded(sound, old, spent), undefined);
    assertEquals(alreadyLoaded(sound, { ...old, release: "6.14.1" }, spent)?.plan.profile, "ping");
    const runs = (record: FoundRecord, release: string) =>
      statusOf({ ...old, release }, record, { kind: "none" }).images[0]?.runs;
    assertEquals([runs(found, "6.12.1"), runs(spent, "6.12.1"), runs(spent, "6.14.1")], ["once", "spent", "often"]);
    assertEquals(runs(recorded(ordinary), "6.12.1"), undefined);
    const text = renderStatus(statusOf(old, spent, { kind: "none" }), { style: PLAIN, width: 120 });
    assertStringIncludes(text, "it has run: load it again before the next `warmboot exec`");
  },
});

Deno.test({
  name: "a record keeps when its payload ran",
  permissions: "none",
  fn() {
    const found = recorded(payload);
    if (found.kind !== "record") throw new Error("No record");
    const record = { ...found.record, ranAt: "2026-11-22T10:01:00Z" };
    const problems: unknown[] = [];
    assertEquals(decodeRecord(JSON.parse(JSON.stringify(record)), [], (each) => problems.push(each)), record);
    assertEquals(problems, []);
  },
});

Deno.test({
  name: "a plan preserves the running system if its flag bits say so",
  permissions: "none",
  fn() {
    assertEquals([preservesContext(payload), preservesContext(ordinary)], [true, false]);
    // The same bit of kexec_file_load is that of a crash kernel.
    const crash = planned(planBoot({ profile: profileOf({ crash: true }), facts, images: images() }).value);
    assertEquals([crash.call.syscall, crash.call.flagBits, preservesContext(crash)], ["kexec_file_load", "0x2", false]);
  },
});

Deno.test({
  name: "the time that only the boot clock counts is the payload's, the rest of the call the system's own",
  permissions: "none",
  fn() {
    const clocks = { boottime: [100_000_000_000n, 103_410_000_000n], monotonic: [40_000_000_000n, 40_410_000_000n] };
    const libc = fakeLibc({}, clocks);
    const { ok, took } = roundTrip(() => libc.rebootKexec(), libc);
    assertEquals([ok, took], [true, { away: 3_000_000_000n, around: 410_000_000n }]);
    assertEquals(libc.calls, [["reboot"]]);
  },
});

Deno.test({
  name: "two clocks that are read one after the other do not make a payload's time",
  permissions: "none",
  fn() {
    const libc = fakeLibc({}, { boottime: [0n, 250_000_040n], monotonic: [10n, 250_000_020n] });
    assertEquals(roundTrip(() => libc.rebootKexec(), libc).took, { away: 0n, around: 250_000_010n });
    const away = (boottime: bigint) => {
      const clocks = fakeLibc({}, { boottime: [0n, boottime], monotonic: [0n, 0n] });
      return roundTrip(() => clocks.rebootKexec(), clocks).took.away;
    };
    assertEquals([49_999_999n, 50_000_000n].map(away), [0n, 50_000_000n]);
  },
});

const SENTENCES: readonly (readonly [bigint, bigint, string])[] = [
  [0n, 412_345_678n, "less than a second; suspending and resuming the system took 0.41 s"],
  [999_999_999n, 0n, "less than a second; suspending and resuming the system took 0.00 s"],
  [1_499_999_999n, 5_000_000n, "about 1 s; suspending and resuming the system took 0.01 s"],
  [1_500_000_000n, 4_999_999n, "about 2 s; suspending and resuming the system took 0.00 s"],
  [1_000_000_000n, 20_000_000_000n, "about 1 s; suspending and resuming the system took 20.00 s"],
  [3_600_500_000_000n, 1n, "about 3601 s; suspending and resuming the system took 0.00 s"],
];

Deno.test({
  name: "a round trip is told in seconds, not more exactly than the clocks are",
  permissions: "none",
  fn() {
    for (const [away, around, says] of SENTENCES) {
      assertEquals(describeRoundTrip({ away, around }), `The payload returned: it ran for ${says}`);
    }
  },
});

Deno.test({
  name: "status says that the payload can be run again, and what systemctl reboot would do with it",
  permissions: "none",
  fn() {
    const status = statusOf({ ...facts, release: "6.14.1" }, recorded(payload), { kind: "none" });
    assertEquals(status.images[0]?.returns, true);
    const text = renderStatus(status, { style: PLAIN, width: 120 });
    assertEquals(
      text.match(/`warmboot exec` runs it as often as you like|run the loaded payload on its way/g)?.length,
      2,
    );
    const other = renderStatus(statusOf(facts, recorded(ordinary), { kind: "none" }), { style: PLAIN, width: 120 });
    assertEquals(other.match(/as often as you like|boot the loaded image/g), ["boot the loaded image"]);
  },
});

Deno.test({
  name: "every errno of a round trip that does not start is explained as one, a missing permission as itself",
  permissions: "none",
  fn() {
    const explain = (errno: number, returns: boolean) =>
      diagnose({ call: { name: "reboot_kexec" }, errno, facts: hostFacts({ kexec: loaded }), returns })?.cause ?? "";
    for (const { number, name } of ERRNOS) {
      assertEquals(/could not be stopped for the payload/.test(explain(number, true)), name !== "EPERM", name);
      assertEquals(/payload/.test(explain(number, false)), false, name);
    }
  },
});
