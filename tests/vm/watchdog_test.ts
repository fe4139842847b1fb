/** Hardware watchdogs that reset a machine whose next kernel hangs: by `exec --now` and by systemd, and kept by the next kernel. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/core/program.ts";
import type { Attempt } from "../../src/state/attempt.ts";
import { cpioArchive, MODE } from "./cpio.ts";
import { debianMachine, PATIENT_UNITS, RELEASE, releaseFiles } from "./debian_root.ts";
import { ALL } from "./extent.ts";
import { machineWith, profile, said } from "./guest_profile.ts";
import { hangingKernel } from "./hanging_kernel.ts";
import type { GuestFiles } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { kernelModule } from "./modules.ts";
import { fetchKernel, type Kernel, kernelNames } from "./packages.ts";
import { BASE_CMDLINE, type MachineOptions } from "./qemu.ts";

/** A reset by the watchdog boots the machine again, from its firmware. */
const RESETS: Partial<MachineOptions> = { extra: ["-action", "watchdog=reset"], resets: true };

const ESB = ["watchdog", "i6300esb"];
const ITCO = ["watchdog", "intel_pmc_bxt", "iTCO_vendor_support", "iTCO_wdt", "lpc_ich"];

async function modules(kernel: Kernel, names: readonly string[]): Promise<GuestFiles> {
  const found = await Promise.all(names.map(async (name) => [name, await kernelModule(kernel, name)] as const));
  return Object.fromEntries(
    found.flatMap(([name, bytes]) => bytes === undefined ? [] : [[`/root/${name}.ko`, bytes] as const]),
  );
}

/** Loads the modules of a watchdog, with what keeps it running over a reboot. */
function loading(names: readonly string[], keeps: boolean): string {
  return names.map((name) =>
    name === "watchdog" && keeps
      ? "{ rmmod watchdog; insmod /root/watchdog.ko stop_on_reboot=0; }"
      : `{ [ ! -e /root/${name}.ko ] || insmod /root/${name}.ko; }`
  ).join(" && ");
}

/** The attempts outlast a reset: they are on the disk. */
const KEEP_ATTEMPTS = "mkdir -p /disk/attempts /var/lib/warmboot && mount --bind /disk/attempts /var/lib/warmboot";

async function attempts(machine: Machine): Promise<readonly Attempt[]> {
  return JSON.parse(await machine.output("warmboot history -o json")).attempts;
}

const HANGS = "kernel: /boot/hanging\ncmdline: hangs\nload: kexec_load\nguard: { watchdog: 10s }";

for (const name of ALL ? await kernelNames() : ["6.1"] as const) {
  const kernel = await fetchKernel(name);
  Deno.test(`a payload that loops is reset by i6300esb, and the history says so (${kernel.release})`, async (t) => {
    await using machine = await machineWith(
      kernel,
      { warmboot: "cli.ts" },
      { ...RESETS, devices: ["i6300esb"] },
      { "/boot/hanging": hangingKernel(), ...await modules(kernel, ESB) },
    );
    await profile(machine, HANGS);
    await machine.output(KEEP_ATTEMPTS);

    await t.step(
      "without a watchdog, and with one whose driver stops it, the plan fails and says what to do",
      async () => {
        const [none, missing] = said(await machine.run("warmboot plan /run/p.yaml"));
        assertEquals(none, EXIT.unavailable.code, missing);
        assertStringIncludes(missing, "this host has none");
        await machine.output(loading(ESB, false));
        const [stopped, text] = said(await machine.run("warmboot plan /run/p.yaml"));
        assertEquals(stopped, EXIT.unavailable.code, text);
        assertStringIncludes(text, "The driver of watchdog0 (i6300esb) stops it at a reboot");
        assertStringIncludes(text, "modprobe watchdog stop_on_reboot=0");
      },
    );

    await t.step("a process that has it open is named, and stops the reboot", async () => {
      await machine.output(`rmmod i6300esb && ${loading(ESB, true)}`);
      assertEquals(await machine.output("cat /sys/module/watchdog/parameters/stop_on_reboot"), "0\n");
      await machine.output("warmboot load /run/p.yaml && warmboot arrive");
      await machine.output(
        "sh -c 'exec 3> /dev/watchdog0; while echo . >&3; do sleep 1; done' > /dev/null 2>&1 & echo $! > /run/holder; sleep 1",
      );
      assertMatch(
        said(await machine.run("warmboot plan /run/p.yaml"))[1],
        /Process \d+ has watchdog0 \(i6300esb\) open/,
      );
      const [code, text] = said(await machine.run("warmboot exec --now"));
      assertEquals(code, EXIT.refused.code, text);
      assertStringIncludes(text, "another process has the watchdog open");
      // The character with which a program closes it, so that it stops.
      await machine.output("kill $(cat /run/holder); sleep 1; echo V > /dev/watchdog0");
      assertEquals(await machine.output("cat /sys/class/watchdog/watchdog0/state"), "inactive\n");
    });

    await t.step("the machine is reset while the payload loops, and boots the way of its firmware", async () => {
      assertStringIncludes(
        await machine.output("warmboot exec --now --dry-run"),
        'ioctl(open("/dev/watchdog0"), WDIOC_SETTIMEOUT, [10])\n',
      );
      const { cmdline } = await machine.runToBoot("warmboot exec --now");
      assertEquals(cmdline.trim(), BASE_CMDLINE);
    });

    await t.step("the attempt fell back, and the driver's word is kept with it", async () => {
      await machine.output(`${KEEP_ATTEMPTS} && ${loading(ESB, false)}`);
      assertStringIncludes(await machine.output("warmboot arrive"), "fell back: ");
      const [attempt] = await attempts(machine);
      assertEquals([attempt?.way, attempt?.guard?.watchdog, attempt?.outcome?.end], ["now", 10, "fell-back"]);
      assertEquals(attempt?.outcome?.evidence?.watchdogs.map(({ identity, reset }) => [identity, reset]), [
        ["i6300ESB timer", true],
      ]);
      assertStringIncludes(await machine.output("warmboot history"), "watchdog0 (i6300ESB timer) reset the machine");
    });
  });
}

