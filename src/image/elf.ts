import type { ByteSource, Fields } from "../core/bytes.ts";
import type { ElfImage, ImageInfo, NotKernel } from "./image.ts";
import { MULTIBOOT_WINDOW, multibootOf } from "../formats/multiboot.ts";
import { damaged, NAME_THE_KERNEL, truncated } from "./probe.ts";
import { printable } from "../core/text.ts";

/** One program header, of either class. */
interface ProgramHeader {
  readonly type: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
  readonly align: bigint;
}

/** Where the fields lie in the two classes (System V ABI, chapters 4 and 5). Offsets and sizes in bytes. */
const CLASSES = {
  32: {
    header: { size: 52, entry: 24, phoff: 28, phentsize: 42, phnum: 44 },
    program: { size: 32, offset: 4, vaddr: 8, paddr: 12, filesz: 16, memsz: 20, align: 28 },
  },
  64: {
    header: { size: 64, entry: 24, phoff: 32, phentsize: 54, phnum: 56 },
    program: { size: 56, offset: 8, vaddr: 16, paddr: 24, filesz: 32, memsz: 40, align: 48 },
  },
} as const;

const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_NOTE = 4;

/** The types of ELF file that are no kernel; a kernel is ET_EXEC or ET_DYN. */
const OTHER_TYPES: { readonly [type: number]: Pick<NotKernel, "what" | "hint"> } = {
  1: { what: "a kernel module, or another relocatable ELF object", hint: NAME_THE_KERNEL },
  4: { what: "an ELF core dump", hint: "A dump is read with crash or gdb; name the kernel itself" },
};

/** Recognises ELF files of both classes and byte orders: kernels (vmlinux) and other payloads with loadable segments. */
export function probeElf(source: ByteSource, head: Fields): ImageInfo | undefined {
  if (head.size < 4 || head.text(0, 4) !== "\x7fELF") return undefined;
  if (head.size < 6) return truncated("ELF file", source, 52);
  const bits = head.u8(4) === 1 ? 32 : head.u8(4) === 2 ? 64 : undefined;
  const littleEndian = head.u8(5) === 1;
  if (bits === undefined) return damaged("ELF file", `its class is ${head.u8(4)}, neither 1 nor 2`);
  if (!littleEndian && head.u8(5) !== 2) return damaged("ELF file", `its byte order is ${head.u8(5)}, neither 1 nor 2`);

  const { header, program } = CLASSES[bits];
  if (head.size < header.size) return truncated("ELF file", source, header.size);
  const fields = orderedFields(head.bytes(0, header.size), bits, littleEndian);
  const type = fields.half(16);
  const other = OTHER_TYPES[type];
  if (other !== undefined) return { kind: "not-kernel", ...other };
  if (type !== 2 && type !== 3) return damaged("ELF file", `its type ${type} is not known`);

  const phoff = fields.word(header.phoff);
  const phnum = fields.half(header.phnum);
  const phentsize = fields.half(header.phentsize);
  if (phnum > 0 && phentsize !== program.size) {
    return damaged("ELF file", `its program headers have ${phentsize} bytes each, not ${program.size}`);
  }
  const tableEnd = phoff + BigInt(phnum * phentsize);
  if (phnum > 0 && tableEnd > BigInt(source.size)) return truncated("ELF file", source, tableEnd);
  const headers = phnum === 0 ? [] : programHeaders(source, Number(phoff), phnum, bits, littleEndian);

  const userspace = userspaceOf(source, headers, littleEndian);
  if (userspace !== undefined) return userspace;
  const loads = headers.filter((each) => each.type === PT_LOAD);
  if (loads.length === 0) {
    return { kind: "not-kernel", what: "an ELF file without a loadable segment", hint: NAME_THE_KERNEL };
  }
  const end = loads.reduce((most, { offset, filesz }) => offset + filesz > most ? offset + filesz : most, 0n);
  if (end > BigInt(source.size)) return truncated("ELF file", source, end);
  if (loads.some(({ filesz, memsz }) => filesz > memsz)) {
    return damaged("ELF file", "one of its segments has more bytes in the file than in memory");
  }
  if (type === 3 && fields.word(header.entry) === 0n) {
    return { kind: "not-kernel", what: "a shared library (ELF without an entry point)", hint: NAME_THE_KERNEL };
  }
  const multiboot = multibootOf(source.read(0, MULTIBOOT_WINDOW));
  return {
    kind: "elf",
    bits,
    littleEndian,
    machine: fields.half(18),
    type,
    entry: fields.word(header.entry),
    loads: loads.map(({ offset, paddr, vaddr, filesz, memsz, align }): ElfImage["loads"][number] => (
      { offset, paddr, vaddr, filesz, memsz, align }
    )),
    ...(multiboot === undefined ? {} : { multiboot }),
  };
}

