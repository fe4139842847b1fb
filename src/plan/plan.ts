import type { RandomPart, Segment, SegmentBytes } from "../arch/segment.ts";
import type { PlannedRequires } from "../profile/planned_requires.ts";
import type { PlannedUnbind } from "../profile/unbind_shape.ts";
import type { PlannedUnlock } from "./unlock/planned.ts";
import type { KexecArch } from "../core/kexec_arch.ts";
import type { Checksum, FileFlagKey, LoadChoice } from "../profile/profile.ts";
import { jsonText } from "../core/text.ts";
import type { DeclaredInitrd } from "./declared_files.ts";
import type { PlannedCarry } from "./carry/planned_carry.ts";
import type { PlannedGuard } from "./guard.ts";
import type { PlannedOverlay } from "./planned_overlay.ts";

/** A file that the call reads, as it was when the plan was made; or an archive that is made at load. */
export interface PlannedFile {
  /** The file, by its absolute path; an archive by its name, `files:1`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. Of an archive, the digest that it has with its secrets left empty. */
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
  /** What the kernel file unpacks to, which is handed over instead: arm64 takes no packed image. */
  readonly unpacked?: { readonly size: number; readonly sha256: string };
  /**
   * What is handed over instead on x86_64: a bzImage that is built at load around what the kernel file unpacks to.
   * Its digest is that before the virtual base is chosen; `memory` is what it takes once it is loaded, bytes.
   */
  readonly built?: { readonly size: number; readonly sha256: string; readonly memory: number };
  /** Where the kernel in a built image may run; its virtual base is chosen when the plan is carried out. */
  readonly bases?: PlannedBases;
  /** The initrds, concatenated in this order. */
  readonly initrd: readonly PlannedFile[];
  /** The bootconfig at the end of one of them, which comes after all others: archives that are made at load follow it. */
  readonly bootconfig?: { readonly path: string; readonly size: number };
  /** The new kernel's command line. */
  readonly cmdline: string;
}

/** Where the bytes of a planned segment come from. */
export type PlannedSource =
  | { readonly kind: "file"; readonly path: string; readonly offset: number; readonly length: number }
  /** A part of what the file unpacks to: a kernel's payload, or all the archives of an initrd. */
  | { readonly kind: "unpacked"; readonly path: string; readonly offset: number; readonly length: number }
  /** An archive that is made at load, as the plan names it. */
  | { readonly kind: "overlay"; readonly path: string; readonly offset: number; readonly length: number }
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

/** A half-open range of addresses, as hexadecimal texts. */
export interface PlannedRange {
  /** The first address. */
  readonly start: string;
  /** The first address after it. */
  readonly end: string;
}

/**
 * Where an unpacked kernel may lie. The two bases of KASLR are chosen when the plan is carried out, so that the plan stays
 * the same and discloses neither. The kernel's segments move together; their `mem` is where they lie if nothing is chosen.
 */
