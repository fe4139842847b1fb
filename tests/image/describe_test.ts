import { assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import {
  describeImage,
  describeInitrd,
  imageRelease,
  imageVersion,
  initrdIs,
  machineOf,
} from "../../src/image/describe.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { ImageInfo } from "../../src/image/image.ts";
import { arm64Image, ascii, bzImage, joined, peFile, zboot } from "./build.ts";
import { elf, multibootHeader } from "./build_elf.ts";

const LINUX = { name: ".linux", bytes: bzImage() };

/** A file, its line, its machine, its release. */
const TABLE: readonly (readonly [Uint8Array, string, string | undefined, string | undefined])[] = [
  [
    bzImage({ pe: true, certificate: 8 }),
    "Linux 6.1.0-50-amd64, bzImage 2.15, xz payload, signed",
    "x86_64",
    "6.1.0-50-amd64",
  ],
  [
    bzImage({ xloadflags: 0, version: "", payload: joined("\x7fELF", new Uint8Array(60)) }),
    "bzImage 2.15, uncompressed payload, unsigned",
    "i386",
    undefined,
  ],
  [
    bzImage({ protocol: 0x207, version: "1.0.0+git", relocatable: 0 }),
    "1.0.0+git, bzImage 2.07, unsigned",
    undefined,
    undefined,
  ],
  [
    bzImage({ protocol: 0x207, version: "1.0.0 #3", relocatable: 0 }),
    "1.0.0 #3, bzImage 2.07, unsigned",
    undefined,
    undefined,
  ],
  [
    bzImage({ protocol: 0x200, version: "", loadflags: 0 }),
    "zImage 2.00, unsigned",
    undefined,
    undefined,
  ],
  [arm64Image(), "arm64 Image, 4 KiB pages, unsigned", "aarch64", undefined],
  [
    arm64Image({ flags: 7n, certificate: 8 }),
    "arm64 Image, big-endian, 64 KiB pages, signed",
    "aarch64_be",
    undefined,
  ],
  [
    zboot(new Uint8Array(9), "zstd"),
    "EFI zboot image for aarch64, zstd payload, unsigned",
    "aarch64",
    undefined,
  ],
  [
    peFile({ sections: [LINUX, { name: ".uname", bytes: ascii("6.12.1") }] }),
    "Linux 6.12.1, unified kernel image for x86_64, unsigned",
    "x86_64",
    "6.12.1",
  ],
  [peFile({ sections: [LINUX] }), "unified kernel image for x86_64, unsigned", "x86_64", undefined],
  [peFile({ certificate: 8 }), "EFI application for x86_64, signed", "x86_64", undefined],
  [peFile({ machine: 0x5064, subsystem: 3 }), "PE file for riscv64, unsigned", "riscv64", undefined],
  [
    elf({ bits: 32, machine: 3, entry: 0x10_0000n, segments: [{ bytes: multibootHeader(1) }] }),
    "Multiboot 1 image, 32-bit ELF, entry 0x100000",
    "i386",
    undefined,
  ],
  [elf({ littleEndian: false, machine: 21 }), "64-bit ELF for ppc64, entry 0x1000000", "ppc64", undefined],
  [elf({ machine: 9999 }), "64-bit ELF, entry 0x1000000", undefined, undefined],
  [ascii("\x1f\x8b\x08"), "gzip-compressed file", undefined, undefined],
  [new Uint8Array(), "an empty file", undefined, undefined],
];

Deno.test({
  name: "every kind of image has its line, its machine and its release",
  permissions: "none",
  fn() {
    const info = (bytes: Uint8Array): ImageInfo => identifyKernel(memorySource(bytes));
    assertEquals(
      TABLE.map(([bytes]) => [describeImage(info(bytes)), machineOf(info(bytes)), imageRelease(info(bytes))]),
      TABLE.map(([, ...expected]) => expected),
    );
  },
});

Deno.test({
  name: "the build of a bzImage is what uname -v will say, whatever its builder is called",
  permissions: "none",
  fn() {
    const build = (version: string) => imageVersion(identifyKernel(memorySource(bzImage({ version }))));
    assertEquals(build("6.1 (root@h) #1 SMP Debian 6.1.176-1 (2026-07-01)"), "#1 SMP Debian 6.1.176-1 (2026-07-01)");
    assertEquals(build("6.1 (a (b) #2) #3 SMP"), "#3 SMP");
    assertEquals(build("iPXE 1.21"), undefined);
    assertEquals(imageVersion(identifyKernel(memorySource(arm64Image()))), undefined);
  },
});

Deno.test({
  name: "every kind of initrd has its line",
  permissions: "none",
  fn() {
    assertEquals(describeInitrd({ kind: "cpio", format: "newc" }), "cpio archive (newc)");
    assertEquals(describeInitrd({ kind: "compressed", compression: "zstd" }), "zstd-compressed");
    assertEquals(describeInitrd({ kind: "unknown", what: "a text file" }), "a text file");
    assertEquals(initrdIs({ kind: "cpio", format: "newc" }), "a cpio archive (newc)");
    assertEquals(initrdIs({ kind: "unknown", what: "a text file" }), "a text file");
  },
});
