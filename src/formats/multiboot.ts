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

/** A Multiboot header of either version. Addresses are physical; addresses and sizes in bytes. */
export interface MultibootHeader {
  /** The version of the specification. */
  readonly version: 1 | 2;
  /** Where it lies in the file. */
  readonly offset: number;
  /** Where the file goes in memory, if the image says that itself; 0 for `loadEnd`: all of it, for `bssEnd`: no more. */
  readonly addresses?: {
    readonly header: number;
    readonly load: number;
    readonly loadEnd: number;
    readonly bssEnd: number;
  };
  /** Where it is entered, if it says that itself. */
  readonly entry?: number;
  /** The types of the information tags that it cannot do without; version 2. */
  readonly requests: readonly number[];
  /** Whether it cannot do without a console or screen that is described to it. */
  readonly needsScreen: boolean;
  /** Where it may lie, if it is not bound to where it was linked for; version 2. The first byte, and the last. */
  readonly relocatable?: { readonly min: number; readonly max: number; readonly align: number };
  /** What it requires of every loader, and warmboot does not have. Completes "it …". */
  readonly unmet?: string;
}

/** What was found of a Multiboot header. */
export type MultibootFinding =
  | { readonly kind: "header"; readonly header: MultibootHeader }
  /** `why` completes "it is damaged: …". */
  | { readonly kind: "damaged"; readonly version: 1 | 2; readonly why: string };

/** Bits of the flags of version 1. */
const MEMORY_FLAGS = 0x3; // aligned modules, and the memory's size: what is handed over in any case
const VIDEO_FLAG = 0x4;
const REQUIRED_FLAGS = 0xffff;
const ADDRESSES_FLAG = 0x1_0000;

/** The tags of version 2's header. */
const TAG = {
  end: 0,
  request: 1,
  addresses: 2,
  entry: 3,
  console: 4,
  framebuffer: 5,
  alignModules: 6,
  bootServices: 7,
  entryEfi32: 8,
  entryEfi64: 9,
  relocatable: 10,
} as const;

const OPTIONAL = 1;

/** ISA of version 2's header: 32-bit protected mode of i386. */
const I386 = 0;

/**
 * The Multiboot header among a file's first bytes, of version 2 where there are both. Undefined: there is none, not even one
 * whose checksum is wrong.
 */
export function readMultiboot(bytes: Uint8Array): MultibootFinding | undefined {
  const start = fieldsOf(bytes.subarray(0, MULTIBOOT_WINDOW));
  let damaged: MultibootFinding | undefined;
  for (const row of VERSIONS) {
    const last = Math.min(row.within, start.size) - row.fields * 4;
    for (let at = 0; at <= last; at += row.align) {
      if (start.u32(at) !== row.magic) continue;
      if (sumOf(start, at, row.fields) === 0) return row.version === 1 ? readFirst(start, at) : readSecond(start, at);
      damaged ??= { kind: "damaged", version: row.version, why: "the checksum of its header is wrong" };
    }
  }
  return damaged;
}

function sumOf(fields: Fields, offset: number, count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum = (sum + fields.u32(offset + index * 4)) >>> 0;
  return sum;
}

/** Section 3.1 of the specification of version 1. */
function readFirst(start: Fields, offset: number): MultibootFinding {
  const flags = start.u32(offset + 4);
  const hasAddresses = (flags & ADDRESSES_FLAG) !== 0;
  if (hasAddresses && offset + 32 > start.size) {
    return { kind: "damaged", version: 1, why: "its header extends beyond the end of the file" };
  }
  const unknown = flags & REQUIRED_FLAGS & ~(MEMORY_FLAGS | VIDEO_FLAG);
  const bit = Array.from({ length: 16 }, (_, index) => index).find((index) => (unknown & (1 << index)) !== 0);
  return {
    kind: "header",
    header: {
      version: 1,
      offset,
      ...(hasAddresses
        ? {
          addresses: {
            header: start.u32(offset + 12),
            load: start.u32(offset + 16),
            loadEnd: start.u32(offset + 20),
            bssEnd: start.u32(offset + 24),
          },
          entry: start.u32(offset + 28),
        }
        : {}),
      requests: [],
      needsScreen: (flags & VIDEO_FLAG) !== 0,
      ...(bit === undefined
        ? {}
        : { unmet: `requires what bit ${bit} of its header's flags means, which is not known` }),
    },
  };
}

