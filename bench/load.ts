// deno-lint-ignore-file no-console
/**
 * `load` by kexec_load with an initrd of 256 MiB, in a virtual machine: its wall time against `kexec -c -l` of kexec-tools
 * with its checks on, and its peak of private memory against a bare Deno's. Memory is what the kernel charges to a
 * control group of its own (memory.peak): anonymous pages, page tables and the few files written; not the page cache
 * of files that were there before. The machine is emulated, and starting Deno takes seconds there: the ratio of
 * times is the worst that a user can see.
 */
import { kexecTools } from "../tests/vm/kexec_tools.ts";
import { machineWith } from "../tests/vm/guest_profile.ts";
import type { Machine } from "../tests/vm/machine.ts";
import { fetchKernel, kernelNames } from "../tests/vm/packages.ts";
import { BASE_CMDLINE } from "../tests/vm/qemu.ts";
import { line, median } from "./pairs.ts";

/**
 * Without SHA instructions, which QEMU's emulation lacks, Deno hashes by these: fast on a processor, and three times
 * slower than plain instructions where they are emulated. kexec-tools has plain instructions only.
 */
const SIMD = ["ssse3", "avx", "avx2"];
const ROUNDS = 3;
const INITRD_MIB = 256;
const MIB = 1 << 20;

/** `measure COMMAND...` runs it in a fresh control group, and prints seconds since boot before and after, and bytes. */
const MEASURE = `#!/bin/sh
group=$(mktemp -d /run/groups/XXXXXX)
start=$(cut -d ' ' -f 1 /proc/uptime)
sh -c 'echo $$ >'$group'/cgroup.procs; exec "$@"' sh "$@" >/run/said 2>&1 || { cat /run/said >&2; exit 1; }
end=$(cut -d ' ' -f 1 /proc/uptime)
echo "$start $end $(cat $group/memory.peak)"
`;

/** One run: milliseconds, and the most bytes of memory at a time. */
interface Run {
  readonly time: number;
  readonly peak: number;
}

async function measure(machine: Machine, command: string): Promise<Run> {
  const [start = NaN, end = NaN, peak = NaN] = (await machine.output(`measure ${command}`, { timeout: 300 }))
    .trim().split(" ").map(Number);
  return { time: (end - start) * 1000, peak };
}

/** Runs it, and gives the lines of the result. */
export async function benchLoad(): Promise<readonly string[]> {
  const names = await kernelNames();
  const kernel = await fetchKernel(names.includes("6.12") ? "6.12" : names[0] ?? "host");
  const cmdline = `${BASE_CMDLINE} way=bench`;
  await using machine = await machineWith(kernel, { warmboot: "cli.ts" }, { memory: 4096, without: SIMD }, {
    "/opt/empty.js": "",
    "/bin/measure": MEASURE,
    ...await kexecTools(),
    "/boot/p.yaml": `version: 1\nkernel: vmlinuz\ninitrd: /run/initrd\nload: kexec_load\ncmdline: ${cmdline}\n`,
  });
  await machine.output(`mkdir /run/groups && mount -t cgroup2 cgroup2 /run/groups
    echo +memory >/run/groups/cgroup.subtree_control`);
  const bare = "deno run -A --no-prompt --quiet --no-config --no-lock --cached-only /opt/empty.js";
  const load = "warmboot load /boot/p.yaml";
  const peer = `kexec -c -l --command-line="${cmdline}" --initrd=/run/initrd /boot/vmlinuz`;
  const makeInitrd = (mib: number) =>
    machine.output(`head -c ${mib * MIB} /dev/urandom >/run/initrd`, { timeout: 120 });

  // The first starts fill Deno's caches and do not count.
  await makeInitrd(1);
  await measure(machine, bare);
  await measure(machine, load);
  const start = await measure(machine, bare);
  const small = await measure(machine, load);
  await makeInitrd(INITRD_MIB);
  const ours: Run[] = [];
  const theirs: Run[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [runs, command] of [[ours, load], [theirs, peer]] as const) {
      // Both load where nothing is loaded.
      await machine.output("kexec -c -u");
      runs.push(await measure(machine, command));
    }
  }
  const memory = (peak: number): string => `${(peak / MIB).toFixed(1)} MiB`;
  const peak = Math.max(...ours.map((run) => run.peak));
  return [
    line(
      `load with ${INITRD_MIB} MiB of initrd / kexec -c -l`,
      ours.map(({ time }) => time),
      theirs.map(({ time }) => time),
      1,
    ),
    `of that, a bare Deno takes ${start.time.toFixed(0)} ms, and load with 1 MiB of initrd ${small.time.toFixed(0)} ms`,
    `memory of load: ${memory(peak)} at its peak, ${memory(peak - start.peak)} above a bare Deno (aim 24 MiB); ` +
    `with 1 MiB of initrd ${memory(small.peak)}; kexec-tools: ${memory(median(theirs.map((run) => run.peak)))}`,
  ];
}

if (import.meta.main) { for (const text of await benchLoad()) console.log(text); }
