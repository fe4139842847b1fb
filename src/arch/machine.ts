import type { CrashDump } from "./elfcorehdr.ts";
import type { FileLoad, LoaderBuffers } from "./file_loader.ts";
import type { KernelImage } from "./kernel_loader.ts";
import type { PurgatoryFormat, PurgatoryTask } from "./purgatory.ts";
import type { DeviceTree } from "../formats/fdt.ts";
import type { Checked } from "../core/diagnostic.ts";
import type { Range } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Checksum } from "../profile/profile.ts";
import type { KernelFile } from "../image/boot_files.ts";

/** What placement must know of an architecture. */
export interface MachineMemory {
  /**
   * Lines nested under `System RAM` that a segment may take: the running kernel itself, since the copy to the final
   * place is made when it no longer runs.
   */
  readonly overwritable: readonly string[];
  /** Where placement starts unless the profile says otherwise, bytes. */
  readonly lowest: bigint;
  /** KEXEC_DESTINATION_MEMORY_LIMIT: a segment must end below it, bytes. */
  readonly limit: bigint;
}

/** What a purgatory is built for. */
export interface PurgatoryAround {
  readonly facts: HostFacts;
  /** The device tree that takes the place of the host's. */
  readonly deviceTree?: DeviceTree;
  readonly cmdline: string;
}

/** What differs from machine to machine where a Linux image is laid out for kexec_load(2). */
export interface LinuxMachine {
  /** Where segments may lie on a machine with these CPUs. */
  memory(facts: Pick<HostFacts, "cpuFlags">): MachineMemory;
  /** The name of the segment that is the handover: boot_params, or the device tree. */
  readonly handover: string;
  /** Below this no purgatory is placed: what old firmware uses. */
  readonly lowest: bigint;
  /** What verifies the image, and jumps to it. */
  readonly purgatory: PurgatoryFormat & {
    build(task: PurgatoryTask, around: PurgatoryAround): Uint8Array;
    /**
     * Where it says that a segment does not match, before it halts. Completes "A mismatch is …": `reported on …`, or
     * `not reported: …` with the reason.
     */
    mismatch(around: PurgatoryAround): string;
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
    /** The command line with the parameter that points to the ELF core header, where the kernel takes one. */
    cmdline(cmdline: string, elfcorehdr: bigint): string;
  };
  /** A kernel file as an image to place; undefined for what cannot be, which is a check's to say. */
  kernelImage(file: KernelFile, facts: Pick<HostFacts, "pageSize" | "cpuFlags" | "efi">): Checked<KernelImage>;
  /** Where the rest of an image may lie beside a kernel: the lowest address, and the end of what initrds may take. */
  boundsBeside(kernel: Range): { readonly min: bigint; readonly initrdMax: bigint };
  /** What the kernel's own loader asks memory for, in its order; undefined for an image that it does not take. */
  fileLoaderBuffers(load: FileLoad): LoaderBuffers | undefined;
}
