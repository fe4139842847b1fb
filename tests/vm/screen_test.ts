/** Where a DRM driver took the screen: what the plan says of the next kernel's console, on the screens that QEMU has. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ALL } from "./extent.ts";
import { machineWith, planned, profile } from "./guest_profile.ts";
import type { Machine } from "./machine.ts";
import { moduleFiles } from "./modules.ts";
import { usualKernel } from "./packages.ts";
import { BASE_CMDLINE, type MachineOptions } from "./qemu.ts";

const kernel = await usualKernel();

interface Host {
  readonly name: string;
  readonly device: string;
  /** The module of its driver, and what DRM calls it. */
  readonly module: string;
  readonly driver: string;
  readonly firmware: Exclude<MachineOptions["firmware"], undefined>;
  /** Whether the firmware leaves a framebuffer, so that the next kernel has a screen from the start. */
  readonly framebuffer?: true;
}

const HOSTS: readonly Host[] = [
  { name: "text mode of a BIOS", device: "VGA", module: "bochs", driver: "bochs-drm", firmware: "bios" },
  {
    name: "a screen without text mode",
    device: "bochs-display",
    module: "bochs",
    driver: "bochs-drm",
    firmware: "bios",
  },
  {
    name: "a framebuffer of UEFI",
    device: "VGA",
    module: "bochs",
    driver: "bochs-drm",
    firmware: "uefi",
    framebuffer: true,
  },
];

/** What the check says, with its hint; undefined where it says nothing. */
async function verdict(machine: Machine, cmdline: string): Promise<readonly [string, string] | undefined> {
  await profile(machine, `kernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: ${cmdline}`);
  const { checks } = JSON.parse(await machine.output("warmboot plan -o json /run/p.yaml"));
  const found = checks.find(({ rule }: { readonly rule: string }) => rule === "screen");
  return found === undefined ? undefined : [found.status, found.message];
}

for (const { name, device, module, driver, firmware, framebuffer } of HOSTS) {
  Deno.test({
    name: `${name}: what remains when ${driver} has it is planned (${kernel.release})`,
    ignore: !ALL,
    fn: async (t) => {
      await using machine = await machineWith(
        kernel,
        { warmboot: "cli.ts" },
        { devices: [device], firmware },
        await moduleFiles(kernel, module, "/root/drivers"),
      );

      await t.step("before the driver, there is nothing to say", async () => {
        assertEquals(await verdict(machine, BASE_CMDLINE), undefined);
      });

      await t.step("with it, the other console is named, and warned of where there is none", async () => {
        await machine.output("for module in /root/drivers/*; do insmod $module || exit; done");
        assertStringIncludes(await machine.output("cat /proc/fb"), `${driver}drmfb`);
        if (framebuffer) return assertEquals(await verdict(machine, "ro"), undefined);
        const black =
          `The driver ${driver} has the screen, and the firmware left no framebuffer: the screen may stay ` +
          "black until a driver of the next kernel starts";
        assertEquals(await verdict(machine, `${BASE_CMDLINE} console=tty0`), ["pass", `${black}; what remains: ttyS0`]);
        assertEquals(await verdict(machine, "console=tty0"), [
          "warn",
          `${black}, and the command line names no other console`,
        ]);
        const [code, text] = await planned(
          machine,
          "kernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: console=tty0",
        );
        assertEquals(code, 0, text);
        assertStringIncludes(text, "Add one, such as `console=ttyS0,115200`");
      });
    },
  });
}
