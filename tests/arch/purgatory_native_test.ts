import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { createHash } from "node:crypto";
import {
  buildPurgatory,
  PURGATORY,
  PURGATORY_SIZE,
  type PurgatoryInput,
  type SerialPort,
  SHA_FLAGS,
} from "../../src/arch/x86_64/purgatory.ts";
import { PURGATORY_CODE, PURGATORY_SYMBOLS } from "../../src/arch/x86_64/purgatory_code.ts";
import { openLibc } from "../../src/syscall/libc.ts";
import { mapSegments } from "../../src/syscall/map_segments.ts";
import { lowerPlan } from "../../src/plan/lower.ts";
import type { PlannedSegment } from "../../src/plan/plan.ts";
import { xxh64 } from "../support/xxh64.ts";
import { assemble, purgatorySource } from "./assemble.ts";
import { mapNative } from "./native_memory.ts";

const PROBE = new URL("./probe.S", import.meta.url);
const CODE = Uint8Array.fromBase64(PURGATORY_CODE);

/** Running the code takes the CPU that it is for. */
const ignore = Deno.build.arch !== "x86_64";

/** What the tests below do not vary. */
const INPUT = {
  entry: 0n,
  bootParams: 0xffff_f000n,
  verify: "sha256",
  sha: false,
  console: { vga: false },
} as const;

const FLAGS = ignore ? "" : Deno.readTextFileSync("/proc/cpuinfo");

/** Both codes for a digest, the second where this processor has its instructions. */
const CODES = [
  { name: "integer instructions", sha: false, ignore },
  { name: "SHA instructions", sha: true, ignore: !SHA_FLAGS.every((flag) => FLAGS.includes(` ${flag} `)) },
];

function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Bytes that repeat late and are the same each time. */
function sample(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 131 + (index >> 8) * 7) & 0xff);
}

async function symbolsOf(source: string): Promise<(name: string) => number> {
  const { symbols } = await assemble(source);
  return (name) => {
    const value = symbols.get(name);
    if (value === undefined) throw new Error(`The source has no ${name}`);
    return value;
  };
}

/** Lets the purgatory's code digest data that starts at an odd address. */
function nativeDigest(data: Uint8Array, sha: boolean): string {
  using code = mapNative(buildPurgatory({ ...INPUT, sha, regions: [] }));
  using memory = mapNative(new Uint8Array(0), data.length + 64);
  memory.bytes.set(data, 33);
  code.call(PURGATORY_SYMBOLS.sha256Region, memory.address + 33n, BigInt(data.length), memory.address);
  return memory.bytes.slice(0, 32).toHex();
}

for (const { name, sha, ignore } of CODES) {
  Deno.test({
    name: `the ${name}\'s SHA-256 gives the published digests`,
    ignore,
    fn() {
      assertEquals(
        nativeDigest(new Uint8Array(0), sha),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      );
      assertEquals(
        nativeDigest(new TextEncoder().encode("abc"), sha),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      );
    },
  });

  Deno.test({
    name: `the ${name}\'s SHA-256 is right around the length of a block, and for a mebibyte`,
    ignore,
    fn() {
      for (const length of [1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000, 1 << 20]) {
        assertEquals(nativeDigest(sample(length), sha), sha256(sample(length)), `${length} bytes`);
      }
    },
  });

  Deno.test({
    name: `the ${name}\'s SHA-256 is that of any bytes`,
    ignore,
    fn() {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (data) => nativeDigest(data, sha) === sha256(data)));
    },
  });

  Deno.test({
    name: `the ${name}\'s SHA-256 keeps the registers of its caller`,
    ignore,
    async fn() {
      const { code, symbols } = await assemble(Deno.readTextFileSync(PROBE));
      using probe = mapNative(code);
      using purgatory = mapNative(buildPurgatory({ ...INPUT, sha, regions: [] }));
      using memory = mapNative(sample(300));
      const region = purgatory.address + BigInt(PURGATORY_SYMBOLS.sha256Region);
      const digest = sha256(memory.bytes.slice(32, 232));
      assertEquals(
        probe.call(symbols.get("probe_callee") ?? 0, region, memory.address + 32n, 200n, memory.address),
        0n,
      );
      assertEquals(memory.bytes.slice(0, 32).toHex(), digest);
    },
  });
}

