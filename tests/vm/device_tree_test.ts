/** Device trees on x86_64, which takes a kernel with CONFIG_OF: by kexec_load from a file, and on from there by kexec_file_load. */
import { assertEquals, assertMatch } from "@std/assert";
import { flattenDeviceTree } from "../../src/formats/fdt.ts";
import { builtKernel } from "./built_kernel.ts";
import { ALL } from "./extent.ts";
import { machineWith, profile } from "./guest_profile.ts";
import { kernelNames } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);

/**
 * The kernel has no ACPI, and so takes its CPUs from the tree: one, whose number is that of its local APIC
 * (arch/x86/kernel/devicetree.c, Linux 7.2).
 */
const BOARD = flattenDeviceTree({
  bootCpu: 0,
  reservations: [],
  root: {
    name: "",
    properties: [
      { name: "#address-cells", value: Uint8Array.of(0, 0, 0, 1) },
      { name: "#size-cells", value: Uint8Array.of(0, 0, 0, 1) },
      { name: "model", value: text("a board of warmboot's tests") },
    ],
    children: [{
      name: "cpus",
      properties: [
        { name: "#address-cells", value: Uint8Array.of(0, 0, 0, 1) },
        { name: "#size-cells", value: new Uint8Array(4) },
      ],
      children: [{
        name: "cpu@0",
        properties: [{ name: "device_type", value: text("cpu") }, { name: "reg", value: new Uint8Array(4) }],
        children: [],
      }],
    }],
  },
}).bytes;

Deno.test({
  name: "a second kernel has the device tree of the file, and with `force_dtb` a third one has it as well",
  // The source is Debian's.
  ignore: !ALL || !(await kernelNames()).includes("newest"),
  fn: async (t) => {
    const kernel = await builtKernel("kexec_full");
    await using machine = await machineWith(kernel, { warmboot: "cli.ts" }, { memory: 1024, cpus: 1 }, {
      "/boot/board.dtb": BOARD,
    });
    const model = "cat /proc/device-tree/model 2>&1 | tr -d '\\0'";
    const lines = (way: string, more: string) =>
      `kernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: ${BASE_CMDLINE} way=${way}\n${more}`;

    await t.step("by kexec_load, from a file", async () => {
      assertMatch(await machine.output(model), /No such file/);
      await profile(machine, lines("file", "load: kexec_load\ndtb: /boot/board.dtb"));
      assertMatch(
        (await machine.output("warmboot plan -v /run/p.yaml")).replaceAll(/\s+/g, " "),
        /ok device-tree-kernel The kernel 7\.\S+ is built with CONFIG_OF, and so reads the device tree/,
      );
      const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
      assertEquals(boot.cmdline, `${BASE_CMDLINE} way=file`);
      assertEquals(await machine.output(model), "a board of warmboot's tests");
    });

    await t.step(
      "by kexec_file_load, from the running kernel; without the flag the plan says that it is dropped",
      async () => {
        await profile(machine, lines("forced", "force_dtb: true"));
        const forced = (await machine.output("warmboot plan -v /run/p.yaml")).replaceAll(/\s+/g, " ");
        assertMatch(forced, /ok force-dtb The device tree that the running kernel was booted with is handed over/);
        await profile(machine, lines("dropped", ""));
        assertMatch(
          (await machine.output("warmboot plan /run/p.yaml")).replaceAll(/\s+/g, " "),
          /warn setup-data The running kernel was given the device tree, which kexec_file_load does not hand over/,
        );
        await profile(machine, lines("forced", "force_dtb: true"));
        const boot = await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
        assertEquals(boot.cmdline, `${BASE_CMDLINE} way=forced`);
        assertEquals(await machine.output(model), "a board of warmboot's tests");
      },
    );
  },
});
