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

/** CRC-16 of the CCITT from zero, most significant bit first: `crc16-ccitt` of U-Boot (lib/crc16-ccitt.c, U-Boot 2026.10-rc2). */
export function crc16(bytes: Uint8Array, before = 0): number {
  let crc = before;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 & 0xffff : (crc << 1 ^ 0x1021) & 0xffff;
  }
  return crc;
}

const XXH32_PRIMES = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1] as const;

/** A sum that grows with the bytes that it is given. */
export interface RunningSum {
  add(bytes: Uint8Array): void;
  /** The sum of all bytes so far. */
  value(): number;
}

/** XXH32 with seed 0 (xxHash's doc/xxhash_spec.md), which the frames of LZ4 carry. */
export function xxh32(): RunningSum {
  const [p1, p2, p3, p4, p5] = XXH32_PRIMES;
  const lanes = Uint32Array.of(p1 + p2, p2, 0, -p1);
  const rest = new Uint8Array(16);
  const restView = new DataView(rest.buffer);
  let [held, total] = [0, 0];
  const round = (view: DataView, at: number): void => {
    for (let lane = 0; lane < 4; lane++) {
      const sum = (lanes[lane] ?? 0) + Math.imul(view.getUint32(at + lane * 4, true), p2);
      lanes[lane] = Math.imul(rotate(sum, 13), p1);
    }
  };
  return {
    add(bytes) {
      total += bytes.length;
      let at = 0;
      if (held > 0) {
        at = Math.min(16 - held, bytes.length);
        rest.set(bytes.subarray(0, at), held);
        held += at;
        if (held < 16) return;
        round(restView, 0);
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (; at + 16 <= bytes.length; at += 16) round(view, at);
      rest.set(bytes.subarray(at));
      held = bytes.length - at;
    },
    value() {
      const [a = 0, b = 0, c = 0, d = 0] = lanes;
      let sum = total < 16 ? p5 : rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
      sum = sum + total | 0;
      let at = 0;
      for (; at + 4 <= held; at += 4) {
        sum = Math.imul(rotate(sum + Math.imul(restView.getUint32(at, true), p3) | 0, 17), p4);
      }
      for (; at < held; at++) sum = Math.imul(rotate(sum + Math.imul(rest[at] ?? 0, p5) | 0, 11), p1);
      sum = Math.imul(sum ^ sum >>> 15, p2);
      sum = Math.imul(sum ^ sum >>> 13, p3);
      return (sum ^ sum >>> 16) >>> 0;
    },
  };
}

function rotate(value: number, bits: number): number {
  return value << bits | value >>> 32 - bits;
}
