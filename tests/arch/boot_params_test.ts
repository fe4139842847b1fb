import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type BootParamsInput, bootParamsSize, buildBootParams } from "../../src/arch/x86_64/boot_params.ts";
import { type E820Entry, e820Of } from "../../src/arch/x86_64/e820.ts";
import { efiHandover } from "../../src/arch/x86_64/efi.ts";
import { overlaps } from "../../src/core/range.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { bzImage } from "../support/profiles.ts";
import { BIOS_FACTS, MANY_FACTS, UEFI_FACTS, UEFI_FACTS_WITHOUT_MAP } from "./hosts.ts";
import { readBootParams } from "./read_boot_params.ts";

const LOW = 0x7f00_0000n;
const HIGH = 0x123_4567_8000n;
const E820_EXT = 1;
const EFI = 4;
const RNG_SEED = 9;

function test(name: string, fn: () => void): void {
  Deno.test({ name: `boot_params: ${name}`, permissions: "none", fn });
}

function inputFor(facts: HostFacts, changes: Partial<BootParamsInput> = {}): BootParamsInput {
  const info = bzImage();
  return {
    header: info.header,
    facts,
    cmdline: "root=LABEL=root ro",
    e820: e820Of(facts).value ?? [],
    efi: efiHandover(facts, info),
    ...changes,
  };
}

function read(input: BootParamsInput, at: bigint) {
  return readBootParams(buildBootParams(input, at).bytes, at);
}

function types(input: BootParamsInput): readonly number[] {
  return read(input, LOW).nodes.map(({ type }) => type);
}

test("a device tree is a node of its own, whole, at a multiple of 8, before the seed and after what EFI says", () => {
  const deviceTree = Uint8Array.from({ length: 1001 }, (_, index) => index % 251);
  for (const facts of [BIOS_FACTS, UEFI_FACTS]) {
    const input = inputFor(facts, { deviceTree });
    const { nodes } = read(input, HIGH);
    const [without] = [inputFor(facts)].map(types);
    assertEquals(nodes.map(({ type }) => type), [...(without ?? []).slice(0, -1), 2, RNG_SEED]);
    const node = nodes.find(({ type }) => type === 2);
    assertEquals(node?.data, deviceTree);
    assertEquals((node?.offset ?? 1) % 8, 0);
    assertEquals(bootParamsSize(input), BigInt(buildBootParams(input, HIGH).bytes.length));
  }
});

test("the header is the image's, but for what a loader writes", () => {
  const input = inputFor(BIOS_FACTS);
  const { fields } = read(input, LOW);
  const expected = input.header.slice();
  const view = new DataView(expected.buffer);
  view.setUint8(0x210 - 0x1f1, 0xd0); // type_of_loader
  view.setUint8(0x211 - 0x1f1, 0); // loadflags
  view.setUint32(0x228 - 0x1f1, 0x7f00_1000, true); // cmd_line_ptr
  view.setBigUint64(0x250 - 0x1f1, fields.u64(0x250), true); // setup_data
  assertEquals(fields.bytes(0x1f1, expected.length), expected);
  assertEquals([fields.u16(0x1fa), fields.u32(0x230), fields.u32(0x260)], [0xffff, 0x20_0000, 60 << 20]);
});

test("what an image says of initrd, command line and setup_data does not come through", () => {
  const header = bzImage().header.slice();
  header.fill(0xff, 0x210 - 0x1f1, 0x212 - 0x1f1);
  header.fill(0xff, 0x218 - 0x1f1, 0x220 - 0x1f1);
  header.fill(0xff, 0x228 - 0x1f1, 0x22c - 0x1f1);
  header.fill(0xff, 0x23c - 0x1f1, 0x240 - 0x1f1);
  header.fill(0xff, 0x250 - 0x1f1, 0x258 - 0x1f1);
  assertEquals(
    buildBootParams(inputFor(BIOS_FACTS, { header }), LOW),
    buildBootParams(inputFor(BIOS_FACTS), LOW),
  );
});

