/** A program header of an ELF core, by the names of elf(5). */
export interface CoreHeader {
  readonly type: "NOTE" | "LOAD";
  readonly flags: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
  readonly align: bigint;
}

/** An ELF core header. */
export interface ElfCore {
  readonly machine: number;
  readonly headers: readonly CoreHeader[];
}

/**
 * Reads an ELF core header as a crash kernel does, refusing what parse_crash_elf64_headers of fs/proc/vmcore.c refuses.
 * Written from elf(5), without the code that it tests.
 */
export function readElfCore(bytes: Uint8Array): ElfCore {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const demand = (right: boolean, what: string) => {
    if (!right) throw new Error(`No ELF core: ${what}`);
  };
  demand(data.getUint32(0) === 0x7f454c46, "magic");
  demand(
    data.getUint8(4) === 2 && data.getUint8(5) === 1 && data.getUint8(6) === 1,
    "64-bit, little-endian, version 1",
  );
  demand(data.getUint16(16, true) === 4, "ET_CORE");
  demand(data.getUint32(20, true) === 1, "e_version");
  demand(data.getUint16(52, true) === 64 && data.getUint16(54, true) === 56, "sizes of headers");
  const start = Number(data.getBigUint64(32, true));
  const count = data.getUint16(56, true);
  demand(count > 0 && start + count * 56 === bytes.length, "program headers fill the file");
  const headers = Array.from({ length: count }, (_, index): CoreHeader => {
    const at = start + index * 56;
    const type = data.getUint32(at, true);
    demand(type === 1 || type === 4, "PT_LOAD or PT_NOTE");
    const word = (offset: number) => data.getBigUint64(at + offset, true);
    return {
      type: type === 1 ? "LOAD" : "NOTE",
      flags: data.getUint32(at + 4, true),
      offset: word(8),
      vaddr: word(16),
      paddr: word(24),
      filesz: word(32),
      memsz: word(40),
      align: word(48),
    };
  });
  return { machine: data.getUint16(18, true), headers };
}
