import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import type { Segment } from "../../src/arch/segment.ts";
import { buildPurgatory } from "../../src/arch/x86_64/purgatory.ts";
import { parseIomem } from "../../src/host/iomem.ts";
import type { Check } from "../../src/plan/plan.ts";
import { freeMemory } from "../../src/plan/placement/free_memory.ts";
import { placeAll } from "../../src/plan/placement/place.ts";
import type { SegmentRuleInput } from "../../src/plan/rules/segment_rule.ts";
import { checkSegments, SEGMENT_RULES } from "../../src/plan/rules/segments.ts";
import { capturedFacts as host, HOSTS } from "../host/fixture.ts";
import { hostFacts } from "../support/host_facts.ts";
import { kernelAnswer } from "./kernel_model.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** 1 GiB of memory and a page with a crash reservation, and firmware's tables behind it. */
const FACTS = hostFacts({
  kexec: { ...hostFacts().kexec, crashSize: 256n << 20n },
  memTotal: (1n << 30n) + 0x1000n,
  iomem: parseIomem([
    "00001000-0009ffff : System RAM",
    "00100000-3fffffff : System RAM",
    "  10000000-10ffffff : Kernel code",
    "  20000000-2fffffff : Crash kernel",
    "40000000-400fffff : ACPI Tables",
    "100000000-3fffffffffff : System RAM",
    "",
  ].join("\n")).iomem,
  firmwareMap: [
    { start: 0x1000n, end: 0xa_0000n, type: "System RAM" },
    { start: 0x10_0000n, end: 0x3f00_0000n, type: "System RAM" },
    { start: 0x3f00_0000n, end: 0x3f80_0000n, type: "Reserved" },
    { start: 0x4000_0000n, end: 0x4010_0000n, type: "ACPI Tables" },
    { start: 0x1_0000_0000n, end: 0x4000_0000_0000n, type: "System RAM" },
  ],
});

function segment(mem: bigint, memsz: bigint, bufsz = 16, name = "payload"): Segment {
  return { name, mem, memsz, bytes: { kind: "file", path: "/srv/payload", offset: 0, length: bufsz } };
}

const CODE = segment(0x40_0000n, 0x1000n, 16, "code");
const CRASH_CODE = segment(0x2000_0000n, 0x1000n, 16, "code");

interface Case {
  readonly name: string;
  readonly input: Partial<SegmentRuleInput>;
  readonly rule: string;
  readonly status: Check["status"];
  readonly says: string;
  readonly hint?: string;
}

