/** Kernels that boot each other: the machine that has them all, and the way from one to the next. */
import { assertEquals } from "@std/assert";
import { announce } from "./host_command.ts";
import { denoDisk, diskInitrd, type GuestFiles, initrdBytes } from "./initramfs.ts";
import { type Machine, startMachine } from "./machine.ts";
import type { Kernel } from "./packages.ts";
import { baseCmdline, type MachineOptions } from "./qemu.ts";

/**
 * A machine that runs the first kernel, with all of them as /boot/vmlinuz-NAME, an initrd for them, and these files on its
 * disk.
 */
export async function machineWith(
  kernels: readonly Kernel[],
  options: Partial<MachineOptions> = {},
  more: GuestFiles = {},
): Promise<Machine> {
  const [first] = kernels;
  if (first === undefined) throw new Error("There is no kernel to test");
  const initrd = await diskInitrd([...new Set(kernels)]);
  const images = kernels.map(({ name, image }) => [`/boot/vmlinuz-${name}`, { file: image }] as const);
  const files = { "/boot/initrd": await initrdBytes(initrd), ...Object.fromEntries(images), ...more };
  const programs = { warmboot: "cli.ts", "force_plan": "tests/vm/guest/force_plan.ts" };
  const disk = await denoDisk(programs, files, first.arch);
  return await startMachine({ arch: first.arch, kernel: first.image, initrd, disk, memory: 2560, ...options });
}

/** What the steps of a way have in common. */
export interface Steps {
  readonly load: "auto" | "kexec_file_load" | "kexec_load";
  /** `/boot/initrd` unless told. */
  readonly initrd?: string;
  /** Words for each command line. */
  readonly append?: string;
  /** Further lines of each profile. */
  readonly lines?: string;
}

/** From each kernel to the next, by profiles that differ in their command lines. */
export async function walk(t: Deno.TestContext, machine: Machine, way: readonly Kernel[], steps: Steps): Promise<void> {
  const { load, initrd = "/boot/initrd", append, lines = "" } = steps;
  for (const [step, there] of way.slice(1).entries()) {
    const here = machine.boot().release;
    await t.step(`${here} boots ${there.release}`, async () => {
      const words = [baseCmdline(there.arch), ...(append === undefined ? [] : [append])];
      const cmdline = `${words.join(" ")} step=${step} note="two words"`;
      const files = `kernel: /boot/vmlinuz-${there.name}\ninitrd: ${initrd}`;
      await machine.write("/run/next.yaml", `version: 1\n${files}\ncmdline: ${cmdline}\nload: ${load}\n${lines}`);
      const start = performance.now();
      const boot = await machine.runToBoot("warmboot load --exec --now /run/next.yaml");
      assertEquals(boot, { release: there.release, cmdline });
      announce(`${here} to ${there.release}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
    });
  }
}