/** Section 3.1 of the specification of version 2. */
function readSecond(start: Fields, offset: number): MultibootFinding {
  const damaged = (why: string): MultibootFinding => ({ kind: "damaged", version: 2, why });
  const isa = start.u32(offset + 4);
  const end = offset + start.u32(offset + 8);
  if (end > start.size) return damaged(`its header extends beyond the first ${start.size} bytes of the file`);
  const requests: number[] = [];
  const unmet: string[] = isa === I386 ? [] : [`is for the machine ${isa}, not for 0 (i386)`];
  let addresses: MultibootHeader["addresses"];
  let entry: number | undefined;
  let relocatable: MultibootHeader["relocatable"];
  let needsScreen = false;
  for (let at = offset + 16; at + 8 <= end;) {
    const [type, isOptional, size] = [start.u16(at), (start.u16(at + 2) & OPTIONAL) !== 0, start.u32(at + 4)];
    if (size < 8 || at + size > end) return damaged(`its header tag ${type} has ${size} bytes, which do not fit it`);
    const needed = TAG_SIZES[type] ?? 8;
    if (size < needed) return damaged(`its header tag ${type} has ${size} bytes, and ${needed} are required`);
    switch (type) {
      case TAG.request:
        for (let each = at + 8; each + 4 <= at + size; each += 4) if (!isOptional) requests.push(start.u32(each));
        break;
      case TAG.addresses: {
        const [header = 0, load = 0, loadEnd = 0, bssEnd = 0] = [8, 12, 16, 20].map((each) => start.u32(at + each));
        addresses = { header, load, loadEnd, bssEnd };
        break;
      }
      case TAG.entry:
        entry = start.u32(at + 8);
        break;
      case TAG.console:
        needsScreen ||= (start.u32(at + 8) & 1) !== 0;
        break;
      case TAG.framebuffer:
        needsScreen ||= !isOptional;
        break;
      case TAG.bootServices:
        if (!isOptional) unmet.push("requires EFI boot services (header tag 7), which are over once Linux runs");
        break;
      case TAG.relocatable: {
        const [min = 0, max = 0, align = 0] = [8, 12, 16].map((each) => start.u32(at + each));
        if (align !== 0 && (align & (align - 1)) !== 0) return damaged(`its alignment ${align} is not a power of two`);
        relocatable = { min, max, align };
        break;
      }
      case TAG.end:
      case TAG.alignModules:
      // Entries for a loader that leaves boot services on; no loader has to use them.
      case TAG.entryEfi32:
      case TAG.entryEfi64:
        break;
      default:
        if (!isOptional) unmet.push(`requires the header tag ${type}, which is not known`);
    }
    if (type === TAG.end) break;
    at += Math.ceil(size / 8) * 8;
  }
  if (addresses !== undefined && entry === undefined) {
    return damaged("it has load addresses, but no entry address");
  }
  return {
    kind: "header",
    header: {
      version: 2,
      offset,
      ...(addresses === undefined ? {} : { addresses }),
      ...(entry === undefined ? {} : { entry }),
      requests,
      needsScreen,
      ...(relocatable === undefined ? {} : { relocatable }),
      ...(unmet[0] === undefined ? {} : { unmet: unmet[0] }),
    },
  };
}

/** The least sizes of tags that have fields, bytes. */
const TAG_SIZES: { readonly [type: number]: number } = {
  [TAG.addresses]: 24,
  [TAG.entry]: 12,
  [TAG.console]: 12,
  [TAG.framebuffer]: 20,
  [TAG.relocatable]: 24,
};

/** Types of information tags of version 2, section 3.6 of its specification. */
export const INFORMATION = {
  end: 0,
  cmdline: 1,
  loaderName: 2,
  module: 3,
  memorySize: 4,
  memoryMap: 6,
  framebuffer: 8,
  oldRsdp: 14,
  newRsdp: 15,
  loadBase: 21,
} as const;

/** The types of information tags that a loader can give which follows Linux. */
export const MULTIBOOT2_INFORMATION: readonly number[] = Object.values(INFORMATION);
