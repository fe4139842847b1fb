/** XXH64 with seed 0, by the specification's words (version 0.2.0) and in whole numbers: slow, and apart from src/. */
const P1 = 0x9e37_79b1_85eb_ca87n;
const P2 = 0xc2b2_ae3d_27d4_eb4fn;
const P3 = 0x1656_67b1_9e37_79f9n;
const P4 = 0x85eb_ca77_c2b2_ae63n;
const P5 = 0x27d4_eb2f_1656_67c5n;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotl = (value: bigint, by: bigint): bigint => u64(value << by) | value >> (64n - by);
const round = (lane: bigint, word: bigint): bigint => u64(rotl(u64(lane + u64(word * P2)), 31n) * P1);

/** The sum of bytes. */
export function xxh64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let lanes = [u64(P1 + P2), P2, 0n, u64(-P1)];
  let at = 0;
  for (; bytes.length - at >= 32; at += 32) {
    lanes = lanes.map((lane, index) => round(lane, view.getBigUint64(at + 8 * index, true)));
  }
  const [a = 0n, b = 0n, c = 0n, d = 0n] = lanes;
  let sum = bytes.length < 32 ? P5 : u64(rotl(a, 1n) + rotl(b, 7n) + rotl(c, 12n) + rotl(d, 18n));
  if (bytes.length >= 32) { for (const lane of lanes) sum = u64((sum ^ round(0n, lane)) * P1 + P4); }
  sum = u64(sum + BigInt(bytes.length));
  for (; bytes.length - at >= 8; at += 8) {
    sum = u64(rotl(sum ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4);
  }
  for (; bytes.length - at >= 4; at += 4) {
    sum = u64(rotl(sum ^ u64(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3);
  }
  for (; at < bytes.length; at++) sum = u64(rotl(sum ^ u64(BigInt(view.getUint8(at)) * P5), 11n) * P1);
  sum = u64((sum ^ sum >> 33n) * P2);
  sum = u64((sum ^ sum >> 29n) * P3);
  return sum ^ sum >> 32n;
}
