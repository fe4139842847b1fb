import type { Checked } from "../../core/diagnostic.ts";
import { alignUp } from "../../core/range.ts";
import type { BzImage, Vmlinux } from "../../image/image.ts";
import { SETUP_HEADER as hdr } from "../../image/setup_header.ts";
import { elfLayout } from "./elf_loader.ts";
import { ENTRY_STUB_CODE, ENTRY_STUB_SYMBOLS as STUB } from "./entry_stub_code.ts";
import { PMD_SIZE } from "./memory_layout.ts";
import { kernelStep } from "./predecompress.ts";
import { type LoadedPart, relocate } from "./relocations.ts";

/** Boot sector and one sector of setup code: kexec_file_load(2) demands two, and copies of them the setup header only. */
const SETUP_SIZE = 1024;

/** Where the loader's purgatory enters the protected-mode code, bytes from its start (boot.rst, "64-bit boot protocol"). */
const ENTRY_64 = 0x200;

/** The kernel follows that far into the protected-mode code: the stub precedes it, and it runs at any multiple of 2 MiB. */
const LEAD = PMD_SIZE;

/** Pages of 4 KiB, by which the loader copies. */
const PAGE_SIZE = 4096n;

/** A bzImage for an unpacked kernel: where everything lies in it. Bytes. */
export interface BuiltLayout {
  /** Of the file. */
  readonly size: number;
  /** Its init_size: what it takes in memory. */
  readonly memory: number;
  /** From the entry stub to startup_64. */
  readonly startup: number;
  /** The kernel's parts: from where in the unpacked kernel to where in the file. */
  readonly parts: readonly (LoadedPart & { readonly from: number })[];
}

/**
 * Lays out a bzImage that kexec_file_load(2) takes and that has no decompressor: two sectors with the kernel's own setup
 * header, the entry stub (entry_stub.S), and the unpacked kernel. bzImage64_load places the protected-mode code at a multiple
 * of kernel_alignment with init_size bytes of memory for it, and enters it 0x200 bytes into it; it neither looks for a
 * payload nor moves anything (arch/x86/kernel/kexec-bzimage64.c, Linux 6.1 to 7.2). So all of the kernel lies within the
 * segment, with its memory up to a multiple of 2 MiB, by which it maps itself. Error: `elf-layout`.
 */
export function builtLayout({ elf }: Pick<Vmlinux, "elf">, path: string): Checked<BuiltLayout> {
  const { value: layout, diagnostics } = elfLayout(elf, path, PAGE_SIZE);
  if (layout === undefined) return { value: undefined, diagnostics };
  const { preferred, size, alignment } = layout.request;
  if (alignment < PMD_SIZE) {
    const message = `${path}: its kernel runs only where it was linked for, and kexec_file_load places it elsewhere`;
    return { value: undefined, diagnostics: [{ code: "elf-layout", severity: "error", message }] };
  }
  const parts = elf.loads.filter(({ memsz }) => memsz > 0n).map(({ offset, paddr, filesz }) => ({
    from: Number(offset),
    offset: BigInt(SETUP_SIZE) + LEAD + paddr - preferred,
    paddr,
    filesz,
  }));
  const end = parts.reduce((most, { offset, filesz }) => offset + filesz > most ? offset + filesz : most, 0n);
  return {
    value: {
      size: Number(end),
      memory: Number(LEAD + alignUp(size, PMD_SIZE)),
      startup: Number(LEAD + layout.entry - preferred) - ENTRY_64,
      parts,
    },
    diagnostics,
  };
}

/**
 * The file of such a layout, whose kernel runs at the virtual addresses that it was linked for. `image` is what the payload
 * unpacked to. `kaslr`: whether boot_params says that its virtual base is random.
 */
export function buildImage(info: BzImage, image: Uint8Array, layout: BuiltLayout, kaslr: boolean): Uint8Array {
  const file = new Uint8Array(layout.size);
  file.set(builtHeader(info, layout), hdr.setup_sects);
  file.set(entryStub(layout.startup, kaslr ? STUB.kaslrFlag : 0), SETUP_SIZE + ENTRY_64);
  for (const { from, offset, filesz } of layout.parts) {
    file.set(image.subarray(from, from + Number(filesz)), Number(offset));
  }
  return file;
}

/** Moves the kernel in a built file up in its virtual addresses, in place; `distance` in bytes. */
export function moveImage(
  file: Uint8Array,
  image: Uint8Array,
  { relocations }: Pick<Vmlinux, "relocations">,
  { parts }: BuiltLayout,
  distance: bigint,
): void {
  relocate(file, image, relocations, parts, distance);
}

/** The kernel's own setup header, but for what it says of the file that it was in. */
function builtHeader(info: BzImage, { size, memory }: BuiltLayout): Uint8Array {
  const copy = info.header.slice();
  const view = new DataView(copy.buffer);
  const at = (field: number): number => field - hdr.setup_sects;
  const u32 = (field: number, value: number): void => {
    if (at(field) + 4 <= copy.length) view.setUint32(at(field), value, true);
  };
  view.setUint8(at(hdr.setup_sects), SETUP_SIZE / 512 - 1);
  u32(hdr.syssize, Math.ceil((size - SETUP_SIZE) / 16));
  // The text that this points to lies in the setup code.
  view.setUint16(at(hdr.kernel_version), 0, true);
  u32(hdr.payload_offset, 0);
  u32(hdr.payload_length, 0);
  u32(hdr.kernel_alignment, Number(kernelStep(info)));
  u32(hdr.init_size, memory);
  u32(hdr.handover_offset, 0);
  u32(hdr.kernel_info_offset, 0);
  return copy;
}

function entryStub(startup: number, loadflags: number): Uint8Array {
  const code = Uint8Array.fromBase64(ENTRY_STUB_CODE);
  const view = new DataView(code.buffer);
  view.setBigUint64(STUB.startup, BigInt(startup), true);
  view.setUint8(STUB.loadflags, loadflags);
  return code;
}
