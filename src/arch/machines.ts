import { consoleOf } from "./arm64/console.ts";
import { crashDump as arm64CrashDump } from "./arm64/crash_dump.ts";
import { arm64KernelImage, boundsBeside } from "./arm64/image_loader.ts";
import { buildPurgatory as buildArm64Purgatory, PURGATORY as ARM64_PURGATORY } from "./arm64/purgatory.ts";
import type { CrashDump } from "./elfcorehdr.ts";
import type { KernelImage } from "./kernel_loader.ts";
import type { PurgatoryFormat, PurgatoryTask } from "./purgatory.ts";
import { BACKUP_SOURCE, crashDump, needsBackup } from "./x86_64/crash_dump.ts";
import { buildPurgatory, hasShaInstructions, PURGATORY, purgatoryUsesSha } from "./x86_64/purgatory.ts";
import type { DeviceTree } from "../formats/fdt.ts";
import type { Checked } from "../core/diagnostic.ts";
import { formatAddress } from "../core/number.ts";
import type { Range } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import { loadObjection } from "../image/compatibility.ts";
import { addWord } from "../profile/cmdline.ts";
import type { Checksum } from "../profile/profile.ts";
import { innerOf, type KernelFile } from "../plan/input.ts";
import { kernelImage } from "./x86_64/bzimage_loader.ts";

/** What a purgatory is built for. */
export interface PurgatoryAround {
  readonly facts: HostFacts;
  /** The device tree that takes the place of the host's. */
  readonly deviceTree?: DeviceTree;
  readonly cmdline: string;
}

/** What differs from machine to machine where a Linux image is laid out for kexec_load(2). */
export interface LinuxMachine {
  /** The segment that tells the kernel what it must know. */
  readonly handover: string;
  /** Below this no purgatory is placed: what old firmware uses. */
  readonly lowest: bigint;
  /** What verifies the image, and jumps to it. */
  readonly purgatory: PurgatoryFormat & {
    build(task: PurgatoryTask, around: PurgatoryAround): Uint8Array;
    /** Whether it uses instructions that the processor lacks. */
    lacks(bytes: Uint8Array, facts: HostFacts): boolean;
    /** Bytes that it verifies in a millisecond, by an estimate. */
    verifiedPerMs(by: Checksum, facts: HostFacts): number;
  };
  readonly crash: {
    /** Of the ELF core header; a power of two. */
    readonly alignment: bigint;
    /** Memory that the crash kernel would overwrite, and that is copied away before. */
    backup(facts: HostFacts): Range | undefined;
    /** What the dump describes. */
    dump(facts: HostFacts, backup?: bigint): Checked<CrashDump>;
    /** The command line with what tells of the ELF core header. */
    cmdline(cmdline: string, elfcorehdr: bigint): string;
  };
  /** A kernel file as an image to place; undefined for what cannot be, which is a check's to say. */
  kernelImage(file: KernelFile, pageSize: bigint): Checked<KernelImage>;
  /** Where the rest of an image may lie beside a kernel: the lowest address, and the end of what initrds may take. */
  boundsBeside(kernel: Range): { readonly min: bigint; readonly initrdMax: bigint };
}

/** Where a kernel goes that does not say where it would like to be: 16 MiB, above what old firmware uses. */
const X86_LOWEST = 0x100_0000n;

/** screen_info.orig_video_isVGA in boot_params, and its value for a text screen at 0xb8000. */
const VIDEO_TYPE = 0x0f;
const VGA_TEXT = 1;

const X86_64: LinuxMachine = {
  handover: "boot_params",
  lowest: X86_LOWEST,
  purgatory: {
    ...PURGATORY,
    build: ({ handover, ...task }, { facts }) =>
      buildPurgatory({
        ...task,
        bootParams: handover,
        sha: task.verify === "sha256" && hasShaInstructions(facts.cpuFlags),
        console: { serial: true, vga: facts.bootParams?.[VIDEO_TYPE] === VGA_TEXT },
      }),
    lacks: (bytes, facts) => purgatoryUsesSha(bytes) && !hasShaInstructions(facts.cpuFlags),
    // On one core of an AMD EPYC of 2020: XXH64, SHA-256 by SHA instructions, and by integer instructions.
    verifiedPerMs: (by, { cpuFlags }) =>
      by === "xxh64" ? 13_000_000 : hasShaInstructions(cpuFlags) ? 1_800_000 : 350_000,
  },
  crash: {
    alignment: 4096n,
    backup: ({ release }) => needsBackup(release) ? BACKUP_SOURCE : undefined,
    dump: crashDump,
    cmdline: (cmdline, elfcorehdr) => addWord(cmdline, `elfcorehdr=${formatAddress(elfcorehdr)}`),
  },
  kernelImage,
  boundsBeside: () => ({ min: X86_LOWEST, initrdMax: 1n << 64n }),
};

const AARCH64: LinuxMachine = {
  handover: "dtb",
  lowest: 0n,
  purgatory: {
    ...ARM64_PURGATORY,
    build: ({ backup: _none, ...task }, { facts, deviceTree = facts.deviceTree, cmdline }) => {
      const uart = consoleOf(deviceTree, cmdline);
      return buildArm64Purgatory({ ...task, ...(uart === undefined ? {} : { uart }) });
    },
    // It asks the processor itself.
    lacks: () => false,
    // Not measured. The data cache is off: memory, not what is done with it, sets the pace.
    verifiedPerMs: () => 350_000,
  },
  crash: {
    // The crash kernel's pages may be larger than the running one's.
    alignment: 0x1_0000n,
    backup: () => undefined,
    dump: arm64CrashDump,
    // The device tree says it.
    cmdline: (cmdline) => cmdline,
  },
  kernelImage: (file, pageSize) => {
    const { path } = file;
    const inner = innerOf(file);
    const { info, size } = inner ?? file;
    const isOurs = info.kind === "arm64-image" && !info.bigEndian &&
      loadObjection("kexec_load", info, "aarch64") === undefined;
    return {
      value: isOurs ? arm64KernelImage({ path, size, info, unpacked: inner !== undefined }, pageSize) : undefined,
      diagnostics: [],
    };
  },
  boundsBeside,
};

const MACHINES: { readonly [machine: string]: LinuxMachine } = { "x86_64": X86_64, aarch64: AARCH64 };

/** The row of a machine, as `uname -m` names it; undefined where no kernel is laid out. */
export function linuxMachine(machine: string): LinuxMachine | undefined {
  return Object.hasOwn(MACHINES, machine) ? MACHINES[machine] : undefined;
}
