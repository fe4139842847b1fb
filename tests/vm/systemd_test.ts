/** A release on a Debian: installed, its units through two boots under systemd (three with WARMBOOT_VM_ALL=1) and a panic. */
import { ALL } from "./extent.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decodeUptime } from "../../src/host/clocks.ts";
import type { PastAttempt } from "../../src/state/attempt.ts";
import { EXPOSURE, UNITS } from "../support/units.ts";
import { distribution, type Suite } from "./apt.ts";
import { debianMachine, PATIENT_UNITS, RELEASE, releaseFiles } from "./debian_root.ts";
import type { GuestFiles } from "./initramfs.ts";
import type { Machine, Sight } from "./machine.ts";
import { fetchKernel, type KernelName } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const RESERVATION = "crashkernel=256M";
const IMAGES = "version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\n";

const PROFILES: GuestFiles = {
  "/etc/warmboot/kdump.yaml": `${IMAGES}crash: true
cmdline: { reuse: true, set: irqpoll nr_cpus=1 reset_devices cgroup_disable=memory }
`,
  "/etc/warmboot/web.yaml": `${IMAGES}cmdline: ${BASE_CMDLINE} ${RESERVATION}\n`,
  "/etc/warmboot/typo.yaml": "version: 1\nkernal: /boot/vmlinuz\n",
  "/etc/warmboot/bad.yaml": `${IMAGES}cmdline: console=ttyS0 rdinit=/none root=/dev/none panic=1\n`,
  "/etc/warmboot/other.yaml": `version: 1\nkernel: { path: /boot/vmlinuz, sha256: ${"0".repeat(64)} }\n`,
};

/** What the console says when the service below starts and stops. */
const MARKS = { up: "warmboot.vm: mark up", down: "warmboot.vm: mark down" } as const;

/**
 * A service that leaves a mark on the disk when it is stopped, and tells what is loaded then. It says on the console when it
 * starts and stops, and notes how long the kernel has run, for two clocks to be compared.
 */
const MARK: GuestFiles = {
  "/etc/systemd/system/mark.service": `[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'cat /proc/uptime > /var/mark.up; echo "${MARKS.up}" > /dev/kmsg'
ExecStop=/bin/sh -c 'cat /sys/kernel/kexec_loaded /sys/kernel/kexec_crash_loaded > /var/stopped'
ExecStop=/bin/sh -c 'cat /proc/uptime > /var/mark.down; echo "${MARKS.down}" > /dev/kmsg'
[Install]
WantedBy=multi-user.target
`,
};

/** Where the units of the release are once it is installed. */
const UNIT_FOLDER = "/usr/local/lib/systemd/system";

/** What systemctl says of a unit, with the end of its journal; its exit code tells the state, and is no failure here. */
async function status(machine: Machine, unit: string): Promise<string> {
  return (await machine.run(`systemctl status --full ${unit}`)).stdout;
}

async function loaded(machine: Machine): Promise<string> {
  return (await machine.output("cat /sys/kernel/kexec_loaded /sys/kernel/kexec_crash_loaded")).replaceAll("\n", "");
}

/** The reboots that the machine remembers, the newest first. */
async function attempts(machine: Machine): Promise<readonly PastAttempt[]> {
  return JSON.parse(await machine.output("warmboot history -o json")).attempts;
}

/** How long the kernel had run, milliseconds, as a file says that was copied from /proc/uptime. */
async function uptimeIn(machine: Machine, path: string): Promise<number> {
  return decodeUptime(await machine.output(`cat ${path}`)) ?? NaN;
}

/** What ext4 says when it was not unmounted. */
const REPLAYED = "EXT4-fs (vda): recovery complete";

/** Runs a command that ends in another boot; gives the command line of that, and what the console said meanwhile. */
async function reboot(machine: Machine, command: string): Promise<{ readonly cmdline: string; readonly said: string }> {
  const before = machine.console().length;
  const { cmdline } = await machine.runToBoot(command);
  return { cmdline, said: machine.console(before) };
}

