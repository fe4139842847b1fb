import { assertEquals } from "@std/assert";
import {
  type Attempt,
  failedAttempts,
  interruptionOfAttempt,
  judgeAttempts,
  type RunningSystem,
} from "../../src/state/attempt.ts";
import { openDeadline, unkeptGuard } from "../../src/state/deadline.ts";
import type { Timing } from "../../src/state/interruption.ts";
import { OPEN_ATTEMPT } from "../support/attempts.ts";

const OPEN: Attempt = {
  ...OPEN_ATTEMPT,
  guard: { confirm: 600, parameters: [] },
  to: { cmdline: "root=LABEL=root ro warmboot.plan=0123456789abcdef" },
};
const RUNNING = { release: "6.12.1", cmdline: OPEN.to.cmdline, bootId: "now", kexecBooted: true };
const COLD = { release: "6.1.0-50-amd64", cmdline: "root=LABEL=root", bootId: "later", kexecBooted: false };
const AT = "2026-11-28T17:00:10Z";

const [ARRIVED] = judgeAttempts([OPEN], RUNNING, AT, 8);
if (ARRIVED === undefined) throw new Error("It does not arrive");

function ended(changes: Partial<Attempt["outcome"] & object>): Attempt {
  if (ARRIVED === undefined) throw new Error("It does not arrive");
  return { ...ARRIVED, outcome: { ...ARRIVED.outcome, ...changes } };
}

const test = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });

test("the clock starts at the arrival, and looking again does not start it again", () => {
  assertEquals(ARRIVED.outcome, {
    end: "arrived",
    why: "6.12.1 came up with the stamp of the plan, by kexec",
    at: AT,
    bootId: "now",
    uptime: 8,
  });
  for (const now of [8, 100, 5000]) assertEquals(openDeadline([ARRIVED], RUNNING, now)?.due, 608);
  // Its outcome could not be written, so that the uptime is not known.
  const [unwritten] = judgeAttempts([OPEN], RUNNING, AT);
  assertEquals(openDeadline(unwritten === undefined ? [] : [unwritten], RUNNING, 20)?.due, 620);
});

test("there is a deadline only where a guarded attempt arrived in this boot, and is not confirmed", () => {
  const { guard: _, ...unguarded } = ARRIVED;
  const attempts: readonly (readonly Attempt[])[] = [
    [],
    [OPEN],
    [unguarded],
    [{ ...ARRIVED, guard: { panic: 10, parameters: [] } }],
    [ended({ end: "confirmed" })],
    [ended({ end: "not-confirmed" })],
    [ended({ end: "fell-back" })],
    [ended({ end: "unknown" })],
    [ended({ bootId: "another" })],
  ];
  for (const each of attempts) assertEquals(openDeadline(each, RUNNING, 8), undefined);
  const { bootId: _boot, ...nameless } = RUNNING;
  assertEquals(openDeadline([ARRIVED], nameless, 8), undefined);
  const { bootId: _then, ...unnamed } = ARRIVED.outcome;
  assertEquals(openDeadline([{ ...ARRIVED, outcome: unnamed }], nameless, 8), undefined);
});

test("a reboot that is asked for in the meantime does not end it", () => {
  const next: Attempt = { ...OPEN, id: "20261128T170100Z-00000000", from: { ...OPEN.from, bootId: "now" } };
  assertEquals(openDeadline([next, ARRIVED], RUNNING, 30)?.attempt, ARRIVED);
});

test("what nobody confirmed gets the system that came up after it, once", () => {
  const missed = ended({ end: "not-confirmed", why: "Nobody confirmed it within 10 min" });
  assertEquals(judgeAttempts([missed], RUNNING, AT, 700), []);
  const [back] = judgeAttempts([missed], COLD, "2026-11-28T17:20:00Z", 5);
  assertEquals(back?.outcome, {
    end: "not-confirmed",
    why: "Nobody confirmed it within 10 min; 6.1.0-50-amd64 came up by the firmware after it",
    at: AT,
    bootId: "now",
    uptime: 8,
    cameBack: { release: "6.1.0-50-amd64", bootId: "later", at: "2026-11-28T17:20:00Z" },
  });
  assertEquals(judgeAttempts(back === undefined ? [] : [back], { ...COLD, bootId: "third" }, AT), []);
  // Another reboot was tried since: what came up after that is not what came up after this.
  const next: Attempt = { ...OPEN, id: "20261128T170100Z-00000000", from: { ...OPEN.from, bootId: "later" } };
  assertEquals(judgeAttempts([next, missed], COLD, AT), []);
});

/** What becomes of an attempt that arrived in boot `now`, seen from another system. */
function later(attempt: Attempt, running: RunningSystem = COLD, isNoted = false): Attempt["outcome"] | undefined {
  return judgeAttempts([attempt], running, "2026-11-28T17:20:00Z", 5, (bootId) => isNoted && bootId === "now")[0]
    ?.outcome;
}

const KEPT = ended({ deadline: "kept" });
const CAME_BACK = { release: "6.1.0-50-amd64", bootId: "later", at: "2026-11-28T17:20:00Z" };