test("the sentinel is zero, and a header that is too long stops before the next field", () => {
  const clean = inputFor(BIOS_FACTS, { header: new Uint8Array() });
  const { fields } = read({ ...clean, header: new Uint8Array(0x400).fill(0xff) }, LOW);
  assertEquals(fields.u8(0x1ef), 0);
  assertEquals(fields.u8(0x28f), 0xff);
  assertEquals(fields.bytes(0x290, 4096 - 0x290), read(clean, LOW).fields.bytes(0x290, 4096 - 0x290));
});

test("screen, disks and platform are those of the running kernel", () => {
  const bootParams = Uint8Array.from({ length: 4096 }, (_, index) => (index * 7 + 1) & 0xff);
  const { fields } = read(inputFor({ ...BIOS_FACTS, bootParams }), LOW);
  const inherited = [[0x000, 2], [0x004, 0x3c], [0x1e9, 2], [0x23c, 4], [0x290, 0x40], [0xd00, 0x1ec]] as const;
  for (const [offset, length] of inherited) {
    assertEquals(
      fields.bytes(offset, length),
      bootParams.subarray(offset, offset + length),
      `0x${offset.toString(16)}`,
    );
  }
  assertEquals(fields.u64(0x070), new DataView(bootParams.buffer).getBigUint64(0x070, true));
});

test("nothing else of the running kernel comes through", () => {
  const facts = { ...BIOS_FACTS, bootParams: new Uint8Array(4096).fill(0xff) };
  const { fields } = read(inputFor(facts, { e820: [], header: new Uint8Array() }), LOW);
  const written = [
    [0x000, 0x40],
    [0x070, 8],
    [0x0c0, 12],
    [0x1e0, 4],
    [0x1e9, 2],
    [0x210, 2],
    [0x218, 8],
    [0x228, 4],
    [0x23c, 4],
    [0x250, 8],
    [0x290, 0x40],
    [0xd00, 0x1ec],
  ] as const;
  const rest = fields.bytes(0, 4096).slice();
  for (const [offset, length] of written) rest.fill(0, offset, offset + length);
  assertEquals(rest, new Uint8Array(4096));
});

test("a host that does not show its boot_params has no screen, and takes ACPI from EFI", () => {
  const { bootParams: _, ...facts } = UEFI_FACTS;
  const { fields } = read(inputFor(facts), LOW);
  assertEquals(fields.bytes(0x004, 0x3c), new Uint8Array(0x3c));
  assertEquals(fields.u64(0x070), 0x6f7e_a014n);
});

test("the memory above 1 MiB is counted in KiB, up to what each field holds", () => {
  const sizes = (...e820: E820Entry[]) => {
    const { fields } = read(inputFor(BIOS_FACTS, { e820 }), LOW);
    return [fields.u16(0x002), fields.u32(0x1e0)];
  };
  const ram = (start: bigint, end: bigint) => ({ start, end, type: 1 });
  assertEquals(sizes(ram(0n, 0xa_0000n), ram(0x10_0000n, 0x110_0000n)), [0x4000, 0x4000]);
  assertEquals(sizes(ram(0n, 0x8000_0000n)), [0xfc00, 0x1f_fc00]);
  assertEquals(sizes(ram(0x10_0000n, 0x800_0000_0000n)), [0xfc00, 0xffff_ffff]);
  assertEquals(sizes({ ...ram(0x10_0000n, 0x110_0000n), type: 2 }, ram(0x110_0000n, 0x200_0000n)), [0, 0]);
});

test("the command line is found behind boot_params, with its NUL, below and above 4 GiB", () => {
  for (const at of [LOW, HIGH]) {
    const { cmdline, cmdlineAt } = read(inputFor(BIOS_FACTS), at);
    assertEquals([cmdline, cmdlineAt], ["root=LABEL=root ro", 4096]);
  }
  assertEquals(read(inputFor(BIOS_FACTS, { cmdline: "" }), HIGH).cmdline, "");
  assertEquals(read(inputFor(BIOS_FACTS, { cmdline: 'root="LABEL=wörld"' }), HIGH).cmdline, 'root="LABEL=wörld"');
});