interface Host {
  readonly suite: Suite;
  readonly kernel: KernelName;
}

const BOOKWORM: Host = { suite: "bookworm", kernel: "6.1" };
const TRIXIE: Host = { suite: "trixie", kernel: "6.12" };

function fail(): never {
  throw new Error("There is no attempt");
}

async function hosts(): Promise<readonly Host[]> {
  if (await distribution() === "ubuntu") return [{ suite: "host", kernel: "host" }];
  return ALL ? [BOOKWORM, TRIXIE] : [BOOKWORM];
}

for (const { suite, kernel: name } of await hosts()) {
  const kernel = await fetchKernel(name);
  Deno.test(`a release installs, and its units load, reboot and catch a panic (${suite}, ${kernel.release})`, async (t) => {
    const files = { ...PROFILES, ...MARK, ...PATIENT_UNITS, ...await releaseFiles() };
    const options = { resets: ALL };
    await using machine = await debianMachine(suite, kernel, {}, options, files);

    await t.step("the release installs itself, with the deno that runs it", async () => {
      const said = await machine.output(`${RELEASE}/bin/warmboot install && rm -r ${RELEASE}`);
      assertStringIncludes(said, "Installed warmboot");
      await machine.output("systemctl daemon-reload");
      assertStringIncludes(await machine.output("grep installed_with= /usr/local/bin/warmboot"), "/usr/local/bin/deno");
      assertMatch(await machine.output("PATH=/bin /usr/local/bin/warmboot --version"), /^warmboot \d/);
    });

    await t.step("systemd finds no fault with the units, and they are as closed as EXPOSURE says", async () => {
      const paths = UNITS.map((unit) => `${UNIT_FOLDER}/${unit}`).join(" ");
      const verified = await machine.run(`systemd-analyze verify --man=no ${paths}`);
      assertEquals([verified.code, verified.stderr.split("\n").filter((line) => line.includes("warmboot"))], [0, []]);
      for (const [unit, most] of Object.entries(EXPOSURE)) {
        const said = await machine.output(
          `systemd-analyze security --offline=yes ${UNIT_FOLDER}/${unit} | tail -n 1`,
        );
        const exposure = Number(/: (\d+\.\d)/.exec(said)?.[1] ?? 10);
        assert(exposure <= most, said);
      }
    });

    await t.step("a failing profile leaves the system up, the unit failed, and the reason in its status", async () => {
      const started = await machine.run("systemctl start warmboot-load@typo warmboot-reboot@other");
      assertEquals(started.code, 1);
      const typo = await status(machine, "warmboot-load@typo");
      assertMatch(typo, /Active: failed .*exit-code/);
      assertStringIncludes(typo, "status=65/DATAERR");
      assertStringIncludes(typo, "/etc/warmboot/typo.yaml:2:1");
      const other = await status(machine, "warmboot-reboot@other");
      assertStringIncludes(other, "status=69/UNAVAILABLE");
      assertMatch(other, /sha256|digest/i);
      assertEquals(await loaded(machine), "00");
      const errors = await machine.output("journalctl -o cat --no-pager -p err -u warmboot-load@typo");
      assertStringIncludes(errors, "/etc/warmboot/typo.yaml:2:1: error:");
      assert(!errors.includes("<3>"), errors);
    });

    await t.step("enabled and started, one loads its image, the other finds no reservation", async () => {
      await machine.output("systemctl enable --now mark warmboot-arrive warmboot-crash warmboot-load@web");
      assertEquals(await loaded(machine), "10");
      const web = await status(machine, "warmboot-load@web");
      assertStringIncludes(web, "Active: active (exited)");
      assertStringIncludes(web, `Loaded ${kernel.release} from profile web`);
      const crash = await status(machine, "warmboot-crash");
      assertStringIncludes(crash, "Active: inactive (dead)");
      assertStringIncludes(crash, "ConditionKernelCommandLine=crashkernel was not met");
    });

    await t.step("a change of the profile has it loaded again, and another touch of it has not", async () => {
      await machine.output("systemctl enable --now warmboot-load@web.path warmboot-load@web.timer");
      const until = async (condition: string): Promise<void> => {
        const loop = `for i in $(seq 200); do ${condition} && exit 0; sleep 4; done; exit 1`;
        const { code } = await machine.run(loop);
        const units = "warmboot-load@web.path warmboot-reload@web warmboot-load@web";
        assertEquals(code, 0, code === 0 ? "" : await status(machine, units));
      };
      await machine.output("sed -i 's/crashkernel=/seen=again &/' /etc/warmboot/web.yaml");
      await until("grep -q seen=again /run/warmboot/reboot.json");
      const at = await machine.output("grep loadedAt /run/warmboot/reboot.json");
      await machine.output("touch /boot/another");
      await until("journalctl -b -o cat --no-pager -u warmboot-load@web | grep -q 'is loaded already'");
      assertEquals(await machine.output("grep loadedAt /run/warmboot/reboot.json"), at);
      assertStringIncludes(await status(machine, "warmboot-load@web"), "Active: active (exited)");
    });

    let marks: Promise<readonly Sight[]> = Promise.resolve([]);
    await t.step("warmboot-reboot@ reboots through systemd, which stops services and unmounts", async () => {
      marks = Promise.all([machine.sees(MARKS.down), machine.sees(MARKS.up)]);
      const { cmdline, said } = await reboot(machine, "systemctl start warmboot-reboot@web");
      assertStringIncludes(cmdline, RESERVATION);
      assertStringIncludes(cmdline, "seen=again");
      assertStringIncludes(said, "EXT4-fs (vda): mounted");
      assert(!said.includes(REPLAYED), said.slice(-2000));
      // The image outlasts the service that loaded it.
      assertEquals(await machine.output("cat /var/stopped"), "1\n0\n");
    });

    await t.step("the history says that it arrived, and by whom; confirmed, it stays so", async () => {
      await machine.output("systemctl start warmboot-arrive");
      const [attempt] = await attempts(machine);
      assertEquals(
        [attempt?.way, attempt?.profile, attempt?.to.release, attempt?.outcome?.end, attempt?.leftAt === undefined],
        ["systemd", "web", kernel.release, "arrived", false],
      );
      assertMatch(attempt?.outcome?.why ?? "", /by kexec$/);
      assertStringIncludes(await machine.output("warmboot status"), "arrived: ");
      assertStringIncludes(await machine.output("journalctl -b -o cat -u warmboot-arrive"), "arrived: ");
      assertEquals(await machine.output("warmboot confirm"), `Confirmed: ${kernel.release} is good\n`);
      assertEquals((await attempts(machine)).map(({ outcome }) => outcome?.end), ["confirmed"]);
      assertEquals(await machine.output("stat -c '%U %a' /var/lib/warmboot/attempts/*.json"), "root 600\n");
    });

    await t.step("it says how long that took, phase by phase, right to two seconds by the host's clock", async () => {
      const [{ interruption, timing } = fail()] = await attempts(machine);
      assertEquals(interruption?.phases.map(({ covers, inferred }) => [covers.join(), inferred]), [
        ["stop", false],
        ["jump", true],
        ["kernel,initrd", false],
        ["userspace", false],
      ]);
      const [stop = NaN, jump = NaN] = interruption?.phases.map(({ milliseconds = NaN }) => milliseconds) ?? [];
      const [down, up] = [await uptimeIn(machine, "/var/mark.down"), await uptimeIn(machine, "/var/mark.up")];
      // From the one mark to the other: to the start of the new kernel by the attempt, and from there by that kernel.
      const measured = stop + jump - (down - (timing?.asked.boottime ?? NaN)) + up;
      const [wentDown, cameUp] = await marks;
      const seen = (cameUp?.time ?? NaN) - (wentDown?.time ?? NaN);
      assert(Math.abs(measured - seen) <= 2000, `${measured} ms by the attempt, ${seen} ms by the host`);
      assert((interruption?.milliseconds ?? 0) > measured - up, JSON.stringify(interruption));
      assertMatch(
        await machine.output("warmboot history"),
        /\n {2}Took +\d.* until user space was up; confirmed after/,
      );
      assertMatch(await machine.output("warmboot plan web"), /\n {2}Expected +about \d.*, as the last time/);
    });

    await t.step("at boot both units load their images, and the journal says so", async () => {
      assertEquals(await loaded(machine), "11");
      for (const [unit, profile] of [["warmboot-load@web", "web"], ["warmboot-crash", "kdump"]]) {
        assertStringIncludes(await status(machine, unit ?? ""), "Active: active (exited)");
        const journal = await machine.output(`journalctl -b --no-pager -u ${unit}`);
        assertStringIncludes(journal, `Loaded ${kernel.release} from profile ${profile}`);
      }
      assertEquals(await machine.output("warmboot exec --dry-run"), "systemctl kexec\n");
    });

    if (ALL) {
      await t.step("warmboot exec asks systemd by itself; the crash kernel stays loaded to the end", async () => {
        const { cmdline, said } = await reboot(machine, "warmboot exec");
        assertStringIncludes(cmdline, RESERVATION);
        assert(!said.includes(REPLAYED), said.slice(-2000));
        assertEquals(await machine.output("cat /var/stopped"), "1\n1\n");
        assertEquals((await attempts(machine)).map(({ way }) => way), ["systemd", "systemd"]);
      });

      await t.step("systemctl kexec leaves an attempt as well, and a reboot by the firmware does not", async () => {
        await reboot(machine, "systemctl kexec");
        await machine.output("systemctl start warmboot-arrive");
        const [found] = await attempts(machine);
        assertEquals([found?.way, found?.outcome?.end], ["found", "arrived"]);
        await reboot(machine, "SYSTEMCTL_SKIP_AUTO_KEXEC=1 systemctl reboot");
        await machine.output("systemctl start warmboot-arrive");
        assertEquals((await attempts(machine))[0], found);
      });

      await t.step("an image whose root is missing falls back, and the boot after it says so", async () => {
        await machine.output("warmboot load /etc/warmboot/bad.yaml");
        await reboot(machine, "warmboot exec");
        await machine.output("systemctl start warmboot-arrive");
        const [fallen] = await attempts(machine);
        assertEquals([fallen?.profile, fallen?.outcome?.end], ["bad", "fell-back"]);
        // The firmware's way has no reservation, which the next steps need.
        await reboot(machine, "systemctl start warmboot-reboot@web");
      });
    }

    await t.step("uninstalled, nothing of it is left but the profiles and what is loaded", async () => {
      const { code, stdout, stderr } = await machine.run("warmboot uninstall");
      assertEquals([code, stdout.split(" ")[0]], [0, "Removed"], stderr);
      assertStringIncludes(stderr, "warmboot-load@web.service is still enabled");
      const left =
        "find / -xdev -name '*warmboot*' ! -path '/etc/systemd/system/*.wants/*' ! -path '*/warmboot-.service.d*' ! -path '/var/*' ! -path '/tmp/*'";
      assertEquals((await machine.output(left)).trim(), "/etc/warmboot");
      assertEquals(await loaded(machine), "11");
    });

    await t.step("a panic starts the crash kernel that was loaded at boot", async () => {
      const { cmdline, said } = await reboot(machine, "echo c > /proc/sysrq-trigger");
      assertMatch(cmdline, /\belfcorehdr=/);
      const note = "head -c 65536 /proc/vmcore | strings -n 8 | grep -m 1 OSRELEASE";
      assertEquals((await machine.output(note)).trim(), `OSRELEASE=${kernel.release}`);
      // This time nothing was unmounted: so it does show when that is so.
      assertStringIncludes(said, REPLAYED);
    });
  });
}
