import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { programHeadersEnd } from "../../src/host/kcore.ts";
import { kcore } from "../support/kcore.ts";
import { hostCapture } from "./fixture.ts";

const BIOS = hostCapture("bios-vm");

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function decoded(file: string | { readonly base64: string } | { readonly error: string }) {
  return decodeFacts({ ...BIOS, files: { ...BIOS.files, "/proc/kcore": file } });
}

const base64 = (bytes: Uint8Array) => ({ base64: bytes.toBase64() });

pure("the mappings of /proc/kcore are those whose physical address is told", () => {
  const bytes = kcore(
    [0xffff_ffff_9400_0000n, 0x1a00_0000n, 0x300_0000n],
    [0xffff_b2c0_0000_0000n, 0xffff_ffff_ffff_ffffn, 1n << 45n],
    [0xffff_9a31_0010_0000n, 0x10_0000n, 0x7000_0000n],
  );
  assertEquals(decoded(base64(bytes)).value?.kernelMap, [
    { vaddr: 0xffff_ffff_9400_0000n, paddr: 0x1a00_0000n, size: 0x300_0000n },
    { vaddr: 0xffff_9a31_0010_0000n, paddr: 0x10_0000n, size: 0x7000_0000n },
  ]);
  assertEquals(programHeadersEnd(bytes.subarray(0, 64)), bytes.length);
});

pure("a /proc/kcore that is withheld or blank is no fact and no complaint; one that breaks off is a complaint", () => {
  const complaints = (file: Parameters<typeof decoded>[0]) =>
    decoded(file).diagnostics.map(({ code, position }) => `${code} ${position?.file ?? ""}`);
  const before = decodeFacts(BIOS).diagnostics.map(({ code, position }) => `${code} ${position?.file ?? ""}`);
  for (const file of [{ error: "EPERM" }, { error: "EACCES" }, "", base64(new Uint8Array())]) {
    assertEquals([decoded(file).value?.kernelMap, complaints(file)], [undefined, before]);
  }
  for (const bytes of [kcore([1n, 2n, 3n]).subarray(0, 100), new TextEncoder().encode("no ELF")]) {
    assertEquals(decoded(base64(bytes)).value?.kernelMap, undefined);
    assertEquals(complaints(base64(bytes)), [...before, "facts-malformed /proc/kcore"]);
  }
});

pure("only the header of a 64-bit little-endian ELF file says where its program headers are", () => {
  const header = kcore([1n, 2n, 3n]).subarray(0, 64);
  const end = (change: (view: DataView) => void) => {
    const bytes = header.slice();
    change(new DataView(bytes.buffer));
    return programHeadersEnd(bytes);
  };
  assertEquals(end(() => {}), 64 + 2 * 56);
  assertEquals(end((view) => view.setBigUint64(32, 0x1000n, true)), 0x1000 + 2 * 56);
  assertEquals(end((view) => view.setUint16(56, 0xffff, true)), 64 + 0xffff * 56);
  const others: readonly ((view: DataView) => void)[] = [
    (view) => view.setUint8(0, 0x7e),
    (view) => view.setUint8(3, 0x47),
    // ELFCLASS32, ELFDATA2MSB, headers of another size, and none within what can be read.
    (view) => view.setUint8(4, 1),
    (view) => view.setUint8(5, 2),
    (view) => view.setUint16(54, 64, true),
    (view) => view.setBigUint64(32, 1n << 32n, true),
  ];
  for (const [index, change] of others.entries()) assertEquals(end(change), 0, `${index}`);
  assertEquals(programHeadersEnd(header.subarray(0, 63)), 0);
});

pure("a mapping of /proc/kcore is as large as it is in memory, whatever of it is in the file", () => {
  const bytes = kcore([0x1000n, 0x2000n, 0x3000n]);
  new DataView(bytes.buffer).setBigUint64(64 + 56 + 32, 0n, true);
  assertEquals(decoded(base64(bytes)).value?.kernelMap, [{ vaddr: 0x1000n, paddr: 0x2000n, size: 0x3000n }]);
});

pure("no /proc/kcore makes the decoder throw", () => {
  const start = kcore([1n, 2n, 3n]);
  fc.assert(fc.property(fc.nat(start.length - 1), fc.nat(255), fc.nat(start.length), (at, byte, length) => {
    const bytes = start.slice(0, length).map((old, index) => index === at ? byte : old);
    assert(decoded(base64(bytes)).value !== undefined);
  }));
});

pure("what crashkernel=SIZE,cma lends is ranges, or nothing", () => {
  const facts = (text: string) =>
    decodeFacts({ ...BIOS, files: { ...BIOS.files, "/sys/kernel/kexec_crash_cma_ranges": text } }).value;
  assertEquals(facts("40000000-4fffffff\n100000000-10fffffff\n")?.kexec.crashCmaRanges, [
    { start: 0x4000_0000n, end: 0x5000_0000n },
    { start: 0x1_0000_0000n, end: 0x1_1000_0000n },
  ]);
  assertEquals(facts("")?.kexec.crashCmaRanges, []);
  assertEquals(facts("4fffffff-40000000\n")?.kexec.crashCmaRanges, undefined);
  assertEquals(facts("40000000\n")?.kexec.crashCmaRanges, undefined);
  // One byte is the least, and a range that is none leaves all of them unknown.
  assertEquals(facts("40000000-40000000\n")?.kexec.crashCmaRanges, [{ start: 0x4000_0000n, end: 0x4000_0001n }]);
  assertEquals(facts("40000000-3fffffff\n")?.kexec.crashCmaRanges, undefined);
  assertEquals(facts("40000000-4fffffff\nmore\n")?.kexec.crashCmaRanges, undefined);
});
