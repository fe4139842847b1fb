// deno-lint-ignore-file no-console
/**
 * How long a reboot interrupts: from the jump to the next kernel's first line, and to its user space. kexec-tools and
 * warmboot in turn, each way in each round, in one virtual machine. Two measures: the host's clock when the line comes
 * from QEMU, and, in a second machine, how many instructions the guest has executed until then. The first depends on
 * what else the host does, and on what QEMU's emulation is slow at; the second on neither, but takes each instruction
 * for as long as any other. Counting them has QEMU copy memory word by word, so that the first has a machine of its own.
 */
import { SHA_FLAGS } from "../src/arch/x86_64/purgatory.ts";
import { lzmaLibrary } from "../tests/vm/codec_library.ts";
import { denoDisk, diskInitrd, initrdBytes } from "../tests/vm/initramfs.ts";
import { findQemu } from "../tests/vm/find_qemu.ts";
import { kexecTools } from "../tests/vm/kexec_tools.ts";
import { type Machine, startMachine } from "../tests/vm/machine.ts";
import { fetchKernel, type Kernel, type KernelName } from "../tests/vm/packages.ts";
import { BASE_CMDLINE } from "../tests/vm/qemu.ts";
import { type BootResult, keepBootResult, ratio, summaries, type Times, type WayName } from "./boot_results.ts";
import { distributionInitrd, type InitrdPacking } from "./distribution_initrd.ts";

/** What is booted. */
export interface Setup {
  readonly name: string;
  readonly kernel: KernelName;
  readonly packing: string;
  /** How a large initrd is packed; the small one of the tests without. Not all ways are taken then, for time. */
  readonly initrd?: InitrdPacking;
}

export const SETUPS: readonly Setup[] = [
  { name: "xz", kernel: "6.1", packing: "xz" },
  { name: "zstd", kernel: "6.12", packing: "zstd" },
  { name: "lz4", kernel: "cloud", packing: "lz4" },
  { name: "initrd-gzip", kernel: "6.12", packing: "zstd", initrd: "gzip" },
  { name: "initrd-zstd", kernel: "6.12", packing: "zstd", initrd: "zstd" },
];

/** The names under which a setup can be run alone. */
export const SETUP_NAMES: readonly string[] = SETUPS.map(({ name }) => name);

const ROUNDS = 5;
/** The numbers of instructions are the same each time, but for what KASLR draws: less than 1 in 100. */
const COUNTED_ROUNDS = 1;

/**
 * In the counting machine an instruction takes 2^2 ns of the guest's time, so that what waits by the clock waits about as
 * long as in the other.
 */
const ICOUNT = 2;

/**
 * The console speaks from the kernel's first line on, and of what matters only, so that writing takes no time. On a busy
 * host an emulated timer may fail the kernel's test of it, which then panics.
 */
const CMDLINE = `${BASE_CMDLINE} earlycon=uart8250,io,0x3f8,115200 loglevel=6 no_timer_check`;

const JUMP = "Starting new kernel";
const FIRST_LINE = "Linux version";
const USER_SPACE = "warmboot.vm: user space";

/** The lines of warmboot's profiles, and the words of kexec-tools' command; each way in the order of a round. */
const WAYS: readonly (readonly [WayName, { readonly profile: string } | { readonly options: string }])[] = [
  ["kexec -c", { options: "-c" }],
  ["predecompress", { profile: "load: kexec_load\npredecompress: true" }],
  ["kexec -c -i", { options: "-c -i" }],
  ["predecompress, checksum: false", { profile: "load: kexec_load\npredecompress: true\nchecksum: false" }],
  ["kexec -s", { options: "-s" }],
  ["predecompress, checksum: sha256", { profile: "load: kexec_load\npredecompress: true\nchecksum: sha256" }],
  ["kexec_load", { profile: "load: kexec_load" }],
  ["kexec_file_load", { profile: "load: kexec_file_load" }],
  ["kexec_file_load, predecompress", { profile: "load: kexec_file_load\npredecompress: true" }],
];

/** The ways that a large initrd takes. */
const LARGE: readonly WayName[] = ["kexec -c -i", "kexec -s", "predecompress", "predecompress, checksum: false"];

const cmdlineOf = (index: number): string => `${CMDLINE} way=${index}`;

function profiles(): { readonly [path: string]: string } {
  return Object.fromEntries(WAYS.flatMap(([, way], index) => {
    if (!("profile" in way)) return [];
    const lines = ["version: 1", "kernel: vmlinuz", "initrd: initrd", `cmdline: ${cmdlineOf(index)}`, way.profile];
    return [[`/boot/${index}.yaml`, `${lines.join("\n")}\n`]];
  }));
}

async function machineOf(kernel: Kernel, initrd: Uint8Array, icount?: number): Promise<Machine> {
  const disk = await denoDisk({ warmboot: "cli.ts" }, {
    "/boot/vmlinuz": { file: kernel.image },
    "/boot/initrd": initrd,
    "/warmboot/none": "",
    ...await kexecTools(),
    ...await lzmaLibrary(),
    ...profiles(),
  });
  return await startMachine({
    kernel: kernel.image,
    initrd: await diskInitrd([kernel]),
    disk,
    append: "loglevel=6 no_timer_check",
    memory: 3072,
    cpus: 1,
    ...(icount === undefined ? {} : { icount }),
  });
}

