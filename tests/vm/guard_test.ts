/**
 * Guarded reboots of a Debian under systemd: one that is confirmed, and one whose health check fails, so that the deadline
 * leads back. With WARMBOOT_VM_ALL=1 also by hand, with power cuts, and many in a row. A reset boots the kernel that QEMU was
 * started with.
 */
import { ALL } from "./extent.ts";
import { join } from "@std/path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Attempt } from "../../src/state/attempt.ts";
import { UNITS, unitText } from "../support/units.ts";
import type { Suite } from "./apt.ts";
import { builtKernel } from "./built_kernel.ts";
import { REPOSITORY } from "./cache.ts";
import { debianMachine, PATIENT_UNITS } from "./debian_root.ts";
import { denoDisk, diskInitrd, type GuestFiles, initrdBytes } from "./initramfs.ts";
import { type Machine, startMachine } from "./machine.ts";
import { fetchKernel, type KernelName } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

/** On a busy machine, a kernel may not find its timer in the emulation, and panic; with this it does not look. */
const NO_TIMER_CHECK = "no_timer_check";
const CMDLINE = `${BASE_CMDLINE} ${NO_TIMER_CHECK}`;

const IMAGES = "version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\n";

function profile(name: string, more = ""): string {
  return `${IMAGES}cmdline: ${CMDLINE} to=${name}\n${more}`;
}

/** Each call has a system that is confirmed, and one that is not. */
const PROFILES: GuestFiles = {
  "/etc/warmboot/web.yaml": profile("web", "load: kexec_file_load\nguard: { confirm: 1h }\n"),
  "/etc/warmboot/web2.yaml": profile("web2", "load: kexec_load\nguard: { confirm: 1h }\n"),
  "/etc/warmboot/sick.yaml": profile("sick", "load: kexec_load\nguard: { confirm: 30s }\n"),
  "/etc/warmboot/sick2.yaml": profile("sick2", "load: kexec_file_load\nguard: { confirm: 30s }\n"),
  "/etc/warmboot/other.yaml": profile("other"),
};

/** A health check that fails in the system that is called sick; the boot is not complete without it. */
const HEALTH: GuestFiles = {
  "/etc/systemd/system/health.service": `[Unit]
DefaultDependencies=no
After=multi-user.target
Before=boot-complete.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c '! grep -q to=sick /proc/cmdline'
[Install]
RequiredBy=boot-complete.target
`,
};

/** What loads a profile by itself, as soon as it is started, and again and again; `git` has nothing to pull. */
const TIMERS: GuestFiles = {
  "/etc/systemd/system/warmboot-load@.timer.d/soon.conf":
    "[Timer]\nOnActiveSec=\nOnActiveSec=1s\nOnUnitInactiveSec=1s\nRandomizedDelaySec=0\nAccuracySec=1s\n",
  ...Object.fromEntries(["service", "timer"].map((kind) => {
    const name = `warmboot-apply@.${kind}`;
    return [`/etc/systemd/system/${name}`, Deno.readTextFileSync(join(REPOSITORY, "examples/gitops/systemd", name))];
  })),
  "/etc/systemd/system/warmboot-apply@.timer.d/soon.conf":
    "[Timer]\nOnCalendar=\nOnActiveSec=1s\nRandomizedDelaySec=0\nAccuracySec=1s\n",
  "/usr/bin/git": "#!/bin/sh\n",
};

/** A unit where an administrator would put it. */
function unitFile(name: string): readonly [string, string] {
  return [`/etc/systemd/system/${name}`, unitText(name)];
}

/** Seconds in which a machine that is busy with other tests reboots through systemd. */
const REBOOT = { timeout: 900 };

/** The other image is loaded before the clock starts, however busy the machine is. */
const LOADED_FIRST: GuestFiles = {
  "/etc/systemd/system/warmboot-arrive.service.d/order.conf": "[Unit]\nAfter=warmboot-load@other.service\n",
};

async function attempts(machine: Machine): Promise<readonly Attempt[]> {
  return JSON.parse(await machine.output("warmboot history -o json")).attempts;
}

