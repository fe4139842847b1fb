import type { Path } from "../core/diagnostic.ts";
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
import type {
  Call,
  Check,
  FileLoadCall,
  Plan,
  PlannedFile,
  PlannedHost,
  PlannedSegment,
  PlannedSource,
  Reason,
  SegmentLoadCall,
} from "./plan.ts";

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

const fileSource: Shape<PlannedSource> = record<Extract<PlannedSource, { readonly kind: "file" }>>({
  kind: { shape: choice(["file"]), doc: "A part of a file" },
  path: { shape: text, doc: "The file" },
  offset: { shape: count, doc: "Where the part begins, bytes" },
  length: { shape: count, doc: "Its length, bytes" },
});

const bytesSource: Shape<PlannedSource> = record<Extract<PlannedSource, { readonly kind: "bytes" }>>({
  kind: { shape: choice(["bytes"]), doc: "Bytes that stand in the plan" },
  base64: { shape: pattern("base64", /^[A-Za-z0-9+/]*={0,2}$/), doc: "The bytes" },
  random: {
    shape: record({
      offset: { shape: count, doc: "Where it begins, bytes" },
      length: { shape: count, doc: "Its length, bytes" },
    }),
    doc: "A part that is chosen at random when the plan is carried out",
    fallback: optional,
  },
});

const zeroSource: Shape<PlannedSource> = record<Extract<PlannedSource, { readonly kind: "zero" }>>({
  kind: { shape: choice(["zero"]), doc: "Zero-filled memory" },
});

const source: Shape<PlannedSource> = either<PlannedSource>(
  "a file, bytes or zero",
  [fileSource, bytesSource, zeroSource],
  (value) => isMap(value) ? { file: fileSource, bytes: bytesSource, zero: zeroSource }[String(value.kind)] : undefined,
);

const segment: Shape<PlannedSegment> = record<PlannedSegment>({
  name: { shape: text, doc: "What the segment holds" },
  mem: { shape: hex, doc: "Its physical address" },
  memsz: { shape: count, doc: "The memory it takes, bytes" },
  bufsz: { shape: count, doc: "The bytes copied; the rest is zero" },
  sha256: { shape: digest, doc: "SHA-256 of the bytes copied" },
  source: { shape: source, doc: "Where the bytes come from" },
});

const segmentLoad: Shape<SegmentLoadCall> = record<SegmentLoadCall>({
  syscall: { shape: choice(["kexec_load"]), doc: "The call" },
  flags: { shape: list(text), doc: "The flags by name" },
  flagBits: { shape: hex, doc: "The flags as the call gets them" },
  entry: { shape: hex, doc: "The physical address that is jumped to" },
  cmdline: { shape: anyText, doc: "The command line of the new kernel" },
  segments: { shape: list(segment), doc: "The segments" },
  files: { shape: list(file), doc: "The files that the segments' bytes come from" },
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
