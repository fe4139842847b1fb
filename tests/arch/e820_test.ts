import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { e820Of } from "../../src/arch/x86_64/e820.ts";
import { normalise } from "../../src/core/range.ts";
import type { HostFacts, MemmapEntry } from "../../src/host/facts.ts";
import { parseIomem } from "../../src/host/iomem.ts";
import { hostFacts } from "../support/host_facts.ts";
import { BIOS_FACTS, MANY_FACTS, UEFI_FACTS } from "./hosts.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name: `e820: ${name}`, permissions: "none", fn });
}

const RAM: MemmapEntry = { start: 0x10_0000n, end: 0x8000_0000n, type: "System RAM" };

const IOMEM = parseIomem([
  "00000000-00000fff : Reserved",
  "00001000-0009fbff : System RAM",
  "000a0000-000bffff : PCI Bus 0000:00",
  "00100000-7ffdffff : System RAM",
  "  01000000-01ffffff : Kernel code",
  "7ffe0000-7fffffff : ACPI Tables",
  "80000000-8fffffff : RAM buffer",
  "b0000000-ffffffff : PCI Bus 0000:00",
  "  b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]",
  "    b0000000-bfffffff : Reserved",
  "100000000-13fffffff : Persistent Memory",
  "  100000000-11fffffff : System RAM",
  "140000000-17fffffff : System RAM (virtio_mem)",
].join("\n")).iomem;

const FROM_IOMEM = [
  { start: 0n, end: 0x1000n, type: 2 },
  { start: 0x1000n, end: 0x9fc00n, type: 1 },
  { start: 0x10_0000n, end: 0x7ffe_0000n, type: 1 },
  { start: 0x7ffe_0000n, end: 0x8000_0000n, type: 3 },
  { start: 0xb000_0000n, end: 0xc000_0000n, type: 2 },
  { start: 0x1_0000_0000n, end: 0x1_4000_0000n, type: 7 },
];

test("every name of a type has the number of the boot protocol", () => {
  const numbers = {
    "System RAM": 1,
    "Reserved": 2,
    "reserved": 2,
    "Unknown E820 type": 2,
    "ACPI Tables": 3,
    "ACPI Non-volatile Storage": 4,
    "Unusable memory": 5,
    "Persistent Memory": 7,
    "Persistent Memory (legacy)": 12,
    "Soft Reserved": 0xefff_ffff,
  };
  const firmwareMap = Object.keys(numbers).map((type, index) => {
    const start = BigInt(index) << 20n;
    return { start, end: start + 4096n, type };
  });
  const { value, diagnostics } = e820Of(hostFacts({ firmwareMap }));
  assertEquals(value?.map(({ type }) => type), Object.values(numbers));
  assertEquals(diagnostics, []);
});

test("a type of no known name is reserved, with one warning that quotes it", () => {
  const odd = { start: 0x9000_0000n, end: 0x9000_1000n, type: "Moon dust" };
  const { value, diagnostics } = e820Of(hostFacts({ firmwareMap: [RAM, odd, { ...odd, start: 0x9000_0800n }] }));
  assertEquals(value?.map(({ type }) => type), [1, 2, 2]);
  assertEquals(diagnostics.map(({ code, severity }) => `${severity} ${code}`), ["warning e820-type"]);
  assertStringIncludes(diagnostics[0]?.message ?? "", "`Moon dust` at 0x90000000");
});

test("the captured hosts keep every range of their firmware", () => {
  for (const facts of [BIOS_FACTS, UEFI_FACTS, MANY_FACTS]) {
    const name = facts.hostname;
    const { value, diagnostics } = e820Of(facts);
    assertEquals([value?.length, diagnostics], [facts.firmwareMap.length, []], name);
    assertEquals(
      value?.filter(({ type }) => type === 1).map(({ start, end }) => ({ start, end })),
      facts.firmwareMap.filter(({ type }) => type === "System RAM").map(({ start, end }) => ({ start, end })),
      name,
    );
  }
});

test("the firmware's map is not limited by mem= of the running kernel", () => {
  const high = { start: 0x1_0000_0000n, end: 0x10_0000_0000n, type: "System RAM" };
  const { value, diagnostics } = e820Of(hostFacts({ firmwareMap: [RAM, high], cmdline: "ro mem=1G", iomem: IOMEM }));
  // But for the persistent memory that starts it.
  assertEquals(value?.at(-1), { start: 0x1_4000_0000n, end: high.end, type: 1 });
  assertEquals(diagnostics, []);
});

test("persistent memory that a driver has added is not handed over as memory, whatever the firmware's map says", () => {
  const persistent = [
    "00100000-7fffffff : System RAM",
    "100000000-13fffffff : System RAM",
    "140000000-33fffffff : Persistent Memory",
    "  140000000-1481fffff : namespace0.0",
    "  150000000-33fffffff : dax0.0",
    "    150000000-33fffffff : System RAM",
  ].join("\n");
  const added = { start: 0x1_5000_0000n, end: 0x3_4000_0000n, type: "System RAM" };
  // A range that reaches into it keeps the rest.
  const around = { start: 0x1_0000_0000n, end: 0x1_5000_0000n, type: "System RAM" };
  const value = (iomem: HostFacts["iomem"]) => e820Of(hostFacts({ firmwareMap: [RAM, around, added], iomem })).value;
  assertEquals(value(parseIomem(persistent).iomem), [
    { start: RAM.start, end: RAM.end, type: 1 },
    { start: 0x1_0000_0000n, end: 0x1_4000_0000n, type: 1 },
  ]);
  assertEquals(
    value(parseIomem(persistent.replace("Persistent Memory", "persistent memory (legacy)")).iomem)?.length,
    2,
  );
  assertEquals(value({ visibility: "absent", roots: [] })?.length, 3);
});

