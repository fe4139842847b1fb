import { START_KERNEL_MAP_LOW } from "./memory_layout.ts";
import { fieldsOf } from "../../core/bytes.ts";
import type { RelocationSet } from "../../image/image.ts";

/** A part of an ELF kernel as it is loaded; bytes. */
export interface LoadedPart {
  /** Where it lies in the file. */
  readonly offset: bigint;
  /** The physical address that it was linked for. */
  readonly paddr: bigint;
  /** How much of the file it takes. */
  readonly filesz: bigint;
}

/** The relocations of a kernel, or why they cannot be read: `why` completes "the kernel …". */
export type FoundRelocations =
  | { readonly kind: "relocations"; readonly relocations: readonly RelocationSet[] }
  | { readonly kind: "fault"; readonly why: string };

/**
 * Finds the relocations that follow the ELF file in a kernel's payload (emit_relocs in arch/x86/tools/relocs.c and
 * handle_relocations in arch/x86/boot/compressed/misc.c, Linux 6.12): a zero and the 64-bit ones, a zero and the inverse
 * 32-bit ones, a zero and the 32-bit ones. The middle list is gone since kernels address their per-CPU data relatively
 * (7.2 has none), so the number of zeros says which lists there are. Empty: the kernel
 * cannot be moved in its virtual addresses.
 */
export function findRelocations(
  image: Uint8Array,
  end: number,
  parts: readonly LoadedPart[],
): FoundRelocations {
  const fields = fieldsOf(image);
  if (end === image.length) return { kind: "relocations", relocations: [] };
  if (end > image.length || (image.length - end) % 4 !== 0 || fields.u32(end) !== 0) {
    return { kind: "fault", why: "has relocations that do not begin where its ELF file ends" };
  }
  const zeros: number[] = [];
  for (let at = end; at < image.length; at += 4) if (fields.u32(at) === 0) zeros.push(at);
  const kinds = KINDS[zeros.length];
  if (kinds === undefined) {
    return { kind: "fault", why: `has ${zeros.length} lists of relocations, where 2 or 3 are known` };
  }
  const sets = kinds.map((kind, index): RelocationSet => {
    const offset = (zeros[index] ?? 0) + 4;
    return { kind, offset, count: ((zeros[index + 1] ?? image.length) - offset) / 4 };
  });
  const place = placeOf(parts);
  for (const { kind, offset, count } of sets) {
    const width = kind === "add64" ? 8 : 4;
    for (let at = offset; at < offset + count * 4; at += 4) {
      if (place(fields.u32(at), width) === undefined) {
        return { kind: "fault", why: `has a relocation at 0x${fields.u32(at).toString(16)}, which lies outside of it` };
      }
    }
  }
  return { kind: "relocations", relocations: sets };
}

/** The lists by their number, first to last. */
const KINDS: { readonly [count: number]: readonly RelocationSet["kind"][] } = {
  2: ["add64", "add32"],
  3: ["add64", "inverse32", "add32"],
};

/**
 * The kernel as it must be to run `distance` bytes above the virtual addresses that it was linked for: a copy of `image`
 * up to where the lists begin.
 */
export function relocated(
  image: Uint8Array,
  sets: readonly RelocationSet[],
  parts: readonly LoadedPart[],
  distance: bigint,
): Uint8Array {
  const copy = image.slice(0, sets[0]?.offset ?? image.length);
  relocate(copy, image, sets, parts, distance);
  return copy;
}

/** Applies the relocations that the lists in `image` name to `target`, where `parts` lie at their `offset`s. */
export function relocate(
  target: Uint8Array,
  image: Uint8Array,
  sets: readonly RelocationSet[],
  parts: readonly LoadedPart[],
  distance: bigint,
): void {
  const lists = fieldsOf(image);
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  const place = placeOf(parts);
  const low = Number(distance & 0xffff_ffffn);
  for (const { kind, offset, count } of sets) {
    for (let at = offset; at < offset + count * 4; at += 4) {
      const found = place(lists.u32(at), kind === "add64" ? 8 : 4);
      if (found === undefined) continue;
      switch (kind) {
        case "add64":
          view.setBigUint64(found, view.getBigUint64(found, true) + distance, true);
          break;
        case "inverse32":
          view.setUint32(found, view.getUint32(found, true) - low, true);
          break;
        case "add32":
          view.setUint32(found, view.getUint32(found, true) + low, true);
      }
    }
  }
}

/** From an entry to where in the file it points; undefined for one whose bytes are not all in one part. */
function placeOf(parts: readonly LoadedPart[]): (entry: number, width: number) => number | undefined {
  const rows = parts.map(({ offset, paddr, filesz }) => ({
    start: Number(paddr),
    end: Number(paddr + filesz),
    shift: Number(offset - paddr),
  }));
  return (entry, width) => {
    const address = entry - START_KERNEL_MAP_LOW;
    for (const { start, end, shift } of rows) {
      if (address >= start && address + width <= end) return address + shift;
    }
    return undefined;
  };
}
