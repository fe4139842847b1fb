import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromMultiboot } from "../../src/arch/x86_64/multiboot_loader.ts";
import { PURGATORY_SYMBOLS as AT } from "../../src/arch/x86_64/purgatory_code.ts";
import { memorySource } from "../../src/core/bytes.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { parseIomem } from "../../src/host/iomem.ts";
import type { MultibootImage } from "../../src/image/image.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import { partKey } from "../../src/plan/input.ts";
import type { SegmentLoadCall } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { partsNeeded } from "../../src/plan/segment_call.ts";
import { profileOfPlan } from "../../src/plan/stored.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { joined } from "../image/build.ts";
import { elf, type ElfSegment } from "../image/build_elf.ts";
import { header1, header2, type HeaderTag } from "../image/build_multiboot.ts";
import { crashHost } from "../support/crash_host.ts";
import { hostFacts } from "../support/host_facts.ts";
import { profileOf } from "../support/profiles.ts";

const code = new Uint8Array(0x1000).fill(0xcc);

/** Modules of one page, of two, and of a few bytes. */
const MODULES = [4096, 4097, 3].map((size, index) => ({
  path: `/boot/module${index}`,
  size,
  sha256: String(index).repeat(64),
  info: undefined,
}));

interface Case {
  readonly bytes: Uint8Array;
  readonly facts?: Partial<HostFacts>;
  readonly profile?: Partial<Profile>;
  readonly modules?: typeof MODULES;
}

function planOf({ bytes, facts = {}, profile = {}, modules = [] }: Case) {
  const kernel = {
    path: "/boot/image",
    size: bytes.length,
    sha256: "a".repeat(64),
    info: identifyKernel(memorySource(bytes)),
  };
  const input = {
    profile: profileOf({
      initrd: [],
      cmdline: { kind: "parameters", parameters: ["one", "two"] },
      modules: modules.map(({ path }, index) => ({ path, cmdline: index === 1 ? "x  y" : "" })),
      ...profile,
    }),
    facts: hostFacts(facts),
    images: { kernel, initrd: [], modules },
  };
  const partDigests = new Map(partsNeeded(input).map((part) => [partKey(part), "e".repeat(64)]));
  return planBoot({ ...input, partDigests });
}

function callOf(given: Case): SegmentLoadCall {
  const { value, diagnostics } = planOf(given);
  if (value?.call.syscall !== "kexec_load") throw new Error(JSON.stringify(diagnostics));
  return value.call;
}

/** Where the image's segments lie: address, memory, and the part of the file. */
function placesOf(given: Case) {
  return callOf(given).segments.filter(({ name }) => name.startsWith("kernel")).map(({ mem, memsz, source }) => [
    mem,
    memsz,
    source.kind === "file" ? [source.offset, source.length] : source.kind,
  ]);
}

function bytesOf(call: SegmentLoadCall, name: string): { readonly mem: bigint; readonly view: DataView } {
  const segment = call.segments.find((each) => each.name === name);
  if (segment?.source.kind !== "bytes") throw new Error(`no bytes of ${name}`);
  return { mem: BigInt(segment.mem), view: new DataView(Uint8Array.fromBase64(segment.source.base64).buffer) };
}

/** What purgatory does: its entry, what it hands over, the magic number, what it copies, and the legacy flag. */
function purgatoryOf(call: SegmentLoadCall) {
  const { view } = bytesOf(call, "purgatory");
  return {
    entry: view.getBigUint64(AT.entry, true),
    handover: view.getBigUint64(AT.bootParams, true),
    magic: view.getUint32(AT.multibootMagic, true),
    copies: [AT.backupFrom, AT.backupTo, AT.backupSize].map((at) => view.getBigUint64(at, true)),
    in32: (view.getUint32(AT.flags, true) & AT.flagEntry32) !== 0,
    legacy: (view.getUint32(AT.flags, true) & AT.flagLegacy) !== 0,
  };
}

function text(view: DataView, offset: number): string {
  return new TextDecoder().decode(new Uint8Array(view.buffer, offset)).split("\0", 1)[0] ?? "";
}

