import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { buildImage, type BuiltLayout, builtLayout, moveImage } from "../../src/arch/x86_64/built_image.ts";
import { relocated } from "../../src/arch/x86_64/relocations.ts";
import { describeVmlinux } from "../../src/arch/x86_64/vmlinux.ts";
import { fieldsOf, memorySource } from "../../src/core/bytes.ts";
import { incompatibility } from "../../src/image/call_compatibility.ts";
import { identifyKernel } from "../../src/image/identify.ts";
import type { BzImage, Vmlinux } from "../../src/image/image.ts";
import { SETUP_HEADER as hdr } from "../../src/image/setup_header.ts";
import { elf } from "../image/build_elf.ts";
import { CODE, LINKED, listed, packedKernel, vmlinux } from "../support/small_kernel.ts";

const pure = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });

const UNPACKED = vmlinux({ add64: [listed(8)], inverse32: [listed(0x40)], add32: [listed(0x100)] });
/** Two sectors of setup code precede the protected-mode code. */
const BODY = 1024;
/** From there, the kernel lies 2 MiB further on, and the stub where purgatory enters. */
const [LEAD, ENTRY] = [0x20_0000, 0x200];

function infoOf(file: Uint8Array): BzImage {
  const info = identifyKernel(memorySource(file));
  assert(info.kind === "bzimage", info.kind);
  return info;
}

function described(image: Uint8Array): Vmlinux {
  const found = describeVmlinux(image);
  assert(found.kind === "vmlinux", "why" in found ? found.why : "");
  return found.vmlinux;
}

function layoutOf(image: Uint8Array): BuiltLayout {
  const { value, diagnostics } = builtLayout(described(image), "/boot/vmlinuz");
  assert(value !== undefined, JSON.stringify(diagnostics));
  return value;
}

const INFO = infoOf(packedKernel(UNPACKED));

pure(
  "a built image is one that kexec_file_load takes, with the header of the kernel's file but for sizes and places",
  () => {
    const layout = layoutOf(UNPACKED);
    const file = buildImage(INFO, UNPACKED, layout, true);
    const info = infoOf(file);
    assertEquals(incompatibility("kexec_file_load", info, "x86_64"), undefined);
    assertEquals([file.length, layout.size], [BODY + LEAD + 0x2000, BODY + LEAD + 0x2000]);
    assertEquals([info.setupSects, info.payload], [1, undefined]);
    // 16 KiB of kernel, up to the 2 MiB by which it maps itself.
    assertEquals([layout.memory, info.initSize], [LEAD + 0x20_0000, LEAD + 0x20_0000]);
    const [old, now] = [fieldsOf(INFO.header), fieldsOf(info.header)];
    const at = (field: number) => field - hdr.setup_sects;
    assertEquals(now.u32(at(hdr.syssize)), (LEAD + 0x2000) / 16);
    assertEquals([now.u32(at(hdr.payload_offset)), now.u32(at(hdr.payload_length)), now.u16(at(hdr.kernel_version))], [
      0,
      0,
      0,
    ]);
    for (const field of ["xloadflags", "version", "loadflags"] as const) {
      assertEquals(now.u16(at(hdr[field])), old.u16(at(hdr[field])), field);
    }
    assertEquals([info.prefAddress, info.cmdlineSize, info.alignment], [INFO.prefAddress, INFO.cmdlineSize, 0x20_0000]);
    // The header of the kernel's own file is left alone.
    assertEquals(INFO, infoOf(packedKernel(UNPACKED)));
  },
);

pure(
  "the stub jumps to the kernel's entry from where purgatory enters, and sets KASLR_FLAG exactly when it is to",
  () => {
    for (const kaslr of [true, false]) {
      const layout = layoutOf(UNPACKED);
      const file = buildImage(INFO, UNPACKED, layout, kaslr);
      const stub = file.subarray(BODY + ENTRY, BODY + LEAD);
      // cli, cld, a load of the flags, an or into 0x211(%rsi), and at the end a jump by rax.
      assertEquals(stub.subarray(0, 3).toHex(), "fafc8a");
      assertStringIncludes(stub.subarray(0, 32).toHex(), "088611020000");
      assertStringIncludes(stub.subarray(0, 32).toHex(), "ffe0");
      const fields = fieldsOf(stub);
      assertEquals([fields.u64(0x20), fields.u64(0x28)], [BigInt(LEAD - ENTRY), kaslr ? 2n : 0n]);
      assertEquals(stub.subarray(0x30).every((byte) => byte === 0), true);
      assertEquals(file.subarray(BODY, BODY + ENTRY).every((byte) => byte === 0), true);
    }
  },
);

