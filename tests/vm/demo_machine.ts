/** The machine of the demo, of `deno task try` and of the tutorial: two kernels, and a profile to go from one to the other. */
import { denoDisk, diskInitrd, initrdBytes } from "./initramfs.ts";
import { SetupError } from "./host_command.ts";
import { type Machine, startMachine } from "./machine.ts";
import { fetchKernel, type Kernel, kernelNames } from "./packages.ts";

/** Where the profile lies. */
export const PROFILE = "/etc/warmboot/web.yaml";

/** The profile's text. */
export const PROFILE_TEXT = `# The next boot of this machine.
version: 1
description: The web server's kernel
kernel: /boot/vmlinuz
initrd: /boot/initrd.img
cmdline:
  reuse: true
  set: role=web greeting="hello from the profile"
`;

/** The kernels: one that runs, and one to reboot into. */
export interface DemoKernels {
  readonly running: Kernel;
  readonly next: Kernel;
}

/** Two kernels of this distribution, fetched if the cache lacks them. @throws {SetupError} where it has none */
export async function demoKernels(): Promise<DemoKernels> {
  const kernels: Kernel[] = [];
  for (const name of (await kernelNames()).slice(0, 2)) kernels.push(await fetchKernel(name));
  const [running] = kernels;
  const next = kernels.at(-1);
  if (running === undefined || next === undefined) throw new SetupError("This distribution has no kernel to show");
  return { running, next };
}

/** Boots the machine. `terminal`: a socket that is to be its third serial port. */
export async function startDemoMachine({ running, next }: DemoKernels, terminal?: string): Promise<Machine> {
  const initrd = await diskInitrd([running, next]);
  const disk = await denoDisk({ warmboot: "cli.ts" }, {
    "/boot/vmlinuz": { file: next.image },
    "/boot/initrd.img": await initrdBytes(initrd),
    "/bin/terminal": await Deno.readTextFile(new URL("guest/terminal", import.meta.url)),
    [PROFILE]: PROFILE_TEXT,
  });
  const options = terminal === undefined ? {} : { terminal };
  return await startMachine({ kernel: running.image, initrd, disk, ...options });
}

/** Runs what was typed, as root, and gives what it said; a command that reboots says which kernel came up. */
export async function typed(machine: Machine, command: string): Promise<string> {
  const before = machine.boot();
  try {
    const { code, stdout } = await machine.run(`{ ${command}\n} 2>&1`);
    return code === 0 ? stdout : `${stdout}(exit code ${code})\n`;
  } catch (error) {
    const { release, cmdline } = machine.boot();
    if (machine.boot() === before) throw error;
    return `Linux ${release} is up\n${cmdline}\n`;
  }
}
