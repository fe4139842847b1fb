import { arm64Image, ascii, bzImage, joined, peFile, zboot } from "../image/build.ts";
import { cpio, elf, multibootHeader, note } from "../image/build_elf.ts";
import { header1, header2 } from "../image/build_multiboot.ts";
import type { FieldPlace, SeedFile } from "./mutate_bytes.ts";

const places = (size: FieldPlace["size"], ...at: readonly number[]): readonly FieldPlace[] =>
  at.map((each) => ({ at: each, size }));

const SETUP_HEADER: readonly FieldPlace[] = [
  ...places(1, 0x1f1, 0x201, 0x211, 0x234),
  ...places(2, 0x1fe, 0x206, 0x20e, 0x236),
  ...places(4, 0x3c, 0x1f4, 0x202, 0x214, 0x22c, 0x230, 0x238, 0x248, 0x24c, 0x260),
  ...places(8, 0x258),
];

/** The header and three program headers of 64 bits. */
const ELF64: readonly FieldPlace[] = [
  ...places(1, 4, 5),
  ...places(2, 16, 18, 54, 56),
  ...places(8, 24, 32),
  ...[64, 120, 176].flatMap((at) => [...places(4, at), ...places(8, at + 8, at + 16, at + 24, at + 32, at + 40)]),
];

const ELF32: readonly FieldPlace[] = [
  ...places(1, 4, 5),
  ...places(2, 16, 18, 42, 44),
  ...places(4, 24, 28, 52, 56, 60, 64, 68, 72),
];

/** The PE header of `peFile`, at 0x80, with its sections behind the optional header of 160 bytes. */
const PE: readonly FieldPlace[] = [
  ...places(2, 0x84, 0x86, 0x94, 0x98, 0xdc),
  ...places(4, 0x3c, 0x80, 0x104, 0x128, 0x12c),
  ...[0x138, 0x160].flatMap((at) => places(4, at + 8, at + 16, at + 20)),
];

const ZIMG: readonly FieldPlace[] = [...places(4, 4, 8, 12), ...places(1, 24, 25)];
const ARM64: readonly FieldPlace[] = [...places(8, 8, 16, 24), ...places(4, 56)];
const CPIO: readonly FieldPlace[] = places(1, 0, 4, 5, 6, 54, 94);

const KERNEL_MAP = 0xffff_ffff_8000_0000n;
const code = new Uint8Array(0x600).fill(0xcc);

/** A vmlinux as x86_64 links it: code, data with memory behind its bytes, a note. */
const vmlinux = elf({
  segments: [
    { paddr: 0x100_0000n, vaddr: KERNEL_MAP + 0x100_0000n, bytes: code },
    { paddr: 0x200_0000n, vaddr: KERNEL_MAP + 0x200_0000n, bytes: code, memsz: 0x30_0000n },
    { type: 4, paddr: 0x100_0100n, bytes: note("Linux", 0x100, ascii("salt")) },
  ],
});

const linux = { name: ".linux", bytes: bzImage() };

/** The header of Memtest86+ says so. */
const MEMTEST = {
  relocatable: 0,
  alignment: 0x1000,
  prefAddress: 0x10_0000n,
  initSize: 0xb_4ff0,
  initrdAddrMax: 0xffff_ffff,
  cmdlineSize: 255,
  version: "Memtest86+ v8.10",
};

