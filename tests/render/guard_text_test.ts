/** What a guard does, as it is said: each phase of a boot, for each thing that is known or not. */
import { assertEquals } from "@std/assert";
import type { PlannedGuard } from "../../src/plan/guard.ts";
import type { PlannedWatchdog } from "../../src/plan/watchdog.ts";
import { guardLines } from "../../src/render/guard_text.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** The lines that begin so, without that. */
function after(start: string, guard: Partial<PlannedGuard>): readonly string[] {
  return guardLines({ parameters: [], ...guard }).flatMap((line) =>
    line.startsWith(start) ? [line.slice(start.length)] : []
  );
}

pure("without anything, a guard says of each phase that it is not covered", () => {
  assertEquals(guardLines({ parameters: [] }), [
    "If it hangs: not covered",
    "If the kernel panics: not covered, it halts unless the command line says otherwise",
    "If it comes up and does not work: not covered",
  ]);
  assertEquals(after("If it hangs: ", { watchdog: 120 }), ["not covered, this host has no watchdog"]);
  assertEquals(after("If ", { panic: 60, confirm: 600, initrd: "none" }), [
    "it hangs: not covered",
    "the kernel panics: reset after 1 min",
    "the initrd fails: there is none; the kernel panics if it does not find its root file system",
    "nobody confirms it within 10 min of its arrival: cold reboot",
  ]);
});

pure("a failure of the initrd is covered by what runs in it, and only with `panic`", () => {
  const dracut = "reset, since dracut heeds `rd.shell=0 rd.emergency=reboot`";
  const rows: readonly (readonly [NonNullable<PlannedGuard["initrd"]>, string])[] = [
    ["initramfs-tools", "reset after 90 s, since initramfs-tools heeds `panic=`"],
    ["dracut", dracut],
    [
      "dracut-systemd",
      `${dracut}; not covered: it halts or powers off where it does not know what to do with \`root=\``,
    ],
    ["systemd-reset", "reset, by the drop-in of emergency.service"],
    ["none", "there is none; the kernel panics if it does not find its root file system"],
    [
      "systemd",
      "not covered, systemd waits at a prompt in emergency mode, unless `initrd` has the drop-in of docs/guard-panic.md",
    ],
    ["unknown", "not covered, it is not known what runs in it"],
  ];
  for (const [initrd, says] of rows) {
    assertEquals(after("If the initrd fails: ", { panic: 90, initrd }), [says]);
    assertEquals(after("If the initrd fails: ", { initrd }), []);
  }
  assertEquals(after("If the initrd fails: ", { panic: 90 }), []);
});

pure("a watchdog covers what its driver and its keeper let it cover", () => {
  const later = (device: Partial<PlannedWatchdog>) =>
    after("If it hangs ", {
      watchdog: 120,
      device: { device: "watchdog0", driver: "i6300esb", resetAfter: 120, ...device },
    }).map((line) => line.replace("once the watchdog's driver has started", "then"));
  const early = "early: watchdog0 (i6300esb) resets it within 2 min";
  assertEquals(later({}), [
    early,
    "then: not covered, the kernel pings the watchdog; `systemd.watchdog_sec=` on the command line ends that, or " +
    "`confirm` with warmboot-arrive enabled",
  ]);
  assertEquals(later({ next: "stopped" }), [early, "then: not covered, the driver stops the watchdog"]);
  assertEquals(later({ next: "runs-out" }), [
    early,
    "then: the watchdog runs on, and resets it unless something opens it in time",
  ]);
  for (
    const [keeper, name, end] of [
      ["systemd", "systemd", "reset, as `systemd.watchdog_sec=` says"],
      [
        "warmboot",
        "warmboot-arrive",
        "reset, until it is confirmed: then the watchdog is stopped, unless that is not possible (nowayout)",
      ],
    ] as const
  ) {
    assertEquals(later({ keeper, openTimeout: 90 }), [
      early,
      `then: reset, unless ${name} opens the watchdog within 90 s`,
      `later: ${end}`,
    ]);
    assertEquals(
      later({ keeper, next: "stopped" })[1],
      `then: not covered, the driver stops the watchdog until ${name} opens it`,
    );
    assertEquals(
      later({ keeper, next: "runs-out" })[1],
      `then: the watchdog runs on, and resets it unless ${name} opens it in time`,
    );
  }
  assertEquals(after("If it hangs early: ", { watchdog: 60, device: { device: "watchdog1", resetAfter: 62 } }), [
    "watchdog1 resets it within 62 s",
  ]);
});

pure("what a cold reboot boots, and until when", () => {
  const entry = { loader: "systemd-boot", id: "new.conf", kernel: "/boot/old", release: "6.1.0" } as const;
  const once = { loader: "systemd-boot", entry: "old.conf" } as const;
  const cold = (guard: Partial<PlannedGuard>) => guardLines({ parameters: [], ...guard }).slice(3);
  assertEquals(cold({ coldReboot: {} }), ["What a cold reboot boots is not known"]);
  assertEquals(cold({ coldReboot: { entry } }), ["A cold reboot boots 6.1.0 (systemd-boot, default entry)"]);
  const asked =
    "A cold reboot boots old.conf (systemd-boot, once): set just before the jump, taken back on confirmation";
  assertEquals(cold({ fallback: "running", coldReboot: { entry, once } }), [
    asked,
    "Once confirmed, it boots 6.1.0 (systemd-boot, default entry)",
  ]);
  assertEquals(cold({ fallback: "running", coldReboot: { once } }), [asked]);
  // Nobody asks the boot loader for anything then.
  assertEquals(cold({ coldReboot: { entry, once } }), ["A cold reboot boots 6.1.0 (systemd-boot, default entry)"]);
  assertEquals(cold({ fallback: "running", coldReboot: { entry } }), [
    "A cold reboot boots 6.1.0 (systemd-boot, default entry)",
  ]);
});

pure("where the log is kept, from when on, and what its reader needs", () => {
  const range = { kind: "range", from: "plan", address: "0x1000000", size: 1 << 20, parameters: ["a=1", "b"] } as const;
  const log = (ramoops: PlannedGuard["ramoops"]) =>
    guardLines({ parameters: [], log: 1 << 20, ...(ramoops === undefined ? {} : { ramoops }) }).slice(3);
  const hang =
    "Not covered: a hang without a panic leaves no log, unless the kernel is built with CONFIG_PSTORE_CONSOLE";
  const kept = "What it logs in an oops or a panic is kept over the reset: 1 MiB at 0x1000000";
  const reader = "The kernel that reads the log needs: a=1 b";
  assertEquals(log(undefined), []);
  assertEquals(guardLines({ parameters: [], ramoops: range }).slice(3), []);
  assertEquals(log({ kind: "impossible", why: "No room" }), ["What it logs is lost in a reset"]);
  assertEquals(log(range), [kept, hang, reader]);
  assertEquals(log({ ...range, module: "in-initrd" }), [`${kept}, from when the initrd loads ramoops`, hang, reader]);
  assertEquals(log({ ...range, module: "not-in-initrd" }), [
    `${kept}, from when ramoops is there: built in, or loaded once the initrd is done`,
    hang,
    reader,
  ]);
});