const CASES: readonly Case[] = [
  {
    name: "no segment",
    input: { segments: [] },
    rule: "segment-count",
    status: "fail",
    says: "There are no segments; kexec_load without any unloads the current image",
  },
  {
    name: "17 segments",
    input: { segments: Array.from({ length: 17 }, (_, index) => segment(0x40_0000n + BigInt(index) * 4096n, 4096n)) },
    rule: "segment-count",
    status: "fail",
    says: "There are 17 segments; the kernel takes at most 16 (EINVAL)",
  },
  {
    name: "an address within a page",
    input: { segments: [CODE, segment(0x50_0010n, 0x1000n)] },
    rule: "segment-alignment",
    status: "fail",
    says: 'Segment "payload" at 0x500010 does not start on a page boundary of 4096 bytes (EADDRNOTAVAIL)',
    hint: "Place it at 0x500000 or 0x501000",
  },
  {
    name: "a size that is no multiple of the page",
    input: { segments: [CODE, segment(0x50_0000n, 5000n)] },
    rule: "segment-alignment",
    status: "fail",
    says:
      'Segment "payload" at 0x500000 takes 5000 bytes, which is not a multiple of the page size 4096 (EADDRNOTAVAIL)',
    hint: "Set `memsz` to 8192",
  },
  {
    name: "4 KiB pages on a host of 64 KiB pages",
    input: { facts: { ...FACTS, pageSize: 0x1_0000n } },
    rule: "segment-alignment",
    status: "fail",
    says: "not a multiple of the page size 65536",
  },
  {
    name: "more bytes than memory",
    input: { segments: [CODE, segment(0x50_0000n, 0x1000n, 4097)] },
    rule: "segment-size",
    status: "fail",
    says: 'Segment "payload" at 0x500000 has 4097 bytes but only 4096 of memory (EINVAL)',
  },
  {
    name: "a segment without memory",
    input: { segments: [CODE, segment(0x50_0000n, 0n, 0)] },
    rule: "segment-size",
    status: "warn",
    says: 'Segment "payload" at 0x500000 takes no memory',
  },
  {
    name: "a segment that wraps around 64 bits",
    input: { segments: [CODE, segment(0xffff_ffff_ffff_f000n, 0x1000n)] },
    rule: "segment-limit",
    status: "fail",
    says: 'Segment "payload" at 0xfffffffffffff000 ends at 0x10000000000000000, beyond 64 bits (EADDRNOTAVAIL)',
  },
  {
    name: "the last page that 4-level paging could address",
    input: { segments: [CODE, segment(0x3fff_ffff_f000n, 0x1000n)] },
    rule: "segment-limit",
    status: "fail",
    says: "ends at 0x400000000000; the running kernel can only use addresses below 0x3fffffffffff (EADDRNOTAVAIL)",
  },
  {
    name: "an end at the very limit, which the kernel refuses (mend >= KEXEC_DESTINATION_MEMORY_LIMIT)",
    input: { segments: [CODE, segment(0x3fff_ffff_f000n, 0xfffn, 16)] },
    rule: "segment-limit",
    status: "fail",
    says: "ends at 0x3fffffffffff; the running kernel can only use addresses below 0x3fffffffffff (EADDRNOTAVAIL)",
  },
  {
    name: "an end one byte below that limit",
    input: { segments: [CODE, segment(0x3fff_ffff_f000n, 0xffen, 16)] },
    rule: "segment-limit",
    status: "pass",
    says: "Every segment ends below 0x3fffffffffff",
  },
  {
    name: "the same page with 5-level paging",
    input: { segments: [CODE, segment(0x3fff_ffff_f000n, 0x1000n)], facts: { ...FACTS, cpuFlags: ["la57"] } },
    rule: "segment-limit",
    status: "pass",
    says: "Every segment ends below 0xfffffffffffff",
  },
  {
    name: "two segments that share a page",
    input: { segments: [CODE, segment(0x3f_f000n, 0x2000n)] },
    rule: "segment-overlap",
    status: "fail",
    says: 'Segments "code" at 0x400000 and "payload" at 0x3ff000 overlap: the first ends at 0x401000',
  },
  {
    name: "two segments side by side",
    input: { segments: [CODE, segment(0x40_1000n, 0x1000n)] },
    rule: "segment-overlap",
    status: "pass",
    says: "No two segments overlap",
  },
  {
    name: "one segment above half of the memory",
    input: { segments: [CODE, segment(0x1_0000_0000n, 0x2000_1000n)] },
    rule: "segment-half",
    status: "fail",
    says: 'Segment "payload" at 0x100000000 takes 512 MiB, more than half of the 1 GiB of memory (EINVAL)',
  },
  {
    name: "a little of the memory",
    input: { segments: [CODE] },
    rule: "segment-half",
    status: "pass",
    says: "The segments take 4 KiB; half of the memory, 512 MiB, is the limit",
  },
  {
    name: "all segments together above half of the memory",
    input: { segments: [CODE, segment(0x1_0000_0000n, 0x2000_0000n)] },
    rule: "segment-half",
    status: "fail",
    says: "The segments take 512 MiB together, more than half of the 1 GiB of memory (EINVAL)",
  },
  {
    name: "a segment in firmware's tables",
    input: { segments: [CODE, segment(0x4000_1000n, 0x1000n)] },
    rule: "segment-memory",
    status: "fail",
    says: 'Segment "payload" at 0x40001000 lies in "ACPI Tables" (0x40000000 to 0x400fffff)',
    hint: "The lowest free place for it is 0x100000",
  },
  {
    name: "a segment that reaches into the crash reservation",
    input: { segments: [CODE, segment(0x1fff_f000n, 0x3000n)] },
    rule: "segment-memory",
    status: "fail",
    says: 'Segment "payload" at 0x1ffff000 extends at 0x20000000 into "Crash kernel" (0x20000000 to 0x2fffffff)',
  },
  {
    name: "a segment over the running kernel",
    input: { segments: [CODE, segment(0x1000_0000n, 0x1000n)] },
    rule: "segment-memory",
    status: "pass",
    says: "Every segment lies in System RAM that nothing else uses",
  },
  {
    name: "a segment where nothing is",
    input: { segments: [CODE, segment(0x8000_0000n, 0x1000n)] },
    rule: "segment-memory",
    status: "fail",
    says: 'Segment "payload" at 0x80000000 lies in addresses that /proc/iomem does not list',
  },
  {
    name: "a segment that firmware reserves",
    input: { segments: [CODE, segment(0x3eff_f000n, 0x2000n)] },
    rule: "segment-memory",
    status: "fail",
    says: 'extends at 0x3f000000 into what the firmware\'s memory map lists as "Reserved" (0x3f000000 to 0x3f7fffff)',
  },
  {
    name: "a segment that firmware does not list",
    input: { segments: [CODE, segment(0x3f90_0000n, 0x1000n)] },
    rule: "segment-memory",
    status: "fail",
    says: "lies in addresses that the firmware's memory map does not list",
  },
  {
    name: "a segment below 1 MiB",
    input: { segments: [CODE, segment(0x8000n, 0x1000n)] },
    rule: "segment-memory",
    status: "warn",
    says: 'Segment "payload" at 0x8000 lies below 0x100000',
  },
  {
    name: "a memory map without addresses",
    input: { facts: { ...FACTS, iomem: { visibility: "zeroed", roots: [] } } },
    rule: "segment-memory",
    status: "fail",
    says: "/proc/iomem shows every address as zero",
  },
  {
    name: "a crash image outside of the reservation",
    input: { crash: true, segments: [CRASH_CODE, segment(0x3000_0000n, 0x1000n)], entry: CRASH_CODE.mem },
    rule: "segment-crash",
    status: "fail",
    says: 'Segment "payload" at 0x30000000 to 0x30001000 is not within the crash reservation, 0x20000000 to 0x2fffffff',
    hint: "The lowest free place for it is 0x20001000",
  },
  {
    name: "a crash image whose entry is outside of the reservation",
    input: { crash: true, segments: [CRASH_CODE], entry: 0x3000_0000n },
    rule: "segment-crash",
    status: "fail",
    says: "The entry 0x30000000 is not within the crash reservation, 0x20000000 to 0x2fffffff (EADDRNOTAVAIL)",
  },
  {
    name: "a crash image without a reservation",
    input: { crash: true, facts: hostFacts() },
    rule: "segment-crash",
    status: "fail",
    says: "No memory is reserved for a crash kernel",
  },
  {
    name: "a crash image that leaves nothing of the reservation",
    input: { crash: true, segments: [segment(0x2000_0000n, 0x1000_0000n)], entry: 0x2000_0000n },
    rule: "segment-crash-room",
    status: "fail",
    says: "The segments leave nothing of the crash reservation free, but the kernel needs part of it (ENOMEM)",
  },
  {
    name: "a crash image that fills the reservation",
    input: { crash: true, segments: [segment(0x2000_0000n, 0x0ff8_0000n)], entry: 0x2000_0000n },
    rule: "segment-crash-room",
    status: "warn",
    says: "The segments leave 512 KiB of the crash reservation free",
  },
  {
    name: "a crash image with room beside it",
    input: { crash: true, segments: [CRASH_CODE], entry: CRASH_CODE.mem },
    rule: "segment-crash-room",
    status: "pass",
    says: "The segments leave 256 MiB of the crash reservation free",
  },
  {
    name: "an entry outside of every segment",
    input: { entry: 0x40_1000n },
    rule: "segment-entry",
    status: "fail",
    says: "The entry 0x401000 is not in any segment",
  },
  {
    name: "an entry behind the bytes of its segment",
    input: { entry: 0x40_0010n },
    rule: "segment-entry",
    status: "fail",
    says: 'The entry 0x400010 lies in the zero-filled part of segment "code" at 0x400000, after its 16 bytes',
  },
];

