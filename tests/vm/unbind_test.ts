/** Devices that are taken from their drivers, and interfaces that go down, just before the jump: by `exec --now` and by systemd. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/core/program.ts";
import { distribution } from "./apt.ts";
import { debianMachine, PATIENT_UNITS, RELEASE, releaseFiles } from "./debian_root.ts";
import { ALL } from "./extent.ts";
import { KERNEL as OWN_KERNEL, machineWith, profile, said } from "./guest_profile.ts";
import type { Machine } from "./machine.ts";
import { kernelModule } from "./modules.ts";
import { fetchKernel } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const KERNEL = `initrd: /boot/initrd\n${OWN_KERNEL}`;

const NICS = ["0000:00:0a.0", "0000:00:0b.0"];

/** What the kernel does, one probe for each function; with `tp_printk` on its command line, the console shows them. */
const PROBES = {
  synced: "ksys_sync",
  unbound: "device_driver_detach",
  flags: "dev_change_flags",
  jump: "kernel_kexec",
};

/** A device whose driver has no file `unbind`, as drivers of platform_driver_probe have none. */
async function captive(machine: Machine): Promise<string> {
  return (await machine.output(`cd /sys/bus
for driver in */drivers/*; do
  [ -e "$driver/unbind" ] && continue
  for device in "$driver"/*; do
    [ -e "$device/driver" ] && [ "\${driver%%/*}" != cpu ] && echo "\${driver%%/*}:\${device##*/}" && exit
  done
done`)).trim();
}

Deno.test("before exec --now jumps, devices are taken from their drivers, then interfaces go down", async (t) => {
  const kernel = await fetchKernel("6.1");
  const module = await kernelModule(kernel, "e1000");
  await using machine = await machineWith(
    kernel,
    { warmboot: "cli.ts" },
    { devices: ["e1000,addr=a", "e1000,addr=b"], append: "tp_printk" },
    module === undefined ? {} : { "/root/e1000.ko": module },
  );
  await machine.output("insmod /root/e1000.ko && ip link set eth0 up && ip link set eth1 up");

  await t.step("the plan names the devices, what matches nothing, and refuses the root disk", async () => {
    await profile(machine, `${KERNEL}\nunbind: ["${NICS[0]}", "driver:nouveau"]`);
    const [code, text] = said(await machine.run("warmboot plan /run/p.yaml -v"));
    assertEquals(code, 0, text);
    assertStringIncludes(text, "matches `driver:nouveau` of `unbind` now");
    await profile(machine, `${KERNEL}\nunbind: ["driver:serial"]`);
    assertMatch(
      said(await machine.run("warmboot plan /run/p.yaml"))[1],
      /\(serial\) away, the device of console ttyS0/,
    );
  });

  await t.step("a driver that keeps its device stops the reboot, and all interfaces stay up", async () => {
    await profile(machine, `${KERNEL}\nunbind: ["${await captive(machine)}"]`);
    await machine.output("warmboot load /run/p.yaml");
    const [code, text] = said(await machine.run("warmboot exec --now"));
    assertEquals(code, EXIT.refused.code, text);
    assertStringIncludes(text, "the driver does not let go of its devices");
    assertEquals(await machine.output("cat /sys/class/net/eth?/flags"), "0x1003\n0x1003\n");
  });

  await t.step("the order: sync, the device, the other's interface, the jump", async () => {
    await profile(
      machine,
      `${KERNEL} seen=again\nunbind: ["${await captive(machine)}", "${NICS[0]}"]\nunbind_failure: continue`,
    );
    await machine.output("warmboot load /run/p.yaml");
    const lines = (await machine.output("warmboot exec --now --dry-run")).trim().split("\n");
    assertEquals(lines.map((line) => line.split("(", 1)[0]), ["sync", "write", "write", "ioctl", "ioctl", "reboot"]);
    const events = Object.entries(PROBES).map(([name, symbol]) => `p:${name} ${symbol}`).join("\n");
    await machine.output(`mount -t tracefs tracefs /sys/kernel/tracing && cd /sys/kernel/tracing &&
printf '${events.replaceAll("\n", "\\n")}\\n' > kprobe_events && echo 1 > events/kprobes/enable`);
    const before = machine.console().length;
    const { cmdline } = await machine.runToBoot("warmboot exec --now");
    assertStringIncludes(cmdline, "seen=again");
    const names = Object.keys(PROBES).join("|");
    const seen = [...machine.console(before).matchAll(new RegExp(`\\b(${names}): \\(`, "g"))].map(([, name]) => name);
    // The first interface went away with its device.
    assertEquals(seen, ["synced", "unbound", "flags", "jump"]);
  });
});

Deno.test({
  name: "under systemd, a unit late in the shutdown takes the devices from their drivers",
  ignore: !ALL || await distribution() !== "debian",
  async fn(t) {
    const kernel = await fetchKernel("6.1");
    const image = `version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: ${BASE_CMDLINE} seen=again\n`;
    const files = {
      ...PATIENT_UNITS,
      ...await releaseFiles(),
      "/etc/warmboot/web.yaml": `${image}unbind: ["driver:rtc_cmos"]\n`,
    };
    await using machine = await debianMachine("bookworm", kernel, {}, {}, files);

    await t.step("without the unit, exec refuses", async () => {
      await machine.output(
        `${RELEASE}/bin/warmboot install --no-docs --no-man --no-completions && systemctl daemon-reload`,
      );
      const [code, text] = said(await machine.run("warmboot load web --exec"));
      assertEquals(code, EXIT.unavailable.code, text);
      assertStringIncludes(text, "systemctl enable warmboot-unbind.service");
    });

    await t.step("enabled, it unbinds after the unmounts, and the image boots", async () => {
      await machine.output("systemctl enable warmboot-unbind.service && warmboot load web");
      const before = machine.console().length;
      const { cmdline } = await machine.runToBoot("warmboot exec");
      assertStringIncludes(cmdline, "seen=again");
      const shown = machine.console(before);
      assertMatch(shown, /Unbound pnp:\S+ \(rtc_cmos\)/);
      assert(!shown.includes("EXT4-fs (vda): recovery complete"), shown.slice(-2000));
    });

    await t.step("a refusal reboots through the firmware", async () => {
      await machine.output(
        `printf '${image.replaceAll("\n", "\\n")}unbind: ["${await captive(machine)}"]\\n' > /etc/warmboot/web.yaml`,
      );
      await machine.output("warmboot load web");
      await machine.runToEnd("warmboot exec");
    });
  },
});
