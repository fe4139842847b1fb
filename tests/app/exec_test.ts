/** What is done just before the jump, what is undone where it does not happen, and when nothing is begun. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { recordDeparture } from "../../src/app/departure.ts";
import { canReboot, execLoaded, lastCalls, readyToExec, type RebootWay } from "../../src/app/exec.ts";
import { readFacts } from "../../src/app/read_facts.ts";
import { systemProgram } from "../../src/app/system_program.ts";
import type { Capture } from "../../src/host/capture.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { LoadRecord } from "../../src/state/record.ts";
import { findRecord, lockStore, StoreError } from "../../src/state/record_store.ts";
import { type FailingSystem, withPrograms } from "../support/failing_system.ts";
import { hostFacts } from "../support/host_facts.ts";
import { changeLibc, failures, load, loadableSystem, WATCHDOG } from "../support/loadable_system.ts";
import { ownSignals } from "../support/signals.ts";

const NOW = { kind: "now" } as const;
const ROUND_TRIP = { kind: "round-trip" } as const;
const SYSTEMD = { kind: "ask", init: "systemd", command: ["systemctl", "kexec"], hook: false } as const;

/** Changes the record of what is loaded. */
function edit({ root }: FailingSystem, change: (record: LoadRecord) => object): void {
  const path = join(root, "run/warmboot/reboot.json");
  Deno.writeTextFileSync(path, JSON.stringify(change(JSON.parse(Deno.readTextFileSync(path)))));
}

/** The attempts that are kept of a host. */
function attempts({ root }: FailingSystem): readonly unknown[] {
  try {
    return Array.from(Deno.readDirSync(join(root, "var/lib/warmboot/attempts")), ({ name }) => name)
      .filter((name) => name.endsWith(".json"));
  } catch {
    return [];
  }
}

/** What the kernel is asked for while what is loaded is run, how that ends, and what is warned of. */
async function run(on: FailingSystem, way: RebootWay, refusing: Readonly<Record<string, number>> = {}) {
  const asked: string[] = [];
  const warnings: string[] = [];
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replaceAll("\0", "");
  const outcome = await on.on(() => {
    const { realPathSync } = Deno;
    Object.assign(Deno, { realPathSync: (path: string) => realPathSync(path).replace(`${on.root}/sys/`, "/sys/") });
    changeLibc((own) => {
      const { refuse, memcpy } = failures(own);
      /** Notes a call; it fails where this one is refused. */
      const note = <T>(call: string, done: T): T | -1 => {
        asked.push(call);
        const errno = refusing[call];
        return errno === undefined ? done : refuse(errno);
      };
      return {
        open: (path: Uint8Array) => note(`open ${text(path)}`, 1000),
        write: (fd: number, bytes: Uint8Array, length: bigint) =>
          fd === 1000 ? note(`write ${text(bytes)}`, length) : own.write(fd, bytes as BufferSource, length),
        close: (fd: number) => fd === 1000 ? 0 : own.close(fd),
        ioctl: (_fd: number, request: bigint | number, data: Uint8Array | Int32Array) => {
          // SIOCGIFFLAGS and SIOCSIFFLAGS; the watchdog's are of its own letter.
          if (Number(request) === 0x8913) return 0;
          if (Number(request) !== 0x8914) return 0;
          const bytes = new Uint8Array(data.buffer);
          return note(`${text(bytes.subarray(0, 16))} ${(bytes[16] ?? 0) & 1 ? "up" : "down"}`, 0);
        },
        sync: () => void asked.push("sync"),
        reboot: () => BigInt(note("reboot", 0)),
        memcpy,
      };
    });
    return execLoaded(way, { onWarning: (text) => void warnings.push(text) });
  });
  return { outcome, asked, warnings };
}

/** What makes the host one whose kernel runs a payload that comes back, once. */
const RELEASE = "6.13.0-1-amd64";
const JUMPING: Capture["files"] = {
  "/proc/sys/kernel/osrelease": `${RELEASE}\n`,
  [`/boot/config-${RELEASE}`]: "CONFIG_KEXEC_CORE=y\nCONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_JUMP=y\n",
};

/** Loads a payload that comes back. */
async function loadPayload(on: FailingSystem): Promise<void> {
  const lines = "preserve_context: true\nentry: 0x4000000\nsegments: [{ name: a, at: 0x4000000, size: 4KiB, hex: c3 }]";
  Deno.writeTextFileSync(join(on.root, "payload.yaml"), `version: 1\n${lines}\n`);
  await load(on, "payload");
}

