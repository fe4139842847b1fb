import { assertEquals, assertMatch } from "@std/assert";
import { isActiveHere, keepWatchdog, noteKeeper, pingInterval, watchdogHere } from "../../src/app/keep_watchdog.ts";
import type { WatchdogDevice } from "../../src/host/facts.ts";
import type { CallResult } from "../../src/syscall/libc.ts";
import { failingSystem } from "../support/failing_system.ts";
import { fakeLibc } from "../support/fake_libc.ts";

const test = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });

const fails = (errno: number): CallResult => ({ ok: false, errno });
const [ENOENT, EBUSY, EINVAL, EIO] = [fails(2), fails(16), fails(22), fails(5)];

/** A watchdog on a host that gives these answers in turn; with what was called, and what was said. */
function kept(
  answers: Parameters<typeof fakeLibc>[0] = {},
  isActive: () => boolean | undefined = () => false,
  name = "watchdog0",
) {
  const libc = fakeLibc(answers);
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const watchdog = keepWatchdog(name, 120, { onSay: say, onWarning: say }, { ...libc, isActive });
  return { watchdog, calls: libc.calls, said };
}

const OPEN = ["arm_watchdog", "/dev/watchdog", 120];

test("it is opened once, pinged, and stopped when it is closed; then it is left alone", () => {
  const { watchdog, calls, said } = kept();
  for (let turn = 0; turn < 3; turn++) assertEquals(watchdog.ping(), true);
  assertEquals(watchdog.close(), true);
  assertEquals(watchdog.ping(), false);
  watchdog.leave();
  assertEquals(calls, [OPEN, ["ping_watchdog", 7], ["ping_watchdog", 7], ["disarm_watchdog", 7]]);
  assertEquals(said, ["watchdog0 resets this machine if it is not pinged for 2 min"]);
});

test("only the first has a name with a fixed number", () => {
  const { watchdog, calls } = kept({}, undefined, "watchdog1");
  watchdog.ping();
  assertEquals(calls, [["arm_watchdog", "/dev/watchdog1", 120]]);
});

test("one that is not there yet is opened when it is; nothing is said until then", () => {
  const { watchdog, calls, said } = kept({ arm_watchdog: [ENOENT, ENOENT] });
  assertEquals([watchdog.ping(), watchdog.ping()], [true, true]);
  assertEquals(said, []);
  watchdog.ping();
  assertEquals([calls.length, said.length], [3, 1]);
  // ENXIO, ENODEV: its driver has gone, or is not there yet.
  const other = kept({ arm_watchdog: [fails(6), fails(19)] });
  assertEquals([other.watchdog.ping(), other.watchdog.ping(), other.said], [true, true, []]);
  const never = kept({ arm_watchdog: [ENOENT] });
  never.watchdog.ping();
  assertEquals(never.watchdog.close(), true);
  assertEquals(never.calls.length, 1);
});

test("one that another program has open is left to that program", () => {
  const { watchdog, calls, said } = kept({ arm_watchdog: [EBUSY] });
  assertEquals([watchdog.ping(), watchdog.ping()], [false, false]);
  assertEquals(watchdog.close(), true);
  watchdog.leave();
  assertEquals(calls, [OPEN]);
  assertEquals(said, ["Another program has watchdog0 open, and is the one that pings it"]);
});

test("what fails is said once, and tried again", () => {
  const { watchdog, calls, said } = kept({ arm_watchdog: [EINVAL, EINVAL], ping_watchdog: [EIO, EIO] });
  for (let turn = 0; turn < 5; turn++) assertEquals(watchdog.ping(), true);
  assertEquals(calls.map(([name]) => name), [...Array(3).fill("arm_watchdog"), "ping_watchdog", "ping_watchdog"]);
  assertEquals(said, [
    "watchdog0 cannot be kept: EINVAL",
    "watchdog0 resets this machine if it is not pinged for 2 min",
    "watchdog0 cannot be pinged: EIO",
  ]);
});

test("one that cannot be stopped, or does not say so, is open again at once, and pinged on", () => {
  for (const active of [true, undefined]) {
    const { watchdog, calls } = kept({}, () => active);
    watchdog.ping();
    assertEquals(watchdog.close(), false);
    assertEquals(watchdog.ping(), true);
    assertEquals(calls, [OPEN, ["disarm_watchdog", 7], OPEN, ["ping_watchdog", 7]]);
  }
});

