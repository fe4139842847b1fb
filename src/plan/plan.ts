import type { RandomPart, Segment, SegmentBytes } from "../arch/segment.ts";
import type { PlannedRequires } from "../profile/planned_requires.ts";
import type { Checksum } from "../profile/profile.ts";
import { jsonText } from "../core/text.ts";

/** A file that the call reads, as it was when the plan was made. */
export interface PlannedFile {
  /** The file, by its absolute path. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** What the file is, in a line for people. */
  readonly about: string;
}

/** A call of kexec_file_load(2): the kernel reads and places the image itself. */
export interface FileLoadCall {
  /** The call. */
  readonly syscall: "kexec_file_load";
  /** Its flags, by name. */
  readonly flags: readonly string[];
  /** The flags as the call gets them, hexadecimal. */
  readonly flagBits: string;
  /** The kernel image. */
  readonly kernel: PlannedFile;
  /** What the kernel file unpacks to, which is handed over in its place: arm64 takes no packed image. */
  readonly unpacked?: { readonly size: number; readonly sha256: string };
  /** The initrds, concatenated in this order. */
  readonly initrd: readonly PlannedFile[];
  /** The new kernel's command line, or the running one's in `host`. */
  readonly cmdline: string;
}

/** Where the bytes of a planned segment come from. */
export type PlannedSource =
  | { readonly kind: "file"; readonly path: string; readonly offset: number; readonly length: number }
  /** A part of what the file unpacks to: a kernel's payload, or all the archives of an initrd. */
  | { readonly kind: "unpacked"; readonly path: string; readonly offset: number; readonly length: number }
  | {
    readonly kind: "bytes";
    readonly base64: string;
    /** Parts that are filled with random bytes when the plan is carried out, so that the plan stays the same. */
    readonly random?: readonly RandomPart[];
  }
  | { readonly kind: "zero" };

/** One segment of kexec_load(2): where it lies, and where its bytes come from. */
export interface PlannedSegment {
  /** What it holds. */
  readonly name: string;
  /** Physical address, hexadecimal. */
  readonly mem: string;
  /** Memory that it takes, bytes. */
  readonly memsz: number;
  /** Bytes copied; the rest is zero. */
  readonly bufsz: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** Where the bytes come from. */
  readonly source: PlannedSource;
}

/** Addresses as hexadecimal texts; the last one is behind the range. */
export interface PlannedRange {
  /** The first address. */
  readonly start: string;
  /** The address behind the last. */
  readonly end: string;
}

/**
 * Where an unpacked kernel may lie: the two bases of KASLR are chosen when the plan is carried out, so that the plan stays
 * the same and names neither. Its segments move together; their `mem` is where they lie if nothing is chosen.
 */
export interface PlannedBases {
  /** Physical memory that it may take, whole; every range was checked. Empty: it stays where the segments say. */
  readonly physical: readonly PlannedRange[];
  /** The virtual addresses that it may take; it was linked for the first. */
  readonly virtual: PlannedRange;
  /** Either base is a multiple of this away from the one that is stated, hexadecimal. */
  readonly alignment: string;
}

/** A call of kexec_load(2) with every segment placed. */
export interface SegmentLoadCall {
  /** The call. */
  readonly syscall: "kexec_load";
  /** Its flags, by name. */
  readonly flags: readonly string[];
  /** The flags as the call gets them, hexadecimal. */
  readonly flagBits: string;
  /** The physical address that is jumped to, hexadecimal. */
  readonly entry: string;
  /** The new kernel's command line, or the running one's in `host`. */
  readonly cmdline: string;
  /** Every segment, placed. */
  readonly segments: readonly PlannedSegment[];
  /**
   * By what purgatory verifies the segments just before the jump; absent where nothing is verified, and in plans of before
   * XXH64, which verify SHA-256.
   */
  readonly checksum?: Checksum;
  /** What is chosen of the kernel's place when the plan is carried out. */
  readonly bases?: PlannedBases;
  /** The files that the segments' bytes come from. */
  readonly files: readonly PlannedFile[];
}

/** The one call that a plan makes. */
export type Call = FileLoadCall | SegmentLoadCall;

/** Why the planner decided as it did. */
export interface Reason {
  /** The reason's name. */
  readonly code: string;
  /** The same for people. */
  readonly message: string;
}

