import { assert, assertEquals, assertMatch, assertNotMatch, assertRejects, assertThrows } from "@std/assert";
import {
  buildPurgatory,
  PURGATORY,
  PURGATORY_ENTRY,
  PURGATORY_LENGTH,
  PURGATORY_SIZE,
  purgatoryEnters32,
  purgatoryUsesSha,
  REAL_STUB_SIZE,
  type SerialPort,
} from "../../src/arch/x86_64/purgatory.ts";
import type { PurgatoryRegion } from "../../src/arch/purgatory.ts";
import type { PurgatoryInput } from "../../src/arch/x86_64/purgatory.ts";
import { PURGATORY_CODE, PURGATORY_SYMBOLS } from "../../src/arch/x86_64/purgatory_code.ts";
import { assemble, disassemble, purgatoryModule, purgatorySource, X86_64 } from "./assemble.ts";

const MODULE = new URL("../../src/arch/x86_64/purgatory_code.ts", import.meta.url);
const CODE = Uint8Array.fromBase64(PURGATORY_CODE);

const COM1: SerialPort = { address: 0x3f8n, width: 0, shift: 0 };

const INPUT: PurgatoryInput = {
  entry: 0x1_2345_6789_a200n,
  bootParams: 0xffff_f000n,
  regions: [
    { address: 0x100000n, length: 0x2345n, sha256: "0123456789abcdef".repeat(4) },
    { address: 0xffff_ffff_ffff_f000n, length: 0x1000n, sha256: "AB".repeat(32) },
  ],
  verify: "sha256",
  sha: false,
  console: { serial: COM1, vga: false },
};

Deno.test("the committed purgatory is what its source assembles to", async () => {
  assertEquals(Deno.readTextFileSync(MODULE), await purgatoryModule());
});

Deno.test("code that only runs at one address is not assembled", async () => {
  await assertRejects(() => assemble("call elsewhere\n"), Error, "elsewhere");
});

Deno.test("a mistake in the source is told with its line", async () => {
  await assertRejects(() => assemble("nop\nnonsense\n"), Error, ":2: Error");
});

Deno.test("the purgatory uses no register that CR4.OSFXSR must enable, but in its code of SHA instructions", async () => {
  const { code, symbols } = await assemble(purgatorySource());
  const at = (name: string) => symbols.get(name) ?? 0;
  // The last steps into real mode have 16 bits, and tables between them.
  const text = await disassemble(code, at("prepare"), at("stub")) +
    await disassemble(code, at("stub_end"), at("sha_blocks"));
  assertMatch(text, /\blgdt\b/);
  assertMatch(text, /\bbswap\b/);
  assertNotMatch(text, /%[xyz]?mm\d|%st\b|%k[0-7]\b|\(bad\)/);
  const sha = await disassemble(code, at("sha_blocks"), at("round_constants"));
  assertEquals(sha.match(/\bsha256rnds2\b/g)?.length, 32);
  // What AVX would need besides is enabled nowhere.
  assertNotMatch(sha, /%[yz]mm\d|%st\b|%k[0-7]\b|\(bad\)|\bv[a-z]+ .*%xmm/);
});

/** What is done to leave long mode, in its order: paging, then LME, then PAE and LA57; and where that leads. */
const WAY_DOWN = [
  /lgdt/,
  /push +\$0x10/,
  /lretq/,
  /mov +\$0x18,%eax/,
  ...["ds", "es", "fs", "gs", "ss"].map((name) => new RegExp(`mov +%eax,%${name}\\b`)),
  /mov +%cr0,%eax/,
  /and +\$0x7fffffff,%eax/,
  /mov +%eax,%cr0/,
  /mov +\$0xc0000080,%ecx/,
  /rdmsr/,
  /and +\$0xfffffeff,%eax/,
  /wrmsr/,
  /xor +%eax,%eax/,
  /mov +%eax,%cr4/,
  /rep movsb/,
  /push/,
  ...["ebx", "ecx", "edx", "edi", "ebp"].map((name) => new RegExp(`xor +%${name},%${name}`)),
  /\bret\b/,
];

