/** What the tests of unpacked kernels share: machines with several kernels, profiles that unpack them, and where they ran. */
import { assertEquals, assertMatch } from "@std/assert";
import { lzmaLibrary } from "./codec_library.ts";
import { announce } from "./host_command.ts";
import { denoDisk, diskInitrd, initrdBytes } from "./initramfs.ts";
import { type Machine, startMachine } from "./machine.ts";
import type { Kernel } from "./packages.ts";
import { BASE_CMDLINE, type MachineOptions } from "./qemu.ts";
import { unsigned } from "./signature.ts";

/** Where a kernel runs that was not moved: __START_KERNEL_map and CONFIG_PHYSICAL_START. */
export const LINKED = { virtual: 0xffff_ffff_8100_0000n, physical: 0x100_0000n } as const;

/** The command line of what is booted. */
export function cmdlineOf(words: string): string {
  return `${BASE_CMDLINE} ${words}`;
}

/** Where a bzImage says how long its real-mode code is, in sectors but for the first (boot.rst: setup_sects). */
const SETUP_SECTS = 0x1f1;
/** The decompressor's 64-bit entry, from the end of the real-mode code. */
const ENTRY_64 = 0x200;

/** A kernel's file in which the decompressor halts at once: only a kernel that is entered directly starts from it. */
export async function withoutDecompressor({ image }: Pick<Kernel, "image">): Promise<Uint8Array> {
  const bytes = unsigned(await Deno.readFile(image));
  const entry = ((bytes[SETUP_SECTS] ?? 0) + 1) * 512 + ENTRY_64;
  return bytes.fill(HALT, entry, entry + 64);
}

/** The instruction hlt. */
const HALT = 0xf4;

/**
 * A machine that runs the last of the kernels, with the images of all, none of which can decompress itself, the program,
 * and the library for xz beside its place: `PUT_LIBRARY` puts it there.
 */
export async function machineWith(
  kernels: readonly Kernel[],
  options: Partial<MachineOptions>,
  pack: (initrd: Uint8Array) => Uint8Array = (initrd) => initrd,
): Promise<Machine> {
  const first = kernels.at(-1);
  if (first === undefined) throw new Error("There is no kernel to test");
  const initrd = await diskInitrd([...new Set(kernels)]);
  const images = await Promise.all(
    kernels.map(async (kernel) => [`/boot/vmlinuz-${kernel.name}`, await withoutDecompressor(kernel)] as const),
  );
  const disk = await denoDisk({ warmboot: "cli.ts" }, {
    "/boot/initrd": pack(await initrdBytes(initrd)),
    ...await lzmaLibrary("/opt/lib"),
    ...Object.fromEntries(images),
  });
  return await startMachine({ kernel: first.image, initrd, disk, ...options });
}

/** Puts the library in its place; what is not on the disk is gone with each boot. */
export const PUT_LIBRARY = "cp -rf /opt/lib/* /";

/** Writes /run/p.yaml, which boots this kernel unpacked. */
export async function writeProfile(machine: Machine, { name }: Kernel, words: string, lines = ""): Promise<void> {
  await machine.write(
    "/run/p.yaml",
    `version: 1\nkernel: /boot/vmlinuz-${name}\ninitrd: /boot/initrd\ncmdline: ${cmdlineOf(words)}\n` +
      `predecompress: true\n${lines}\n`,
  );
}

/** Where a kernel runs, in virtual and in physical memory. */
export interface Bases {
  readonly virtual: bigint;
  readonly physical: bigint;
}

/** Where the running kernel is. */
export async function basesOf(machine: Machine): Promise<Bases> {
  const text = await machine.output("grep -w _text /proc/kallsyms; grep 'Kernel code' /proc/iomem");
  const [, virtual, physical] = /^([0-9a-f]+) T _text\n +([0-9a-f]+)-/.exec(text) ?? [];
  return { virtual: BigInt(`0x${virtual}`), physical: BigInt(`0x${physical}`) };
}

/** Runs a command that boots a kernel, and tells where it then is. */
export async function bootedBases(machine: Machine, command: string): Promise<Bases> {
  const start = performance.now();
  const boot = await machine.runToBoot(command);
  announce(`${boot.release} unpacked: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  assertMatch(await machine.output("dmesg"), /ACPI: RSDP/);
  const bases = await basesOf(machine);
  assertEquals([bases.virtual % 0x20_0000n, bases.physical % 0x20_0000n], [0n, 0n]);
  return bases;
}

/** Loads and boots what /run/p.yaml says, a kernel that cannot decompress itself. */
export async function boots(machine: Machine, kernel: Kernel, words: string): Promise<Bases> {
  const bases = await bootedBases(machine, "warmboot load --exec --now /run/p.yaml");
  assertEquals(machine.boot(), { release: kernel.release, cmdline: cmdlineOf(words) });
  return bases;
}
