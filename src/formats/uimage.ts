import { align4, type ByteSource, latin1, viewOf } from "../core/bytes.ts";
import { crc32 } from "./checksums.ts";
import { UBOOT_ARCHITECTURES, UBOOT_COMPRESSIONS, UBOOT_SYSTEMS, UBOOT_TYPES } from "./uboot_names.ts";

/** U-Boot's legacy image: a header of 64 bytes and data (struct legacy_img_hdr of include/image.h, U-Boot 2026.10-rc2). */
export interface UImageFile {
  /** What it is. */
  readonly kind: "uimage-file";
  /** As its maker named it: `Linux-6.1.0`; empty where it is not named. */
  readonly title: string;
  /** `linux`; `22` where the number has no name. The three others likewise. */
  readonly system: string;
  /** `arm64`. */
  readonly architecture: string;
  /** `kernel`, `multi`. */
  readonly type: string;
  /** `none`, `gzip`: of a kernel's data, and of the first file of several. U-Boot leaves a ramdisk packed. */
  readonly compression: string;
  /** Where U-Boot puts the data: a physical address. */
  readonly load: number;
  /** Where it enters them: a physical address. */
  readonly entry: number;
  /** Where its data lie in the file, bytes. */
  readonly data: { readonly offset: number; readonly size: number };
  /** The CRC-32 that it states of its data. */
  readonly dataCrc: number;
  /** The files in its data: one, or of the type `multi` those that its table lists. */
  readonly parts: readonly { readonly offset: number; readonly size: number }[];
}

/** What reading a file gives that begins with the magic number of a uImage. */
export type ParsedUImage =
  | UImageFile
  /** The file ends before byte `wanted`. */
  | { readonly kind: "cut"; readonly wanted: number }
  /** `why` completes "a damaged uImage: …". */
  | { readonly kind: "fault"; readonly why: string };

/** IH_MAGIC. */
const MAGIC = 0x27051956;
const HEADER_SIZE = 64;
const NAME_SIZE = 32;

/** U-Boot uses three files of several: kernel, ramdisk, device tree. */
const PARTS_MAX = 16;

/** Whether a file begins as a uImage does. */
export function startsAsUImage(head: Uint8Array): boolean {
  return head.length >= 4 && viewOf(head).getUint32(0) === MAGIC;
}

/** Reads the header, and compares it with its checksum. The data are compared where they are read through. */
export function parseUImage(source: ByteSource): ParsedUImage {
  const bytes = source.read(0, HEADER_SIZE);
  if (bytes.length < HEADER_SIZE) return { kind: "cut", wanted: HEADER_SIZE };
  const view = viewOf(bytes);
  if (view.getUint32(0) !== MAGIC) return { kind: "fault", why: "it has no header that begins with 0x27051956" };
  const stated = view.getUint32(4);
  const summed = bytes.slice();
  summed.fill(0, 4, 8);
  const found = crc32(summed);
  if (found !== stated) {
    return { kind: "fault", why: `its header has the CRC-32 ${hex(found)}, and states ${hex(stated)}` };
  }
  const size = view.getUint32(12);
  if (HEADER_SIZE + size > source.size) return { kind: "cut", wanted: HEADER_SIZE + size };
  const name = (names: { readonly [number: number]: string }, at: number): string =>
    names[view.getUint8(at)] ?? String(view.getUint8(at));
  const type = name(UBOOT_TYPES, 30);
  const data = { offset: HEADER_SIZE, size };
  const parts = type === "multi" ? readTable(source, data) : [data];
  if (typeof parts === "string") return { kind: "fault", why: parts };
  return {
    kind: "uimage-file",
    title: latin1(bytes.subarray(32, 32 + NAME_SIZE)).split("\0", 1)[0] ?? "",
    system: name(UBOOT_SYSTEMS, 28),
    architecture: name(UBOOT_ARCHITECTURES, 29),
    type,
    compression: name(UBOOT_COMPRESSIONS, 31),
    load: view.getUint32(16),
    entry: view.getUint32(20),
    data,
    dataCrc: view.getUint32(24),
    parts,
  };
}

/** Several files: their sizes, ended by a zero, then the files, each from a multiple of 4 bytes. Else a clause that says why not. */
function readTable(source: ByteSource, { offset, size }: UImageFile["data"]): UImageFile["parts"] | string {
  const table = source.read(offset, Math.min(size, (PARTS_MAX + 1) * 4));
  const view = viewOf(table);
  const sizes: number[] = [];
  for (let at = 0; at + 4 <= table.length; at += 4) {
    const each = view.getUint32(at);
    if (each === 0) {
      if (sizes.length === 0) return "its table lists no file";
      let start = offset + at + 4;
      const parts = sizes.map((length) => {
        const part = { offset: start, size: length };
        start += align4(length);
        return part;
      });
      const end = parts.reduce((last, part) => Math.max(last, part.offset + part.size), 0);
      return end > offset + size ? "the files that its table lists do not fit in it" : parts;
    }
    sizes.push(each);
  }
  return `its table of files does not end, or lists more than ${PARTS_MAX}`;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
