import type { Range } from "../core/range.ts";

/** A piece of physical memory that a dump holds. */
export interface DumpedMemory extends Range {
  /** The virtual address at which the running kernel maps its first byte. */
  readonly vaddr: bigint;
  /** Where its bytes are when the crash kernel runs, if they were copied away before; else where they were. */
  readonly copiedTo?: bigint;
}

/** A note that the running kernel keeps at a fixed place; physical address and size, bytes. */
export interface DumpNote {
  readonly address: bigint;
  readonly size: bigint;
}

/** What the ELF core header says about the kernel that panicked. */
export interface CrashDump {
  /** EM_ number of the architecture. */
  readonly machine: number;
  /** The registers of each CPU. */
  readonly cpuNotes: readonly DumpNote[];
  /** What makedumpfile and crash need to find their way. */
  readonly vmcoreinfo: DumpNote;
  /** The kernel's text mapping. */
  readonly text: DumpedMemory;
  /** The memory that is dumped. */
  readonly memory: readonly DumpedMemory[];
}

/** sizeof(Elf64_Ehdr) and sizeof(Elf64_Phdr). */
const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;

const ET_CORE = 4;
const PT_LOAD = 1;
const PT_NOTE = 4;
/** PF_R | PF_W | PF_X. */
const ALL_ACCESS = 7;

interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly size: bigint;
}

/**
 * Builds the ELF64 core header from which the crash kernel makes /proc/vmcore: a PT_NOTE for each CPU, one for
 * vmcoreinfo, a PT_LOAD for the kernel's text, one for each piece of memory; p_offset is a physical address
 * (crash_prepare_elf64_headers in kernel/crash_core.c and fs/proc/vmcore.c, Linux 7.3).
 */
export function buildElfcorehdr(dump: CrashDump): Uint8Array {
  const rows = [
    ...[...dump.cpuNotes, dump.vmcoreinfo].map(noteHeader),
    ...[dump.text, ...dump.memory].map(loadHeader),
  ];
  const bytes = new Uint8Array(HEADER_SIZE + rows.length * PROGRAM_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, ELFCLASS64, ELFDATA2LSB, EV_CURRENT
  view.setUint16(16, ET_CORE, true);
  view.setUint16(18, dump.machine, true);
  view.setUint32(20, 1, true); // EV_CURRENT
  view.setBigUint64(32, BigInt(HEADER_SIZE), true); // e_phoff
  view.setUint16(52, HEADER_SIZE, true);
  view.setUint16(54, PROGRAM_HEADER_SIZE, true);
  view.setUint16(56, rows.length, true);
  for (const [index, row] of rows.entries()) {
    const at = HEADER_SIZE + index * PROGRAM_HEADER_SIZE;
    view.setUint32(at, row.type, true);
    view.setUint32(at + 4, row.flags, true);
    const fields = [row.offset, row.vaddr, row.paddr, row.size, row.size, 0n];
    for (const [index, value] of fields.entries()) view.setBigUint64(at + 8 + index * 8, value, true);
  }
  return bytes;
}

/** How many bytes `buildElfcorehdr` makes. */
export function elfcorehdrSize(dump: CrashDump): bigint {
  return BigInt(HEADER_SIZE + (dump.cpuNotes.length + 2 + dump.memory.length) * PROGRAM_HEADER_SIZE);
}

function noteHeader({ address, size }: DumpNote): ProgramHeader {
  return { type: PT_NOTE, flags: 0, offset: address, vaddr: 0n, paddr: address, size };
}

function loadHeader({ start, end, vaddr, copiedTo }: DumpedMemory): ProgramHeader {
  return { type: PT_LOAD, flags: ALL_ACCESS, offset: copiedTo ?? start, vaddr, paddr: start, size: end - start };
}
