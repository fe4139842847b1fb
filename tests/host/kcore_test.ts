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
});
