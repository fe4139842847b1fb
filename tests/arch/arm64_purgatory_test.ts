import { assert, assertEquals, assertMatch, assertNotMatch, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { buildPurgatory, PURGATORY, PURGATORY_SIZE } from "../../src/arch/arm64/purgatory.ts";
import type { PurgatoryInput } from "../../src/arch/arm64/purgatory.ts";
import { PURGATORY_CODE, PURGATORY_SYMBOLS as AT } from "../../src/arch/arm64/purgatory_code.ts";
import type { PurgatoryRegion } from "../../src/arch/purgatory.ts";
import { xxh64 } from "../support/xxh64.ts";
import { ARM64, assemble, canAssemble, disassemble, purgatoryModule, purgatorySource } from "./assemble.ts";

const MODULE = new URL("../../src/arch/arm64/purgatory_code.ts", import.meta.url);
const PROBE = new URL("./arm64_probe.S", import.meta.url);
const CODE = Uint8Array.fromBase64(PURGATORY_CODE);
const assembles = await canAssemble(ARM64);

const INPUT: PurgatoryInput = {
  entry: 0x1_2345_6789_a000n,
  handover: 0x4800_0000n,
  uart: 0x900_0000n,
  regions: [{ address: 0x4000_0000n, length: 0x2345n, sha256: "0123456789abcdef".repeat(4) }],
  verify: "sha256",
};

Deno.test({
  name: "arm64 purgatory: the committed one is what its source assembles to",
  ignore: !assembles,
  fn: async () => assertEquals(Deno.readTextFileSync(MODULE), await purgatoryModule(ARM64)),
});

Deno.test({
  name: "arm64 purgatory: only the function for them uses vectors",
  ignore: !assembles,
  async fn() {
    const { code, symbols } = await assemble(purgatorySource(ARM64), ARM64);
    const at = (name: string) => symbols.get(name) ?? 0;
    const before = await disassemble(code, at("prepare"), at("sha256_blocks_vector"), ARM64);
    const vector = await disassemble(code, at("sha256_blocks_vector"), at("round_constants"), ARM64);
    const plain = await disassemble(code, at("sha256_blocks_plain"), at("digits"), ARM64);
    const registers = /\b[vq]\d+\b|\.(?:4s|16b)\b/;
    assertNotMatch(before, registers);
    assertNotMatch(plain, registers);
    assertMatch(vector, /sha256h2/);
    assertNotMatch(`${before}${plain}${vector}`, /undefined/);
  },
});

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `arm64 purgatory: ${name}`, permissions: "none", fn });
}

pure("the parameters stand where the code reads them", () => {
  const bytes = buildPurgatory(INPUT);
  const view = new DataView(bytes.buffer);
  assertEquals(view.getBigUint64(0x10, true), INPUT.entry);
  assertEquals(view.getBigUint64(0x18, true), 0x4800_0000n);
  assertEquals(view.getBigUint64(0x20, true), 0x900_0000n);
  assertEquals([view.getUint32(0x28, true), view.getUint32(0x2c, true)], [1, 1]);
  assertEquals([view.getBigUint64(0x30, true), view.getBigUint64(0x38, true)], [0x4000_0000n, 0x2345n]);
  assertEquals(bytes.slice(0x40, 0x60).toHex(), "0123456789abcdef".repeat(4));
  const { uart: _, ...silent } = INPUT;
  const quiet = new DataView(buildPurgatory({ ...silent, verify: false }).buffer);
  assertEquals([quiet.getBigUint64(0x20, true), quiet.getUint32(0x2c, true)], [0n, 0]);
  assertEquals(PURGATORY.target(bytes), INPUT.entry);
  assertEquals(PURGATORY.target(bytes.subarray(1)), undefined);
});

pure("it is whole pages that hold its code and, in a page of its own, its stack", () => {
  assertEquals(PURGATORY_SIZE % 4096n, 0n);
  assert(AT.stackTop <= Number(PURGATORY_SIZE));
  assert(CODE.length <= (AT.stackTop & ~0xfff));
  // b prepare
  assertEquals(new DataView(CODE.buffer).getUint32(0, true), 0x1400_0000 | AT.prepare / 4);
});

pure("what does not fit is refused, not cut", () => {
  const region: PurgatoryRegion = { address: 0n, length: 0n, sha256: "00".repeat(32) };
  const regions = (count: number) => Array<PurgatoryRegion>(count).fill(region);
  assertEquals(new DataView(buildPurgatory({ ...INPUT, regions: regions(24) }).buffer).getUint32(0x28, true), 24);
  assertThrows(() => buildPurgatory({ ...INPUT, regions: regions(25) }), RangeError, "25 regions");
  assertThrows(() => buildPurgatory({ ...INPUT, entry: 1n << 64n }), RangeError, "64 bits");
  assertThrows(() => buildPurgatory({ ...INPUT, regions: [{ ...region, address: 2n }] }), RangeError, "0x2");
  const four = [{ address: 4n, length: 0n }];
  assertThrows(() => buildPurgatory({ ...INPUT, verify: "xxh64", regions: four }), RangeError, "0x4");
  assertThrows(() => buildPurgatory({ ...INPUT, verify: false, regions: [{ ...region, address: 2n }] }), RangeError);
  assertThrows(() => buildPurgatory({ ...INPUT, regions: [{ ...region, sha256: "00" }] }), RangeError, "not a SHA-256");
});