/** What is never to change once it is known; how long it took may still become known. */
function endOf({ id, outcome }: Attempt): readonly unknown[] {
  return [id, outcome?.end];
}

/** Whether a condition of the shell comes true, within ten minutes. */
async function comesTrue(machine: Machine, condition: string): Promise<boolean> {
  const loop = `for i in $(seq 200); do ${condition} && exit 0; sleep 3; done; exit 1`;
  return (await machine.run(loop, REBOOT)).code === 0;
}

/** Runs what leads into a system that nobody confirms; the cold boot after it, and what the console said meanwhile. */
async function fallBack(machine: Machine, command: string): Promise<string> {
  const from = machine.console().length;
  // The time may be up before that system is far enough to say hello.
  const { cmdline } = await machine.runToBoot(command, REBOOT);
  if (cmdline.includes("to=sick")) assert(!(await machine.nextBoot(REBOOT.timeout)).cmdline.includes("to="));
  else assert(!cmdline.includes("to="), cmdline);
  return machine.console(from);
}

async function arrivesAndIsConfirmed(machine: Machine, profile: string): Promise<void> {
  const { cmdline } = await machine.runToBoot(`systemctl start warmboot-reboot@${profile}`, REBOOT);
  assertMatch(cmdline, new RegExp(`to=${profile} .*warmboot\\.plan=[0-9a-f]{16}`));
  assert(await comesTrue(machine, "systemctl -q is-active warmboot-confirm"));
  assert(await comesTrue(machine, "! systemctl -q is-active warmboot-deadline"));
  const [attempt] = await attempts(machine);
  assertEquals([attempt?.profile, attempt?.guard?.confirm, attempt?.outcome?.end], [profile, 3600, "confirmed"]);
  assertMatch(await machine.output("journalctl -b -o cat -u warmboot-deadline"), / is confirmed$/m);
  assertEquals((await machine.output("systemctl list-units --failed --plain --no-legend 'warmboot*'")).trim(), "");
}

async function isNotConfirmed(machine: Machine, profile: string, release: string): Promise<void> {
  const said = await fallBack(machine, `systemctl start warmboot-reboot@${profile}`);
  // The file system was unmounted.
  assert(!said.includes("EXT4-fs (vda): recovery complete"), said.slice(-2000));
  assert(await comesTrue(machine, "systemctl -q is-active warmboot-arrive"));
  const [attempt] = await attempts(machine);
  assertEquals([attempt?.profile, attempt?.outcome?.end], [profile, "not-confirmed"]);
  assertMatch(attempt?.outcome?.why ?? "", /within 30 s.*; \S+ came up by the firmware after it$/);
  assertEquals(attempt?.outcome?.cameBack?.release, release);
  assertStringIncludes(await machine.output("warmboot status"), "not confirmed in time");
  const before = await machine.output("journalctl -b -1 -o cat -u warmboot-deadline -u warmboot-load@other");
  assertStringIncludes(before, "Nobody confirmed this system within 30 s: rebooting through the firmware");
  assertStringIncludes(before, `Loaded ${release} from profile other`);
}

interface Host {
  readonly suite: Suite;
  readonly kernel: KernelName;
}

const BOOKWORM: Host = { suite: "bookworm", kernel: "6.1" };
const TRIXIE: Host = { suite: "trixie", kernel: "6.12" };

