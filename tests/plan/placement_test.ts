import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import type { SegmentRequest } from "../../src/arch/segment.ts";
import { formatAddress } from "../../src/core/number.ts";
import { alignUp, contains, overlaps, type Range } from "../../src/core/range.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { parseIomem } from "../../src/host/iomem.ts";
import type { ElfImage } from "../../src/image/image.ts";
import { elfLayout, elfSegments } from "../../src/arch/x86_64/elf_loader.ts";
import { freeMemory, type FreeMemoryOptions } from "../../src/plan/placement/free_memory.ts";
import { placeAll } from "../../src/plan/placement/place.ts";
import { capturedFacts as host } from "../host/fixture.ts";
import { hostFacts } from "../support/host_facts.ts";
import { elf64Image } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A host with this memory map, one line per row. */
function mapped(rows: readonly string[], changes: Partial<HostFacts> = {}): HostFacts {
  return hostFacts({ iomem: parseIomem(`${rows.join("\n")}\n`).iomem, ...changes });
}

/** The free ranges as text, `start-end` with the end exclusive. */
function freeOf(facts: HostFacts, options: Partial<FreeMemoryOptions> = {}): readonly string[] {
  const { value, diagnostics } = freeMemory(facts, { crash: false, ...options });
  assertEquals(diagnostics, []);
  return (value ?? []).map(({ start, end }) => `${formatAddress(start)}-${formatAddress(end)}`);
}

function refusal(facts: HostFacts, options: Partial<FreeMemoryOptions> = {}): string {
  const { value, diagnostics: [first] } = freeMemory(facts, { crash: false, ...options });
  assertEquals(value, undefined);
  return `${first?.severity} ${first?.code}: ${first?.message}`;
}

pure("on x86_64 the running kernel may be overwritten, and crash reservations may not", () => {
  assertEquals(freeOf(host("bios-vm")), ["0x100000-0x7ffdc000"]);
  assertEquals(freeOf(host("uefi-laptop")), [
    "0x100000-0x49000000",
    "0x59000000-0x5f1aa000",
    "0x5f1ac000-0x6b52c000",
    "0x70b0f000-0x70b10000",
    "0x100000000-0x45f000000",
    "0x47f000000-0x480800000",
  ]);
});

pure("a line that reaches beyond the one around it keeps its memory, too", () => {
  const facts = mapped([
    "00100000-3fffffff : System RAM",
    "  3ffff000-40000fff : Kernel data",
    "    40002000-40002fff : driver",
    "40000000-4000ffff : System RAM",
    "80000000-8fffffff : PCI Bus 0000:00",
    "  20000000-80000fff : 0000:00:03.0",
    "    10000000-10000fff : driver",
  ]);
  assertEquals(freeOf(facts), ["0x100000-0x10000000", "0x10001000-0x20000000"]);
});

pure("on arm64 whatever is nested in System RAM stays, but for the kernel's code and data", () => {
  assertEquals(freeOf(host("arm64-server")), [
    "0x80000000-0x88000000",
    "0x8a000000-0xb8000000",
    "0xd8000000-0xf4310000",
    "0xf5700000-0xf8a00000",
    "0xf8b00000-0xf8bd0000",
    "0xf8c10000-0xfa9f0000",
    "0xfaa60000-0xfaa90000",
    "0xfac50000-0xff000000",
    "0x80000000000-0x80001fb0000",
    "0x800027d0000-0x80e1c000000",
    "0x80e80000000-0x80ebd200000",
    "0x80ebd400000-0x80ebf5c0000",
  ]);
});

pure("no free range touches what firmware does not call System RAM", () => {
  const facts = host("many-region-server");
  const { value = [] } = freeMemory(facts, { crash: false });
  assert(value.length > 50);
  for (const range of value) {
    for (const entry of facts.firmwareMap) assert(entry.type === "System RAM" || !overlaps(range, entry), entry.type);
  }
});

pure("memory that only /proc/iomem calls RAM is not free", () => {
  const facts = mapped(["00100000-0fffffff : System RAM"], {
    firmwareMap: [
      { start: 0x800_0000n, end: 0x1000_0000n, type: "System RAM" },
      { start: 0x100_0000n, end: 0x400_0000n, type: "System RAM" },
      { start: 0x900_0000n, end: 0x901_0000n, type: "ACPI Tables" },
    ],
  });
  assertEquals(freeOf(facts), ["0x1000000-0x4000000", "0x8000000-0x9000000", "0x9010000-0x10000000"]);
});

