import { assertEquals } from "@std/assert";
import { buildMultibootInfo, type MultibootInput, rsdpOf, screenOf } from "../../src/arch/x86_64/multiboot_info.ts";
import { hostFacts } from "../support/host_facts.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `Multiboot information: ${name}`, permissions: "none", fn });
}

const E820 = [
  { start: 0n, end: 0x9_fc00n, type: 1 },
  { start: 0x9_fc00n, end: 0xa_0000n, type: 2 },
  { start: 0x10_0000n, end: 0x4000_0000n, type: 1 },
  { start: 0x4000_0000n, end: 0x4001_0000n, type: 3 },
  { start: 0x4001_0000n, end: 0x4002_0000n, type: 7 },
  { start: 1n << 40n, end: 1n << 64n, type: 5 },
];
const SCREEN = {
  address: 0x1_c000_0000n,
  pitch: 4096,
  width: 1024,
  height: 768,
  depth: 32,
  colours: [16, 8, 8, 8, 0, 8],
};
const INPUT: MultibootInput = {
  version: 1,
  cmdline: "/xen no-real-mode",
  loader: "warmboot",
  modules: ["/vmlinuz ro", "/initrd.img"],
  e820: E820,
  screen: SCREEN,
  loadBase: true,
};
const PLACES = {
  kernel: 0x20_0000n,
  modules: [{ address: 0x80_0000n, size: 0x1234n }, { address: 0x90_0000n, size: 0x10n }],
};

const u32 = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
const u64 = (bytes: Uint8Array, at: number): bigint =>
  new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true);
const textAt = (bytes: Uint8Array, at: number): string =>
  new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));

/** The map as each version has it: the types that the specifications know, all else reserved. */
const MAP = [
  [0n, 0x9_fc00n, 1],
  [0x9_fc00n, 0x400n, 2],
  [0x10_0000n, 0x3ff0_0000n, 1],
  [0x4000_0000n, 0x1_0000n, 3],
  [0x4001_0000n, 0x1_0000n, 2],
  [1n << 40n, (1n << 64n) - (1n << 40n), 5],
];

pure("version 1 has each field where its specification says, with addresses of the place", () => {
  const at = 0x70_0000n;
  const { bytes, rsdp } = buildMultibootInfo(INPUT, at, PLACES);
  const textFrom = (offset: number) => textAt(bytes, u32(bytes, offset) - Number(at));
  assertEquals(rsdp, undefined);
  assertEquals([u32(bytes, 0), u32(bytes, 4), u32(bytes, 8)], [0x124d, 639, 1047552]);
  assertEquals([textFrom(16), textFrom(64)], ["/xen no-real-mode", "warmboot"]);
  const modules = u32(bytes, 24) - Number(at);
  assertEquals(
    [0, 16].map((row) => [u32(bytes, modules + row), u32(bytes, modules + row + 4), textFrom(modules + row + 8)]),
    [[0x80_0000, 0x80_1234, "/vmlinuz ro"], [0x90_0000, 0x90_0010, "/initrd.img"]],
  );
  assertEquals([u32(bytes, 20), u32(bytes, 44)], [2, 24 * E820.length]);
  const map = u32(bytes, 48) - Number(at);
  assertEquals(
    E820.map((_, row) => map + row * 24).map((
      row,
    ) => [u64(bytes, row + 4), u64(bytes, row + 12), u32(bytes, row + 20)]),
    MAP,
  );
  assertEquals(E820.map((_, row) => u32(bytes, map + row * 24)), E820.map(() => 20));
  assertEquals([u64(bytes, 88), u32(bytes, 96), u32(bytes, 100), u32(bytes, 104)], [0x1_c000_0000n, 4096, 1024, 768]);
  assertEquals([...bytes.subarray(108, 116)], [32, 1, 16, 8, 8, 8, 0, 8]);
  // Without modules and screen, their fields are empty.
  const { screen: _, ...rest } = INPUT;
  const plain = buildMultibootInfo({ ...rest, modules: [] }, at, { ...PLACES, modules: [] }).bytes;
  assertEquals([u32(plain, 0), u32(plain, 20), u32(plain, 24), plain[109]], [0x245, 0, 0, 0]);
});

/** The tags of version 2: their types and data. */
function tagsOf(bytes: Uint8Array): readonly (readonly [number, Uint8Array])[] {
  assertEquals([u32(bytes, 0), u32(bytes, 4)], [bytes.length, 0]);
  const tags: (readonly [number, Uint8Array])[] = [];
  for (let at = 8; at < bytes.length;) {
    const size = u32(bytes, at + 4);
    tags.push([u32(bytes, at), bytes.slice(at + 8, at + size)]);
    at += Math.ceil(size / 8) * 8;
  }
  return tags;
}