Deno.test("32-bit mode is reached by way of compatibility mode, step by step", async () => {
  const { code, symbols } = await assemble(purgatorySource());
  const at = (name: string) => symbols.get(name) ?? 0;
  const wide = await disassemble(code, at("leave_long_mode"), at("compatibility_mode"));
  const narrow = await disassemble(code, at("compatibility_mode"), at("refuse"), {
    ...X86_64,
    disassembler: "i386",
  });
  let text = `${wide}${narrow}`;
  for (const step of WAY_DOWN) {
    const found = text.search(step);
    assert(found >= 0, `no ${step} in ${text}`);
    text = text.slice(found);
  }
  // Both tables have the same limit; code and data are flat, of 32 bits, present, of privilege 0.
  const view = new DataView(code.buffer, code.byteOffset);
  assertEquals(at("gdt32") - at("gdt"), at("gdt_end") - at("gdt"));
  assertEquals([0, 8, 16, 24].map((offset) => view.getBigUint64(at("gdt32") + offset, true)), [
    0n,
    0n,
    0x00cf_9b00_0000_ffffn,
    0x00cf_9300_0000_ffffn,
  ]);
});

/** What is done below 1 MiB to reach real mode, in its order, and where that leads. */
const WAY_TO_REAL_MODE = [
  /mov +\$0x10,%ax/,
  ...["ds", "es", "fs", "gs", "ss"].map((name) => new RegExp(`mov +%ax,%${name}\\b`)),
  /lidtl +0x1e\b/,
  /mov +%cr0,%eax/,
  /and +\$0xfe,%al/,
  /mov +%eax,%cr0/,
  /ljmp +\*0x24\b/,
  ...["ds", "es", "fs", "gs", "ss"].map((name) => new RegExp(`mov +%dx,%${name}\\b`)),
  /movzwl +%cx,%esp/,
  /add +\$0x20,%dx/,
  /push +%dx/,
  /push +%ax/,
  ...["ebx", "ecx", "edx", "esi", "edi", "ebp"].map((name) => new RegExp(`xor +%${name},%${name}`)),
  /\blret\b/,
];

Deno.test("real mode is reached by way of a segment of 16 bits below 1 MiB, step by step", async () => {
  const { code, symbols } = await assemble(purgatorySource());
  const at = (name: string) => symbols.get(name) ?? 0;
  let text = await disassemble(code, at("stub_16"), at("stub_end"), { ...X86_64, disassembler: "i8086" });
  for (const step of WAY_TO_REAL_MODE) {
    const found = text.search(step);
    assert(found >= 0, `no ${step} in ${text}`);
    text = text.slice(found);
  }
  // Code and data of 16 bits and 64 KiB, whose bases are filled in; the vectors of the BIOS; where the jump leads.
  const view = new DataView(code.buffer, code.byteOffset);
  assertEquals([8, 16].map((offset) => view.getBigUint64(at("stub_gdt") + offset, true)), [
    0x9b00_0000_ffffn,
    0x9300_0000_ffffn,
  ]);
  assertEquals([at("stub_idt_pointer") - at("stub"), at("stub_far") - at("stub")], [0x1e, 0x24]);
  assertEquals([view.getUint16(at("stub_idt_pointer"), true), view.getUint32(at("stub_idt_pointer") + 2, true)], [
    0x3ff,
    0,
  ]);
  assertEquals(view.getUint16(at("stub_far"), true), at("stub_real") - at("stub"));
  assertEquals(at("stub") % 16, 0);
  // The code ends before the page of the stack.
  assert(code.length <= at("CODE_SIZE"));
});

Deno.test({
  name: "the parameters stand where the code reads them",
  permissions: "none",
  fn() {
    const bytes = buildPurgatory(INPUT);
    const view = new DataView(bytes.buffer);
    assertEquals(view.getBigUint64(0x10, true), INPUT.entry);
    assertEquals(view.getBigUint64(0x18, true), INPUT.bootParams);
    assertEquals(view.getUint32(0x20, true), 2);
    assertEquals(view.getUint32(0x24, true), 0b011);
    assertEquals(view.getBigUint64(0x28, true), 0x100000n);
    assertEquals(view.getBigUint64(0x30, true), 0x2345n);
    assertEquals(bytes.slice(0x38, 0x58).toHex(), "0123456789abcdef".repeat(4));
    assertEquals(view.getBigUint64(0x58, true), 0xffff_ffff_ffff_f000n);
    assertEquals(view.getBigUint64(0x60, true), 0x1000n);
    assertEquals(bytes.slice(0x68, 0x88).toHex(), "ab".repeat(32));
    assertEquals(bytes.slice(0x328, 0x340), new Uint8Array(24), "no backup unless it is asked for");
    const backup = buildPurgatory({ ...INPUT, backup: { from: 1n, to: 0x1_2345_6789n, size: 0xa_0000n } });
    assertEquals(new BigUint64Array(backup.buffer, 0x328, 3), new BigUint64Array([1n, 0x1_2345_6789n, 0xa_0000n]));
  },
});