test("a command line of any length is whole, and what follows it stays aligned and apart", () => {
  for (const length of [1, 7, 8, 2047, 4095, 4096, 65_535]) {
    const input = inputFor(UEFI_FACTS, { cmdline: "x".repeat(length) });
    const { cmdline, nodes, efi } = read(input, LOW);
    assertEquals(cmdline.length, length);
    for (const { offset } of nodes) assert(offset % 8 === 0 && offset > 4096 + length, `${length}: ${offset}`);
    assert(efi.map % 8n === 0n && efi.map > LOW + 4096n + BigInt(length), `${length}: ${efi.map}`);
  }
});

test("the initrd keeps all 64 bits of its address and size", () => {
  const place = (initrd: { readonly address: bigint; readonly size: bigint }) =>
    read(inputFor(BIOS_FACTS, { initrd }), HIGH).ramdisk;
  for (
    const initrd of [
      { address: 0x3000_0000n, size: 0x1e0_0001n },
      { address: 0x1_2345_6000n, size: 0x200_0000n },
      { address: 0xf_ffff_ffff_f000n, size: 0x1_8000_0001n },
    ]
  ) assertEquals(place(initrd), initrd);
  assertEquals(read(inputFor(BIOS_FACTS), HIGH).ramdisk, { address: 0n, size: 0n });
});

test("up to 128 ranges stand in boot_params itself", () => {
  const input = inputFor(MANY_FACTS);
  const fit = { ...input, e820: input.e820.slice(0, 128) };
  const { e820, fields } = read(fit, LOW);
  assertEquals([e820, fields.u8(0x1e8)], [fit.e820, 128]);
  assertEquals(types(fit), [RNG_SEED]);
});

test("from the 129th range on they stand in a node of their own, in order", () => {
  const input = inputFor(MANY_FACTS);
  const { e820, fields, nodes } = read(input, HIGH);
  assertEquals(input.e820.length, 148);
  assertEquals([e820, fields.u8(0x1e8)], [input.e820, 128]);
  assertEquals(nodes.find(({ type }) => type === E820_EXT)?.data.length, 20 * 20);
});

test("a range of the whole address space loses one byte rather than all", () => {
  const { e820 } = read(inputFor(BIOS_FACTS, { e820: [{ start: 0n, end: 1n << 64n, type: 2 }] }), LOW);
  assertEquals(e820, [{ start: 0n, end: (1n << 64n) - 1n, type: 2 }]);
});

test("EFI comes whole: the tables, the map in the segment, and the node that goes with it", () => {
  for (const at of [LOW, HIGH]) {
    const { bytes } = buildBootParams(inputFor(UEFI_FACTS), at);
    const { efi, fields, nodes } = readBootParams(bytes, at);
    const runtimeMap = UEFI_FACTS.efi?.runtimeMap ?? [];
    assertEquals([efi.signature, efi.systab, fields.u8(0x1ec)], ["EL64", 0x6f68_b018n, 3]);
    assertEquals([efi.descriptorSize, efi.descriptorVersion, efi.mapSize], [40, 1, 40 * runtimeMap.length]);
    const mapAt = Number(efi.map - at);
    const readMap = runtimeMap.map((_, index) => {
      const [physAddr = 0n, virtAddr = 0n, numPages = 0n, attribute = 0n] = [8, 16, 24, 32].map((word) =>
        fields.u64(mapAt + index * 40 + word)
      );
      return { type: fields.u32(mapAt + index * 40), physAddr, virtAddr, numPages, attribute };
    });
    assertEquals(readMap, runtimeMap);
    const data = nodes.find(({ type }) => type === EFI)?.data ?? new Uint8Array();
    assertEquals(data.length, 96);
    const view = new DataView(data.buffer, data.byteOffset);
    assertEquals([0, 8, 16, 24].map((offset) => view.getBigUint64(offset, true)), [
      0x6f0e_8018n,
      0x6f2f_8b98n,
      0x6f0e_6018n,
      0x6f0e_d000n,
    ]);
    assertEquals(data.subarray(32), new Uint8Array(64));
  }
});

test("the EFI system table keeps all 64 bits of its address", () => {
  const decision = efiHandover(UEFI_FACTS, bzImage());
  if (decision.kind === "none") throw new Error(decision.reason);
  const systab = 0x12_6f68_b018n;
  assertEquals(read(inputFor(UEFI_FACTS, { efi: { ...decision, systab } }), HIGH).efi.systab, systab);
});