/**
 * A next system whose init opens nothing: it loads the driver of its watchdog, which is kept, and sleeps. As modprobe does, and
 * busybox' insmod does not, it gives the core the parameters of the kernel's command line.
 */
async function sleeper(kernel: Kernel): Promise<Uint8Array> {
  const found = Object.entries(await modules(kernel, ITCO));
  const script = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys && /bin/busybox mount -t proc proc /proc && /bin/busybox mount -t sysfs sysfs /sys
for each in $(/bin/busybox cat /proc/cmdline); do
  case $each in watchdog.*) core="$core \${each#watchdog.}";; esac
done
${
    ITCO.filter((name) => found.some(([path]) => path === `/root/${name}.ko`))
      .map((name) => `/bin/busybox insmod /root/${name}.ko${name === "watchdog" ? " $core" : ""}`).join("\n")
  }
echo "sleeping: $(/bin/busybox cat /sys/module/watchdog/parameters/open_timeout)"
/bin/busybox sleep 100000
`;
  return cpioArchive([
    { path: "/root", mode: MODE.folder, data: new Uint8Array() },
    ...found.map(([path, data]) => ({ path, mode: MODE.file, data: data as Uint8Array })),
    { path: "/sleeper", mode: MODE.file, data: new TextEncoder().encode(script) },
  ]);
}

Deno.test({
  name: "an init that sleeps is reset by iTCO, which the next kernel keeps until open_timeout is over (6.1)",
  ignore: !ALL,
  fn: async () => {
    const kernel = await fetchKernel("6.1");
    await using machine = await machineWith(
      kernel,
      { warmboot: "cli.ts" },
      { ...RESETS, extra: [...RESETS.extra ?? [], "-global", "ICH9-LPC.noreboot=false"] },
      { "/boot/sleeper.cpio": await sleeper(kernel), ...await modules(kernel, ITCO) },
    );
    await machine.output(loading(["watchdog"], false));
    await machine.output(`${KEEP_ATTEMPTS} && ${loading(ITCO, true)}`);
    await profile(
      machine,
      `kernel: /boot/vmlinuz