Deno.test({
  name: "a serial port's place, its registers and its speed stand where the code reads them; without one, nothing does",
  permissions: "none",
  fn() {
    const port = (serial?: SerialPort) => {
      const console = { ...(serial === undefined ? {} : { serial }), vga: false };
      const view = new DataView(buildPurgatory({ ...INPUT, console }).buffer);
      return [
        view.getBigUint64(0x350, true),
        view.getUint8(0x358),
        view.getUint8(0x359),
        view.getUint16(0x35a, true),
        view.getUint8(0x35c),
      ];
    };
    assertEquals(port(), [0n, 0, 0, 0, 0]);
    assertEquals(port(COM1), [0x3f8n, 0, 0, 0, 0]);
    assertEquals(port({ address: 0x12_3456_7000n, width: 4, shift: 2, speed: { divisor: 0x1234, line: 0x1b } }), [
      0x12_3456_7000n,
      4,
      2,
      0x1234,
      0x1b,
    ]);
    for (
      const bad of [
        { ...COM1, address: 0x1_0000n },
        { ...COM1, shift: 8 },
        { ...COM1, speed: { divisor: 0, line: 3 } },
        { ...COM1, speed: { divisor: 0x1_0000, line: 3 } },
      ]
    ) assertThrows(() => port(bad), RangeError, "no serial port is at");
  },
});

Deno.test({
  name: "purgatories of older layouts are read: without a number, of the first one; one of a later layout is not",
  permissions: "none",
  fn() {
    const read = (layout: bigint, verify: "sha256" | "xxh64") => {
      const bytes = buildPurgatory({ ...INPUT, verify });
      new DataView(bytes.buffer).setBigUint64(8, layout, true);
      return PURGATORY.verifies(bytes);
    };
    assertEquals([0n, 1n, 2n, 3n].map((layout) => read(layout, "sha256")), ["sha256", "sha256", "sha256", undefined]);
    assertEquals([0n, 1n, 2n, 3n].map((layout) => read(layout, "xxh64")), [undefined, "xxh64", "xxh64", undefined]);
  },
});

Deno.test({
  name: "each flag has its bit",
  permissions: "none",
  fn() {
    const flags = (changes: Partial<PurgatoryInput>, serial = false, vga = false) =>
      new DataView(
        buildPurgatory({ ...INPUT, verify: false, ...changes, console: { ...(serial ? { serial: COM1 } : {}), vga } })
          .buffer,
      ).getUint32(0x24, true);
    assertEquals(
      [flags({}), flags({ verify: "sha256" }), flags({}, true), flags({}, false, true), flags({ sha: true })],
      [0, 1, 2, 4, 8],
    );
    const low = { entry: 0x10_0000n, entry32: true };
    assertEquals([flags(low), flags({ ...low, entry32: false }), flags({ ...low, verify: "sha256" })], [32, 0, 33]);
    assertEquals(flags({ verify: "xxh64" }), 1 | 16);
  },
});

Deno.test({
  name: "a purgatory that compares sums has room for them, and says of what",
  permissions: "none",
  fn() {
    const regions = INPUT.regions.map(({ address, length }) => ({ address, length }));
    const bytes = buildPurgatory({ ...INPUT, verify: "xxh64", regions });
    assertEquals(PURGATORY.sumSlots(bytes), [
      { offset: 0x38, address: 0x100000n, length: 0x2345n },
      { offset: 0x68, address: 0xffff_ffff_ffff_f000n, length: 0x1000n },
    ]);
    assertEquals(bytes.slice(0x38, 0x40), new Uint8Array(8));
    assertEquals(PURGATORY.sumSlots(buildPurgatory(INPUT)), undefined);
    assertEquals(PURGATORY.sumSlots(bytes.subarray(1)), undefined);
  },
});

Deno.test({
  name: "a purgatory is whole pages that hold its code, its parameters and its stack",
  permissions: "none",
  fn() {
    const bytes = buildPurgatory(INPUT);
    assertEquals([bytes.length, bytes.length % 4096, PURGATORY_SIZE % 4096n], [PURGATORY_LENGTH, 0, 0n]);
    assert(CODE.length <= bytes.length, "all of the code is loaded");
    const stackPage = PURGATORY_SYMBOLS.stackTop & ~0xfff;
    assertEquals(stackPage, bytes.length, "the stack's page holds nothing else, and is not loaded");
    assertEquals(BigInt(PURGATORY_SYMBOLS.memoryEnd), PURGATORY_SIZE);
    assertEquals(PURGATORY_SIZE, BigInt(stackPage + 4096 + 3 * 4096), "and three page tables follow");
    assertEquals(bytes.slice(0x360, CODE.length), CODE.slice(0x360), "the parameters do not reach into the code");
    assertEquals(bytes.slice(CODE.length), new Uint8Array(bytes.length - CODE.length));
  },
});