function check(input: Partial<SegmentRuleInput>): readonly Check[] {
  return checkSegments({ segments: [CODE], entry: CODE.mem, facts: FACTS, crash: false, ...input });
}

for (const { name, input, rule, status, says, hint } of CASES) {
  pure(`${rule} on ${name}: ${status}`, () => {
    const found = check(input).filter((each) => each.rule === rule);
    assertEquals(found.map((each) => each.status), [status]);
    assertStringIncludes(found[0]?.message ?? "", says);
    if (hint !== undefined) assertEquals(found[0]?.hint, hint);
  });
}

pure("every rule has a case in which it does not pass", () => {
  const failing = new Set(CASES.filter(({ status }) => status !== "pass").map(({ rule }) => rule));
  assertEquals(SEGMENT_RULES.map(({ name }) => name).filter((name) => !failing.has(name)), []);
});

pure("a sound list passes every rule that applies", () => {
  const verdicts = (input: Partial<SegmentRuleInput>): readonly string[] =>
    check(input).map(({ rule, status }) => `${rule} ${status}`);
  const list = ["count", "alignment", "size", "limit", "overlap", "half"].map((name) => `segment-${name} pass`);
  assertEquals(verdicts({}), [...list, "segment-memory pass", "segment-entry pass"]);
  assertEquals(verdicts({ crash: true, segments: [CRASH_CODE], entry: CRASH_CODE.mem }), [
    ...list,
    "segment-crash pass",
    "segment-crash-room pass",
    "segment-entry pass",
  ]);
});

