import { type ByteSource, type Fields, fieldsOf } from "../core/bytes.ts";

/**
 * A Multiboot header lies somewhere at the start of the file, aligned; its fields sum to zero modulo 2^32
 * (Multiboot specification 0.6.96, section 3.1; Multiboot2 specification 2.0, section 3.1). Sizes in bytes.
 */
const VERSIONS = [
  { version: 2, magic: 0xe85250d6, within: 32768, align: 8, fields: 4 },
  { version: 1, magic: 0x1badb002, within: 8192, align: 4, fields: 3 },
] as const;

/** The version of the Multiboot header in a file, or undefined if it has none. Reads at most 32 KiB. */
export function multibootOf(source: ByteSource): 1 | 2 | undefined {
  const start = fieldsOf(source.read(0, 32768));
  return VERSIONS.find((row) => {
    const last = Math.min(row.within, start.size) - row.fields * 4;
    for (let at = 0; at <= last; at += row.align) {
      if (start.u32(at) === row.magic && sumOf(start, at, row.fields) === 0) return true;
    }
    return false;
  })?.version;
}

function sumOf(fields: Fields, offset: number, count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum = (sum + fields.u32(offset + index * 4)) >>> 0;
  return sum;
}