/** The information of version 1, by its specification. */
function readInfo1(call: SegmentLoadCall) {
  const { mem, view } = bytesOf(call, "multiboot_info");
  const u32 = (at: number): number => view.getUint32(at, true);
  const at = (address: number): number => address - Number(mem);
  return {
    flags: u32(0),
    lower: u32(4),
    upper: u32(8),
    cmdline: text(view, at(u32(16))),
    loader: text(view, at(u32(64))),
    modules: Array.from({ length: u32(20) }, (_, index) => {
      const row = at(u32(24)) + index * 16;
      return [u32(row), u32(row + 4), text(view, at(u32(row + 8)))];
    }),
    map: Array.from({ length: u32(44) / 24 }, (_, index) => {
      const row = at(u32(48)) + index * 24;
      return [u32(row), view.getBigUint64(row + 4, true), view.getBigUint64(row + 12, true), u32(row + 20)];
    }),
    screen: [view.getBigUint64(88, true), u32(96), u32(100), u32(104), view.getUint8(108), view.getUint8(109)],
    colours: Array.from({ length: 6 }, (_, index) => view.getUint8(110 + index)),
  };
}

/** The tags of version 2, by their type: the bytes after type and size. */
function readInfo2(call: SegmentLoadCall): ReadonlyMap<number, readonly DataView[]> {
  const { view } = bytesOf(call, "multiboot_info");
  const tags = new Map<number, DataView[]>();
  assertEquals(view.getUint32(0, true), view.byteLength);
  let at = 8;
  while (at < view.byteLength) {
    const [type, size] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    tags.set(type, [...tags.get(type) ?? [], new DataView(view.buffer, at + 8, size - 8)]);
    at += Math.ceil(size / 8) * 8;
  }
  assertEquals(at, view.byteLength);
  return tags;
}

const FLAT1 = joined(header1(3, [0x10_0000, 0x10_0000, 0, 0x10_5000], 0x10_0020), code);
const elf32 = (segments: readonly ElfSegment[], entry = 0x10_0010n) => elf({ bits: 32, machine: 3, entry, segments });
const elf2 = (...tags: readonly HeaderTag[]) =>
  elf({ entry: 0x20_0010n, segments: [{ paddr: 0x20_0000n, bytes: joined(header2(tags), code) }] });

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `Multiboot: ${name}`, permissions: "none", fn });
}

pure("a flat image lies where it says, is entered in 32-bit mode, and gets its information", () => {
  const call = callOf({ bytes: FLAT1, modules: MODULES });
  assertEquals(placesOf({ bytes: FLAT1 }), [["0x100000", 0x5000, [0, FLAT1.length]]]);
  const { mem } = bytesOf(call, "multiboot_info");
  assertEquals(purgatoryOf(call), {
    entry: 0x10_0020n,
    handover: mem,
    magic: 0x2bad_b002,
    copies: [0n, 0n, 0n],
    in32: true,
    legacy: true,
  });
  const info = readInfo1(call);
  const modules = call.segments.filter(({ name }) => name.startsWith("module")).map(({ mem }) => Number(mem));
  assertEquals(info.modules, [
    [modules[0], (modules[0] ?? 0) + 4096, "/boot/module0"],
    [modules[1], (modules[1] ?? 0) + 4097, "/boot/module1 x  y"],
    [modules[2], (modules[2] ?? 0) + 3, "/boot/module2"],
  ]);
  assertEquals(modules.map((address) => address % 4096), [0, 0, 0]);
  assertEquals([info.cmdline, info.loader.split(" ")[0]], ["/boot/image one two", "warmboot"]);
  // Memory, command line, modules, memory map, name of the loader; nothing else is known of this host.
  assertEquals(info.flags, 0b0010_0100_1101);
  assertEquals([info.lower, info.upper], [639, (0xc000_0000 - 0x10_0000) / 1024]);
  assertEquals(info.map, [
    [20, 0x1000n, 0x9_ec00n, 1],
    [20, 0x10_0000n, 0xbff0_0000n, 1],
    [20, 0x1_0000_0000n, 0x4000_0000n, 1],
  ]);
});

