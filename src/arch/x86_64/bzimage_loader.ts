import type { KernelImage } from "../kernel_loader.ts";
import type { Segment } from "../segment.ts";
import { bootParamsHandover } from "./handover.ts";
import type { Checked } from "../../core/diagnostic.ts";
import { alignUp } from "../../core/range.ts";
import type { HostFacts } from "../../host/facts.ts";
import { bzImageMemory, startsInRealMode } from "../../image/bzimage.ts";
import { runsOn } from "../../image/describe.ts";
import type { BzImage, ElfImage, ImageInfo } from "../../image/image.ts";
import { incompatibility } from "../../image/call_compatibility.ts";
import {
  BOOT_FLAG,
  HEADER_MAGIC,
  SETUP_HEADER as hdr,
  XLF_CAN_BE_LOADED_ABOVE_4G,
  XLF_KERNEL_64,
} from "../../image/setup_header.ts";
import { memoryParameters } from "./memory_parameters.ts";
import { elfLayout, elfSegments } from "./elf_loader.ts";
import { fromRealMode } from "./real_mode_loader.ts";
import { fromMultiboot } from "./multiboot_loader.ts";
import { innerOf, type KernelFile } from "../../image/boot_files.ts";
import { kernelStep, virtualBases } from "./predecompress.ts";
import { entry32Reason } from "./entry_mode.ts";
import { LIMIT_32, LOWEST_ADDRESS, PMD_SIZE } from "./memory_layout.ts";

/** Linux's 64-bit entry lies 0x200 into the protected-mode code (Documentation/arch/x86/boot.rst). */
const ENTRY_64 = 0x200n;

/** A kernel file as an image to place on x86_64; undefined for what cannot be, which is a check's to say. */
export function kernelImage(
  file: Pick<KernelFile, "path" | "size" | "info" | "inner">,
  facts: Pick<HostFacts, "pageSize" | "cpuFlags" | "efi">,
): Checked<KernelImage> {
  const inner = innerOf(file);
  if (inner === undefined) return imageOfFile(file, facts);
  const { value, diagnostics } = imageOfFile({ path: file.path, size: inner.size, info: inner.info }, facts);
  return { value: value === undefined ? undefined : ofUnpacked(value), diagnostics };
}

/** The same image, whose bytes are those of what the file unpacks to. */
function ofUnpacked(image: KernelImage): KernelImage {
  return {
    ...image,
    at: (address) => {
      const { entry, segments } = image.at(address);
      return { entry, segments: segments.map(unpackedBytes) };
    },
  };
}

function unpackedBytes(segment: Segment): Segment {
  return segment.bytes.kind === "file" ? { ...segment, bytes: { ...segment.bytes, kind: "unpacked" } } : segment;
}

function imageOfFile(
  file: { readonly path: string; readonly size: number; readonly info: ImageInfo },
  facts: Pick<HostFacts, "pageSize" | "cpuFlags" | "efi">,
): Checked<KernelImage> {
  const foreign = !runsOn(file.info, "x86_64") || incompatibility("kexec_load", file.info, "x86_64") !== undefined;
  if (foreign) return { value: undefined, diagnostics: [] };
  switch (file.info.kind) {
    case "bzimage":
      if (startsInRealMode(file.info)) {
        return { value: fromRealMode(file.path, file.size, file.info, facts), diagnostics: [] };
      }
      return { value: fromBzImage(file.path, file.size, file.info, facts), diagnostics: [] };
    case "multiboot":
      return fromMultiboot(file.path, file.info, facts);
    case "elf":
      return fromElf(file.path, file.info, facts.pageSize);
    default:
      return { value: undefined, diagnostics: [] };
  }
}

/**
 * The kernel that a bzImage's payload unpacked to, with the setup header of that; entered at startup_64 with the
 * boot_params that the decompressor would have passed on. It takes whole pages of 2 MiB, by which it maps itself.
 */
export function unpackedKernelImage(
  { path, unpacked, info }: KernelFile & {
    readonly info: BzImage;
    readonly unpacked: NonNullable<KernelFile["unpacked"]>;
  },
  cmdline: string,
  pageSize: bigint,
): Checked<KernelImage> {
  const { value: layout, diagnostics } = elfLayout(unpacked.elf, path, pageSize);
  if (layout === undefined) return { value: undefined, diagnostics };
  const { max, avoid, fixed } = memoryParameters(cmdline);
  const virtual = virtualBases(info, unpacked.relocations.length > 0, cmdline);
  const alignment = kernelStep(info);
  return {
    value: {
      request: {
        ...layout.request,
        size: alignUp(layout.request.size, PMD_SIZE),
        alignment,
        max: max !== undefined && max < layout.request.max ? max : layout.request.max,
        avoid,
      },
      ...(virtual.kind === "fixed"
        ? {}
        : { bases: { virtual: virtual.bases, ...(fixed === undefined ? {} : { fixed }) } }),
      at: (address) => {
        const { entry, segments } = elfSegments(layout, address);
        return { entry, segments: segments.map(unpackedBytes) };
      },
      handOver: (input) =>
        bootParamsHandover(
          { header: info.header, efiKexec: info.efiKexec },
          input,
        ),
    },
    diagnostics,
  };
}

