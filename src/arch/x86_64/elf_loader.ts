import { EM_X86_64 } from "../../formats/elf.ts";
import type { Segment, SegmentList, SegmentRequest } from "../segment.ts";
import type { Checked, Diagnostic } from "../../core/diagnostic.ts";
import { formatAddress, MAX_U64 } from "../../core/number.ts";
import { alignUp } from "../../core/range.ts";
import { PMD_SIZE, START_KERNEL_MAP } from "./memory_layout.ts";
import type { ElfImage } from "../../image/image.ts";

type Load = ElfImage["loads"][number];

/** An ELF kernel at the physical addresses that it was linked for. */
export interface ElfLayout extends SegmentList {
  /** One place for all of it, from its lowest to its highest address; `preferred` is where it was linked for. */
  readonly request: SegmentRequest & { readonly preferred: bigint };
}

/**
 * Reads the PT_LOAD segments of an ELF kernel as segments of kexec_load(2), and asks for one place for them all, since
 * they only move together. An x86_64 vmlinux may go up by multiples of 2 MiB, for it finds out by itself where it is;
 * anything else stays where it was linked for. Error: `elf-layout`.
 */
export function elfLayout(info: ElfImage, path: string, pageSize: bigint): Checked<ElfLayout> {
  const loads = info.loads.filter((load) => load.memsz > 0n).toSorted((a, b) => a.paddr < b.paddr ? -1 : 1);
  const entry = physicalEntry(loads, info.entry);
  const [first] = loads;
  const fault = faultOf(loads, entry, info, pageSize);
  if (fault !== undefined || first === undefined || entry === undefined) {
    return { value: undefined, diagnostics: [layoutError(`${path}: ${fault ?? "nothing in it is loaded"}`)] };
  }
  const segments = loads.map((load, index): Segment => ({
    name: loads.length === 1 ? "kernel" : `kernel ${index + 1}`,
    mem: load.paddr,
    memsz: alignUp(load.memsz, pageSize),
    bytes: load.filesz === 0n
      ? { kind: "zero" }
      : { kind: "file", path, offset: Number(load.offset), length: Number(load.filesz) },
  }));
  const start = first.paddr;
  const end = segments.reduce((most, { mem, memsz }) => mem + memsz > most ? mem + memsz : most, start);
  const movable = isMovable(info, loads, entry);
  const request = {
    name: "kernel",
    size: end - start,
    alignment: movable ? PMD_SIZE : pageSize,
    min: start,
    max: movable ? MAX_U64 : end,
    preferred: start,
  };
  return { value: { request, entry, segments }, diagnostics: [] };
}

/** The segments and the entry when the lowest address is `base`, as `placeAll` found it for `layout.request`. */
export function elfSegments(layout: ElfLayout, base: bigint): SegmentList {
  const delta = base - layout.request.preferred;
  return {
    entry: layout.entry + delta,
    segments: layout.segments.map((segment) => ({ ...segment, mem: segment.mem + delta })),
  };
}

/** e_entry is physical in an x86 vmlinux and virtual elsewhere: the PT_LOAD that holds it says which. */
function physicalEntry(loads: readonly Load[], entry: bigint): bigint | undefined {
  if (loads.some(({ paddr, memsz }) => paddr <= entry && entry < paddr + memsz)) return entry;
  const load = loads.find(({ vaddr, memsz }) => vaddr <= entry && entry < vaddr + memsz);
  return load === undefined ? undefined : entry - load.vaddr + load.paddr;
}

function isMovable(info: ElfImage, loads: readonly Load[], entry: bigint): boolean {
  const load = loads.find(({ paddr, memsz }) => paddr <= entry && entry < paddr + memsz);
  return info.machine === EM_X86_64 && info.bits === 64 && load !== undefined &&
    load.vaddr - load.paddr === START_KERNEL_MAP && (loads[0]?.paddr ?? 1n) % PMD_SIZE === 0n;
}

/** Completes "vmlinux: …"; undefined where the kernel can be laid out. `loads` are sorted. */
function faultOf(
  loads: readonly Load[],
  entry: bigint | undefined,
  info: ElfImage,
  pageSize: bigint,
): string | undefined {
  for (const [index, load] of loads.entries()) {
    const before = loads[index - 1];
    if (load.paddr % pageSize !== 0n) {
      return `its segment for ${formatAddress(load.paddr)} does not start on a page of ${pageSize} bytes`;
    }
    if (load.paddr + alignUp(load.memsz, pageSize) > MAX_U64) {
      return `its segment for ${formatAddress(load.paddr)} ends beyond 64 bits`;
    }
    if (before !== undefined && before.paddr + alignUp(before.memsz, pageSize) > load.paddr) {
      return `its segments for ${formatAddress(before.paddr)} and ${formatAddress(load.paddr)} share a page`;
    }
  }
  if (entry === undefined) return `its entry ${formatAddress(info.entry)} lies in none of its segments`;
  return undefined;
}

function layoutError(message: string): Diagnostic {
  return {
    code: "elf-layout",
    severity: "error",
    message,
    hint: "Name the vmlinux or bzImage as its build left it; kexec_load takes whole pages that do not overlap",
  };
}
