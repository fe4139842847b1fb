import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type BusHost,
  disarm,
  followLoaded,
  refusedByStore,
  setKexecWatchdog,
  watchdogNow,
} from "../../src/app/arm_watchdog.ts";
import type { ProgramEnd } from "../../src/app/ask_init.ts";
import type { WatchdogDevice } from "../../src/host/facts.ts";
import { failingSystem } from "../support/failing_system.ts";
import { hostFacts } from "../support/host_facts.ts";

/** A systemd with a property, which notes what it is asked; or one that answers the same to everything. */
function systemd(initial: string, answer?: ProgramEnd) {
  const directory = `${Deno.makeTempDirSync({ prefix: "warmboot-watchdog-" })}/run`;
  const state = { value: initial, asked: [] as string[] };
  const host: BusHost = {
    directory,
    run(args) {
      state.asked.push(args[0] ?? "");
      if (answer !== undefined) return Promise.resolve(answer);
      if (args[0] === "set-property") state.value = args.at(-1) ?? "";
      return Promise.resolve({ kind: "ended", code: 0, text: args[0] === "get-property" ? `t ${state.value}\n` : "" });
    },
  };
  return {
    host,
    state,
    saved: () => Array.from(Deno.readDirSync(directory), ({ name }) => Deno.readTextFileSync(`${directory}/${name}`)),
    [Symbol.dispose]: () => Deno.removeSync(directory.replace(/\/run$/, ""), { recursive: true }),
  };
}

Deno.test("systemd is asked in microseconds, and has what it had before once the reboot is off", async () => {
  using bus = systemd("600000000");
  assertEquals(await setKexecWatchdog(undefined, bus.host), { kind: "unchanged" });
  assertEquals(bus.state.asked, []);
  assertEquals(await setKexecWatchdog(120, bus.host), { kind: "set" });
  assertEquals([bus.state.value, bus.saved()], ["120000000", ["600000000\n"]]);
  // Asked again, what was before is not forgotten.
  assertEquals(await setKexecWatchdog(120, bus.host), { kind: "unchanged" });
  assertEquals(await setKexecWatchdog(90, bus.host), { kind: "set" });
  assertEquals([bus.state.value, bus.saved()], ["90000000", ["600000000\n"]]);
  assertEquals(await setKexecWatchdog(undefined, bus.host), { kind: "set" });
  assertEquals([bus.state.value, bus.saved()], ["600000000", []]);
});

Deno.test("what was off, and what was infinite, is so again", async () => {
  for (const before of ["0", "18446744073709551615"]) {
    using bus = systemd(before);
    await setKexecWatchdog(60, bus.host);
    await setKexecWatchdog(undefined, bus.host);
    assertEquals(bus.state.value, before);
  }
});

Deno.test("a systemd without the property, and one that cannot be asked, say so; nothing is kept", async () => {
  const rows: readonly (readonly [ProgramEnd, RegExp])[] = [
    [{ kind: "ended", code: 1, text: "Unknown property or interface.\n" }, /busctl: Unknown property or interface\.$/],
    [{ kind: "missing", reason: "No such file or directory" }, /busctl cannot be run: No such file/],
    [{ kind: "ended", code: 0, text: "s nonsense\n" }, /busctl: s nonsense$/],
    [{ kind: "ended", code: 1, text: "t 5\n" }, /busctl: t 5$/],
  ];
  for (const [answer, expected] of rows) {
    using bus = systemd("0", answer);
    Deno.mkdirSync(bus.host.directory, { mode: 0o700 });
    const refused = await setKexecWatchdog(120, bus.host);
    assertMatch(refused.kind === "watchdog-refused" ? refused.message : "", expected);
    assertEquals([bus.saved(), bus.state.asked], [[], ["get-property"]]);
  }
});

const DEVICE: WatchdogDevice = { name: "watchdog0", identity: "iTCO_wdt", active: true };
const factsWith = (device: Partial<WatchdogDevice>) =>
  hostFacts({ watchdog: { devices: [{ ...DEVICE, ...device }], coreIsModule: true, ipmi: false } });

Deno.test({
  name: "the first watchdog is armed; without one, opening it says so",
  permissions: "none",
  fn() {
    assertEquals(watchdogNow(undefined, factsWith({})), undefined);
    assertEquals(watchdogNow(120, factsWith({})), { device: "watchdog0", seconds: 120 });
    assertEquals(watchdogNow(120, hostFacts()), { device: "watchdog0", seconds: 120 });
    const bmc = hostFacts({ watchdog: { devices: [], coreIsModule: false, ipmi: true } });
    assertEquals(watchdogNow(120, bmc), { device: "watchdog", seconds: 120 });
  },
});

Deno.test({
  name: "after a jump that did not happen the watchdog is closed so that it stops; one that cannot is named",
  permissions: "none",
  fn() {
    const closed: number[] = [];
    const libc = {
      disarmWatchdog: (fd: number) => {
        closed.push(fd);
        return { ok: true, value: 0 } as const;
      },
    };
    assertEquals(disarm(7, 120, libc, () => factsWith({ active: false })), undefined);
    assertStringIncludes(
      disarm(8, 120, libc, () => factsWith({ active: true })) ?? "",
      "watchdog0 (iTCO_wdt) cannot be stopped, and resets the machine within 4 min",
    );
    const refusing = { disarmWatchdog: () => ({ ok: false, errno: 5 }) as const };
    assertStringIncludes(disarm(9, 60, refusing, () => undefined) ?? "", "The watchdog cannot be stopped");
    assertStringIncludes(
      disarm(9, 60, refusing, () => factsWith({ active: false })) ?? "",
      "watchdog0 (iTCO_wdt) cannot be stopped",
    );
    assertEquals(closed, [7, 8]);
  },
});

