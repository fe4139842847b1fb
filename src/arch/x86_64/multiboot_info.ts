import { concat } from "@std/bytes";
import { fieldsOf } from "../../core/bytes.ts";
import type { HostFacts } from "../../host/facts.ts";
import { INFORMATION } from "../../formats/multiboot.ts";
import type { E820Entry } from "./e820.ts";
import { acpiRsdp } from "./efi.ts";
import { LIMIT_32 } from "./memory_layout.ts";

/** What a Multiboot image finds in eax when it is entered, by version (sections 3.2 and 3.5 of the specifications). */
export const MULTIBOOT_MAGIC: { readonly [version in 1 | 2]: number } = { 1: 0x2bad_b002, 2: 0x36d7_6289 };

/** A screen, or a console of text: what is in the tag `framebuffer`. Addresses and sizes as that has them. */
export interface Screen {
  /** Physical address. */
  readonly address: bigint;
  /** Bytes in a row. */
  readonly pitch: number;
  /** Pixels in a row; of text, characters. */
  readonly width: number;
  /** Rows of pixels, or of characters. */
  readonly height: number;
  /** Bits of a pixel; of text, 16. */
  readonly depth: number;
  /** Position and size of red, green and blue, in bits; undefined for text. */
  readonly colours?: readonly number[];
}

/** Where the ACPI tables start, and how many bytes of the RSDP there are. */
export interface Rsdp {
  /** Physical address; below 4 GiB. */
  readonly address: bigint;
  /** Bytes: 36, or 20 of ACPI 1.0. */
  readonly size: 20 | 36;
}

/** What is handed over to a Multiboot image. */
export interface MultibootInput {
  /** The version of its header. */
  readonly version: 1 | 2;
  /** Its whole command line; without its NUL; written as UTF-8. */
  readonly cmdline: string;
  /** What calls itself its boot loader. */
  readonly loader: string;
  /** The command lines of its modules, as its own. */
  readonly modules: readonly string[];
  /** The memory map, sorted. */
  readonly e820: readonly E820Entry[];
  /** The screen, where the running kernel knows one. */
  readonly screen?: Screen;
  /** The RSDP, where its place is known; version 2. */
  readonly rsdp?: Rsdp;
  /** Whether it is given the address at which it lies; version 2. */
  readonly loadBase: boolean;
}

/** Where things lie; physical addresses, bytes. */
export interface MultibootPlaces {
  /** The first byte of the image. */
  readonly kernel: bigint;
  /** The modules, in order. */
  readonly modules: readonly { readonly address: bigint; readonly size: bigint }[];
}

/** The information of a Multiboot image, for a segment at one place. */
export interface MultibootInfo {
  /** As many bytes at any place. */
  readonly bytes: Uint8Array;
  /** Where in it a copy of the RSDP belongs. */
  readonly rsdp?: number;
}

/** Offsets in screen_info, the start of boot_params (include/uapi/linux/screen_info.h, Linux 7.3). */
const SCREEN = {
  mode: 0x06,
  cols: 0x07,
  lines: 0x0e,
  isVga: 0x0f,
  lfbWidth: 0x12,
  lfbHeight: 0x14,
  lfbDepth: 0x16,
  lfbBase: 0x18,
  lfbLinelength: 0x24,
  redSize: 0x26,
  capabilities: 0x36,
  extLfbBase: 0x3a,
} as const;

/** VIDEO_TYPE_ of the same file: VGA text, a linear framebuffer of VESA, and of EFI. */
const VGA_TEXT = 0x01;
const LINEAR: readonly number[] = [0x23, 0x70];
const CAPABILITY_64BIT_BASE = 0x02;

/** The mode of monochrome text, whose memory lies elsewhere. */
const MONOCHROME = 7;