/** The verdict of one rule. */
export interface Check {
  /** The rule's name. */
  readonly rule: string;
  /** Its verdict; a plan with `fail` is not carried out. */
  readonly status: "pass" | "warn" | "fail";
  /** The same for people. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** The host that a plan was made for. A stored plan is refused elsewhere. */
export interface PlannedHost {
  /** Its name. */
  readonly hostname?: string;
  /** As uname -m. */
  readonly machine: string;
  /** As uname -r. */
  readonly release: string;
  /** The new kernel's command line, or the running one's in `host`. */
  readonly cmdline?: string;
}

/**
 * What will happen: inert data, and its own JSON form. Sizes are bytes; addresses are hexadecimal texts, since a JSON
 * number does not hold 64 bits.
 */
export interface Plan {
  /** The form of this document. */
  readonly format: "warmboot.plan/1";
  /** The name of the profile. */
  readonly profile: string;
  /** The host that it is for. */
  readonly host: PlannedHost;
  /** What the profile asks of its host; a stored plan asks it again. */
  readonly requires?: PlannedRequires;
  /** The call that loads the image. */
  readonly call: Call;
  /** What the new kernel is, where that is known: its release, as uname -r will say. */
  readonly release?: string;
  /** Its build, as uname -v will say. */
  readonly version?: string;
  /** Why this call. */
  readonly reasons: readonly Reason[];
  /** Every rule that applies. */
  readonly checks: readonly Check[];
}

/** Every file that a call reads. */
export function filesOf(call: Call): readonly PlannedFile[] {
  return call.syscall === "kexec_load" ? call.files : [call.kernel, ...call.initrd];
}

/** The files of a call by what they are to it: paths, each once. */
export interface FileRoles {
  /** The kernel; undefined with explicit segments. */
  readonly kernel: string | undefined;
  /** The initrds, in order. */
  readonly initrd: readonly string[];
  /** The device tree that takes the place of the host's. */
  readonly dtb: string | undefined;
  /** The files of explicit segments. */
  readonly segments: readonly string[];
}

/** The segments by which a kernel is told what it must know: the names that the machines have for them. */
export const HANDOVERS: readonly string[] = ["boot_params", "dtb"];

/** Tells a call's files apart. In a kexec_load call the names of the segments do: those of a kernel are the planner's. */
export function rolesOf(call: Call): FileRoles {
  if (call.syscall === "kexec_file_load") {
    return { kernel: call.kernel.path, initrd: call.initrd.map(({ path }) => path), dtb: undefined, segments: [] };
  }
  const paths = (name: RegExp) =>
    call.segments.flatMap((segment) =>
      name.test(segment.name) && "path" in segment.source ? [segment.source.path] : []
    );
  const isLinux = call.segments.some(({ name }) => HANDOVERS.includes(name));
  if (!isLinux) return { kernel: undefined, initrd: [], dtb: undefined, segments: [...new Set(paths(/./))] };
  const kernel = paths(/^kernel( \d+)?$/)[0];
  const initrd = paths(/^initrd( \d+)?$/);
  // What is made of it stands in the plan; no segment names the file.
  const dtb = call.files.find(({ path }) => path !== kernel && !initrd.includes(path))?.path;
  return { kernel, initrd, dtb, segments: [] };
}

/** Whether a segment of a Linux image is the kernel, or a part of it. */
export function isKernel({ name }: { readonly name: string }): boolean {
  return /^kernel( \d+)?$/.test(name);
}

/** A file as a plan names it. */
export function plannedFile({ path, size, sha256 }: Omit<PlannedFile, "about">, about: string): PlannedFile {
  return { path, size, sha256, about };
}

/** A planned segment as it is laid out in memory. */
export function segmentOf({ name, mem, memsz, source }: PlannedSegment): Segment {
  const bytes: SegmentBytes = source.kind === "bytes"
    ? { kind: "bytes", bytes: Uint8Array.fromBase64(source.base64) }
    : source;
  return { name, mem: BigInt(mem), memsz: BigInt(memsz), bytes };
}

/** The plan as text: the same plan, the same bytes. */
export function planText(value: Plan): string {
  return jsonText(value);
}