/** Around every length at which XXH64 goes on otherwise. */
const LENGTHS = [0, 1, 3, 4, 5, 7, 8, 9, 12, 15, 16, 31, 32, 33, 40, 44, 47, 63, 64, 65, 100, 1000, 70_001];

Deno.test({
  name: "XXH64 gives the published sums, and those of the specification's words at any length and address",
  ignore,
  fn() {
    using code = mapNative(CODE);
    using memory = mapNative(sample(1 << 17));
    const sum = (offset: number, length: number) =>
      code.call(PURGATORY_SYMBOLS.xxh64Region, memory.address + BigInt(offset), BigInt(length));
    for (const length of LENGTHS) {
      for (const offset of [0, 1, 4]) {
        assertEquals(sum(offset, length), xxh64(memory.bytes.slice(offset, offset + length)), `${length} bytes`);
      }
    }
    memory.bytes.set(new TextEncoder().encode("Nobody inspects the spammish repetition"));
    assertEquals([sum(0, 0), sum(0, 39)], [0xef46_db37_51d8_e999n, 0xfbce_a83c_8a37_8bf1n]);
  },
});

Deno.test({
  name: "XXH64 is that of any bytes",
  ignore,
  fn() {
    using code = mapNative(CODE);
    using memory = mapNative(new Uint8Array(512));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
      memory.bytes.set(data);
      return code.call(PURGATORY_SYMBOLS.xxh64Region, memory.address, BigInt(data.length)) === xxh64(data);
    }));
  },
});

Deno.test({
  name: "XXH64 keeps the registers of its caller",
  ignore,
  async fn() {
    const { code, symbols } = await assemble(Deno.readTextFileSync(PROBE));
    using probe = mapNative(code);
    using purgatory = mapNative(CODE);
    using memory = mapNative(sample(300));
    const region = purgatory.address + BigInt(PURGATORY_SYMBOLS.xxh64Region);
    assertEquals(probe.call(symbols.get("probe_callee") ?? 0, region, memory.address, 47n, 0n), 0n);
  },
});

/** Three pieces of data in memory, and a purgatory for them; one that compares sums has them. */
function threeRegions(by: Pick<PurgatoryInput, "verify" | "sha">) {
  const lengths = [1, 64, 5000];
  const memory = mapNative(sample(3 * 8192));
  const regions = lengths.map((length, index) => ({
    address: memory.address + BigInt(index * 8192),
    length: BigInt(length),
    ...(by.verify === "xxh64" ? {} : { sha256: sha256(memory.bytes.slice(index * 8192, index * 8192 + length)) }),
  }));
  const purgatory = mapNative(buildPurgatory({ ...INPUT, ...by, regions }));
  const view = new DataView(purgatory.bytes.buffer);
  for (const { offset, address, length } of PURGATORY.sumSlots(purgatory.bytes) ?? []) {
    const start = Number(address - memory.address);
    view.setBigUint64(offset, xxh64(memory.bytes.slice(start, start + Number(length))), true);
  }
  const verify = () => purgatory.call(PURGATORY_SYMBOLS.verifyRegions, purgatory.address + 0x10n);
  return { memory, purgatory, verify, [Symbol.dispose]: () => (memory[Symbol.dispose](), purgatory[Symbol.dispose]()) };
}

function flip(bytes: Uint8Array, offset: number): void {
  bytes[offset] = (bytes[offset] ?? 0) ^ 1;
}

