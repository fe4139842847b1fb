// deno-lint-ignore-file no-console
/**
 * How long a whole reboot interrupts a Debian with systemd, by the host's clock: from the command, and from the first
 * service that stops, to multi-user.target of the next boot. What kexec-tools loaded, booted by `systemctl kexec`, and what
 * warmboot loaded, booted by `warmboot exec`, in turn, in one virtual machine. Loading is not part of it: services run on.
 */
import { debianMachine } from "../tests/vm/debian_root.ts";
import { findQemu } from "../tests/vm/find_qemu.ts";
import type { GuestFiles } from "../tests/vm/initramfs.ts";
import { kexecTools } from "../tests/vm/kexec_tools.ts";
import type { Machine } from "../tests/vm/machine.ts";
import { fetchKernel, type KernelName } from "../tests/vm/packages.ts";
import { BASE_CMDLINE } from "../tests/vm/qemu.ts";
import { lzmaLibrary } from "../tests/vm/codec_library.ts";
import {
  type Interruption,
  INTERRUPTION_WAYS,
  interruptionRatio,
  type InterruptionResult,
  type InterruptionWay,
  keepInterruption,
} from "./interruption_results.ts";
import { median } from "./pairs.ts";

/** The kernels, by what they are packed with. */
const KERNELS: readonly (readonly [name: string, kernel: KernelName])[] = [["xz", "6.1"], ["zstd", "6.12"]];

/** The names under which a kernel can be measured alone. */
export const INTERRUPTION_NAMES: readonly string[] = KERNELS.map(([name]) => name);

const ROUNDS = 3;
/** What `predecompress` is to take of what the quicker way of kexec-tools takes. */
const AIM = 0.8;

const CMDLINE = `${BASE_CMDLINE} loglevel=6 no_timer_check`;

const MARKS = {
  asked: "warmboot.vm: asked",
  down: "warmboot.vm: services stop",
  up: "warmboot.vm: multi-user",
} as const;

/** Started once multi-user.target is reached, and so stopped first of all. */
const MARK: GuestFiles = {
  "/etc/systemd/system/mark.service": `[Unit]
After=multi-user.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo "${MARKS.up}" > /dev/kmsg'
ExecStop=/bin/sh -c 'echo "${MARKS.down}" > /dev/kmsg'
`,
  "/etc/systemd/system/graphical.target.d/mark.conf": "[Unit]\nWants=mark.service\n",
};

const LOADS: { readonly [way in InterruptionWay]: string } = {
  "kexec -c": peer("-c"),
  "kexec -s": peer("-s"),
  "load: kexec_file_load": "warmboot load /etc/warmboot/file.yaml",
  "predecompress: true": "warmboot load /etc/warmboot/unpacked.yaml",
};

/** What boots the image that is loaded. */
const REBOOTS: { readonly [way in InterruptionWay]: string } = {
  "kexec -c": "systemctl kexec",
  "kexec -s": "systemctl kexec",
  "load: kexec_file_load": "warmboot exec",
  "predecompress: true": "warmboot exec",
};

function peer(option: string): string {
  return `kexec ${option} -l --command-line="${CMDLINE}" --initrd=/boot/initrd /boot/vmlinuz`;
}

const profile = (lines: string): string =>
  `version: 1\nkernel: /boot/vmlinuz\ninitrd: /boot/initrd\ncmdline: ${CMDLINE}\n${lines}\n`;

/** kexec-tools where an administrator would put it, and its libraries. */
async function peerFiles(): Promise<GuestFiles> {
  const files = Object.entries({ ...await kexecTools(), ...await lzmaLibrary() });
  return Object.fromEntries(
    files.map((
      [path, content],
    ) => [path.replace(/^\/bin\//, "/usr/local/bin/").replace(/^\/lib\//, "/usr/lib/"), content]),
  );
}

/** One reboot. */
async function interrupt(machine: Machine, way: InterruptionWay): Promise<Interruption> {
  await machine.output(LOADS[way], { timeout: 300 });
  const sights = Promise.all([MARKS.asked, MARKS.down, MARKS.up].map((mark) => machine.sees(mark)));
  await machine.runToBoot(`echo "${MARKS.asked}" > /dev/kmsg; ${REBOOTS[way]}`);
  const [asked = NaN, down = NaN, up = NaN] = (await sights).map(({ time }) => time);
  const seconds = (from: number): number => Number(((up - from) / 1000).toFixed(2));
  return { asked: seconds(asked), down: seconds(down) };
}

/** Measures one kernel. */
export async function measureInterruption(
  name: string,
  kernelName: KernelName,
  rounds = ROUNDS,
): Promise<InterruptionResult> {
  const kernel = await fetchKernel(kernelName);
  const { version } = await findQemu("x86_64");
  const files = {
    ...MARK,
    ...await peerFiles(),
    "/etc/warmboot/file.yaml": profile("load: kexec_file_load"),
    "/etc/warmboot/unpacked.yaml": profile("load: kexec_load\npredecompress: true"),
  };
  await using machine = await debianMachine(
    "bookworm",
    kernel,
    { warmboot: "cli.ts" },
    { memory: 3072, cpus: 1, append: "loglevel=6 no_timer_check" },
    files,
  );
  const seconds: { readonly [way in InterruptionWay]: Interruption[] } = {
    "kexec -c": [],
    "kexec -s": [],
    "load: kexec_file_load": [],
    "predecompress: true": [],
  };
  // The first boot fills caches, and the folder of unpacked kernels.
  await interrupt(machine, "predecompress: true");
  for (let round = 1; round <= rounds; round++) {
    for (const way of INTERRUPTION_WAYS) {
      const one = await interrupt(machine, way);
      seconds[way].push(one);
      console.error(`${name} ${round}/${rounds} ${way.padEnd(24)}${one.asked.toFixed(2)} ${one.down.toFixed(2)}`);
    }
  }
  return { name, kernel: kernel.release, qemu: version, seconds };
}

/** Measures these kernels, or all, keeps the results, and gives their lines. */
export async function benchInterruption(only: readonly string[] = []): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const [name, kernel] of KERNELS.filter(([name]) => only.length === 0 || only.includes(name))) {
    const result = await measureInterruption(name, kernel);
    await keepInterruption(result);
    for (const way of INTERRUPTION_WAYS) {
      const seconds = median(result.seconds[way].map(({ asked }) => asked));
      lines.push(
        `${`${name}: ${way} to multi-user`.padEnd(58)}${seconds.toFixed(1).padStart(8)} s` +
          `${"".padEnd(10)}${interruptionRatio(result, way, "asked").toFixed(2).padStart(8)}${
            way === "predecompress: true" ? `   aim ${AIM}` : ""
          }`,
      );
    }
  }
  return lines;
}