pure("every faulty segment is told, not only the first", () => {
  const faults = check({ segments: [CODE, segment(0x50_0010n, 0x1000n, 16, "a"), segment(0x60_0000n, 5n, 1, "b")] })
    .filter(({ rule }) => rule === "segment-alignment");
  assertEquals(faults.map(({ message }) => message.slice(0, 11)), ['Segment "a"', 'Segment "b"']);
});

pure("the entry that purgatory goes on to is judged as the one before it is", () => {
  const purgatory = (entry: bigint): Segment => ({
    name: "purgatory",
    mem: 0x60_0000n,
    memsz: 0x4000n,
    bytes: {
      kind: "bytes",
      bytes: buildPurgatory({
        entry,
        bootParams: 0n,
        regions: [],
        verify: "sha256",
        sha: false,
        console: { vga: false },
      }),
    },
  });
  const verdicts = (entry: bigint) =>
    check({ segments: [CODE, purgatory(entry)], entry: 0x60_0000n })
      .filter(({ rule }) => rule === "segment-entry").map(({ status, message }) => `${status} ${message}`);
  const first = 'pass The entry 0x600000 lies in segment "purgatory" at 0x600000';
  assertEquals(verdicts(0x40_000fn), [
    first,
    'pass The entry 0x40000f after purgatory lies in segment "code" at 0x400000',
  ]);
  assertEquals(verdicts(0x40_0010n), [
    first,
    'fail The entry 0x400010 after purgatory lies in the zero-filled part of segment "code" at 0x400000, ' +
    "after its 16 bytes",
  ]);
  assertEquals(verdicts(0x60_0000n)[1], "fail The entry 0x600000 after purgatory is not in any segment");
});

/** The model's answer on the host of these tests. */
function answerTo({ segments, entry, facts, crash }: SegmentRuleInput): ReturnType<typeof kernelAnswer> {
  const list = segments.map(({ mem, memsz, bytes }) => ({
    mem,
    memsz,
    bufsz: bytes.kind === "file" ? BigInt(bytes.length) : 0n,
  }));
  return kernelAnswer(list, entry, {
    pageSize: 0x1000n,
    memTotal: facts.memTotal ?? 0n,
    limit: 0x3fff_ffff_ffffn,
    ...(crash ? { crash: { first: 0x2000_0000n, last: 0x2fff_ffffn } } : {}),
  });
}

const smallPages = fc.bigInt({ min: 0n, max: 24n }).map((page) => page << 12n);
const anyAddress = fc.oneof(
  { weight: 6, arbitrary: smallPages.map((address) => address + 0x2000_0000n) },
  { weight: 2, arbitrary: smallPages.map((address) => address + 0x2fff_0000n) },
  { weight: 1, arbitrary: smallPages.map((address) => address + 0x3fff_ffff_0000n) },
  { weight: 1, arbitrary: smallPages.map((address) => BigInt.asUintN(64, address - 0x8000n)) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) },
);
const anySize = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt({ min: 0n, max: 4n }).map((page) => page << 12n) },
  { weight: 1, arbitrary: fc.constantFrom(0x1fff_f000n, 0x2000_0000n, 0x2000_1000n) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 1n << 15n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) },
);
const anySegment = fc.tuple(anyAddress, anySize, fc.nat(0x1800)).map(([mem, memsz, bytes]) =>
  segment(mem, memsz, memsz < 0x1000n && memsz >= 0n && bytes < 0x1000 ? Number(memsz) : bytes)
);
const fewSegments = fc.array(anySegment, { minLength: 1, maxLength: 4 });
const anyList = fc.oneof({ weight: 20, arbitrary: fewSegments }, {
  weight: 1,
  arbitrary: fc.array(anySegment, { minLength: 15, maxLength: 18 }),
});

/** The rules that speak of what the kernel looks at too. */
const KERNELS = new Set(["count", "alignment", "size", "limit", "overlap", "half", "crash"].map((n) => `segment-${n}`));

pure("the rules fail exactly where the kernel would refuse, and name the errno that it would give", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(anyList, anyAddress, fc.boolean(), (segments, entry, crash) => {
      const input = { segments, entry, facts: FACTS, crash };
      const answer = answerTo(input);
      const faults = checkSegments(input).filter(({ rule, status }) => status === "fail" && KERNELS.has(rule));
      seen.set(`${crash} ${answer}`, (seen.get(`${crash} ${answer}`) ?? 0) + 1);
      if (answer === undefined) assertEquals(faults, []);
      else {assert(
          faults.some(({ message }) => message.includes(`(${answer})`)),
          `${answer}: ${JSON.stringify(faults)}`,
        );}
    }),
    { numRuns: 3000, seed: 7 },
  );
  // The lists drawn reach every answer.
  assertEquals(seen.size, 6);
});

