import { assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { memorySource } from "../../src/core/bytes.ts";
import { openCodecs } from "../../src/formats/codecs.ts";
import { incompatibility } from "../../src/image/call_compatibility.ts";
import { arm64ImageOf } from "../../src/image/flat_image.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { ElfImage } from "../../src/image/image.ts";
import { readInitrd } from "../../src/image/initrd_content.ts";
import { kernelFilesOf, remedyOf } from "../../src/image/remedy.ts";
import { ascii, bzImage, joined, peFile } from "./build.ts";
import { cpio, elf } from "./build_elf.ts";
import { header1, header2 } from "./build_multiboot.ts";

/** Which part counts where there are several, and where a limit lies to the byte. */
function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const infoOf = (bytes: Uint8Array) => identifyKernel(memorySource(bytes));
const objection = (bytes: Uint8Array, machine = "x86_64") =>
  incompatibility("kexec_load", infoOf(bytes), machine)?.message;

/** An ELF file with a Multiboot header as its first segment's bytes. */
const multiboot = (
  header: Uint8Array,
  segments: readonly { readonly paddr: bigint; readonly vaddr?: bigint; readonly memsz?: bigint }[],
  changes: {
    readonly entry?: bigint;
    readonly machine?: number;
    readonly littleEndian?: boolean;
    readonly bits?: 32 | 64;
  } = {},
) =>
  elf({
    bits: 32,
    machine: 3,
    entry: segments[0]?.paddr ?? 0n,
    segments: segments.map((segment, index) => ({ bytes: index === 0 ? header : new Uint8Array(16), ...segment })),
    ...changes,
  });

/** The same in 64-bit ELF, in which a header of version 2 lies on a multiple of 8. */
const WIDE = { bits: 64, machine: 62 } as const;

pure("of several segments that hold the virtual entry, the first one says where it lies", () => {
  const segments = [
    { paddr: 0x10_0000n, vaddr: 0xc010_0000n, memsz: 0x1000n },
    { paddr: 0x20_0000n, vaddr: 0xc010_0000n, memsz: 0x2000n },
  ];
  const entryOf = (entry: bigint) => {
    const info = infoOf(multiboot(header1(), segments, { entry }));
    return info.kind === "multiboot" ? info.entry : info.kind;
  };
  assertEquals([0xc010_0000n, 0xc010_0fffn, 0xc010_1000n, 0xc010_2000n].map(entryOf), [
    0x10_0000n,
    0x10_0fffn,
    0x20_1000n,
    0xc010_2000n,
  ]);
});

pure("segments of a Multiboot kernel are listed by their addresses, without empty ones", () => {
  const info = infoOf(multiboot(header1(), [{ paddr: 0x30_0000n }, { paddr: 0x10_0000n }, { paddr: 0x20_0000n }]));
  assertEquals(info.kind === "multiboot" && info.loads.map(({ paddr }) => paddr), [0x10_0000n, 0x20_0000n, 0x30_0000n]);
  assertEquals(infoOf(multiboot(header1(), [{ paddr: 0x10_0000n }], { machine: 62, bits: 64 })).kind, "multiboot");
  assertEquals(infoOf(multiboot(header1(), [{ paddr: 0x10_0000n }], { machine: 183, bits: 64 })).kind, "elf");
});

pure(
  "what keeps a Multiboot kernel from being placed: the first tag that is not known, an end above 4 GiB, its entry",
  () => {
    const tag = (...requests: readonly number[]) => header2([{ type: 1, words: requests }]);
    assertEquals(
      objection(multiboot(tag(1, 77, 2, 99), [{ paddr: 0x10_0000n }], WIDE)),
      "The kernel (Multiboot 2 image, 64-bit ELF, entry 0x100000) cannot be loaded by kexec_load: it requires the information tag 77, which is not available once Linux runs",
    );
    assertEquals(objection(multiboot(tag(1, 2), [{ paddr: 0x10_0000n }], WIDE)), undefined);
    const wide = (paddr: bigint, memsz: bigint) => objection(multiboot(header1(), [{ paddr, memsz }], WIDE));
    assertEquals(wide(0xffff_0000n, 0x1_0000n), undefined);
    assertEquals(
      wide(0xffff_0000n, 0x1_0001n),
      "The kernel (Multiboot 1 image, 64-bit ELF, entry 0xffff0000) cannot be loaded by kexec_load: its segment for 0xffff0000 ends above 4 GiB, which 32-bit mode does not reach",
    );
    assertEquals(
      objection(multiboot(header1(), [{ paddr: 0x10_0000n, memsz: 0x1000n }], { entry: 0x10_1000n })),
      "The kernel (Multiboot 1 image, 32-bit ELF, entry 0x101000) cannot be loaded by kexec_load: its entry 0x101000 lies in none of its segments",
    );
    assertEquals(
      objection(multiboot(header1(), [{ paddr: 0x10_0000n, memsz: 0x1000n }], { entry: 0x10_0fffn })),
      undefined,
    );
  },
);

pure(
  "an ELF file is taken if it is for 64-bit x86 of this byte order; a real-mode kernel if its setup code is not too long",
  () => {
    assertEquals(objection(elf()), undefined);
    assertEquals(
      objection(elf({ bits: 32, machine: 62 })),
      "The kernel (32-bit ELF for x86_64, entry 0x1000000) cannot be loaded by kexec_load: it is a 32-bit little-endian ELF file for the machine 62, not 64-bit little-endian for 62 (x86_64)",
    );
    assertEquals(
      objection(elf({ machine: 62, littleEndian: false })),
      "The kernel (64-bit ELF for x86_64, entry 0x1000000) cannot be loaded by kexec_load: it is a 64-bit big-endian ELF file for the machine 62, not 64-bit little-endian for 62 (x86_64)",
    );
    const real = (setupSects: number) =>
      objection(bzImage({ setupSects, xloadflags: 0, loadflags: 0, protocol: 0x204 }));
    assertEquals([real(64), real(65)], [
      undefined,
      "The kernel (Linux 6.1.0-50-amd64, zImage 2.04, unsigned) cannot be loaded by kexec_load: it starts in real mode, and its setup code has 65 sectors, more than 64",
    ]);
    assertEquals(objection(bzImage({ setupSects: 65 })), undefined);
  },
);

pure("the hint for a kernel of another machine, and for old x86 ones that another program may start", () => {
  const hint = (bytes: Uint8Array, machine: string) => remedyOf(infoOf(bytes), machine);
  assertEquals(
    hint(elf({ bits: 32, machine: 3 }), "x86_64"),
    "Name a 64-bit Linux kernel of version 3.8 or later; kexec-tools may start this one (`kexec --type=elf-x86`)",
  );
  assertEquals(hint(elf({ bits: 32, machine: 3 }), "aarch64"), "Name a kernel built for aarch64");
  assertEquals(hint(peFile({ machine: 0x14c, bits: 32 }), "x86_64"), "Name a kernel built for x86_64");
  assertEquals(
    hint(elf({ machine: 183 }), "aarch64"),
    "Name the Image that was built with this vmlinux (arch/arm64/boot/Image)",
  );
  assertEquals(hint(elf(), "x86_64"), "Name the bzImage that was built with this vmlinux (arch/x86/boot/bzImage)");
  assertEquals(["x86_64", "aarch64", "riscv64"].map(kernelFilesOf), [
    "Name a bzImage or an ELF kernel (vmlinux), plain or compressed",
    "Name an arm64 Image, plain, compressed, or as an EFI zboot image",
    "Name a kernel built for riscv64",
  ]);
});

pure("the Image of an ELF kernel has its segments as they lie in memory, whatever their order in the file", () => {
  const load = (paddr: bigint, offset: bigint, filesz: bigint, memsz = filesz) => ({
    paddr,
    vaddr: paddr,
    offset,
    filesz,
    memsz,
    align: 1n,
  });
  const of = (loads: readonly ReturnType<typeof load>[], most = 100) => {
    const { loads: _, ...rest } = infoOf(elf({ machine: 183 })) as ElfImage;
    const image = arm64ImageOf(Uint8Array.of(1, 2, 3, 4, 5, 6), {
      ...rest,
      loads: loads as unknown as ElfImage["loads"],
    }, most);
    return image.kind === "image" ? [...image.bytes] : image.why;
  };
  assertEquals(of([load(12n, 0n, 2n), load(10n, 2n, 1n), load(15n, 4n, 2n, 9n), load(0n, 0n, 0n, 50n)]), [
    3,
    0,
    1,
    2,
    0,
    5,
    6,
  ]);
  assertEquals(of([load(10n, 0n, 1n), load(19n, 1n, 1n)], 10), [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
  assertEquals(of([load(10n, 0n, 1n), load(19n, 1n, 1n)], 9), "its segments lie too far apart for one Image");
  assertEquals(of([load(0n, 0n, 0n, 50n)]), "it has no bytes to load");
});

pure("a bzImage's version and payload, up to where they end", () => {
  const kernel = (spec: Parameters<typeof bzImage>[0], change: (view: DataView) => void = () => {}) => {
    const bytes = bzImage(spec);
    change(new DataView(bytes.buffer));
    const info = infoOf(bytes);
    return info.kind === "bzimage" ? info : undefined;
  };
  assertEquals([kernel({ version: "" })?.versionString, kernel({ version: "6.1 (x)" })?.versionString], [
    undefined,
    "6.1 (x)",
  ]);
  // A pointer to the last sector of the setup code, and past it.
  const at = (pointer: number) => kernel({}, (view) => view.setUint16(0x20e, pointer, true))?.versionString;
  assertEquals([at(0x200)?.slice(0, 3), at(8 * 512 - 0x200)], ["6.1", undefined]);
  const payload = ascii("\x7fELF".padEnd(64));
  const size = bzImage({ payload }).length;
  const lengthed = (length: number) =>
    kernel({ payload }, (view) => view.setUint32(0x24c, length, true))?.payload?.length;
  const most = size - (8 * 512 + 0x2cc);
  assertEquals([lengthed(most), lengthed(most + 1), lengthed(0)], [most, undefined, undefined]);
  assertEquals(kernel({ payload })?.payload?.compression, "none");
  assertEquals(kernel({ payload: ascii("\x7fELG".padEnd(64)) })?.payload?.compression, "unknown");
});

const file = (name: string, text: string, mode = 0o100755) => ({ name, bytes: ascii(text), mode });

/** What an initrd is, with the state of some programs. */
async function initrd(bytes: Uint8Array, programs: readonly string[] = []) {
  using codecs = openCodecs();
  return await readInitrd(memorySource(bytes), codecs, { programs });
}

Deno.test("programs of an initrd are followed through links as the kernel follows them", async () => {
  const archive = cpio([
    file("usr/lib/init", "x"),
    file("usr/lib/data", "x", 0o100644),
    file("usr/bin/init", "/usr/lib/init", 0o120777),
    file("usr/bin/up", "../lib/init", 0o120777),
    file("usr/bin/data", "/usr/lib/data", 0o120777),
    file("usr/bin/gone", "/gone", 0o120777),
    file("bin", "usr/bin", 0o120777),
    file("loop", "loop", 0o120777),
  ]);
  const programs = ["/usr/lib/init", "/usr/bin/init", "/bin/init", "/bin/up", "/bin/.././lib//init", "/bin/data"];
  const found = await initrd(archive, [...programs, "/bin/gone", "/loop", "/sbin/init"]);
  assertEquals(found.kind === "whole" && found.programs, {
    "/usr/lib/init": "executable",
    "/usr/bin/init": "executable",
    "/bin/init": "executable",
    "/bin/up": "executable",
    "/bin/.././lib//init": "executable",
    "/bin/data": "not-executable",
    "/bin/gone": "dangling",
    "/loop": "dangling",
    "/sbin/init": "absent",
  });
});

Deno.test("what an initrd unpacks to is counted over plain archives, padding and packed ones", async () => {
  const [plain, packed] = [cpio([file("a", "x".repeat(5))]), cpio([file("b", "y".repeat(9))])];
  const sizeOf = async (...parts: readonly Uint8Array[]) => {
    const found = await initrd(joined(...parts));
    return found.kind === "whole"
      ? [found.size, found.archives, found.files, found.packed.map(({ size }) => size)]
      : found;
  };
  const aligned = Math.ceil(plain.length / 4) * 4;
  assertEquals(await sizeOf(plain), [plain.length, 1, 1, []]);
  assertEquals(await sizeOf(plain, new Uint8Array(508), gzipSync(packed)), [
    aligned + packed.length,
    2,
    2,
    [packed.length],
  ]);
  assertEquals(await sizeOf(gzipSync(packed), new Uint8Array(1 << 17), gzipSync(packed)), [496, 2, 2, [496]]);
});
