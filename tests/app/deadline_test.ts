import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { ProgramEnd } from "../../src/app/ask_init.ts";
import { type DeadlineHost, keepDeadline } from "../../src/app/deadline.ts";
import type { UnloadOutcome } from "../../src/app/unload.ts";
import type { InitSystem } from "../../src/host/init_system.ts";
import type { EndedAttempt } from "../../src/state/attempt.ts";
import { StoreError } from "../../src/state/record_store.ts";
import { lowerUnload } from "../../src/plan/lower.ts";
import { SyscallError } from "../../src/syscall/errors/syscall_error.ts";
import { LibcError } from "../../src/syscall/libc.ts";
import { OPEN_ATTEMPT } from "../support/attempts.ts";
import { hostFacts } from "../support/host_facts.ts";

const ATTEMPT: EndedAttempt = {
  ...OPEN_ATTEMPT,
  outcome: { end: "arrived", why: "It came up", at: "2026-11-28T17:00:10Z", bootId: "now", uptime: 8 },
};
const DEADLINE = { attempt: ATTEMPT, confirm: 600, due: 608 };

interface Script {
  /** When somebody confirms. */
  readonly confirmedAt?: number;
  readonly expire?: () => boolean;
  readonly unload?: () => UnloadOutcome;
  readonly run?: (command: string) => ProgramEnd | { readonly kind: "hangs" };
  readonly timer?: boolean;
  readonly init?: InitSystem;
  /** Whether the watchdog stops when it is closed. */
  readonly watchdog?: "stops" | "runs-on";
  readonly start?: number;
}

/** Waits on a host whose clock moves only when it is waited for; what was done, each with its time, and what was said. */
async function wait(script: Script): Promise<{
  readonly did: readonly string[];
  readonly said: readonly string[];
  readonly warned: readonly string[];
  readonly end: string;
}> {
  let now = script.start ?? 10;
  const did: string[] = [];
  const said: string[] = [];
  const warned: string[] = [];
  const note = (what: string) => void did.push(`${now}: ${what}`);
  const host: DeadlineHost = {
    uptime: () => now,
    pause: (seconds) => {
      now += seconds;
      return Promise.resolve();
    },
    isConfirmed: () => script.confirmedAt !== undefined && now >= script.confirmedAt,
    expire: () => {
      note("expire");
      return script.expire?.() ?? true;
    },
    unload: () => {
      note("unload");
      return new Promise((resolve) => resolve(script.unload?.() ?? { kind: "nothing-loaded" }));
    },
    removeFlag: () => note("removeFlag"),
    stay: () => note("stay"),
    untilStopped: () => {
      note("untilStopped");
      return Promise.resolve();
    },
    watchdog: script.watchdog === undefined ? undefined : {
      ping: () => true,
      close: () => {
        note("close watchdog");
        return script.watchdog === "stops";
      },
      leave: () => note("leave watchdog"),
    },
    run: (command) => {
      note(command.join(" "));
      return Promise.resolve(script.run?.(command.join(" ")) ?? { kind: "ended", code: 0, text: "" });
    },
    sync: () => note("sync"),
    restart: () => {
      note("restart");
      return { ok: false, errno: 1 };
    },
    restartAt: (time) => {
      note(`restartAt ${time}`);
      return script.timer === false ? { ok: false, errno: 38 } : { ok: true, value: 0 };
    },
  };
  const events = { onSay: (text: string) => void said.push(text), onWarning: (text: string) => void warned.push(text) };
  const end = await keepDeadline(DEADLINE, script.init ?? "systemd", events, host);
  return { did, said, warned, end: end.kind };
}

const test = (name: string, fn: () => Promise<void>) => Deno.test({ name, permissions: "none", fn });

test("a system that is confirmed in time is left alone", async () => {
  for (const confirmedAt of [10, 300, 605]) {
    const { did, said, end } = await wait({ confirmedAt });
    assertEquals([did, said, end], [["10: restartAt 1028"], [], "confirmed"]);
  }
});

test("when the time is up, the outcome is kept before anything else, and services are stopped", async () => {
  const { did, said } = await wait({});
  assertEquals(did.slice(0, 6), [
    "10: restartAt 1028",
    "608: stay",
    "608: expire",
    "608: removeFlag",
    "608: unload",
    "608: systemctl reboot -i",
  ]);
  assertEquals(said.slice(0, 2), [
    "Nobody confirmed this system within 10 min: rebooting through the firmware",
    "systemctl reboot -i",
  ]);
});

test("who confirms between the last look and the outcome is heard", async () => {
  const { did, end } = await wait({ expire: () => false });
  assertEquals([did.at(-1), end], ["608: expire", "confirmed"]);
});

test("the watchdog is closed once the system is confirmed; one that cannot be stopped is pinged on", async () => {
  const stopped = await wait({ confirmedAt: 20, watchdog: "stops" });
  assertEquals([stopped.did, stopped.said, stopped.end], [
    ["10: restartAt 1028", "20: close watchdog"],
    [],
    "confirmed",
  ]);
  const kept = await wait({ confirmedAt: 20, watchdog: "runs-on" });
  assertEquals(kept.did.slice(1), ["20: close watchdog", "20: untilStopped"]);
  assertMatch(kept.said[0] ?? "", /cannot be stopped \(nowayout\): this process pings it/);
});