pure("the kernel lies whole in the image, and moves in it as by kexec_load", () => {
  const layout = layoutOf(UNPACKED);
  const { elf: { loads: [load] }, relocations } = described(UNPACKED);
  assert(load !== undefined);
  const part = (file: Uint8Array) => file.subarray(BODY + LEAD, BODY + LEAD + 0x2000);
  const file = buildImage(INFO, UNPACKED, layout, true);
  assertEquals(part(file), CODE.subarray(0, 0x2000));
  for (const distance of [0n, 0x20_0000n, 0x3e00_0000n]) {
    const moved = file.slice();
    moveImage(moved, UNPACKED, described(UNPACKED), layout, distance);
    const as = relocated(UNPACKED, relocations, [load], distance);
    assertEquals(part(moved), as.subarray(Number(load.offset), Number(load.offset) + 0x2000));
    assertEquals(moved.subarray(0, BODY + LEAD), file.subarray(0, BODY + LEAD));
    assertEquals(moved.length, file.length);
  }
});

pure("parts keep their distances, and an entry within a later part is found", () => {
  const bytes = (value: number) => new Uint8Array(0x1000).fill(value);
  const vaddr = 0xffff_ffff_8100_0000n;
  const image = elf({
    entry: LINKED + 0x40_0010n,
    segments: [
      { paddr: LINKED, vaddr, bytes: bytes(1), align: 0x20_0000n },
      { paddr: LINKED + 0x40_0000n, vaddr: vaddr + 0x40_0000n, bytes: bytes(2), memsz: 0x30_0000n, align: 0x20_0000n },
    ],
  });
  new DataView(image.buffer).setBigUint64(40, BigInt(image.length), true);
  const layout = layoutOf(image);
  assertEquals([layout.size, layout.memory], [BODY + LEAD + 0x40_1000, LEAD + 0x80_0000]);
  assertEquals(layout.startup, LEAD + 0x40_0010 - ENTRY);
  const file = buildImage(INFO, image, layout, false);
  assertEquals([file[BODY + LEAD], file[BODY + LEAD + 0x1000], file[BODY + LEAD + 0x40_0000]], [1, 0, 2]);
});

pure("a kernel that asks for less than 2 MiB is aligned to that, since it halts elsewhere", () => {
  const file = buildImage({ ...INFO, alignment: 4096 }, UNPACKED, layoutOf(UNPACKED), true);
  assertEquals(infoOf(file).alignment, 0x20_0000);
  const coarse = buildImage({ ...INFO, alignment: 0x100_0000 }, UNPACKED, layoutOf(UNPACKED), true);
  assertEquals(infoOf(coarse).alignment, 0x100_0000);
});

pure("a header that ends before a field that would be changed is left as short as it is", () => {
  const short = { ...INFO, header: INFO.header.slice(0, hdr.payload_length - hdr.setup_sects) };
  const file = buildImage(short, UNPACKED, layoutOf(UNPACKED), true);
  assertEquals(file.subarray(hdr.payload_length, BODY + ENTRY).every((byte) => byte === 0), true);
});

pure("a kernel that cannot run elsewhere is refused in words", () => {
  const image = elf({ segments: [{ paddr: LINKED, vaddr: LINKED, bytes: CODE, align: 0x1000n }] });
  new DataView(image.buffer).setBigUint64(40, BigInt(image.length), true);
  const { value, diagnostics: [diagnostic] } = builtLayout(described(image), "/boot/vmlinuz");
  assertEquals([value, diagnostic?.code], [undefined, "elf-layout"]);
  assertEquals(
    diagnostic?.message,
    "/boot/vmlinuz: its kernel runs only where it was linked for, and kexec_file_load places it elsewhere",
  );
});

pure("parts in any order, and of any length, lie whole in the file; empty ones nowhere", () => {
  const of = described(UNPACKED);
  const [load] = of.elf.loads;
  assert(load !== undefined);
  const second = { ...load, paddr: load.paddr + 0x20_0000n, vaddr: load.vaddr + 0x20_0000n, filesz: 0x1001n };
  const empty = { ...load, paddr: 0n, vaddr: 0n, filesz: 0n, memsz: 0n };
  const layout = (...loads: Vmlinux["elf"]["loads"]) => builtLayout({ elf: { ...of.elf, loads } }, "/k").value;
  const size = BODY + LEAD + 0x20_0000 + 0x1001;
  for (const loads of [[load, second], [second, load], [load, second, empty]]) {
    const value = layout(...loads);
    assertEquals([value?.size, value?.parts.length], [size, 2]);
  }
  const value = layout(load, second);
  assert(value !== undefined);
  // Fields that would lead into the file that it was in.
  const header = INFO.header.slice();
  const at = (field: number) => field - hdr.setup_sects;
  const view = new DataView(header.buffer);
  for (const field of [hdr.handover_offset, hdr.kernel_info_offset, hdr.payload_offset]) {
    view.setUint32(at(field), 0x1234, true);
  }
  const built = fieldsOf(buildImage({ ...INFO, header }, UNPACKED, value, false));
  assertEquals(
    [hdr.handover_offset, hdr.kernel_info_offset, hdr.payload_offset].map((field) => built.u32(field)),
    [0, 0, 0],
  );
  // In units of 16 bytes, of which the last is begun.
  assertEquals(built.u32(hdr.syssize), Math.ceil((size - BODY) / 16));
});