for (
  const { name, verify, sha, ignore: lacks } of [
    ...CODES.map((code) => ({ ...code, verify: "sha256" as const })),
    { name: "XXH64", verify: "xxh64" as const, sha: false, ignore },
  ]
) {
  Deno.test({
    name: `regions that match pass, and one flipped bit of data is found in its region (${name})`,
    ignore: lacks,
    fn() {
      using three = threeRegions({ verify, sha });
      assertEquals(three.verify(), 0n);
      for (const [offset, found] of [[0, 1n], [8192, 2n], [8192 + 63, 2n], [2 * 8192 + 4999, 3n]] as const) {
        flip(three.memory.bytes, offset);
        assertEquals(three.verify(), found, `offset ${offset}`);
        flip(three.memory.bytes, offset);
      }
      assertEquals(three.verify(), 0n);
    },
  });
}

Deno.test({
  name: "the sums that are taken at load are those that purgatory compares",
  ignore,
  fn() {
    using memory = mapNative(sample(70_000));
    const mem = memory.address;
    const purgatory = buildPurgatory({
      ...INPUT,
      entry: mem,
      verify: "xxh64",
      regions: [{ address: mem, length: 70_000n }],
    });
    const segment = (name: string, at: bigint, bytes: Uint8Array): PlannedSegment => ({
      name,
      mem: `0x${at.toString(16)}`,
      memsz: bytes.length,
      bufsz: bytes.length,
      sha256: sha256(bytes),
      source: { kind: "bytes", base64: bytes.toBase64() },
    });
    const [lowered] = lowerPlan({
      host: { machine: "x86_64", release: "6.12" },
      call: {
        syscall: "kexec_load",
        flags: [],
        flagBits: "0x0",
        entry: "0x1000",
        cmdline: "",
        segments: [segment("segment 1", mem, memory.bytes.slice(0, 70_000)), segment("purgatory", 0x1000n, purgatory)],
        checksum: "xxh64",
        files: [],
      },
    });
    assert(lowered?.name === "kexec_load");
    using libc = openLibc();
    const mapped = mapSegments(lowered, [], libc);
    assert(mapped.ok);
    const address = new BigUint64Array(mapped.table?.buffer ?? new ArrayBuffer(0))[4] ?? 0n;
    const pointer = Deno.UnsafePointer.create(address);
    assert(pointer !== null);
    using copy = mapNative(new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, purgatory.length).slice(0)));
    mapped[Symbol.dispose]();
    const verify = () => copy.call(PURGATORY_SYMBOLS.verifyRegions, copy.address + 0x10n);
    assertEquals(verify(), 0n);
    flip(memory.bytes, 69_999);
    assertEquals(verify(), 1n);
  },
});

Deno.test({
  name: "a flipped bit of any byte of a digest is found",
  ignore,
  fn() {
    for (const [verify, bytes] of [["sha256", 32], ["xxh64", 8]] as const) {
      using three = threeRegions({ verify, sha: false });
      for (let offset = 0; offset < 3 * bytes; offset++) {
        const region = Math.floor(offset / bytes);
        const at = 0x28 + region * 48 + 16 + offset % bytes;
        flip(three.purgatory.bytes, at);
        assertEquals(three.verify(), BigInt(region + 1), `${verify}: byte ${offset % bytes} of digest ${region + 1}`);
        flip(three.purgatory.bytes, at);
      }
    }
  },
});

Deno.test({
  name: "the first of several regions that differ is told, and what lies behind a region is not looked at",
  ignore,
  fn() {
    using three = threeRegions({ verify: "sha256", sha: false });
    flip(three.memory.bytes, 1);
    flip(three.memory.bytes, 2 * 8192 + 5000);
    assertEquals(three.verify(), 0n);
    flip(three.memory.bytes, 2 * 8192);
    flip(three.memory.bytes, 8192);
    assertEquals(three.verify(), 2n);
  },
});

