import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { WatchdogDevice, WatchdogFacts } from "../../src/host/facts.ts";
import { diffPlans } from "../../src/diff/compare.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Check, Plan } from "../../src/plan/plan.ts";
import { planText } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { isStopped, planWatchdog } from "../../src/plan/watchdog.ts";
import { resetAfter, WATCHDOG_DRIVERS, watchdogDriver } from "../../src/plan/watchdog_drivers.ts";
import type { Guard, Profile } from "../../src/profile/profile.ts";
import { guardLines } from "../../src/render/guard_text.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const ESB: WatchdogDevice = {
  name: "watchdog0",
  identity: "i6300ESB timer",
  active: false,
  timeout: 30,
  minTimeout: 1,
  maxTimeout: 2046,
  nowayout: false,
  holders: [],
};
const ITCO: WatchdogDevice = { ...ESB, identity: "iTCO_wdt", driver: "iTCO_wdt", minTimeout: 0, maxTimeout: 0 };

/** A host whose kernel keeps its watchdog running over a reboot. */
function host(device: Partial<WatchdogDevice> = {}, core: Partial<WatchdogFacts> = {}): WatchdogFacts {
  return { devices: [{ ...ESB, ...device }], stopOnReboot: false, coreIsModule: true, ipmi: false, ...core };
}