pure("memory of drivers, persistent memory and what a driver claimed inside of RAM are not free", () => {
  const facts = mapped([
    "00100000-3fffffff : System RAM",
    "  10000000-10ffffff : Kernel code",
    "    10800000-10800fff : claimed inside",
    "  20000000-2fffffff : some driver",
    "40000000-4fffffff : Persistent Memory",
    "  40000000-4fffffff : System RAM (kmem)",
    "50000000-5fffffff : System RAM (virtio_mem)",
  ]);
  assertEquals(freeOf(facts), ["0x100000-0x10800000", "0x10801000-0x20000000", "0x30000000-0x40000000"]);
});

pure("on a machine that is not known nothing inside of System RAM is overwritten", () => {
  const rows = ["00000000-3fffffff : System RAM", "  10000000-10ffffff : Kernel code"];
  assertEquals(freeOf(mapped(rows, { machine: "riscv64" })), ["0x0-0x10000000", "0x11000000-0x40000000"]);
});

pure("a crash image goes to the highest reservation", () => {
  assertEquals(freeOf(host("uefi-laptop"), { crash: true }), ["0x45f000000-0x47f000000"]);
  assertEquals(freeOf(host("uefi-laptop"), { crash: true, min: 0x4_6000_0000n }), ["0x460000000-0x47f000000"]);
});

pure("free memory is clipped to the bounds asked for and to whole pages", () => {
  const facts = host("bios-vm");
  assertEquals(freeOf(facts, { min: 0x123_4567n, max: 0x200_0fffn }), ["0x1235000-0x2000000"]);
  assertEquals(freeOf(facts, { min: 0n }), ["0x1000-0x9f000", "0x100000-0x7ffdc000"]);
  assertEquals(freeOf({ ...facts, pageSize: 0x1_0000n }), ["0x100000-0x7ffd0000"]);
});

pure("free memory ends below what the kernel can address", () => {
  const rows = ["300000000000-7fffffffffff : System RAM"];
  assertEquals(freeOf(mapped(rows)), ["0x300000000000-0x3ffffffff000"]);
  assertEquals(freeOf(mapped(rows, { cpuFlags: ["la57"] })), ["0x300000000000-0x800000000000"]);
  assertEquals(freeOf(mapped(rows), { max: 1n << 63n }), ["0x300000000000-0x3ffffffff000"]);
});

pure("memory that the profile narrows to nothing is its fault, by either bound", () => {
  for (const bounds of [{ min: 1n << 45n }, { max: 0x1000n }]) {
    const { diagnostics: [none] } = freeMemory(hostFacts(), { crash: false, ...bounds });
    assertEquals([none?.code, none?.path], ["memory-none", ["memory"]]);
  }
});

pure("without a visible memory map, without a reservation or without room there is an error that says so", () => {
  assertStringIncludes(refusal(host("non-root")), "error memory-hidden: /proc/iomem shows every address as zero");
  assertStringIncludes(refusal(host("non-root"), { crash: true }), "error memory-hidden");
  const absent = hostFacts({ iomem: { visibility: "absent", roots: [] } });
  assertStringIncludes(refusal(absent), "error memory-unknown: /proc/iomem is missing or empty");
  const contradicted = mapped([
    "00100000-3fffffff : System RAM",
    "  10000000-1fffffff : Crash kernel",
    "  20000000-20000fff : ACPI Tables",
    "    20000000-2fffffff : Crash kernel",
  ]);
  assertEquals(
    refusal(contradicted, { crash: true }),
    "error memory-unknown: In /proc/iomem the lines `Crash kernel` (0x20000000-0x2fffffff) and `ACPI Tables` " +
      "(0x20000000-0x20000fff) contradict each other, so where the kernel takes a crash image is unknown",
  );
  assertEquals(freeOf(contradicted), ["0x100000-0x10000000", "0x30000000-0x40000000"]);
  assertEquals(
    refusal(host("bios-vm"), { crash: true }),
    "error memory-none: No memory is reserved for a crash kernel",
  );
  assertStringIncludes(
    refusal(host("bios-vm"), { min: 0x8000_0000n, max: 0x9000_0000n }),
    "error memory-none: No memory that segments may take lies between 0x80000000 and 0x90000000",
  );
  assertStringIncludes(
    refusal(host("uefi-laptop"), { crash: true, max: 0x1000_0000n }),
    "No page of the crash reservation, 0x45f000000 to 0x47f000000, lies between 0x100000 and 0x10000000",
  );
});

function request(changes: Partial<SegmentRequest> = {}): SegmentRequest {
  return { name: "kernel", size: 0x1000n, alignment: 0x1000n, min: 0n, max: 1n << 46n, ...changes };
}

