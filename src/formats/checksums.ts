/** The largest prime below 2^16, and how many bytes can be summed before the sums leave 32 bits (RFC 1950). */
const ADLER_MODULUS = 65521;
const ADLER_RUN = 3800;

/** Adler-32 (RFC 1950), which lzop keeps of each block. */
export function adler32(bytes: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (let start = 0; start < bytes.length; start += ADLER_RUN) {
    const end = Math.min(bytes.length, start + ADLER_RUN);
    for (let at = start; at < end; at++) {
      low += bytes[at] ?? 0;
      high += low;
    }
    low %= ADLER_MODULUS;
    high %= ADLER_MODULUS;
  }
  return high * 0x10000 + low;
}

/** CRC-32 of IEEE 802.3, byte by byte. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : crc >>> 1 ^ 0xedb8_8320;
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}
