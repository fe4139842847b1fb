import { type Fields, fieldsOf } from "../core/bytes.ts";
import type { Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import type { KernelMapping } from "./facts.ts";

/** sizeof(Elf64_Ehdr) and sizeof(Elf64_Phdr). */
const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;

const PT_LOAD = 1;

/** What /proc/kcore writes as the physical address of a mapping that has none: modules, vmalloc. */
const NO_ADDRESS = 0xffff_ffff_ffff_ffffn;

/** Where the program headers of an ELF64 file end, bytes, from its first 64; 0 if it is none. */
export function programHeadersEnd(start: Uint8Array): number {
  const table = programHeaders(fieldsOf(start));
  return table === undefined ? 0 : table.offset + table.count * PROGRAM_HEADER_SIZE;
}

function programHeaders(fields: Fields): { readonly offset: number; readonly count: number } | undefined {
  const isElf64 = fields.size >= HEADER_SIZE && fields.u32(0) === 0x464c_457f && fields.u8(4) === 2 &&
    fields.u8(5) === 1 && fields.u64(32) < 1n << 32n && fields.u16(54) === PROGRAM_HEADER_SIZE;
  return isElf64 ? { offset: Number(fields.u64(32)), count: fields.u16(56) } : undefined;
}

/**
 * Decodes the headers of /proc/kcore (fs/proc/kcore.c, physical addresses from Linux 4.11): each PT_LOAD whose physical
 * address is given. An empty file is what containers put in its place.
 */
export function kernelMap(from: Captured, report: Report): readonly KernelMapping[] | undefined {
  const found = from.one("kcore");
  if (found === undefined || found.bytes.length === 0) return undefined;
  const fields = fieldsOf(found.bytes);
  const table = programHeaders(fields);
  if (table === undefined || table.offset + table.count * PROGRAM_HEADER_SIZE > fields.size) {
    return void report(malformed({ ...found, text: "" }, "the headers of a 64-bit little-endian ELF file"));
  }
  return Array.from({ length: table.count }, (_, index) => table.offset + index * PROGRAM_HEADER_SIZE)
    .filter((at) => fields.u32(at) === PT_LOAD && fields.u64(at + 24) !== NO_ADDRESS)
    .map((at) => ({ vaddr: fields.u64(at + 16), paddr: fields.u64(at + 24), size: fields.u64(at + 40) }));
}
