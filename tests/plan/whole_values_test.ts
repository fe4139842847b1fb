import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Diagnostic } from "../../src/core/diagnostic.ts";
import { regionOffsets } from "../../src/arch/purgatory.ts";
import { PURGATORY_SYMBOLS as AT } from "../../src/arch/x86_64/purgatory_code.ts";
import { VERSION } from "../../src/core/program.ts";
import { sha256Of } from "../../src/core/sha256.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Iomem, IomemNode } from "../../src/host/iomem.ts";
import type { Images, InitrdFile } from "../../src/image/boot_files.ts";
import { staleDump } from "../../src/plan/crash_segments.ts";
import { driftOf } from "../../src/plan/drift.ts";
import { estimatedGain, initrdPlacements, unpackVerdict } from "../../src/plan/initrd_placement.ts";
import { noRoom } from "../../src/plan/linux_segments.ts";
import { lowerPlan, lowerUnload, REBOOT_NOW } from "../../src/plan/lower.ts";
import { explicitSegments } from "../../src/plan/placement/explicit.ts";
import { freeMemory, unknownMemory } from "../../src/plan/placement/free_memory.ts";
import { obstacleAt } from "../../src/plan/placement/obstacle.ts";
import { placeAll } from "../../src/plan/placement/place.ts";
import { filesOf, type Plan, rolesOf, type SegmentLoadCall } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { unpackingOf } from "../../src/plan/unpacking.ts";
import { partKey } from "../../src/plan/input.ts";
import { partsNeeded } from "../../src/plan/segment_call.ts";
import { stampIn, stampOf, trueStamp } from "../../src/plan/stamp.ts";
import { initProgram } from "../../src/plan/init_program.ts";
import { proposedReservation } from "../../src/plan/crash_size.ts";
import { isCrash, profileOfPlan, recheck } from "../../src/plan/stored.ts";
import { formatSyscall } from "../../src/plan/syscall.ts";
import type { Profile, SegmentSpec } from "../../src/profile/profile.ts";
import { crashHost, HIGH } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import {
  bzImage,
  elf64Image,
  images,
  initrdFile,
  kernelFile,
  PART_DIGESTS,
  profileOf,
  wholeInitrd,
} from "../support/profiles.ts";
import { planSchema } from "../../src/plan/plan_shape.ts";
import { assertCommittedSchema } from "../support/committed.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function planOf(profile: Partial<Profile> = {}, facts: Partial<HostFacts> = {}, files: Partial<Images> = {}): Plan {
  const { value, diagnostics } = planBoot({
    profile: profileOf(profile),
    facts: hostFacts(facts),
    images: images(files),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error(JSON.stringify(diagnostics));
  return value;
}

function segmentCall({ call }: Plan): SegmentLoadCall {
  if (call.syscall !== "kexec_load") throw new Error("Not kexec_load");
  return call;
}

// --- What is unpacked before a plan is made.

pure("what is unpacked depends on the call, the machine, a crash image, and the resolved command line", () => {
  const reuse = { kind: "edit", reuse: true, remove: [], set: [], append: [] } as const;
  const of = (profile: Partial<Profile>, facts: Partial<HostFacts> = {}, files: Partial<Images> = {}) => {
    const { kernel, initrd } = unpackingOf({
      profile: profileOf({ load: "kexec_load", predecompress: true, ...profile }),
      facts: hostFacts(facts),
      images: images(files),
    });
    return [kernel, initrd];
  };
  assertEquals(of({}), ["segments", true]);
  assertEquals(of({ predecompress: "auto" }), ["segments", true]);
  assertEquals(of({ predecompress: false }), [undefined, false]);
  assertEquals(of({ load: "kexec_file_load" }), ["image", false]);
  assertEquals(of({ load: "kexec_file_load" }, { lockdown: "integrity" }), [undefined, false]);
  assertEquals(of({ load: "kexec_file_load", predecompress: false }), [undefined, false]);
  assertEquals(of({ load: "kexec_file_load" }, { machine: "aarch64" }), [undefined, false]);
  assertEquals(of({ crash: true }), ["segments", false]);
  assertEquals(of({ crash: true, load: "kexec_file_load" }), ["image", false]);
  assertEquals(of({}, { machine: "aarch64" }), [undefined, true]);
  assertEquals(of({ crash: true }, { machine: "aarch64" }), [undefined, false]);
  assertEquals(of({}, { machine: "riscv64" }), [undefined, false]);
  const { kernel: _, ...none } = images();
  assertEquals(unpackingOf({ profile: profileOf({ predecompress: true }), facts: hostFacts(), images: none }), {
    kernel: undefined,
    initrd: false,
  });
  // The command line that the kernel gets decides, and a crash kernel does not inherit all of the running one.
  assertEquals(of({ cmdline: reuse }, { cmdline: "ro" }), ["segments", true]);
  assertEquals(of({ cmdline: reuse }, { cmdline: "ro mem_encrypt=on" }), [undefined, true]);
  const { cmdline: _running, ...unread } = hostFacts();
  assertEquals(
    unpackingOf({
      profile: profileOf({ load: "kexec_load", predecompress: true, cmdline: reuse }),
      facts: unread,
      images: images(),
    }),
    { kernel: undefined, initrd: false },
  );
});

pure("the milliseconds that unpacking is estimated to save, for each packing and check", () => {
  const gain = (packing: string, checksum: Profile["checksum"], machine = "x86_64", ...cpuFlags: string[]) =>
    estimatedGain([{ packing, size: 100_000_000 }], 80_000_000, {
      profile: profileOf({ checksum }),
      facts: hostFacts({ machine, cpuFlags }),
    });
  const rows = ["gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd", "other"].map((packing) => [
    packing,
    gain(packing, false),
    gain(packing, true),
    gain(packing, "sha256"),
    gain(packing, "sha256", "x86_64", "sha_ni", "ssse3", "sse4_1"),
    gain(packing, true, "aarch64"),
    gain(packing, true, "ppc64"),
  ]);
  // Columns: not verified; XXH64; SHA-256 by integer and by SHA instructions; arm64's SHA-256; no purgatory.
  assertEquals(rows, [
    ["gzip", 480, 474, 251, 436, 251, 480],
    ["bzip2", 4525, 4519, 4297, 4481, 4297, 4525],
    ["lzma", 1832, 1826, 1603, 1787, 1603, 1832],
    ["xz", 1429, 1423, 1201, 1385, 1201, 1429],
    ["lzo", 147, 141, -82, 102, -82, 147],
    ["lz4", 36, 29, -193, -9, -193, 36],
    ["zstd", 169, 163, -60, 124, -60, 169],
    ["other", -20, -26, -249, -64, -249, -20],
  ]);
});

pure("whether an initrd is unpacked, and why not, as the plan says it", () => {
  const verdict = (changes: Partial<InitrdFile>, checksum: Profile["checksum"] = false) =>
    unpackVerdict({ ...initrdFile(), ...changes }, {
      profile: profileOf({ predecompress: true, checksum }),
      facts: hostFacts(),
    });
  const packed = (size: number, ...packing: readonly ("xz" | "lz4" | "zstd")[]) =>
    wholeInitrd({ size, packed: packing.map((each) => ({ packing: each, size })) });
  assertEquals(verdict({}), undefined);
  assertEquals(verdict({ content: { kind: "unread", why: "libx is missing" } }), {
    kind: "kept",
    why: "it was not read through: libx is missing",
  });
  assertEquals(verdict({ content: packed(1, "xz"), kept: "a reason" }), { kind: "kept", why: "a reason" });
  assertEquals(verdict({ content: wholeInitrd({ packed: [] }), kept: "a reason" }), {
    kind: "kept",
    why: "it is not compressed",
  });
  // zstd: 10,600,000 bytes in 20 ms, and nothing more to copy: 20 ms are worth it, 19 are not.
  const size = 10_600_000;
  assertEquals(verdict({ size, content: packed(size, "zstd") }), {
    kind: "unpacked",
    size,
    packings: ["zstd"],
    gain: 20,
  });
  const less = 10_300_000;
  assertEquals(verdict({ size: less, content: packed(less, "zstd") }), {
    kind: "kept",
    why: "copying what it unpacks to, 9.8 MiB, takes about as long as unpacking it",
  });
  assertEquals(verdict({ size: less, content: packed(less, "zstd") }, true), {
    kind: "kept",
    why: "verifying and copying what it unpacks to, 9.8 MiB, takes about as long as unpacking it",
  });
  assertEquals(verdict({ size, content: packed(size, "xz", "lz4") }), {
    kind: "unpacked",
    size,
    packings: ["xz", "lz4"],
    gain: 160,
  });
});

pure("how each initrd is placed: to the page at which half of the memory is full", () => {
  const content = wholeInitrd({ size: 100 << 20, packed: [{ packing: "xz", size: 100 << 20 }] });
  const file = { ...initrdFile({ size: (10 << 20) + 1 }), content };
  const place = (profile: Partial<Profile>, memTotal: bigint | undefined, kernel = 50n << 20n) => {
    const { memTotal: _, ...facts } = hostFacts();
    return initrdPlacements({
      profile: profileOf({ load: "kexec_load", predecompress: true, ...profile }),
      facts: memTotal === undefined ? facts : { ...facts, memTotal },
      images: images({ initrd: [file] }),
    }, kernel).map(({ unpacked, size, reason }) => [unpacked, size, reason]);
  };
  const saves = "/boot/initrd.img is unpacked before the reboot (xz, 10 MiB to 100 MiB), which is estimated to save " +
    "1489 ms on a fast core";
  const exceeds = "/boot/initrd.img stays as it is: unpacked it takes 100 MiB, and the segments would exceed half of " +
    "the memory";
  // 100 MiB of archive, 50 MiB of kernel and 1 MiB for the rest.
  const least = 2n * (151n << 20n);
  assertEquals(place({}, least), [[true, 100 << 20, saves]]);
  assertEquals(place({}, least + 4096n), [[true, 100 << 20, saves]]);
  assertEquals(place({}, least - 1n), [[false, file.size, exceeds]]);
  assertEquals(place({}, least, (50n << 20n) + 4096n), [[false, file.size, exceeds]]);
  assertEquals(place({}, undefined), [[false, file.size, exceeds]]);
  assertEquals(place({ predecompress: false }, least), [[false, file.size, undefined]]);
  assertEquals(place({ crash: true }, least), [[
    false,
    file.size,
    "/boot/initrd.img stays as it is: unpacked, it would take room in the crash reservation twice",
  ]]);
});

// --- Where segments lie.

pure("a request gets its preferred address, else the lowest that is aligned, within bounds, and not avoided", () => {
  const request = { name: "a", size: 0x1800n, alignment: 0x1000n, min: 0n, max: 1n << 64n };
  const at = (free: readonly (readonly [bigint, bigint])[], ...requests: readonly object[]) => {
    const all = requests.map((each) => ({ ...request, ...each }));
    const result = placeAll(all, free.map(([start, end]) => ({ start, end })), 0x1000n);
    return result.kind === "placed"
      ? result.placed.map(({ address }) => address)
      : [result.failed.name, result.largest];
  };
  assertEquals(at([[0x1000n, 0x3000n]], {}), [0x1000n]);
  assertEquals(at([[0x1000n, 0x2fffn]], {}), ["a", 0x1fffn]);
  assertEquals(at([[0x8000n, 0xa000n], [0x1000n, 0x3000n]], {}, {}), [0x1000n, 0x8000n]);
  assertEquals(at([[0x1000n, 0x9000n]], { preferred: 0x5000n }), [0x5000n]);
  assertEquals(at([[0x1000n, 0x7000n]], { preferred: 0x5000n }), [0x5000n]);
  assertEquals(at([[0x1000n, 0x6000n]], { preferred: 0x5000n }), [0x1000n]);
  assertEquals(at([[0x1000n, 0x9000n]], { preferred: 0x5800n }), [0x1000n]);
  assertEquals(at([[0x1000n, 0x9000n]], { preferred: 0x2000n, min: 0x3000n }), [0x3000n]);
  assertEquals(at([[0x1000n, 0x9000n]], { preferred: 0x5000n, max: 0x6000n }), [0x1000n]);
  assertEquals(at([[0x1000n, 0x9000n]], { alignment: 0x4000n }), [0x4000n]);
  assertEquals(at([[0x1000n, 0x9000n]], { alignment: 16n, min: 0x1010n }), [0x2000n]);
  assertEquals(at([[0x1000n, 0x9000n]], { avoid: [{ start: 0x2000n, end: 0x4000n }] }), [0x4000n]);
  assertEquals(at([[0x1000n, 0x9000n]], { avoid: [{ start: 0x3000n, end: 0x4000n }] }), [0x1000n]);
  // At least one page each, which is not shared.
  assertEquals(at([[0x1000n, 0x9000n]], { size: 0n }, { size: 1n }, { size: 0x1000n }, {}), [
    0x1000n,
    0x2000n,
    0x3000n,
    0x4000n,
  ]);
  assertEquals(at([[0x1000n, 0x3000n], [0x4800n, 0x5800n]], { name: "b" }, { alignment: 0x800n }), ["a", 0x800n]);
  assertEquals(at([], {}), ["a", 0n]);
});

function iomem(...roots: readonly IomemNode[]): Iomem {
  return { visibility: "full", roots };
}

function node(name: string, start: bigint, end: bigint, ...children: readonly IomemNode[]): IomemNode {
  return { name, start, end, children };
}

pure("what lies at an address is named with its range, from its first byte to its last", () => {
  const facts = hostFacts({
    iomem: iomem(
      node("System RAM", 0x10_0000n, 0x100_0000n, node("reserved", 0x20_0000n, 0x30_0000n)),
      node("ACPI Tables", 0x100_0000n, 0x110_0000n),
      node(
        "System RAM",
        0x200_0000n,
        0x300_0000n,
        node("outer", 0x210_0000n, 0x220_0000n, node("inner", 0x218_0000n, 0x21a_0000n)),
      ),
    ),
    firmwareMap: [
      { start: 0x10_0000n, end: 0x80_0000n, type: "System RAM" },
      { start: 0x80_0000n, end: 0x90_0000n, type: "ACPI Non-volatile Storage" },
    ],
  });
  const reserved = '"reserved" (0x200000 to 0x2fffff)';
  assertEquals(obstacleAt(facts, 0x20_0000n), reserved);
  assertEquals(obstacleAt(facts, 0x2f_ffffn), reserved);
  assertEquals(obstacleAt(facts, 0x30_0000n), "addresses that the firmware's memory map does not list");
  assertEquals(obstacleAt(facts, 0x110_0000n - 1n), '"ACPI Tables" (0x1000000 to 0x10fffff)');
  assertEquals(obstacleAt(facts, 0x110_0000n), "addresses that /proc/iomem does not list");
  assertEquals(obstacleAt(facts, 0xf_ffffn), "addresses that /proc/iomem does not list");
  assertEquals(obstacleAt(facts, 0x218_0000n), '"outer" (0x2100000 to 0x21fffff)');
  const storage = `what the firmware's memory map lists as "ACPI Non-volatile Storage" (0x800000 to 0x8fffff)`;
  assertEquals(obstacleAt(facts, 0x80_0000n), storage);
  assertEquals(obstacleAt(facts, 0x8f_ffffn), storage);
  assertEquals(obstacleAt(facts, 0x90_0000n), "addresses that the firmware's memory map does not list");
});

pure(
  "free memory is whole pages of RAM between the limits; where there is none, the error says what was searched",
  () => {
    const MIB = 1n << 20n;
    const free = (changes: Partial<HostFacts>, options: { crash?: boolean; min?: bigint; max?: bigint } = {}) => {
      const { value, diagnostics } = freeMemory(hostFacts(changes), { crash: false, ...options });
      return value?.map(({ start, end }) => [start, end]) ?? diagnostics;
    };
    const one = iomem(node("System RAM", 0x1000n, 2n * MIB + 0x1800n));
    assertEquals(free({ iomem: one }), [[MIB, 2n * MIB + 0x1000n]]);
    assertEquals(free({ iomem: one }, { min: 0x1801n }), [[0x2000n, 2n * MIB + 0x1000n]]);
    assertEquals(free({ iomem: one }, { min: 0x1801n, max: 0x2fffn }), [{
      code: "memory-none",
      severity: "error",
      message: "No memory that segments may take lies between 0x1801 and 0x2fff",
      path: ["memory"],
      hint: "Widen `memory`, or remove it",
    }]);
    assertEquals(free({ iomem: one }, { max: 0x3000n }), [{
      code: "memory-none",
      severity: "error",
      message: "No memory that segments may take lies between 0x100000 and 0x3000",
      path: ["memory"],
      hint: "Widen `memory`, or remove it",
    }]);
    assertEquals(free({ iomem: iomem(node("Reserved", 0n, 8n * MIB)) }), [{
      code: "memory-none",
      severity: "error",
      message: "No memory that segments may take lies between 0x100000 and 0x3fffffffffff",
    }]);
    assertEquals(free({}, { crash: true }), [{
      code: "memory-none",
      severity: "error",
      message: "No memory is reserved for a crash kernel",
      hint: "Boot the running kernel with `crashkernel=256M` (or more) on its command line",
    }]);
    assertEquals(free(crashHost(), { crash: true, max: MIB }), [{
      code: "memory-none",
      severity: "error",
      message: "No page of the crash reservation, 0x110000000 to 0x130000000, lies between 0x100000 and 0x100000",
      path: ["memory"],
      hint: "Widen `memory`, or remove it",
    }]);
    assertEquals(free(crashHost(), { crash: true }), [[...HIGH]]);
  },
);

pure("memory that is not known is an error with its reason; a contradiction counts for a crash image only", () => {
  assertEquals(unknownMemory({ visibility: "zeroed", roots: [] }, false), {
    code: "memory-hidden",
    severity: "error",
    message: "/proc/iomem shows every address as zero, so free memory for segments cannot be found",
    hint: "Run warmboot as root (CAP_SYS_ADMIN in the initial user namespace), or use `load: kexec_file_load`",
  });
  assertEquals(unknownMemory({ visibility: "absent", roots: [] }, true), {
    code: "memory-unknown",
    severity: "error",
    message: "/proc/iomem is missing or empty, so free memory for segments cannot be found",
    hint: "Run warmboot on the host itself, outside of containers; a capture must include /proc/iomem",
  });
  const twice = iomem(
    node("Crash kernel", 0x1000_0000n, 0x2000_0000n),
    node("Crash kernel", 0x1800_0000n, 0x2800_0000n),
  );
  assertEquals(unknownMemory(twice, false), undefined);
  assertEquals(unknownMemory(twice, true), {
    code: "memory-unknown",
    severity: "error",
    message: "In /proc/iomem the lines `Crash kernel` (0x10000000-0x1fffffff) and `Crash kernel` " +
      "(0x18000000-0x27ffffff) contradict each other, so where the kernel takes a crash image is unknown",
    hint: "Take the facts again: the map may have changed while it was read; or use `load: kexec_file_load`",
  });
});

pure("what fits nowhere: at one address only, below a limit, or in the reservation", () => {
  const failed = { name: "kernel", size: 0x80_0000n, alignment: 0x1000n, min: 0x100_0000n, max: 0x200_0000n };
  const message = (changes: object, crash = false) =>
    noRoom({ failed: { ...failed, ...changes }, largest: 0x1000n }, {
      profile: profileOf({ crash }),
      images: images(),
    });
  const { message: below, hint, expected, found } = message({});
  assertEquals([below, expected, found, hint], [
    'No free memory below 0x2000000 is large enough for the segment "kernel" of 8 MiB',
    "8 MiB in one piece",
    "4 KiB at most",
    "Widen `memory` if the profile narrows it; otherwise use a smaller initrd",
  ]);
  const fixed = { preferred: failed.min, max: failed.min + failed.size + 0xfffn };
  assertEquals([message(fixed).message, message(fixed).hint], [
    'The segment "kernel" of 8 MiB can only lie at 0x1000000, and that memory is not free',
    "Widen `memory` if the profile narrows it; otherwise start this image by the boot loader",
  ]);
  const notFixed = 'No free memory below 0x1801000 is large enough for the segment "kernel" of 8 MiB';
  assertEquals(message({ ...fixed, max: fixed.max + 1n }).message, notFixed);
  assertEquals(message(fixed, true).message, 'The crash reservation has no room for the segment "kernel" of 8 MiB');
  const open = 'No free memory is large enough for the segment "kernel" of 8 MiB';
  assertEquals(message({ max: (1n << 64n) - 1n }).message, open);
  assertEquals(message({ max: 1n << 64n }).message, open);
});

pure("explicit segments: the whole error for each fault of their content", () => {
  const of = (spec: Partial<SegmentSpec>, entry: bigint | undefined = 0x1000n) => {
    const { value, diagnostics } = explicitSegments(
      {
        segments: [{ at: 0x1000n, source: { kind: "bytes", bytes: new Uint8Array(5) }, ...spec }],
        ...(entry === undefined ? {} : { entry }),
      },
      new Map([["/a", { size: 100 }]]),
      0x1000n,
    );
    return value?.segments.map(({ name, mem, memsz }) => [name, mem, memsz]) ?? diagnostics;
  };
  const fault = (message: string, hint: string, ...at: readonly string[]): readonly Diagnostic[] => [
    { code: "segment-content", severity: "error", message, path: ["segments", 0, ...at], hint },
  ];
  assertEquals(of({}), [["segment 1", 0x1000n, 0x1000n]]);
  assertEquals(of({ size: 5n, name: "x" }), [["x", 0x1000n, 5n]]);
  assertEquals(
    of({ size: 4n }),
    fault(
      'The content of "segment 1" has 5 bytes, more than its `size` of 4',
      "Set `size` to 4096 or more, remove it, or set a smaller `length`",
      "size",
    ),
  );
  assertEquals(
    of({ source: { kind: "bytes", bytes: new Uint8Array() } }),
    fault('The content of "segment 1" is empty', "Give it content, or set `zero: true`"),
  );
  assertEquals(
    of({ source: { kind: "zero" } }),
    fault('"segment 1" takes no memory', "Give it a `size`, or remove the segment"),
  );
  const file = (offset: bigint, length?: bigint): Partial<SegmentSpec> => ({
    source: { kind: "file", file: { path: "/a" }, offset, ...(length === undefined ? {} : { length }) },
  });
  const check = "Check that this is the file that the profile was written for";
  assertEquals(of(file(99n)), [["segment 1", 0x1000n, 0x1000n]]);
  assertEquals(of(file(90n, 10n)), [["segment 1", 0x1000n, 0x1000n]]);
  assertEquals(
    of(file(90n, 11n)),
    fault("The content ends at byte 101 of /a, which has only 100 (100 bytes)", check, "length"),
  );
  assertEquals(
    of(file(101n)),
    fault("The content starts at byte 101 of /a, which has only 100 (100 bytes)", check, "offset"),
  );
  assertEquals(of(file(100n)), fault('The content of "segment 1" is empty', "Give it content, or set `zero: true`"));
  assertEquals(of({ source: { kind: "file", file: { path: "/b" }, offset: 0n } }), [
    { code: "file-unreadable", severity: "error", message: "/b was not read", path: ["segments", 0, "file"] },
  ]);
  const { value, diagnostics } = explicitSegments({ segments: [] }, new Map(), 0x1000n);
  assertEquals([value, diagnostics], [undefined, [{
    code: "missing-key",
    severity: "error",
    message: "Explicit segments need an `entry`, the address where execution starts",
    path: [],
    expected: "an address",
    hint: "Add `entry: ADDRESS`",
  }]]);
});

pure("which parts of files a plan needs the digests of", () => {
  const needed = (segments: Profile["segments"], files: NonNullable<Images["segments"]>) => {
    const { kernel: _, ...profile } = profileOf({ segments, entry: 0x1000n, load: "kexec_load" });
    return partsNeeded({ profile, facts: hostFacts(), images: { initrd: [], segments: files } });
  };
  const at = 0x1000n;
  const file = (path: string, offset: bigint, length?: bigint): SegmentSpec => ({
    at,
    source: { kind: "file", file: { path }, offset, ...(length === undefined ? {} : { length }) },
  });
  const files = [{ path: "/a", size: 100, sha256: "a".repeat(64) }, { path: "/b", size: 50, sha256: "b".repeat(64) }];
  assertEquals(
    needed([file("/b", 10n), { at, source: { kind: "zero" } }, file("/a", 1n, 7n)], files as never),
    [{ path: "/b", offset: 10, length: 40 }, { path: "/a", offset: 1, length: 7 }],
  );
  assertEquals(partsNeeded({ profile: profileOf(), facts: hostFacts(), images: images() }), [
    { path: "/boot/vmlinuz", offset: 20480, length: 12562432 },
  ]);
  // A bootconfig that comes after an archive is placed by itself, and so are the bytes before it.
  assertEquals(partsNeeded({ profile: profileOf(), facts: hostFacts(), images: images({ initrd: ending(1) }) }), [
    { path: "/boot/vmlinuz", offset: 20480, length: 12562432 },
    { path: "/0", offset: 0, length: 4000 },
    { path: "/0", offset: 4000, length: 96 },
  ]);
});

/** So many initrds of a page, the last of which ends in a bootconfig, and an archive that is made at load. */
function ending(count: number): readonly InitrdFile[] {
  const files = Array.from({ length: count }, (_, index): InitrdFile => ({
    ...initrdFile({ path: `/${index}`, size: 4096 }),
    content: wholeInitrd({ bootconfig: index === count - 1 ? 96 : 0 }),
  }));
  const overlay = { files: [], folders: [], isOpen: false };
  return [...files, { ...initrdFile({ path: "files:1", size: 512 }), overlay }];
}

// --- The calls.

pure("the calls have every argument of the plan", () => {
  const plan = planOf({ load: "kexec_load" });
  const call = segmentCall(plan);
  const [lowered] = lowerPlan(plan);
  if (lowered?.name !== "kexec_load") throw new Error("Not kexec_load");
  assertEquals([lowered.entry, lowered.flags, lowered.flagBits], [BigInt(call.entry), ["KEXEC_ARCH_DEFAULT"], 0n]);
  assertEquals(
    lowered.segments,
    call.segments.map(({ mem, memsz, bufsz, source }) => ({
      source,
      mem: BigInt(mem),
      memsz: BigInt(memsz),
      bufsz: BigInt(bufsz),
    })),
  );
  assertEquals(lowered.segments.some(({ memsz, bufsz }) => memsz !== bufsz), true);
  const initrd = ["/1", "/2"].map((path) => initrdFile({ path }));
  assertEquals(lowerPlan(planOf({ crash: true, fileFlags: ["debug"] }, crashHost(), { initrd })), [{
    name: "kexec_file_load",
    kernel: "/boot/vmlinuz",
    initrd: ["/1", "/2"],
    cmdline: "root=LABEL=root ro",
    flags: ["KEXEC_FILE_ON_CRASH", "KEXEC_FILE_DEBUG"],
    flagBits: 0xan,
  }]);
  assertEquals([true, false].flatMap((crash) => [lowerUnload(crash, true), lowerUnload(crash, false)]), [
    { name: "kexec_unload", crash: true },
    { name: "kexec_file_unload", crash: true },
    { name: "kexec_unload", crash: false },
    { name: "kexec_file_unload", crash: false },
  ]);
  assertEquals(REBOOT_NOW, [{ name: "sync" }, { name: "reboot_kexec" }]);
});

// --- Stored plans.

pure("by SHA-256, purgatory compares all of boot_params but the seed that is drawn at load", () => {
  const { call } = planOf({ load: "kexec_load", checksum: "sha256" });
  assert(call.syscall === "kexec_load");
  const params = call.segments.find(({ name }) => name === "boot_params");
  const purgatory = call.segments.at(-1);
  assert(params?.source.kind === "bytes" && purgatory?.source.kind === "bytes");
  const [seed] = params.source.random ?? [];
  assert(seed !== undefined);
  const bytes = Uint8Array.fromBase64(purgatory.source.base64);
  const view = new DataView(bytes.buffer);
  const [mem, handed] = [BigInt(params.mem), Uint8Array.fromBase64(params.source.base64)];
  const regions = regionOffsets(bytes, AT).map((offset) => ({
    address: view.getBigUint64(offset + AT.regionAddress, true),
    length: view.getBigUint64(offset + AT.regionLength, true),
    digest: bytes.slice(offset + AT.regionDigest, offset + AT.regionDigest + 32).toHex(),
  })).filter(({ address }) => address >= mem && address < mem + BigInt(params.memsz));
  const after = seed.offset + seed.length;
  assertEquals(
    regions,
    [[0, seed.offset], [after, handed.length]].filter(([from = 0, to = 0]) => from < to).map(([from = 0, to = 0]) => ({
      address: mem + BigInt(from),
      length: BigInt(to - from),
      digest: sha256Of(handed.subarray(from, to)),
    })),
  );
  assertEquals(regions.length >= 1, true);
});

pure("a call is not made where purgatory compares what is in no segment", () => {
  const { call, host } = planOf({ load: "kexec_load" });
  assert(call.syscall === "kexec_load");
  const segments = call.segments.filter(({ name }) => name !== "kernel");
  assertThrows(
    () => lowerPlan({ call: { ...call, segments }, host }),
    Error,
    "Cannot make the call: Purgatory compares",
  );
});

pure("a call is written with the bytes of its command line, its archives, and where the sums go", () => {
  const call = {
    name: "kexec_file_load",
    kernel: "/k",
    initrd: ["files:1"],
    cmdline: "ä=1",
    flags: [],
    flagBits: 0n,
  } as const;
  assertEquals(formatSyscall(call), 'kexec_file_load(open("/k"), memfd(archive(files:1)), 5, "ä=1", 0)');
  assertEquals(formatSyscall({ ...call, initrd: ["/i"] }), 'kexec_file_load(open("/k"), open("/i"), 5, "ä=1", 0)');
  assertEquals(formatSyscall({ ...call, initrd: [] }), 'kexec_file_load(open("/k"), -1, 5, "ä=1", 0)');
  const [syscall] = lowerPlan(planOf({ load: "kexec_load" }));
  assert(syscall?.name === "kexec_load");
  const buffers = [...formatSyscall(syscall).matchAll(/\{([^,]*),/g)].map(([, buffer]) => buffer);
  assertEquals(buffers, ['mmap("/boot/vmlinuz")+0x5000', 'mmap("/boot/initrd.img")', "bytes", "bytes+sums"]);
});

pure("the files of a call by their role: kernel first, and each once", () => {
  const file = (path: string) => ({ path, size: 4096, sha256: "a".repeat(64), about: "" });
  const segment = (name: string, path?: string): SegmentLoadCall["segments"][number] => ({
    name,
    mem: "0x1000",
    memsz: 4096,
    bufsz: 4096,
    sha256: "a".repeat(64),
    source: path === undefined ? { kind: "zero" } : { kind: "file", path, offset: 0, length: 4096 },
  });
  const call = (segments: SegmentLoadCall["segments"], ...paths: readonly string[]): SegmentLoadCall => ({
    syscall: "kexec_load",
    flags: [],
    flagBits: "0x0",
    entry: "0x1000",
    cmdline: "",
    segments,
    files: paths.map(file),
  });
  const none = { dtb: undefined, modules: [], segments: [] };
  const twelve = Array.from({ length: 12 }, (_, index) => `/i${index + 1}`);
  const initrds = twelve.map((path, index) => segment(`initrd ${index + 1}`, path));
  assertEquals(
    rolesOf(call([segment("kernel 1", "/k"), segment("kernel 2", "/k"), ...initrds, segment("boot_params")], "/k")),
    { ...none, kernel: "/k", initrd: twelve },
  );
  // The file that no segment names is the device tree.
  assertEquals(rolesOf(call([segment("kernel", "/k"), segment("initrd", "/i"), segment("dtb")], "/k", "/i", "/d")), {
    ...none,
    kernel: "/k",
    initrd: ["/i"],
    dtb: "/d",
  });
  assertEquals(
    rolesOf(call([segment("kernel", "/k"), segment("module", "/m"), segment("multiboot_info")], "/k", "/m")),
    { ...none, kernel: "/k", initrd: [], modules: ["/m"] },
  );
  assertEquals(rolesOf(call([segment("setup"), segment("kernel", "/k")], "/k")).kernel, "/k");
  assertEquals(rolesOf(call([segment("a", "/s"), segment("initrd", "/s"), segment("b", "/t")], "/s", "/t")), {
    ...none,
    kernel: undefined,
    initrd: [],
    segments: ["/s", "/t"],
  });
  assertEquals(filesOf(planOf().call).map(({ path }) => path), ["/boot/vmlinuz", "/boot/initrd.img"]);
});

pure("what changed since a plan was made is named with both values", () => {
  const plan = planOf();
  const drift = (facts: Partial<HostFacts>, files: Partial<Images> = {}) =>
    driftOf(plan, hostFacts(facts), images(files)).map(({ what, planned, now }) => `${what}: ${planned} -> ${now}`);
  assertEquals(drift({}), []);
  assertEquals(drift({ hostname: "web2" }), ["the host's name: web1 -> web2"]);
  assertEquals(drift({ machine: "aarch64" }), ["the host's architecture: x86_64 -> aarch64"]);
  assertEquals(drift({ release: "6.12" }), ["the running kernel: 6.1.0-50-amd64 -> 6.12"]);
  assertEquals(drift({}, { kernel: kernelFile({ info: bzImage({ release: "7.0" }) }) }), [
    "the new kernel's release: 6.12.107+deb13-amd64 -> 7.0",
  ]);
  assertEquals(drift({}, { kernel: kernelFile({ size: 1 }) }), [
    "the size of /boot/vmlinuz: 12582912 bytes -> 1 bytes",
  ]);
  assertEquals(drift({}, { initrd: [] }), [
    `the SHA-256 of /boot/initrd.img: ${"b".repeat(64)} -> unknown`,
    "the size of /boot/initrd.img: 31457280 bytes -> unknown",
  ]);
  const { kernel: _, ...none } = images();
  assertEquals(driftOf(plan, hostFacts(), none).map(({ what }) => what), [
    "the new kernel's release",
    "the SHA-256 of /boot/vmlinuz",
    "the size of /boot/vmlinuz",
  ]);
});

pure("whether a plan is of a crash image is in the flags of either call", () => {
  const plan = planOf();
  const withBits = (syscall: "kexec_load" | "kexec_file_load", flagBits: string) =>
    isCrash({
      ...plan,
      call: {
        ...(syscall === "kexec_load" ? segmentCall(planOf({ load: syscall })) : plan.call),
        flagBits,
      } as Plan["call"],
    });
  // KEXEC_ON_CRASH is 1, and KEXEC_FILE_ON_CRASH 2; KEXEC_PRESERVE_CONTEXT is 2, and KEXEC_FILE_UNLOAD 1.
  assertEquals(["0x0", "0x1", "0x2", "0x3"].map((bits) => withBits("kexec_load", bits)), [false, true, false, true]);
  assertEquals(["0x0", "0x1", "0x2", "0x3"].map((bits) => withBits("kexec_file_load", bits)), [
    false,
    false,
    true,
    true,
  ]);
});

pure("why a stored plan is refused, with what to do", () => {
  const plan = planOf({ load: "kexec_load" });
  const call = segmentCall(plan);
  const first = (changed: Plan, facts: Partial<HostFacts> = {}, files: Partial<Images> = {}) => {
    const { status, message, hint, rule } = recheck(changed, hostFacts(facts), images(files), PART_DIGESTS).checks[0] ??
      { status: "none", message: "", hint: "", rule: "" };
    return [rule, status, message, hint];
  };
  const refused = (message: string, hint: string) => ["stored-plan", "fail", message, hint];
  assertEquals(first(plan), [
    "stored-plan",
    "pass",
    "Re-created from its profile, this host and these files, the plan is identical",
    undefined,
  ]);
  assertEquals(
    first(plan, { hostname: "web2", release: "6.12" }),
    refused(
      "Since the plan was made, the host's name changed from web1 to web2; the running kernel changed from " +
        "6.1.0-50-amd64 to 6.12",
      "Re-create the plan and review it",
    ),
  );
  const { declared: _, ...undeclared } = plan;
  assertEquals(profileOfPlan(undeclared), undefined);
  assertEquals(
    first(undeclared),
    refused(
      "The plan does not hold what its profile declares (`declared`), so it cannot be verified",
      "It was made by an older version of warmboot, or edited: re-create it with `warmboot plan`",
    ),
  );
  assertEquals(
    first(plan, { iomem: iomem(node("System RAM", 0x10_0000n, 0x200_0000n)) }),
    refused(
      "The plan cannot be made again from its profile, this host and these files: No free memory is large enough for " +
        'the segment "kernel" of 60 MiB',
      "Re-create the plan with `warmboot plan`; do not edit it by hand",
    ),
  );
  const another = (version: string) =>
    `The plan was made by another version of warmboot (${version}), and this one (${VERSION}) makes a different plan`;
  const other = (changes: object) => first({ ...plan, ...changes });
  const hint = "The plan was edited, or the host's memory, firmware or devices changed. " +
    "Re-create the plan with `warmboot plan`; do not edit it by hand";
  const differs = "The plan is not what its profile, this host and these files give";
  assertEquals(other({ version: "#7" }), refused(`${differs}: \`version\` is "#7", not "#1 SMP"`, hint));
  assertEquals(other({ format: undefined }), refused(`${differs}: \`format\` is absent, not "warmboot.plan/1"`, hint));
  assertEquals(
    other({ call: { ...call, entry: "0x1" } }),
    refused(`${differs}: \`call.entry\` is "0x1", not "${call.entry}"`, hint),
  );
  const moved = (index: number, changes: object) =>
    other({
      call: { ...call, segments: call.segments.map((each, at) => at === index ? { ...each, ...changes } : each) },
    });
  assertEquals(moved(1, { memsz: 1 }), refused(`${differs}: segment "initrd": \`memsz\` is 1, not 31457280`, hint));
  assertEquals(
    moved(0, { source: { kind: "file", path: "/boot/vmlinuz", offset: 0, length: 12562432 } }),
    refused(`${differs}: segment "kernel": \`source.offset\` is 0, not 20480`, hint),
  );
  assertEquals(
    other({ call: { ...call, segments: call.segments.slice(0, -1) } }),
    refused(
      `${differs}: \`call.segments[3]\` is absent, not {"name":"purgatory","mem":"0x6a02000","memsz":28672,"bufs...`,
      hint,
    ),
  );
  assertEquals(
    other({ warmboot: "0.0.1", version: "#7" }),
    refused(`${another("0.0.1")}: \`version\` is "#7", not "#1 SMP"`, hint),
  );
  const { warmboot: _version, ...unversioned } = plan;
  assertEquals(
    first({ ...unversioned, version: "#7" } as Plan),
    refused(`${another("unknown")}: \`version\` is "#7", not "#1 SMP"`, hint),
  );
});

pure(
  "a stored plan that passes is the one that was made again, and changes nothing of what it is checked against",
  () => {
    const bootParams = new Uint8Array(4096);
    bootParams[1] = 24;
    const facts = hostFacts({ bootParams });
    const plan = planOf({ load: "kexec_load" }, { bootParams: new Uint8Array(4096) });
    const older = { ...plan, warmboot: "0.0.1", host: { ...plan.host, cmdline: "another one" } };
    const again = recheck(older, facts, images(), PART_DIGESTS);
    assertEquals(again.checks[0]?.status, "pass");
    assertEquals([again.warmboot, again.host.cmdline], [VERSION, hostFacts().cmdline]);
    assertEquals(again.checks.length, plan.checks.length + 1);
    assertEquals(bootParams.slice(0, 2), Uint8Array.of(0, 24));
    // One that does not is judged by all that it says.
    const unbind = [{ kind: "driver", driver: "i915" }] as const;
    const devices = [{
      bus: "pci",
      device: "0000:00:02.0",
      driver: "i915",
      path: "/sys/devices/pci0000:00/0000:00:02.0",
    }];
    const stale = { ...planOf({ unbind, stated: ["unbind"] }, { devices }), release: "1.0" };
    const checks = recheck(stale, hostFacts({ devices }), images(), PART_DIGESTS).checks;
    assertEquals(checks.find(({ rule }) => rule === "unbind-devices")?.status, "pass");
  },
);

pure("a plan keeps everything of a profile that it is derived from again", () => {
  const kept = (profile: Partial<Profile>) => {
    const { stated: _, ...found } = profileOfPlan(planOf(profile)) ?? profileOf();
    return found;
  };
  const rows: readonly Partial<Profile>[] = [
    { fileFlags: ["debug", "no_cma"] },
    { memory: { min: 0x200_0000n, max: 0x8000_0000n }, load: "kexec_load" },
    { checksum: false, load: "kexec_load" },
    { checksum: "sha256", load: "kexec_load" },
    { preservedState: "discard" },
    { stamp: true, cmdline: { kind: "parameters", parameters: ["ro"] } },
    { crash: true },
    { bootEntry: { id: "default", found: "the entry `a`" } },
    { unbind: [{ kind: "driver", driver: "i915" }], unbindFailure: "continue" },
    { carry: ["network"] },
    { unlock: [{ volume: "nosuch", key: { kind: "ask", prompt: "Key:" } }] },
    { guard: { confirm: 60, fallback: "running", log: 1 << 20, watchdog: 30, panic: 10 } },
  ];
  for (const profile of rows) {
    const found = kept(profile);
    const { cmdline: _, ...rest } = profile;
    assertEquals({ ...found, ...rest }, found);
  }
  // The files are those that a link led to.
  const files = { kernel: kernelFile({ path: "/boot/k-6.12" }), initrd: [initrdFile({ path: "/boot/i-6.12" })] };
  const digests = new Map([["/boot/k-6.12@20480+12562432", "e".repeat(64)]]);
  const { value } = planBoot({
    profile: profileOf({ load: "kexec_load" }),
    facts: hostFacts(),
    images: images(files),
    partDigests: digests,
  });
  assertEquals([value?.declared?.kernel, value?.declared?.initrd], ["/boot/k-6.12", ["/boot/i-6.12"]]);
  assertEquals(kept({ cmdline: { kind: "parameters", parameters: [] } }).cmdline, {
    kind: "parameters",
    parameters: [],
  });
});

pure("a crash description is stale if this host's differs, and unknown where the machine is not", () => {
  const facts = crashHost();
  const { value } = planBoot({
    profile: profileOf({ crash: true, load: "kexec_load" }),
    facts,
    images: images(),
    partDigests: PART_DIGESTS,
  });
  if (value === undefined) throw new Error("Cannot plan");
  const { segments } = segmentCall(value);
  assertEquals(staleDump(segments, facts), undefined);
  assertEquals(staleDump([], facts), undefined);
  assertEquals(staleDump([{ name: "elfcorehdr", mem: "0x1000", source: { kind: "zero" } }], facts), undefined);
  const changed = "it does not describe this host's current memory, CPUs and notes";
  assertEquals(staleDump(segments, crashHost({ crashNotes: facts.crashNotes.slice(1) })), changed);
  const unknown = "cannot determine whether it still describes this host's memory and CPUs";
  assertEquals(staleDump(segments, { ...facts, machine: "ppc64" }), unknown);
  assertEquals(staleDump(segments, crashHost({ crashNotes: [] })), unknown);
  // With a backup (before 5.5), the first 640 KiB are read from it.
  const old = crashHost({ release: "5.4.0-190-generic" });
  const { value: backed } = planBoot({
    profile: profileOf({ crash: true, load: "kexec_load" }),
    facts: old,
    images: images(),
    partDigests: PART_DIGESTS,
  });
  if (backed === undefined) throw new Error("Cannot plan");
  const parts = segmentCall(backed).segments;
  assertEquals(staleDump(parts, old), undefined);
  assertEquals(staleDump(parts.filter(({ name }) => name !== "backup"), old), changed);
});

pure("the room for elfcorehdr is what the kernel may grow it to, and at least what it is", () => {
  const sizeOf = (crashElfcorehdrSize: bigint | undefined, cpus = 2) => {
    const kexec = { ...crashHost().kexec, ...(crashElfcorehdrSize === undefined ? {} : { crashElfcorehdrSize }) };
    const { value } = planBoot({
      profile: profileOf({ crash: true, load: "kexec_load" }),
      facts: crashHost({
        kexec,
        crashNotes: Array.from({ length: cpus }, (_, cpu) => ({ cpu, address: 0x1_3fc0_1000n, size: 368n })),
      }),
      images: images(),
      partDigests: PART_DIGESTS,
    });
    const call = value === undefined ? undefined : segmentCall(value);
    return [call?.segments.find(({ name }) => name === "elfcorehdr")?.memsz, call?.flags];
  };
  const plain = ["KEXEC_ON_CRASH", "KEXEC_ARCH_DEFAULT"];
  const updated = ["KEXEC_ON_CRASH", "KEXEC_UPDATE_ELFCOREHDR", "KEXEC_ARCH_DEFAULT"];
  assertEquals(sizeOf(undefined), [4096, plain]);
  assertEquals(sizeOf(0n), [4096, plain]);
  assertEquals(sizeOf(1n), [4096, updated]);
  assertEquals(sizeOf(4096n), [4096, updated]);
  assertEquals(sizeOf(4097n), [8192, updated]);
  // Only a crash image has one.
  const kexec = { ...crashHost().kexec, crashElfcorehdrSize: 4096n };
  assertEquals(planOf({ load: "kexec_load" }, { kexec }).call.flags, ["KEXEC_ARCH_DEFAULT"]);
  const payload = { at: HIGH[0], size: 4096n, source: { kind: "zero" } as const };
  assertEquals(
    planOf({ crash: true, load: "kexec_load", segments: [payload], entry: HIGH[0] }, { ...crashHost(), kexec }).call
      .flags,
    plain,
  );
  // 64 bytes, and 56 for each of 100 CPUs, vmcoreinfo, text and memory.
  assertEquals([sizeOf(4096n, 100), sizeOf(undefined, 100)], [[8192, updated], [8192, plain]]);
});

pure("a proposed reservation is a multiple of 64 MiB that holds what is needed", () => {
  const proposed = (kernel: bigint) =>
    proposedReservation({ kernel, initrd: 0n, unpacked: 0n, isMeasured: true, work: 0n });
  // 1/64 of the memory is taken by its own `struct page`s: 330,382,100 bytes and 5,162,220 are 320 MiB.
  assertEquals([0n, 330_382_100n, 330_382_101n].map(proposed), ["256M", "320M", "384M"]);
});

pure("explicit segments that leave no room for purgatory are an error", () => {
  const { value, diagnostics } = planBoot({
    profile: profileOf({
      load: "kexec_load",
      segments: [{ at: 0x10_0000n, size: 0x10_0000n, source: { kind: "zero" }, name: "all" }],
      entry: 0x10_0000n,
      memory: { max: 0x20_0000n },
    }),
    facts: hostFacts(),
    images: { initrd: [] },
  });
  assertEquals([value, diagnostics], [undefined, [{
    code: "no-room",
    severity: "error",
    message: 'No free memory is large enough for the segment "purgatory" of 28 KiB',
    expected: "28 KiB in one piece",
    found: "0 bytes at most",
    hint: "Widen `memory` if the profile narrows it; otherwise use a smaller initrd",
  }]]);
});

pure("more initrds than the call has segments for", () => {
  const initrd = (count: number) =>
    Array.from({ length: count }, (_, index) => initrdFile({ path: `/${index}`, size: 4096 }));
  const planned = (count: number) =>
    planBoot({
      profile: profileOf({ load: "kexec_load" }),
      facts: hostFacts(),
      images: images({ initrd: initrd(count) }),
      partDigests: PART_DIGESTS,
    });
  const most = planned(13).value;
  assertEquals(most === undefined ? [] : segmentCall(most).segments.map(({ name }) => name), [
    "kernel",
    ...Array.from({ length: 13 }, (_, index) => `initrd ${index + 1}`),
    "boot_params",
    "purgatory",
  ]);
  assertEquals([planned(14).value, planned(14).diagnostics], [undefined, [{
    code: "too-many-segments",
    severity: "error",
    message: "There are 14 initrds, but kexec_load takes at most 13 with this kernel",
    path: ["initrd"],
    hint: "Join some of them into one file, each padded with zeros to a multiple of 4 bytes",
  }]]);
});

pure("a bootconfig that is placed by itself, and each part of a kernel, take a segment as well", () => {
  const said = (files: Partial<Images>): string | undefined => {
    const input = {
      profile: profileOf({ load: "kexec_load" }),
      facts: hostFacts(),
      images: images(files),
    };
    const partDigests = new Map(partsNeeded(input).map((part) => [partKey(part), "e".repeat(64)]));
    return planBoot({ ...input, partDigests }).diagnostics.find(({ code }) => code === "too-many-segments")?.message;
  };
  assertEquals(said({ initrd: ending(11) }), undefined);
  assertEquals(
    said({ initrd: ending(12) }),
    "There are 14 initrds, but kexec_load takes at most 13 with this kernel",
  );
  const loads = [0, 1, 2].map((index) => {
    const paddr = 0x100_0000n + BigInt(index) * 0x1000n;
    return {
      offset: 0x1000n,
      paddr,
      vaddr: paddr + 0xffff_ffff_8000_0000n,
      filesz: 0x1000n,
      memsz: 0x1000n,
      align: 0x1000n,
    };
  });
  const info = elf64Image({ loads });
  const kernel = kernelFile({ info });
  const initrds = (count: number) => Array.from({ length: count }, (_, at) => initrdFile({ path: `/${at}`, size: 1 }));
  assertEquals(said({ kernel, initrd: initrds(11) }), undefined);
  assertEquals(
    said({ kernel, initrd: initrds(12) }),
    "There are 12 initrds, but kexec_load takes at most 11 with this kernel",
  );
});

pure("the program that starts first is that of the command line that is booted", () => {
  const program = (parameters: readonly string[], running?: string) => {
    const { cmdline: _, ...facts } = hostFacts();
    return initProgram(
      profileOf(
        running === undefined ? { cmdline: { kind: "parameters", parameters } } : {
          cmdline: { kind: "edit", reuse: true, remove: [], set: [], append: parameters },
        },
      ),
      running === undefined ? facts : { ...facts, cmdline: running },
    );
  };
  assertEquals(program([]), "/init");
  assertEquals(program(["rdinit=/bin/sh", "rdinit=sbin/init"]), "/sbin/init");
  assertEquals(program(["rdinit="]), "/init");
  assertEquals(program(["--", "rdinit=/bin/sh"]), "/init");
  assertEquals(program(["quiet"], "rdinit=/bin/ash ro"), "/bin/ash");
});

// --- Stamps.

pure("a stamp covers what boots in its order, and not where elfcorehdr lies", () => {
  const booted = { kernel: "a".repeat(64), initrd: ["b".repeat(64), "c".repeat(64)], cmdline: "ro quiet" };
  const stamp = stampOf(booted);
  assertEquals(stamp.length, 16);
  assertEquals(stampOf({ ...booted, cmdline: "elfcorehdr=0x1000 ro  warmboot.plan=1 quiet" }), stamp);
  assertEquals(stampOf({ ...booted, cmdline: "quiet ro" }) === stamp, false);
  assertEquals(stampOf({ ...booted, initrd: booted.initrd.toReversed() }) === stamp, false);
  assertEquals(stampIn("warmboot.plan=1 warmboot.plan=2"), "2");
  const stored = planOf({ stamp: true }, {}, {
    initrd: [initrdFile({ path: "/1" }), initrdFile({ path: "/2", sha256: "c".repeat(64) })],
  });
  const digest = stampIn(stored.call.cmdline);
  assertEquals([digest, trueStamp(stored.call)], [
    stampOf({ kernel: "a".repeat(64), initrd: ["b".repeat(64), "c".repeat(64)], cmdline: "root=LABEL=root ro" }),
    digest,
  ]);
  // Explicit segments have no kernel, so nothing that a stamp covers.
  const explicit = { ...segmentCall(planOf({ load: "kexec_load" })), segments: [], cmdline: `warmboot.plan=${digest}` };
  assertEquals(trueStamp({ ...explicit, files: [] }), undefined);
});

Deno.test("the schema of a plan is the committed one", () => assertCommittedSchema("plan", planSchema()));
