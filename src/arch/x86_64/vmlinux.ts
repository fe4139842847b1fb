import { fieldsOf, memorySource } from "../../core/bytes.ts";
import { EM_X86_64 } from "../../formats/elf.ts";
import { identifyKernel } from "../../image/identify.ts";
import type { ElfImage, RelocationSet, Vmlinux } from "../../image/image.ts";
import { findRelocations } from "./relocations.ts";
import { KERNEL_IMAGE_SIZE, START_KERNEL_MAP_LOW } from "./memory_layout.ts";

/** Offsets in the header of an ELF64 file: the section headers end it, as objcopy writes it. */
const E_SHOFF = 40;
const E_SHENTSIZE = 58;
const E_SHNUM = 60;

/** What a kernel's payload unpacked to. */
export type DescribedVmlinux =
  | { readonly kind: "vmlinux"; readonly vmlinux: Vmlinux }
  | VmlinuxFault;

/** Why the bytes cannot be placed as a kernel. */
export interface VmlinuxFault {
  /** Not such a kernel. */
  readonly kind: "fault";
  /** Completes "the kernel …". */
  readonly why: string;
}

/** Reads what a kernel's payload unpacked to. Throws nothing, whatever the bytes. */
export function describeVmlinux(image: Uint8Array): DescribedVmlinux {
  const info = identifyKernel(memorySource(image));
  if (info.kind !== "elf" || info.machine !== EM_X86_64 || info.bits !== 64 || !info.littleEndian) {
    return fault("unpacks to something else than an x86_64 ELF file");
  }
  const size = BigInt(image.length);
  if (info.loads.some(({ paddr, memsz }) => paddr + memsz > KERNEL_IMAGE_SIZE)) {
    return fault("has parts beyond the 1 GiB that are mapped for it");
  }
  const fields = fieldsOf(image);
  const end = fields.u64(E_SHOFF) + BigInt(fields.u16(E_SHNUM) * fields.u16(E_SHENTSIZE));
  if (end > size || info.loads.some(({ offset, filesz }) => offset + filesz > end)) {
    return fault("does not end with its section headers, so its relocations cannot be found");
  }
  const found = findRelocations(image, Number(end), info.loads);
  if (found.kind === "fault") return found;
  const touched = lastTouched(image, found.relocations, info.loads);
  const loads = info.loads.map((load, index) => ({ ...load, filesz: trimmed(image, load, touched[index] ?? 0n) }));
  return { kind: "vmlinux", vmlinux: { elf: { ...info, loads }, relocations: found.relocations } };
}

function fault(why: string): VmlinuxFault {
  return { kind: "fault", why };
}

/** Bytes of each part that relocations reach into: zeros, too, that one changes must be copied. */
function lastTouched(
  image: Uint8Array,
  sets: readonly RelocationSet[],
  loads: ElfImage["loads"],
): readonly bigint[] {
  const lists = fieldsOf(image);
  const rows = loads.map(({ paddr, filesz }) => ({ start: Number(paddr), end: Number(paddr + filesz), reach: 0 }));
  for (const { kind, offset, count } of sets) {
    const width = kind === "add64" ? 8 : 4;
    for (let at = offset; at < offset + count * 4; at += 4) {
      const address = lists.u32(at) - START_KERNEL_MAP_LOW;
      for (const row of rows) {
        if (address < row.start || address >= row.end) continue;
        row.reach = Math.max(row.reach, address + width - row.start);
        break;
      }
    }
  }
  return rows.map(({ reach }) => BigInt(reach));
}

/** The bytes of a part without the zeros that end it; its memory is zero-filled anyway. A multiple of 64. */
function trimmed(image: Uint8Array, { offset, filesz }: ElfImage["loads"][number], atLeast: bigint): bigint {
  const start = Number(offset);
  let end = start + Number(filesz);
  while (end > start && image[end - 1] === 0) end--;
  const used = BigInt(end - start) > atLeast ? BigInt(end - start) : atLeast;
  const rounded = (used + 63n) & ~63n;
  return rounded < filesz ? rounded : filesz;
}