pure("a plan keeps the modules that it is made from again, each with its command line", () => {
  const { value } = planOf({ bytes: FLAT1, modules: MODULES });
  const modules = MODULES.map(({ path }, index) => ({ path, cmdline: index === 1 ? "x  y" : "" }));
  assertEquals(value?.declared?.modules, modules);
  assertEquals(value && profileOfPlan(value)?.modules, modules);
});

pure("without modules or a command line there are none", () => {
  const call = callOf({ bytes: FLAT1, profile: { cmdline: { kind: "parameters", parameters: [] } } });
  const info = readInfo1(call);
  assertEquals([info.flags & 8, info.modules, info.cmdline], [0, [], "/boot/image"]);
});

pure("the types of memory are those of E820, and what neither specification has is reserved", () => {
  const row = (start: bigint, type: string) => ({ start, end: start + 0x1000n, type });
  const types = ["ACPI Tables", "ACPI Non-volatile Storage", "Unusable memory", "Persistent Memory", "Soft Reserved"];
  const firmwareMap = [
    { start: 0x10_0000n, end: 0xc000_0000n, type: "System RAM" },
    ...types.map((type, index) => row(0xd000_0000n + BigInt(index) * 0x1000n, type)),
  ];
  assertEquals(readInfo1(callOf({ bytes: FLAT1, facts: { firmwareMap } })).map.map(([, , , type]) => type), [
    1,
    3,
    4,
    5,
    2,
    2,
  ]);
});

/** boot_params whose screen_info has these bytes. */
function screenInfo(...rows: readonly (readonly [offset: number, value: number, size: 1 | 2 | 4])[]): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  for (const [offset, value, size] of rows) {
    if (size === 1) view.setUint8(offset, value);
    else if (size === 2) view.setUint16(offset, value, true);
    else view.setUint32(offset, value, true);
  }
  return bytes;
}

const TEXT = screenInfo([0x06, 3, 1], [0x07, 80, 1], [0x0e, 25, 1], [0x0f, 1, 1]);
const PIXELS = screenInfo(
  [0x0f, 0x70, 1],
  [0x12, 1024, 2],
  [0x14, 768, 2],
  [0x16, 32, 2],
  [0x18, 0x8000_0000, 4],
  [0x24, 4096, 2],
  [0x26, 8, 1],
  [0x27, 16, 1],
  [0x28, 8, 1],
  [0x29, 8, 1],
  [0x2a, 8, 1],
  [0x2b, 0, 1],
  [0x36, 2, 4],
  [0x3a, 0x40, 4],
);

pure("the screen is that of the running kernel: text, or pixels, also above 4 GiB", () => {
  const text = readInfo1(callOf({ bytes: FLAT1, facts: { bootParams: TEXT } }));
  assertEquals([text.flags & 0x1000, text.screen], [0x1000, [0xb_8000n, 160, 80, 25, 16, 2]]);
  const pixels = readInfo1(callOf({ bytes: FLAT1, facts: { bootParams: PIXELS } }));
  assertEquals([pixels.screen, pixels.colours], [
    [0x40_8000_0000n, 4096, 1024, 768, 32, 1],
    [16, 8, 8, 8, 0, 8],
  ]);
  const tag = readInfo2(callOf({ bytes: elf2(), facts: { bootParams: PIXELS } })).get(8)?.[0];
  assertEquals(tag === undefined || [tag.getBigUint64(0, true), tag.getUint32(8, true), tag.getUint8(20)], [
    0x40_8000_0000n,
    4096,
    32,
  ]);
  // Monochrome text lies elsewhere; a graphics mode of the VGA is none of both.
  const odd = [screenInfo([0x06, 7, 1], [0x07, 80, 1], [0x0e, 25, 1], [0x0f, 1, 1]), screenInfo([0x0f, 0x22, 1])];
  for (const bootParams of odd) {
    assertEquals(readInfo1(callOf({ bytes: FLAT1, facts: { bootParams } })).flags & 0x1000, 0);
  }
});