Deno.test({
  name: "sixteen regions fit, a seventeenth is refused",
  permissions: "none",
  fn() {
    const regions = (count: number) => Array<PurgatoryRegion>(count).fill({ ...zeroRegion(), address: 0x1000n });
    const bytes = buildPurgatory({ ...INPUT, regions: regions(16) });
    assertEquals(new DataView(bytes.buffer).getBigUint64(0x28 + 15 * 48, true), 0x1000n);
    assertEquals(bytes.slice(0x360, CODE.length), CODE.slice(0x360));
    assertEquals(bytes.slice(0x328, 0x350), CODE.slice(0x328, 0x350));
    assertThrows(() => buildPurgatory({ ...INPUT, regions: regions(17) }), RangeError, "17 regions");
  },
});

Deno.test({
  name: "what does not fit its field is refused, not cut",
  permissions: "none",
  fn() {
    assertThrows(() => buildPurgatory({ ...INPUT, entry: 1n << 64n }), RangeError, "64 bits");
    assertThrows(() => buildPurgatory({ ...INPUT, bootParams: -1n }), RangeError, "-1");
    assertThrows(() => buildPurgatory({ ...INPUT, entry32: true }), RangeError, "32 bits");
    const low = { ...INPUT, entry: 0x10_0000n, entry32: true };
    assertThrows(() => buildPurgatory({ ...low, bootParams: 1n << 32n }), RangeError, "32 bits");
    assertEquals(buildPurgatory({ ...low, bootParams: (1n << 32n) - 1n }).length, PURGATORY_LENGTH);
    const short = [{ ...zeroRegion(), sha256: "ab".repeat(31) }];
    assertThrows(() => buildPurgatory({ ...INPUT, regions: short }), RangeError, "not a SHA-256");
  },
});

function zeroRegion(): PurgatoryRegion {
  return { address: 0n, length: 0n, sha256: "00".repeat(32) };
}

Deno.test({
  name: "a purgatory is entered at its first byte",
  permissions: "none",
  fn() {
    assertEquals(PURGATORY_ENTRY, 0n);
    // jmp rel32 over the parameters, which end at 0x360.
    const view = new DataView(buildPurgatory(INPUT).buffer);
    assertEquals([view.getUint8(0), 5 + view.getInt32(1, true)], [0xe9, 0x360]);
  },
});

Deno.test({
  name: "bytes of another size are no purgatory, and what lies too high for its mode is refused",
  permissions: "none",
  fn() {
    const bytes = buildPurgatory({ ...INPUT, sha: true });
    for (const other of [bytes.subarray(0, -1), new Uint8Array([...bytes, 0]), new Uint8Array()]) {
      assertEquals([PURGATORY.target(other), PURGATORY.verifies(other), PURGATORY.sumSlots(other)], [
        undefined,
        undefined,
        undefined,
      ]);
      assertEquals([purgatoryUsesSha(other), purgatoryEnters32(other)], [false, false]);
    }
    assertEquals([PURGATORY.verifies(bytes), purgatoryUsesSha(bytes)], ["sha256", true]);
    // XXH64 has no digest before the load.
    const summed = buildPurgatory({ ...INPUT, verify: "xxh64" });
    const digest = PURGATORY_SYMBOLS.regions + PURGATORY_SYMBOLS.regionDigest;
    assertEquals(summed.slice(digest, digest + 32), new Uint8Array(32));
    const low: PurgatoryInput = { ...INPUT, entry: 0x1000n, bootParams: 0x2000n, entry32: true };
    const end = 1n << 32n;
    buildPurgatory({ ...low, backup: { from: end - 0x2000n, to: end - 0x1001n, size: 0x1000n } });
    for (
      const high of [
        { entry: end },
        { bootParams: end },
        { backup: { from: end - 0x1000n, to: 0n, size: 0x1000n } },
        { backup: { from: 0n, to: end - 0x1000n, size: 0x1000n } },
      ]
    ) assertThrows(() => buildPurgatory({ ...low, ...high }), RangeError, "does not fit 32 bits");
    const real = { base: 0x9_0000n, stack: 0x9800, stub: 0x9_9810n };
    const in16 = (changes: Partial<typeof real>) => buildPurgatory({ ...low, real: { ...real, ...changes } });
    const top = 1n << 20n;
    in16({ base: top - 0x9800n, stub: top - BigInt(REAL_STUB_SIZE) });
    for (const high of [{ base: top - 0x97f0n }, { stub: top - BigInt(REAL_STUB_SIZE) + 16n }]) {
      assertThrows(() => in16(high), RangeError, "real mode does not reach");
    }
  },
});
