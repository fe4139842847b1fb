import { fieldsOf } from "../core/bytes.ts";
import type { PackedStream } from "./unpacked.ts";
import { windowOn } from "./unpacked.ts";

/** The bits of a gzip member's flags (RFC 1952). */
const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;
const RESERVED = 0xe0;

/** What a kernel does not read, by its bit. */
const NOT_READ: readonly (readonly [bits: number, name: string])[] = [
  [FEXTRA, "an extra field"],
  [FCOMMENT, "a comment"],
  [FHCRC, "a header checksum"],
  [RESERVED, "reserved flags"],
];

/** The longest header of a gzip member that is followed. */
const HEADER_MAX = 65536;

/** Where the deflated data of a gzip member begin. */
export type GzipBody =
  | { readonly kind: "body"; readonly offset: number }
  | { readonly kind: "cut" }
  /** `why` completes "its gzip data …". */
  | { readonly kind: "damaged"; readonly why: string };

/**
 * Reads the header of a gzip member as the kernel does (lib/decompress_inflate.c, Linux 7.2): a name may follow, no more; but
 * all that RFC 1952 has where no kernel unpacks it.
 */
export function gzipBody({ source, offset, end, beyondKernel = false }: PackedStream): GzipBody {
  const bytes = source.read(offset, Math.min(18, end - offset));
  if (bytes.length < 18) return { kind: "cut" };
  if (bytes[2] !== 8) {
    return { kind: "damaged", why: `are packed by method ${bytes[2]}, and only deflate (8) is known` };
  }
  const flags = bytes[3] ?? 0;
  const refused = beyondKernel ? RESERVED : ~(FNAME | 1);
  const field = NOT_READ.find(([bits]) => (flags & refused & bits) !== 0)?.[1];
  if (field !== undefined) {
    return {
      kind: "damaged",
      why: `have ${field} in their header${beyondKernel ? "" : ", which the kernel does not read"}`,
    };
  }
  if ((flags & (FEXTRA | FNAME | FCOMMENT | FHCRC)) === 0) return { kind: "body", offset: offset + 10 };
  const header = source.read(offset, Math.min(HEADER_MAX, end - offset));
  let at = 10;
  if ((flags & FEXTRA) !== 0) at += 2 + (header[at] ?? 0) + ((header[at + 1] ?? 0) << 8);
  for (const bit of [FNAME, FCOMMENT]) {
    if ((flags & bit) === 0) continue;
    const textEnd = header.indexOf(0, at);
    if (textEnd < 0) return { kind: "cut" };
    at = textEnd + 1;
  }
  if ((flags & FHCRC) !== 0) at += 2;
  return at > header.length ? { kind: "cut" } : { kind: "body", offset: offset + at };
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
