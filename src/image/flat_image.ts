import type { ElfImage } from "./image.ts";

/** The bytes of an image, or a clause that says why there are none. */
export type FlatImage =
  | { readonly kind: "image"; readonly bytes: Uint8Array }
  | { readonly kind: "fault"; readonly why: string };

/**
 * The Image that an ELF kernel for arm64 was linked as: its segments as they lie in memory, from the lowest address on
 * (`objcopy -O binary`, arch/arm64/boot/Makefile, Linux 6.12). What lies after the last byte of the file is memory that the
 * header of the Image counts, and is not written out. `most`: bytes that it may take.
 */
export function arm64ImageOf(elf: Uint8Array, { loads }: ElfImage, most: number): FlatImage {
  const filled = loads.filter(({ filesz }) => filesz > 0n);
  const start = filled.reduce<bigint | undefined>(
    (least, { paddr }) => least === undefined || paddr < least ? paddr : least,
    undefined,
  );
  if (start === undefined) return { kind: "fault", why: "it has no bytes to load" };
  const end = filled.reduce((last, { paddr, filesz }) => paddr + filesz > last ? paddr + filesz : last, start);
  if (end - start > BigInt(most)) return { kind: "fault", why: "its segments lie too far apart for one Image" };
  const bytes = new Uint8Array(Number(end - start));
  for (const { paddr, offset, filesz } of filled) {
    bytes.set(elf.subarray(Number(offset), Number(offset + filesz)), Number(paddr - start));
  }
  return { kind: "image", bytes };
}
