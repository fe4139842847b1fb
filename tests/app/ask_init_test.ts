import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  type AskedInit,
  askInit,
  EXEC_FLAG,
  type InitHost,
  type InitRequest,
  type NoCleanWay,
  type ProgramEnd,
  requestTo,
} from "../../src/app/ask_init.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { hostFacts } from "../support/host_facts.ts";

const NO_STEPS = { unbind: false, watchdog: false };
const SYSVINIT = hostFacts({ init: "init", initProgram: "/usr/sbin/init" });
const OPENRC = hostFacts({ init: "init", initProgram: "/usr/sbin/openrc-init", openrc: true });
const RUNIT = hostFacts({ init: "runit", initProgram: "/usr/sbin/runit" });

const LINKS = ["K01mark", "K07umountfs", "K08umountroot", "K09warmboot-exec", "K10reboot", "README"];

interface Imagined {
  readonly files?: { readonly [path: string]: string };
  readonly links?: readonly string[];
  readonly folders?: { readonly [path: string]: readonly string[] };
  readonly fifos?: readonly string[];
  readonly devices?: { readonly [path: string]: number };
  readonly end?: ProgramEnd;
}

const ended = (code: number, text = ""): ProgramEnd => ({ kind: "ended", code, text });

/** A host on which the init system does as it is asked; `log` has what was done, in order. */
function imagined(
  {
    files = {},
    links = LINKS,
    folders = {},
    fifos = ["/run/initctl", "/run/openrc/init.ctl"],
    devices = {},
    end = ended(0),
  }: Imagined,
): { readonly host: InitHost; readonly log: readonly string[] } {
  const log: string[] = [];
  return {
    log,
    host: {
      read: (path) => files[path],
      list: (folder) => folder === "/etc/rc6.d" ? links : folders[folder] ?? [],
      isFifo: (path) => fifos.includes(path),
      device: (path) => devices[path] ?? 1,
      programFiles: ["/usr/local/bin/deno", "/usr/local/lib/warmboot/program.js"],
      run(program, args) {
        log.push([program, ...args].join(" "));
        return Promise.resolve(end);
      },
      write: (path) => void log.push(`write ${path}`),
      remove: (path) => void log.push(`remove ${path}`),
      pause: () => Promise.resolve(),
    },
  };
}

/** The request as `shutdown -r now`, with ` + hook` where that boots the image; or why there is none. */
function formatRequest(found: InitRequest | NoCleanWay): string {
  return found.kind === "ask" ? `${found.command.join(" ")}${found.hook ? " + hook" : ""}` : found.message;
}

const GENTOO = "l6:6:wait:/sbin/openrc reboot\nr6:6:wait:/sbin/reboot -dkn\n";

const SHUTDOWN = "shutdown -r now";
const WITH_HOOK = `${SHUTDOWN} + hook`;
const OPENRC_HOOK = { "/etc/runlevels/shutdown": ["mount-ro", "warmboot-exec"] };
const DEBIAN_STAGE = '#!/bin/sh\n/lib/runit/run_sysv_scripts "/etc/rc$LAST.d" stop\n';
const VOID_STAGE = "#!/bin/sh\nfor f in /etc/runit/shutdown.d/*.sh; do\n\t[ -r $f ] && . $f\ndone\n";

