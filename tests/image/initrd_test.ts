import { assertEquals, assertStringIncludes } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { identifyInitrd, initrdObjection } from "../../src/image/initrd.ts";
import type { InitrdInfo } from "../../src/image/image.ts";
import { ascii, bzImage, joined } from "./build.ts";
import { cpio } from "./build_elf.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name: `initrd: ${name}`, permissions: "none", fn });
}

const identified = (...parts: readonly (Uint8Array | string)[]): InitrdInfo =>
  identifyInitrd(memorySource(joined(...parts)));
const whatOf = (info: InitrdInfo): string => info.kind === "unknown" ? info.what : `a ${info.kind}`;

const FILES = [{ name: "init", bytes: ascii("#!/bin/sh\n") }];
const MICROCODE = [{ name: "kernel/x86/microcode/GenuineIntel.bin", bytes: new Uint8Array(64) }];
const ZSTD = joined("\x28\xb5\x2f\xfd", new Uint8Array(100));

test("the cpio formats are told apart", () => {
  assertEquals(identified(cpio(FILES)), { kind: "cpio", format: "newc" });
  assertEquals(identified(cpio(FILES, "070702")), { kind: "cpio", format: "crc" });
  assertEquals(identified("070707", new Uint8Array(100)), { kind: "cpio", format: "odc" });
});

test("early microcode before a compressed archive is a plain archive", () => {
  assertEquals(identified(cpio(MICROCODE), new Uint8Array(512), ZSTD), { kind: "cpio", format: "newc" });
});

test("NUL bytes before an archive are padding, across reads too", () => {
  assertEquals(identified(new Uint8Array(8), cpio(FILES)), { kind: "cpio", format: "newc" });
  assertEquals(identified(new Uint8Array(12288), cpio(FILES)), { kind: "cpio", format: "newc" });
  assertEquals(identified(new Uint8Array(3), ZSTD), { kind: "compressed", compression: "zstd" });
});

test("an archive at an odd place is one that the kernel does not find", () => {
  assertStringIncludes(whatOf(identified(new Uint8Array(5), cpio(FILES))), "after 5 NUL bytes");
});

test("compressed archives are known by what the kernel knows", () => {
  const table = [["gzip", "\x1f\x8b\x08"], ["xz", "\xfd7zXZ\0"], ["lz4", "\x02!L\x18"], ["bzip2", "BZh9"]] as const;
  for (const [compression, magic] of table) {
    assertEquals(identified(magic, new Uint8Array(64)), { kind: "compressed", compression });
  }
});

test("an LZ4 frame, which the kernel does not unpack, is unknown and says what to do", () => {
  const info = identified("\x04\x22\x4d\x18", new Uint8Array(64));
  assertStringIncludes(whatOf(info), "lz4");
  assertStringIncludes(info.kind === "unknown" ? info.hint ?? "" : "", "lz4 -l");
});

test("a Zstandard stream behind a skippable frame is not unpacked by the kernel", () => {
  const info = identified("\x50\x2a\x4d\x18\x00\x00\x00\x00", ZSTD);
  assertStringIncludes(whatOf(info), "zstd");
});

test("a kernel is suspected to be swapped with the initrd", () => {
  const info = identified(bzImage());
  assertStringIncludes(whatOf(info), "a kernel or program: Linux 6.1.0-50-amd64");
  assertStringIncludes(info.kind === "unknown" ? info.hint ?? "" : "", "swapped");
});

test("what is no initrd says what it seems to be", () => {
  assertEquals(whatOf(identified("#!/bin/sh\n")), "a script for /bin/sh");
  assertEquals(whatOf(identified()), "an empty file");
  assertEquals(whatOf(identified(new Uint8Array(100))), "a file of zero bytes only");
  assertEquals(whatOf(identified("\xc7\x71", new Uint8Array(100))), "a cpio archive in the old binary format");
  assertStringIncludes(whatOf(identified(cpio(FILES).subarray(0, 60))), "a truncated cpio archive");
});

test("the kernel objects to odc and to the unknown, and to nothing else", () => {
  assertEquals(initrdObjection({ kind: "cpio", format: "newc" }), undefined);
  assertEquals(initrdObjection({ kind: "cpio", format: "crc" }), undefined);
  assertEquals(initrdObjection({ kind: "compressed", compression: "zstd" }), undefined);
  assertStringIncludes(initrdObjection({ kind: "cpio", format: "odc" })?.hint ?? "", "-H newc");
  assertStringIncludes(initrdObjection({ kind: "unknown", what: "a text file" })?.message ?? "", "is a text file");
});
