/** Little-endian fields of a structure in memory or in a file. Offsets are bytes from the start of the view. */
export interface Fields {
  readonly size: number;
  u8(offset: number): number;
  u16(offset: number): number;
  u32(offset: number): number;
  u64(offset: number): bigint;
  /** The bytes up to the first NUL, or `length` of them, as Latin-1. */
  text(offset: number, length: number): string;
  bytes(offset: number, length: number): Uint8Array;
}

/** A view of bytes, for numbers of either order. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads little-endian fields. Reading past the end throws a RangeError: callers compare with `size` first. */
export function fieldsOf(data: Uint8Array): Fields {
  const view = viewOf(data);
  return {
    size: data.byteLength,
    u8: (offset) => view.getUint8(offset),
    u16: (offset) => view.getUint16(offset, true),
    u32: (offset) => view.getUint32(offset, true),
    u64: (offset) => view.getBigUint64(offset, true),
    text: (offset, length) => latin1(data.subarray(offset, offset + length)).split("\0", 1)[0] ?? "",
    bytes: (offset, length) => data.subarray(offset, offset + length),
  };
}

/** One character per byte; the field's text is ASCII, and a stray byte must not become a replacement character. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The bytes of such a text. */
export function bytesOfLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The next multiple of 4 at or after an offset: where cpio, device trees, ELF notes and joined initrds go on. */
export function align4(offset: number): number {
  return Math.ceil(offset / 4) * 4;
}

/** A file, or bytes, that can be read in parts. */
export interface ByteSource {
  /** How many bytes there are. */
  readonly size: number;
  /** Up to `length` bytes from `offset`; fewer only at the end. */
  read(offset: number, length: number): Uint8Array;
}

/** Bytes in memory as a source. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** The fields at a place of a file, or undefined if the file does not hold all `length` bytes. */
export function fieldsAt(source: ByteSource, offset: number, length: number): Fields | undefined {
  if (offset + length > source.size) return undefined;
  const bytes = source.read(offset, length);
  return bytes.length === length ? fieldsOf(bytes) : undefined;
}