test("what arrives, and ends before it is confirmed without a shutdown, falls back, and its plan has failed", () => {
  const outcome = later(KEPT);
  assertEquals(outcome, {
    end: "fell-back",
    why: "6.12.1 came up with the stamp of the plan, by kexec; it ended without a shutdown before it was confirmed; " +
      "6.1.0-50-amd64 came up by the firmware after it",
    at: AT,
    bootId: "now",
    uptime: 8,
    deadline: "kept",
    cameBack: CAME_BACK,
  });
  const fallen: Attempt = { ...KEPT, ...(outcome === undefined ? {} : { outcome }) };
  assertEquals(failedAttempts([fallen]).map(({ plan }) => plan), [KEPT.plan]);
  // Once.
  assertEquals(judgeAttempts([fallen], { ...COLD, bootId: "third" }, AT), []);
  // On a kernel that does not say how it was started: it lacks the stamp.
  const { kexecBooted: _, ...silent } = COLD;
  assertEquals([later(KEPT, silent)?.end, later(KEPT, { ...silent, cmdline: RUNNING.cmdline })?.end], [
    "fell-back",
    "arrived",
  ]);
  assertEquals(later(KEPT, silent)?.why.endsWith("; 6.1.0-50-amd64 came up after it"), true);
  // Booted cold, with the very command line: a reset into what the boot loader has as well.
  assertEquals(later(KEPT, { ...COLD, cmdline: RUNNING.cmdline, release: RUNNING.release })?.end, "fell-back");
  // A reboot that was asked for in that system, and never began, changes nothing; one that began is the one to look at.
  const asked: Attempt = { ...OPEN, id: "20261128T170100Z-00000000", from: { ...OPEN.from, bootId: "now" } };
  const ends = (next: Attempt) => judgeAttempts([next, KEPT], COLD, AT).map(({ outcome }) => outcome.end);
  assertEquals(ends(asked), ["firmware", "fell-back"]);
  assertEquals(ends({ ...asked, leftAt: AT }), ["fell-back"]);
  assertEquals(ends({ ...asked, way: "init" }), ["unknown"]);
});

test("of what fell back after it arrived, the history shows how long it took to arrive", () => {
  const timing: Timing = {
    asked: { realtime: 0, boottime: 1_000_000, rtc: 0 },
    stopped: 1_001_000,
    came: { realtime: 20_000, boottime: 10_000, rtc: 20 },
    boot: { userspace: 2_000 },
  };
  const outcome = later({ ...KEPT, timing });
  const phases = (attempt: Attempt) => interruptionOfAttempt(attempt)?.phases.map(({ covers }) => covers.join());
  assertEquals(phases({ ...KEPT, timing, ...(outcome === undefined ? {} : { outcome }) }), [
    "stop",
    "jump",
    "kernel,initrd",
  ]);
  assertEquals(phases(ended({ end: "fell-back" })), undefined);
  assertEquals(phases({ ...ended({ end: "fell-back" }), timing }), ["stop", "fall-back", "kernel,initrd"]);
});

test("what arrived and was shut down before it was confirmed has not failed, and the history says what was seen", () => {
  const why = (outcome: Attempt["outcome"]) => [
    outcome?.end,
    outcome?.why.replace("6.12.1 came up with the stamp of the plan, by kexec; ", ""),
    outcome?.cameBack,
  ];
  const shutDown = "it was shut down, or its guard ended by hand, before it was confirmed";
  const cold = "6.1.0-50-amd64 came up by the firmware after it";
  const stopped = ended({ deadline: "stopped" });
  assertEquals(why(later(stopped)), ["arrived", `${shutDown}; ${cold}`, CAME_BACK]);
  assertEquals(why(later(KEPT, COLD, true)), ["arrived", `${shutDown}; ${cold}`, CAME_BACK]);
  // Nobody kept its deadline, so that nobody would have noted a shutdown.
  assertEquals(why(later(ARRIVED)), [
    "arrived",
    `it was not confirmed, and whether it was shut down is not known; ${cold}`,
    CAME_BACK,
  ]);
  // Somebody went on from it by kexec, without a shutdown.
  assertEquals(why(later(KEPT, { ...COLD, kexecBooted: true })), [
    "arrived",
    "it was not confirmed; 6.1.0-50-amd64 came up by kexec after it",
    CAME_BACK,
  ]);
  // It says nothing of the plan: what an earlier attempt said still counts.
  const outcome = later(stopped);
  const inOrder: Attempt = { ...stopped, ...(outcome === undefined ? {} : { outcome }) };
  assertEquals(failedAttempts([inOrder]), []);
  assertEquals(failedAttempts([inOrder, ended({ end: "fell-back" })]).length, 1);
  assertEquals(failedAttempts([KEPT, ended({ end: "fell-back" })]), []);
});

test("where arrival or a confirmation is the end of a guard, what comes after it is none of its business", () => {
  const { guard: _, ...unguarded } = KEPT;
  for (
    const each of [
      unguarded,
      { ...KEPT, guard: { panic: 10, watchdog: 60, parameters: [] } },
      ended({ end: "confirmed", deadline: "kept" }),
    ]
  ) assertEquals(judgeAttempts([each], COLD, AT), []);
  // In that boot itself.
  assertEquals(judgeAttempts([KEPT], RUNNING, AT, 700), []);
});

test("a guard that nobody may keep is named before the reboot", () => {
  assertEquals(unkeptGuard(OPEN), undefined);
  const unwatched = { ...OPEN, from: { ...OPEN.from, watched: false } };
  assertEquals(unkeptGuard(unwatched)?.includes("systemctl enable --now warmboot-arrive"), true);
  assertEquals(unkeptGuard({ ...unwatched, guard: { panic: 10, parameters: [] } }), undefined);
  const { guard: _, ...unguarded } = unwatched;
  assertEquals(unkeptGuard(unguarded), undefined);
});
