/** Purgatory verifies what it starts, however it enters it: an altered byte of a segment halts the machine, with a message. */
import { assertEquals, assertNotMatch } from "@std/assert";
import { bzImage } from "../image/build.ts";
import { assemble } from "../arch/assemble.ts";
import { ALL } from "./extent.ts";
import { machineWith } from "./guest_profile.ts";
import { kexecTools } from "./kexec_tools.ts";
import type { Machine } from "./machine.ts";
import { multibootImage } from "./multiboot.ts";
import { usualKernel } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";
import { realModeImage } from "./real_mode.ts";
import { seen } from "./started.ts";
import { unifiedImage } from "./uki.ts";

const kernel = await usualKernel();

interface Case {
  readonly name: string;
  /** Lines of the profile. */
  readonly lines: string;
  /** What is altered: a byte of a file, and the name of the segment that has it. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly segment: string;
  /** The rule of the plan that says how the image is entered. */
  readonly rule?: string;
}

/** Inverts one byte of a file in the guest. */
async function alter(machine: Machine, { path, bytes, at }: Case): Promise<void> {
  const octal = (~(bytes[at] ?? 0) & 0xff).toString(8).padStart(3, "0");
  await machine.output(`printf '\\${octal}' | dd of=${path} bs=1 seek=${at} conv=notrunc`);
}

Deno.test({
  name: `an altered byte halts before the image starts: Multiboot, 32-bit, real mode, UKI (${kernel.name})`,
  ignore: !ALL,
  fn: async (t) => {
    const multiboot = await multibootImage({ version: 2, as: "flat" });
    const module = new TextEncoder().encode("a module\n".repeat(1000));
    const entry32 = bzImage({ initSize: 1 << 20, version: "", xloadflags: 0, protocol: 0x207 });
    entry32.set((await assemble(await Deno.readTextFile(new URL("./guest/entry32.S", import.meta.url)))).code, 8 * 512);
    const realMode = await realModeImage(false);
    const uki = await unifiedImage(kernel, [
      [".uname", kernel.release],
      [".cmdline", BASE_CMDLINE],
      [".linux", { file: kernel.image }],
    ]);
    const cases: readonly Case[] = [
      {
        name: "a module of a Multiboot image",
        lines: "kernel: /boot/multiboot\nmodules: [/boot/module]",
        path: "/boot/module",
        bytes: module,
        at: 5000,
        segment: "module",
        rule: "multiboot",
      },
      {
        name: "a kernel that is entered in 32-bit mode",
        lines: "kernel: /boot/entry32\ncmdline: x",
        path: "/boot/entry32",
        bytes: entry32,
        at: 8 * 512 + 7,
        segment: "kernel",
        rule: "entry-mode",
      },
      {
        name: "a kernel that is entered in real mode",
        lines: "kernel: /boot/real\ncmdline: x",
        path: "/boot/real",
        bytes: realMode,
        at: realMode.length - 100,
        segment: "kernel",
        rule: "real-mode",
      },
      {
        name: "the kernel of a unified kernel image",
        lines: "kernel: /boot/EFI/Linux/a.efi\nload: kexec_load",
        path: "/boot/EFI/Linux/a.efi",
        bytes: uki,
        // The kernel is its last section.
        at: uki.length - (2 << 20),
        segment: "kernel",
      },
    ];
    const files = {
      ...await kexecTools(),
      ...Object.fromEntries(cases.map(({ path, bytes }) => [path, bytes])),
      "/boot/multiboot": multiboot,
      ...Object.fromEntries(cases.map(({ lines }, index) => [
        `/boot/${index}.yaml`,
        `version: 1\n${lines}\nchecksum: sha256\n`,
      ])),
    };
    const programs = { warmboot: "cli.ts", "force_plan": "tests/vm/guest/force_plan.ts" };
    await using machine = await machineWith(kernel, programs, {}, files);
    for (const [index, each] of cases.entries()) {
      await machine.output(`warmboot plan /boot/${index}.yaml --out /disk/${index}.json`);
      await alter(machine, each);
    }
    await machine.output("sync");
    for (const [index, each] of cases.entries()) {
      await t.step(each.name, async () => {
        if (index > 0) await machine.reset();
        const { call, checks } = JSON.parse(new TextDecoder().decode(await machine.read(`/disk/${index}.json`)));
        assertEquals(checks.some(({ rule }: { rule: string }) => rule === each.rule), each.rule !== undefined);
        assertEquals(await machine.output(`force_plan /disk/${index}.json`), "0\n");
        const before = machine.console().length;
        const says = /warmboot: segment \d+ at (0x[0-9a-f]+) does not match its checksum; halted/;
        const [, at] = says.exec(await seen(machine, says, "kexec -e")) ?? [];
        assertEquals(call.segments.find(({ mem }: { mem: string }) => mem === at)?.name, each.segment);
        // Nothing that was started says anything.
        await new Promise((resolve) => setTimeout(resolve, 2000));
        assertNotMatch(machine.console(before).split("; halted")[1] ?? "", /\w/);
      });
    }
  },
});
