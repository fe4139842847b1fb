import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { guestFiles, loaded, profile, status } from "./guest_profile.ts";
import { denoInitrd } from "./initramfs.ts";
import { startMachine } from "./machine.ts";
import { fetchKernel, kernelNames } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const KERNELS = await Promise.all((await kernelNames()).map(fetchKernel));

for (const kernel of KERNELS) {
  Deno.test(`kexec_load with explicit segments on ${kernel.name}`, async (t) => {
    const initrd = await denoInitrd({ warmboot: "cli.ts" }, await guestFiles(kernel.image));
    await using machine = await startMachine({ kernel: kernel.image, initrd, memory: 2560 });
    const lines = `kernel: /boot/vmlinuz
initrd: [/boot/marker.cpio, /boot/initrd]
cmdline: ${BASE_CMDLINE} way=segments
load: kexec_load`;

    await t.step(
      "an image whose digest is wrong is refused by purgatory, on the console, before the jump",
      async () => {
        await profile(machine, lines);
        await machine.output("warmboot plan /run/p.yaml --out /run/plan.json");
        const plan = JSON.parse(new TextDecoder().decode(await machine.read("/run/plan.json")));
        const purgatory = plan.call.segments.find(({ name }: { name: string }) => name === "purgatory");
        const code = Uint8Array.fromBase64(purgatory.source.base64);
        // The digest of the first region lies behind its address and length (purgatory.S).
        code[0x28 + 16] = (code[0x28 + 16] ?? 0) ^ 1;
        purgatory.source.base64 = code.toBase64();
        await machine.write("/run/flipped.json", JSON.stringify(plan));
        await machine.output("warmboot load /run/flipped.json");
        await assertRejects(() => machine.runToBoot("warmboot exec --now", { timeout: 20 }));
        assertStringIncludes(machine.console(), "does not match its SHA-256; halted");
      },
    );
  });

  Deno.test(`a kernel boots from segments on ${kernel.name}`, async (t) => {
    const initrd = await denoInitrd({ warmboot: "cli.ts" }, await guestFiles(kernel.image));
    await using machine = await startMachine({ kernel: kernel.image, initrd, memory: 2560 });
    const lines = `kernel: /boot/vmlinuz
initrd: [/boot/marker.cpio, /boot/initrd]
cmdline: ${BASE_CMDLINE} way=segments
load: kexec_load`;

    await t.step("load leaves a record, and unload takes both back", async () => {
      await profile(machine, lines);
      await machine.output("warmboot load /run/p.yaml");
      assertEquals([await loaded(machine), (await status(machine)).record], ["1", "matches"]);
      await machine.output("warmboot unload");
      assertEquals(await loaded(machine), "0");
    });

    await t.step("the kernel comes up with the profile's command line and both initrds", async () => {
      await machine.output("warmboot load /run/p.yaml");
      const boot = await machine.runToBoot("warmboot exec --now");
      assertEquals(boot, { release: kernel.release, cmdline: `${BASE_CMDLINE} way=segments` });
      assertEquals(await machine.output("cat /marker"), "unpacked\n");
      assertStringIncludes(machine.console(), "ACPI: RSDP");
    });
  });
}