pure("the preferred address is taken where it is free, else the lowest that fits", () => {
  const free = [{ start: 0x10_0000n, end: 0x1000_0000n }];
  const kernel = request({ size: 0x40_0000n, alignment: 0x20_0000n, preferred: 0x100_0000n });
  const addresses = (requests: readonly SegmentRequest[]): unknown => {
    const result = placeAll(requests, free, 0x1000n);
    return result.kind === "placed" ? result.placed.map(({ address }) => address) : result;
  };
  assertEquals(addresses([kernel, kernel, kernel]), [0x100_0000n, 0x20_0000n, 0x60_0000n]);
  assertEquals(addresses([{ ...kernel, preferred: 0x100_1000n }]), [0x20_0000n]);
  assertEquals(addresses([{ ...kernel, preferred: 0xfe0_0000n }]), [0x20_0000n]);
  assertEquals(addresses([{ ...kernel, min: 0x110_0000n }]), [0x120_0000n]);
  assertEquals(addresses([{ ...kernel, max: 0x4f_ffffn }]), {
    kind: "no-room",
    failed: { ...kernel, max: 0x4f_ffffn },
    largest: 0x2f_ffffn,
  });
});

const PAGE = 4n;
const near = fc.bigInt({ min: 0n, max: 96n });
const range = fc.tuple(near, near).map(([a, b]): Range => a < b ? { start: a, end: b } : { start: b, end: a });
const anyRequest = fc.record({
  name: fc.constant("any"),
  size: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 24n })),
  alignment: fc.constantFrom(1n, 2n, 4n, 8n, 16n),
  min: fc.oneof(fc.constant(0n), near),
  max: fc.oneof(fc.constant(96n), near),
  preferred: near,
}).map(({ preferred, ...rest }): SegmentRequest => preferred < 32n ? { ...rest, preferred } : rest);

/** Free bytes, one by one. */
function bytesOf(free: readonly Range[]): boolean[] {
  return Array.from({ length: 96 }, (_, index) => free.some((r) => r.start <= BigInt(index) && BigInt(index) < r.end));
}

/** Where the request may start, lowest first: the truth, byte by byte. */
function startsOf(bytes: readonly boolean[], { size, alignment, min, max }: SegmentRequest): readonly bigint[] {
  const step = Number(alignment > PAGE ? alignment : PAGE);
  const length = Math.max(Number(alignUp(size, PAGE)), Number(PAGE));
  return bytes.flatMap((_, start) => {
    const fits = start % step === 0 && BigInt(start) >= min && BigInt(start + length) <= max &&
      start + length <= bytes.length && bytes.slice(start, start + length).every((free) => free);
    return fits ? [BigInt(start)] : [];
  });
}

pure("every place is free, aligned, within bounds and nobody else's, and nothing lower was", () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 6 }), fc.array(anyRequest, { maxLength: 5 }), (free, requests) => {
      const result = placeAll(requests, free, PAGE);
      const bytes = bytesOf(free);
      const expected: bigint[] = [];
      for (const each of requests) {
        const starts = startsOf(bytes, each);
        const start = starts.find((address) => address === each.preferred) ?? starts[0];
        if (start === undefined) {
          assert(result.kind === "no-room");
          assertEquals(result.failed, each);
          assert(startsOf(bytes, { ...each, size: result.largest + PAGE }).length === 0);
          return;
        }
        expected.push(start);
        const end = start + (each.size === 0n ? PAGE : alignUp(each.size, PAGE));
        bytes.fill(false, Number(start), Number(end));
      }
      assert(result.kind === "placed");
      assertEquals(result.placed.map(({ address }) => address), expected);
    }),
    { numRuns: 500 },
  );
});

/** A vmlinux as `readelf -l` shows one: text, data, per-CPU data linked at zero, and init with the zero-filled rest. */
function vmlinux(changes: Partial<ElfImage> = {}): ElfImage {
  const high = 0xffff_ffff_8000_0000n;
  return elf64Image({
    loads: [
      load(0x20_0000n, 0x100_0000n, high + 0x100_0000n, 0x123_4567n, 0x123_4567n),
      load(0x160_0000n, 0x240_0000n, high + 0x240_0000n, 0x50_0000n, 0x50_0000n),
      load(0x1c0_0000n, 0x290_0000n, 0n, 0x3_5000n, 0x3_5000n),
      load(0x1d0_0000n, 0x293_5000n, high + 0x293_5000n, 0x10_0000n, 0x80_0000n),
    ],
    ...changes,
  });
}