for (const { suite, kernel: name } of ALL ? [BOOKWORM, TRIXIE] : [BOOKWORM]) {
  const kernel = await fetchKernel(name);
  Deno.test(`a guarded reboot is confirmed, or leads back (${suite}, ${kernel.release})`, async (t) => {
    const files = {
      ...PROFILES,
      ...HEALTH,
      ...LOADED_FIRST,
      ...TIMERS,
      ...PATIENT_UNITS,
      ...Object.fromEntries(UNITS.map(unitFile)),
    };
    const options = { resets: true, append: NO_TIMER_CHECK };
    await using machine = await debianMachine(suite, kernel, { warmboot: "cli.ts" }, options, files);

    await t.step("set up: the units that `warmboot init --guard` names, and a health check", async () => {
      const units = ["warmboot-arrive", "warmboot-confirm", "health", "warmboot-load@other"];
      for (const each of units) await machine.output(`systemctl enable ${each}`);
    });

    await t.step("it arrives, the boot is complete, it is confirmed, and the clock stops", async () => {
      await arrivesAndIsConfirmed(machine, "web");
    });

    await t.step("a health check fails, nobody confirms: a cold boot, though an image is loaded", async () => {
      await isNotConfirmed(machine, "sick", kernel.release);
      // In a boot without a guard no clock runs.
      assertEquals((await machine.run("systemctl -q is-active warmboot-deadline")).code === 0, false);
    });

    if (!ALL) return;

    await t.step("the plan that failed is not loaded again, by a timer neither, until --force", async () => {
      await machine.output("systemctl disable --now warmboot-load@other; warmboot unload");
      const { code, stderr } = await machine.run("warmboot load /etc/warmboot/sick.yaml");
      assertEquals(code, 69, stderr);
      assertStringIncludes(stderr, "attempt-failed");
      for (const unit of ["warmboot-load@sick", "warmboot-reload@sick", "warmboot-reboot@sick"]) {
        assertEquals((await machine.run(`systemctl start ${unit}`)).code, 1, unit);
      }
      assertEquals(await machine.output("cat /sys/kernel/kexec_loaded"), "0\n");
      await machine.output("warmboot load --force /etc/warmboot/sick.yaml && warmboot unload");
      await machine.output("systemctl reset-failed");
    });

    await t.step("timers and the path unit that systemd starts do not load it either", async () => {
      const refused = (unit: string, times: number) =>
        comesTrue(machine, `[ "$(journalctl -b -o cat -u ${unit} | grep -c status=69/)" -ge ${times} ]`);
      const before = Number(await machine.output("journalctl -b -o cat -u warmboot-load@sick | grep -c status=69/"));
      await machine.output("systemctl start warmboot-load@sick.timer");
      // It does come again.
      assert(await refused("warmboot-load@sick", before + 2));
      await machine.output("systemctl stop warmboot-load@sick.timer warmboot-reload@sick");
      const tried = Number(await machine.output("journalctl -b -o cat -u warmboot-load@sick | grep -c status=69/"));
      await machine.output("systemctl start warmboot-load@sick.path && touch /boot/again");
      assert(await refused("warmboot-load@sick", tried + 1));
      await machine.output("systemctl stop warmboot-load@sick.path warmboot-reload@sick");
      await machine.output("mkdir -p /srv/boot/profiles && cp /etc/warmboot/sick.yaml /srv/boot/profiles");
      await machine.output("systemctl start warmboot-apply@sick.timer");
      assert(await refused("warmboot-apply@sick", 1));
      assertStringIncludes(await machine.output("journalctl -b -o cat -u warmboot-apply@sick"), "attempt-failed");
      await machine.output("systemctl stop warmboot-apply@sick.timer; systemctl reset-failed");
      assertEquals(await machine.output("cat /sys/kernel/kexec_loaded"), "0\n");
    });

    await t.step("with --force in its unit the timer loads it, and the path unit another plan", async () => {
      const force = "/etc/systemd/system/warmboot-load@sick.service.d";
      await machine.write(
        `${force}/force.conf`,
        "[Service]\nExecStart=\nExecStart=/usr/local/bin/warmboot load --force /etc/warmboot/%i.yaml\n",
      );
      await machine.output("systemctl daemon-reload && systemctl start warmboot-load@sick.timer");
      assert(await comesTrue(machine, "grep -q to=sick /run/warmboot/reboot.json"));
      assertEquals(await machine.output("cat /sys/kernel/kexec_loaded"), "1\n");
      await machine.output("systemctl stop warmboot-load@sick.timer warmboot-reload@sick warmboot-load@sick");
      await machine.output(`warmboot unload && rm -r ${force} && systemctl daemon-reload`);
      await machine.output("systemctl start warmboot-load@web.path && touch /boot/again");
      assert(await comesTrue(machine, "grep -q to=web /run/warmboot/reboot.json"));
      assertEquals(await machine.output("cat /sys/kernel/kexec_loaded"), "1\n");
      await machine.output("systemctl stop warmboot-load@web.path warmboot-reload@web warmboot-load@web");
      await machine.output("warmboot unload; systemctl reset-failed; systemctl enable warmboot-load@other");
    });

    await t.step("by the other call: it is confirmed", async () => {
      await arrivesAndIsConfirmed(machine, "web2");
    });

    await t.step("by the other call: nobody confirms", async () => {
      await isNotConfirmed(machine, "sick2", kernel.release);
    });

    await t.step(
      "loaded and rebooted by hand, with another image loaded in the new system: still a cold boot",
      async () => {
        // From systemd 257 on, an ordinary reboot boots what is loaded.
        const byHand = suite === "trixie" ? "reboot" : "kexec";
        await fallBack(machine, `warmboot load --force /etc/warmboot/sick.yaml && systemctl ${byHand}`);
        assert(await comesTrue(machine, "systemctl -q is-active warmboot-arrive"));
        const [attempt] = await attempts(machine);
        assertEquals([attempt?.way, attempt?.outcome?.end], ["found", "not-confirmed"]);
        assertMatch(attempt?.outcome?.why ?? "", /came up by the firmware after it$/);
        const before = await machine.output("journalctl -b -1 -o cat -u warmboot-load@other");
        assertStringIncludes(before, `Loaded ${kernel.release} from profile other`);
        assertEquals(await machine.output("cat /proc/sys/kernel/bootloader_type | grep -c '^13$' || true"), "0\n");
      },
    );

    await t.step(
      "a file system is missing, so that the boot ends in the emergency shell: the deadline leads back",
      async () => {
        await machine.write(
          "/etc/systemd/system/data.mount",
          "[Unit]\nConditionKernelCommandLine=to=sick\n[Mount]\nWhat=tmpfs\nWhere=/data\nType=missing\n" +
            "[Install]\nRequiredBy=local-fs.target\n",
        );
        await machine.output("systemctl enable data.mount");
        await fallBack(machine, "warmboot load --exec --force /etc/warmboot/sick.yaml");
        await machine.output("systemctl disable data.mount");
        assert(await comesTrue(machine, "systemctl -q is-active warmboot-arrive"));
        assertEquals((await attempts(machine))[0]?.outcome?.end, "not-confirmed");
        assertStringIncludes(await machine.output("journalctl -b -1 -o cat"), "Emergency");
      },
    );

    await t.step("a service that does not stop holds the shutdown up; then it is forced", async () => {
      await machine.write(
        "/etc/systemd/system/stubborn.service",
        "[Service]\nExecStart=/bin/sh -c 'trap : TERM; while :; do sleep 1; done'\nTimeoutStopSec=infinity\n" +
          "[Install]\nWantedBy=multi-user.target\n",
      );
      await machine.output("systemctl enable stubborn");
      const said = await fallBack(machine, "warmboot load --exec --force /etc/warmboot/sick.yaml");
      assert(!said.includes("EXT4-fs (vda): recovery complete"), said.slice(-2000));
      await machine.output("systemctl disable --now --no-block stubborn; systemctl kill -s KILL stubborn || true");
      assert(await comesTrue(machine, "systemctl -q is-active warmboot-arrive"));
      assertEquals((await attempts(machine))[0]?.outcome?.end, "not-confirmed");
      assertStringIncludes(
        await machine.output("journalctl -b -1 -o cat -u warmboot-deadline"),
        "systemctl reboot -i was accepted, but the machine still runs 180 s later",
      );
    });

    await t.step("killed, the process that waits starts again, and its time does not", async () => {
      await machine.output("warmboot load --exec --force /etc/warmboot/sick.yaml >/run/said 2>&1 &");
      const { cmdline } = await machine.nextBoot(REBOOT.timeout);
      if (cmdline.includes("to=sick")) {
        await machine.run("systemctl kill -s KILL warmboot-deadline");
        await machine.nextBoot(REBOOT.timeout);
      }
      assert(await comesTrue(machine, "systemctl -q is-active warmboot-arrive"));
      assertEquals((await attempts(machine))[0]?.outcome?.end, "not-confirmed");
    });

    await t.step("the power is cut once the attempt is written: it was not begun, and nothing is lost", async () => {
      const before = await attempts(machine);
      await holdSystemctl(machine);
      await machine.output("warmboot load /etc/warmboot/web.yaml && (warmboot exec >/run/said 2>&1 &)");
      assert(await comesTrue(machine, "[ -e /run/asked ]"));
      await machine.reset();
      await freeSystemctl(machine);
      assert(await comesTrue(machine, "systemctl -q is-active warmboot-arrive"));
      const [cut, ...rest] = await attempts(machine);
      assertEquals([cut?.profile, cut?.way, cut?.outcome?.end], ["web", "systemd", "firmware"]);
      assertEquals(rest.map(endOf), before.map(endOf));
    });

    await t.step(
      "the power is cut while the attempt is written: it is whole or not there, and no outcome is false",
      async () => {
        for (let round = 0; round < 3; round++) {
          const before = await attempts(machine);
          await holdSystemctl(machine);
          await machine.output("warmboot load /etc/warmboot/web.yaml");
          const seen = machine.sees("warmboot-cut");
          const watch =
            "(until [ -e /run/asked ] || ls /var/lib/warmboot/attempts/.warmboot-* >/dev/null 2>&1; do :; done; " +
            "echo warmboot-cut >/dev/console) &";
          await machine.output(`${watch} (warmboot exec >/run/said 2>&1 &)`);
          await seen;
          await machine.reset();
          await freeSystemctl(machine);
          assert(await comesTrue(machine, "systemctl -q is-active warmboot-arrive"));
          const after = await attempts(machine);
          assertEquals((await machine.run("warmboot history")).stderr, "");
          if (after.length > before.length) {
            assertEquals([after[0]?.way, after[0]?.outcome?.end], ["systemd", "firmware"]);
          }
          assertEquals(after.slice(after.length - before.length).map(endOf), before.map(endOf));
        }
      },
    );
  });
}