/** Where things lie in the memory of the machine below. */
const [DATA, PURGATORY_AT, PROBE_AT] = [0x4100_0000n, 0x4200_0000n, 0x4300_0000n];

/** Bytes that repeat late and are the same each time. */
const SAMPLE = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 131 + (index >> 8) * 7) & 0xff);

/** Around the length of a block, and of whole ones; each from another multiple of 4 on. */
const REGIONS = [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000, 4096, 69_000].map((length, index) => ({
  address: DATA + BigInt(index * 4),
  length: BigInt(length),
  sha256: createHash("sha256").update(SAMPLE.subarray(index * 4, index * 4 + length)).digest("hex"),
}));

/** The same for sums, which begin at multiples of 8; their sums are filled in where the purgatory has them. */
const SUMMED = [0, 1, 3, 4, 7, 8, 9, 12, 15, 31, 32, 33, 40, 44, 47, 63, 64, 65, 1000, 69_003].map((length, index) => ({
  address: DATA + BigInt(index * 8),
  length: BigInt(length),
}));

interface Machine {
  readonly cpu: string;
  readonly options?: string;
  /** By plain instructions. */
  readonly plain?: boolean;
  readonly regions?: readonly PurgatoryRegion[];
  /** The region whose sum is given wrong, by its address. */
  readonly wrong?: bigint;
}

/** Lets a machine run a purgatory that lies in its memory beside what it verifies; gives what is said on its PL011. */
async function run({ cpu, options = "", plain = false, regions = REGIONS, wrong }: Machine): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "warmboot-arm64-" });
  try {
    const verify = regions.some(({ sha256 }) => sha256 !== undefined) ? "sha256" : "xxh64";
    const purgatory = buildPurgatory({
      entry: PROBE_AT,
      handover: 0x4bad_b002n,
      uart: 0x900_0000n,
      regions,
      verify,
    });
    for (const { offset, address, length } of PURGATORY.sumSlots(purgatory) ?? []) {
      const start = Number(address - DATA);
      const sum = xxh64(SAMPLE.subarray(start, start + Number(length))) ^ (address === wrong ? 1n << 63n : 0n);
      new DataView(purgatory.buffer).setBigUint64(offset, sum, true);
    }
    if (plain) new DataView(purgatory.buffer).setUint32(AT.flags, AT.flagVerify | AT.flagPlain, true);
    const probe = (await assemble(Deno.readTextFileSync(PROBE), ARM64)).code;
    const loaders = [[DATA, SAMPLE], [PURGATORY_AT, purgatory], [PROBE_AT, probe]] as const;
    const devices = loaders.flatMap(([address, bytes], index) => {
      Deno.writeFileSync(`${folder}/${index}`, bytes);
      return ["-device", `loader,file=${folder}/${index},addr=0x${address.toString(16)},force-raw=on`];
    });
    const child = new Deno.Command("qemu-system-aarch64", {
      args: [
        ...["-machine", `virt${options}`, "-cpu", cpu, "-m", "128", "-display", "none", "-monitor", "none"],
        ...["-serial", "stdio", "-semihosting", "-net", "none", ...devices],
        ...["-device", `loader,addr=0x${PURGATORY_AT.toString(16)},cpu-num=0`],
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    let text = "";
    for await (const piece of child.stdout) {
      text += new TextDecoder().decode(piece);
      // A machine that halts goes on for ever.
      if (text.includes("\n")) break;
    }
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended by itself, as the probe lets it.
    }
    await child.status;
    return text.trimEnd();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const runs = assembles && await has("qemu-system-aarch64");

for (
  const [what, machine] of [
    ["at EL1, by the CPU's own instructions", { cpu: "cortex-a57" }],
    ["at EL1, by plain instructions", { cpu: "cortex-a57", plain: true }],
    ["at EL1, by XXH64", { cpu: "cortex-a57", regions: SUMMED }],
    ["at EL2, by XXH64", { cpu: "max", options: ",virtualization=on", regions: SUMMED }],
    ["at EL2", { cpu: "cortex-a57", options: ",virtualization=on" }],
    ["at EL2, on a CPU whose kernels stay there", { cpu: "max", options: ",virtualization=on" }],
  ] as const
) {
  Deno.test({
    name: `arm64 purgatory: verifies and jumps, the device tree in x0, ${what}`,
    ignore: !runs,
    fn: async () => assertEquals(await run(machine), "Y"),
  });
}

for (const plain of [false, true]) {
  Deno.test({
    name: `arm64 purgatory: says which region differs, and halts${plain ? ", by plain instructions" : ""}`,
    ignore: !runs,
    async fn() {
      const regions = REGIONS.map((region, index) => index === 13 ? { ...region, length: region.length + 1n } : region);
      const address = (DATA + 52n).toString(16);
      assertEquals(
        await run({ cpu: "cortex-a57", plain, regions }),
        `warmboot: segment 14 at 0x${address} does not match its checksum; halted`,
      );
    },
  });
}

Deno.test({
  name: "arm64 purgatory: says whose sum differs, and halts",
  ignore: !runs,
  async fn() {
    assertEquals(
      await run({ cpu: "cortex-a57", regions: SUMMED, wrong: DATA + 19n * 8n }),
      `warmboot: segment 20 at 0x${(DATA + 19n * 8n).toString(16)} does not match its checksum; halted`,
    );
  },
});

async function has(tool: string): Promise<boolean> {
  try {
    return (await new Deno.Command(tool, { args: ["--version"], stdout: "null" }).output()).success;
  } catch {
    return false;
  }
}
