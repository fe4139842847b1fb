import { MAX_U64 } from "../../core/number.ts";
import type { HostFacts } from "../../host/facts.ts";
import { LOADED_HIGH, SETUP_HEADER as hdr } from "../../image/setup_header.ts";
import { E820_RAM, type E820Entry } from "./e820.ts";
import { SETUP_DATA } from "./setup_data.ts";
import { acpiRsdp, type EfiDecision, type EfiHandover } from "./efi.ts";

/** What boot_params is made of. */
export interface BootParamsInput {
  /** The image's setup header, from byte 0x1f1 to its end. */
  readonly header: Uint8Array;
  /** The host, for what the next kernel inherits. */
  readonly facts: HostFacts;
  /** Without its NUL; written as UTF-8. */
  readonly cmdline: string;
  /** Where all initrds lie, one after the other; bytes. */
  readonly initrd?: { readonly address: bigint; readonly size: bigint };
  /** The memory map, sorted; from the 129th entry on it goes into a list of its own. */
  readonly e820: readonly E820Entry[];
  /** What is handed over of EFI. */
  readonly efi: EfiDecision;
  /** A flattened device tree. */
  readonly deviceTree?: Uint8Array;
  /**
   * Where the kernel lies, if it is entered in 32-bit mode: code32_start, by which Memtest86+ finds itself
   * (boot/x86/startup32.S, 8.0).
   */
  readonly code32Start?: bigint;
  /** What an unpacked kernel's own decompressor would have said: that its bases are random, so that it goes on with that. */
  readonly kaslr?: boolean;
}

/** The bytes of one segment: boot_params, the command line, and all that boot_params points to but the initrd. */
export interface BootParams {
  /** As many as `bootParamsSize` says. */
  readonly bytes: Uint8Array;
  /** Zeros that are to be replaced by random bytes when it is loaded, so that the plan itself is the same each time. */
  readonly rngSeed: { readonly offset: number; readonly length: 32 };
}

/** sizeof(struct boot_params); the first page of the segment. */
const BOOT_PARAMS_SIZE = 4096;

/**
 * Offsets in struct boot_params by the kernel's names, besides those of its setup header (Documentation/arch/x86/zero-page.rst and
 * arch/x86/include/uapi/asm/bootparam.h, Linux 7.3).
 */
const FIELD = {
  ext_mem_k: 0x002,
  acpi_rsdp_addr: 0x070,
  ext_ramdisk_image: 0x0c0,
  ext_ramdisk_size: 0x0c4,
  ext_cmd_line_ptr: 0x0c8,
  efi_info: 0x1c0,
  alt_mem_k: 0x1e0,
  e820_entries: 0x1e8,
  secure_boot: 0x1ec,
  edd_mbr_sig_buffer: 0x290,
  e820_table: 0x2d0,
} as const;

/** What the next kernel takes as the running one had it. */
const INHERITED: readonly { readonly offset: number; readonly length: number }[] = [
  { offset: 0x000, length: 0x40 }, // screen_info
  { offset: 0x1e9, length: 2 }, // eddbuf_entries and edd_mbr_sig_buf_entries
  { offset: hdr.hardware_subarch, length: 4 },
  { offset: FIELD.edd_mbr_sig_buffer, length: 0x40 },
  { offset: 0xd00, length: 0x1ec }, // eddbuf
];

/** The loader that kexec-tools and the kernel's own loader say they are. */
export const LOADER_KEXEC = 0xd0;

/** A bit of loadflags, which choose_random_location sets (arch/x86/boot/compressed/kaslr.c, Linux 6.12). */
const KASLR_FLAG = 0x02;

/** Entries of boot_params.e820_table, and the bytes of one: address u64, size u64, type u32. */
const E820_MAX = 128;
const E820_ENTRY_SIZE = 20;

/** Nodes of the list setup_data: next u64, type u32, length u32, then the data. */
const NODE_HEADER_SIZE = 16;
const RNG_SEED_LENGTH = 32;

/** sizeof(struct efi_setup_data), and of efi_memory_desc_t as the next kernel reads it. */
const EFI_SETUP_DATA_SIZE = 96;
const EFI_DESCRIPTOR_SIZE = 40;

/** Bytes that the segment takes; the same wherever it and the initrd lie. */
export function bootParamsSize(input: BootParamsInput): bigint {
  return BigInt(layoutOf(input).size);
}

