/** The words of the conformance table: what is tried, in which state of the guest, and who is to say what about it. */
import type { Range } from "../../../src/core/range.ts";
import type { GuestArch } from "../architecture.ts";

/** What a kernel's answers depend on. */
interface TriedKernel {
  /** Its line of releases. */
  readonly release: "6.1" | "6.12";
  readonly arch: GuestArch;
  /** The call that it is built without. */
  readonly lacks?: Attempt["call"];
  /** The head of its column. */
  readonly column: string;
}

/** The kernels that the table is tried on, by the names of packages.ts. */
export const TRIED = {
  "6.1": { release: "6.1", arch: "x86_64", column: "6.1" },
  "6.12": { release: "6.12", arch: "x86_64", column: "6.12" },
  "6.1-arm64": { release: "6.1", arch: "aarch64", lacks: "kexec_file_load", column: "6.1, arm64" },
} as const satisfies { readonly [name: string]: TriedKernel };

/** One of them. */
export type SeenOn = keyof typeof TRIED;

/** Their names, in the order of the columns. */
export const SEEN_ON = Object.keys(TRIED) as readonly SeenOn[];

/** What the kernel answers: an errno's name, `accepted`, or `not there` where that kernel cannot be brought into the state. */
export type Answer = string;

/** Addresses in the guest, found out there. All in bytes. */
export interface Places {
  readonly pageSize: bigint;
  /** Free memory, many MiB of it, at a multiple of 2 MiB. */
  readonly free: bigint;
  /** Where no memory is, although the kernel can address it. */
  readonly nowhere: bigint;
  /** KEXEC_DESTINATION_MEMORY_LIMIT, rounded down to a page. */
  readonly limit: bigint;
  /** Half of the memory, in whole pages. */
  readonly half: bigint;
  /** The reservation for a crash kernel; where there is none, some free memory. */
  readonly reservation: Range;
  /** The bits of the guest's own KEXEC_ARCH_. */
  readonly native: bigint;
}

/** A segment as it is packed for the call. `unmapped`: its buffer points to where nothing is. */
export interface Piece {
  readonly mem: bigint;
  readonly memsz: bigint;
  readonly bufsz: number;
  readonly unmapped?: boolean;
}

/** A kexec_load(2) call. `unmapped`: the array of segments is where nothing is. */
export interface SegmentAttempt {
  readonly call: "kexec_load";
  readonly entry: bigint;
  readonly pieces: readonly Piece[];
  readonly flags: bigint;
  readonly unmapped?: boolean;
}

/** A descriptor: a path that is opened for reading, or for writing; or -1. */
export type FileArgument = string | { readonly forWriting: string } | -1;

/** A kexec_file_load(2) call. The command line gets its NUL unless it is to lack; `unmapped` is its pointer then. */
export interface FileAttempt {
  readonly call: "kexec_file_load";
  readonly kernel: FileArgument;
  readonly initrd: FileArgument;
  readonly cmdline: string;
  readonly nul?: "missing" | "unmapped";
  readonly flags: bigint;
}

/** A call to make. */
export type Attempt = SegmentAttempt | FileAttempt;

/**
 * The states of the guest, in the order in which they are entered: those that can be left come first, the others lead
 * from one to the next. `user namespace` takes a process of its own.
 */
export const STATES = [
  "as it booted",
  "user namespace",
  "built without kexec_file_load",
  "without CAP_SYS_BOOT",
  "kernel open for writing",
  "load under way",
  "crash load under way",
  "small reservation",
  "no reservation",
  "no crash load left",
  "locked down",
  "integrity policy",
  "loading disabled",
] as const;

/** A state of the guest. */
export type State = typeof STATES[number];

/**
 * What warmboot says. `profile`, `stored plan`: by a failed check or an error of this name, before the call; on a kernel
 * that takes what another one refuses, nothing. `cause`: nothing before, since nothing tells; afterwards, by a cause with
 * these words; `beside` is a check that fails because of a state that was entered before. `nothing`: no profile and no
 * plan can say such a thing, because of what is told here.
 */
