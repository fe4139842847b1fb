/** Images that start in real mode, on a machine with a BIOS. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { distribution } from "./apt.ts";
import { ALL } from "./extent.ts";
import { machineWith, profile, said } from "./guest_profile.ts";
import type { GuestFiles } from "./initramfs.ts";
import type { Machine } from "./machine.ts";
import { fetchIpxe, usualKernel } from "./packages.ts";
import type { MachineOptions } from "./qemu.ts";
import { realModeImage } from "./real_mode.ts";
import { seen } from "./started.ts";

const kernel = await usualKernel();
const isDebian = await distribution() === "debian";

/** A guest with these files. */
function guest(options: Partial<MachineOptions>, files: GuestFiles): Promise<Machine> {
  return machineWith(kernel, { warmboot: "cli.ts" }, options, files);
}

const CHECK =
  "The kernel is entered in real mode; the BIOS's vectors and data are as it left them, and purgatory sets up interrupt " +
  "controllers and timer for it";

/** Loads a profile; its segments by name. */
async function load(machine: Machine, lines: string): Promise<ReadonlyMap<string, { mem: string; bufsz: number }>> {
  await profile(machine, lines);
  const { call, checks } = JSON.parse(await machine.output("warmboot plan -o json /run/p.yaml"));
  assertEquals(call.syscall, "kexec_load");
  assertEquals(checks.find(({ rule }: { rule: string }) => rule === "real-mode")?.message, CHECK);
  await machine.output("warmboot load /run/p.yaml");
  return new Map(call.segments.map((each: { name: string; mem: string; bufsz: number }) => [each.name, each]));
}

for (
  const { name, options, isZImage } of [
    { name: "a bzImage", options: { memory: 1536 }, isZImage: false },
    {
      name: "a zImage, from 4-level paging, with memory above 4 GiB",
      options: { memory: 6144, append: "no5lvl" },
      isZImage: true,
    },
  ]
) {
  Deno.test({
    name: `${name} that starts in real mode calls the BIOS, and finds its command line and initrd (${kernel.name})`,
    ignore: !ALL && isZImage,
    fn: async () => {
      const initrd = new TextEncoder().encode("070701 not really");
      await using machine = await guest(options, {
        "/boot/image": await realModeImage(isZImage),
        "/boot/initrd.bin": initrd,
      });
      // What is no archive is refused; `segments` would not be.
      const segments = await load(machine, "kernel: /boot/image\ncmdline: one two=3");
      assertEquals(segments.get("kernel")?.mem, isZImage ? "0x10000" : "0x100000");
      assertEquals(segments.get("setup")?.mem, "0x90000");
      const text = await seen(machine, /warmboot-real [^\n]*\n/);
      // Mode, segment, stack, code, command line; then how many ticks of the timer's interrupt came, and memory of int 15.
      assertMatch(
        text,
        /warmboot-real cs 9020 ss 9000 sp 9800 code (?:ok) memory [0-9a-f]{4} ticks ok cmdline one two=3\n/,
      );
    },
  });
}

Deno.test({
  name: `iPXE comes up by its entry in real mode, to its prompt (${kernel.name})`,
  ignore: !isDebian || !ALL,
  fn: async () => {
    // The BIOS then writes what is for the screen to the serial port, too.
    await using machine = await guest({ board: "q35,graphics=off" }, { "/boot/ipxe": { file: await fetchIpxe() } });
    // Its command line is a script.
    await load(machine, "kernel: /boot/ipxe\ncmdline: shell");
    assertMatch(await seen(machine, /iPXE>/), /iPXE [^]*Open Source Network Boot Firmware/);
  },
});

Deno.test({
  name: `an image that starts in real mode is refused on a UEFI machine (${kernel.name})`,
  ignore: !ALL,
  fn: async () => {
    await using machine = await guest({ firmware: "uefi" }, { "/boot/image": await realModeImage(false) });
    await profile(machine, "kernel: /boot/image");
    const [code, text] = said(await machine.run("warmboot load /run/p.yaml"));
    assertEquals(code, 69);
    assertStringIncludes(text, "it calls the BIOS, and this machine was booted by UEFI");
  },
});