export interface PlannedBases {
  /**
   * Physical memory that it may take, whole; every range was checked. Empty: it stays where its segments are, or where
   * kexec_file_load places them.
   */
  readonly physical: readonly PlannedRange[];
  /** The virtual addresses that it may run at; it was linked for the first. */
  readonly virtual: PlannedRange;
  /** Either base differs from the stated one by a multiple of this, hexadecimal. */
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
  /** The physical address where execution starts, hexadecimal. */
  readonly entry: string;
  /** The new kernel's command line. */
  readonly cmdline: string;
  /** Every segment, placed. */
  readonly segments: readonly PlannedSegment[];
  /**
   * How purgatory verifies the segments just before the jump; absent where nothing is verified, and in plans that are
   * older than XXH64, which verify SHA-256.
   */
  readonly checksum?: Checksum;
  /**
   * Where purgatory says that a segment does not match, before it halts. Completes "A mismatch is …". Absent where nothing
   * is verified, and in older plans.
   */
  readonly mismatch?: string;
  /** Where the kernel may lie; one place is chosen when the plan is carried out. */
  readonly bases?: PlannedBases;
  /** Whether a payload that returns leaves its next entry point, so that it can run again on any kernel. */
  readonly reentrant?: true;
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

/** The host that a plan was made for. A stored plan is refused on any other. */
export interface PlannedHost {
  /** Its name. */
  readonly hostname?: string;
  /** As uname -m. */
  readonly machine: string;
  /** As uname -r. */
  readonly release: string;
  /** The command line of its running kernel. */
  readonly cmdline?: string;
}

/**
 * Everything in a profile that decides its plan, with its command line resolved. A stored plan holds it, so that the plan
 * can be derived again before it is loaded. Explicit segments cannot be derived: they are those of the call, by a digest.
 */
export interface Declared {
  /** Which call the profile asks for. */
  readonly load: LoadChoice;
  /** The architecture of the call. */
  readonly arch: KexecArch;
  /** The kernel, by its absolute path; absent with explicit segments. */
  readonly kernel?: string;
  /** The initrds, by their absolute paths, and the files that archives among them are made of. */
  readonly initrd: readonly DeclaredInitrd[];
  /** The device tree, by its absolute path. */
  readonly dtb?: string;
  /** The modules of a Multiboot image, by their absolute paths; absent without any. */
  readonly modules?: readonly { readonly path: string; readonly cmdline: string }[];
  /** The entry of the boot loader that the files and the command line are from, and which one that was. */
  readonly bootEntry?: { readonly id: string; readonly found: string };
  /** The command line with what a guard adds, before a stamp and the placement of the image add to it. */
  readonly cmdline: string;
  /** Load into the crash reservation. */
  readonly crash: boolean;
  /** Save the running system. */
  readonly preserveContext: boolean;
  /** Whether the payload leaves its next entry point, so that it can run again without a load. */
  readonly reentrant: boolean;
  /** The entry of explicit segments, hexadecimal. */
  readonly entry?: string;
  /** SHA-256 of the list of explicit segments: their names, addresses, sizes, sources and digests. */
  readonly segments?: string;
  /** The lowest address for segments, hexadecimal. */
  readonly memoryMin?: string;
  /** The first address that is too high for segments, hexadecimal. */
  readonly memoryMax?: string;
  /** How the segments are verified. */
  readonly checksum: "fastest" | "none" | Checksum;
  /** Place the decompressed kernel: always, where that can be done, or never. */
  readonly predecompress: boolean | "auto";
  /** What the running kernel preserves over kexec may be lost; absent where it is to be kept. */
  readonly preservedState?: "discard";
  /** The keys of flags of kexec_file_load that the profile sets, in the order of their bits; absent if there are none. */
  readonly fileFlags?: readonly FileFlagKey[];
  /** Add a stamp to the command line. */
  readonly stamp: boolean;
}

/**
 * What will happen: inert data, and its own JSON form. Sizes are bytes; addresses are hexadecimal texts, since a JSON
 * number does not hold 64 bits.
 */
export interface Plan {
  /** The format of this document. */
  readonly format: "warmboot.plan/1";
  /** The version of warmboot that made the plan. */
  readonly warmboot?: string;
  /** The name of the profile. */
  readonly profile: string;
  /** The host that it was made for. */
  readonly host: PlannedHost;
  /** What the profile requires of its host; a stored plan asks it again. */
  readonly requires?: PlannedRequires;
  /** The devices that are taken from their drivers just before the jump; absent without any. */
  readonly unbind?: PlannedUnbind;
  /** The volumes that the next initrd opens with keys that it is given; absent without any. */
  readonly unlock?: readonly PlannedUnlock[];
  /** The way back if the new system does not come up; absent without one. */
  readonly guard?: PlannedGuard;
  /** What of the running system the next initrd gets; absent where it gets nothing. */
  readonly carry?: PlannedCarry;
  /** What the profile declares: the plan is derived from it again before it is loaded. Absent in older plans. */
  readonly declared?: Declared;
  /** The call that loads the image. */
  readonly call: Call;
  /** The archives among its initrds that are made at load; absent without any. */
  readonly overlays?: readonly PlannedOverlay[];
  /** The release of the new kernel, as uname -r will report it; absent where unknown. */
  readonly release?: string;
  /** Its build, as uname -v will report it. */
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

/** The paths of a call's files by their role, each once. */
export interface FileRoles {
  /** The kernel; undefined with explicit segments. */
  readonly kernel: string | undefined;
  /** The initrds, in order. */
  readonly initrd: readonly string[];
  /** The device tree that replaces the host's. */
  readonly dtb: string | undefined;
  /** The modules of a Multiboot image, in order. */
  readonly modules: readonly string[];
  /** The files of explicit segments. */
  readonly segments: readonly string[];
}

/**
 * The names of the segments that hand a kernel its parameters: boot_params on x86_64, the device tree on arm64, the
 * information of a Multiboot image, the setup code of a kernel that starts in real mode.
 */
export const HANDOVERS: readonly string[] = ["boot_params", "dtb", "multiboot_info", "setup"];

/** Sorts a call's files by role. In a kexec_load call, the names of the segments decide: the planner chooses those of a kernel. */
export function rolesOf(call: Call): FileRoles {
  if (call.syscall === "kexec_file_load") {
    const initrd = call.initrd.map(({ path }) => path);
    return { kernel: call.kernel.path, initrd, dtb: undefined, modules: [], segments: [] };
  }
  const paths = (name: RegExp) =>
    call.segments.flatMap((segment) =>
      name.test(segment.name) && "path" in segment.source ? [segment.source.path] : []
    );
  const isKernel = call.segments.some(({ name }) => HANDOVERS.includes(name));
  if (!isKernel) {
    return { kernel: undefined, initrd: [], dtb: undefined, modules: [], segments: [...new Set(paths(/./))] };
  }
  const kernel = paths(/^kernel( \d+)?$/)[0];
  const initrd = paths(/^initrd( \d+)?$/);
  // The plan holds the device tree itself; no segment names the file.
  const modules = paths(/^module( \d+)?$/);
  const dtb = call.files.find(({ path }) => path !== kernel && !initrd.includes(path) && !modules.includes(path))?.path;
  return { kernel, initrd, dtb, modules, segments: [] };
}

/** Whether a segment of a Linux image is the kernel, or a part of it. */
export function isKernel({ name }: { readonly name: string }): boolean {
  return /^kernel( \d+)?$/.test(name);
}

/** A file as a plan names it. */
export function plannedFile({ path, size, sha256 }: Omit<PlannedFile, "about">, about: string): PlannedFile {
  return { path, size, sha256, about };
}

/** A planned segment, with its numbers as bigint and its bytes decoded. */
export function segmentOf({ name, mem, memsz, source }: PlannedSegment): Segment {
  const bytes: SegmentBytes = source.kind === "bytes"
    ? { kind: "bytes", bytes: Uint8Array.fromBase64(source.base64) }
    : source;
  return { name, mem: BigInt(mem), memsz: BigInt(memsz), bytes };
}

/** The plan as JSON text: the same plan gives the same bytes. */
export function planText(value: Plan): string {
  return jsonText(value);
}