/** The screen as the running kernel found it when it was started; undefined where it does not say. */
export function screenOf({ bootParams }: Pick<HostFacts, "bootParams">): Screen | undefined {
  if (bootParams === undefined) return undefined;
  const info = fieldsOf(bootParams);
  const type = info.u8(SCREEN.isVga);
  const [width, height] = [info.u8(SCREEN.cols), info.u8(SCREEN.lines)];
  if (type === VGA_TEXT) {
    return info.u8(SCREEN.mode) === MONOCHROME || width === 0 || height === 0
      ? undefined
      : { address: 0xb_8000n, pitch: width * 2, width, height, depth: 16 };
  }
  const has64 = (info.u32(SCREEN.capabilities) & CAPABILITY_64BIT_BASE) !== 0;
  const address = BigInt(info.u32(SCREEN.lfbBase)) | (has64 ? BigInt(info.u32(SCREEN.extLfbBase)) << 32n : 0n);
  if (!LINEAR.includes(type) || address === 0n) return undefined;
  const [size, position] = [0, 1].map((field) => [0, 2, 4].map((colour) => info.u8(SCREEN.redSize + colour + field)));
  return {
    address,
    pitch: info.u16(SCREEN.lfbLinelength),
    width: info.u16(SCREEN.lfbWidth),
    height: info.u16(SCREEN.lfbHeight),
    depth: info.u16(SCREEN.lfbDepth),
    colours: [0, 1, 2].flatMap((colour) => [position?.[colour] ?? 0, size?.[colour] ?? 0]),
  };
}

/**
 * The RSDP where its place and version are known, which is on UEFI machines; elsewhere an image finds it in the BIOS's
 * memory.
 */
export function rsdpOf(facts: HostFacts): Rsdp | undefined {
  const address = facts.efi === undefined ? undefined : acpiRsdp(facts);
  if (address === undefined || address + 36n > LIMIT_32) return undefined;
  const isOld = facts.efi?.systab["ACPI20"] === undefined && facts.efi?.systab["ACPI"] === address;
  return { address, size: isOld ? 20 : 36 };
}

/** Builds the information for a segment that lies `at` a physical address. */
export function buildMultibootInfo(input: MultibootInput, at: bigint, places: MultibootPlaces): MultibootInfo {
  return input.version === 1 ? { bytes: firstInfo(input, at, places) } : secondInfo(input, places);
}

/** Types of memory: RAM, ACPI tables, ACPI NVS and unusable have the numbers of E820; all else is reserved. */
function typeOf(type: number): number {
  return [1, 3, 4, 5].includes(type) ? type : 2;
}

/** KiB from 0 and from 1 MiB on up to the first hole, as a BIOS counts them. */
function memorySizes(e820: readonly E820Entry[]): readonly [number, number] {
  const kib = (within: bigint, start: bigint, most: bigint): number => {
    const found = e820.find((entry) => entry.type === 1 && entry.start <= within && within < entry.end);
    const size = found === undefined ? 0n : (found.end - start) >> 10n;
    return Number(size < most ? size : most);
  };
  // Linux takes the first page from its own map.
  return [kib(0x1000n, 0n, 640n), kib(0x10_0000n, 0x10_0000n, 0xffff_ffffn)];
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);

/** Sizes of the structures of version 1, bytes (section 3.3 of its specification). */
const FIRST_SIZE = 120;
const MODULE_SIZE = 16;
const MAP_ENTRY_SIZE = 24;

/** Bits of the flags that say which fields are filled in. */
const HAS = { memory: 1 << 0, cmdline: 1 << 2, modules: 1 << 3, map: 1 << 6, loader: 1 << 9, screen: 1 << 12 } as const;

function firstInfo(input: MultibootInput, at: bigint, { modules }: MultibootPlaces): Uint8Array {
  const { cmdline, loader, e820, screen } = input;
  const texts = [cmdline, loader, ...input.modules].map(encode);
  const modulesAt = FIRST_SIZE;
  const mapAt = modulesAt + input.modules.length * MODULE_SIZE;
  let size = mapAt + e820.length * MAP_ENTRY_SIZE;
  const textsAt = texts.map(({ length }) => {
    size += length;
    return size - length;
  });
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const u32 = (offset: number, value: number): void => view.setUint32(offset, value, true);
  const address = (offset: number): number => Number(at) + offset;
  const [lower = 0, upper = 0] = memorySizes(e820);
  const modulesFlag = input.modules.length === 0 ? 0 : HAS.modules;
  u32(0, HAS.memory | HAS.cmdline | modulesFlag | HAS.map | HAS.loader | (screen === undefined ? 0 : HAS.screen));
  u32(4, lower);
  u32(8, upper);
  u32(16, address(textsAt[0] ?? 0));
  u32(20, input.modules.length);
  u32(24, input.modules.length === 0 ? 0 : address(modulesAt));
  u32(44, e820.length * MAP_ENTRY_SIZE);
  u32(48, address(mapAt));
  u32(64, address(textsAt[1] ?? 0));
  if (screen !== undefined) {
    view.setBigUint64(88, screen.address, true);
    u32(96, screen.pitch);
    u32(100, screen.width);
    u32(104, screen.height);
    view.setUint8(108, screen.depth);
    view.setUint8(109, screenType(screen));
    bytes.set(screen.colours ?? [], 110);
  }
  for (const [index, { address: start, size: length }] of modules.entries()) {
    const row = modulesAt + index * MODULE_SIZE;
    u32(row, Number(start));
    u32(row + 4, Number(start + length));
    u32(row + 8, address(textsAt[index + 2] ?? 0));
  }
  for (const [index, { start, end, type }] of e820.entries()) {
    const row = mapAt + index * MAP_ENTRY_SIZE;
    u32(row, MAP_ENTRY_SIZE - 4); // the size of what follows it
    setRange(view, row + 4, start, end);
    u32(row + 20, typeOf(type));
  }
  for (const [index, text] of texts.entries()) bytes.set(text, textsAt[index] ?? 0);
  return bytes;
}