export type Ours =
  | { readonly by: "profile" | "stored plan"; readonly says: string; readonly status?: "warn" }
  | {
    readonly by: "cause";
    readonly says: string;
    /** The words on an architecture that differs. */
    readonly on?: { readonly [Arch in GuestArch]?: string };
    readonly beside?: string;
  }
  | { readonly by: "nothing"; readonly why: string }
  | { readonly by: "agreement" };

/** One row of the table. */
export interface Condition {
  readonly id: string;
  /** What is wrong, for the reader of the page. */
  readonly title: string;
  /** The error of the man page that it shows; undefined where the page has none. */
  readonly page?: PageErrorName;
  /** `architecture`: one of many alike, which the page shows in a table of their own. */
  readonly group?: "architecture";
  readonly state?: State;
  readonly attempt: (places: Places) => Attempt;
  /** The kernel's answer; by release where they differ. */
  readonly answer: Answer | { readonly [Release in TriedKernel["release"]]: Answer };
  /** The answer of an architecture that differs. */
  readonly on?: { readonly [Arch in GuestArch]?: Answer };
  readonly ours: Ours;
}

/** An error that cannot be had in the guests. */
export interface Unreachable {
  readonly errno: string;
  readonly title: string;
  readonly call: string;
  readonly page?: PageErrorName;
  readonly why: string;
  /** Our rule, or the cause that is told afterwards. */
  readonly ours: string;
}

/** Every error of kexec_load(2), the page of both calls, in our words. */
export const PAGE_ERRORS = {
  "crash-range": { errno: "EADDRNOTAVAIL", about: "a segment of a crash image lies outside of the crash reservation" },
  "page-size": { errno: "EADDRNOTAVAIL", about: "a segment's address or size is not a multiple of the page size" },
  "descriptor": { errno: "EBADF", about: "the kernel's or the initrd's descriptor is not valid" },
  "crash-loading": { errno: "EBUSY", about: "another crash kernel is being loaded" },
  "crash-in-use": { errno: "EBUSY", about: "a crash kernel is in use" },
  "flags": { errno: "EINVAL", about: "the flags are not valid" },
  "bufsz": { errno: "EINVAL", about: "a segment has more bytes than memory" },
  "count": { errno: "EINVAL", about: "there are more than 16 segments" },
  "overlap": { errno: "EINVAL", about: "two segments overlap" },
  "nul": { errno: "EINVAL", about: "the command line does not end with a NUL" },
  "empty": { errno: "EINVAL", about: "the kernel or the initrd is an empty file" },
  "not-open": { errno: "ENOEXEC", about: "the kernel's descriptor is not an open file" },
  "format": { errno: "ENOEXEC", about: "the kernel file is none that the kernel can load" },
  "memory": { errno: "ENOMEM", about: "memory cannot be allocated" },
  "capability": { errno: "EPERM", about: "the caller lacks CAP_SYS_BOOT" },
} as const;

/** The name of one of them. */
export type PageErrorName = keyof typeof PAGE_ERRORS;

/** What one kernel is to answer: that it lacks the state or the call, or what its source has. */
export function expected(condition: Condition, kernel: SeenOn): Answer {
  const answer = sourceAnswer(condition, kernel);
  return lacks(condition, kernel) && answer !== "not there" ? "ENOSYS" : answer;
}

/** What the source of one kernel has it answer, where it is built with the call. */
export function sourceAnswer({ answer, on }: Condition, kernel: SeenOn): Answer {
  const { release, arch } = TRIED[kernel];
  return on?.[arch] ?? (typeof answer === "string" ? answer : answer[release]);
}

/** What is to be said of it on one kernel. */
export function oursOn({ ours }: Condition, kernel: SeenOn): Ours {
  return ours.by === "cause" ? { ...ours, says: ours.on?.[TRIED[kernel].arch] ?? ours.says } : ours;
}

/** Whether the kernel is built without the condition's call. */
export function lacks(condition: Condition, kernel: SeenOn): boolean {
  const row: TriedKernel = TRIED[kernel];
  return row.lacks === callOf(condition);
}

/** The condition's call, which does not depend on where things lie. */
export function callOf({ attempt }: Condition): Attempt["call"] {
  const reservation = { start: 0n, end: 1n };
  return attempt({ pageSize: 4096n, free: 0n, nowhere: 0n, limit: 0n, half: 0n, reservation, native: 0n }).call;
}