pure("version 2 has tags, and its magic number", () => {
  const call = callOf({ bytes: elf2(), modules: MODULES.slice(0, 2) });
  const tags = readInfo2(call);
  assertEquals([...tags.keys()], [1, 2, 3, 4, 6, 0]);
  assertEquals(purgatoryOf(call).magic, 0x36d7_6289);
  assertEquals(tags.get(1)?.map((tag) => text(tag, tag.byteOffset)), ["/boot/image one two"]);
  const [first, second] = call.segments.filter(({ name }) => name.startsWith("module")).map(({ mem }) => Number(mem));
  assertEquals(
    tags.get(3)?.map((tag) => [tag.getUint32(0, true), tag.getUint32(4, true), text(tag, tag.byteOffset + 8)]),
    [[first, (first ?? 0) + 4096, "/boot/module0"], [second, (second ?? 0) + 4097, "/boot/module1 x  y"]],
  );
  const map = tags.get(6)?.[0];
  assertEquals([map?.getUint32(0, true), map?.getUint32(4, true), map?.byteLength], [24, 0, 8 + 3 * 24]);
  assertEquals([map?.getBigUint64(8, true), map?.getBigUint64(16, true), map?.getUint32(24, true)], [
    0x1000n,
    0x9_ec00n,
    1,
  ]);
});

const efiWith = (systab: Record<string, bigint>): Partial<HostFacts> => ({ efi: { systab, runtimeMap: [] } });

pure("on UEFI, purgatory copies the RSDP into its tag, and leaves the interrupt controllers alone", () => {
  for (
    const { systab, type, size } of [
      { systab: { ACPI20: 0x7fe0_0014n, ACPI: 0x7fe0_0000n }, type: 15, size: 36 },
      { systab: { ACPI: 0x7fe0_0000n }, type: 14, size: 20 },
      // The same place under both names is of the newer version.
      { systab: { ACPI20: 0x7fe0_0014n, ACPI: 0x7fe0_0014n }, type: 15, size: 36 },
    ]
  ) {
    const call = callOf({ bytes: elf2(), facts: efiWith(systab) });
    const tag = readInfo2(call).get(type)?.[0];
    const { mem } = bytesOf(call, "multiboot_info");
    assertEquals([tag?.byteLength, tag?.getUint8(0)], [size, 0]);
    const { copies, legacy } = purgatoryOf(call);
    assertEquals(copies, [type === 15 ? 0x7fe0_0014n : 0x7fe0_0000n, mem + BigInt(tag?.byteOffset ?? 0), BigInt(size)]);
    assertEquals(legacy, false);
  }
  // On a BIOS machine its version is not known, and the image finds it in the BIOS's memory.
  const bootParams = screenInfo([0x70, 0xf_52d0, 4]);
  assertEquals(purgatoryOf(callOf({ bytes: elf2(), facts: { bootParams } })).copies, [0n, 0n, 0n]);
  // Version 1 has no such tag, and nothing is copied from above 4 GiB.
  assertEquals(purgatoryOf(callOf({ bytes: FLAT1, facts: efiWith({ ACPI20: 0x1000n }) })).copies, [0n, 0n, 0n]);
  const high = callOf({ bytes: elf2(), facts: efiWith({ ACPI20: 0x1_0000_0000n }) });
  assertEquals([readInfo2(high).has(15), purgatoryOf(high).copies], [false, [0n, 0n, 0n]]);
});

const MOVABLE: HeaderTag = { type: 10, words: [0x80_0000, 0x3fff_ffff, 0x40_0000, 1] };

pure("an image that may move does so within its bounds, and is given where it lies", () => {
  const bytes = elf2(MOVABLE);
  const call = callOf({ bytes });
  assertEquals(placesOf({ bytes })[0]?.[0], "0x800000");
  assertEquals(purgatoryOf(call).entry, 0x80_0010n);
  assertEquals(readInfo2(call).get(21)?.[0]?.getUint32(0, true), 0x80_0000);
  const iomem = parseIomem("00100000-008fffff : System RAM\n00900000-3fffffff : System RAM\n").iomem;
  assertEquals(placesOf({ bytes, facts: { iomem } })[0]?.[0], "0x800000");
  const above = parseIomem("00d00000-7fffffff : System RAM\n").iomem;
  assertEquals(placesOf({ bytes, facts: { iomem: above } })[0]?.[0], "0x1000000");
  const high = parseIomem("00100000-001fffff : System RAM\n40000000-7fffffff : System RAM\n").iomem;
  assertStringIncludes(planOf({ bytes, facts: { iomem: high } }).diagnostics[0]?.message ?? "", "below 0x3fffffff");
});

