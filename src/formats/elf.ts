import { align4, type ByteSource, type Fields } from "../core/bytes.ts";

/** Machines by their numbers in elf.h. */
export const EM_386 = 3;
export const EM_X86_64 = 62;
export const EM_AARCH64 = 183;

/** One program header, of either class. Addresses and sizes in bytes. */
export interface ElfProgramHeader {
  /** PT_LOAD and its kin. */
  readonly type: number;
  /** Where its bytes begin in the file. */
  readonly offset: bigint;
  /** The virtual address that it was linked for. */
  readonly vaddr: bigint;
  /** The physical address that it was linked for. */
  readonly paddr: bigint;
  /** How many bytes the file has of it. */
  readonly filesz: bigint;
  /** How much memory it takes. */
  readonly memsz: bigint;
  /** A power of two, or 0. */
  readonly align: bigint;
}

/** What the header of an ELF file says, of either class and byte order (System V ABI, chapters 4 and 5). */
export interface ElfFile {
  readonly kind: "elf-file";
  /** The class. */
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  /** EM_ of elf.h. */
  readonly machine: number;
  /** ET_ of elf.h: ET_REL is 1, ET_EXEC 2, ET_DYN 3, ET_CORE 4. */
  readonly type: number;
  /** The entry's address. */
  readonly entry: bigint;
  /** Where the program headers lie in the file. */
  readonly table: { readonly offset: bigint; readonly count: number; readonly entrySize: number };
}

/** An ELF file that ends within its own header, or one whose header contradicts itself. */
export type ElfFault =
  | { readonly kind: "cut-elf"; readonly wanted: number | bigint }
  | { readonly kind: "damaged-elf"; readonly why: string };

/** The type of a program header. */
export const PT_LOAD = 1;
/** See `PT_LOAD`. */
export const PT_INTERP = 3;
/** See `PT_LOAD`. */
export const PT_NOTE = 4;

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

/** Reads an ELF header. `head`: the first bytes of the file. Undefined: it is not an ELF file. */
export function readElfHeader(head: Fields): ElfFile | ElfFault | undefined {
  if (head.size < 4 || head.text(0, 4) !== "\x7fELF") return undefined;
  if (head.size < 6) return { kind: "cut-elf", wanted: 52 };
  const bits = head.u8(4) === 1 ? 32 : head.u8(4) === 2 ? 64 : undefined;
  const littleEndian = head.u8(5) === 1;
  if (bits === undefined) return { kind: "damaged-elf", why: `its class is ${head.u8(4)}, neither 1 nor 2` };
  if (!littleEndian && head.u8(5) !== 2) {
    return { kind: "damaged-elf", why: `its byte order is ${head.u8(5)}, neither 1 nor 2` };
  }
  const { header } = CLASSES[bits];
  if (head.size < header.size) return { kind: "cut-elf", wanted: header.size };
  const fields = orderedFields(head.bytes(0, header.size), bits, littleEndian);
  return {
    kind: "elf-file",
    bits,
    littleEndian,
    machine: fields.half(18),
    type: fields.half(16),
    entry: fields.word(header.entry),
    table: {
      offset: fields.word(header.phoff),
      count: fields.half(header.phnum),
      entrySize: fields.half(header.phentsize),
    },
  };
}

/** Reads the program headers of a file whose header was read. */
export function readProgramHeaders(
  source: ByteSource,
  elf: ElfFile,
): { readonly kind: "headers"; readonly headers: readonly ElfProgramHeader[] } | ElfFault {
  const { offset, count, entrySize } = elf.table;
  if (count === 0) return { kind: "headers", headers: [] };
  const { program } = CLASSES[elf.bits];
  if (entrySize !== program.size) {
    return { kind: "damaged-elf", why: `its program headers have ${entrySize} bytes each, not ${program.size}` };
  }
  const end = offset + BigInt(count * entrySize);
  if (end > BigInt(source.size)) return { kind: "cut-elf", wanted: end };
  const table = source.read(Number(offset), count * program.size);
  const headers = Array.from({ length: Math.floor(table.length / program.size) }, (_, index) => {
    const bytes = table.subarray(index * program.size, (index + 1) * program.size);
    const fields = orderedFields(bytes, elf.bits, elf.littleEndian);
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
  return { kind: "headers", headers };
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

/** Whether notes hold NT_GNU_ABI_TAG: name "GNU", type 1. Each is three 32-bit fields, name and data padded to 4. */
export function hasAbiTag(notes: Uint8Array, littleEndian: boolean): boolean {
  const fields = orderedFields(notes, 32, littleEndian);
  for (let at = 0; at + 16 <= notes.length;) {
    const [nameSize, dataSize, type] = [fields.single(at), fields.single(at + 4), fields.single(at + 8)];
    const isGnu = nameSize === 4 && notes[at + 12] === 0x47 && notes[at + 13] === 0x4e && notes[at + 14] === 0x55;
    if (isGnu && type === 1) return true;
    at += 12 + align4(nameSize) + align4(dataSize);
  }
  return false;
}