const ENABLED: readonly (readonly [string, HostFacts, Imagined, string | RegExp])[] = [
  ["sysvinit: the hook is enabled", SYSVINIT, {}, WITH_HOOK],
  [
    "sysvinit: insserv knows it",
    SYSVINIT,
    { files: { "/etc/init.d/.depend.stop": "TARGETS = umountroot warmboot-exec reboot\n" } },
    WITH_HOOK,
  ],
  ["sysvinit: no FIFO", SYSVINIT, { fifos: [] }, /no FIFO \/run\/initctl/],
  ["sysvinit: the older FIFO", SYSVINIT, { fifos: ["/dev/initctl"] }, WITH_HOOK],
  [
    "sysvinit: no hook",
    SYSVINIT,
    { links: LINKS.filter((name) => !name.includes("warmboot")) },
    /warmboot-exec.* is not enabled/,
  ],
  [
    "sysvinit: startpar does not know it",
    SYSVINIT,
    { files: { "/etc/init.d/.depend.stop": "TARGETS = reboot\n" } },
    /is not enabled/,
  ],
  [
    "sysvinit: it runs after the reboot",
    SYSVINIT,
    { links: [...LINKS.slice(0, 3), "K10warmboot-exec", "K09reboot"] },
    /one after the other/,
  ],
  [
    "sysvinit: it runs with umountroot",
    SYSVINIT,
    { links: ["K09umountroot", "K09warmboot-exec", "K10reboot"] },
    /one after the other/,
  ],
  [
    "sysvinit: it runs with the reboot",
    SYSVINIT,
    { links: ["K08umountroot", "K09warmboot-exec", "K09reboot"] },
    /one after the other/,
  ],
  [
    "sysvinit: what only ends in its name is no link that is followed",
    SYSVINIT,
    { links: ["K08umountroot", "no9warmboot-exec", "K10reboot"] },
    /is not enabled/,
  ],
  ["sysvinit: nothing is unmounted", SYSVINIT, { links: ["K09warmboot-exec", "K10reboot"] }, /one after the other/],
  [
    "sysvinit: S links follow K links",
    SYSVINIT,
    { links: ["K08umountroot", "K09warmboot-exec", "S01reboot"] },
    WITH_HOOK,
  ],
  [
    "sysvinit: Deno is unmounted before",
    SYSVINIT,
    { devices: { "/usr/local/bin/deno": 7 } },
    /\/usr\/local\/bin\/deno is on a file system/,
  ],
  ["sysvinit: Deno is on /usr", SYSVINIT, { devices: { "/usr": 7, "/usr/local/bin/deno": 7 } }, WITH_HOOK],
  ["sysvinit: inittab boots the image", SYSVINIT, { files: { "/etc/inittab": GENTOO }, links: [] }, SHUTDOWN],
  ["sysvinit: the hook comes before that", SYSVINIT, { files: { "/etc/inittab": GENTOO } }, WITH_HOOK],
  [
    "sysvinit: such a line is a comment",
    SYSVINIT,
    { files: { "/etc/inittab": `#${GENTOO.split("\n")[1]}` }, links: [] },
    /is not enabled/,
  ],
  [
    "sysvinit: it is for another runlevel",
    SYSVINIT,
    { files: { "/etc/inittab": "r1:1:wait:/sbin/reboot -dk\n" }, links: [] },
    /not enabled/,
  ],
  ["sysvinit with OpenRC's scripts", { ...SYSVINIT, openrc: true }, { folders: OPENRC_HOOK, links: [] }, WITH_HOOK],
  ["sysvinit with OpenRC's scripts, no hook", { ...SYSVINIT, openrc: true }, {}, /is not enabled/],
  [
    "sysvinit with OpenRC's scripts, inittab boots the image",
    { ...SYSVINIT, openrc: true },
    { files: { "/etc/inittab": GENTOO } },
    SHUTDOWN,
  ],
  ["openrc-init", OPENRC, {}, "openrc-shutdown --kexec now"],
  ["openrc-init with the hook", OPENRC, { folders: OPENRC_HOOK }, "openrc-shutdown --reboot now + hook"],
  ["openrc-init: no FIFO", OPENRC, { fifos: ["/run/initctl"] }, /\/run\/openrc\/init.ctl does not exist/],
  ["runit on Debian", RUNIT, { files: { "/etc/runit/3": DEBIAN_STAGE } }, "init 6 + hook"],
  ["runit on Debian, no hook", RUNIT, { files: { "/etc/runit/3": DEBIAN_STAGE }, links: [] }, /is not enabled/],
  [
    "runit on Debian, which runs no scripts of sysvinit",
    RUNIT,
    { files: { "/etc/runit/3": DEBIAN_STAGE, "/etc/runit/native.boot.run": "" } },
    /is not enabled/,
  ],
  [
    "runit on Void",
    RUNIT,
    { files: { "/etc/runit/3": VOID_STAGE }, folders: { "/etc/runit/shutdown.d": ["85-warmboot-exec.sh"] } },
    "init 6 + hook",
  ],
  [
    "runit on Void, the hook put aside",
    RUNIT,
    { files: { "/etc/runit/3": VOID_STAGE }, folders: { "/etc/runit/shutdown.d": ["85-warmboot-exec.sh.bak"] } },
    /is not enabled/,
  ],
  ["runit on Void, no hook", RUNIT, { files: { "/etc/runit/3": VOID_STAGE } }, /is not enabled/],
  [
    "runit with a last stage of one's own",
    RUNIT,
    { files: { "/etc/runit/3": "#!/bin/sh\numount -a -r\n. /root/85-warmboot-exec.sh\n" } },
    "init 6 + hook",
  ],
  ["runit without a last stage", RUNIT, {}, /is not enabled/],
  [
    "runit: Deno is unmounted before",
    RUNIT,
    { files: { "/etc/runit/3": DEBIAN_STAGE }, devices: { "/usr/local/bin/deno": 7 } },
    /is on a file system/,
  ],
];