test("without the handover nothing of EFI is left, but for ACPI", () => {
  for (const facts of [BIOS_FACTS, UEFI_FACTS_WITHOUT_MAP]) {
    const input = inputFor(facts);
    const { fields } = read(input, LOW);
    assertEquals(fields.bytes(0x1c0, 0x20), new Uint8Array(0x20));
    assertEquals(fields.u8(0x1ec), 0);
    assertEquals(types(input), [RNG_SEED]);
  }
  assertEquals(read(inputFor(UEFI_FACTS_WITHOUT_MAP), LOW).fields.u64(0x070), 0x6f7e_a014n);
});

test("the random seed is a node of 32 zero bytes that the loader finds", () => {
  const { bytes, rngSeed } = buildBootParams(inputFor(UEFI_FACTS), HIGH);
  const node = readBootParams(bytes, HIGH).nodes.find(({ type }) => type === RNG_SEED);
  assertEquals(node?.data, new Uint8Array(32));
  assertEquals(rngSeed, { offset: (node?.offset ?? 0) + 16, length: 32 });
});

test("a plan is the same each time, and moves whole", () => {
  const input = inputFor(UEFI_FACTS, { e820: e820Of(MANY_FACTS).value ?? [] });
  assertEquals(buildBootParams(input, HIGH), buildBootParams(input, HIGH));
  const [low, high] = [LOW, HIGH].map((at) => ({ ...read(input, at), fields: undefined, efi: undefined }));
  assertEquals(low, high);
});

const ENTRY = fc.record({
  start: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  size: fc.bigInt({ min: 1n, max: 1n << 50n }),
  type: fc.constantFrom(1, 2, 3, 4, 5, 7, 12, 0xefff_ffff),
}).map(({ start, size, type }): E820Entry => ({ start, end: start + size, type }));

test("any memory map, command line and address are read back, from parts that do not overlap", () => {
  fc.assert(fc.property(
    fc.array(ENTRY, { maxLength: 400, size: "max" }),
    fc.string({ unit: fc.constantFrom(...'abc= .,"é'), maxLength: 300 }),
    fc.bigInt({ min: 1n, max: (1n << 40n) - 1n }).map((page) => page << 12n),
    fc.constantFrom(BIOS_FACTS, UEFI_FACTS),
    (e820, cmdline, at, facts) => {
      const input = inputFor(facts, { e820, cmdline });
      const { bytes } = buildBootParams(input, at);
      assertEquals(bootParamsSize(input), BigInt(bytes.length));
      const back = readBootParams(bytes, at);
      assertEquals([back.e820, back.cmdline], [e820, cmdline]);
      const part = (start: number, length: number) => ({ start: BigInt(start), end: BigInt(start + length) });
      const parts = [
        part(0, 4096),
        part(back.cmdlineAt, new TextEncoder().encode(cmdline).length + 1),
        ...(back.efi.mapSize === 0 ? [] : [part(Number(back.efi.map - at), back.efi.mapSize)]),
        ...back.nodes.map(({ offset, data }) => part(offset, 16 + data.length)),
      ].toSorted((a, b) => Number(a.start - b.start));
      assert(parts.every((each, index) => index === 0 || !overlaps(each, parts[index - 1] ?? each)));
      assertEquals(parts.at(-1)?.end, BigInt(bytes.length));
    },
  ));
});

test("memory from 1 MiB on is said in KiB up to the limit of each field", () => {
  const said = (end: bigint) => {
    const e820 = [{ start: 0x10_0000n, end, type: 1 }];
    const view = new DataView(buildBootParams(inputFor(BIOS_FACTS, { e820 }), LOW).bytes.buffer);
    return [view.getUint16(2, true), view.getUint32(0x1e0, true)];
  };
  assertEquals(said(0x10_0000n + (0xfbffn << 10n)), [0xfbff, 0xfbff]);
  assertEquals(said(0x10_0000n + (0xfc00n << 10n)), [0xfc00, 0xfc00]);
  assertEquals(said(0x10_0000n + (0x1_0005n << 10n)), [0xfc00, 0x1_0005]);
  assertEquals(said(0x10_0000n + (1n << 44n)), [0xfc00, 0xffff_ffff]);
});
