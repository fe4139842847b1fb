import { BASE64 } from "../host/base64.ts";
import { refine } from "../profile/refine.ts";
import {
  anyText,
  choice,
  count,
  either,
  isMap,
  list,
  pattern,
  record,
  type Shape,
  text,
  wrongType,
} from "../core/shape.ts";
import { contradictionsOf } from "./contradictions.ts";
import type {
  Call,
  FileLoadCall,
  PlannedBases,
  PlannedFile,
  PlannedRange,
  PlannedSegment,
  PlannedSource,
  SegmentLoadCall,
} from "./plan.ts";

const digest = pattern("a SHA-256 of 64 hex digits", /^[0-9a-f]{64}$/);
const hex = pattern("a hexadecimal number as 0x1000", /^0x[0-9a-f]{1,16}$/);
// A NUL would end the path early.
// deno-lint-ignore no-control-regex
const path = pattern("an absolute path", /^\/[^\u0000]*$/);
const archive = pattern("the name of an archive, as files:1", /^files:[1-9][0-9]{0,3}$/);
const fileOrArchive = either(
  "an absolute path, or the name of an archive",
  [path, archive],
  (value) => typeof value === "string" && value.startsWith("files:") ? archive : path,
);
// A profile's command line has none of these either. Kernels take some KiB (COMMAND_LINE_SIZE): the plan of a longer one
// has failed its checks.
const cmdline = pattern(
  "one line of at most 64 KiB without control characters",
  // deno-lint-ignore no-control-regex
  /^[^\u0000-\u001f\u007f-\u009f]{0,65536}$/,
);
const optional = { value: undefined };

const file: Shape<PlannedFile> = record<PlannedFile>({
  path: { shape: fileOrArchive, doc: "The file; or the name of an archive that is made at load" },
  size: { shape: count, doc: "Its size, bytes" },
  sha256: { shape: digest, doc: "Its SHA-256; of an archive, that with its secrets left empty" },
  about: { shape: anyText, doc: "What it is, for people" },
});

const range: Shape<PlannedRange> = record<PlannedRange>({
  start: { shape: hex, doc: "The first address" },
  end: { shape: hex, doc: "The first address after it" },
});

const bases: Shape<PlannedBases> = record<PlannedBases>({
  physical: {
    shape: list(range),
    doc: "Physical memory that the kernel may take; empty: it stays where its segments are, or the loader places them",
  },
  virtual: { shape: range, doc: "The virtual addresses that it may run at; it was linked for the first" },
  alignment: { shape: hex, doc: "Either base differs from the stated one by a multiple of this" },
});

const fileLoad: Shape<FileLoadCall> = record<FileLoadCall>({
  syscall: { shape: choice(["kexec_file_load"]), doc: "The call" },
  flags: { shape: list(text), doc: "The flags by name" },
  flagBits: { shape: hex, doc: "The flags as the call gets them" },
  kernel: { shape: file, doc: "The kernel image" },
  unpacked: {
    shape: record({
      size: { shape: count, doc: "Bytes" },
      sha256: { shape: digest, doc: "Its SHA-256" },
    }),
    doc: "What the kernel file unpacks to, which is handed over instead",
    fallback: optional,
  },
  built: {
    shape: record<NonNullable<FileLoadCall["built"]>>({
      size: { shape: count, doc: "Bytes" },
      sha256: { shape: digest, doc: "Its SHA-256, before the kernel's virtual base is chosen" },
      memory: { shape: count, doc: "The memory that it takes (init_size), bytes" },
    }),
    doc: "The bzImage that is built at load around what the kernel file unpacks to, and handed over instead",
    fallback: optional,
  },
  bases: {
    shape: bases,
    doc: "Where the kernel in a built image may run: its virtual base is chosen when the plan is carried out (KASLR)",
    fallback: optional,
  },
  initrd: { shape: list(file), doc: "The initrds, concatenated in this order" },
  bootconfig: {
    shape: record<NonNullable<FileLoadCall["bootconfig"]>>({
      path: { shape: path, doc: "The initrd" },
      size: { shape: count, doc: "Bytes at its end" },
    }),
    doc: "The bootconfig at the end of an initrd, which comes after the archives that are made at load",
    fallback: optional,
  },
  cmdline: { shape: cmdline, doc: "The command line of the new kernel" },
});

const fileSource: Shape<PlannedSource> = record<Extract<PlannedSource, { readonly kind: "file" }>>({
  kind: { shape: choice(["file"]), doc: "A part of a file" },
  path: { shape: path, doc: "The file" },
  offset: { shape: count, doc: "Where the part begins, bytes" },
  length: { shape: count, doc: "Its length, bytes" },
});