/** A host with network interfaces and two devices of one driver. */
function busySystem(profiles: { readonly [name: string]: string }, changes: Capture["files"] = {}): FailingSystem {
  const on = loadableSystem({
    ...WATCHDOG,
    ...changes,
    "/sys/class/net/eth0/flags": "0x1003\n",
    "/sys/class/net/eth1/flags": "0x1003\n",
    "/sys/class/net/lo/flags": "0x9\n",
    "/sys/bus/pci/drivers/e1000/unbind": "",
  }, profiles);
  for (const device of ["0000:00:03.0", "0000:00:04.0"]) {
    Deno.mkdirSync(join(on.root, "sys/devices/pci0000:00", device), { recursive: true });
    Deno.symlinkSync(`../../../../devices/pci0000:00/${device}`, join(on.root, "sys/bus/pci/drivers/e1000", device));
  }
  return on;
}

const [EPERM, EBUSY, ENODEV] = [1, 16, 19];
const DEVICES = "cmdline: quiet\nunbind: ['driver:e1000']";
const UNBIND = "open /sys/bus/pci/drivers/e1000/unbind";
const UNBOUND = [UNBIND, "write 0000:00:03.0", UNBIND, "write 0000:00:04.0"] as const;

Deno.test("before the jump the watchdog is armed, devices are unbound and interfaces down; without one it is undone", async () => {
  using on = busySystem({ web: `${DEVICES}\nguard: { watchdog: 2min }` });
  await load(on, "web");
  const before = ["sync", "open /dev/watchdog0", ...UNBOUND, "eth0 down", "eth1 down", "reboot"];
  const after = ["write V", "eth0 up", "eth1 up"];
  const { outcome, asked, warnings } = await run(on, NOW, { reboot: EBUSY });
  assertEquals([outcome.kind, asked], ["refused", [...before, ...after]]);
  assertEquals(warnings.slice(-2), [
    "Network interfaces were down, and are up again: eth0, eth1; routes may be lost",
    "These devices have no driver now: 0000:00:03.0 (e1000), 0000:00:04.0 (e1000)",
  ]);
  assertEquals(attempts(on), []);
  // Another program's payload came back: it says nothing of the devices.
  const back = await run(on, NOW);
  assertEquals([back.outcome.kind, back.asked], ["returned", [...before, ...after]]);
  assertEquals(back.warnings.filter((text) => text.includes("driver")), []);
});

Deno.test("a device that stays with its driver stops the reboot, or is told, as the profile says", async () => {
  for (const goesOn of [false, true]) {
    using on = busySystem({ web: `${DEVICES}${goesOn ? "\nunbind_failure: continue" : ""}` });
    await load(on, "web");
    const { outcome, asked, warnings } = await run(on, NOW, { "write 0000:00:03.0": EBUSY });
    assertEquals(outcome.kind, goesOn ? "returned" : "refused");
    assertEquals(asked.includes("reboot"), goesOn);
    assertEquals(warnings.some((text) => text.startsWith("0000:00:03.0 (e1000) stays with its driver: ")), goesOn);
    assertEquals(warnings.some((text) => text.startsWith("These devices have no driver")), false);
  }
});

Deno.test("a network interface that stays up does not stop the reboot; one that has gone with its device is not missed", async () => {
  using on = busySystem({});
  await load(on, "web");
  const gone = await run(on, NOW, { "eth0 down": ENODEV });
  assertEquals(gone.asked, ["sync", "eth0 down", "eth1 down", "reboot", "eth1 up"]);
  assertEquals(gone.warnings.filter((text) => text.includes("eth0")), []);
  const stays = await run(on, NOW, { "eth0 down": EPERM });
  assertEquals(stays.asked, gone.asked);
  assertEquals(stays.warnings.filter((text) => text.startsWith("The network interface eth0 stays up: ")).length, 1);
});

Deno.test("an image that comes back leaves interfaces and devices as they are", async () => {
  using on = busySystem({}, JUMPING);
  await loadPayload(on);
  const { outcome, asked, warnings } = await run(on, ROUND_TRIP);
  assertEquals([outcome.kind, asked, warnings, attempts(on)], ["returned", ["sync", "reboot"], [], []]);
  assertEquals(on.on(() => lastCalls(ROUND_TRIP)).calls.map(({ name }) => name), ["sync", "reboot_kexec"]);
  // It ran, and a second run would crash the system, whoever asks for it.
  const again = await run(on, ROUND_TRIP);
  assertEquals([again.outcome.kind, again.asked], ["spent", []]);
});

