import { assertEquals, assertStringIncludes } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { ImageInfo } from "../../src/image/image.ts";
import { ascii, joined } from "./build.ts";
import { elf, multibootHeader, note } from "./build_elf.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name: `ELF: ${name}`, permissions: "none", fn });
}

const identified = (bytes: Uint8Array): ImageInfo => identifyKernel(memorySource(bytes));
const whatOf = (info: ImageInfo): string => info.kind === "not-kernel" ? info.what : `a ${info.kind}`;

test("a 64-bit kernel is read with its loadable segments, addresses exact", () => {
  const bytes = elf({
    entry: 0xffff_ffff_ffff_ffffn,
    segments: [
      { paddr: 0x100_0000n, vaddr: 0xffff_ffff_8100_0000n, bytes: new Uint8Array(64), memsz: 100n, align: 0x20_0000n },
      { type: 4, bytes: note("Linux", 257, new Uint8Array(4)) },
    ],
  });
  assertEquals(identified(bytes), {
    kind: "elf",
    bits: 64,
    littleEndian: true,
    machine: 62,
    type: 2,
    entry: 0xffff_ffff_ffff_ffffn,
    loads: [{
      offset: 176n,
      paddr: 0x100_0000n,
      vaddr: 0xffff_ffff_8100_0000n,
      filesz: 64n,
      memsz: 100n,
      align: 0x20_0000n,
    }],
  });
});

test("32-bit and big-endian files are read alike", () => {
  for (const littleEndian of [true, false]) {
    for (const bits of [32, 64] as const) {
      const info = identified(elf({
        bits,
        littleEndian,
        machine: 20,
        entry: 0x1234n,
        segments: [{ paddr: 0x5000n, vaddr: 0xc000_5000n, bytes: new Uint8Array(8), memsz: 16n, align: 4n }],
      }));
      const offset = BigInt(bits === 64 ? 120 : 84);
      assertEquals(info, {
        kind: "elf",
        bits,
        littleEndian,
        machine: 20,
        type: 2,
        entry: 0x1234n,
        loads: [{ offset, paddr: 0x5000n, vaddr: 0xc000_5000n, filesz: 8n, memsz: 16n, align: 4n }],
      });
    }
  }
});

test("a Multiboot header of either version is noted, one with a wrong checksum is not", () => {
  const multiboot = (bytes: Uint8Array) => {
    const info = identified(elf({ segments: [{ bytes }] }));
    return info.kind === "multiboot" ? info.header.version : info.kind;
  };
  assertEquals(multiboot(joined(new Uint8Array(40), multibootHeader(1))), 1);
  assertEquals(multiboot(joined(new Uint8Array(40), multibootHeader(2))), 2);
  const broken = multibootHeader(1);
  broken[4] = 9;
  assertEquals(multiboot(broken), "elf");
  assertEquals(multiboot(joined(new Uint8Array(8192), multibootHeader(1))), "elf");
});

test("a userspace program is known by its interpreter, or by the C library's note", () => {
  const dynamic = elf({ segments: [{ bytes: new Uint8Array(8) }, { type: 3, bytes: ascii("/lib/ld.so\x1b\0junk") }] });
  assertEquals(whatOf(identified(dynamic)), "a userspace program (ELF, run by /lib/ld.so?)");
  const notes = joined(note("GNU", 3, new Uint8Array(20)), note("GNU", 1, new Uint8Array(16)));
  const fixed = elf({ segments: [{ bytes: new Uint8Array(8) }, { type: 4, bytes: notes }] });
  assertEquals(whatOf(identified(fixed)), "a userspace program (statically linked ELF)");
});

test("the C library's note may be the last of several, and only so many are looked at", () => {
  const [build, abi] = [note("GNU", 3, new Uint8Array(20)), note("GNU", 1, new Uint8Array(16))];
  const notes = (...all: readonly Uint8Array[]) =>
    identified(elf({ segments: [{ bytes: new Uint8Array(8) }, ...all.map((bytes) => ({ type: 4, bytes }))] })).kind;
  assertEquals([notes(build, abi), notes(...Array<Uint8Array>(7).fill(build), abi)], ["not-kernel", "not-kernel"]);
  assertEquals(notes(...Array<Uint8Array>(8).fill(build), abi), "elf");
});

test("the interpreter that does not exist is that of a kernel of FreeBSD", () => {
  const of = (path: string) =>
    whatOf(identified(elf({ segments: [{ bytes: new Uint8Array(8) }, { type: 3, bytes: ascii(`${path}\0`) }] })));
  assertEquals([of("/red/herring"), of("/red/herring2")], [
    "a FreeBSD kernel",
    "a userspace program (ELF, run by /red/herring2)",
  ]);
});

test("a build-id note does not make a kernel a userspace program", () => {
  const bytes = elf({
    segments: [{ bytes: new Uint8Array(8) }, { type: 4, bytes: note("GNU", 3, new Uint8Array(20)) }],
  });
  assertEquals(identified(bytes).kind, "elf");
});

test("modules, libraries and dumps are told from kernels", () => {
  assertStringIncludes(whatOf(identified(elf({ type: 1, segments: [] }))), "a kernel module");
  assertStringIncludes(whatOf(identified(elf({ type: 3, entry: 0n }))), "a shared library");
  assertStringIncludes(whatOf(identified(elf({ type: 4 }))), "core dump");
  assertStringIncludes(whatOf(identified(elf({ segments: [] }))), "without a loadable segment");
  assertEquals(identified(elf({ type: 3 })).kind, "elf");
});

test("a file cut anywhere is refused, and truncated from its header on", () => {
  for (const bits of [32, 64] as const) {
    const whole = elf({ bits });
    for (let length = 0; length < whole.length; length++) {
      const what = whatOf(identified(whole.subarray(0, length)));
      if (length >= 4) assertStringIncludes(what, "a truncated ELF file");
    }
  }
});

test("offsets near the end of 64 bits are out of the file, not wrapped around", () => {
  const bytes = elf();
  const view = new DataView(bytes.buffer);
  view.setBigUint64(64 + 8, 0xffff_ffff_ffff_ffc0n, true);
  assertStringIncludes(whatOf(identified(bytes)), "at least 18446744073709551616");
  view.setBigUint64(32, 0xffff_ffff_ffff_ff00n, true);
  assertStringIncludes(whatOf(identified(bytes)), "a truncated ELF file");
});

test("a file is cut if any of its segments ends outside of it, not the last one alone", () => {
  const bytes = elf({
    segments: [{ bytes: new Uint8Array(8), memsz: 1n << 20n }, { paddr: 0x5000n, bytes: new Uint8Array(8) }],
  });
  new DataView(bytes.buffer).setBigUint64(64 + 32, 4096n, true);
  assertStringIncludes(whatOf(identified(bytes)), "a truncated ELF file");
});

test("a segment larger in the file than in memory is damage", () => {
  assertStringIncludes(whatOf(identified(elf({ segments: [{ bytes: new Uint8Array(8), memsz: 7n }] }))), "damaged");
  const second = [{ bytes: new Uint8Array(8) }, { paddr: 0x5000n, bytes: new Uint8Array(8), memsz: 7n }];
  assertStringIncludes(whatOf(identified(elf({ segments: second }))), "damaged");
});
