import { assertEquals } from "@std/assert";
import { type Attempt, judgeAttempts } from "../../src/state/attempt.ts";
import { openDeadline, unkeptGuard } from "../../src/state/deadline.ts";
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

test("a guard that nobody may keep is named before the reboot", () => {
  assertEquals(unkeptGuard(OPEN), undefined);
  const unwatched = { ...OPEN, from: { ...OPEN.from, watched: false } };
  assertEquals(unkeptGuard(unwatched)?.includes("systemctl enable --now warmboot-arrive"), true);
  assertEquals(unkeptGuard({ ...unwatched, guard: { panic: 10, parameters: [] } }), undefined);
  const { guard: _, ...unguarded } = unwatched;
  assertEquals(unkeptGuard(unguarded), undefined);
});
