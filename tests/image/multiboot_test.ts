import { assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { describeImage, runsOn } from "../../src/image/describe.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { ImageInfo } from "../../src/image/image.ts";
import { joined } from "./build.ts";
import { elf } from "./build_elf.ts";
import { type Addresses, header1, header2 } from "./build_multiboot.ts";

const code = new Uint8Array(4096).fill(0xcc);

function test(name: string, fn: () => void): void {
  Deno.test({ name: `Multiboot image: ${name}`, permissions: "none", fn });
}

function info(...parts: readonly Uint8Array[]): ImageInfo {
  return identifyKernel(memorySource(joined(...parts)));
}

test("the header's addresses say which part of the file goes where", () => {
  const found = info(
    new Uint8Array(64),
    header1(0, [0x10_0010, 0x10_0000, 0x10_0400, 0x10_2000], 0x10_0030),
    code,
  );
  assertEquals(found.kind === "multiboot" && [found.bits, found.loads, found.entry], [
    undefined,
    [{ offset: 48n, paddr: 0x10_0000n, filesz: 0x400n, memsz: 0x2000n }],
    0x10_0030n,
  ]);
  assertEquals(describeImage(found), "Multiboot 1 image, flat, entry 0x100030");
  assertEquals([runsOn(found, "x86_64"), runsOn(found, "aarch64")], [true, false]);
});

test("without ends it is the whole file, and no bss", () => {
  const found = info(header1(0, [0x10_0000, 0x10_0000, 0, 0], 0x10_0020), code);
  const size = BigInt(32 + code.length);
  assertEquals(found.kind === "multiboot" && found.loads, [
    { offset: 0n, paddr: 0x10_0000n, filesz: size, memsz: size },
  ]);
});

test("in version 2, the load address -1 is where the file starts", () => {
  const tags = [{ type: 2, words: [0x10_0020, 0xffff_ffff, 0, 0] }, { type: 3, words: [0x10_0080] }];
  const found = info(new Uint8Array(32), header2(tags), code);
  assertEquals(found.kind === "multiboot" && [found.loads[0]?.offset, found.loads[0]?.paddr], [0n, 0x10_0000n]);
});

const DAMAGED: readonly (readonly [Addresses, number, string])[] = [
  [[0x10_0000, 0x10_0010, 0, 0], 0x10_0020, "its header is for 0x100000, below its load address 0x100010"],
  [
    [0x10_0100, 0x10_0000, 0, 0],
    0x10_0020,
    "its load address 0x100000 would lie 256 bytes before the file: its header, at byte 0, is for 0x100100",
  ],
  [
    [0x10_0000, 0x10_0000, 0x20_0000, 0],
    0x10_0020,
    "4128 bytes, where its load addresses want 1048576",
  ],
  [
    [0x10_0000, 0x10_0000, 0xf_0000, 0],
    0x10_0020,
    "its load address 0x100000 is not below its load end 0xf0000",
  ],
  [
    [0x10_0000, 0x10_0000, 0x10_0800, 0x10_0400],
    0x10_0020,
    "its bss end 0x100400 is below its load end 0x100800",
  ],
  [
    [0x10_0000, 0x10_0000, 0x10_0800, 0],
    0x10_0900,
    "its entry 0x100900 lies outside of 0x100000 to 0x100800",
  ],
];

for (const [addresses, entry, why] of DAMAGED) {
  test(`is damaged: ${why}`, () => {
    const found = info(header1(0, addresses, entry), code);
    assertEquals(found.kind === "not-kernel" && found.what, `a damaged Multiboot 1 image: ${why}`);
  });
}

test("the entry is within the memory of the image, and the image within the file, to the last byte", () => {
  const kind = (addresses: Addresses, entry: number, before = 0) =>
    info(new Uint8Array(before), header1(0, addresses, entry), code).kind;
  const [load, end] = [0x10_0000, 0x10_0800];
  assertEquals([load - 1, load, end - 1, end].map((entry) => kind([load, load, end, 0], entry)), [
    "not-kernel",
    "multiboot",
    "multiboot",
    "not-kernel",
  ]);
  // The bss is memory of it as well.
  assertEquals([0x10_0fff, 0x10_1000].map((entry) => kind([load, load, end, 0x10_1000], entry)), [
    "multiboot",
    "not-kernel",
  ]);
  const size = 32 + code.length;
  assertEquals([size, size + 1].map((length) => kind([load, load, load + length, 0], load)), [
    "multiboot",
    "not-kernel",
  ]);
  // What lies before the load address in the file is not a part of it.
  assertEquals([size, size + 1].map((length) => kind([load, load, load + length, 0], load, 64)), [
    "multiboot",
    "not-kernel",
  ]);
  // Where the start of the file would lie below address 0.
  const tags = [{ type: 2, words: [0x10, 0xffff_ffff, 0, 0] }, { type: 3, words: [0x80] }];
  const low = info(new Uint8Array(32), header2(tags), code);
  assertEquals(
    low.kind === "not-kernel" && low.what,
    "a damaged Multiboot 2 image: its header is for 0x10, below its load address 0x0",
  );
});

test("a segment of an ELF file that takes no memory is not one of the image's", () => {
  const found = info(elf({
    bits: 32,
    machine: 3,
    entry: 0x10_0000n,
    segments: [{ paddr: 0x10_0000n, bytes: joined(header1(), code) }, { paddr: 0x5000n, bytes: new Uint8Array() }],
  }));
  assertEquals(found.kind === "multiboot" && found.loads.map(({ paddr }) => paddr), [0x10_0000n]);
});

test("an ELF file is entered where its segment goes, its entry being virtual", () => {
  const file = elf({
    bits: 32,
    machine: 3,
    entry: 0xc010_0010n,
    segments: [
      { paddr: 0x20_0000n, vaddr: 0xc020_0000n, bytes: code, memsz: 0x3000n },
      { paddr: 0x10_0000n, vaddr: 0xc010_0000n, bytes: joined(header1(), code) },
    ],
  });
  const found = info(file);
  assertEquals(found.kind === "multiboot" && [found.bits, found.entry], [32, 0x10_0010n]);
  assertEquals(found.kind === "multiboot" && found.loads.map(({ paddr, memsz }) => [paddr, memsz]), [
    [0x10_0000n, 0x100cn],
    [0x20_0000n, 0x3000n],
  ]);
});

test("the header's addresses outweigh the ELF header", () => {
  const segment = joined(header1(0, [0x40_0054, 0x40_0000, 0, 0], 0x40_0074), code);
  const found = info(elf({ bits: 32, machine: 3, segments: [{ paddr: 0x10_0000n, bytes: segment }] }));
  assertEquals(found.kind === "multiboot" && [found.bits, found.loads[0]?.paddr], [undefined, 0x40_0000n]);
});

test("a wrong checksum is named in a 32-bit ELF file, and means nothing in a vmlinux", () => {
  const broken = joined(header1().fill(0xee, 8), code);
  const of = (bits: 32 | 64, machine: number) => info(elf({ bits, machine, segments: [{ bytes: broken }] }));
  const found = of(32, 3);
  assertEquals(
    found.kind === "not-kernel" && found.what,
    "a damaged Multiboot 1 image: the checksum of its header is wrong",
  );
  assertEquals(of(64, 62).kind, "elf");
});

test("without addresses, what is not ELF cannot be loaded", () => {
  const found = info(header1(), code);
  assertEquals(
    found.kind === "not-kernel" && found.what,
    "a damaged Multiboot 1 image: it is not an ELF file, and its header has no load addresses",
  );
});