/** Builds boot_params for a segment that lies `at` a physical address. */
export function buildBootParams(input: BootParamsInput, at: bigint): BootParams {
  const { header, facts, initrd, e820, efi } = input;
  const layout = layoutOf(input);
  const bytes = new Uint8Array(layout.size);
  const view = new DataView(bytes.buffer);
  const address = (offset: number): bigint => at + BigInt(offset);

  // Only the header comes from the image: a sentinel other than zero makes the kernel clear most of the rest.
  bytes.set(header.subarray(0, hdr.end - hdr.setup_sects), hdr.setup_sects);
  const running = facts.bootParams ?? new Uint8Array(BOOT_PARAMS_SIZE);
  for (const { offset, length } of INHERITED) bytes.set(running.subarray(offset, offset + length), offset);
  view.setBigUint64(FIELD.acpi_rsdp_addr, acpiRsdp(facts) ?? 0n, true);
  view.setUint8(hdr.type_of_loader, LOADER_KEXEC);
  const loadedHigh = input.code32Start === undefined ? 0 : LOADED_HIGH;
  view.setUint8(hdr.loadflags, loadedHigh | (input.kaslr === true ? KASLR_FLAG : 0));
  if (input.code32Start !== undefined) view.setUint32(hdr.code32_start, Number(input.code32Start), true);
  setHalves(view, hdr.ramdisk_image, FIELD.ext_ramdisk_image, initrd?.address ?? 0n);
  setHalves(view, hdr.ramdisk_size, FIELD.ext_ramdisk_size, initrd?.size ?? 0n);
  setHalves(view, hdr.cmd_line_ptr, FIELD.ext_cmd_line_ptr, address(layout.cmdline.offset));
  setMemorySize(view, e820);
  view.setUint8(FIELD.e820_entries, Math.min(e820.length, E820_MAX));
  bytes.set(e820Bytes(e820.slice(0, E820_MAX)), FIELD.e820_table);
  bytes.set(layout.cmdline.bytes, layout.cmdline.offset);
  if (efi.kind === "handover" && layout.efiMap !== undefined) {
    bytes.set(layout.efiMap.bytes, layout.efiMap.offset);
    setEfiInfo(view, efi, { address: address(layout.efiMap.offset), size: layout.efiMap.bytes.length });
  }

  view.setBigUint64(hdr.setup_data, address(layout.nodes[0]?.offset ?? 0), true);
  for (const [index, { offset, type, data }] of layout.nodes.entries()) {
    const next = layout.nodes[index + 1];
    view.setBigUint64(offset, next === undefined ? 0n : address(next.offset), true);
    view.setUint32(offset + 8, type, true);
    view.setUint32(offset + 12, data.length, true);
    bytes.set(data, offset + NODE_HEADER_SIZE);
  }
  return { bytes, rngSeed: { offset: layout.rngSeed, length: RNG_SEED_LENGTH } };
}