function load(
  offset: bigint,
  paddr: bigint,
  vaddr: bigint,
  filesz: bigint,
  memsz: bigint,
): ElfImage["loads"][number] {
  return { offset, paddr, vaddr, filesz, memsz, align: 0x20_0000n };
}

function laidOut(info: ElfImage): NonNullable<ReturnType<typeof elfLayout>["value"]> {
  const { value, diagnostics } = elfLayout(info, "/boot/vmlinux", 4096n);
  assertEquals(diagnostics, []);
  assert(value !== undefined);
  return value;
}

pure("a vmlinux is loaded where it was linked for when that is free", () => {
  const layout = laidOut(vmlinux());
  const result = placeAll([layout.request], [{ start: 0x10_0000n, end: 0x1_0000_0000n }], 4096n);
  assert(result.kind === "placed");
  const { entry, segments } = elfSegments(layout, result.placed[0]?.address ?? 0n);
  assertEquals(entry, 0x100_0000n);
  assertEquals(segments.map(({ name, mem, memsz }) => [name, mem, memsz]), [
    ["kernel 1", 0x100_0000n, 0x123_5000n],
    ["kernel 2", 0x240_0000n, 0x50_0000n],
    ["kernel 3", 0x290_0000n, 0x3_5000n],
    ["kernel 4", 0x293_5000n, 0x80_0000n],
  ]);
  assertEquals(segments[3]?.bytes, { kind: "file", path: "/boot/vmlinux", offset: 0x1d0_0000, length: 0x10_0000 });
});

pure("a vmlinux moves as a whole, by a multiple of 2 MiB, and its entry with it", () => {
  const layout = laidOut(vmlinux());
  const free = [{ start: 0x10_0000n, end: 0x280_0000n }, { start: 0x1_0010_0000n, end: 0x1_1000_0000n }];
  const result = placeAll([layout.request], free, 4096n);
  assert(result.kind === "placed");
  const { entry, segments } = elfSegments(layout, result.placed[0]?.address ?? 0n);
  assertEquals(entry, 0x1_0020_0000n);
  assertEquals(segments.map(({ mem }) => mem), [0x1_0020_0000n, 0x1_0160_0000n, 0x1_01b0_0000n, 0x1_01b3_5000n]);
  for (const { mem, memsz } of segments) {
    assert(free.some((each) => contains(each, { start: mem, end: mem + memsz })));
  }
});

pure("a virtual entry is translated through the segment that holds it", () => {
  assertEquals(laidOut(vmlinux({ entry: 0xffff_ffff_8293_5040n })).entry, 0x293_5040n);
});

pure("an ELF file that is no x86_64 Linux is not moved", () => {
  const flat = [load(0x1000n, 0x10_0000n, 0x10_0000n, 0x800n, 0x3000n), load(0n, 0x20_0000n, 0x20_0000n, 0n, 0x1000n)];
  const layout = laidOut(vmlinux({ loads: flat, entry: 0x10_0010n }));
  assertEquals(layout.segments[1]?.bytes, { kind: "zero" });
  const elsewhere = [{ start: 0x20_0000n, end: 0x1000_0000n }];
  assertEquals(placeAll([layout.request], elsewhere, 4096n).kind, "no-room");
  assertEquals(placeAll([layout.request], [{ start: 0x10_0000n, end: 0x20_1000n }], 4096n).kind, "placed");
});

pure("an ELF file that cannot be laid out in pages is refused, with the address", () => {
  const message = (changes: Partial<ElfImage>): string | undefined =>
    elfLayout(vmlinux(changes), "/boot/vmlinux", 4096n).diagnostics[0]?.message;
  assertEquals(
    message({ loads: [load(0n, 0x10_0040n, 0n, 16n, 16n)] }),
    "/boot/vmlinux: its segment for 0x100040 does not start on a page of 4096 bytes",
  );
  assertEquals(
    message({ loads: [load(0n, 0x2000n, 0n, 16n, 16n), load(0n, 0x1000n, 0n, 16n, 4097n)] }),
    "/boot/vmlinux: its segments for 0x1000 and 0x2000 share a page",
  );
  assertEquals(
    message({ loads: [load(0n, (1n << 64n) - 4096n, 0n, 16n, 16n)] }),
    "/boot/vmlinux: its segment for 0xfffffffffffff000 ends beyond 64 bits",
  );
  assertEquals(message({ entry: 5n, loads: [] }), "/boot/vmlinux: its entry 0x5 lies in none of its segments");
});