Deno.test("what cannot be written down of a payload that comes back keeps it from being run, and leaves nothing behind", async () => {
  using on = loadableSystem(JUMPING);
  await loadPayload(on);
  const path = "/run/warmboot/reboot.json";
  const before = Deno.readTextFileSync(join(on.root, path));
  const files = () => Array.from(Deno.readDirSync(join(on.root, "run/warmboot")), ({ name }) => name).toSorted();
  const [names, image] = [files(), on.image];
  for (const renamed of ["reboot.json.new.part", "reboot.json.new"]) {
    const fault = { name: "renameSync", path: `/run/warmboot/${renamed}`, turn: 0, errno: "EROFS" } as const;
    await assertRejects(() => on.on(() => execLoaded(ROUND_TRIP), fault), StoreError);
  }
  assertEquals([files(), Deno.readTextFileSync(join(on.root, path)), on.image], [names, before, image]);
});

Deno.test("a reboot that the init system does not begin leaves no attempt, and says what the boot loader may still do", async () => {
  using on = loadableSystem();
  await load(on, "web");
  const asked = async (code: number | undefined) => {
    const warnings: string[] = [];
    const outcome = await withPrograms(
      { code },
      () => on.on(() => execLoaded(SYSTEMD, { onWarning: (text) => void warnings.push(text) })),
    );
    return [outcome.kind, attempts(on).length, ...warnings];
  };
  assertEquals([await asked(1), await asked(undefined)], [["init-failed", 0], ["init-missing", 0]]);
  const { facts } = on.on(() => readFacts(undefined));
  assert(facts !== undefined);
  const earlier = await on.on(() => recordDeparture("systemd", facts));
  assert(earlier !== undefined);
  Deno.writeTextFileSync(
    join(on.root, "var/lib/warmboot/attempts", `${earlier.id}.json`),
    JSON.stringify({ ...earlier, oneShot: { loader: "systemd-boot", entry: "old.conf" } }),
  );
  const [kind, left, warning] = await asked(1);
  assertEquals([kind, left], ["init-failed", 0]);
  assertStringIncludes(String(warning), "systemd-boot is perhaps still asked to boot `old.conf` once");
});

Deno.test("a defect while an attempt is written down is not taken for a history that cannot be kept", async () => {
  using on = loadableSystem();
  await load(on, "web");
  const getRandomValues = () => {
    throw new TypeError("defect");
  };
  try {
    Object.assign(crypto, { getRandomValues });
    await assertRejects(() => on.on(() => execLoaded(SYSTEMD)), TypeError, "defect");
  } finally {
    Reflect.deleteProperty(crypto, "getRandomValues");
  }
  assertEquals(on.started, []);
});

Deno.test("nothing is begun where the boot loader gives no way back that the guard asks for", async () => {
  using on = busySystem({});
  await load(on, "web");
  edit(on, (record) => ({ ...record, plan: { ...record.plan, guard: { fallback: "running", parameters: [] } } }));
  const { outcome, asked } = await run(on, NOW);
  assertEquals([outcome.kind, asked, attempts(on)], ["fallback-refused", [], []]);
});

Deno.test("that nothing would keep the deadline of a guard is said, and the reboot goes on", async () => {
  using on = busySystem({});
  await load(on, "web");
  edit(on, (record) => ({ ...record, plan: { ...record.plan, guard: { confirm: 600, parameters: [] } } }));
  const { outcome, warnings } = await run(on, NOW);
  assertEquals([outcome.kind, warnings.filter((text) => text.includes("`warmboot arrive` did not run")).length], [
    "returned",
    1,
  ]);
});

Deno.test("systemd is asked to boot a guarded image only once it has its watchdog", async () => {
  using on = busySystem({ web: "cmdline: quiet\nguard: { watchdog: 2min }" });
  await load(on, "web");
  const ask = (code: number) =>
    withPrograms({ code, stdout: "t 0\n" }, async () => {
      const { kind } = await on.on(() => execLoaded(SYSTEMD));
      return [kind, ...on.started.filter((args) => !args.includes("get-property")).map((args) => args.slice(-5))];
    });
  assertEquals([await ask(1), attempts(on).length], [["watchdog-refused"], 0]);
  assertEquals([await ask(0), attempts(on).length], [["asked", "00000", "kexec"], 1]);
});