for (const [name, facts, host, expected] of ENABLED) {
  Deno.test({
    name: `what to ask: ${name}`,
    permissions: "none",
    fn() {
      const found = requestTo(facts, NO_STEPS, imagined(host).host);
      if (typeof expected === "string") assertEquals(formatRequest(found), expected);
      else {
        assertMatch(formatRequest(found), expected);
        assertMatch(found.kind === "ask" ? "" : found.hint, /warmboot exec --now$/);
      }
    },
  });
}

const SYSTEMD = hostFacts({ systemd: true, init: "systemd" });
const UNIT = { "/etc/systemd/system/kexec.target.wants": ["warmboot-unbind.service"] };

const UNBINDING: readonly (readonly [string, HostFacts, Imagined, string | RegExp])[] = [
  ["systemd with the unit", SYSTEMD, { folders: UNIT }, "systemctl kexec"],
  ["systemd without it", SYSTEMD, {}, /warmboot-unbind\.service.* is not enabled/],
  ["sysvinit with the hook", SYSVINIT, {}, WITH_HOOK],
  [
    "sysvinit whose inittab boots the image",
    { ...SYSVINIT, openrc: true },
    { files: { "/etc/inittab": GENTOO }, links: [] },
    /hook warmboot-exec.* is not enabled/,
  ],
  ["openrc-init without the hook", OPENRC, {}, /hook warmboot-exec.* is not enabled/],
  ["openrc-init with the hook", OPENRC, { folders: OPENRC_HOOK }, "openrc-shutdown --reboot now + hook"],
  [
    "openrc-init with the hook, and Deno is unmounted before",
    OPENRC,
    { folders: OPENRC_HOOK, devices: { "/usr/local/bin/deno": 7 } },
    /is on a file system/,
  ],
  ["no init system that can be asked", hostFacts({ init: "dinit" }), {}, /dinit/],
];

for (const [name, facts, host, expected] of UNBINDING) {
  Deno.test({
    name: `what to ask where devices are to be unbound: ${name}`,
    permissions: "none",
    fn() {
      const found = formatRequest(requestTo(facts, { unbind: true, watchdog: false }, imagined(host).host));
      if (typeof expected === "string") assertEquals(found, expected);
      else assertMatch(found, expected);
    },
  });
}

Deno.test({
  name: "where a watchdog is to be armed, systemd needs no unit for it, and OpenRC the hook",
  permissions: "none",
  fn() {
    const steps = { unbind: false, watchdog: true };
    const asked = (facts: HostFacts, host: Imagined) => formatRequest(requestTo(facts, steps, imagined(host).host));
    assertEquals(asked(SYSTEMD, {}), "systemctl kexec");
    assertMatch(asked(OPENRC, {}), /hook warmboot-exec.* is not enabled/);
    assertEquals(asked(OPENRC, { folders: OPENRC_HOOK }), "openrc-shutdown --reboot now + hook");
  },
});

const ASK = `write ${EXEC_FLAG}`;
const TAKE_BACK = `remove ${EXEC_FLAG}`;
const KEXEC = "openrc-shutdown --kexec now";
const RUNLEVEL = "init 6";

const COMMANDS: { readonly [init in AskedInit]: readonly [InitRequest["command"], boolean] } = {
  systemd: [["systemctl", "kexec"], false],
  sysvinit: [["shutdown", "-r", "now"], true],
  "openrc-init": [["openrc-shutdown", "--kexec", "now"], false],
  runit: [["init", "6"], true],
};

