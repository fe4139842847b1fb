// deno-lint-ignore-file no-console
/**
 * `load` by its three ways with initrds of three sizes, in a virtual machine: its wall time against `kexec -l` of
 * kexec-tools with its checks on, and its peak of private memory beside a bare Deno's. Memory is what the kernel charges
 * to a control group of its own (memory.peak): anonymous pages, page tables and the few files written; not the page cache
 * of files that were there before. The machine is emulated, and starting Deno takes seconds there: load_here.ts adds what
 * the ratio is where nothing is emulated. Deno hashes by the processor's SHA instructions, which QEMU has since 8.2;
 * kexec-tools has plain instructions only.
 */
import { DENO_RUN } from "../tests/vm/initramfs.ts";
import { kexecTools } from "../tests/vm/kexec_tools.ts";
import { findQemu } from "../tests/vm/find_qemu.ts";
import { machineWith } from "../tests/vm/guest_profile.ts";
import type { Machine } from "../tests/vm/machine.ts";
import { fetchKernel, kernelNames } from "../tests/vm/packages.ts";
import { BASE_CMDLINE } from "../tests/vm/qemu.ts";
import { loadHere } from "./load_here.ts";
import { keepLoadResults, type LoaderName, type LoadResults, PEERS, type Run } from "./load_results.ts";
import { line, median } from "./pairs.ts";

const ROUNDS = 3;
const INITRD_MIB = [64, 256, 512];
const MIB = 1 << 20;
/** The ratio of times to aim at. */
const AIM = 0.6;
const CMDLINE = `${BASE_CMDLINE} way=bench`;

/** `measure COMMAND...` runs it in a fresh control group, and prints seconds since boot before and after, and bytes. */
const MEASURE = `#!/bin/sh
group=$(mktemp -d /run/groups/XXXXXX)
start=$(cut -d ' ' -f 1 /proc/uptime)
sh -c 'echo $$ >'$group'/cgroup.procs; exec "$@"' sh "$@" >/run/said 2>&1 || { cat /run/said >&2; exit 1; }
end=$(cut -d ' ' -f 1 /proc/uptime)
echo "$start $end $(cat $group/memory.peak)"
`;

async function measure(machine: Machine, command: string): Promise<Run> {
  const [start = NaN, end = NaN, peak = NaN] = (await machine.output(`measure ${command}`, { timeout: 300 }))
    .trim().split(" ").map(Number);
  return { time: (end - start) * 1000, peak };
}

/** The commands of a round, in its order: whoever loads first differs from whom it is compared with. */
const LOADERS: readonly (readonly [LoaderName, string])[] = [
  ["kexec_load", load("kexec_load")],
  ["kexec -c -l", peer("-c")],
  ["predecompress", load("predecompress")],
  ["kexec -s -l", peer("-s")],
  ["kexec_file_load", load("kexec_file_load")],
];

/** With the machine code that V8 makes, as on a real machine. */
function load(name: LoaderName): string {
  return `${DENO_RUN} /opt/warmboot.js load /boot/${name}.yaml`;
}

function peer(option: string): string {
  return `kexec ${option} -l --command-line="${CMDLINE}" --initrd=/run/initrd /boot/vmlinuz`;
}

function profile(lines: string): string {
  return `version: 1\nkernel: vmlinuz\ninitrd: /run/initrd\ncmdline: ${CMDLINE}\n${lines}\n`;
}

/** Runs it, keeps the results, and gives their lines. */
export async function benchLoad(): Promise<readonly string[]> {
  const names = await kernelNames();
  const kernel = await fetchKernel(names.includes("6.12") ? "6.12" : names[0] ?? "host");
  await using machine = await machineWith(kernel, { warmboot: "cli.ts" }, { memory: 4096 }, {
    "/opt/empty.js": "",
    "/bin/measure": MEASURE,
    ...await kexecTools(),
    "/boot/kexec_load.yaml": profile("load: kexec_load"),
    "/boot/kexec_file_load.yaml": profile("load: kexec_file_load"),
    "/boot/predecompress.yaml": profile("load: kexec_load\npredecompress: true"),
  });
  await machine.output(`mkdir /run/groups && mount -t cgroup2 cgroup2 /run/groups
    echo +memory >/run/groups/cgroup.subtree_control`);
  const bare = `${DENO_RUN} /opt/empty.js`;
  const makeInitrd = (mib: number) =>
    machine.output(`head -c ${mib * MIB} /dev/urandom >/run/initrd`, { timeout: 120 });

  // The first starts fill caches, that of unpacked kernels too, and do not count.
  await makeInitrd(1);
  await measure(machine, bare);
  for (const [, command] of LOADERS) await measure(machine, command);
  const start = await measure(machine, bare);
  const sizes: { mib: number; loaders: { name: LoaderName; runs: Run[] }[] }[] = [];
  for (const mib of INITRD_MIB) {
    await makeInitrd(mib);
    const loaders = LOADERS.map(([name, command]) => ({ name, command, runs: [] as Run[] }));
    for (let round = 0; round < ROUNDS; round++) {
      for (const { name, command, runs } of loaders) {
        // Each loads where nothing is loaded.
        await machine.output("kexec -c -u");
        const run = await measure(machine, command);
        runs.push(run);
        console.error(`${mib} MiB ${round + 1}/${ROUNDS} ${name}: ${run.time.toFixed(0)} ms, ${memory(run.peak)}`);
      }
    }
    sizes.push({ mib, loaders: loaders.map(({ name, runs }) => ({ name, runs })) });
  }
  const { version } = await findQemu("x86_64");
  const results = { qemu: version, kernel: kernel.release, bare: start, sizes };
  await keepLoadResults(results);
  const here = await loadHere(kernel, INITRD_MIB);
  if (here !== undefined) await keepLoadResults({ ...results, here });
  const hereLines = here?.sizes.map(({ mib, ours, theirs }) =>
    line(`up to the call with ${mib} MiB, not emulated, kexec_load / kexec -c -l`, ours, theirs, AIM)
  );
  return [
    ...sizes.flatMap(linesOf),
    ...hereLines ?? [],
    `a bare Deno takes ${start.time.toFixed(0)} ms and ${memory(start.peak)}`,
  ];
}

function linesOf({ mib, loaders }: LoadResults["sizes"][number]): readonly string[] {
  const runsOf = (name: string): readonly Run[] => loaders.find((loader) => loader.name === name)?.runs ?? [];
  return Object.entries(PEERS).map(([name, other]) => {
    const [ours, theirs] = [runsOf(name), runsOf(other)];
    const times = line(`load with ${mib} MiB of initrd, ${name} / ${other}`, ours.map(timeOf), theirs.map(timeOf), AIM);
    return `${times}; memory at most ${memory(median(ours.map(peakOf)))} / ${memory(median(theirs.map(peakOf)))}`;
  });
}

const timeOf = ({ time }: Run): number => time;
const peakOf = ({ peak }: Run): number => peak;

function memory(peak: number): string {
  return `${(peak / MIB).toFixed(1)} MiB`;
}
