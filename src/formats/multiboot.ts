import { type Fields, fieldsOf } from "../core/bytes.ts";

/** How far a header may lie into a file, bytes. */
export const MULTIBOOT_WINDOW = 32768;

/**
 * A Multiboot header lies somewhere at the start of the file, aligned; its fields sum to zero modulo 2^32
 * (Multiboot specification 0.6.96, section 3.1; Multiboot2 specification 2.0, section 3.1). Sizes in bytes.
 */
const VERSIONS = [
  { version: 2, magic: 0xe85250d6, within: MULTIBOOT_WINDOW, align: 8, fields: 4 },
  { version: 1, magic: 0x1badb002, within: 8192, align: 4, fields: 3 },
] as const;

/** What boots such an image, in a hint. The types are those of kexec(8), kexec-tools 2.0.25. */
export const MULTIBOOT_LOADERS: { readonly [version in 1 | 2]: string } = {
  1: "GRUB boots it (`multiboot`), and kexec-tools may (`kexec --type=multiboot-x86`)",
  2: "GRUB boots it (`multiboot2`), and kexec-tools may (`kexec --type=multiboot2-x86`)",
};

/** The version of the Multiboot header among a file's first bytes, or undefined if there is none. */
export function multibootOf(bytes: Uint8Array): 1 | 2 | undefined {
  const start = fieldsOf(bytes.subarray(0, MULTIBOOT_WINDOW));
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