/** Has `systemctl kexec`, as warmboot calls it, wait for ever, and say so. */
async function holdSystemctl(machine: Machine): Promise<void> {
  const script = '#!/bin/sh\n[ "$1" = kexec ] && : > /run/asked && sleep 6000\nexec /usr/bin/systemctl "$@"\n';
  await machine.write("/usr/sbin/systemctl", script);
  await machine.output("chmod 755 /usr/sbin/systemctl; sync");
}

async function freeSystemctl(machine: Machine): Promise<void> {
  await machine.output("rm -f /usr/sbin/systemctl");
}

/** Where attempts are kept: on the disk, since the root file system is not. */
const STATE = "mkdir -p /disk/state /var/lib && ln -s /disk/state /var/lib/warmboot";

Deno.test({
  name: "a system that arrives, and is not confirmed: shut down it has not failed, reset it has",
  ignore: !ALL,
  fn: async (t) => {
    const kernel = await fetchKernel("6.1");
    const initrd = await diskInitrd([kernel]);
    // Without systemd, whose boots take longer in the emulation; the clock is `arrive --wait`.
    await using machine = await startMachine({
      kernel: kernel.image,
      initrd,
      disk: await denoDisk({ warmboot: "cli.ts" }, {
        "/boot/vmlinuz": { file: kernel.image },
        "/boot/initrd": await initrdBytes(initrd),
        "/boot/web.yaml": profile("web", "guard: { confirm: 1h }\n"),
      }),
      memory: 1536,
      append: NO_TIMER_CHECK,
      resets: true,
    });
    await machine.output(`${STATE} && warmboot arrive`);
    const arrive = async (): Promise<void> => {
      const { cmdline } = await machine.runToBoot("warmboot load --exec --now /boot/web.yaml");
      assertMatch(cmdline, /to=web .*warmboot\.plan=/);
      await machine.output(`${STATE} && (warmboot arrive --wait >/run/said 2>&1 & echo $! >/run/waits)`);
      await machine.output("until grep -q '\"kept\"' /disk/state/attempts/*.json; do sleep 1; done; sync");
    };

    await t.step("the process that waits is stopped, as a shutdown does: the plan is loaded again", async () => {
      await arrive();
      await machine.output(
        "kill $(cat /run/waits) && until grep -q '\"stopped\"' /disk/state/attempts/*.json; do sleep 1; done",
      );
      const { cmdline } = await machine.runToBoot("sync; reboot -f");
      assert(!cmdline.includes("to="), cmdline);
      assertStringIncludes(
        await machine.output(`${STATE} && warmboot arrive`),
        "was shut down, or its guard ended by hand",
      );
      assertEquals((await attempts(machine)).map(({ outcome }) => outcome?.end), ["arrived"]);
    });

    await t.step("the machine is reset: it fell back, and the plan is refused", async () => {
      await arrive();
      await machine.reset();
      assertStringIncludes(await machine.output(`${STATE} && warmboot arrive`), "it ended without a shutdown");
      assertEquals((await attempts(machine)).map(({ outcome }) => outcome?.end), ["fell-back", "arrived"]);
      const { code, stderr } = await machine.run("warmboot load /boot/web.yaml");
      assertEquals(code, 69, stderr);
      assertStringIncludes(stderr, "attempt-failed");
    });
  },
});

