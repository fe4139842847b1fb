import { assertEquals } from "@std/assert";
import type { ClockReading } from "../../src/host/clocks.ts";
import {
  interruptionOf,
  type Phase,
  type TimedReboot,
  type Timing,
  withBootTimes,
} from "../../src/state/interruption.ts";

const pure = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });

/** 17:03:10.400 by the system clock, when the old kernel has run for 1000 s. */
const ASKED: ClockReading = { realtime: 1_795_885_390_400, boottime: 1_000_000, rtc: 1_795_885_390 };
/** 20 s later by both clocks, when the new one has run for 15 s: it started 5 s after. */
const CAME: ClockReading = { realtime: 1_795_885_410_400, boottime: 15_000, rtc: 1_795_885_410 };

const WHOLE: Timing = {
  asked: ASKED,
  stopped: 1_001_500,
  came: CAME,
  boot: { initrd: 900, userspace: 2_000, finished: 7_250 },
};

function reboot(timing: Partial<Timing> = {}, changes: Partial<TimedReboot> = {}): TimedReboot {
  return { end: "arrived", atOnce: false, watched: true, timing: { ...WHOLE, ...timing }, ...changes };
}

function without<Key extends keyof Timing>(key: Key): Omit<Timing, Key> {
  const { [key]: _, ...rest } = WHOLE;
  return rest;
}

const rows = (phases: readonly Phase[] = []) =>
  phases.map(({ covers, milliseconds, inferred }) =>
    `${covers.join("+")} ${milliseconds}${inferred ? " inferred" : ""}`
  );

pure("each moment ends a phase, and all of them add up", () => {
  const found = interruptionOf(reboot());
  assertEquals(rows(found?.phases), [
    "stop 1500",
    "jump 3500 inferred",
    "kernel 900",
    "initrd 1100",
    "userspace 5250",
  ]);
  assertEquals([found?.milliseconds, found?.confirmed], [12_250, undefined]);
});

pure("until a boot came, nothing is known", () => {
  const { asked } = WHOLE;
  assertEquals(interruptionOf({ ...reboot(), timing: { asked } }), undefined);
});

pure("where a moment was not recorded, the phases around it are one", () => {
  assertEquals(rows(interruptionOf({ ...reboot(), timing: without("stopped") })?.phases), [
    "stop+jump 5000 inferred",
    "kernel 900",
    "initrd 1100",
    "userspace 5250",
  ]);
  const inInitrd = interruptionOf(reboot({ boot: { userspace: 2_000, finished: 7_250 } }));
  assertEquals(rows(inInitrd?.phases).slice(2), ["kernel+initrd 2000", "userspace 5250"]);
  assertEquals(inInitrd?.milliseconds, 12_250);
});

pure("as long as user space is not up, the whole is not known", () => {
  const found = interruptionOf(reboot({ boot: { initrd: 900, userspace: 2_000 } }));
  assertEquals(rows(found?.phases).at(-1), "initrd 1100");
  assertEquals(found?.milliseconds, undefined);
  assertEquals(rows(interruptionOf({ ...reboot(), timing: without("boot") })?.phases), [
    "stop 1500",
    "jump 3500 inferred",
  ]);
});

pure("the confirmation is counted from the moment that the reboot was asked for", () => {
  assertEquals(interruptionOf(reboot({ confirmed: 60_000 }))?.confirmed, 65_000);
  assertEquals(interruptionOf(reboot({ confirmed: 3_000 }))?.confirmed, 8_000);
  assertEquals(interruptionOf(reboot({ boot: {}, confirmed: 60_000 }))?.confirmed, 65_000);
});

pure("at once, no services stop; a note of a stop is not its", () => {
  assertEquals(rows(interruptionOf(reboot({}, { atOnce: true }))?.phases)[0], "jump 5000 inferred");
});

pure("a note from before the reboot was asked for is not of its stop", () => {
  assertEquals(rows(interruptionOf(reboot({ stopped: 999_999 }))?.phases)[0], "stop+jump 5000 inferred");
  assertEquals(rows(interruptionOf(reboot({ stopped: 1_000_000 }))?.phases)[0], "stop 0");
});

pure("how it ended names what no clock ran through", () => {
  const name = (end: TimedReboot["end"]) => rows(interruptionOf(reboot({}, { end }))?.phases)[1];
  assertEquals([name("confirmed"), name("fell-back"), name("firmware")], [
    "jump 3500 inferred",
    "fall-back 3500 inferred",
    "firmware 3500 inferred",
  ]);
});