/** Loads one way, jumps, and tells when the lines came: seconds, or millions of instructions where they are counted. */
async function bootOnce(machine: Machine, index: number): Promise<Times> {
  const [name, way] = WAYS[index] ?? fail();
  // Unpacked kernels are kept on the disk: a load at each boot would find them, too.
  await machine.output("mkdir -p /var/cache/warmboot && mount --bind /disk/warmboot /var/cache/warmboot");
  await machine.output(
    "profile" in way
      ? `warmboot load /boot/${index}.yaml`
      : `kexec ${way.options} -l --command-line="${cmdlineOf(index)}" --initrd=/boot/initrd /boot/vmlinuz`,
    { timeout: 300 },
  );
  const sights = Promise.all([JUMP, FIRST_LINE, USER_SPACE].map((text) => machine.sees(text)));
  const boot = await machine.runToBoot("kexec -e");
  if (!boot.cmdline.endsWith(`way=${index}`)) throw new Error(`${name} booted \`${boot.cmdline}\``);
  const [jump = NaN, line = NaN, user = NaN] = (await sights).map(({ time, instructions }) =>
    Number.isNaN(instructions) ? time / 1e3 : instructions / 1e6
  );
  return { line: Number((line - jump).toFixed(3)), user: Number((user - jump).toFixed(3)) };
}

/** The ways in turn, as many rounds; by their places in WAYS. */
async function inRounds(
  machine: Machine,
  ways: readonly number[],
  rounds: number,
): Promise<readonly (readonly Times[])[]> {
  const times = WAYS.map((): Times[] => []);
  // The first boot fills caches, and does not count.
  await bootOnce(machine, 1);
  for (let round = 1; round <= rounds; round++) {
    for (const index of ways) {
      const one = await bootOnce(machine, index);
      times[index]?.push(one);
      console.error(`${round}/${rounds} ${WAYS[index]?.[0].padEnd(32)}${one.line.toFixed(2)} ${one.user.toFixed(2)}`);
    }
  }
  return times;
}

/** Measures one setup; a part of it has no rounds where it is measured alone. */
export async function measure(
  { name, kernel: kernelName, packing, initrd: large }: Setup,
  rounds = ROUNDS,
  countedRounds = COUNTED_ROUNDS,
): Promise<BootResult> {
  const kernel = await fetchKernel(kernelName);
  const small = await initrdBytes(await diskInitrd([kernel]));
  const initrd = large === undefined ? { packed: small, size: small.length } : await distributionInitrd(kernel, large);
  const { version } = await findQemu("x86_64");
  const ways = WAYS.keys().filter((index) => large === undefined || LARGE.includes(WAYS[index]?.[0] ?? fail()))
    .toArray();
  let sha = false;
  const run = async (rounds: number, icount?: number): Promise<readonly (readonly Times[])[]> => {
    if (rounds === 0) return [];
    await using machine = await machineOf(kernel, initrd.packed, icount);
    const flags = await machine.output("grep -m 1 flags /proc/cpuinfo");
    sha = SHA_FLAGS.every((flag) => flags.includes(` ${flag}`));
    return await inRounds(machine, ways, rounds);
  };
  console.error(`${name}, in millions of instructions`);
  const millions = await run(countedRounds, ICOUNT);
  console.error(`${name}, in seconds`);
  const seconds = await run(rounds);
  return {
    name,
    qemu: version,
    sha,
    kernel: kernel.release,
    packing,
    initrd: { packing: large ?? "none", packed: initrd.packed.length, size: initrd.size },
    ways: ways.map((index) => ({
      way: WAYS[index]?.[0] ?? fail(),
      seconds: seconds[index] ?? [],
      millions: millions[index] ?? [],
    })),
  };
}

/** What is aimed at for `predecompress`, against kexec-tools' quickest way: ratios to the first line and to user space. */
const AIMS: { readonly [packing: string]: readonly [line: number, user: number] } = {
  xz: [0.2, 0.45],
  zstd: [0.45, 0.85],
  lz4: [0.7, 0.95],
};

/** Measures these setups, or all, keeps the results, and gives their lines. */
export async function benchBoot(only: readonly string[] = []): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const setup of SETUPS.filter(({ name }) => only.length === 0 || only.includes(name))) {
    const result = await measure(setup);
    await keepBootResult(result);
    const { best, ours } = summaries(result);
    const [aimLine = NaN, aimUser = NaN] = AIMS[result.packing] ?? [];
    for (const way of ours) {
      for (const [what, end, aim] of [["first line", "line", aimLine], ["user space", "user", aimUser]] as const) {
        const name = `${result.name}: ${way.way} to ${what} / ${best.way}`;
        const [a, b] = [way.seconds[end], best.seconds[end]];
        lines.push(
          `${name.padEnd(66)}${a.median.toFixed(2).padStart(6)} s${b.median.toFixed(2).padStart(6)} s` +
            `${ratio(a, b).toFixed(2).padStart(6)}   aim ${aim}; ` +
            `in instructions ${ratio(way.millions[end], best.millions[end]).toFixed(2)}`,
        );
      }
    }
  }
  return lines;
}

function fail(): never {
  throw new Error("No such way");
}