Deno.test({
  name: "the sixteenth region is looked at",
  ignore,
  fn() {
    using memory = mapNative(sample(16));
    const regions = Array.from({ length: 16 }, (_, index) => ({
      address: memory.address + BigInt(index),
      length: 1n,
      sha256: sha256(memory.bytes.slice(index, index + 1)),
    }));
    using purgatory = mapNative(buildPurgatory({ ...INPUT, regions }));
    const verify = () => purgatory.call(PURGATORY_SYMBOLS.verifyRegions, purgatory.address + 0x10n);
    assertEquals(verify(), 0n);
    flip(memory.bytes, 15);
    assertEquals(verify(), 16n);
  },
});

/** A purgatory with all of its memory. */
function mapped(input: PurgatoryInput) {
  return mapNative(buildPurgatory(input), Number(PURGATORY_SIZE));
}

/** Runs a purgatory from behind its privileged instructions up to its jump; gives the registers there. */
async function registersAtEntry(
  verify: PurgatoryInput["verify"],
  digest: (data: Uint8Array) => string,
  backup?: PurgatoryInput["backup"],
) {
  const { code, symbols } = await assemble(Deno.readTextFileSync(PROBE));
  const at = await symbolsOf(purgatorySource());
  using probe = mapNative(code);
  using data = mapNative(sample(5000));
  using purgatory = mapped({
    ...INPUT,
    entry: probe.address + BigInt(symbols.get("landing") ?? 0),
    regions: [{ address: data.address, length: 5000n, sha256: digest(data.bytes) }],
    verify,
    ...(backup === undefined ? {} : { backup }),
  });
  const stack = purgatory.address + BigInt(at("stack_top"));
  probe.call(symbols.get("probe_state") ?? 0, purgatory.address + BigInt(at("prepared")), stack);
  const view = new DataView(probe.bytes.buffer, symbols.get("record"));
  const names = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rflags".split(" ");
  const registers = new Map(names.map((name, index) => [name, view.getBigUint64(8 * index, true)]));
  const { rsp = 0n, rsi, rflags = 0n, ...others } = Object.fromEntries(registers);
  return { stackMoved: rsp - stack, rsi, directionFlag: rflags & 0x400n, others: Object.values(others) };
}

const AT_ENTRY = { stackMoved: 0n, rsi: INPUT.bootParams, directionFlag: 0n, others: Array<bigint>(14).fill(0n) };

Deno.test({
  name: "the entry gets boot_params in rsi, a stack and otherwise zeros, once every region matches",
  ignore,
  fn: async () => assertEquals(await registersAtEntry("sha256", sha256), AT_ENTRY),
});

Deno.test({
  name: "without verification the entry is reached whatever the digests are",
  ignore,
  fn: async () => assertEquals(await registersAtEntry(false, () => "00".repeat(32)), AT_ENTRY),
});

Deno.test({
  name: "a backup is copied whole before the jump, verified or not, and the entry's registers are the same",
  ignore,
  async fn() {
    for (const verify of ["sha256", false] as const) {
      using memory = mapNative(sample(3 * 4096));
      const [before, behind] = [memory.bytes.slice(0, 8192), memory.bytes.slice(8192 + 4001)];
      const backup = { from: memory.address, to: memory.address + 8192n, size: 4001n };
      assertEquals(await registersAtEntry(verify, sha256, backup), AT_ENTRY);
      assertEquals(memory.bytes.slice(8192, 8192 + 4001), before.slice(0, 4001));
      assertEquals([memory.bytes.slice(0, 8192), memory.bytes.slice(8192 + 4001)], [before, behind]);
    }
  },
});

Deno.test({
  name: "the message names the segment and its address",
  ignore,
  async fn() {
    const at = await symbolsOf(purgatorySource());
    using code = mapNative(CODE);
    using memory = mapNative(new Uint8Array(at("MESSAGE_MAX")));
    const message = (number: bigint, address: bigint) => {
      const length = Number(code.call(at("format_message"), memory.address, number, address));
      return new TextDecoder().decode(memory.bytes.slice(0, length));
    };
    const text = (what: string) => `warmboot: segment ${what} does not match its checksum; halted\r\n`;
    assertEquals(message(1n, 0x100000n), text("1 at 0x100000"));
    assertEquals(message(9n, 0n), text("9 at 0x0"));
    assertEquals(message(10n, 0xfn), text("10 at 0xf"));
    assertEquals(message(16n, 0xfedc_ba98_7654_3210n), text("16 at 0xfedcba9876543210"));
    assert(text("16 at 0xfedcba9876543210").length <= at("MESSAGE_MAX"));
  },
});

