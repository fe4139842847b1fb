/** What the tests of loading share: the files of a guest, and the words for asking it. */
import type { BuiltKernel } from "./built_kernel.ts";
import { cpioArchive, MODE } from "./cpio.ts";
import { denoDisk, diskInitrd, type GuestFiles, type GuestPrograms, initrdBytes } from "./initramfs.ts";
import { type Machine, type Result, startMachine } from "./machine.ts";
import type { Kernel } from "./packages.ts";
import { BASE_CMDLINE, type MachineOptions } from "./qemu.ts";
import { forged, unsigned } from "./signature.ts";

/** The lines of a profile that boots the guest's own kernel. */
export const KERNEL = `kernel: /boot/vmlinuz\ncmdline: ${BASE_CMDLINE}`;

/** The files that the profiles name. */
async function guestFiles(image: string): Promise<Record<string, Uint8Array>> {
  const kernel = await Deno.readFile(image);
  const marker = { path: "/marker", mode: MODE.file, data: new TextEncoder().encode("unpacked\n") };
  return {
    "/boot/vmlinuz": kernel,
    "/boot/cut": kernel.slice(0, kernel.length / 2),
    "/boot/unsigned": unsigned(kernel),
    "/boot/forged": forged(kernel),
    "/boot/empty": new Uint8Array(),
    "/boot/marker.cpio": cpioArchive([marker]),
  };
}

/** A machine with the programs, the files of the profiles, and these files on its disk. */
export async function machineWith(
  kernel: Kernel | BuiltKernel,
  programs: GuestPrograms,
  options: Partial<MachineOptions> = {},
  more: GuestFiles = {},
): Promise<Machine> {
  const initrd = await diskInitrd([kernel]);
  const files = { ...await guestFiles(kernel.image), "/boot/initrd": await initrdBytes(initrd), ...more };
  return await startMachine({
    arch: kernel.arch,
    kernel: kernel.image,
    initrd,
    disk: await denoDisk(programs, files, kernel.arch),
    memory: 1536,
    ...options,
  });
}

/** Writes /run/p.yaml. */
export async function profile(machine: Machine, lines: string): Promise<void> {
  await machine.write("/run/p.yaml", `version: 1\n${lines}\n`);
}

/** What the kernel says: 0 or 1. */
export async function loaded(machine: Machine): Promise<string> {
  return (await machine.output("cat /sys/kernel/kexec_loaded")).trim();
}

/** What `status` says of the image for a reboot. */
export async function status(machine: Machine): Promise<Record<string, string>> {
  return JSON.parse(await machine.output("warmboot status -o json")).images[0];
}

/** The exit code, and all that was said, on one line. */
export function said({ code, stdout, stderr }: Result): readonly [number, string] {
  return [code, (stdout + stderr).replaceAll(/\s+/g, " ")];
}

/** Plans a profile of these lines: the exit code, and all that was said, on one line. */
export async function planned(machine: Machine, lines: string): Promise<readonly [number, string]> {
  await profile(machine, lines);
  return said(await machine.run("warmboot plan -v /run/p.yaml"));
}

/** The kernel's answer to the call of the plan, whatever its checks say; the guest has `force_plan`. */
export async function answer(machine: Machine): Promise<string> {
  await machine.run("warmboot plan -o json --out /run/plan.json /run/p.yaml");
  return (await machine.output("force_plan /run/plan.json && rm /run/plan.json")).trim();
}
