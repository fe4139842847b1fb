import { assertEquals } from "@std/assert";
import { memorySource } from "../../src/core/bytes.ts";
import type { Codecs } from "../../src/formats/unpacked.ts";
import { describeKernel } from "../../src/image/boot_files.ts";
import { bzImageMemory } from "../../src/image/bzimage.ts";
import { incompatibility, type LoadCall } from "../../src/image/call_compatibility.ts";
import { describeImage, machineOf, protocolName, runsOn } from "../../src/image/describe.ts";
import { arm64ImageOf } from "../../src/image/flat_image.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { ElfImage, ImageInfo } from "../../src/image/image.ts";
import { identifyInitrd, initrdObjection } from "../../src/image/initrd.ts";
import { readKernel } from "../../src/image/kernel_content.ts";
import { kernelPayload, packedImage } from "../../src/image/payload.ts";
import { kernelFilesOf, remedyOf } from "../../src/image/remedy.ts";
import { bzImage as bzImageInfo, elf64Image } from "../support/profiles.ts";
import { arm64Image as arm64Info } from "../support/arm64.ts";
import { arm64Image, ascii, bzImage, joined, peFile, zboot } from "./build.ts";
import { elf } from "./build_elf.ts";

function pure(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

const info = (bytes: Uint8Array): ImageInfo => identifyKernel(memorySource(bytes));

/** What a file that is not a kernel is, and what to do. */
function refused(bytes: Uint8Array): readonly [string, string | undefined] {
  const found = info(bytes);
  return found.kind === "not-kernel" ? [found.what, found.hint] : [found.kind, undefined];
}

/** A file of 0xee with a magic number somewhere. */
function marked(offset: number, magic: string, size = 0x11000): Uint8Array {
  const bytes = new Uint8Array(size).fill(0xee);
  bytes.set(ascii(magic), offset);
  return bytes;
}

pure("every format that is known has its name and what to do about it", () => {
  const swapped = "This looks like the initrd: are `kernel` and `initrd` swapped?";
  const take = "Take the kernel out of it, and name that";
  const mount = "Mount it, and name the kernel inside";
  const unsupported = "Only x86 and arm64 kernels are supported";
  const old = "Linux gave this format up before 64-bit kernels came: name a bzImage or a vmlinux";
  const name = "Name the kernel itself, as /boot/vmlinuz-RELEASE";
  const table: readonly (readonly [number, string, string, string])[] = [
    [0, "070701", "a cpio archive (newc)", swapped],
    [0, "070702", "a cpio archive (crc)", swapped],
    [0, "070707", "a cpio archive in the old portable format (odc)", swapped],
    [0, "!<arch>\ndebian-binary", "a Debian package", "Unpack it with `dpkg-deb -x`"],
    [0, "!<arch>\n", "an ar archive", take],
    [0, "\xed\xab\xee\xdb", "an RPM package", "Unpack it with `rpm2cpio`"],
    [257, "ustar", "a tar archive", take],
    [0, "PK\x03\x04", "a ZIP archive", take],
    [0x8001, "CD001", "an ISO 9660 image", mount],
    [0, "hsqs", "a squashfs file system", mount],
    [0, "sqsh", "a squashfs file system", mount],
    [0x438, "\x53\xef", "an ext2, ext3 or ext4 file system", mount],
    [0, "XFSB", "an XFS file system", mount],
    [0x10040, "_BHRfS_M", "a Btrfs file system", mount],
    [0, "QFI\xfb", "a qcow2 disk image", mount],
    [0, "ANDROID!", "an Android boot image", take],
    [0, "VNDRBOOT", "an Android vendor boot image", take],
    [0x24, "\x18\x28\x6f\x01", "a 32-bit ARM zImage", unsupported],
    [0x30, "RISCV\0\0\0", "a RISC-V Image", unsupported],
    [0, "KDUMP   ", "a compressed kernel dump", name],
    [512, "EFI PART", "a disk image with a GPT partition table", mount],
    [510, "\x55\xaa", "a disk image or boot sector (MBR)", mount],
    [
      0,
      "\xea\x05\0\xc0\x07",
      "a boot sector, such as those for PXE",
      "Firmware loads it over the network (PXE); name the kernel that it would fetch",
    ],
    [0, "\x07\x01\x64\0", "an a.out program for i386 (OMAGIC)", old],
    [0, "\x08\x01\x64\0", "an a.out program for i386 (NMAGIC)", old],
    [0, "\x0b\x01\x64\0", "an a.out program for i386 (ZMAGIC)", old],
    [0, "\xcc\0\x64\0", "an a.out program for i386 (QMAGIC)", old],
    [0, "\xc7\x71", "a cpio archive in the old binary format", swapped],
    [0, "\x71\xc7", "a cpio archive in the old binary format", swapped],
  ];
  for (const [offset, magic, what, hint] of table) {
    assertEquals(refused(marked(offset, magic)), [what, hint]);
    // One byte less is not enough, nor is another place.
    const [other] = refused(marked(offset, magic.slice(0, -1)));
    assertEquals(other === what, false, what);
    assertEquals(refused(marked(offset + 1, magic))[0] === what, false, what);
  }
  // What a disk image begins with is named, though its last sector bytes say MBR as well.
  const gpt = marked(512, "EFI PART");
  gpt.set([0x55, 0xaa], 510);
  assertEquals(refused(gpt), ["a disk image with a GPT partition table", mount]);
});

pure("what has no format: empty, zeros, texts, bytes", () => {
  const name = "Name the kernel itself, as /boot/vmlinuz-RELEASE";
  assertEquals(refused(new Uint8Array()), [
    "an empty file",
    "Its copy or download probably failed: fetch it again",
  ]);
  const cut = "Its copy was probably cut off by a crash: fetch it again";
  assertEquals(refused(new Uint8Array(100)), ["a file of zero bytes only", cut]);
  assertEquals(refused(new Uint8Array(0x20000)), ["a file whose first 65608 bytes are zero", cut]);
  assertEquals(refused(ascii("#! /bin/sh -e\n")), ["a script for /bin/sh", "Name the kernel that the script uses"]);
  for (const page of ["<!DOCTYPE html>", "\n <html lang=en>", "<HEAD>"]) {
    assertEquals(refused(ascii(page)), [
      "an HTML page",
      "A download probably got an error page: fetch it again",
    ]);
  }
  assertEquals(refused(ascii("version https://git-lfs.github.com/spec/v1\n")), [
    "a Git LFS pointer",
    "Fetch the file itself: `git lfs pull`",
  ]);
  assertEquals(refused(ascii("password=1\n")), ["a text file", name]);
  assertEquals(refused(Uint8Array.of(1, 2, 0xff)), ["a file of 3 bytes, too short for a kernel (01 02 ff)", name]);
  assertEquals(refused(new Uint8Array(1023).fill(0xee)), [
    "a file of 1023 bytes, too short for a kernel (ee ee ee ee ee ee ee ee)",
    name,
  ]);
  assertEquals(refused(new Uint8Array(1024).fill(0xee)), [
    "of no known format: it begins with the bytes ee ee ee ee ee ee ee ee",
    name,
  ]);
});

pure("every machine that PE and ELF name", () => {
  const pe = (machine: number) => machineOf({ kind: "pe", machine, subsystem: 10, signed: false });
  assertEquals(
    [0x14c, 0x1c0, 0x1c2, 0x1c4, 0x5032, 0x5064, 0x6232, 0x6264, 0x8664, 0xaa64, 0x200].map(pe),
    ["i386", "arm", "arm", "arm", "riscv32", "riscv64", "loongarch32", "loongarch64", "x86_64", "aarch64", undefined],
  );
  const inElf = (machine: number) =>
    ([[64, true], [64, false], [32, true], [32, false]] as const).map(([bits, littleEndian]) =>
      machineOf({ kind: "elf", bits, littleEndian, machine, type: 2, entry: 0n, loads: [] })
    );
  const same = (name: string) => [name, name, name, name];
  assertEquals(inElf(3), same("i386"));
  assertEquals(inElf(8), ["mips64", "mips64", "mips", "mips"]);
  assertEquals(inElf(15), ["parisc64", "parisc64", "parisc", "parisc"]);
  assertEquals(inElf(20), same("ppc"));
  assertEquals(inElf(21), ["ppc64le", "ppc64", "ppc64le", "ppc64"]);
  assertEquals(inElf(22), ["s390x", "s390x", "s390", "s390"]);
  assertEquals(inElf(40), same("arm"));
  assertEquals(inElf(62), same("x86_64"));
  assertEquals(inElf(183), ["aarch64", "aarch64_be", "aarch64", "aarch64_be"]);
  assertEquals(inElf(243), ["riscv64", "riscv64", "riscv32", "riscv32"]);
  assertEquals(inElf(258), ["loongarch64", "loongarch64", "loongarch32", "loongarch32"]);
  assertEquals([0x200, 0x20c, 0x20f].map(protocolName), ["2.00", "2.12", "2.15"]);
});

pure("x86_64 also runs a bzImage for 32-bit x86, and nothing else of another machine", () => {
  const old = bzImageInfo({ entry64: false });
  assertEquals([runsOn(old, "x86_64"), runsOn(old, "aarch64"), runsOn(old, "i386")], [true, false, true]);
  assertEquals(runsOn(bzImageInfo({ entry64: false, protocol: 0x20b }), "aarch64"), true);
  const small: ElfImage = { kind: "elf", bits: 32, littleEndian: true, machine: 3, type: 2, entry: 0n, loads: [] };
  assertEquals(runsOn(small, "x86_64"), false);
  assertEquals([runsOn(arm64Info(), "aarch64"), runsOn(arm64Info(), "x86_64")], [true, false]);
});

pure("why each call does not take an image, with what to do", () => {
  const loads = "kexec_load takes it, where the host allows that call: leave `load` out, or write `load: kexec_load`";
  const old = "Name a Linux kernel of version 2.6.14 or later; GRUB boots this image (`linux16`, by the BIOS), and " +
    "kexec-tools may (`kexec --type=bzImage --real-mode`)";
  const vmlinux = "Name the bzImage that was built with this vmlinux (arch/x86/boot/bzImage)";
  const why = (call: LoadCall, image: ImageInfo, machine = "x86_64") => {
    const found = incompatibility(call, image, machine, "It");
    return found === undefined ? undefined : [found.message, found.hint];
  };
  const is = (changes: object) => `It (${describeImage(bzImageInfo(changes))}) cannot be loaded by `;
  const cases = [
    [{ protocol: 0x20b }, "its boot protocol is 2.11, and 2.12 is required", undefined],
    [{ protocol: 0x203 }, "its boot protocol is 2.03, and 2.12 is required", undefined],
    [
      { protocol: 0x1ff },
      "its boot protocol is 1.255, and 2.12 is required",
      "its boot protocol is 1.255, and 2.00 is required",
    ],
    [{ loadedHigh: false }, "it is a zImage, which runs below 1 MiB", undefined],
    [{ entry64: false }, "it has no 64-bit entry (XLF_KERNEL_64)", undefined],
    [{ above4G: false }, "it cannot be loaded above 4 GiB (XLF_CAN_BE_LOADED_ABOVE_4G)", undefined],
    [{ entry64: false, code32Start: 0, setupSects: 64 }, "it has no 64-bit entry (XLF_KERNEL_64)", undefined],
    [
      { entry64: false, code32Start: 0, setupSects: 65 },
      "it has no 64-bit entry (XLF_KERNEL_64)",
      "it starts in real mode, and its setup code has 65 sectors, more than 64",
    ],
    [{ protocol: 0x20c }, undefined, undefined],
    [{}, undefined, undefined],
  ] as const;
  for (const [changes, byFile, bySegments] of cases) {
    const image = bzImageInfo(changes);
    assertEquals(
      why("kexec_file_load", image),
      byFile === undefined
        ? undefined
        : [`${is(changes)}kexec_file_load: ${byFile}`, bySegments === undefined ? loads : old],
    );
    assertEquals(
      why("kexec_load", image),
      bySegments === undefined ? undefined : [`${is(changes)}kexec_load: ${bySegments}`, old],
    );
  }
  const kernel = elf64Image({ entry: 0n });
  assertEquals(why("kexec_load", kernel), undefined);
  assertEquals(why("kexec_file_load", kernel), [
    "It (64-bit ELF for x86_64, entry 0x0) is not a bzImage, all that kexec_file_load on x86_64 takes",
    loads,
  ]);
  assertEquals(why("kexec_load", { ...kernel, bits: 32 }), [
    "It (32-bit ELF for x86_64, entry 0x0) cannot be loaded by kexec_load: it is a 32-bit little-endian ELF file for the machine 62, " +
    "not 64-bit little-endian for 62 (x86_64)",
    vmlinux,
  ]);
  assertEquals(why("kexec_load", { ...kernel, littleEndian: false })?.[1], vmlinux);
  assertEquals(why("kexec_load", { kind: "compressed", compression: "zstd" }), [
    "It (zstd-compressed file) is not a bzImage, an ELF kernel (vmlinux) or a Multiboot image, all that kexec_load on x86_64 takes",
    "Unpack it with `unzstd`, and name the result",
  ]);
  assertEquals(why("kexec_load", { kind: "not-kernel", what: "a text file", hint: "Do" }), [
    "The kernel is a text file",
    "Do",
  ]);
  assertEquals(why("kexec_load", kernel, "riscv64"), [
    "What kexec_load takes on riscv64 is not known",
    "Known are x86_64 and aarch64",
  ]);
  for (const call of ["kexec_load", "kexec_file_load"] as const) {
    const arm = (changes: object) => why(call, arm64Info(changes), "aarch64");
    const start = `It (arm64 Image, 4 KiB pages, unsigned) cannot be loaded by ${call}: `;
    assertEquals(arm({}), undefined);
    assertEquals(arm({ textOffset: 0x8_0000n }), undefined);
    assertEquals(arm({ imageSize: 0n }), [
      `${start}its header leaves the image size zero, as kernels before 3.17 do`,
      "Name a kernel built for aarch64",
    ]);
    assertEquals(arm({ textOffset: 0x8_0800n }), [
      `${start}its text_offset 0x80800 is not a multiple of a page`,
      "Name a kernel built for aarch64",
    ]);
    assertEquals(why(call, { ...kernel, machine: 183 }, "aarch64"), [
      `It (64-bit ELF for aarch64, entry 0x0) is not an arm64 Image, plain or packed, all that ${call} on aarch64 takes`,
      "Name the Image that was built with this vmlinux (arch/arm64/boot/Image)",
    ]);
  }
});

pure("what to do about an image that is not taken", () => {
  const unpack = (["gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd", "none"] as const).map((compression) =>
    remedyOf({ kind: "compressed", compression }, "x86_64")
  );
  assertEquals(unpack, [
    ...["gunzip", "bunzip2", "unlzma", "unxz", "lzop -d", "unlz4", "unzstd"].map((by) =>
      `Unpack it with \`${by}\`, and name the result`
    ),
    "Name the kernel itself",
  ]);
  const payload = { offset: 1, length: 1, compression: "gzip" };
  const x86 = { machine: 0x8664, signed: false } as const;
  assertEquals(remedyOf({ kind: "efi-zboot", payload, ...x86 }, "x86_64"), "Unpack its payload, and name the result");
  assertEquals(
    remedyOf({ kind: "uki", sections: [], ...x86 }, "x86_64"),
    "Extract its section `.linux` (and `.initrd`), and name that",
  );
  assertEquals(
    remedyOf({ kind: "pe", subsystem: 10, ...x86 }, "x86_64"),
    "An EFI program runs on firmware only: name the kernel itself",
  );
  assertEquals(remedyOf({ kind: "pe", subsystem: 10, ...x86 }, "aarch64"), "Name a kernel built for aarch64");
  const old: ElfImage = { kind: "elf", bits: 32, littleEndian: true, machine: 3, type: 2, entry: 0n, loads: [] };
  assertEquals(
    remedyOf(old, "x86_64"),
    "Name a 64-bit Linux kernel of version 3.8 or later; kexec-tools may start this one (`kexec --type=elf-x86`)",
  );
  assertEquals(remedyOf(old, "aarch64"), "Name a kernel built for aarch64");
  assertEquals(
    remedyOf(bzImageInfo({ entry64: false, protocol: 0x20b }), "aarch64"),
    "Name a kernel built for aarch64",
  );
  assertEquals(["x86_64", "aarch64", "riscv64"].map(kernelFilesOf), [
    "Name a bzImage or an ELF kernel (vmlinux), plain or compressed",
    "Name an arm64 Image, plain, compressed, or as an EFI zboot image",
    "Name a kernel built for riscv64",
  ]);
});

pure("a kernel that is in another file is described with what holds it", () => {
  const inner = { kind: "image", image: { info: arm64Info(), size: 1, sha256: "" } } as const;
  const of = (kernel: ImageInfo) => describeKernel({ info: kernel, inner });
  assertEquals(of({ kind: "compressed", compression: "gzip" }), "arm64 Image, 4 KiB pages, unsigned, gzip-compressed");
  assertEquals(
    of({ kind: "elf", bits: 64, littleEndian: true, machine: 183, type: 2, entry: 0n, loads: [] }),
    "arm64 Image, 4 KiB pages, unsigned, in an ELF file",
  );
  assertEquals(
    of({ kind: "efi-zboot", machine: 0xaa64, payload: { offset: 1, length: 1, compression: "zstd" }, signed: true }),
    "arm64 Image, 4 KiB pages, unsigned, in an EFI zboot image for aarch64, zstd payload, signed",
  );
  assertEquals(
    describeKernel({ info: arm64Info(), inner: { kind: "fault", why: "?" } }),
    "arm64 Image, 4 KiB pages, unsigned",
  );
});

// --- Headers.

const COPY = "Copy it again, and check that the file system it lies on is not full";
const COMPARE = "Copy it again, and compare its checksum with that of the original";

pure("a bzImage that contradicts itself is refused with the figures", () => {
  const with_ = (change: (view: DataView, bytes: Uint8Array) => void, spec: Parameters<typeof bzImage>[0] = {}) => {
    const bytes = bzImage(spec);
    change(new DataView(bytes.buffer), bytes);
    return refused(bytes);
  };
  const damaged = (why: string): readonly [string, string] => [`a damaged bzImage: ${why}`, COMPARE];
  assertEquals(
    with_((view) => view.setUint16(0x1fe, 0)),
    damaged("its boot sector lacks the mark 0xaa55 at byte 510"),
  );
  for (const alignment of [0, 3, 0x30_0000]) {
    assertEquals(
      with_((view) => view.setUint32(0x230, alignment, true)),
      damaged(`its alignment 0x${alignment.toString(16)} is not a power of two`),
    );
  }
  const code = new DataView(bzImage().buffer).getUint32(0x1f4, true) * 16;
  assertEquals(
    with_((view) => view.setUint32(0x260, code - 1, true)),
    damaged(`it asks for ${code - 1} bytes of memory, less than its own ${code}`),
  );
  assertEquals(with_((view) => view.setUint32(0x260, code, true)), ["bzimage", undefined]);
  assertEquals(
    with_((_, bytes) => bytes[0x201] = 0x61),
    damaged("its setup header ends at byte 611, not from 612 to 656"),
  );
  const whole = bzImage();
  assertEquals(refused(whole.subarray(0, 1024)), [
    `a truncated bzImage: 1024 bytes, where its header wants at least ${8 * 512 + code}`,
    COPY,
  ]);
});

pure("memory that a bzImage needs: what its header says, else three times its code", () => {
  assertEquals(bzImageMemory(bzImageInfo({ initSize: 7 }), 1 << 20), 7);
  assertEquals(bzImageMemory(bzImageInfo({ initSize: 0, setupSects: 3 }), 4 * 512 + 100), 300);
});

pure("an arm64 Image: its page sizes, the text offset of old ones, and files that end early", () => {
  const found = (spec: Parameters<typeof arm64Image>[0], size?: bigint) => {
    const bytes = arm64Image(spec);
    if (size !== undefined) new DataView(bytes.buffer).setBigUint64(16, size, true);
    const image = info(bytes);
    return image.kind === "arm64-image"
      ? [image.pageSize, image.bigEndian, image.textOffset, image.imageSize]
      : image.kind;
  };
  assertEquals([0n, 2n, 4n, 6n, 1n].map((flags) => found({ flags })), [
    [undefined, false, 0n, 0x1aa_0000n],
    [4096, false, 0n, 0x1aa_0000n],
    [16384, false, 0n, 0x1aa_0000n],
    [65536, false, 0n, 0x1aa_0000n],
    [undefined, true, 0n, 0x1aa_0000n],
  ]);
  assertEquals(found({}, 0n), [4096, false, 0x8_0000n, 0n]);
});

pure("PE files: zboot images and unified kernel images, and what their headers leave out", () => {
  const bytes = (offset: number, value: number) => {
    const file = zboot(new Uint8Array(9), "zstd");
    new DataView(file.buffer).setUint32(offset, value, true);
    return file;
  };
  assertEquals(refused(bytes(8, 0)), ["a damaged EFI zboot image: its header names no payload", COMPARE]);
  assertEquals(refused(bytes(12, 0)), ["a damaged EFI zboot image: its header names no payload", COMPARE]);
  const file = bytes(12, 9);
  const offset = new DataView(file.buffer).getUint32(8, true);
  assertEquals(refused(bytes(12, file.length - offset)), ["efi-zboot", undefined]);
  assertEquals(refused(bytes(12, file.length - offset + 1)), [
    `a truncated EFI zboot image: ${file.length} bytes, where its header wants at least ${file.length + 1}`,
    COPY,
  ]);
  const uki = (uname: string) => {
    const found = info(
      peFile({ sections: [{ name: ".linux", bytes: bzImage() }, { name: ".uname", bytes: ascii(uname) }] }),
    );
    return found.kind === "uki" ? found.release : found.kind;
  };
  assertEquals(["6.12.1\n", "a b", "", "x".repeat(128), "x".repeat(200)].map(uki), [
    "6.12.1",
    undefined,
    undefined,
    "x".repeat(128),
    "x".repeat(128),
  ]);
  const cut = peFile({ sections: [{ name: ".text", bytes: new Uint8Array(512) }] });
  assertEquals(refused(cut.subarray(0, cut.length - 1)), [
    `a truncated PE file (an EFI program or kernel): ${
      cut.length - 1
    } bytes, where its header wants at least ${cut.length}`,
    COPY,
  ]);
});

pure("ELF files that are not kernels say what they are", () => {
  const name = "Name the kernel itself, as /boot/vmlinuz-RELEASE";
  const type = (value: number) => {
    const bytes = elf();
    new DataView(bytes.buffer).setUint16(16, value, true);
    return refused(bytes);
  };
  assertEquals([1, 2, 3, 4, 5, 0].map(type), [
    ["a kernel module, or another relocatable ELF object", name],
    ["elf", undefined],
    ["elf", undefined],
    ["an ELF core dump", "A dump is read with crash or gdb; name the kernel itself"],
    ["a damaged ELF file: its type 5 is not known", COMPARE],
    ["a damaged ELF file: its type 0 is not known", COMPARE],
  ]);
  const library = elf({ entry: 0n });
  new DataView(library.buffer).setUint16(16, 3, true);
  assertEquals(refused(library), ["a shared library (ELF without an entry point)", name]);
  assertEquals(refused(elf({ entry: 0n })), ["elf", undefined]);
  const bytes = elf();
  const view = new DataView(bytes.buffer);
  view.setUint8(4, 3);
  assertEquals(refused(bytes), ["a damaged ELF file: its class is 3, neither 1 nor 2", COMPARE]);
  view.setUint8(4, 2);
  view.setUint8(5, 0);
  assertEquals(refused(bytes), ["a damaged ELF file: its byte order is 0, neither 1 nor 2", COMPARE]);
  view.setUint8(5, 1);
  view.setUint16(54, 57, true);
  assertEquals(refused(bytes), ["a damaged ELF file: its program headers have 57 bytes each, not 56", COMPARE]);
  view.setUint16(54, 56, true);
  view.setUint16(56, 0, true);
  assertEquals(refused(bytes), ["an ELF file without a loadable segment", name]);
  assertEquals(refused(ascii("\x7fELF\x02")), [
    "a truncated ELF file: 5 bytes, where its header wants at least 52",
    COPY,
  ]);
  assertEquals(refused(elf().subarray(0, 63)), [
    "a truncated ELF file: 63 bytes, where its header wants at least 64",
    COPY,
  ]);
});

pure("an ELF kernel for arm64 becomes the Image that it was linked as", () => {
  const load = (paddr: bigint, offset: bigint, filesz: bigint) => ({
    offset,
    paddr,
    vaddr: 0n,
    filesz,
    memsz: filesz,
    align: 0n,
  });
  const flat = (most: number, ...loads: readonly ReturnType<typeof load>[]) => {
    const image = arm64ImageOf(
      Uint8Array.of(1, 2, 3, 4, 5, 6),
      { kind: "elf", bits: 64, littleEndian: true, machine: 183, type: 2, entry: 0n, loads },
      most,
    );
    return image.kind === "image" ? [...image.bytes] : image.why;
  };
  const loads = [load(0x1004n, 4n, 2n), load(0x1000n, 1n, 2n), load(0x10n, 0n, 0n)] as const;
  assertEquals(flat(6, ...loads), [2, 3, 0, 0, 5, 6]);
  assertEquals(flat(5, ...loads), "its segments lie too far apart for one Image");
  assertEquals(flat(6, load(0n, 0n, 0n)), "it has no bytes to load");
});

// --- Payloads.

pure("where the payload of a bzImage lies, without the size that ends it", () => {
  const payload = (compression: "gzip" | "xz" | "none" | "unknown", length = 10) => {
    const bytes = new Uint8Array(20);
    bytes.set([0x78, 0x56, 0x34, 0x12], 2 + length - 4);
    return kernelPayload(memorySource(bytes), bzImageInfo({ payload: { offset: 2, length, compression } }));
  };
  assertEquals(payload("xz"), { offset: 2, length: 6, packing: "xz", size: 0x1234_5678 });
  assertEquals(payload("gzip"), { offset: 2, length: 10, packing: "gzip", size: 0x1234_5678 });
  assertEquals(payload("xz", 5), { offset: 2, length: 1, packing: "xz", size: 0x1234_5678 });
  assertEquals([payload("xz", 4), payload("none"), payload("unknown")], [undefined, undefined, undefined]);
  const { payload: _, ...none } = bzImageInfo();
  assertEquals(kernelPayload(memorySource(new Uint8Array(9)), none), undefined);
  const cut = bzImageInfo({ payload: { offset: 2, length: 10, compression: "xz" } });
  assertEquals(kernelPayload(memorySource(new Uint8Array(11)), cut), undefined);
});

pure("a packed image is the whole file, or the payload of a zboot image for arm64", () => {
  const source = memorySource(joined("12345", "\x28\xb5\x2f\xfd", new Uint8Array(9)));
  assertEquals(packedImage(source, { kind: "compressed", compression: "xz" }), {
    offset: 0,
    length: 18,
    packing: "xz",
  });
  assertEquals(packedImage(source, { kind: "compressed", compression: "none" }), undefined);
  const boot = (machine: number, offset: number) =>
    packedImage(source, {
      kind: "efi-zboot",
      machine,
      payload: { offset, length: 7, compression: "zstd22" },
      signed: false,
    });
  assertEquals(boot(0xaa64, 5), { offset: 5, length: 7, packing: "zstd" });
  assertEquals([boot(0xaa64, 4), boot(0x8664, 5), packedImage(source, arm64Info())], [undefined, undefined, undefined]);
});

pure("what holding a kernel against its own checksum finds, in words", async () => {
  const stated = 100;
  const kernel = async (result: object, size = stated, written = stated, changes: object = {}) => {
    const bytes = new Uint8Array(40);
    new DataView(bytes.buffer).setUint32(36, size, true);
    const codecs: Codecs = {
      unpack: (_stream: unknown, sink: (piece: Uint8Array) => boolean) => {
        if (!sink(new Uint8Array(written))) return Promise.resolve({ kind: "stopped" });
        return Promise.resolve(result);
      },
    } as never;
    const image = bzImageInfo({ signed: false, payload: { offset: 0, length: 40, compression: "xz" }, ...changes });
    return await readKernel(memorySource(bytes), image, codecs, () => Promise.reject(new Error("Not signed")));
  };
  assertEquals(await kernel({ kind: "whole", consumed: 36, checksum: "CRC-64" }), {
    kind: "whole",
    packing: "xz",
    size: 100,
    checksum: "CRC-64",
  });
  assertEquals(await kernel({ kind: "whole", consumed: 36 }), {
    kind: "unverifiable",
    why: "it is unsigned, and its xz payload carries no checksum",
  });
  const damaged = (why: string) => ({ kind: "damaged", why } as const);
  assertEquals(
    await kernel({ kind: "whole", consumed: 36 }, 100, 99),
    damaged("has a xz payload that unpacks to 99 bytes, and states 100"),
  );
  assertEquals(
    await kernel({ kind: "whole", consumed: 36 }, 100, 101),
    damaged("has a xz payload that unpacks to more than the 100 bytes it states"),
  );
  assertEquals(await kernel({}, 0), damaged("has a xz payload that claims to unpack to 0 bytes"));
  assertEquals(await kernel({}, 2 ** 30 + 1), damaged("has a xz payload that claims to unpack to 1 GiB"));
  assertEquals(
    await kernel({ kind: "damaged", why: "are cut off" }, 2 ** 30),
    damaged("has a damaged payload: its xz data are cut off"),
  );
  assertEquals(await kernel({ kind: "missing", library: "liblzma.so.5", packages: "liblzma5" }), {
    kind: "unread",
    why: "liblzma.so.5, which unpacks xz, is not installed",
    hint: "Install liblzma5",
  });
  assertEquals(await kernel({ kind: "forbidden", library: "liblzma.so.5" }), {
    kind: "unread",
    why: "warmboot has no permission to open liblzma.so.5, which unpacks xz",
    hint: "Run it with -A (--allow-all)",
  });
  assertEquals(await kernel({}, 100, 100, { payload: undefined }), {
    kind: "unverifiable",
    why: "it is unsigned, and its payload is not one that warmboot unpacks",
  });
  const none = (image: ImageInfo) =>
    readKernel(memorySource(new Uint8Array(9)), image, {} as never, () => Promise.reject(new Error("Not signed")));
  assertEquals(await none(arm64Info()), { kind: "unverifiable", why: "it is unsigned and carries no checksum" });
  assertEquals(await none(info(elf())), { kind: "unverifiable", why: "an ELF file carries no checksum" });
  assertEquals(await none({ kind: "uki", machine: 0x8664, sections: [], signed: false }), undefined);
  assertEquals(await none({ kind: "pe", machine: 0x8664, subsystem: 10, signed: true }), undefined);
  assertEquals(await none(arm64Info({ signed: true })), {
    kind: "damaged",
    why: "has a signature, and PE headers that do not say what it covers",
  });
});

// --- Initrds.

pure("what a file named as initrd is, and why the kernel would not unpack it", () => {
  const of = (...parts: readonly (string | Uint8Array)[]) => identifyInitrd(memorySource(joined(...parts)));
  const header = `070701${"0".repeat(104)}`;
  assertEquals(of(header), { kind: "cpio", format: "newc" });
  assertEquals(of(new Uint8Array(512), header), { kind: "cpio", format: "newc" });
  assertEquals(of(new Uint8Array(65536 - 4), header), { kind: "cpio", format: "newc" });
  assertEquals(of(new Uint8Array(65536), header).kind, "unknown");
  assertEquals(of("070702", "0".repeat(104)), { kind: "cpio", format: "crc" });
  assertEquals(of("070707"), { kind: "cpio", format: "odc" });
  assertEquals(of(new Uint8Array(2), header), {
    kind: "unknown",
    what: "a cpio archive after 2 NUL bytes, where the kernel looks only at multiples of 4",
    hint: "Pad it to a multiple of 4 bytes",
  });
  assertEquals(of(header.slice(0, -1)), {
    kind: "unknown",
    what: "a truncated cpio archive: 109 bytes, less than one header",
    hint: "Create the initrd again",
  });
  assertEquals(of(), {
    kind: "unknown",
    what: "an empty file",
    hint: "Create the initrd again, or leave `initrd` out",
  });
  assertEquals(of("\x02!L\x18", new Uint8Array(9)), { kind: "compressed", compression: "lz4" });
  assertEquals(of("\x04\x22M\x18", new Uint8Array(9)), {
    kind: "unknown",
    what: "packed with lz4 in a variant that the kernel does not unpack",
    hint: "Pack it with `lz4 -l`, the legacy format",
  });
  assertEquals(of("\x50\x2a\x4d\x18\x04\0\0\0____\x28\xb5\x2f\xfd", new Uint8Array(9)), {
    kind: "unknown",
    what: "packed with zstd in a variant that the kernel does not unpack",
    hint: "Pack it again, as one zstd frame",
  });
  assertEquals(of(arm64Image()), {
    kind: "unknown",
    what: "a kernel or program: arm64 Image, 4 KiB pages, unsigned",
    hint: "Are `kernel` and `initrd` swapped?",
  });
  assertEquals(of("text\n"), { kind: "unknown", what: "a text file" });
  assertEquals(initrdObjection({ kind: "cpio", format: "newc" }), undefined);
  assertEquals(initrdObjection({ kind: "compressed", compression: "xz" }), undefined);
  assertEquals(initrdObjection({ kind: "cpio", format: "odc" }), {
    message: "The initrd is a cpio archive in the old portable format (odc), which the kernel does not unpack",
    hint: "Pack it with `cpio -o -H newc`",
  });
  assertEquals(initrdObjection({ kind: "unknown", what: "a text file" }), {
    message: "The initrd is a text file; the kernel unpacks cpio archives, plain or compressed",
  });
  assertEquals(initrdObjection({ kind: "unknown", what: "x", hint: "Do" }), {
    message: "The initrd is x; the kernel unpacks cpio archives, plain or compressed",
    hint: "Do",
  });
});