const unpackedSource: Shape<PlannedSource> = record<Extract<PlannedSource, { readonly kind: "unpacked" }>>({
  kind: { shape: choice(["unpacked"]), doc: "A part of what a file unpacks to" },
  path: { shape: path, doc: "The file: a kernel, whose payload is unpacked, or an initrd" },
  offset: { shape: count, doc: "Where the part begins, bytes" },
  length: { shape: count, doc: "Its length, bytes" },
});

const overlaySource: Shape<PlannedSource> = record<Extract<PlannedSource, { readonly kind: "overlay" }>>({
  kind: { shape: choice(["overlay"]), doc: "An archive that is made at load" },
  path: { shape: archive, doc: "Its name" },
  offset: { shape: count, doc: "Where the part begins, bytes" },
  length: { shape: count, doc: "Its length, bytes" },
});

const bytesSource: Shape<PlannedSource> = record<Extract<PlannedSource, { readonly kind: "bytes" }>>({
  kind: { shape: choice(["bytes"]), doc: "Bytes that the plan itself holds" },
  base64: { shape: BASE64, doc: "The bytes" },
  random: {
    shape: list(record({
      offset: { shape: count, doc: "Where it begins, bytes" },
      length: { shape: count, doc: "Its length, bytes" },
    })),
    doc: "Parts that are chosen at random when the plan is carried out",
    fallback: optional,
  },
});

const zeroSource: Shape<PlannedSource> = record<Extract<PlannedSource, { readonly kind: "zero" }>>({
  kind: { shape: choice(["zero"]), doc: "Zero-filled memory" },
});

/** Maps, not objects: the names are foreign, and may be `constructor`. */
const SOURCES: ReadonlyMap<unknown, Shape<PlannedSource>> = new Map([
  ["file", fileSource],
  ["unpacked", unpackedSource],
  ["overlay", overlaySource],
  ["bytes", bytesSource],
  ["zero", zeroSource],
]);

const source: Shape<PlannedSource> = either<PlannedSource>(
  "a file, what one unpacks to, an archive that is made at load, bytes or zero",
  [fileSource, unpackedSource, overlaySource, bytesSource, zeroSource],
  (value) => isMap(value) ? SOURCES.get(value.kind) : undefined,
);

const segment: Shape<PlannedSegment> = record<PlannedSegment>({
  name: { shape: text, doc: "What the segment holds" },
  mem: { shape: hex, doc: "Its physical address" },
  memsz: { shape: count, doc: "The memory it takes, bytes" },
  bufsz: { shape: count, doc: "The bytes copied; the rest is zero" },
  sha256: { shape: digest, doc: "SHA-256 of the bytes copied" },
  source: { shape: source, doc: "Where the bytes come from" },
});

const onlyTrue: Shape<true> = {
  schema: { const: true },
  expected: "true",
  decode(value, at, report) {
    return value === true ? true : void report(wrongType(value, at, "true"));
  },
};

const segmentLoad: Shape<SegmentLoadCall> = record<SegmentLoadCall>({
  syscall: { shape: choice(["kexec_load"]), doc: "The call" },
  flags: { shape: list(text), doc: "The flags by name" },
  flagBits: { shape: hex, doc: "The flags as the call gets them" },
  entry: { shape: hex, doc: "The physical address where execution starts" },
  cmdline: { shape: cmdline, doc: "The command line of the new kernel" },
  segments: { shape: list(segment), doc: "The segments" },
  checksum: {
    shape: choice(["xxh64", "sha256"]),
    doc: "How purgatory verifies the segments just before the jump; xxh64: by sums that are computed at load",
    fallback: optional,
  },
  mismatch: {
    shape: text,
    doc: "Where purgatory says that a segment does not match, before it halts; completes `A mismatch is …`",
    fallback: optional,
  },
  bases: {
    shape: bases,
    doc: "Where an unpacked kernel may lie: one place is chosen when the plan is carried out (KASLR)",
    fallback: optional,
  },
  reentrant: {
    shape: onlyTrue,
    doc: "A payload that returns leaves its next entry point, so that it can run again on any kernel",
    fallback: optional,
  },
  files: { shape: list(file), doc: "The files that the segments' bytes come from" },
});

const CALLS: ReadonlyMap<unknown, Shape<Call>> = new Map<unknown, Shape<Call>>([
  ["kexec_file_load", fileLoad],
  ["kexec_load", segmentLoad],
]);

/** The call of a plan. What a reader sees is what is done: names and bits, digests and bytes agree. */
export const call: Shape<Call> = refine(
  either<Call>(
    "a call of kexec_file_load or kexec_load",
    [fileLoad, segmentLoad],
    (value) => isMap(value) ? CALLS.get(value.syscall) : undefined,
  ),
  (decoded, at, report) => {
    const faults = contradictionsOf(decoded);
    for (const { path, ...fault } of faults) {
      report({ code: "conflict", severity: "error", path: [...at, ...path], ...fault });
    }
    return faults.length === 0 ? decoded : undefined;
  },
);
