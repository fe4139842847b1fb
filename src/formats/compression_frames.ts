import { fieldsOf } from "../core/bytes.ts";
import type { PackedStream } from "./unpacked.ts";
import { windowOn } from "./unpacked.ts";

/** The bits of a gzip member's flags (RFC 1952) that the kernel does not read: header CRC, extra field, comment. */
const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;

/** The longest file name in a gzip header that is followed. */
const NAME_MAX = 65536;

/** Where the deflated data of a gzip member begin. */
export type GzipBody =
  | { readonly kind: "body"; readonly offset: number }
  | { readonly kind: "cut" }
  /** `why` completes "its gzip data …". */
  | { readonly kind: "damaged"; readonly why: string };

/** Reads the header of a gzip member as the kernel does (lib/decompress_inflate.c, Linux 7.2): a name may follow, no more. */
export function gzipBody({ source, offset, end }: PackedStream): GzipBody {
  const bytes = source.read(offset, Math.min(18, end - offset));
  if (bytes.length < 18) return { kind: "cut" };
  if (bytes[2] !== 8) {
    return { kind: "damaged", why: `are packed by method ${bytes[2]}, and only deflate (8) is known` };
  }
  const flags = bytes[3] ?? 0;
  if ((flags & ~(FNAME | 1)) !== 0) {
    const field = (flags & FEXTRA) !== 0
      ? "an extra field"
      : (flags & FCOMMENT) !== 0
      ? "a comment"
      : (flags & FHCRC) !== 0
      ? "a header checksum"
      : "reserved flags";
    return { kind: "damaged", why: `have ${field} in their header, which the kernel does not read` };
  }
  if ((flags & FNAME) === 0) return { kind: "body", offset: offset + 10 };
  const nameEnd = source.read(offset, Math.min(NAME_MAX, end - offset)).indexOf(0, 10);
  return nameEnd < 0 ? { kind: "cut" } : { kind: "body", offset: offset + nameEnd + 1 };
}

/** The CRC-32 and the size modulo 2^32 that end a gzip member; undefined where it is cut off. */
export function gzipTrailer(
  { source, end }: PackedStream,
  at: number,
): { readonly crc: number; readonly size: number } | undefined {
  if (at + 8 > end) return undefined;
  const bytes = source.read(at, 8);
  if (bytes.length < 8) return undefined;
  const fields = fieldsOf(bytes);
  return { crc: fields.u32(0), size: fields.u32(4) };
}

/** ZSTD_MAGICNUMBER. */
const ZSTD_MAGIC = 0xfd2fb528;
/** What a block holds is compressed, stored or one byte repeated. */
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/** One Zstandard frame (RFC 8878, 3.1.1). */
export interface ZstdFrame {
  /** Bytes. */
  readonly length: number;
  /** Whether it ends in a checksum of its content, 32 bits of XXH64. */
  readonly hasChecksum: boolean;
  /** What it says that it unpacks to, bytes. */
  readonly contentSize?: bigint;
}

/** Finds the end of the frame that begins a stream, from block to block; undefined where it is cut off or damaged. */
export function zstdFrame(stream: PackedStream): ZstdFrame | undefined {
  const window = windowOn(stream);
  const start = window.at(stream.offset, 6);
  if (start === undefined || fieldsOf(start).u32(0) !== ZSTD_MAGIC) return undefined;
  const descriptor = start[4] ?? 0;
  const isSingle = (descriptor >> 5 & 1) !== 0;
  const sizeLength = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const dictionaryLength = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const hasChecksum = (descriptor >> 2 & 1) !== 0;
  const sizeAt = stream.offset + 5 + (isSingle ? 0 : 1) + dictionaryLength;
  const sizeField = window.at(sizeAt, sizeLength);
  if (sizeField === undefined) return undefined;
  let at = sizeAt + sizeLength;
  for (let last = false; !last;) {
    const bytes = window.at(at, 3);
    if (bytes === undefined) return undefined;
    const header = (bytes[0] ?? 0) | (bytes[1] ?? 0) << 8 | (bytes[2] ?? 0) << 16;
    const type = header >> 1 & 3;
    if (type === RESERVED_BLOCK) return undefined;
    last = (header & 1) !== 0;
    at += 3 + (type === RLE_BLOCK ? 1 : header >> 3);
  }
  const end = at + (hasChecksum ? 4 : 0);
  if (end > stream.end) return undefined;
  const contentSize = sizeLength === 0 ? undefined : contentSizeOf(sizeField);
  return { length: end - stream.offset, hasChecksum, ...(contentSize === undefined ? {} : { contentSize }) };
}

function contentSizeOf(field: Uint8Array): bigint {
  const size = field.reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n);
  // Two bytes count from 256 on.
  return field.length === 2 ? size + 256n : size;
}