/** What cases start from as kernels; more of what boots than of what does not. */
export const KERNELS: readonly SeedFile[] = [
  { name: "bzImage", bytes: bzImage(), fields: SETUP_HEADER },
  { name: "bzImage with PE", bytes: bzImage({ pe: true, certificate: 1472 }), fields: SETUP_HEADER },
  { name: "bzImage of 2.12", bytes: bzImage({ protocol: 0x20c, xloadflags: 3 }), fields: SETUP_HEADER },
  { name: "bzImage, not relocatable", bytes: bzImage({ relocatable: 0, alignment: 0 }), fields: SETUP_HEADER },
  { name: "bzImage below 4 GiB", bytes: bzImage({ protocol: 0x20c, xloadflags: 9, ...MEMTEST }), fields: SETUP_HEADER },
  { name: "Memtest86+ for ia32", bytes: bzImage({ protocol: 0x20c, xloadflags: 4, ...MEMTEST }), fields: SETUP_HEADER },
  { name: "Linux for i386", bytes: bzImage({ xloadflags: 0, initrdAddrMax: 0x37ff_ffff }), fields: SETUP_HEADER },
  {
    name: "Linux of protocol 2.06",
    bytes: bzImage({ protocol: 0x206, relocatable: 0, alignment: 0 }),
    fields: SETUP_HEADER,
  },
  {
    name: "iPXE",
    bytes: bzImage({ protocol: 0x207, version: "1.0.0+git", short: 7, code32Start: 0 }),
    fields: SETUP_HEADER,
  },
  {
    name: "zImage",
    bytes: bzImage({ protocol: 0x201, version: "", loadflags: 0 }),
    fields: SETUP_HEADER,
  },
  { name: "vmlinux", bytes: vmlinux, fields: ELF64 },
  { name: "vmlinux of one segment", bytes: elf({ segments: [{ paddr: 0x100_0000n, bytes: code }] }), fields: ELF64 },
  { name: "vmlinux of arm64", bytes: elf({ machine: 183 }), fields: ELF64 },
  {
    name: "Multiboot",
    bytes: elf({
      bits: 32,
      machine: 3,
      entry: 0x1000_0010n,
      segments: [
        { paddr: 0x1000_0000n, bytes: joined(header1(), code), memsz: 0x1800n },
        { paddr: 0x1002_0010n, bytes: code },
      ],
    }),
    fields: [...ELF32, ...places(4, 84, 88, 92, 96, 100), ...places(4, 0x74, 0x78, 0x7c)],
  },
  {
    name: "flat Multiboot",
    bytes: joined(header1(3, [0x1000_0000, 0x1000_0000, 0, 0x1000_4000], 0x1000_0020), code),
    fields: places(4, 0, 4, 8, 12, 16, 20, 24, 28),
  },
  {
    name: "Multiboot 2 with its tags",
    bytes: joined(
      header2([
        { type: 1, words: [4, 6] },
        { type: 2, words: [0x1000_0000, 0x1000_0000, 0, 0] },
        { type: 3, words: [0x1000_0090] },
        { type: 10, words: [0x80_0000, 0x7fff_ffff, 0x20_0000, 1] },
        { type: 7, optional: true },
      ]),
      code,
    ),
    fields: [...places(4, 8, 16, 20, 24, 28, 36, 40, 44, 48, 60, 64, 76, 80, 84), ...places(2, 32, 34, 56, 72, 96, 98)],
  },
  {
    name: "Multiboot in 64-bit ELF",
    bytes: elf({ segments: [{ paddr: 0x100_0000n, bytes: joined(multibootHeader(2), code) }] }),
    fields: ELF64,
  },
  { name: "big-endian ELF", bytes: elf({ littleEndian: false, machine: 21 }), fields: ELF64 },
  {
    name: "UKI",
    bytes: peFile({ sections: [linux, { name: ".uname", bytes: ascii("6.12.1") }], certificate: 64 }),
    fields: PE,
  },
  { name: "EFI program", bytes: peFile({}), fields: PE },
  { name: "arm64 Image", bytes: arm64Image(), fields: [...ARM64, ...PE] },
  { name: "old arm64 Image", bytes: arm64Image({ pe: false, imageSize: 0n }), fields: ARM64 },
  { name: "zboot", bytes: zboot(joined("\x1f\x8b\x08", new Uint8Array(64)), "gzip"), fields: [...ZIMG, ...PE] },
  { name: "vmlinux.gz", bytes: joined("\x1f\x8b\x08", new Uint8Array(64)), fields: places(1, 0, 1, 2, 3) },
];

/** Those of them that some call starts on x86_64. */
export const BOOTABLE: readonly SeedFile[] = KERNELS.filter(({ name }) =>
  /^(bzImage|vmlinux|Multiboot 2)/.test(name) && !/arm64|gz$/.test(name)
);

/** What cases start from as initrds. */
export const INITRDS: readonly SeedFile[] = [
  { name: "cpio", bytes: cpio([{ name: "init", bytes: ascii("#!/bin/sh\n") }]), fields: CPIO },
  { name: "padded cpio", bytes: joined(new Uint8Array(512), cpio([])), fields: places(1, 0, 511, 512, 517) },
  { name: "zstd", bytes: joined("\x28\xb5\x2f\xfd", new Uint8Array(64)), fields: places(4, 0, 4, 8) },
  { name: "skippable frame", bytes: joined("\x50\x2a\x4d\x18\x04\0\0\0", code), fields: places(4, 0, 4, 8) },
  { name: "lzma", bytes: joined("\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff", code), fields: places(8, 0, 1, 5) },
];