initrd: [/boot/initrd, /boot/sleeper.cpio]
cmdline: ${BASE_CMDLINE} rdinit=/sleeper systemd.watchdog_sec=30s
guard: { watchdog: 3min }`,
    );
    const plan = said(await machine.run("warmboot plan /run/p.yaml"));
    assertEquals(plan[0], 0, plan[1]);
    assertStringIncludes(plan[1], "watchdog0 (iTCO_wdt) resets it within 6 min");
    await machine.output("warmboot load /run/p.yaml && warmboot arrive");
    const before = machine.console().length;
    const { cmdline } = await machine.runToBoot("warmboot exec --now");
    assertEquals(cmdline.trim(), BASE_CMDLINE);
    assertStringIncludes(machine.console(before), "sleeping: 180");
    await machine.output(KEEP_ATTEMPTS);
    assertStringIncludes(await machine.output("warmboot arrive"), "fell back: ");
  },
});

/** The drivers where modprobe finds them, which gives them the parameters of the kernel's command line; each boot loads them. */
async function driverFiles(kernel: Kernel): Promise<GuestFiles> {
  const found = Object.entries(await modules(kernel, ITCO));
  const folder = `/usr/lib/modules/${kernel.release}`;
  return {
    ...Object.fromEntries(found.map(([path, data]) => [path.replace("/root", folder), data])),
    "/etc/systemd/system/watchdog-driver.service":
      "[Unit]\nDefaultDependencies=no\nAfter=systemd-remount-fs.service\nBefore=local-fs.target\n" +
      "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/sbin/modprobe -a lpc_ich iTCO_wdt\n",
    "/etc/systemd/system/sysinit.target.d/watchdog.conf": "[Unit]\nWants=watchdog-driver.service\n",
  };
}

/** In the emulation of a busy host, two minutes are over before user space opens the watchdog. */
const KEPT = "kernel: /boot/vmlinuz\ninitrd: /boot/initrd\nguard: { watchdog: 3min, confirm: 2h }\n";
const WATCHDOG = "/sys/class/watchdog/watchdog0";
const APPEND = "watchdog.stop_on_reboot=0";
/** The command line of a boot by the firmware. */
const COLD = `${BASE_CMDLINE} ${APPEND}`;
/** Seconds in which a machine that is busy with other tests reboots through systemd. */
const REBOOT = { timeout: 1500 };

/** A Debian with an iTCO watchdog that goes on over a reboot, and warmboot as it is installed. */
async function watchedDebian(): Promise<Machine> {
  const kernel = await fetchKernel("6.1");
  const options = {
    ...RESETS,
    append: APPEND,
    extra: [...RESETS.extra ?? [], "-global", "ICH9-LPC.noreboot=false"],
  };
  const machine = await debianMachine("bookworm", kernel, {}, options, {
    "/boot/hanging": hangingKernel(),
    "/etc/warmboot/hangs.yaml": `version: 1\n${HANGS}\n`,
    "/etc/warmboot/kept.yaml": `version: 1\n${KEPT}cmdline: ${BASE_CMDLINE} to=kept\n`,
    "/etc/warmboot/nowayout.yaml": `version: 1\n${KEPT}cmdline: ${BASE_CMDLINE} to=nowayout iTCO_wdt.nowayout=1\n`,
    ...PATIENT_UNITS,
    ...await driverFiles(kernel),
    ...await releaseFiles(),
  });
  await machine.output("depmod 2>/run/said && systemctl start watchdog-driver");
  assertEquals(await machine.output("cat /sys/module/watchdog/parameters/stop_on_reboot"), "0\n");
  await machine.output(`${RELEASE}/bin/warmboot install && systemctl daemon-reload`);
  await machine.output("systemctl enable --now warmboot-arrive");
  return machine;
}

/** What the kernel shows of the watchdog. */
async function shown(machine: Machine, name: string): Promise<string> {
  return (await machine.output(`cat ${WATCHDOG}/${name}`)).trim();
}

/** Waits until a condition of the shell is true. */
async function until(machine: Machine, condition: string): Promise<void> {
  await machine.output(`for i in $(seq 300); do ${condition} && exit 0; sleep 3; done; exit 1`, REBOOT);
}

const IS_KEPT = `grep -qx active ${WATCHDOG}/state`;

Deno.test({
  name:
    "under systemd, a watchdog resets what hangs: early, armed by systemd; later, kept by warmboot until confirmed (6.1)",
  ignore: !ALL,
  fn: async (t) => {
    await using machine = await watchedDebian();
    const armed = "busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1 " +
      "org.freedesktop.systemd1.Manager KExecWatchdogUSec";

    await t.step("the property follows what is loaded, and is as before once nothing is", async () => {
      await machine.output("warmboot load hangs");
      assertEquals(await machine.output(armed), "t 10000000\n");
      await machine.output("warmboot unload");
      assertEquals(await machine.output(armed), "t 0\n");
    });

    await t.step("the payload loops, the watchdog resets, and the old system says so", async () => {
      await machine.output("warmboot load hangs");
      // As by hand: nobody but systemd arms the watchdog.
      const { cmdline } = await machine.runToBoot("systemctl kexec", REBOOT);
      assertEquals(cmdline.trim(), COLD);
      await until(machine, "systemctl -q is-active warmboot-arrive");
      const [attempt] = await attempts(machine);
      assertEquals([attempt?.way, attempt?.guard?.watchdog, attempt?.outcome?.end], ["found", 10, "fell-back"]);
    });

    await t.step("warmboot opens the watchdog in the new system, and closes it once that is confirmed", async () => {
      const [code, plan] = said(await machine.run("warmboot plan kept"));
      assertEquals(code, 0, plan);
      assertStringIncludes(plan, "reset, unless warmboot-arrive opens the watchdog within 3 min");
      const { cmdline } = await machine.runToBoot("warmboot load --exec kept", REBOOT);
      assertMatch(cmdline, /to=kept.* watchdog\.open_timeout=180 /);
      assertEquals(await machine.output("cat /sys/module/watchdog/parameters/open_timeout"), "180\n");
      await until(machine, IS_KEPT);
      assertEquals([await shown(machine, "timeout"), await shown(machine, "nowayout")], ["180", "0"]);
      assertStringIncludes(
        await machine.output("journalctl -b -o cat -u warmboot-deadline"),
        "watchdog0 resets this machine if it is not pinged for 3 min",
      );
      await machine.output("warmboot confirm");
      await until(machine, "! systemctl -q is-active warmboot-deadline");
      assertEquals(await shown(machine, "state"), "inactive");
    });

    await t.step("stopped by hand before that, it closes the watchdog; started again, it opens it", async () => {
      await machine.runToBoot("warmboot load --exec --force kept", REBOOT);
      await until(machine, IS_KEPT);
      await machine.output("systemctl stop warmboot-deadline");
      assertEquals(await shown(machine, "state"), "inactive");
      assertEquals((await attempts(machine))[0]?.outcome?.deadline, "stopped");
      await machine.output("systemctl start warmboot-deadline");
      await until(machine, IS_KEPT);
      const newest = "$(ls /var/lib/warmboot/attempts/*.json | tail -n 1)";
      await until(machine, `grep -q '"deadline": *"kept"' "${newest}"`);
    });
  },
});

Deno.test({
  name: "user space hangs before it is confirmed: warmboot pings no more, and the watchdog resets the machine (6.1)",
  ignore: !ALL,
  fn: async () => {
    await using machine = await watchedDebian();
    await machine.runToBoot("warmboot load --exec kept", REBOOT);
    await until(machine, IS_KEPT);
    const { cmdline } = await machine.runToBoot("systemctl kill -s STOP warmboot-deadline", REBOOT);
    assertEquals(cmdline.trim(), COLD);
    // It had arrived, and nothing shut it down: its plan is not tried again by itself.
    await until(machine, "systemctl -q is-active warmboot-arrive");
    const [attempt] = await attempts(machine);
    assertEquals([attempt?.profile, attempt?.outcome?.end], ["kept", "fell-back"]);
    assertStringIncludes(attempt?.outcome?.why ?? "", "it ended without a shutdown before it was confirmed");
    const [code, text] = said(await machine.run("warmboot load kept"));
    assertEquals(code, EXIT.unavailable.code, text);
    assertStringIncludes(text, "attempt-failed");
  },
});

Deno.test({
  name: "a watchdog that cannot be stopped is pinged on after the confirmation, and has 10 min for the shutdown (6.1)",
  ignore: !ALL,
  fn: async () => {
    await using machine = await watchedDebian();
    await machine.runToBoot("warmboot load --exec nowayout", REBOOT);
    await until(machine, IS_KEPT);
    assertEquals(await shown(machine, "nowayout"), "1");
    await machine.output("warmboot confirm");
    const goesOn = "cannot be stopped (nowayout): this process pings it";
    await until(machine, `journalctl -b -o cat -u warmboot-deadline | grep -q '${goesOn}'`);
    const setTo = async (): Promise<
      readonly string[]
    > => [await shown(machine, "state"), await shown(machine, "timeout")];
    assertEquals(await setTo(), ["active", "180"]);
    await machine.output("systemctl stop warmboot-deadline");
    assertEquals(await setTo(), ["active", "600"]);
    await machine.output("systemctl start warmboot-deadline");
    await until(machine, `grep -qx 180 ${WATCHDOG}/timeout`);
  },
});