const ROUNDS = 50;

Deno.test({
  name: `${ROUNDS} guarded reboots in a row between two kernels: all are confirmed, none is left pending`,
  ignore: !ALL,
  fn: async () => {
    const kernels = [await fetchKernel("6.12"), await builtKernel("kexec_full")] as const;
    const calls = ["kexec_file_load", "kexec_load"] as const;
    const initrd = await diskInitrd(kernels);
    const profiles = kernels.map(({ release }, index) => [
      `/boot/${index}.yaml`,
      `version: 1\nkernel: /boot/${index}\ninitrd: /boot/initrd\ncmdline: ${CMDLINE} to=${release}\n` +
      `load: ${calls[index]}\nguard: { confirm: 20min }\n`,
    ]);
    const files: GuestFiles = {
      ...Object.fromEntries(profiles),
      ...Object.fromEntries(kernels.map(({ image }, index) => [`/boot/${index}`, { file: image }])),
      "/boot/initrd": await initrdBytes(initrd),
    };
    // Without systemd, whose boots take longer in the emulation; the clock is `arrive --wait`.
    await using machine = await startMachine({
      kernel: kernels[0].image,
      initrd,
      disk: await denoDisk({ warmboot: "cli.ts" }, files),
      memory: 1536,
      append: NO_TIMER_CHECK,
    });
    await machine.output(`${STATE} && warmboot arrive`);
    for (let round = 1; round <= ROUNDS; round++) {
      const next = round % 2;
      const { release, cmdline } = await machine.runToBoot(`warmboot load --exec --now /boot/${next}.yaml`);
      assertEquals(release, kernels[next]?.release, `round ${round}`);
      assertMatch(cmdline, / warmboot\.plan=/);
      await machine.output(`${STATE} && (warmboot arrive --wait >/run/said 2>&1; echo $? >/run/ended) &`);
      await machine.output("until grep -q arrived: /run/said; do sleep 1; done; warmboot confirm");
      const ended = "until [ -s /run/ended ]; do sleep 1; done; cat /run/ended; tail -n 1 /run/said";
      assertEquals(await machine.output(ended), `0\n${release} is confirmed\n`, `round ${round}`);
    }
    assertEquals(
      (await attempts(machine)).map(({ profile, outcome }) => [profile, outcome?.end ?? "open"]),
      Array.from({ length: ROUNDS }, (_, index) => [`${(ROUNDS - index) % 2}`, "confirmed"]),
    );
    // Nothing else, and nothing half written, is left.
    assertEquals(await machine.output("ls -A /disk/state/attempts | grep -v json"), "watched-boot\n");
  },
});