test("at the end of the process it is stopped; one that cannot be gives the machine time to shut down", () => {
  const stops = kept();
  stops.watchdog.ping();
  stops.watchdog.leave();
  assertEquals([stops.calls.at(-1), stops.said.length], [["disarm_watchdog", 7], 1]);

  const runsOn = kept({}, () => true);
  runsOn.watchdog.ping();
  runsOn.watchdog.leave();
  assertEquals(runsOn.calls.slice(1), [["disarm_watchdog", 7], ["arm_watchdog", "/dev/watchdog", 600]]);
  assertMatch(
    runsOn.said.at(-1) ?? "",
    /^watchdog0 cannot be stopped \(nowayout\): it resets the machine in 10 min or before/,
  );

  // It does not take that long a time.
  const short = kept({ arm_watchdog: [{ ok: true, value: 7 }, EINVAL] }, () => true);
  short.watchdog.ping();
  short.watchdog.leave();
  assertEquals(short.calls.at(-1), OPEN);
});

test("pings come in time, also where that is short", () => {
  assertEquals([120, 30, 10, 3, 1].map(pingInterval), [5000, 5000, 10_000 / 3, 1000, 1000 / 3]);
});

test("the same watchdog is found by its driver, whatever its number is now", () => {
  const devices: readonly WatchdogDevice[] = [
    { name: "watchdog0", identity: "i6300ESB timer" },
    { name: "watchdog1", identity: "iTCO_wdt", driver: "iTCO_wdt" },
    { name: "watchdog2", driver: "foo-wdt" },
    { name: "watchdog3" },
    { name: "watchdog4", identity: "Software Watchdog", driver: "softdog-device" },
  ];
  const watchdog = { devices, coreIsModule: true, ipmi: false };
  const here = (driver: string | undefined) =>
    watchdogHere({ device: "watchdog0", resetAfter: 120, ...(driver === undefined ? {} : { driver }) }, { watchdog });
  assertEquals(["iTCO_wdt", "i6300esb", "foo-wdt", "softdog", "other", undefined].map(here), [
    "watchdog1",
    "watchdog0",
    "watchdog2",
    "watchdog4",
    "watchdog0",
    "watchdog0",
  ]);
  assertEquals(watchdogHere({ device: "watchdog1", resetAfter: 120 }, {}), "watchdog1");
});

Deno.test("elsewhere than under systemd, a mark shows to plans that each boot starts it", () => {
  const folder = Deno.makeTempDirSync({ prefix: "warmboot-keeper-" });
  try {
    const mark = `${folder}/run/waits`;
    noteKeeper({ systemd: true }, mark);
    assertEquals([...Deno.readDirSync(folder)], []);
    for (let turn = 0; turn < 2; turn++) noteKeeper({ systemd: false }, mark);
    // What a capture keeps of the source.
    assertMatch(Deno.readTextFileSync(mark), /^Description=/);
    const modes = [`${folder}/run`, mark].map((path) => (Deno.statSync(path).mode ?? 0) & 0o777);
    assertEquals(modes, [0o700, 0o600]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a watchdog counts as the kernel says; that of a BMC unless it can be stopped, and what says nothing is not known", () => {
  const nowayout = "/sys/module/ipmi_watchdog/parameters/nowayout";
  const active = (name: string, files: Readonly<Record<string, string>>) => {
    using on = failingSystem(files);
    return on.on(() => isActiveHere(name));
  };
  const core = (state: string) =>
    active("watchdog0", { "/sys/class/watchdog/watchdog0/state": state, [nowayout]: "Y\n" });
  assertEquals([core("active\n"), core("inactive\n"), core("other\n")], [true, false, false]);
  assertEquals(active("watchdog7", {}), undefined);
  assertEquals(["Y\n", "1\n", "N\n", "0\n"].map((text) => active("watchdog", { [nowayout]: text })), [
    true,
    true,
    false,
    false,
  ]);
  assertEquals(active("watchdog", {}), false);
});