pure("where an image may move: by pages, above the first MiB, and only if it begins on one", () => {
  const movable = (min: number, align: number): Uint8Array => elf2({ type: 10, words: [min, 0x3fff_ffff, align, 1] });
  assertEquals(placesOf({ bytes: movable(0, 1) })[0]?.[0], "0x200000");
  const full = parseIomem("00001000-0009ffff : System RAM\n00300000-7fffffff : System RAM\n").iomem;
  assertEquals(placesOf({ bytes: movable(0, 1), facts: { iomem: full } })[0]?.[0], "0x300000");
  assertEquals(placesOf({ bytes: movable(0x30_0001, 0x1000), facts: { iomem: full } })[0]?.[0], "0x301000");
  // What begins within a page stays.
  const within = elf({
    entry: 0x20_0010n,
    segments: [{ paddr: 0x20_0010n, bytes: joined(header2([{ type: 10, words: [0, 0x3fff_ffff, 1, 1] }]), code) }],
  });
  const stays = planOf({ bytes: within, facts: { iomem: full } }).diagnostics[0]?.message ?? "";
  assertStringIncludes(stays, "can only lie at 0x200000");
  // It is told where it lies if it asks for that.
  const asks = readInfo2(callOf({ bytes: elf2({ type: 1, words: [21] }) }));
  assertEquals(asks.get(21)?.[0]?.getUint32(0, true), 0x20_0000);
  assertEquals(readInfo2(callOf({ bytes: elf2() })).has(21), false);
});

pure("an image that is no crash kernel is not laid out as one", () => {
  const call = callOf({ bytes: FLAT1, facts: crashHost(), profile: { crash: true } });
  assertEquals(call.segments, []);
});

pure("an image that may not move and whose place is taken is refused", () => {
  const iomem = parseIomem("00100000-7fffffff : System RAM\n  00100000-00100fff : reserved\n").iomem;
  assertEquals(
    planOf({ bytes: FLAT1, facts: { iomem } }).diagnostics[0]?.message,
    'The segment "kernel" of 20 KiB can only lie at 0x100000, and that memory is not free',
  );
});

/** An image of ELF whose header is in its first segment. */
const withHeader = (...segments: readonly ElfSegment[]) =>
  elf32([{ paddr: 0x10_0000n, bytes: joined(header1(), code) }, ...segments]);
const FIRST_END = 0x10_0000n + 0x100cn;

pure("parts of an ELF file become whole pages", () => {
  const page = { paddr: 0x20_0000n, bytes: code, memsz: 0x2001n };
  assertEquals(placesOf({ bytes: withHeader(page) }), [
    ["0x100000", 0x2000, [0x74, 0x100c]],
    ["0x200000", 0x3000, [0x74 + 0x100c, 0x1000]],
  ]);
  // What follows directly in memory and in the file is one segment; a bss in the same page, too.
  assertEquals(placesOf({ bytes: withHeader({ paddr: FIRST_END, bytes: code }) }), [
    ["0x100000", 0x3000, [0x74, 0x200c]],
  ]);
  assertEquals(placesOf({ bytes: withHeader({ paddr: FIRST_END + 1n, bytes: new Uint8Array(), memsz: 0x1000n }) }), [
    ["0x100000", 0x3000, [0x74, 0x100c]],
  ]);
  // A part that starts within a page of its own gets what the file has before it.
  assertEquals(placesOf({ bytes: withHeader({ paddr: 0x20_0010n, bytes: code }) })[1], [
    "0x200000",
    0x2000,
    [0x74 + 0x100c - 0x10, 0x1010],
  ]);
});

