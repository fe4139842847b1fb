import type { Checked } from "../core/diagnostic.ts";
import type { DeviceTree } from "../formats/fdt.ts";
import type { Range } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import type { RealMode } from "./purgatory.ts";
import type { RandomPart, Segment, SegmentRequest } from "./segment.ts";

/** The virtual addresses among which a base is chosen. */
export interface VirtualBases extends Range {
  /** A power of two, bytes. */
  readonly alignment: bigint;
}

/** A kernel that kexec_load(2) can start: what memory it needs, what becomes of it at an address, what is handed over to it. */
export interface KernelImage {
  readonly request: SegmentRequest;
  /** What of its place is chosen at load, for a kernel that was unpacked before: KASLR. */
  readonly bases?: {
    /** The virtual addresses that it may take. */
    readonly virtual: VirtualBases;
    /** Why its physical address is not chosen; undefined where it is. */
    readonly fixed?: string;
  };
  /** Where the rest of its image ends at the latest, and its initrds; undefined where both may lie anywhere. */
  readonly beside?: { readonly max: bigint; readonly initrdMax: bigint };
  /** Whether purgatory enters it in 32-bit mode, on x86_64. */
  readonly entry32?: boolean;
  /** The name of what is handed over to it, where that is not the machine's own. */
  readonly handover?: string;
  /** What a Multiboot image finds in eax. */
  readonly multibootMagic?: number;
  /** Whether it runs on the BIOS, and so needs interrupt controllers and timer as that sets them up. */
  readonly legacy?: boolean;
  /** Where what is handed over lies: below 1 MiB, where real mode reaches it. */
  readonly low?: Pick<SegmentRequest, "min" | "max" | "preferred">;
  /** Its segments and entry when it lies at this address. */
  at(address: bigint): { readonly entry: bigint; readonly segments: readonly Segment[] };
  /** What is handed over to it when it starts. */
  handOver(input: HandoverInput): Checked<Handover>;
}

/** What a kernel must know when it starts. */
export interface HandoverInput {
  /** The host, for what the next kernel inherits. */
  readonly facts: HostFacts;
  /** Without its NUL; written as UTF-8. */
  readonly cmdline: string;
  /** Whether there is an initrd; where it lies is given when the handover is built. */
  readonly initrd: boolean;
  /** The command lines of the modules of a Multiboot image. */
  readonly modules?: readonly string[];
  /** Whether its bases are random, as its own decompressor would have reported it. */
  readonly kaslr: boolean;
  /** The device tree that the profile names in place of the host's. */
  readonly deviceTree?: DeviceTree;
  /** Of a crash image. */
  readonly crash?: {
    /** Where the ELF core header lies. */
    readonly elfcorehdr: Range;
    /** What lies in the reservation and must be left alone: that, and what was copied away. */
    readonly kept: readonly Range[];
  };
}

/** The segment that is handed over to a kernel; its size is the same wherever it and the initrd lie. */
export interface Handover {
  /** Bytes. */
  readonly size: bigint;
  /** A power of two. */
  readonly alignment: bigint;
  /**
   * Its bytes for a place of its own, of the kernel, of all initrds together, one after the other, and of each module;
   * physical addresses.
   */
  build(
    at: bigint,
    around: {
      readonly kernel: bigint;
      readonly initrd?: { readonly address: bigint; readonly size: bigint };
      readonly modules?: readonly { readonly address: bigint; readonly size: bigint }[];
    },
  ): HandoverBytes;
}

/** The bytes of a handover. */
export interface HandoverBytes {
  readonly bytes: Uint8Array;
  /** Zeros that are replaced at load. */
  readonly random: readonly RandomPart[];
  /** How it is entered in real mode. */
  readonly real?: RealMode;
  /** What purgatory copies into them before it jumps; physical addresses and bytes. */
  readonly copied?: { readonly from: bigint; readonly to: bigint; readonly size: bigint };
}
