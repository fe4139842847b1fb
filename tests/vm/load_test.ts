import { assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../src/core/exit.ts";
import { guestFiles, KERNEL, loaded, profile, said, status } from "./guest_profile.ts";
import { denoInitrd } from "./initramfs.ts";
import { startMachine } from "./machine.ts";
import { fetchKernel, kernelNames } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const KERNELS = await Promise.all((await kernelNames()).map(fetchKernel));

for (const kernel of KERNELS) {
  Deno.test(`profiles load, unload and boot on ${kernel.name}, and the kernel refuses what the checks refuse`, async (t) => {
    const initrd = await denoInitrd(
      { warmboot: "cli.ts", unchecked: "tests/vm/guest/unchecked.ts" },
      await guestFiles(kernel.image),
    );
    await using machine = await startMachine({ kernel: kernel.image, initrd, memory: 2560 });

    const refused = async (lines: string, says: string): Promise<void> => {
      await profile(machine, lines);
      const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
      assertEquals([code, await loaded(machine)], [EXIT.unavailable.code, "0"], text);
      assertStringIncludes(text, says);
    };

    await t.step("an empty kernel is refused, as the kernel would", async () => {
      await refused(`kernel: /boot/empty\ncmdline: ro`, "/boot/empty is empty");
      assertEquals(await machine.output("unchecked /boot/empty 10"), "-1 EINVAL\n");
    });

    await t.step("an initrd given as kernel is refused, as the kernel would", async () => {
      await refused(`kernel: /boot/initrd\ncmdline: ro`, "/boot/initrd is no kernel");
      assertEquals(await machine.output("unchecked /boot/initrd 10"), "-1 ENOEXEC\n");
    });

    await t.step("2017 bytes of command line are the most, for warmboot and for the kernel", async () => {
      await refused(`kernel: /boot/vmlinuz\ncmdline: ${"x".repeat(2017)}`, "at most 2017");
      assertEquals(await machine.output("unchecked /boot/vmlinuz 2018"), "-1 EINVAL\n");
      assertEquals(await machine.output("unchecked /boot/vmlinuz 2017"), "0\n");
    });

    await t.step("load leaves a record, and unload takes both back", async () => {
      await profile(machine, `${KERNEL}\ninitrd: /boot/initrd`);
      await machine.output("warmboot load /run/p.yaml");
      assertEquals(await loaded(machine), "1");
      const { loaded: says, record, profile: name, release } = await status(machine);
      assertEquals([says, record, name, release], ["yes", "matches", "p", kernel.release]);
      assertEquals(await machine.output("stat -c %a /run/warmboot /run/warmboot/reboot.json"), "700\n600\n");
      await machine.output("warmboot unload");
      assertEquals(await loaded(machine), "0");
      assertEquals(await machine.output("ls /run/warmboot"), "lock\n");
    });

    await t.step("two initrds in a list are both unpacked, and reuse keeps the running command line", async () => {
      await profile(
        machine,
        "kernel: /boot/vmlinuz\ninitrd: [/boot/marker.cpio, /boot/initrd]\ncmdline: { reuse: true, set: second=1 }",
      );
      await machine.output("warmboot load /run/p.yaml");
      const boot = await machine.runToBoot("warmboot exec --now");
      assertEquals(boot, { release: kernel.release, cmdline: `${BASE_CMDLINE} second=1` });
      assertEquals(await machine.output("cat /marker"), "unpacked\n");
    });
  });
}
