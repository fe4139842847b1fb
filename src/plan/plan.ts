import {
  anyText,
  choice,
  count,
  either,
  type Fields,
  isMap,
  type JsonSchema,
  list,
  pattern,
  record,
  type Report,
  type Shape,
  text,
} from "../core/shape.ts";
import type { Path } from "../core/diagnostic.ts";

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
  /** The initrds, concatenated in this order. */
  readonly initrd: readonly PlannedFile[];
  /** The new kernel's command line, or the running one's in `host`. */
  readonly cmdline: string;
}

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
  readonly source: string;
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
  /** The call that loads the image. */
  readonly call: Call;
  /** What the new kernel is, where that is known: its release, as uname -r will say. */
  readonly release?: string;
  /** Why this call. */
  readonly reasons: readonly Reason[];
  /** Every rule that applies. */
  readonly checks: readonly Check[];
}

const digest = pattern("a SHA-256 of 64 hex digits", /^[0-9a-f]{64}$/);
const hex = pattern("a hexadecimal number as 0x1000", /^0x[0-9a-f]{1,16}$/);
const optional = { value: undefined };

const file: Shape<PlannedFile> = record<PlannedFile>({
  path: { shape: text, doc: "The file" },
  size: { shape: count, doc: "Its size, bytes" },
  sha256: { shape: digest, doc: "Its SHA-256" },
  about: { shape: anyText, doc: "What it is, for people" },
});

const fileLoad: Shape<FileLoadCall> = record<FileLoadCall>({
  syscall: { shape: choice(["kexec_file_load"]), doc: "The call" },
  flags: { shape: list(text), doc: "The flags by name" },
  flagBits: { shape: hex, doc: "The flags as the call gets them" },
  kernel: { shape: file, doc: "The kernel image" },
  initrd: { shape: list(file), doc: "The initrds, concatenated in this order" },
  cmdline: { shape: anyText, doc: "The command line of the new kernel" },
});

const segment: Shape<PlannedSegment> = record<PlannedSegment>({
  name: { shape: text, doc: "What the segment holds" },
  mem: { shape: hex, doc: "Its physical address" },
  memsz: { shape: count, doc: "The memory it takes, bytes" },
  bufsz: { shape: count, doc: "The bytes copied; the rest is zero" },
  sha256: { shape: digest, doc: "SHA-256 of the bytes copied" },
  source: { shape: text, doc: "Where the bytes come from" },
});

const segmentLoad: Shape<SegmentLoadCall> = record<SegmentLoadCall>({
  syscall: { shape: choice(["kexec_load"]), doc: "The call" },
  flags: { shape: list(text), doc: "The flags by name" },
  flagBits: { shape: hex, doc: "The flags as the call gets them" },
  entry: { shape: hex, doc: "The physical address that is jumped to" },
  cmdline: { shape: anyText, doc: "The command line of the new kernel" },
  segments: { shape: list(segment), doc: "The segments" },
});

const call: Shape<Call> = either<Call>(
  "a call of kexec_file_load or kexec_load",
  [fileLoad, segmentLoad],
  (value) =>
    isMap(value)
      ? { kexec_file_load: fileLoad, kexec_load: segmentLoad }[String(value.syscall)] as Shape<Call> | undefined
      : undefined,
);

const fields: Fields<Plan> = {
  format: { shape: choice(["warmboot.plan/1"]), doc: "The form of this document" },
  profile: { shape: text, doc: "The name of the profile" },
  host: {
    shape: record<PlannedHost>({
      hostname: { shape: text, doc: "Its name", fallback: optional },
      machine: { shape: text, doc: "Its architecture, as uname -m says" },
      release: { shape: text, doc: "Its running kernel, as uname -r says" },
      cmdline: { shape: anyText, doc: "Its running kernel's command line", fallback: optional },
    }),
    doc: "The host that the plan is for",
  },
  call: { shape: call, doc: "The system call that loads the image" },
  release: { shape: text, doc: "The new kernel's release, where known", fallback: optional },
  reasons: {
    shape: list(record<Reason>({
      code: { shape: text, doc: "The reason's name" },
      message: { shape: text, doc: "The reason, for people" },
    })),
    doc: "Why this call",
  },
  checks: {
    shape: list(record<Check>({
      rule: { shape: text, doc: "The rule's name" },
      status: { shape: choice(["pass", "warn", "fail"]), doc: "Its verdict" },
      message: { shape: text, doc: "What was found, for people" },
      hint: { shape: text, doc: "What to do about it", fallback: optional },
    })),
    doc: "Every rule that applies, with its verdict",
  },
};

const plan = record<Plan>(fields, "a plan of warmboot");

/** Decodes a stored plan. */
export function decodePlan(value: unknown, at: Path, report: Report): Plan | undefined {
  return plan.decode(value, at, report);
}

/** The JSON Schema of `plan -o json`. */
export function planSchema(): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot plan",
    description: "What `warmboot plan -o json` prints and `warmboot load` carries out",
    ...plan.schema,
  };
}

/** The plan as text: the same plan, the same bytes. */
export function planText(value: Plan): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