/**
 * The protected-mode code goes to one place of init_size bytes, and is entered 0x200 bytes into it, or in 32-bit mode at its
 * start (boot.rst). What is entered in 32-bit mode reaches nothing above 4 GiB, nor does what says that it may not lie
 * there.
 */
function fromBzImage(
  path: string,
  size: number,
  info: BzImage,
  facts: Pick<HostFacts, "pageSize" | "cpuFlags" | "efi">,
): KernelImage {
  const offset = (info.setupSects + 1) * 512;
  const part = { path, offset, length: size - offset };
  const needed = BigInt(bzImageMemory(info, size));
  const entry32 = entry32Reason(info, facts) !== undefined;
  const isLow = entry32 || !info.above4G;
  const limit = isLow ? LIMIT_32 : 1n << 64n;
  const end = info.relocatable ? limit : info.prefAddress + alignUp(needed, facts.pageSize);
  return {
    request: {
      name: "kernel",
      size: needed,
      alignment: BigInt(info.alignment),
      // Below its preferred address the decompressor would move up to it, over what lies there (LOAD_PHYSICAL_ADDR).
      min: info.prefAddress > LOWEST_ADDRESS || !info.relocatable ? info.prefAddress : LOWEST_ADDRESS,
      max: end < limit ? end : limit,
      preferred: info.prefAddress,
    },
    ...(isLow ? { beside: { max: LIMIT_32, initrdMax: BigInt(info.initrdAddrMax) + 1n } } : {}),
    ...(entry32 ? { entry32 } : {}),
    at: (address) => ({
      entry: address + (entry32 ? 0n : ENTRY_64),
      segments: [{
        name: "kernel",
        mem: address,
        memsz: alignUp(needed, facts.pageSize),
        bytes: { kind: "file", ...part },
      }],
    }),
    handOver: (input) => bootParamsHandover({ header: info.header, efiKexec: info.efiKexec, entry32 }, input),
  };
}

/** The PT_LOADs of a vmlinux, entered at startup_64. It has no setup header: one is made that says as much as it reads. */
function fromElf(path: string, info: ElfImage, pageSize: bigint): Checked<KernelImage> {
  const { value: layout, diagnostics } = elfLayout(info, path, pageSize);
  if (layout === undefined) return { value: undefined, diagnostics };
  const header = plainHeader(Number(layout.request.size));
  return {
    value: {
      request: layout.request,
      at: (address) => elfSegments(layout, address),
      handOver: (input) => bootParamsHandover({ header, efiKexec: false }, input),
    },
    diagnostics,
  };
}

/** handover_offset and kernel_info_offset, the last fields of protocol 2.15, which are for other entries. */
const UNUSED = 8;

/** The setup header of a kernel without one: protocol 2.15, 64-bit, of this size (arch/x86/include/uapi/asm/bootparam.h). */
function plainHeader(initSize: number): Uint8Array {
  const header = new Uint8Array(hdr.init_size + 4 + UNUSED - hdr.setup_sects);
  const view = new DataView(header.buffer);
  const u8 = (at: number, value: number): void => view.setUint8(at - hdr.setup_sects, value);
  const u16 = (at: number, value: number): void => view.setUint16(at - hdr.setup_sects, value, true);
  const u32 = (at: number, value: number): void => view.setUint32(at - hdr.setup_sects, value, true);
  u16(hdr.boot_flag, BOOT_FLAG);
  u16(hdr.jump, 0x6aeb); // jmp over the header, which gives its length
  u32(hdr.header, HEADER_MAGIC);
  u16(hdr.version, 0x020f);
  u32(hdr.initrd_addr_max, 0x7fff_ffff);
  u32(hdr.kernel_alignment, 0x20_0000);
  u8(hdr.relocatable_kernel, 1);
  u16(hdr.xloadflags, XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G);
  u32(hdr.cmdline_size, 2047);
  u32(hdr.init_size, initSize);
  return header;
}