const REQUESTS: readonly (readonly [AskedInit, string, Imagined, string, readonly string[]])[] = [
  ["sysvinit", "goes down", { files: { "/proc/1/cmdline": "init [6]  \0" } }, "asked", [ASK, SHUTDOWN]],
  ["sysvinit", "stays up", { files: { "/proc/1/cmdline": "init [2]  \0" } }, "init-silent", [ASK, SHUTDOWN, TAKE_BACK]],
  ["sysvinit", "fails", { end: ended(1, "no") }, "init-failed", [ASK, SHUTDOWN, TAKE_BACK]],
  [
    "sysvinit",
    "has no shutdown",
    { end: { kind: "missing", reason: "not found" } },
    "init-missing",
    [ASK, SHUTDOWN, TAKE_BACK],
  ],
  ["openrc-init", "goes down", { folders: { "/run/openrc": ["rc.stopping"] } }, "asked", [KEXEC]],
  ["openrc-init", "is going down", { files: { "/run/openrc/softlevel": "reboot\n" } }, "asked", [KEXEC]],
  ["openrc-init", "is halting", { files: { "/run/openrc/softlevel": "shutdown\n" } }, "asked", [KEXEC]],
  ["openrc-init", "stays up", { files: { "/run/openrc/softlevel": "default\n" } }, "init-silent", [KEXEC]],
  [
    "openrc-init",
    "cannot be reached, which ends with 0",
    { end: ended(0, "fopen: No such file or directory\n") },
    "init-failed",
    [KEXEC],
  ],
  [
    "openrc-init",
    "is not listening, which ends with 0",
    { end: ended(0, "openrc-shutdown: Error writing to FIFO\n") },
    "init-failed",
    [KEXEC],
  ],
  [
    "sysvinit",
    "prints what only openrc-shutdown means by it",
    { end: ended(0, "fopen: /etc/motd\n"), files: { "/proc/1/cmdline": "init [6]  \0" } },
    "asked",
    [ASK, SHUTDOWN],
  ],
  [
    "runit",
    "has its last stage in no process",
    { folders: { "/proc": ["1", "task77"] }, files: { "/proc/task77/cmdline": "/bin/sh\0/etc/runit/3\0" } },
    "init-silent",
    [ASK, RUNLEVEL, TAKE_BACK],
  ],
  [
    "runit",
    "goes down",
    { folders: { "/proc": ["1", "77", "self"] }, files: { "/proc/77/cmdline": "/bin/sh\0/etc/runit/3\0" } },
    "asked",
    [ASK, RUNLEVEL],
  ],
  [
    "runit",
    "stays up",
    { folders: { "/proc": ["1", "77"] }, files: { "/proc/77/cmdline": "vi\0/etc/runit/30\0" } },
    "init-silent",
    [ASK, RUNLEVEL, TAKE_BACK],
  ],
];

for (const [init, name, host, kind, done] of REQUESTS) {
  Deno.test({
    name: `${init}, asked to reboot, ${name}: ${kind}`,
    permissions: "none",
    async fn() {
      const { host: asked, log } = imagined(host);
      const [command, hook] = COMMANDS[init];
      assertEquals([(await askInit({ kind: "ask", init, command, hook }, asked)).kind, log], [kind, done]);
    },
  });
}

Deno.test({
  name: "a defect while the init system is asked leaves nothing that would boot the image later",
  permissions: "none",
  async fn() {
    const { host, log } = imagined({});
    const failing = { ...host, run: () => Promise.reject(new TypeError("defect")) };
    const request = { kind: "ask", init: "runit", command: ["init", "6"], hook: true } as const;
    await assertRejects(() => askInit(request, failing), TypeError, "defect");
    assertEquals(log, [ASK, TAKE_BACK]);
  },
});

Deno.test({
  name: "init systems that only reboot through the firmware are refused by name",
  permissions: "none",
  fn() {
    const unasked = (facts: HostFacts): readonly string[] => {
      const found = requestTo(facts, NO_STEPS, imagined({}).host);
      return found.kind === "ask" ? [] : [found.message, found.hint];
    };
    const messages = ["s6-svscan", "dinit", "busybox", "launcher"].map((name) =>
      unasked(hostFacts({ init: name, initProgram: `/sbin/${name}` }))[0]?.split(/[,`]/).slice(0, 2).join("")
    );
    assertEquals(messages, [
      "PID 1 is s6 whose last stage always reboots through the firmware",
      "PID 1 is dinit whose last stage always reboots through the firmware",
      "PID 1 is busybox whose init always reboots through the firmware",
      "PID 1 is launcher",
    ]);
    assertMatch(unasked(hostFacts({ init: "init" }))[1] ?? "", /^Run this as root/);
    assertMatch(
      unasked(hostFacts({ init: "init", initProgram: "/sbin/launcher" }))[0] ?? "",
      /^PID 1 is `init`, which/,
    );
    assertMatch(unasked(hostFacts({ initProgram: "/usr/bin/dinit" }))[0] ?? "", /^PID 1 is dinit/);
    assertMatch(unasked(hostFacts({}))[0] ?? "", /^Cannot see what PID 1 is/);
  },
});
