import type { ByteSource, Fields } from "../core/bytes.ts";
import { printable, shorten } from "../core/text.ts";
import {
  type ElfFault,
  type ElfProgramHeader,
  hasAbiTag,
  PT_INTERP,
  PT_LOAD,
  PT_NOTE,
  readElfHeader,
  readProgramHeaders,
} from "../formats/elf.ts";
import type { ElfImage, ImageInfo, NotKernel } from "./image.ts";
import { multibootElf } from "./multiboot.ts";
import { damaged, NAME_THE_KERNEL, truncated } from "./probe.ts";

/** The types of ELF file that are not kernels; a kernel is ET_EXEC or ET_DYN. */
const OTHER_TYPES: { readonly [type: number]: Pick<NotKernel, "what" | "hint"> } = {
  1: { what: "a kernel module, or another relocatable ELF object", hint: NAME_THE_KERNEL },
  4: { what: "an ELF core dump", hint: "A dump is read with crash or gdb; name the kernel itself" },
};

/** Recognises ELF files of both classes and byte orders: kernels (vmlinux) and other payloads with loadable segments. */
export function probeElf(source: ByteSource, head: Fields): ImageInfo | undefined {
  const elf = readElfHeader(head);
  if (elf === undefined) return undefined;
  if (elf.kind !== "elf-file") return faulty(elf, source);
  const { bits, littleEndian, machine, type, entry } = elf;
  const other = OTHER_TYPES[type];
  if (other !== undefined) return { kind: "not-kernel", ...other };
  if (type !== 2 && type !== 3) return damaged("ELF file", `its type ${type} is not known`);
  const read = readProgramHeaders(source, elf);
  if (read.kind !== "headers") return faulty(read, source);
  const { headers } = read;

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
  if (type === 3 && entry === 0n) {
    return { kind: "not-kernel", what: "a shared library (ELF without an entry point)", hint: NAME_THE_KERNEL };
  }
  const image: ElfImage = {
    kind: "elf",
    bits,
    littleEndian,
    machine,
    type,
    entry,
    loads: loads.map(({ offset, paddr, vaddr, filesz, memsz, align }): ElfImage["loads"][number] => (
      { offset, paddr, vaddr, filesz, memsz, align }
    )),
  };
  return multibootElf(source, image) ?? image;
}

function faulty(fault: ElfFault, source: ByteSource): NotKernel {
  return fault.kind === "cut-elf" ? truncated("ELF file", source, fault.wanted) : damaged("ELF file", fault.why);
}

/** A program for an operating system says so: by its interpreter, or by the note of the C library's ABI. */
function userspaceOf(
  source: ByteSource,
  headers: readonly ElfProgramHeader[],
  littleEndian: boolean,
): NotKernel | undefined {
  const part = ({ offset, filesz }: ElfProgramHeader): Uint8Array =>
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
      what: `a userspace program (ELF, run by ${shorten(printable(path), 80)})`,
      hint: NAME_THE_KERNEL,
    };
  }
  // Real files have one or two; a crafted one must not cost thousands of reads.
  const notes = headers.filter((header) => header.type === PT_NOTE).slice(0, 8);
  if (!notes.some((header) => hasAbiTag(part(header), littleEndian))) return undefined;
  return { kind: "not-kernel", what: "a userspace program (statically linked ELF)", hint: NAME_THE_KERNEL };
}