Deno.test({
  name: "the screen's row is the text without its line end, blank up to the last column",
  ignore,
  async fn() {
    const at = await symbolsOf(purgatorySource());
    using code = mapNative(CODE);
    using screen = mapNative(new Uint8Array(4096).fill(0xee));
    using text = mapNative(new TextEncoder().encode("halted\r\n"));
    code.call(at("write_row"), text.address, 8n, screen.address);
    const cells = new Uint16Array(screen.bytes.buffer);
    assertEquals(String.fromCharCode(...cells.slice(0, 80).map((cell) => cell & 0xff)), "halted".padEnd(80));
    assertEquals([...new Set(cells.slice(0, 80).map((cell) => cell >> 8))], [0x4f]);
    assertEquals(cells[80], 0xeeee);
  },
});

/** Lets a purgatory's code run on a port that is plain memory; what it left there, by the register's number. */
async function onPort(
  serial: Pick<SerialPort, "width" | "shift" | "speed">,
  status: number,
  run: (at: (name: string) => number, call: (offset: number, ...values: readonly bigint[]) => void) => void,
): Promise<readonly number[]> {
  const at = await symbolsOf(purgatorySource());
  using registers = mapNative(new Uint8Array(64).fill(0xee));
  registers.bytes.set([status], 5 << serial.shift);
  using code = mapped({
    ...INPUT,
    regions: [],
    console: { serial: { ...serial, address: registers.address }, vga: false },
  });
  run(at, (offset, ...values) => code.call(offset, ...values));
  return Array.from({ length: 8 }, (_, register) => {
    const bytes = registers.bytes.slice(register << serial.shift, (register + 1) << serial.shift);
    return bytes.reduce((sum, byte, index) => sum + byte * 256 ** index, 0);
  });
}

for (
  const { width, shift, left, written } of [
    { width: 1, shift: 0, left: 0xee, written: (value: number) => value },
    { width: 1, shift: 2, left: 0xeeee_eeee, written: (value: number) => 0xeeee_ee00 + value },
    { width: 2, shift: 1, left: 0xeeee, written: (value: number) => value },
    { width: 4, shift: 2, left: 0xeeee_eeee, written: (value: number) => value },
  ] as const
) {
  Deno.test({
    name: `a serial port in memory is set and written by accesses of ${width} bytes, ${1 << shift} bytes apart`,
    ignore,
    async fn() {
      const status = 0x60 + (left - left % 256);
      const set = await onPort({ width, shift, speed: { divisor: 0x0c31, line: 0x1a } }, 0x60, (at, call) => {
        call(at("set_speed"));
      });
      // The divisor is open when its two bytes are written, and closed by the last write.
      assertEquals(
        set,
        [0x31, 0x0c, left, 0x1a, 0x03, status, left, left].map((value, register) =>
          [0, 1, 3, 4].includes(register) ? written(value) : value
        ),
      );
      using text = mapNative(new TextEncoder().encode("halted!"));
      const unset = await onPort({ width, shift }, 0x60, (at, call) => {
        call(at("set_speed"));
        call(at("write_serial"), text.address, 7n);
      });
      assertEquals(unset, [written(0x21), left, left, left, left, status, left, left]);
    },
  });
}

Deno.test({
  name: "a serial port that takes nothing is given up, and its speed is set even if the last characters do not leave",
  ignore,
  async fn() {
    using text = mapNative(new TextEncoder().encode("halted!"));
    const registers = await onPort({ width: 1, shift: 0, speed: { divisor: 1, line: 3 } }, 0, (at, call) => {
      call(at("set_speed"));
      call(at("write_serial"), text.address, 7n);
    });
    assertEquals(registers, [1, 0, 0xee, 3, 3, 0, 0xee, 0xee]);
  },
});