interface Placed {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface Node {
  readonly type: number;
  readonly data: Uint8Array;
}

/** Where everything lies in the segment; offsets in bytes, each a multiple of 8. */
interface Layout {
  readonly cmdline: Placed;
  readonly efiMap?: Placed;
  readonly nodes: readonly (Node & { readonly offset: number })[];
  readonly rngSeed: number;
  readonly size: number;
}

function layoutOf({ cmdline, e820, efi, deviceTree }: BootParamsInput): Layout {
  let size = BOOT_PARAMS_SIZE;
  const reserve = (length: number): number => {
    const offset = Math.ceil(size / 8) * 8;
    size = offset + length;
    return offset;
  };
  const place = (bytes: Uint8Array): Placed => ({ offset: reserve(bytes.length), bytes });
  const placeNode = (node: Node) => ({ ...node, offset: reserve(NODE_HEADER_SIZE + node.data.length) });

  const text = place(new TextEncoder().encode(`${cmdline}\0`));
  const { SETUP_E820_EXT, SETUP_DTB, SETUP_RNG_SEED } = SETUP_DATA;
  const efiParts = efi.kind === "none" ? undefined : { map: place(efiMap(efi)), node: placeNode(efiNode(efi)) };
  const beyond = e820.slice(E820_MAX);
  const e820Nodes = beyond.length === 0 ? [] : [placeNode({ type: SETUP_E820_EXT, data: e820Bytes(beyond) })];
  // The data of a node lie at a multiple of 8, as a device tree must.
  const treeNodes = deviceTree === undefined ? [] : [placeNode({ type: SETUP_DTB, data: deviceTree })];
  const seed = placeNode({ type: SETUP_RNG_SEED, data: new Uint8Array(RNG_SEED_LENGTH) });
  return {
    cmdline: text,
    ...(efiParts === undefined ? {} : { efiMap: efiParts.map }),
    nodes: [...(efiParts === undefined ? [] : [efiParts.node]), ...e820Nodes, ...treeNodes, seed],
    rngSeed: seed.offset + NODE_HEADER_SIZE,
    size,
  };
}

/** A number of 64 bits whose halves lie apart: the upper one in a field that the protocol added later. */
function setHalves(view: DataView, low: number, high: number, value: bigint): void {
  view.setUint32(low, Number(value & 0xffff_ffffn), true);
  view.setUint32(high, Number(value >> 32n), true);
}

/** The memory from 1 MiB on in KiB, as a BIOS reports it; each field at its own limit. For kernels that find no e820. */
function setMemorySize(view: DataView, e820: readonly E820Entry[]): void {
  const base = 0x10_0000n;
  const found = e820.find(({ start, end, type }) => type === E820_RAM && start <= base && end > base);
  const kib = found === undefined ? 0n : (found.end - base) >> 10n;
  view.setUint16(FIELD.ext_mem_k, Number(kib < 0xfc00n ? kib : 0xfc00n), true);
  view.setUint32(FIELD.alt_mem_k, Number(kib < 0xffff_ffffn ? kib : 0xffff_ffffn), true);
}

/** A range of all 2^64 bytes loses its last one, since the size is counted in 64 bits. */
function e820Bytes(entries: readonly E820Entry[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * E820_ENTRY_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [index, { start, end, type }] of entries.entries()) {
    const size = end - start;
    view.setBigUint64(index * E820_ENTRY_SIZE, start, true);
    view.setBigUint64(index * E820_ENTRY_SIZE + 8, size < MAX_U64 ? size : MAX_U64, true);
    view.setUint32(index * E820_ENTRY_SIZE + 16, type, true);
  }
  return bytes;
}

/** struct efi_info: signature, systab, memdesc_size, memdesc_version, memmap, memmap_size, systab_hi, memmap_hi. */
function setEfiInfo(view: DataView, efi: EfiHandover, map: { readonly address: bigint; readonly size: number }): void {
  const at = FIELD.efi_info;
  view.setUint32(at, 0x34364c45, true); // "EL64"
  setHalves(view, at + 0x04, at + 0x18, efi.systab);
  view.setUint32(at + 0x08, EFI_DESCRIPTOR_SIZE, true);
  view.setUint32(at + 0x0c, 1, true);
  setHalves(view, at + 0x10, at + 0x1c, map.address);
  view.setUint32(at + 0x14, map.size, true);
  view.setUint8(FIELD.secure_boot, efi.secureBoot);
}

/** efi_memory_desc_t: type u32, padding, physical address, virtual address, 4 KiB pages, attribute. */
function efiMap({ runtimeMap }: EfiHandover): Uint8Array {
  const bytes = new Uint8Array(runtimeMap.length * EFI_DESCRIPTOR_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [index, { type, physAddr, virtAddr, numPages, attribute }] of runtimeMap.entries()) {
    const at = index * EFI_DESCRIPTOR_SIZE;
    view.setUint32(at, type, true);
    for (const [word, value] of [physAddr, virtAddr, numPages, attribute].entries()) {
      view.setBigUint64(at + 8 + word * 8, value, true);
    }
  }
  return bytes;
}

/** struct efi_setup_data: fw_vendor, runtime, tables, smbios, eight reserved; u64 each. */
function efiNode({ fwVendor, runtime, configTable, smbios }: EfiHandover): Node {
  const data = new Uint8Array(EFI_SETUP_DATA_SIZE);
  const view = new DataView(data.buffer);
  for (const [word, value] of [fwVendor, runtime, configTable, smbios].entries()) {
    view.setBigUint64(word * 8, value, true);
  }
  return { type: SETUP_DATA.SETUP_EFI, data };
}