function planOf(
  watchdog: WatchdogFacts | undefined,
  seconds = 120,
  cmdline = "root=LABEL=root ro",
  guard: Guard = {},
): Plan {
  const profile: Partial<Profile> = {
    guard: { ...guard, watchdog: seconds },
    stamp: true,
    cmdline: { kind: "parameters", parameters: cmdline.split(" ") },
  };
  const { value, diagnostics } = planBoot({
    profile: profileOf(profile),
    facts: hostFacts(watchdog === undefined ? {} : { watchdog }),
    images: images(),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return value;
}

function verdict(...args: Parameters<typeof planOf>): Check {
  const found = planOf(...args).checks.find(({ rule }) => rule === "guard-watchdog");
  if (found === undefined) throw new Error("The rule does not apply");
  return found;
}

const OPENED = "root=LABEL=root systemd.watchdog_sec=30s";

pure("every driver of the table has a file, and no two are known by one name", () => {
  const names = WATCHDOG_DRIVERS.flatMap(({ names }) => names.map(String));
  assertEquals(names.length, new Set(names).size);
  for (const { module, file } of WATCHDOG_DRIVERS) assertMatch(file, /^(?:watchdog|char\/ipmi)\/[\w-]+\.c$/, module);
  assertEquals(watchdogDriver({ identity: "f71869 watchdog" })?.module, "f71808e_wdt");
  assertEquals(watchdogDriver({ identity: "f81865 watchdogs" }), undefined);
  assertEquals(watchdogDriver({ driver: "bcm2835-wdt" })?.module, "bcm2835_wdt");
  assertEquals(watchdogDriver({}), undefined);
});

pure("when a machine is reset: as each driver rounds, counts and sets", () => {
  const after = (identity: string, seconds: number) => resetAfter(seconds, watchdogDriver({ identity }));
  const rows: readonly (readonly [string, number, number])[] = [
    ["i6300ESB timer", 120, 120],
    // It runs out twice.
    ["iTCO_wdt", 120, 240],
    // Up to 255 s to the second, then whole minutes.
    ["IT87 WDT", 255, 255],
    ["IT87 WDT", 256, 300],
    ["IT87 WDT", 300, 300],
    ["f71869 watchdog", 301, 360],
    // The hardware counts less; the kernel's pings end at the jump.
    ["Broadcom BCM2835 Watchdog timer", 120, 15],
    ["Broadcom BCM2835 Watchdog timer", 10, 10],
    ["Meson GXBB Watchdog", 120, 65],
    // Set at the reboot, whatever was asked for.
    ["imx2+ watchdog", 10, 128],
    ["IPMI", 30, 120],
    ["IPMI", 180, 180],
  ];
  for (const [identity, seconds, expected] of rows) assertEquals(after(identity, seconds), expected, identity);
  assertEquals(resetAfter(90), 90);
});

pure("whether a driver stops it: by itself, whatever the parameter says, or as that says", () => {
  const stopped = (identity: string, stopOnReboot?: boolean) =>
    isStopped(watchdogDriver({ identity }), host({}, stopOnReboot === undefined ? {} : { stopOnReboot }));
  const unsaid = (identity: string) => {
    const { stopOnReboot: _, ...core } = host();
    return isStopped(watchdogDriver({ identity }), core);
  };
  const rows: readonly (readonly [string, readonly (boolean | undefined)[]])[] = [
    ["Software Watchdog", [true, true, true]],
    ["S3C2410 Watchdog", [true, true, true]],
    ["IPMI", [false, false, false]],
    ["i6300ESB timer", [true, true, false]],
    ["HPE iLO2+ HW Watchdog Timer", [false, true, false]],
    ["Foo", [undefined, true, false]],
  ];
  for (const [identity, expected] of rows) {
    assertEquals([unsaid(identity), stopped(identity, true), stopped(identity, false)], expected, identity);
  }
});

pure("a watchdog that runs on over the jump passes, with the time within which it resets", () => {
  const { status, message } = verdict(host());
  assertEquals(status, "pass");
  assertStringIncludes(message, "watchdog0 (i6300esb) resets the machine within 2 min of the jump");
  assertStringIncludes(verdict(host(ITCO)).message, "within 4 min");
  assertStringIncludes(verdict(host({ nowayout: true })).message, "cannot be stopped (nowayout)");
  // These keep it by themselves.
  const keeps = { devices: [{ ...ESB, identity: "HPE iLO2+ HW Watchdog Timer" }], coreIsModule: false, ipmi: false };
  assertEquals(verdict(keeps).status, "pass");
});

pure("a driver that stops it fails, and the modules are loaded again only where nothing uses them", () => {
  const stops = (device: Partial<WatchdogDevice>, core: Partial<WatchdogFacts> = {}) => {
    const { stopOnReboot: _, ...rest } = host(device);
    return verdict({ ...rest, ...core });
  };
  const free = stops({});
  assertEquals(free.status, "fail");
  assertStringIncludes(free.message, "the running kernel lacks watchdog.stop_on_reboot=0");
  const reload = "modprobe -r i6300esb watchdog && modprobe watchdog stop_on_reboot=0 && modprobe i6300esb";
  assertStringIncludes(free.hint ?? "", reload);
  const { holders: _, ...unseen } = ESB;
  const { active: __, ...unknown } = ESB;
  for (
    const other of [
      stops({ holders: [1] }),
      stops({ active: true }),
      stops({}, { coreIsModule: false }),
      verdict({ devices: [unseen], coreIsModule: true, ipmi: false }),
      verdict({ devices: [unknown], coreIsModule: true, ipmi: false }),
    ]
  ) {
    assertEquals([other.status, other.hint?.includes("modprobe")], ["fail", false]);
    assertStringIncludes(other.hint ?? "", "Boot this kernel once with watchdog.stop_on_reboot=0");
  }
  // The parameter may say so for a driver that would keep it.
  const stopped = verdict(host({ identity: "HPE iLO2+ HW Watchdog Timer" }, { stopOnReboot: true }));
  assertEquals(stopped.status, "fail");
  assertStringIncludes(stopped.message, "watchdog.stop_on_reboot=1");
});

pure("what cannot reset the machine fails: none, one of the kernel itself, one that always stops", () => {
  assertEquals(verdict(undefined).status, "fail");
  assertStringIncludes(verdict(undefined).message, "this host has none");
  for (const identity of ["Software Watchdog", "S3C2410 Watchdog"]) {
    assertEquals(verdict(host({ identity })).status, "fail", identity);
  }
});

pure("the timeout is within what the device takes, on both sides", () => {
  for (const [seconds, status] of [[10, "fail"], [11, "pass"], [100, "pass"], [101, "fail"]] as const) {
    assertEquals(verdict(host({ minTimeout: 11, maxTimeout: 100 }), seconds).status, status, `${seconds}`);
  }
  assertStringIncludes(
    verdict(host({ maxTimeout: 100 })).message,
    "watchdog0 (i6300esb) takes 1 s to 100 s, not 2 min",
  );
  // The kernel shows no limit of this one; its driver has one.
  assertEquals([613, 614].map((seconds) => verdict(host(ITCO), seconds).status), ["pass", "fail"]);
  assertEquals(verdict(host({ identity: "something new", minTimeout: 0, maxTimeout: 0 }), 86_400).status, "pass");
});

pure("one that the next kernel leaves running unpinged needs systemd to open it", () => {
  const runsOut = host({ identity: "W83627HF Watchdog", maxTimeout: 255 });
  assertEquals(verdict(runsOut).status, "fail");
  assertStringIncludes(verdict(runsOut).hint ?? "", "systemd.watchdog_sec=");
  assertEquals(verdict(runsOut, 120, OPENED).status, "pass");
  // Without a value, and with each word for "no", systemd leaves the watchdog alone.
  for (const off of ["=", "=0", "=off", "=no", "=false", "=OFF", ""]) {
    assertEquals(verdict(runsOut, 120, `root=LABEL=root systemd.watchdog_sec${off}`).status, "fail", off);
  }
  const unpinged = "root=LABEL=root watchdog.handle_boot_enabled=0";
  assertEquals(verdict(host(ITCO), 120, unpinged).status, "fail");
  // As kstrtobool() of the kernel reads it.
  const handled = (value: string) =>
    verdict(host(ITCO), 120, `root=LABEL=root watchdog.handle_boot_enabled=${value}`).status;
  assertEquals(["n", "N", "f", "false", "off", "OFF", "0"].map(handled), Array(7).fill("fail"));
  assertEquals(["y", "Y", "t", "on", "ON", "1"].map(handled), Array(6).fill("pass"));
  assertEquals(verdict(host(), 120, unpinged).status, "pass");
  assertEquals(verdict(host(ITCO), 120, `${unpinged} systemd.watchdog_sec=1min`).status, "pass");
  assertEquals(verdict(host(ITCO), 120, "root=LABEL=root watchdog.open_timeout=60").status, "warn");
});

pure("what may keep it from working is a warning: another process, an unknown driver, a BMC's device", () => {
  const held = verdict(host({ holders: [1, 412] }));
  assertEquals(held.status, "warn");
  assertStringIncludes(held.message, "Process 412 has watchdog0 (i6300esb) open");
  // systemd, which arms it.
  assertEquals(verdict(host({ holders: [1] })).status, "pass");
  const unknown = verdict({ devices: [{ ...ESB, identity: "Foo" }], coreIsModule: true, ipmi: false });
  assertEquals(unknown.status, "warn");
  assertStringIncludes(unknown.message, "Whether watchdog0 (Foo) goes on over a reboot by kexec is not known");
  // The parameter holds for every driver of the core.
  assertEquals(verdict(host({ identity: "Foo" })).status, "pass");
  const bmc = verdict({ devices: [], coreIsModule: false, ipmi: true });
  assertEquals(bmc.status, "warn");
  assertStringIncludes(bmc.hint ?? "", "WatchdogDevice=/dev/watchdog");
  // Its driver starts it again by itself, whatever the parameter says.
  assertEquals(verdict({ devices: [], coreIsModule: false, ipmi: true, stopOnReboot: true }).status, "warn");
});

pure("the next command line keeps the watchdog; open_timeout is there only if systemd opens it", () => {
  const words = (cmdline: string) => planOf(host(ITCO), 90, cmdline).guard?.parameters;
  assertEquals(words("root=LABEL=root"), ["watchdog.stop_on_reboot=0"]);
  assertEquals(words(OPENED), ["watchdog.stop_on_reboot=0", "watchdog.open_timeout=90"]);
  assertEquals(words("root=LABEL=root -- systemd.watchdog_sec=30s"), ["watchdog.stop_on_reboot=0"]);
  assertStringIncludes(planOf(host(), 90, OPENED).call.cmdline, " watchdog.stop_on_reboot=0 watchdog.open_timeout=90 ");
  const { value, diagnostics } = planBoot({
    profile: profileOf({
      guard: { watchdog: 90 },
      stamp: true,
      cmdline: { kind: "parameters", parameters: ["watchdog.stop_on_reboot=1"] },
    }),
    facts: hostFacts({ watchdog: host() }),
    images: images(),
    partDigests: PART_DIGESTS,
  });
  assertEquals([value, diagnostics.map(({ code }) => code)], [undefined, ["conflict"]]);
});

pure("a stored plan has the watchdog that is armed, and reads back", () => {
  const plan = planOf(host(ITCO), 90, OPENED);
  assertEquals(plan.guard?.device, {
    device: "watchdog0",
    driver: "iTCO_wdt",
    resetAfter: 180,
    next: "kept",
    keeper: "systemd",
    openTimeout: 90,
  });
  assertEquals(decodePlan(JSON.parse(planText(plan)), [], () => {})?.guard, plan.guard);
  // A name that leads out of /dev is none.
  const read = (device: string): string | undefined => {
    const guard = { ...plan.guard, device: { ...plan.guard?.device, device } };
    return decodePlan(JSON.parse(planText({ ...plan, guard } as Plan)), [], () => {})?.guard?.device?.device;
  };
  assertEquals(["watchdog", "watchdog12", "watchdog/../sda", "watchdog0\n", "sda", "watchdog1234"].map(read), [
    "watchdog",
    "watchdog12",
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  // A driver that is not in the table is named as the kernel does.
  const other = planOf(host({ identity: "Foo", driver: "foo_wdt" }), 90).guard?.device;
  assertEquals(other, { device: "watchdog0", driver: "foo_wdt", resetAfter: 90 });
});

pure("the plan says in words what a hang leads to, before and after the driver has started", () => {
  const lines = (...args: Parameters<typeof planOf>) => {
    const { guard } = planOf(...args);
    if (guard === undefined) throw new Error("No guard");
    return guardLines(guard).filter((line) => line.startsWith("If it hangs"));
  };
  assertEquals(lines(host(ITCO)), [
    "If it hangs early: watchdog0 (iTCO_wdt) resets it within 4 min",
    "If it hangs once the watchdog's driver has started: not covered, the kernel pings the watchdog; " +
    "`systemd.watchdog_sec=` on the command line ends that, or `confirm` with warmboot-arrive enabled",
  ]);
  assertMatch(lines(host(ITCO), 90, OPENED)[1] ?? "", /reset, unless systemd opens the watchdog within 90 s$/);
  assertMatch(lines(host(ITCO), 90, OPENED)[2] ?? "", /hangs later: reset, as `systemd.watchdog_sec=` says$/);
  assertMatch(lines(host())[1] ?? "", /not covered, the driver stops the watchdog$/);
  assertMatch(lines(host(), 90, OPENED)[1] ?? "", /stops the watchdog until systemd opens it$/);
  assertEquals(lines(undefined), ["If it hangs: not covered, this host has no watchdog"]);
});

const CONFIRM: Guard = { confirm: 600 };
const PLAIN = "root=LABEL=root ro";

pure("warmboot opens the watchdog where it waits for a confirmation in each boot, and systemd does not", () => {
  const kept = (core: Partial<WatchdogFacts>, cmdline: string, guard: Guard) => {
    const { guard: planned, call } = planOf(host(ITCO, core), 120, cmdline, guard);
    const { keeper, openTimeout } = planned?.device ?? {};
    return [keeper, openTimeout, / watchdog\.open_timeout=(\d+) /.exec(call.cmdline)?.[1]];
  };
  assertEquals(kept({ keeper: true }, PLAIN, CONFIRM), ["warmboot", 120, "120"]);
  // Nothing starts it, or nothing ends its wait: a healthy system would be reset, or pinged for ever.
  assertEquals(kept({}, PLAIN, CONFIRM), [undefined, undefined, undefined]);
  assertEquals(kept({ keeper: true }, PLAIN, {}), [undefined, undefined, undefined]);
  assertEquals(kept({ keeper: true }, OPENED, CONFIRM), ["systemd", 120, "120"]);
  assertEquals(kept({ keeper: true }, `${PLAIN} systemd.watchdog_sec=off`, CONFIRM), ["warmboot", 120, "120"]);
});

pure("the plan says that warmboot opens the watchdog, and until when", () => {
  const lines = (device: Partial<WatchdogDevice>) =>
    guardLines(planOf(host(device, { keeper: true }), 120, PLAIN, CONFIRM).guard ?? { parameters: [] })
      .filter((line) => line.startsWith("If it hangs")).slice(1);
  assertEquals(lines(ITCO), [
    "If it hangs once the watchdog's driver has started: reset, unless warmboot-arrive opens the watchdog within 2 min",
    "If it hangs later: reset, until it is confirmed: then the watchdog is stopped, unless that is not possible (nowayout)",
  ]);
  assertMatch(lines(ESB)[0] ?? "", /not covered, the driver stops the watchdog until warmboot-arrive opens it$/);
  const runsOn = lines({ identity: "W83627HF Watchdog", maxTimeout: 255 })[0] ?? "";
  assertMatch(runsOn, /the watchdog runs on, and resets it unless warmboot-arrive opens it in time$/);
});

pure(
  "what would be reset without something that opens it passes where warmboot does; a short time is a warning",
  () => {
    const judged = (device: Partial<WatchdogDevice>, seconds: number, cmdline = PLAIN, guard = CONFIRM) =>
      planOf(host(device, { keeper: true }), seconds, cmdline, guard).checks.find(({ rule }) =>
        rule === "guard-watchdog"
      );
    const runsOut = { identity: "W83627HF Watchdog", maxTimeout: 255 };
    const unpinged = `${PLAIN} watchdog.handle_boot_enabled=0`;
    assertEquals([judged(runsOut, 120)?.status, judged(runsOut, 120, PLAIN, {})?.status], ["pass", "fail"]);
    assertEquals([judged(ITCO, 120, unpinged)?.status, judged(ITCO, 120, unpinged, {})?.status], ["pass", "fail"]);
    assertEquals([judged(ITCO, 60)?.status, judged(ITCO, 59)?.status], ["pass", "warn"]);
    assertStringIncludes(judged(ITCO, 30)?.message ?? "", "has 30 s until warmboot-arrive opens watchdog0 (iTCO_wdt)");
    // Its driver stops it, and systemd opens it at once.
    assertEquals([judged(ESB, 30)?.status, judged(ITCO, 30, OPENED)?.status], ["pass", "pass"]);
  },
);

pure("a diff says which watchdog another one is, part by part", () => {
  const [esb, itco] = [planOf(host()), planOf(host(ITCO))];
  const { changes } = diffPlans({ kind: "plan", name: "a", plan: esb }, { kind: "plan", name: "b", plan: itco });
  const ofGuard = changes.flatMap((change) =>
    change.about === "guard" && change.action === "change" ? [[change.field, change.from, change.to]] : []
  );
  assertEquals(ofGuard, [
    ["device.resetAfter", "2 min", "4 min"],
    ["device.driver", "i6300esb", "iTCO_wdt"],
    ["device.next", "stopped", "kept"],
  ]);
});

pure("of several watchdogs the first is armed, and none where the guard asks for none", () => {
  const two = { ...host(), devices: [ESB, { ...ITCO, name: "watchdog1" }] };
  assertEquals(planOf(two).guard?.device?.device, "watchdog0");
  assertMatch(verdict(two).message, /watchdog0/);
  assertEquals(planWatchdog({ confirm: 60 }, PLAIN, { watchdog: two }), undefined);
});

pure("a watchdog of the kernel's own ends with it", () => {
  const { status, message } = verdict(host({ identity: "Software Watchdog", driver: "softdog" }));
  assertEquals([status, message], [
    "fail",
    "watchdog0 (softdog) is part of the running kernel, and ends with it",
  ]);
});
