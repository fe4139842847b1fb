import type { ByteSource } from "../core/bytes.ts";
import { formatAddress } from "../core/number.ts";
import { EM_386, EM_X86_64 } from "../formats/elf.ts";
import { MULTIBOOT_WINDOW, type MultibootHeader, readMultiboot } from "../formats/multiboot.ts";
import type { ElfImage, MultibootImage, NotKernel } from "./image.ts";
import { damaged } from "./probe.ts";

/** What an ELF file with a Multiboot header is; undefined without such a header, or for another machine than x86. */
export function multibootElf(source: ByteSource, elf: ElfImage): MultibootImage | NotKernel | undefined {
  if (!elf.littleEndian || (elf.machine !== EM_386 && elf.machine !== EM_X86_64)) return undefined;
  const found = readMultiboot(source.read(0, MULTIBOOT_WINDOW));
  if (found === undefined) return undefined;
  if (found.kind === "damaged") {
    // In what can be loaded by its ELF header alone, a stray magic number means nothing.
    return elf.bits === 32 ? damaged(nameOf(found.version), found.why) : undefined;
  }
  const { header } = found;
  // Addresses in the header outweigh the ELF header, as both specifications say.
  if (header.addresses !== undefined) return flatImage(source, header);
  const loads = elf.loads.map(({ offset, paddr, filesz, memsz }) => ({ offset, paddr, filesz, memsz }))
    .filter(({ memsz }) => memsz > 0n)
    .toSorted((a, b) => a.paddr < b.paddr ? -1 : 1);
  return {
    kind: "multiboot",
    header,
    bits: elf.bits,
    loads,
    entry: header.entry === undefined ? physicalEntry(elf) : BigInt(header.entry),
  };
}

/** What a file that is not ELF is by its Multiboot header, among its first bytes, `start`; undefined without one. */
export function multibootFlat(source: ByteSource, start: Uint8Array): MultibootImage | NotKernel | undefined {
  const found = readMultiboot(start);
  if (found === undefined) return undefined;
  if (found.kind === "damaged") return damaged(nameOf(found.version), found.why);
  const { header } = found;
  return header.addresses === undefined
    ? damaged(nameOf(header.version), "it is not an ELF file, and its header has no load addresses")
    : flatImage(source, header);
}

function nameOf(version: 1 | 2): string {
  return `Multiboot ${version} image`;
}

/** e_entry is virtual or physical: the PT_LOAD that holds it says which, as GRUB asks (grub-core/loader/multiboot_elfxx.c, 2.12). */
function physicalEntry({ loads, entry }: ElfImage): bigint {
  const load = loads.find(({ vaddr, memsz }) => vaddr <= entry && entry < vaddr + memsz);
  return load === undefined ? entry : entry - load.vaddr + load.paddr;
}

/** Section 3.1.3 of the specification of version 1, 3.1.5 of version 2. */
function flatImage(source: ByteSource, header: MultibootHeader): MultibootImage | NotKernel {
  const { version, offset, addresses: at, entry = 0 } = header;
  const wrong = (why: string): NotKernel => damaged(nameOf(version), why);
  if (at === undefined) return wrong("its header has no load addresses");
  const hex = (address: number): string => formatAddress(BigInt(address));
  // Version 2 writes -1 for "from the start of the file".
  const load = version === 2 && at.load === 0xffff_ffff ? at.header - offset : at.load;
  const start = offset - (at.header - load);
  if (load < 0 || load > at.header) {
    return wrong(`its header is for ${hex(at.header)}, below its load address ${hex(Math.max(load, 0))}`);
  }
  if (start < 0) {
    return wrong(
      `its load address ${
        hex(load)
      } would lie ${-start} bytes before the file: its header, at byte ${offset}, is for ` +
        hex(at.header),
    );
  }
  const filesz = at.loadEnd === 0 ? source.size - start : at.loadEnd - load;
  if (filesz <= 0) return wrong(`its load address ${hex(load)} is not below its load end ${hex(at.loadEnd)}`);
  if (start + filesz > source.size) {
    return wrong(`${source.size} bytes, where its load addresses want ${start + filesz}`);
  }
  const memsz = at.bssEnd === 0 ? filesz : at.bssEnd - load;
  if (memsz < filesz) {
    return wrong(`its bss end ${hex(at.bssEnd)} is below its load end ${hex(load + filesz)}`);
  }
  if (entry < load || entry >= load + memsz) {
    return wrong(`its entry ${hex(entry)} lies outside of ${hex(load)} to ${hex(load + memsz)}`);
  }
  const [paddr, size] = [BigInt(load), BigInt(filesz)];
  return {
    kind: "multiboot",
    header,
    loads: [{ offset: BigInt(start), paddr, filesz: size, memsz: BigInt(memsz) }],
    entry: BigInt(entry),
  };
}