pure("what is placed in the free memory of a host passes every rule", () => {
  const request = fc.record({
    name: fc.constantFrom("kernel", "initrd", "boot_params"),
    size: fc.bigInt({ min: 1n, max: 64n << 20n }),
    alignment: fc.constantFrom(0x1000n, 0x1_0000n, 0x20_0000n),
    min: fc.bigInt({ min: 0n, max: 1n << 33n }),
    max: fc.constantFrom(1n << 31n, 1n << 46n, 1n << 64n),
  });
  for (const name of HOSTS.filter((each) => each !== "non-root")) {
    const facts = host(name);
    for (const crash of [false, true]) {
      const { value: free } = freeMemory(facts, { crash });
      if (free === undefined) continue;
      fc.assert(
        fc.property(fc.array(request, { minLength: 1, maxLength: 6 }), (requests) => {
          const result = placeAll(requests, free, facts.pageSize);
          if (result.kind === "no-room") return;
          const segments = result.placed.map(({ name, address, size }): Segment => ({
            name,
            mem: address,
            memsz: (size + facts.pageSize - 1n) / facts.pageSize * facts.pageSize,
            bytes: { kind: "file", path: "/boot/image", offset: 0, length: Number(size) },
          }));
          const checks = checkSegments({ segments, entry: segments[0]?.mem ?? 0n, facts, crash });
          assertEquals(checks.filter(({ status }) => status === "fail"), []);
        }),
        { numRuns: 100 },
      );
    }
  }
});

const checkOf = (input: Partial<SegmentRuleInput>, rule: string) =>
  checkSegments({ segments: [CODE], entry: CODE.mem, facts: FACTS, crash: false, ...input })
    .filter((each) => each.rule === rule).map(({ status }) => status);

pure("a segment without memory lies nowhere, and another one's name makes no purgatory of it", () => {
  assertEquals(checkOf({ segments: [CODE, segment(0x2000n, 0n, 0)] }, "segment-memory"), ["pass"]);
  assertEquals(checkOf({ segments: [CODE, segment(0x2000n, 0x1000n)] }, "segment-memory"), ["warn"]);
  const bytes = buildPurgatory({
    entry: 0x1234n,
    bootParams: 0n,
    regions: [],
    verify: false,
    sha: false,
    console: { vga: false },
  });
  const named = (mem: bigint): Segment => ({
    name: "purgatory",
    mem,
    memsz: 0x1_0000n,
    bytes: { kind: "bytes", bytes },
  });
  assertEquals(checkOf({ segments: [CODE, named(0x50_0000n)] }, "segment-entry"), ["pass"]);
  // Where it is entered, what it jumps to counts as well.
  assertEquals(checkOf({ segments: [CODE, named(0x50_0000n)], entry: 0x50_0000n }, "segment-entry"), ["pass", "fail"]);
});

pure("a crash reservation of which exactly a MiB stays free has room", () => {
  const size = 256n << 20n;
  const taken = (free: bigint) => [segment(0x2000_0000n, size - free)];
  const room = (free: bigint) =>
    checkOf({ segments: taken(free), entry: 0x2000_0000n, crash: true }, "segment-crash-room");
  assertEquals([0n, 0x1000n, (1n << 20n) - 0x1000n, 1n << 20n].map(room), [["fail"], ["warn"], ["warn"], ["pass"]]);
});

pure("none or too many: only the number is checked; a map that cannot be seen fails the rule that needs it", () => {
  const many = (count: number) => ({
    segments: Array.from({ length: count }, (_, index) => segment(0x40_0000n + BigInt(index) * 4096n, 4096n)),
  });
  assertEquals([0, 17].map((count) => check(many(count)).map(({ rule }) => rule)), [["segment-count"], [
    "segment-count",
  ]]);
  assertEquals(check(many(16)).length > 1, true);
  const facts = { ...FACTS, iomem: { visibility: "zeroed", roots: [] } } as const;
  const failing = (crash: boolean) =>
    check({ facts, crash }).filter(({ rule, status }) => /-(?:memory|crash)$/.test(rule) && status === "fail").map((
      { rule },
    ) => rule);
  assertEquals([failing(false), failing(true)], [["segment-memory"], ["segment-crash"]]);
});
