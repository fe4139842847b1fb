import { latin1 } from "../core/bytes.ts";
import { formatSize } from "../core/number.ts";
import { compressionOf } from "./compression.ts";
import type { Packing, Unpack } from "./unpacked.ts";

/** What an initrd's archives unpack to, one behind the other. */
export interface UnpackedArchives {
  /** Plain cpio archives, each from a multiple of 4 bytes on, where the kernel looks for one. */
  readonly bytes: Uint8Array;
  /** The packed ones, with the bytes that they unpack to. */
  readonly archives: readonly { readonly packing: Packing; readonly size: number }[];
}

/** Bytes of a newc header, and where it has the sizes of the file and of its name, in 8 hexadecimal digits. */
const HEADER = 110;
const FILE_SIZE_AT = 54;
const NAME_SIZE_AT = 94;

/**
 * Unpacks every compressed archive of an initrd, as the kernel would (unpack_to_rootfs in init/initramfs.c, Linux 6.12):
 * zeros between archives are skipped, a plain one begins at a multiple of 4, anything else is packed. Plain ones, such as
 * early microcode, stay as they are and where they are first. `why` completes "NAME stays as it is: …".
 */
export function unpackArchives(
  packed: Uint8Array,
  unpack: Unpack,
  most: number,
): UnpackedArchives | { readonly why: string } {
  const pieces: Uint8Array[] = [];
  const archives: { readonly packing: Packing; readonly size: number }[] = [];
  let size = 0;
  const add = (piece: Uint8Array): void => {
    const gap = -size & 3;
    if (gap > 0) pieces.push(new Uint8Array(gap));
    pieces.push(piece);
    size += gap + piece.length;
  };
  for (let at = 0; at < packed.length;) {
    if (packed[at] === 0) {
      at++;
      continue;
    }
    if (at % 4 === 0 && isCpio(packed, at)) {
      const end = cpioEnd(packed, at);
      if (end === undefined) return { why: `its archive at byte ${at} cannot be followed to its end` };
      add(packed.subarray(at, end));
      at = end;
      continue;
    }
    const packing = compressionOf(packed.subarray(at, at + 64));
    if (packing === undefined || packing === "none") return { why: `what it holds at byte ${at} is not known` };
    const result = unpack(packing, packed.subarray(at), { most: Math.max(1, most - size) });
    switch (result.kind) {
      case "damaged":
        return { why: `its ${packing} archive at byte ${at} cannot be unpacked: ${result.why}` };
      case "missing":
        return { why: `${result.library}, which unpacks ${packing}, is not installed (${result.packages})` };
      case "too-large":
        return { why: `it unpacks to more than the ${formatSize(most)} that it may take` };
    }
    // Some packers end with an empty frame; behind an archive the kernel takes it as well.
    if (result.bytes.length === 0 && size > 0) {
      at += result.consumed;
      continue;
    }
    if (!isCpio(result.bytes, 0)) return { why: `its ${packing} archive at byte ${at} unpacks to no cpio archive` };
    add(result.bytes);
    archives.push({ packing, size: result.bytes.length });
    at += result.consumed;
  }
  if (archives.length === 0) return { why: "it is not compressed" };
  return { bytes: joined(pieces, size), archives };
}

function isCpio(bytes: Uint8Array, at: number): boolean {
  const magic = latin1(bytes.subarray(at, at + 6));
  return magic === "070701" || magic === "070702";
}

/** Behind the last entry of the plain archive that begins here; undefined where it breaks off. */
function cpioEnd(bytes: Uint8Array, start: number): number | undefined {
  for (let at = start; isCpio(bytes, at) && at + HEADER <= bytes.length;) {
    const nameSize = hex(bytes, at + NAME_SIZE_AT);
    const fileSize = hex(bytes, at + FILE_SIZE_AT);
    if (nameSize === undefined || fileSize === undefined || nameSize === 0) return undefined;
    const data = align4(at + HEADER + nameSize);
    const name = latin1(bytes.subarray(at + HEADER, at + HEADER + nameSize - 1));
    const next = align4(data + fileSize);
    if (name === "TRAILER!!!") return Math.min(next, bytes.length);
    at = next;
  }
  return undefined;
}

function hex(bytes: Uint8Array, at: number): number | undefined {
  const text = latin1(bytes.subarray(at, at + 8));
  return /^[0-9a-fA-F]{8}$/.test(text) ? Number.parseInt(text, 16) : undefined;
}

function align4(at: number): number {
  return Math.ceil(at / 4) * 4;
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