/** What a mapping by itself leaves in page tables; addresses in entries are those of this process. */
async function mapDevice(
  levels: 4 | 5,
  device: bigint,
  prepare: (table: DataView, tables: bigint) => void,
): Promise<{ readonly tables: BigUint64Array; readonly address: bigint; readonly untouched: boolean }> {
  const at = await symbolsOf(purgatorySource());
  using code = mapNative(CODE);
  // Page tables begin at whole pages: two of the running kernel, then three spare ones.
  using memory = mapNative(new Uint8Array(6 * 4096), 7 * 4096);
  const address = (memory.address + 4095n) & ~4095n;
  const offset = Number(address - memory.address);
  const view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset + offset);
  for (let spare = 2 * 4096; spare < 5 * 4096; spare += 8) view.setBigUint64(spare, 0xeeee_eeee_eeee_eeeen, true);
  prepare(view, address);
  // CR3 has flags in its low bits.
  code.call(at("map_device"), address | 0x18n, levels === 5 ? 48n : 39n, device, address + 0x2000n);
  const tables = new BigUint64Array(memory.bytes.slice(offset, offset + 5 * 4096).buffer);
  const untouched = tables.subarray(2 * 512).every((entry) => entry === 0xeeee_eeee_eeee_eeeen);
  return { tables, address, untouched };
}

/** The entry of an address in a table. */
function entryOf(tables: BigUint64Array, table: number, address: bigint, shift: bigint): bigint {
  return tables[table * 512 + Number((address >> shift) & 511n)] ?? 0n;
}

Deno.test({
  name: "a device is mapped to itself, uncached, by a table for each level that lacks one",
  ignore,
  async fn() {
    const device = 0x0012_3456_789a_b040n & 0x000f_ffff_ffff_ffffn;
    const leaf = (device & ~0x1f_ffffn) | 0xfbn;
    const five = await mapDevice(5, device, () => {});
    const at = (page: number) => five.address + BigInt(page) * 0x1000n | 0x63n;
    assertEquals(
      [48n, 39n, 30n, 21n].map((shift, level) => entryOf(five.tables, level === 0 ? 0 : level + 1, device, shift)),
      [at(2), at(3), at(4), leaf],
    );
    const others = [...five.tables].filter((entry) => entry !== 0n);
    assertEquals(others.length, 4, "all else in the tables is empty");
    const four = await mapDevice(4, device, () => {});
    assertEquals(
      [39n, 30n, 21n].map((shift, level) => entryOf(four.tables, level === 0 ? 0 : level + 1, device, shift)),
      [four.address + 0x2000n | 0x63n, four.address + 0x3000n | 0x63n, leaf],
    );
  },
});

Deno.test({
  name: "what the running kernel maps stays: a table is gone through, a large page and an entry are taken as they are",
  ignore,
  async fn() {
    const device = 0xfedc_9000n;
    // The second of its pages is the next level; as the processor leaves them, with the bit that forbids execution.
    const below = (table: DataView, tables: bigint) =>
      table.setBigUint64(0, (tables + 0x1000n) | 0x8000_0000_0000_0063n, true);
    const found = await mapDevice(4, device, below);
    assertEquals(entryOf(found.tables, 1, device, 30n), found.address + 0x2000n | 0x63n);
    assertEquals(entryOf(found.tables, 2, device, 21n), 0xfec0_00fbn);
    const large = await mapDevice(4, device, (table, tables) => {
      below(table, tables);
      table.setBigUint64(0x1000 + 3 * 8, 0xc000_00e3n, true);
    });
    assertEquals([large.untouched, entryOf(large.tables, 1, device, 30n)], [true, 0xc000_00e3n]);
  },
});