Deno.test("systemd is asked by the system's own program, which gets no input of this one", async () => {
  using on = loadableSystem();
  await load(on, "web");
  const asked: unknown[] = [];
  const { kind } = await on.on(() => {
    const { Command } = Deno;
    class Noted extends Command {
      constructor(program: string, options: Deno.CommandOptions = {}) {
        super(program, options);
        if (options.args?.includes("kexec")) asked.push(program, options.stdin, options.stdout);
      }
    }
    Object.assign(Deno, { Command: Noted });
    return execLoaded(SYSTEMD);
  });
  assertEquals([kind, asked], ["asked", [systemProgram("systemctl"), "null", undefined]]);
});

Deno.test("an init system is asked without being interrupted, and the attempt says whom", async () => {
  // Of that watchdog, systemd is not told.
  const guarded = { web: "cmdline: ro\nguard: { watchdog: 2min }" };
  using on = loadableSystem({ ...WATCHDOG, "/run/openrc/softlevel": "reboot\n" }, guarded);
  await load(on, "web");
  const way = {
    kind: "ask",
    init: "openrc-init",
    command: ["openrc-shutdown", "--kexec", "now"],
    hook: false,
  } as const;
  {
    using signals = ownSignals();
    assertEquals([(await on.on(() => execLoaded(way))).kind, on.started], ["asked", ["--kexec now"]]);
    const names = ["SIGINT", "SIGTERM", "SIGHUP"];
    assertEquals(signals.log, [...names.map((name) => `add ${name}`), ...names.map((name) => `remove ${name}`)]);
  }
  const [name] = attempts(on);
  const text = Deno.readTextFileSync(join(on.root, "var/lib/warmboot/attempts", String(name)));
  assertEquals(JSON.parse(text).way, "init");
});

Deno.test("what is not known of the loaded image keeps it from being run, where that matters", async () => {
  using on = loadableSystem();
  const ready = (now: boolean) => on.on(() => readyToExec(now)).kind;
  await load(on, "web");
  // A load that was cut off: its record is prepared, and nobody holds the lock.
  await on.on(async () => {
    const { found } = findRecord("reboot");
    assert(found.kind === "record");
    using store = await lockStore();
    store.prepare("reboot", found.record);
  });
  assertEquals([ready(false), ready(true)], ["unrecorded", "ready"]);
  await load(on, "web");
  assertEquals(ready(false), "ready");
  Deno.writeTextFileSync(join(on.root, "run/warmboot/reboot.json"), "{");
  assertEquals([ready(false), ready(true)], ["unrecorded", "ready"]);
  Deno.removeSync(join(on.root, "sys/kernel/kexec_loaded"));
  assertEquals([ready(false), ready(true)], ["unknown", "unknown"]);
});

Deno.test("a record of another boot says nothing of what is loaded", async () => {
  using on = loadableSystem(JUMPING);
  await loadPayload(on);
  const ready = () => on.on(() => readyToExec(true)).kind;
  edit(on, (record) => ({ ...record, ranAt: "2026-11-28T17:00:00Z" }));
  assertEquals(ready(), "spent");
  edit(on, (record) => ({ ...record, bootId: "00000000-0000-4000-8000-000000000009" }));
  assertEquals(ready(), "ready");
});

Deno.test("a reboot that failed counts against the image of this boot's record, and no other", async () => {
  using on = loadableSystem();
  await load(on, "web");
  const { facts } = on.on(() => readFacts(undefined));
  assert(facts !== undefined);
  const attempt = await on.on(() => recordDeparture("now", facts));
  assert(attempt !== undefined);
  const outcome = { end: "fell-back", why: "It came up", at: "2026-11-28T17:10:00Z", bootId: "later" };
  const path = join(on.root, "var/lib/warmboot/attempts", `${attempt.id}.json`);
  Deno.writeTextFileSync(path, JSON.stringify({ ...attempt, outcome }));
  const ready = (force = false) => on.on(() => readyToExec(true, force)).kind;
  assertEquals([ready(), ready(true)], ["attempt-failed", "ready"]);
  edit(on, (record) => ({ ...record, bootId: "00000000-0000-4000-8000-000000000009" }));
  assertEquals(ready(), "ready");
});

Deno.test({
  name: "from a container only systemd can be asked: an init system of another kind is that of the container",
  permissions: "none",
  fn() {
    const openrc = { ...SYSTEMD, init: "openrc-init" } as const;
    const ways = [SYSTEMD, openrc, NOW, ROUND_TRIP];
    const can = (facts: HostFacts) => ways.map((way) => canReboot(way, facts));
    assertEquals(can(hostFacts({ initPidNamespace: false })), [true, false, false, false]);
    assertEquals(can(hostFacts({ initPidNamespace: true })), [true, true, true, true]);
    // Where that cannot be seen, it is tried.
    assertEquals(can(hostFacts()), [true, true, true, true]);
  },
});