const UNFIT: readonly (readonly [ElfSegment, string])[] = [
  [{ paddr: 0x10_0800n, bytes: code }, "its segments for 0x100000 and 0x100800 overlap"],
  [
    // Within the page of the first, whose zeros it would be read over.
    { paddr: FIRST_END + 0x10n, bytes: code },
    "its segments for 0x100000 and 0x10101c share a page, and lie otherwise in the file",
  ],
  [
    { paddr: FIRST_END + 0x100n, bytes: code },
    "its segments for 0x100000 and 0x10110c share a page, and lie otherwise in the file",
  ],
];

for (const [segment, why] of UNFIT) {
  pure(`parts that are no pages are refused: ${why}`, () => {
    assertEquals(planOf({ bytes: withHeader(segment) }).diagnostics[0]?.message, `/boot/image: ${why}`);
  });
}

pure("a part that starts within a page, with nothing in the file before it, is refused", () => {
  const bytes = elf32([{ paddr: 0x10_0800n, bytes: joined(header1(), code) }], 0x10_0810n);
  assertEquals(
    planOf({ bytes }).diagnostics[0]?.message,
    "/boot/image: its segment for 0x100800 does not start on a page of 4096 bytes, nor does the file hold the bytes " +
      "before it",
  );
});

pure("all of it lies below 4 GiB, modules too", () => {
  const iomem = parseIomem("00100000-012fffff : System RAM\n100000000-1ffffffff : System RAM\n").iomem;
  const modules = [{ ...MODULES[0] ?? { path: "", sha256: "", info: undefined }, size: 8 << 20 }];
  const [diagnostic] = planOf({ bytes: FLAT1, facts: { iomem }, modules }).diagnostics;
  assertEquals(
    [diagnostic?.code, diagnostic?.message],
    ["no-room", 'No free memory below 0x100000000 is large enough for the segment "modules" of 8 MiB'],
  );
});

pure("there are at most as many modules as segments", () => {
  const modules = Array.from({ length: 14 }, (_, index) => ({
    path: `/boot/m${index}`,
    size: 1,
    sha256: "b".repeat(64),
    info: undefined,
  }));
  assertEquals(callOf({ bytes: FLAT1, modules: modules.slice(0, 13) }).segments.length, 16);
  const [diagnostic] = planOf({ bytes: FLAT1, modules }).diagnostics;
  assertEquals(
    [diagnostic?.message, diagnostic?.path],
    ["There are 14 modules, but kexec_load takes at most 13 with this kernel", ["modules"]],
  );
});

pure("parts in one page are one segment, unless zeros of the first would be bytes of the file", () => {
  const places = (...loads: MultibootImage["loads"]) => {
    const info: MultibootImage = {
      kind: "multiboot",
      bits: 32,
      header: { version: 2, offset: 0, requests: [], needsScreen: false },
      loads,
      entry: 0x10_0000n,
    };
    const { value, diagnostics } = fromMultiboot("/boot/image", info, hostFacts());
    return value?.at(0x10_0000n).segments.map(({ mem, memsz, bytes }) => [
      mem,
      memsz,
      bytes.kind === "file" ? [bytes.offset, bytes.length] : bytes.kind,
    ]) ?? diagnostics[0]?.message;
  };
  const first = { offset: 0x1000n, paddr: 0x10_0000n, filesz: 0x100n, memsz: 0x100n };
  const second = { offset: 0x1300n, paddr: 0x10_0300n, filesz: 0x100n, memsz: 0x100n };
  assertEquals(places(first, second), [[0x10_0000n, 0x1000n, [0x1000, 0x400]]]);
  assertEquals(
    places({ ...first, memsz: 0x200n }, second),
    "/boot/image: its segments for 0x100000 and 0x100300 share a page, and lie otherwise in the file",
  );
  // Zeros have no place in the file, whatever their header says.
  for (const offset of [0n, 0x9000n]) {
    const zeros = { offset, paddr: 0x10_0300n, filesz: 0n, memsz: 0x1000n };
    assertEquals(places(first, zeros), [[0x10_0000n, 0x2000n, [0x1000, 0x100]]]);
  }
});
