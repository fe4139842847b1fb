import { assert, assertEquals } from "@std/assert";
import { countBases, kernelRange, physicalBase } from "../../src/plan/bases.ts";
import type { PlannedBases, PlannedSegment, SegmentLoadCall } from "../../src/plan/plan.ts";
import { BASES_RULES } from "../../src/plan/rules/bases.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `bases: ${name}`, permissions: "none", fn });
}

const segment = (name: string, mem: string, memsz: number): PlannedSegment => ({
  name,
  mem,
  memsz,
  bufsz: 0,
  sha256: "0".repeat(64),
  source: { kind: "zero" },
});

/** A kernel of 8 MiB at 1 GiB, which may move within 256 MiB, and an initrd above that. */
const KERNEL = [segment("kernel", "0x40000000", 0x70_0000), segment("kernel 2", "0x40700000", 0xf_f001)];
const INITRD = segment("initrd", "0x50000000", 0x100_0000);
const BASES: PlannedBases = {
  alignment: "0x200000",
  physical: [{ start: "0x40000000", end: "0x50000000" }],
  virtual: { start: "0xffffffff81000000", end: "0xffffffffc0000000" },
};
const SIZE = 8n << 20n;
const RECREATE = "Re-create the plan with `warmboot plan`";

/** What the rule says: the status, the whole message, and the hint. */
function verdictOf(change: Partial<PlannedBases> | undefined, segments = [...KERNEL, INITRD]): readonly unknown[] {
  const call: SegmentLoadCall = {
    syscall: "kexec_load",
    flags: ["KEXEC_ARCH_X86_64"],
    flagBits: "0x3e0000",
    entry: "0x1000",
    cmdline: "ro",
    segments,
    files: [],
    ...(change === undefined ? {} : { bases: { ...BASES, ...change } }),
  };
  const [rule] = BASES_RULES;
  assert(rule !== undefined);
  const found = rule.check({ call, crash: false, facts: hostFacts(), images: images() });
  return found === undefined ? [] : [found.status, found.message, found.hint];
}

pure("a kernel's range is all of its segments, in whole steps of 2 MiB", () => {
  assertEquals(kernelRange({ segments: [INITRD, ...KERNEL] }), { start: 0x4000_0000n, end: 0x4080_0000n });
  assertEquals(kernelRange({ segments: [...KERNEL].reverse() }), { start: 0x4000_0000n, end: 0x4080_0000n });
  // One that ends within another.
  const within = segment("kernel 3", "0x40100000", 0x1000);
  assertEquals(kernelRange({ segments: [...KERNEL, within] }), { start: 0x4000_0000n, end: 0x4080_0000n });
  assertEquals(kernelRange({ segments: [segment("kernel", "0x1000", 0x20_0000)] }), {
    start: 0x1000n,
    end: 0x20_1000n,
  });
  assertEquals(kernelRange({ segments: [segment("kernel", "0x1000", 0x20_0001)] }), {
    start: 0x1000n,
    end: 0x40_1000n,
  });
  assertEquals(kernelRange({ segments: [INITRD, segment("kernel-like", "0x0", 0x1000)] }), undefined);
});

pure("a range has a base where the kernel ends exactly at its end, and none where it ends beyond", () => {
  const count = (end: string) => countBases({ ...BASES, physical: [{ start: "0x40000000", end }] }, SIZE).physical;
  assertEquals(["0x407fffff", "0x40800000", "0x409fffff", "0x40a00000"].map(count), [0n, 1n, 1n, 2n]);
  assertEquals(countBases({ ...BASES, physical: [] }, SIZE).physical, 0n);
});

pure("the bases of all ranges are counted through, in order", () => {
  const bases = {
    ...BASES,
    physical: [{ start: "0x10000000", end: "0x10a00000" }, { start: "0x20000000", end: "0x20800000" }],
  };
  assertEquals(countBases(bases, SIZE).physical, 3n);
  assertEquals([0n, 1n, 2n, 3n].map((index) => physicalBase(bases, SIZE, index)), [
    0x1000_0000n,
    0x1020_0000n,
    0x2000_0000n,
    undefined,
  ]);
});

pure("the rule names how many bases there are, and a physical one that stays", () => {
  assertEquals(verdictOf({}), [
    "pass",
    "The kernel's physical base is one of 125, chosen at load, its virtual base one of 501",
    undefined,
  ]);
  assertEquals(verdictOf({ physical: [] }), [
    "pass",
    "Its physical base is 0x40000000, its virtual base one of 501",
    undefined,
  ]);
  assertEquals(verdictOf(undefined), []);
});

pure("the last that passes and the first that fails", () => {
  const fails = (message: string) => ["fail", message, RECREATE];
  const between = "The kernel may be placed between 0x40000000 and";
  const cases: readonly (readonly [Partial<PlannedBases>, readonly PlannedSegment[], readonly unknown[]])[] = [
    [{}, [INITRD], fails("The plan names bases for a kernel, but no segment is one")],
    [
      { alignment: "0x100000" },
      KERNEL,
      fails("The kernel would move in steps of 0x100000, which is not a power of two of at least 2 MiB"),
    ],
    [
      {},
      [segment("kernel", "0x40100000", 0x80_0000)],
      fails("The kernel at 0x40100000 is not aligned to 0x200000"),
    ],
    // The kernel's mapping is 1 GiB from 0xffffffff80000000.
    [
      { virtual: { start: "0xffffffff80000000", end: "0xffffffff80800000" } },
      KERNEL,
      ["pass", "The kernel's physical base is one of 125, chosen at load, its virtual base one of 1", undefined],
    ],
    [
      { virtual: { start: "0xffffffff80000000", end: "0xffffffff807fffff" } },
      KERNEL,
      fails("The kernel cannot run at virtual addresses from 0xffffffff80000000 to 0xffffffff807fffff"),
    ],
    [
      { virtual: { start: "0xffffffff7fe00000", end: "0xffffffff90000000" } },
      KERNEL,
      fails("The kernel cannot run at virtual addresses from 0xffffffff7fe00000 to 0xffffffff90000000"),
    ],
    [
      { physical: [{ start: "0x40000000", end: "0x407fffff" }] },
      KERNEL,
      fails("No physical base has room for the kernel"),
    ],
    // The initrd starts at 0x50000000, and the memory ends at 0xc0000000.
    [
      { physical: [{ start: "0x40000000", end: "0x50000001" }] },
      [...KERNEL, INITRD],
      fails(`${between} 0x50000001, which overlaps segment "initrd"`),
    ],
    [
      { physical: [{ start: "0x40000000", end: "0xc0000000" }] },
      KERNEL,
      ["pass", "The kernel's physical base is one of 1021, chosen at load, its virtual base one of 501", undefined],
    ],
    [
      { physical: [{ start: "0x40000000", end: "0xc0000001" }] },
      KERNEL,
      fails(`${between} 0xc0000001, which is not entirely free`),
    ],
  ];
  for (const [change, segments, verdict] of cases) assertEquals(verdictOf(change, [...segments]), verdict);
});