test("when the time is up, the watchdog is closed before the shutdown, so that systemd can have it", async () => {
  const { did, warned } = await wait({ watchdog: "stops" });
  assertEquals(did.slice(1, 5), ["608: stay", "608: expire", "608: close watchdog", "608: removeFlag"]);
  assertEquals(warned.some((text) => text.includes("nowayout")), false);
  const kept = await wait({ watchdog: "runs-on" });
  assertMatch(kept.warned[0] ?? "", /nowayout/);
  assertEquals(kept.did[5], "608: unload");
});

test("a deadline that passed while nobody waited is kept at once", async () => {
  const { did } = await wait({ start: 5000 });
  assertEquals(did[2], "5000: expire");
});

test("a shutdown that hangs is forced, then the system call is made, and before it the disks are synced", async () => {
  const { did, warned, end } = await wait({});
  assertEquals(did.slice(5), [
    "608: systemctl reboot -i",
    "788: systemctl reboot --force",
    "848: sync",
    "848: restart",
  ]);
  assertEquals(warned, [
    "systemctl reboot -i was accepted, but the machine still runs 180 s later",
    "systemctl reboot --force was accepted, but the machine still runs 60 s later",
  ]);
  assertEquals(end, "refused");
});

test("what cannot be asked is not waited for", async () => {
  const cases = [
    [{ kind: "missing", reason: "No such file" }, "systemctl reboot -i cannot be run: No such file"],
    [{ kind: "hangs" }, "systemctl reboot -i did not answer within 30 s"],
    [{ kind: "ended", code: 1, text: "Refused\n" }, "systemctl reboot -i failed with exit code 1: Refused"],
    [{ kind: "ended", code: 4, text: "" }, "systemctl reboot -i failed with exit code 4"],
  ] as const;
  for (const [answer, warning] of cases) {
    const { did, warned } = await wait({ run: () => answer });
    assertEquals(did.slice(6), ["608: systemctl reboot --force", "608: sync", "608: restart"]);
    assertEquals(warned[0], warning);
  }
});

test("a disk that cannot be written, and an image that stays loaded, do not keep it from rebooting", async () => {
  const { did, warned } = await wait({
    expire: () => {
      throw new StoreError("Cannot write: the disk is full");
    },
    unload: () => {
      throw new StoreError("Another warmboot is loading or unloading an image");
    },
  });
  assertEquals(did[5], "608: systemctl reboot -i");
  assertEquals(warned.slice(0, 2), [
    "The history of this host will lack that nobody confirmed this system. Cannot write: the disk is full",
    "The loaded image cannot be unloaded: Another warmboot is loading or unloading an image",
  ]);
});

test("an init system that might boot what is still loaded is not asked; one that boots nothing of it is", async () => {
  const call = lowerUnload(false, false);
  const refused = new SyscallError({ call, errno: 1, facts: hostFacts() });
  const failing = (error: Error) => () => {
    throw error;
  };
  const outcomes: readonly (readonly [() => UnloadOutcome, boolean])[] = [
    [() => ({ kind: "unloaded" }), true],
    [() => ({ kind: "still-recorded", error: new StoreError("The disk is full") }), true],
    [() => ({ kind: "no-facts", diagnostics: [] }), false],
    [() => ({ kind: "refused", error: refused }), false],
    [failing(new StoreError("Another warmboot is loading")), false],
    [failing(new LibcError("No libc")), false],
  ];
  for (const [unload, isAsked] of outcomes) {
    const { did } = await wait({ unload, init: "sysvinit" });
    const asked = isAsked ? ["608: shutdown -r now", "788: sync", "788: restart"] : ["608: sync", "608: restart"];
    assertEquals(did.slice(4), ["608: unload", ...asked]);
    assertEquals((await wait({ unload })).did[5], "608: systemctl reboot -i");
  }
  await assertRejects(() => wait({ unload: failing(new TypeError("defect")) }), TypeError);
});

test("each init system is asked for a reboot, and none for a kexec", async () => {
  const asked: { readonly [init in InitSystem]: string } = {
    systemd: "608: systemctl reboot -i",
    sysvinit: "608: shutdown -r now",
    "openrc-init": "608: openrc-shutdown --reboot now",
    runit: "608: init 6",
    s6: "608: reboot",
    dinit: "608: reboot",
    busybox: "608: reboot",
    unknown: "608: sync",
  };
  for (const [init, command] of Object.entries(asked)) {
    const { did } = await wait({ init: init as InitSystem });
    assertEquals(did[5], command);
    assertEquals(did.slice(-2).map((each) => each.split(": ")[1]), ["sync", "restart"]);
    // The thread of libc's comes after all of it.
    assertEquals(Number(did.at(-1)?.split(":")[0]) < 1028, true);
  }
});

test("without the timer of libc's it is said that nothing takes the place of a process that hangs", async () => {
  const { warned } = await wait({ timer: false, confirmedAt: 20 });
  assertMatch(warned[0] ?? "", /ENOSYS/);
});