pure("version 2 has a tag for each thing, the RSDP first and the end last", () => {
  const of = (changes: Partial<MultibootInput>) => buildMultibootInfo({ ...INPUT, version: 2, ...changes }, 0n, PLACES);
  const { bytes, rsdp } = of({ rsdp: { address: 0xe_0000n, size: 36 } });
  const tags = tagsOf(bytes);
  assertEquals([rsdp, tags.map(([type]) => type)], [16, [15, 1, 2, 3, 3, 4, 6, 8, 21, 0]]);
  const [, cmdline, loader, first, second, sizes, map, screen, base] = tags.map(([, data]) => data);
  const none = new Uint8Array();
  assertEquals([cmdline, loader].map((data) => textAt(data ?? none, 0)), ["/xen no-real-mode", "warmboot"]);
  assertEquals(
    [first, second].map((data = none) => [u32(data, 0), u32(data, 4), textAt(data, 8)]),
    [[0x80_0000, 0x80_1234, "/vmlinuz ro"], [0x90_0000, 0x90_0010, "/initrd.img"]],
  );
  assertEquals([u32(sizes ?? none, 0), u32(sizes ?? none, 4)], [639, 1047552]);
  const rows = map ?? none;
  assertEquals([u32(rows, 0), u32(rows, 4), rows.length], [24, 0, 8 + 24 * E820.length]);
  assertEquals(
    E820.map((_, row) => 8 + row * 24).map((row) => [u64(rows, row), u64(rows, row + 8), u32(rows, row + 16)]),
    MAP,
  );
  assertEquals([u64(screen ?? none, 0), u32(screen ?? none, 8)], [0x1_c000_0000n, 4096]);
  assertEquals([...(screen ?? none).subarray(12)], [0, 4, 0, 0, 0, 3, 0, 0, 32, 1, 0, 0, 16, 8, 8, 8, 0, 8]);
  assertEquals(u32(base ?? none, 0), 0x20_0000);
  const { screen: _, ...rest } = INPUT;
  const plain = buildMultibootInfo({ ...rest, version: 2, loadBase: false, modules: [] }, 0n, PLACES);
  assertEquals([plain.rsdp, tagsOf(plain.bytes).map(([type]) => type)], [undefined, [1, 2, 4, 6, 0]]);
  const old = tagsOf(of({ rsdp: { address: 0xe_0000n, size: 20 } }).bytes)[0];
  assertEquals([old?.[0], old?.[1].length], [14, 20]);
});

pure("memory is counted up to its first hole, at most 640 KiB below 1 MiB", () => {
  const sizes = (e820: MultibootInput["e820"]) => {
    const { bytes } = buildMultibootInfo({ ...INPUT, e820 }, 0n, PLACES);
    return [u32(bytes, 4), u32(bytes, 8)];
  };
  assertEquals(sizes([]), [0, 0]);
  assertEquals(sizes([{ start: 0x1000n, end: 0x4000_0000n, type: 1 }]), [640, 1047552]);
  assertEquals(sizes([{ start: 0x2000n, end: 0xa_0000n, type: 1 }, { start: 0x10_0001n, end: 1n << 30n, type: 1 }]), [
    0,
    0,
  ]);
  assertEquals(sizes([{ start: 0n, end: 0x8_0000n, type: 2 }, { start: 0x10_0000n, end: 1n << 60n, type: 1 }]), [
    0,
    0xffff_ffff,
  ]);
});

pure("the screen is what the running kernel found: text, a framebuffer, or none", () => {
  const screen = (changes: { readonly [offset: number]: number }) => {
    const bootParams = new Uint8Array(4096);
    for (const [offset, value] of Object.entries(changes)) bootParams[Number(offset)] = value;
    return screenOf({ bootParams });
  };
  assertEquals(screenOf({}), undefined);
  const text = { 0x0f: 1, 0x06: 3, 0x07: 80, 0x0e: 25 };
  assertEquals(screen(text), { address: 0xb_8000n, pitch: 160, width: 80, height: 25, depth: 16 });
  for (const changed of [{ 0x06: 7 }, { 0x07: 0 }, { 0x0e: 0 }]) {
    assertEquals(screen({ ...text, ...changed }), undefined);
  }
  const linear = {
    0x0f: 0x70,
    0x12: 0x00,
    0x13: 0x04,
    0x14: 0x00,
    0x15: 0x03,
    0x16: 32,
    0x1b: 0xc0,
    0x25: 0x10,
    ...{ 0x26: 8, 0x27: 16, 0x28: 8, 0x29: 8, 0x2a: 8, 0x2b: 0 },
    0x3a: 1,
  };
  const { address: _, ...found } = SCREEN;
  assertEquals(screen(linear), { ...found, address: 0xc000_0000n });
  assertEquals(screen({ ...linear, 0x36: 2 }), { ...found, address: 0x1_c000_0000n });
  assertEquals(screen({ ...linear, 0x0f: 0x23 })?.address, 0xc000_0000n);
  assertEquals([screen({ ...linear, 0x0f: 0x22 }), screen({ ...linear, 0x1b: 0 })], [undefined, undefined]);
});

pure("the RSDP is of ACPI 2.0, or else of 1.0 and shorter; one above 4 GiB is not handed over", () => {
  const of = (systab: { readonly [name: string]: bigint }) => rsdpOf(hostFacts({ efi: { systab, runtimeMap: [] } }));
  assertEquals(of({ ACPI20: 0x1000n, ACPI: 0x2000n }), { address: 0x1000n, size: 36 });
  assertEquals(of({ ACPI: 0x2000n }), { address: 0x2000n, size: 20 });
  assertEquals(of({}), undefined);
  assertEquals([of({ ACPI20: 0xffff_ffdcn })?.size, of({ ACPI20: 0xffff_ffddn })], [36, undefined]);
  const { efi: _, ...bios } = hostFacts();
  assertEquals(rsdpOf(bios), undefined);
});