/** 1 is direct colour, 2 text. */
function screenType({ colours }: Screen): number {
  return colours === undefined ? 2 : 1;
}

/** A range of all 2^64 bytes loses its last one, since the size is counted in 64 bits. */
function setRange(view: DataView, offset: number, start: bigint, end: bigint): void {
  const size = end - start;
  view.setBigUint64(offset, start, true);
  view.setBigUint64(offset + 8, size < (1n << 64n) ? size : (1n << 64n) - 1n, true);
}

/** Bytes before the first tag: the size of all, and a reserved field. */
const SECOND_HEADER = 8;
const TAG_HEADER = 8;

function secondInfo(input: MultibootInput, { kernel, modules }: MultibootPlaces): MultibootInfo {
  const { cmdline, loader, e820, screen, rsdp, loadBase } = input;
  const [lower = 0, upper = 0] = memorySizes(e820);
  const rsdpTag = rsdp === undefined ? [] : [tag(
    rsdp.size === 20 ? INFORMATION.oldRsdp : INFORMATION.newRsdp,
    new Uint8Array(rsdp.size),
  )];
  // The RSDP comes first, so that its place does not depend on the others.
  const tags = [
    ...rsdpTag,
    tag(INFORMATION.cmdline, encode(cmdline)),
    tag(INFORMATION.loaderName, encode(loader)),
    ...input.modules.map((text, index) => {
      const { address, size } = modules[index] ?? { address: 0n, size: 0n };
      return tag(INFORMATION.module, concat([words(Number(address), Number(address + size)), encode(text)]));
    }),
    tag(INFORMATION.memorySize, words(lower, upper)),
    tag(INFORMATION.memoryMap, concat([words(MAP_ENTRY_SIZE, 0), ...e820.map(mapEntry)])),
    ...(screen === undefined ? [] : [tag(INFORMATION.framebuffer, screenTag(screen))]),
    ...(loadBase ? [tag(INFORMATION.loadBase, words(Number(kernel)))] : []),
    tag(INFORMATION.end, new Uint8Array()),
  ];
  const size = SECOND_HEADER + tags.reduce((sum, { length }) => sum + length, 0);
  return {
    bytes: concat([words(size, 0), ...tags]),
    ...(rsdp === undefined ? {} : { rsdp: SECOND_HEADER + TAG_HEADER }),
  };
}

/** A tag, with what follows it up to a multiple of 8 bytes. */
function tag(type: number, data: Uint8Array): Uint8Array {
  const size = TAG_HEADER + data.length;
  const bytes = new Uint8Array(Math.ceil(size / 8) * 8);
  bytes.set(words(type, size));
  bytes.set(data, TAG_HEADER);
  return bytes;
}

function mapEntry({ start, end, type }: E820Entry): Uint8Array {
  const bytes = new Uint8Array(MAP_ENTRY_SIZE);
  const view = new DataView(bytes.buffer);
  setRange(view, 0, start, end);
  view.setUint32(16, typeOf(type), true);
  return bytes;
}

function screenTag(screen: Screen): Uint8Array {
  const bytes = new Uint8Array(24 + (screen.colours?.length ?? 0));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, screen.address, true);
  for (const [index, value] of [screen.pitch, screen.width, screen.height].entries()) {
    view.setUint32(8 + index * 4, value, true);
  }
  bytes.set([screen.depth, screenType(screen)], 20);
  bytes.set(screen.colours ?? [], 24);
  return bytes;
}

function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer);
}
