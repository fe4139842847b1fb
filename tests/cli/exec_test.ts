import { assertEquals } from "@std/assert";
import { rebootWay, systemdTooOld } from "../../src/app/exec.ts";
import { unloadCall } from "../../src/app/unload.ts";
import { progressLine } from "../../src/cli/progress.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { type InitSystem, initSystem } from "../../src/host/init_system.ts";
import { hostFacts } from "../support/host_facts.ts";

const SYSTEMD: readonly (readonly [string, boolean, boolean])[] = [
  ["systemd 245 (245.4-4ubuntu3)\n+PAM", false, true],
  ["systemd 245 (245.4-4ubuntu3)\n+PAM", true, false],
  ["systemd 246 (246.6)\n", false, false],
  ["systemd 252 (252.38-1~deb12u1)\n", false, false],
  ["", false, false],
];

for (const [version, hasTool, warns] of SYSTEMD) {
  Deno.test({
    name: `${JSON.stringify(version.slice(0, 11))} ${hasTool ? "with" : "without"} /sbin/kexec ${
      warns ? "warns" : "is fine"
    }`,
    permissions: "none",
    fn() {
      assertEquals(systemdTooOld(version, hasTool) !== undefined, warns);
    },
  });
}

Deno.test({
  name: "systemd is asked where it is PID 1, but never for an image that the running system survives",
  permissions: "none",
  fn() {
    const ways = [true, false].flatMap((systemd) =>
      [true, false].flatMap((now) =>
        [true, false, undefined].map((returns) =>
          rebootWay(hostFacts({ systemd }), now, returns, { unbind: false, watchdog: false }).kind
        )
      )
    );
    const perHost = ["round-trip", "now", "now"] as const;
    assertEquals(ways, [
      ...[...perHost, "round-trip", "ask", "ask"],
      ...[...perHost, "round-trip", "no-clean-way", "no-clean-way"],
    ]);
  },
});

const INITS: readonly (readonly [Partial<HostFacts>, InitSystem])[] = [
  [{ systemd: true, init: "systemd", initProgram: "/usr/lib/systemd/systemd" }, "systemd"],
  // A container's manager, or one that is not the system's.
  [{ init: "systemd", initProgram: "/usr/lib/systemd/systemd" }, "unknown"],
  [{ init: "init", initProgram: "/usr/sbin/init" }, "sysvinit"],
  [{ init: "init", initProgram: "/sbin/init.dpkg-tmp (deleted)" }, "sysvinit"],
  [{ init: "init", initProgram: "/sbin/openrc-init (deleted)", openrc: true }, "openrc-init"],
  [{ init: "init", initProgram: "/bin/busybox", openrc: true }, "busybox"],
  [{ init: "runit", initProgram: "/sbin/runit" }, "runit"],
  [{ init: "runit" }, "runit"],
  [{ init: "s6-svscan", initProgram: "/package/admin/s6/command/s6-svscan" }, "s6"],
  [{ init: "init", initProgram: "/usr/bin/dinit" }, "dinit"],
  [{ init: "init" }, "unknown"],
  [{ init: "constructor", initProgram: "/sbin/toString" }, "unknown"],
  [{}, "unknown"],
];

for (const [facts, system] of INITS) {
  Deno.test({
    name: `PID 1 ${facts.init}, ${facts.initProgram ?? "a program that cannot be seen"}: ${system}`,
    permissions: "none",
    fn() {
      assertEquals(initSystem(hostFacts(facts)), system);
    },
  });
}

Deno.test({
  name: "where nothing is loaded there is no call that unloads; where it is not known there is",
  permissions: "none",
  fn() {
    const { loaded: _, crashLoaded: __, ...unknown } = hostFacts().kexec;
    const names = [hostFacts().kexec, unknown, { ...unknown, loaded: true, crashLoaded: true }].flatMap((kexec) =>
      [false, true].map((crash) => unloadCall(crash, hostFacts({ kexec }))?.name)
    );
    const name = "kexec_file_unload";
    assertEquals(names, [undefined, undefined, name, name, name, name]);
  },
});

Deno.test({
  name: "the progress line is shorter than the terminal is wide, whatever the path",
  permissions: "none",
  fn() {
    assertEquals(progressLine("/boot/vmlinuz", 7, 80), "Reading /boot/vmlinuz: 7 %");
    const line = progressLine(`/${"long/".repeat(40)}initrd.img`, 100, 40);
    assertEquals([line.length, line.slice(0, 11), line.slice(-18)], [39, "Reading ...", "/initrd.img: 100 %"]);
  },
});