/** Reads fields in the file's byte order; a word has the size of an address. */
function orderedFields(bytes: Uint8Array, bits: 32 | 64, littleEndian: boolean): {
  readonly half: (offset: number) => number;
  readonly single: (offset: number) => number;
  readonly word: (offset: number) => bigint;
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    half: (offset) => view.getUint16(offset, littleEndian),
    single: (offset) => view.getUint32(offset, littleEndian),
    word: (offset) =>
      bits === 64 ? view.getBigUint64(offset, littleEndian) : BigInt(view.getUint32(offset, littleEndian)),
  };
}

function programHeaders(
  source: ByteSource,
  offset: number,
  count: number,
  bits: 32 | 64,
  littleEndian: boolean,
): readonly ProgramHeader[] {
  const { program } = CLASSES[bits];
  const table = source.read(offset, count * program.size);
  return Array.from({ length: Math.floor(table.length / program.size) }, (_, index) => {
    const fields = orderedFields(table.subarray(index * program.size, (index + 1) * program.size), bits, littleEndian);
    return {
      type: fields.single(0),
      offset: fields.word(program.offset),
      vaddr: fields.word(program.vaddr),
      paddr: fields.word(program.paddr),
      filesz: fields.word(program.filesz),
      memsz: fields.word(program.memsz),
      align: fields.word(program.align),
    };
  });
}

/** A program for an operating system says so: by its interpreter, or by the note of the C library's ABI. */
function userspaceOf(
  source: ByteSource,
  headers: readonly ProgramHeader[],
  littleEndian: boolean,
): NotKernel | undefined {
  const part = ({ offset, filesz }: ProgramHeader): Uint8Array =>
    offset < BigInt(source.size)
      ? source.read(Number(offset), Number(filesz < 4096n ? filesz : 4096n))
      : new Uint8Array();
  const interp = headers.find((header) => header.type === PT_INTERP);
  if (interp !== undefined) {
    const path = new TextDecoder("latin1").decode(part(interp)).split("\0", 1)[0] ?? "";
    // Kernels of FreeBSD and its kin are linked with this interpreter, which does not exist.
    if (path === "/red/herring") {
      return {
        kind: "not-kernel",
        what: "a FreeBSD kernel",
        hint: "FreeBSD's own loader boots it; name a Linux kernel",
      };
    }
    return {
      kind: "not-kernel",
      what: `a userspace program (ELF, run by ${printable(path.slice(0, 80))})`,
      hint: NAME_THE_KERNEL,
    };
  }
  // Real files have one or two; a crafted one must not cost thousands of reads.
  const notes = headers.filter((header) => header.type === PT_NOTE).slice(0, 8);
  if (!notes.some((header) => hasAbiTag(part(header), littleEndian))) return undefined;
  return { kind: "not-kernel", what: "a userspace program (statically linked ELF)", hint: NAME_THE_KERNEL };
}

/** Whether notes hold NT_GNU_ABI_TAG: name "GNU", type 1. Each is three 32-bit fields, name and data padded to 4. */
function hasAbiTag(notes: Uint8Array, littleEndian: boolean): boolean {
  const fields = orderedFields(notes, 32, littleEndian);
  const padded = (size: number): number => Math.ceil(size / 4) * 4;
  for (let at = 0; at + 16 <= notes.length;) {
    const [nameSize, dataSize, type] = [fields.single(at), fields.single(at + 4), fields.single(at + 8)];
    const isGnu = nameSize === 4 && notes[at + 12] === 0x47 && notes[at + 13] === 0x4e && notes[at + 14] === 0x55;
    if (isGnu && type === 1) return true;
    at += 12 + padded(nameSize) + padded(dataSize);
  }
  return false;
}