test("without a firmware's map it is made from /proc/iomem, where memory of drivers and buses is left out", () => {
  assertEquals(e820Of(hostFacts({ iomem: IOMEM })), { value: FROM_IOMEM, diagnostics: [] });
});

test("add_efi_memmap, however its dashes are written, prefers /proc/iomem", () => {
  for (const cmdline of ["ro add_efi_memmap quiet", "add-efi-memmap"]) {
    assertEquals(e820Of(hostFacts({ firmwareMap: [RAM], iomem: IOMEM, cmdline })).value, FROM_IOMEM, cmdline);
  }
  const other = hostFacts({ firmwareMap: [RAM], iomem: IOMEM, cmdline: "root=/dev/add_efi_memmap no_add_efi_memmap" });
  assertEquals(e820Of(other).value, [{ start: RAM.start, end: RAM.end, type: 1 }]);
});

test("a map from /proc/iomem that mem= or memmap= limits has a warning", () => {
  for (const cmdline of ["ro mem=1G", "memmap=4G$8G"]) {
    const { value, diagnostics } = e820Of(hostFacts({ iomem: IOMEM, cmdline }));
    assertEquals(value, FROM_IOMEM);
    assertEquals(diagnostics.map(({ code, severity }) => `${severity} ${code}`), ["warning e820-limited"]);
    assertStringIncludes(diagnostics[0]?.message ?? "", cmdline.includes("memmap") ? "`memmap=`" : "`mem=`");
  }
});

test("what is init's on the running command line limits no memory and prefers no map", () => {
  assertEquals(e820Of(hostFacts({ iomem: IOMEM, cmdline: 'ro x="a mem=1G" -- mem=1G memmap=4G$8G' })), {
    value: FROM_IOMEM,
    diagnostics: [],
  });
  const { value } = e820Of(hostFacts({ firmwareMap: [RAM], iomem: IOMEM, cmdline: "ro -- add_efi_memmap" }));
  assertEquals(value, [{ start: RAM.start, end: RAM.end, type: 1 }]);
});

test("where neither map is known there is an error, never an empty map", () => {
  const codes = (facts: Partial<HostFacts>) => {
    const { value, diagnostics } = e820Of(hostFacts(facts));
    assertEquals(value, undefined);
    return diagnostics.map(({ code, severity }) => `${severity} ${code}`);
  };
  const zeroed = parseIomem("00000000-00000000 : System RAM\n00000000-00000000 : Reserved\n").iomem;
  assertEquals(codes({ iomem: zeroed }), ["error iomem-zeroed"]);
  assertEquals(codes({ iomem: zeroed, firmwareMap: [RAM], cmdline: "add_efi_memmap" }), ["error iomem-zeroed"]);
  assertEquals(codes({ iomem: { visibility: "absent", roots: [] } }), ["error e820-unknown"]);
  assertEquals(codes({ firmwareMap: [{ ...RAM, type: "Reserved" }] }), ["error e820-unknown"]);
});

const MEMMAP_ENTRY = fc.record({
  start: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  size: fc.bigInt({ min: 0n, max: 1n << 40n }),
  type: fc.constantFrom("System RAM", "Reserved", "ACPI Tables", "Persistent Memory", "something else"),
}).map(({ start, size, type }): MemmapEntry => ({ start, end: start + size, type }));

test("a random map comes out sorted, with the same memory and no more", () => {
  fc.assert(fc.property(fc.array(MEMMAP_ENTRY, { maxLength: 40 }), (entries) => {
    const firmwareMap = [...entries, RAM];
    const value = e820Of(hostFacts({ firmwareMap })).value ?? [];
    assert(value.every(({ start }, index) => index === 0 || (value[index - 1]?.start ?? 0n) <= start));
    assertEquals(
      normalise(value.filter(({ type }) => type === 1).map(({ start, end }) => ({ start, end }))),
      normalise(firmwareMap.filter(({ type }) => type === "System RAM").map(({ start, end }) => ({ start, end }))),
    );
    const shuffled = e820Of(hostFacts({ firmwareMap: firmwareMap.toReversed() })).value;
    assertEquals(shuffled, value);
  }));
});

test("empty ranges are left out, and each unknown type is told of once", () => {
  const at = (start: bigint, type: string, size = 0x1000n): MemmapEntry => ({ start, end: start + size, type });
  const firmwareMap = [
    RAM,
    at(0x9000_0000n, "ACPI Tables", 0n),
    at(0xa000_0000n, "Mystery"),
    at(0xb000_0000n, "Riddle"),
    at(0xc000_0000n, "Mystery"),
  ];
  const { value, diagnostics } = e820Of(hostFacts({ firmwareMap }));
  assertEquals(value?.map(({ start, type }) => [start, type]), [
    [RAM.start, 1],
    [0xa000_0000n, 2],
    [0xb000_0000n, 2],
    [0xc000_0000n, 2],
  ]);
  assertEquals(diagnostics.map(({ message }) => /`(\w+)` at (\w+)/.exec(message)?.slice(1)), [
    ["Mystery", "0xa0000000"],
    ["Riddle", "0xb0000000"],
  ]);
});
