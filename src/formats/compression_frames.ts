import { fieldsOf } from "../core/bytes.ts";

/** Bits of the flags of a gzip member (RFC 1952). */
const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;

/** Where the deflated data of a gzip member begin; undefined where the header is cut off or not deflate. */
export function gzipBody(bytes: Uint8Array): number | undefined {
  if (bytes.length < 18 || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) return undefined;
  const flags = bytes[3] ?? 0;
  let at = 10;
  if ((flags & FEXTRA) !== 0) at += 2 + ((bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8);
  for (const flag of [FNAME, FCOMMENT]) {
    if ((flags & flag) === 0) continue;
    const end = bytes.indexOf(0, at);
    if (end < 0) return undefined;
    at = end + 1;
  }
  if ((flags & FHCRC) !== 0) at += 2;
  return at < bytes.length ? at : undefined;
}

/** The CRC-32 and the size modulo 2^32 that end a gzip member; undefined where it is cut off. */
export function gzipTrailer(
  bytes: Uint8Array,
  at: number,
): { readonly crc: number; readonly size: number } | undefined {
  if (at + 8 > bytes.length) return undefined;
  const fields = fieldsOf(bytes.subarray(at, at + 8));
  return { crc: fields.u32(0), size: fields.u32(4) };
}

/** ZSTD_MAGICNUMBER. */
const ZSTD_MAGIC = 0xfd2fb528;
/** What a frame holds is compressed, stored or one byte repeated. */
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/** Bytes of the first Zstandard frame (RFC 8878, 3.1.1); undefined where it is cut off or damaged. */
export function zstdFrameSize(bytes: Uint8Array): number | undefined {
  const fields = fieldsOf(bytes);
  if (fields.size < 6 || fields.u32(0) !== ZSTD_MAGIC) return undefined;
  const descriptor = fields.u8(4);
  const singleSegment = (descriptor >> 5 & 1) !== 0;
  const sizeField = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const checksum = (descriptor >> 2 & 1) !== 0 ? 4 : 0;
  let at = 5 + (singleSegment ? 0 : 1) + dictionary + sizeField;
  for (let last = false; !last;) {
    if (at + 3 > fields.size) return undefined;
    const header = fields.u16(at) | fields.u8(at + 2) << 16;
    const type = header >> 1 & 3;
    if (type === RESERVED_BLOCK) return undefined;
    last = (header & 1) !== 0;
    at += 3 + (type === RLE_BLOCK ? 1 : header >> 3);
  }
  return at + checksum <= fields.size ? at + checksum : undefined;
}
