/**
 * A release on Debians whose PID 1 is not systemd: `exec` has the services stopped and the file systems unmounted, then the
 * image boots. sysvinit and runit end with the hook; openrc-init makes the call itself, or has the hook as well.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { distribution } from "./apt.ts";
import { type DebianInit, debianMachine, RELEASE, releaseFiles } from "./debian_root.ts";
import { ALL } from "./extent.ts";
import type { GuestFiles } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { fetchKernel } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const PROFILE: GuestFiles = {
  "/etc/warmboot/web.yaml":
    `version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: ${BASE_CMDLINE} no_timer_check seen=again\n`,
};

/** A file of /etc that can be run, which those given as text cannot. */
function script(text: string, interpreter = "/bin/sh"): Uint8Array {
  return new TextEncoder().encode(`#!${interpreter}\n${text}`);
}

const ENVIRONMENT = "export PATH=/usr/local/bin:/usr/sbin:/usr/bin HOME=/root NO_COLOR=1\n" +
  "export DENO_DIR=/var/cache/deno DENO_NO_UPDATE_CHECK=1\n";
const RUN_AGENT = script(`${ENVIRONMENT}/bin/sh /usr/local/sbin/agent </dev/null\n`);

/** A service leaves this mark on the disk when it is stopped: what is loaded then. */
const LEAVE_MARK = "cat /sys/kernel/kexec_loaded >/var/stopped";

/** What initscripts' maintainer script enables. */
const SCRIPTS = "mountkernfs.sh mount-configfs brightness hostname.sh mountdevsubfs.sh checkroot.sh " +
  "checkroot-bootclean.sh checkfs.sh mountall.sh mountall-bootclean.sh mountnfs.sh mountnfs-bootclean.sh bootmisc.sh " +
  "urandom halt reboot umountroot umountfs umountnfs.sh sendsigs killprocs single bootlogs rc.local rmnologin";

interface Host {
  readonly init: DebianInit;
  readonly files: GuestFiles;
  /** Makes ready what packages' scripts would, and enables the hook. */
  readonly prepare: string;
  readonly enable: string;
  /** What is asked without the hook, and with it. */
  readonly bare?: string;
  readonly asked: string;
  readonly reboot: string;
}

/** The boots are short, the shutdowns those of the distribution. */
const HOSTS: readonly Host[] = [
  {
    init: "sysvinit",
    files: {
      "/etc/inittab": "id:2:initdefault:\nsi::sysinit:/bin/true\nl6:6:wait:/etc/init.d/rc 6\n" +
        "ag:2:once:/usr/local/sbin/run-agent\n",
      "/usr/local/sbin/run-agent": RUN_AGENT,
      "/etc/init.d/mark": script(`### BEGIN INIT INFO
# Provides: mark
# Required-Start: $remote_fs
# Required-Stop: $remote_fs
# Default-Start: 2
# Default-Stop: 0 1 6
### END INIT INFO
[ "$1" != stop ] || ${LEAVE_MARK}
`),
    },
    prepare: `insserv ${SCRIPTS} mark`,
    enable: "insserv warmboot-exec",
    asked: "shutdown -r now",
    reboot: "shutdown -r now",
  },
  {
    init: "runit",
    files: {
      "/etc/runit/1": script(
        "install -m000 /dev/null /run/runit.stopit\ninstall -m000 /dev/null /run/runit.reboot\n" +
          "ln -sfn /etc/runit/runsvdir/default /etc/runit/runsvdir/current\n",
      ),
      "/etc/runit/2": script("exec env - PATH=/usr/sbin:/usr/bin runsvdir -P /etc/service\n"),
      "/etc/runit/runsvdir/default/agent/run": RUN_AGENT,
      "/etc/runit/runsvdir/default/mark/run": script("exec sleep infinity\n"),
      "/etc/runit/runsvdir/default/mark/finish": script(`${LEAVE_MARK}\n`),
    },
    prepare: `insserv ${SCRIPTS}`,
    enable: "insserv warmboot-exec",
    asked: "init 6",
    reboot: "init 6",
  },
  {
    init: "openrc-init",
    files: {
      "/etc/init.d/agent": script(
        "command=/usr/local/sbin/run-agent\ncommand_background=true\npidfile=/run/agent.pid\nstop() { :; }\n",
        "/usr/sbin/openrc-run",
      ),
      "/usr/local/sbin/run-agent": RUN_AGENT,
      "/etc/init.d/mark": script(`start() { :; }\nstop() { ${LEAVE_MARK}; }\n`, "/usr/sbin/openrc-run"),
      // Debian's package has no script that makes the root read-only: OpenRC's own.
      "/etc/init.d/mount-ro": script("start() { mount -o remount,ro /; }\n", "/usr/sbin/openrc-run"),
      // A file in the folder of a runlevel enables the script of its name.
      "/etc/runlevels/default/agent": "",
      "/etc/runlevels/default/mark": "",
      "/etc/runlevels/shutdown/mount-ro": "",
    },
    prepare: "true",
    enable: "rc-update add warmboot-exec shutdown",
    bare: "openrc-shutdown --kexec now",
    asked: "openrc-shutdown --reboot now",
    reboot: "openrc-shutdown --reboot now",
  },
];

/** Runs `exec`, and looks whether the service was stopped and nothing is to be recovered. */
async function execCleanly(machine: Machine): Promise<void> {
  const before = machine.console().length;
  const { cmdline } = await machine.runToBoot("warmboot exec");
  assertStringIncludes(cmdline, "seen=again");
  const said = machine.console(before);
  assertStringIncludes(said, "EXT4-fs (vda): mounted");
  assert(!said.includes("EXT4-fs (vda): recovery complete"), said.slice(-2000));
  assertEquals(await machine.output("cat /var/stopped && rm /var/stopped"), "1\n");
}

for (const { init, files, prepare, enable, bare, asked, reboot } of HOSTS) {
  Deno.test({
    name: `under ${init}, exec stops services and unmounts, then boots the image`,
    ignore: !ALL || await distribution() !== "debian",
    async fn(t) {
      const kernel = await fetchKernel("6.1");
      const all = { ...PROFILE, ...files, ...await releaseFiles() };
      await using machine = await debianMachine(
        "bookworm",
        kernel,
        {},
        { append: "no_timer_check" },
        all,
        init,
      );

      await t.step(
        "without the hook, exec refuses and loads nothing, or has the init system make the call",
        async () => {
          await machine.output(prepare);
          await machine.output(`${RELEASE}/bin/warmboot install --no-docs --no-man --no-completions`);
          await machine.output("test -x /etc/init.d/warmboot-exec");
          if (bare === undefined) {
            const { code, stderr } = await machine.run("warmboot load web --exec");
            assertEquals(code, 69, stderr);
            assertStringIncludes(stderr, "The hook warmboot-exec");
            assertEquals(await machine.output("cat /sys/kernel/kexec_loaded"), "0\n");
            return;
          }
          await machine.output("warmboot load web");
          assertEquals(await machine.output("warmboot exec --dry-run"), `${bare}\n`);
          await execCleanly(machine);
        },
      );

      await t.step("enabled, the hook boots the image at the end", async () => {
        await machine.output(`${enable} && warmboot load web`);
        assertEquals(await machine.output("warmboot exec --dry-run"), `${asked}\n`);
        await execCleanly(machine);
      });

      await t.step("an ordinary reboot goes through the firmware, whatever is loaded", async () => {
        await machine.output("warmboot load web");
        await machine.runToEnd(reboot);
      });
    },
  });
}
