import { assertEquals } from "@std/assert";
import { sha256 } from "@noble/hashes/sha2.js";
import { PURGATORY_SYMBOLS as AT } from "../../src/arch/x86_64/purgatory_code.ts";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import type { FileLoadCall, Plan, PlannedSegment, SegmentLoadCall } from "../../src/plan/plan.ts";
import { decodePlan } from "../../src/plan/plan_shape.ts";
import { planBoot } from "../../src/plan/planner.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function planOf(load: "kexec_file_load" | "kexec_load", checksum: Profile["checksum"] = true): Plan {
  const { value } = planBoot({
    profile: profileOf({ load, checksum }),
    facts: hostFacts(),
    images: images(),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error("Cannot plan");
  return value;
}

const FILE_PLAN = planOf("kexec_file_load");
const SEGMENT_PLAN = planOf("kexec_load");
const SEGMENTS = SEGMENT_PLAN.call.syscall === "kexec_load" ? SEGMENT_PLAN.call.segments : [];
const [KERNEL, , BOOT_PARAMS] = SEGMENTS;
const PURGATORY = SEGMENTS.at(-1);

function problemsOf(plan: unknown): readonly Diagnostic[] {
  const problems: Diagnostic[] = [];
  const decoded = decodePlan(plan, [], (problem) => problems.push(problem));
  assertEquals(decoded === undefined, problems.length > 0);
  return problems;
}

function refused(name: string, plan: Plan, changes: object, path: readonly (string | number)[], says: string): void {
  Deno.test({
    name: `a stored plan is refused: ${name}`,
    permissions: "none",
    fn() {
      const [problem] = problemsOf({ ...plan, call: { ...plan.call, ...changes } });
      assertEquals(problem?.path, ["call", ...path]);
      assertEquals(problem?.message, says);
    },
  });
}

Deno.test({
  name: "what the planner makes does not contradict itself",
  permissions: "none",
  fn() {
    assertEquals([problemsOf(FILE_PLAN), problemsOf(SEGMENT_PLAN)], [[], []]);
  },
});

type FileChanges = Partial<FileLoadCall>;
const FILE_CASES: readonly (readonly [string, FileChanges, readonly (string | number)[], string])[] = [
  ["bits without their name", { flagBits: "0x2" }, ["flagBits"], "`flagBits` are not the bits of `flags`"],
  ["bits that unload", { flagBits: "0x1" }, ["flagBits"], "`flagBits` are not the bits of `flags`"],
  [
    "a name without its bit",
    { flags: ["KEXEC_FILE_ON_CRASH"] },
    ["flagBits"],
    "`flagBits` are not the bits of `flags`",
  ],
  ["a flag of the other call", { flags: ["KEXEC_ON_CRASH"] }, ["flags"], "kexec_file_load has no flag KEXEC_ON_CRASH"],
  [
    "a flag that is a property of every object",
    { flags: ["toString"] },
    ["flags"],
    "kexec_file_load has no flag toString",
  ],
  [
    "the flag that unloads",
    { flags: ["KEXEC_FILE_UNLOAD"], flagBits: "0x1" },
    ["flags"],
    "KEXEC_FILE_UNLOAD unloads an image, but a plan loads one",
  ],
  [
    "the flag that unloads, beside another",
    { flags: ["KEXEC_FILE_UNLOAD", "KEXEC_FILE_DEBUG"], flagBits: "0x9" },
    ["flags"],
    "KEXEC_FILE_UNLOAD unloads an image, but a plan loads one",
  ],
  [
    "a bootconfig that is larger than its initrd",
    { bootconfig: { path: "/boot/initrd.img", size: (30 << 20) + 1 } },
    ["bootconfig"],
    "`bootconfig` is not the end of an initrd of the plan",
  ],
  [
    "a bootconfig of another file",
    { bootconfig: { path: "/boot/other.img", size: 1 } },
    ["bootconfig"],
    "`bootconfig` is not the end of an initrd of the plan",
  ],
  ["no initrd, unsaid", { initrd: [] }, ["flags"], "The plan has no initrd, but lacks KEXEC_FILE_NO_INITRAMFS"],
  [
    "an initrd that would be ignored",
    { flags: ["KEXEC_FILE_NO_INITRAMFS"], flagBits: "0x4" },
    ["flags"],
    "KEXEC_FILE_NO_INITRAMFS and an initrd are mutually exclusive; the initrd would be ignored",
  ],
  [
    "a NUL in the command line",
    { cmdline: "ro\0 init=/bin/sh" },
    ["cmdline"],
    "`cmdline` is not one line of at most 64 KiB without control characters",
  ],
  [
    "a command line of two lines",
    { cmdline: "ro\ninit=/bin/sh" },
    ["cmdline"],
    "`cmdline` is not one line of at most 64 KiB without control characters",
  ],
];
for (const [name, changes, path, says] of FILE_CASES) refused(name, FILE_PLAN, changes, path, says);
for (const path of ["boot/vmlinuz", "/boot/\0vmlinuz"]) {
  const kernel = { path, size: 1, sha256: "a".repeat(64), about: "" };
  refused(
    `a kernel at ${JSON.stringify(path)}`,
    FILE_PLAN,
    { kernel },
    ["kernel", "path"],
    "`path` is not an absolute path",
  );
}

type SegmentChanges = Partial<SegmentLoadCall>;
const ARCH = SEGMENT_PLAN.call.flags;
const SEGMENT_CASES: readonly (readonly [string, SegmentChanges, readonly (string | number)[], string])[] = [
  [
    "kexec_load with no segments",
    { segments: [] },
    ["segments"],
    "There are no segments; kexec_load without any unloads the current image",
  ],
  [
    "kexec_load for another architecture",
    { flags: ["KEXEC_ARCH_386"] },
    ["flagBits"],
    "`flagBits` are not the bits of `flags`",
  ],
  [
    "kexec_load for two",
    { flags: [...ARCH, "KEXEC_ARCH_386"], flagBits: "0x30000" },
    ["flags"],
    "kexec_load takes exactly one architecture; the flags name 2",
  ],
  ["kexec_load for none", { flags: [] }, ["flags"], "kexec_load takes exactly one architecture; the flags name 0"],
  [
    "a payload that returns, though nothing is preserved",
    { reentrant: true },
    ["reentrant"],
    "`reentrant` requires KEXEC_PRESERVE_CONTEXT",
  ],
  [
    "a segment from a file that is not listed",
    { files: [] },
    ["segments", 0],
    'Segment "kernel" comes from /boot/vmlinuz, which `files` does not list',
  ],
];
for (const [name, changes, path, says] of SEGMENT_CASES) refused(name, SEGMENT_PLAN, changes, path, says);

function refusedSegment(name: string, of: PlannedSegment | undefined, changes: object, says: string): void {
  const segments = SEGMENTS.map((segment) => segment === of ? { ...segment, ...changes } : segment);
  refused(name, SEGMENT_PLAN, { segments }, ["segments", SEGMENTS.findIndex((segment) => segment === of)], says);
}

const random = (offset: number) => ({ kind: "bytes", base64: "AAAA", random: [{ offset, length: 2 }] });
refusedSegment(
  "other bytes",
  BOOT_PARAMS,
  { bufsz: 3, source: { kind: "bytes", base64: "AAAA" } },
  'Segment "boot_params" has a SHA-256 that does not match its bytes',
);
refusedSegment(
  "fewer bytes",
  BOOT_PARAMS,
  { source: { kind: "bytes", base64: "AAAA" } },
  'Segment "boot_params" copies 4168 bytes, but the plan holds 3',
);
for (const base64 of ["AAAAA", "AAAA=", "AAA", "AAB=", "AA-_"]) {
  Deno.test({
    name: `a stored plan is refused: bytes that are not written as base64 is, ${base64}`,
    permissions: "none",
    fn() {
      const segments = SEGMENTS.map((each) =>
        each === BOOT_PARAMS ? { ...each, source: { kind: "bytes", base64 } } : each
      );
      const [problem] = problemsOf({ ...SEGMENT_PLAN, call: { ...SEGMENT_PLAN.call, segments } });
      assertEquals(problem?.path?.slice(-2), ["source", "base64"]);
    },
  });
}
refusedSegment(
  "a random part outside",
  BOOT_PARAMS,
  { bufsz: 3, source: random(2) },
  'Segment "boot_params" has a random part that extends beyond its bytes',
);
refusedSegment(
  "zeros with bytes",
  BOOT_PARAMS,
  { source: { kind: "zero" } },
  'Segment "boot_params" copies 4168 bytes, but its source is zero-filled memory',
);
refusedSegment(
  "zeros with another digest",
  BOOT_PARAMS,
  { bufsz: 0, source: { kind: "zero" }, sha256: "c".repeat(64) },
  'Segment "boot_params" has a SHA-256 that does not match its bytes',
);
refusedSegment(
  "fewer bytes than its part of what is unpacked",
  KERNEL,
  { bufsz: 4096, source: { kind: "unpacked", path: "/boot/vmlinuz", offset: 0, length: 4097 } },
  'Segment "kernel" copies 4096 bytes, but its part of the unpacked /boot/vmlinuz has 4097',
);
refusedSegment(
  "fewer bytes than its part",
  KERNEL,
  { bufsz: 4096 },
  'Segment "kernel" copies 4096 bytes, but its part of /boot/vmlinuz has 12562432',
);
refusedSegment(
  "a part beyond its file",
  KERNEL,
  { source: { kind: "file", path: "/boot/vmlinuz", offset: 20481, length: 12562432 } },
  'Segment "kernel" extends beyond the 12582912 bytes of /boot/vmlinuz',
);
refusedSegment(
  "a whole file with another digest",
  SEGMENTS[1],
  { sha256: "c".repeat(64) },
  'Segment "initrd" is all of /boot/initrd.img, but has a different SHA-256',
);

refused(
  "sums that purgatory does not compare",
  planOf("kexec_load", "sha256"),
  { checksum: "xxh64" },
  ["checksum"],
  "`checksum` says that purgatory compares xxh64, but it compares sha256",
);
refused(
  "digests that purgatory does not compare",
  planOf("kexec_load", false),
  { checksum: "sha256" },
  ["checksum"],
  "`checksum` says that purgatory compares sha256, but it compares nothing",
);
const { checksum: _, ...unsaid } = { checksum: undefined, ...SEGMENT_PLAN.call };
refused(
  "sums that nobody would take",
  { ...SEGMENT_PLAN, call: unsaid },
  {},
  ["checksum"],
  "`checksum` says that purgatory compares nothing, but it compares xxh64",
);
refused(
  "sums that stand for digests",
  SEGMENT_PLAN,
  { checksum: "sha256" },
  ["checksum"],
  "`checksum` says that purgatory compares sha256, but it compares xxh64",
);
refused(
  "sums of what is in no segment",
  SEGMENT_PLAN,
  { segments: SEGMENTS.filter(({ name }) => name !== "boot_params") },
  ["checksum"],
  "Purgatory compares the XXH64 of memory that is in no segment",
);
refused(
  "sums of what is in no segment, below all others",
  SEGMENT_PLAN,
  { segments: SEGMENTS.filter(({ name }) => name !== "kernel") },
  ["checksum"],
  "Purgatory compares the XXH64 of memory that is in no segment",
);
refused(
  "a sum of more than the bytes of a segment",
  SEGMENT_PLAN,
  { segments: changed(AT.regions + AT.regionLength, (KERNEL?.bufsz ?? 0) + 1) },
  ["checksum"],
  "Purgatory compares the XXH64 of memory that is in no segment",
);
refused(
  "a purgatory of another layout",
  SEGMENT_PLAN,
  { segments: changed(8, 9) },
  ["checksum"],
  "`checksum` says that purgatory compares xxh64, but this plan has no known purgatory",
);
refused(
  "a sum of purgatory itself, which is written there after it was taken",
  SEGMENT_PLAN,
  { segments: changed(AT.regions + AT.regionAddress, Number(PURGATORY?.mem)) },
  ["checksum"],
  "Purgatory compares the XXH64 of memory that is in no segment",
);

Deno.test({
  name: "a stored plan of before XXH64 does not say that its purgatory verifies SHA-256",
  permissions: "none",
  fn() {
    const { checksum: _, ...older } = { checksum: undefined, ...planOf("kexec_load", "sha256").call };
    assertEquals(problemsOf({ ...SEGMENT_PLAN, call: older }), []);
  },
});

/** The segments with 4 bytes of purgatory changed. */
function changed(offset: number, value: number): readonly PlannedSegment[] {
  return SEGMENTS.map((segment) => {
    if (segment !== PURGATORY || segment.source.kind !== "bytes") return segment;
    const bytes = Uint8Array.fromBase64(segment.source.base64);
    new DataView(bytes.buffer).setUint32(offset, value, true);
    return { ...segment, sha256: sha256(bytes).toHex(), source: { kind: "bytes", base64: bytes.toBase64() } };
  });
}
