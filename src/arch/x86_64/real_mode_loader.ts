import type { Handover, HandoverInput, KernelImage } from "../kernel_loader.ts";
import type { Checked } from "../../core/diagnostic.ts";
import { alignUp } from "../../core/range.ts";
import type { HostFacts } from "../../host/facts.ts";
import { bzImageMemory, ZIMAGE_LOAD } from "../../image/bzimage.ts";
import type { BzImage } from "../../image/image.ts";
import { SETUP_HEADER as hdr } from "../../image/setup_header.ts";
import { LOADER_KEXEC } from "./boot_params.ts";
import { LIMIT_32 } from "./memory_layout.ts";
import { REAL_STUB_SIZE } from "./purgatory.ts";

/** The name of the segment that is boot sector, setup code and command line of a kernel that starts in real mode. */
export const REAL_MODE_HANDOVER = "setup";

/** Where setup code is entered, bytes from the boot sector before it: its segment 0x20 further on. */
export const REAL_MODE_ENTRY: bigint = 0x200n;

/** Where the boot sector has always been loaded; kernels before protocol 2.02 take no other place. */
const SETUP_BASE = 0x9_0000n;

/** Below this are vectors and data of the BIOS, and where zImages are loaded; above it lies the screen. */
const SETUP_MIN = 0x1_0000n;
const SETUP_MAX = 0xa_0000n;

/** Where the heap and the stack of the setup code end, and the command line begins, bytes from the boot sector (boot.rst). */
const HEAP_END = 0x9800;

/** Fields that only this entry reads, and their values (boot.rst, Linux 7.3). */
const CAN_USE_HEAP = 0x80;
const CL_MAGIC = { at: 0x20, value: 0xa33f };
const CL_OFFSET = 0x22;
const NORMAL_MODE = 0xffff;

/**
 * A kernel that starts in real mode: its protected-mode code at 1 MiB, or of a zImage at 64 KiB; boot sector and setup code
 * with the command line after them below 640 KiB, at 0x90000 where that is free ("The real-mode code" in boot.rst).
 */
export function fromRealMode(
  path: string,
  size: number,
  info: BzImage,
  { pageSize }: Pick<HostFacts, "pageSize">,
): KernelImage {
  const offset = (info.setupSects + 1) * 512;
  const length = size - offset;
  const start = info.loadedHigh ? 0x10_0000n : ZIMAGE_LOAD;
  const needed = info.loadedHigh ? BigInt(bzImageMemory(info, size)) : BigInt(length);
  const memsz = alignUp(needed, pageSize);
  const isFixed = info.protocol < 0x202 || !info.loadedHigh;
  return {
    request: { name: "kernel", size: needed, alignment: pageSize, min: start, max: start + memsz, preferred: start },
    beside: { max: LIMIT_32, initrdMax: BigInt(info.initrdAddrMax) + 1n },
    entry32: true,
    handover: REAL_MODE_HANDOVER,
    legacy: true,
    low: { min: isFixed ? SETUP_BASE : SETUP_MIN, max: SETUP_MAX, preferred: SETUP_BASE },
    at: (address) => ({
      entry: address,
      segments: [{ name: "kernel", mem: address, memsz, bytes: { kind: "file", path, offset, length } }],
    }),
    handOver: (input) => setupHandover(info, input),
  };
}

/** Boot sector, setup code, room for heap and stack, the command line, and room for the last steps of purgatory. */
function setupHandover(info: BzImage, { facts, cmdline }: HandoverInput): Checked<Handover> {
  const text = new TextEncoder().encode(`${cmdline}\0`);
  const stub = Math.ceil((HEAP_END + text.length) / 16) * 16;
  const value: Handover = {
    size: BigInt(stub + REAL_STUB_SIZE),
    alignment: facts.pageSize,
    build: (at, { initrd }) => {
      const bytes = new Uint8Array(HEAP_END + text.length);
      bytes.set(info.setup ?? new Uint8Array());
      bytes.set(text, HEAP_END);
      setFields(new DataView(bytes.buffer), info, at, text.length, initrd);
      return { bytes, random: [], real: { base: at, stack: HEAP_END, stub: at + BigInt(stub) } };
    },
  };
  return { value, diagnostics: [] };
}

function setFields(
  view: DataView,
  { protocol, loadedHigh }: BzImage,
  at: bigint,
  cmdlineLength: number,
  initrd: { readonly address: bigint; readonly size: bigint } | undefined,
): void {
  view.setUint16(hdr.vid_mode, NORMAL_MODE, true);
  view.setUint8(hdr.type_of_loader, LOADER_KEXEC);
  if (initrd !== undefined) {
    view.setUint32(hdr.ramdisk_image, Number(initrd.address), true);
    view.setUint32(hdr.ramdisk_size, Number(initrd.size), true);
  }
  if (protocol >= 0x201) {
    view.setUint8(hdr.loadflags, view.getUint8(hdr.loadflags) | CAN_USE_HEAP);
    view.setUint16(hdr.heap_end_ptr, HEAP_END - Number(REAL_MODE_ENTRY), true);
  }
  if (protocol >= 0x202 && loadedHigh) {
    view.setUint32(hdr.cmd_line_ptr, Number(at) + HEAP_END, true);
    return;
  }
  view.setUint16(CL_MAGIC.at, CL_MAGIC.value, true);
  view.setUint16(CL_OFFSET, HEAP_END, true);
  view.setUint16(hdr.setup_move_size, HEAP_END + cmdlineLength, true);
}