Deno.test("systemd's watchdog follows the image for a reboot: a crash image that is loaded or unloaded leaves it alone", async () => {
  using bus = systemd("0");
  const warnings: string[] = [];
  const follow = async (image: { readonly crash: boolean; readonly seconds?: number }, host = { systemd: true }) => {
    await followLoaded(image, host, (text) => warnings.push(text), bus.host);
    return bus.state.value;
  };
  assertEquals(await follow({ crash: false, seconds: 120 }), "120000000");
  assertEquals(await follow({ crash: true }), "120000000");
  assertEquals(await follow({ crash: true, seconds: 30 }), "120000000");
  assertEquals(await follow({ crash: false }, { systemd: false }), "120000000");
  assertEquals(await follow({ crash: false }), "0");
  assertEquals(warnings, []);
  using silent = systemd("0", { kind: "missing", reason: "No such file or directory" });
  await followLoaded({ crash: false, seconds: 120 }, { systemd: true }, (text) => warnings.push(text), silent.host);
  assertMatch(warnings.join("\n"), /busctl cannot be run: .*\. Only warmboot itself can boot the image guarded$/);
});

Deno.test("what was kept before is private; where it cannot be read any more, the watchdog is off afterwards", async () => {
  using bus = systemd("600000000");
  await setKexecWatchdog(120, bus.host);
  const [name = ""] = Array.from(Deno.readDirSync(bus.host.directory), ({ name }) => name);
  const modes = [bus.host.directory, `${bus.host.directory}/${name}`].map((path) => Deno.statSync(path).mode ?? 0);
  assertEquals(modes.map((mode) => mode & 0o777), [0o700, 0o600]);
  for (const cut of ["", "6e8\n", "600 set-property\n", `${"9".repeat(21)}\n`]) {
    Deno.writeTextFileSync(`${bus.host.directory}/${name}`, cut);
    assertEquals(await setKexecWatchdog(undefined, bus.host), { kind: "set" });
    assertEquals([bus.state.value, bus.saved()], ["0", []]);
    bus.state.value = "600000000";
  }
});

Deno.test("what systemd does not take is tried again: what was before stays kept", async () => {
  using bus = systemd("0");
  await setKexecWatchdog(120, bus.host);
  const refusing: BusHost = {
    ...bus.host,
    run: () => Promise.resolve({ kind: "ended", code: 1, text: "t 5\n" }),
  };
  for (const seconds of [undefined, 60]) {
    const refused = await setKexecWatchdog(seconds, refusing);
    assertMatch(refused.kind === "watchdog-refused" ? refused.message : refused.kind, /busctl: t 5$/);
  }
  assertEquals(bus.saved(), ["0\n"]);
});

Deno.test("where what was before cannot be kept, that is a warning of a load, and a defect stays one", async () => {
  const warnings: string[] = [];
  using bus = systemd("0");
  Deno.writeTextFileSync(bus.host.directory, "no folder");
  await followLoaded({ crash: false, seconds: 120 }, { systemd: true }, (text) => warnings.push(text), bus.host);
  assertMatch(warnings.join("\n"), /^The watchdog of systemd is left as it is: .*\. Only warmboot itself/);
  assertEquals(bus.state.value, "0");
  assertThrows(() => refusedByStore(new TypeError("defect")), TypeError, "defect");
});

Deno.test("this machine's systemd is asked on the system's bus, in no language; what busctl complains of is said", async () => {
  using on = failingSystem();
  const { Command } = Deno;
  const asked: unknown[] = [];
  const property =
    "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager KExecWatchdogUSec";
  const asks = async (code: number, seconds?: number) => {
    asked.length = 0;
    const bytes = (text: string) => new TextEncoder().encode(text);
    class Busctl {
      /** Notes what it is asked. */
      constructor(program: string, { args, env }: Deno.CommandOptions = {}) {
        asked.push([program.split("/").at(-1), args?.join(" "), env]);
      }

      /** Prints on both, as busctl may. */
      output() {
        return Promise.resolve({ code, stdout: bytes("t 60000000\n"), stderr: bytes("Access denied\n") });
      }
    }
    return await on.on(async () => {
      Object.assign(Deno, { Command: Busctl });
      try {
        const set = await setKexecWatchdog(seconds);
        return set.kind === "watchdog-refused" ? set.message.split(": ").slice(1).join(": ") : set.kind;
      } finally {
        Object.assign(Deno, { Command });
      }
    });
  };
  const env = { LC_ALL: "C" };
  assertEquals(await asks(1, 60), "busctl: Access denied");
  assertEquals(asked, [["busctl", `--system get-property ${property}`, env]]);
  assertEquals(await asks(0, 60), "unchanged");
  assertEquals(await asks(0, 90), "set");
  assertEquals(asked, [
    ["busctl", `--system get-property ${property}`, env],
    ["busctl", `--system set-property ${property} t 90000000`, env],
  ]);
  assertEquals(await asks(0), "set");
  assertEquals(asked, [["busctl", `--system set-property ${property} t 60000000`, env]]);
});
