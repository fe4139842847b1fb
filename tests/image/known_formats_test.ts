import { smallTree, uImage } from "./build_uboot.ts";
import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { NotKernel } from "../../src/image/image.ts";
import { ascii } from "./build.ts";
import { cpio } from "./build_elf.ts";
import { header1 } from "./build_multiboot.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name: `not a kernel: ${name}`, permissions: "none", fn });
}

function refused(bytes: Uint8Array): NotKernel {
  const info = identifyKernel(memorySource(bytes));
  if (info.kind !== "not-kernel") throw new Error(`identified as ${info.kind}`);
  return info;
}

/** A file of 0xee with a magic number somewhere. */
function marked(offset: number, magic: string, size = 0x11000): Uint8Array {
  const bytes = new Uint8Array(size).fill(0xee);
  bytes.set(ascii(magic), offset);
  return bytes;
}

test("archives, file systems and foreign images are named", () => {
  const table: readonly (readonly [string, Uint8Array])[] = [
    ["a Debian package", marked(0, "!<arch>\ndebian-binary   ")],
    ["an ar archive", marked(0, "!<arch>\nlibx.o/ ")],
    ["an RPM package", marked(0, "\xed\xab\xee\xdb")],
    ["a tar archive", marked(257, "ustar")],
    ["a ZIP archive", marked(0, "PK\x03\x04")],
    ["an ISO 9660 image", marked(0x8001, "CD001")],
    ["a squashfs file system", marked(0, "hsqs")],
    ["an ext2, ext3 or ext4 file system", marked(0x438, "\x53\xef")],
    ["a Btrfs file system", marked(0x10040, "_BHRfS_M")],
    ["a device tree blob", smallTree()],
    ["a uImage with an initrd", uImage({ type: 3 })],
    ["a uImage of the type firmware", uImage({ type: 5 })],
    ["a uImage for the operating system number 99", uImage({ system: 99 })],
    ["a uImage for the operating system u-boot", uImage({ system: 17 })],
    ["a 32-bit ARM zImage", marked(0x24, "\x18\x28\x6f\x01")],
    ["a disk image or boot sector (MBR)", marked(510, "\x55\xaa")],
    ["a disk image or boot sector (MBR)", marked(510, "\x55\xaa", 512)],
    ["a cpio archive in the old binary format", marked(0, "\xc7\x71")],
  ];
  for (const [what, bytes] of table) assertEquals(refused(bytes).what, what);
});

test("an ISO image that also boots from a disk is an ISO image", () => {
  const bytes = marked(0x8001, "CD001");
  bytes.set([0x55, 0xaa], 510);
  assertEquals(refused(bytes).what, "an ISO 9660 image");
});

test("what proves little gives way: to an archive's mark, and to a Multiboot header", () => {
  const tar = marked(257, "ustar");
  tar.set(ascii("\xc7\x71"));
  assertEquals(refused(tar).what, "a tar archive");
  const header = header1(0, [0x10_0010, 0x10_0000, 0, 0], 0x10_0020);
  const kindWith = (magic: string) => {
    const bytes = marked(0, magic, 4096);
    bytes.set(header, 16);
    return identifyKernel(memorySource(bytes)).kind;
  };
  assertEquals([kindWith("\x07\x01\x64\0"), kindWith("\xc7\x71"), kindWith("070701"), kindWith("hsqs")], [
    "multiboot",
    "multiboot",
    "not-kernel",
    "not-kernel",
  ]);
});

test("an initrd is suspected to be swapped with the kernel", () => {
  const info = refused(cpio([{ name: "init", bytes: ascii("#!/bin/sh\n") }]));
  assertEquals(info.what, "a cpio archive (newc)");
  assertStringIncludes(info.hint ?? "", "swapped");
});

test("texts are told apart", () => {
  assertEquals(refused(ascii("#!/usr/bin/env bash\nset -e\n")).what, "a script for /usr/bin/env");
  assertEquals(refused(ascii("#! /bin/sh\n")).what, "a script for /bin/sh");
  assertEquals(refused(ascii("\n<!DOCTYPE html>\n<title>404</title>")).what, "an HTML page");
  assertEquals(refused(ascii("version https://git-lfs.example/spec/v1\noid sha256:00\n")).what, "a Git LFS pointer");
  assertEquals(refused(new TextEncoder().encode("gruß\n".repeat(200))).what, "a text file");
  // What comes after the first bytes is not looked at.
  assertEquals(refused(ascii(`${"text\n".repeat(103)}\0`)).what, "a text file");
  assertEquals(refused(ascii(`${"text\n".repeat(101)}\0`)).what.slice(0, 8), "a file o");
  // The last character that is looked at may be cut.
  for (const start of [508, 509, 510, 511]) {
    assertEquals(refused(new TextEncoder().encode(`${"x".repeat(start)}\u20ac${"y".repeat(600)}`)).what, "a text file");
  }
});

test("a text's words are not repeated, since they may be secret", () => {
  const info = refused(ascii("root:$y$secret:19000:0:99999:7:::\n"));
  assertFalse(JSON.stringify(info).includes("secret"));
});

test("an interpreter's name cannot carry an escape sequence into a message", () => {
  assertFalse(refused(ascii("#!/bin/\x1b[31msh\n")).what.includes("\x1b"));
});

test("empty and zero files are told apart", () => {
  assertEquals(refused(new Uint8Array()).what, "an empty file");
  assertEquals(refused(new Uint8Array(5000)).what, "a file of zero bytes only");
  assertStringIncludes(refused(new Uint8Array(200_000)).what, "bytes are zero");
});

test("what is short, or of no known format, is shown by its first bytes", () => {
  assertEquals(refused(ascii("\xde\xad\x01")).what, "a file of 3 bytes, too short for a kernel (de ad 01)");
  assertEquals(refused(marked(0, "")).what, "of no known format: it begins with the bytes ee ee ee ee ee ee ee ee");
});

test("everything refused comes with a hint", () => {
  const files = [new Uint8Array(), new Uint8Array(9), ascii("text"), marked(0, ""), marked(0, "hsqs"), ascii("\xfe")];
  for (const bytes of files) assert((refused(bytes).hint ?? "") !== "");
});

test("a file that shrinks while it is read is refused", () => {
  const info = identifyKernel({ size: 5000, read: () => new Uint8Array(100) });
  assertStringIncludes(info.kind === "not-kernel" ? info.what : "", "changes its size");
});