/** The jump, or why its length is unknown. */
function jump(asked: Partial<ClockReading>, came: Partial<ClockReading>, watched = true): number | string | undefined {
  const timing = { asked: { ...ASKED, ...asked }, came: { ...CAME, ...came } };
  const found = interruptionOf(reboot(timing, { watched }));
  if (found?.phases[1]?.unknown !== undefined) {
    assertEquals([found.milliseconds, found.confirmed], [undefined, undefined]);
  }
  return found?.phases[1]?.unknown ?? found?.phases[1]?.milliseconds;
}

pure("the two clocks may differ by the seconds that they count in, and the coarser one bounds the finer", () => {
  assertEquals(jump({}, { realtime: CAME.realtime + 900 }), 4_400);
  assertEquals(jump({}, { realtime: CAME.realtime + 1_000 }), 4_500);
  assertEquals(jump({}, { realtime: CAME.realtime + 2_000 }), 4_500);
  assertEquals(jump({}, { realtime: CAME.realtime - 2_000 }), 2_500);
});

pure("a clock that was set in between is noticed, and nothing is made up", () => {
  assertEquals(
    jump({}, { realtime: CAME.realtime + 2_001 }),
    "A clock was set in between: by the system clock 7 s passed, by the hardware clock 5 s",
  );
  assertEquals(
    jump({}, { realtime: CAME.realtime - 3_600_000 }),
    "A clock was set in between: by the system clock -3595 s passed, by the hardware clock 5 s",
  );
  assertEquals(
    jump({ rtc: 1_795_885_420 }, {}),
    "A clock was set in between: by the system clock 5 s passed, by the hardware clock -25 s",
  );
  // Both were set back, so that they agree.
  assertEquals(
    jump({}, { realtime: CAME.realtime - 3_600_000, rtc: 1_795_885_410 - 3_600 }),
    "A clock was set back in between",
  );
});

pure("an end that lies a little before the start is that of clocks of whole seconds", () => {
  const back = (seconds: number) => ({ realtime: CAME.realtime - seconds * 1000, rtc: 1_795_885_410 - seconds });
  assertEquals(jump({}, back(4)), 0);
  assertEquals(jump({}, back(5)), "A clock was set back in between");
});

pure("a clock that is wrong, and stays so, measures as well as a right one: local time, or a machine of 1970", () => {
  const hour = 3_600_000;
  assertEquals(jump({ realtime: ASKED.realtime + hour }, { realtime: CAME.realtime + hour }), 3_500);
});

pure("without a clock that counts on, or with boots in between that nobody looked at, the length is unknown", () => {
  const { rtc: _a, ...asked } = ASKED;
  const { rtc: _b, ...came } = CAME;
  const none = "No hardware clock (RTC) ran on between the two kernels";
  assertEquals(interruptionOf(reboot({ asked }))?.phases[1]?.unknown, none);
  assertEquals(interruptionOf(reboot({ came }))?.phases[1]?.unknown, none);
  assertEquals(jump({}, {}, false), "Nothing watched the boots in between");
  // What one clock ran through is known all the same.
  assertEquals(rows(interruptionOf(reboot({ came }))?.phases).filter((row) => !row.includes("undefined")), [
    "stop 1500",
    "kernel 900",
    "initrd 1100",
    "userspace 5250",
  ]);
});

pure("moments that are not in order are not subtracted", () => {
  const found = interruptionOf(reboot({ boot: { initrd: 900, userspace: 800, finished: 7_250 } }));
  assertEquals(found?.phases[3], {
    covers: ["initrd"],
    unknown: "The recorded moments are not in order",
    inferred: false,
  });
  assertEquals(found?.milliseconds, undefined);
});

pure("what a boot shows later is added, and what was recorded stays", () => {
  const first = withBootTimes({ asked: ASKED }, { stopped: 5, came: CAME, boot: { userspace: 2_000 } });
  assertEquals(first, { asked: ASKED, stopped: 5, came: CAME, boot: { userspace: 2_000 } });
  const later = { ...CAME, boottime: 99_000 };
  assertEquals(withBootTimes(first, { stopped: 9, came: undefined, boot: {} }), first);
  assertEquals(withBootTimes({ ...first, confirmed: 60_000 }, { came: later, boot: {} }), {
    ...first,
    confirmed: 60_000,
  });
  assertEquals(withBootTimes(first, { came: later, boot: { userspace: 3_000, finished: 7_250 } }), {
    ...first,
    boot: { userspace: 2_000, finished: 7_250 },
  });
  assertEquals(withBootTimes({ asked: ASKED }, { came: undefined, boot: {} }), { asked: ASKED, boot: {} });
});
