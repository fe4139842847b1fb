import { fieldsOf } from "../../core/bytes.ts";
import { digestBytes, type PurgatoryTask, setU64 } from "../purgatory.ts";
import { PURGATORY_CODE, PURGATORY_SYMBOLS as AT } from "./purgatory_code.ts";

/** What a purgatory is to do. */
export interface PurgatoryInput extends Omit<PurgatoryTask, "backup"> {
  /** Physical address of a PL011 on which it complains of a region that differs; undefined: it halts without a word. */
  readonly uart?: bigint;
}

/** The memory that a purgatory takes, bytes; a multiple of 4096. */
export const PURGATORY_SIZE: bigint = BigInt(Math.ceil(AT.stackTop / 4096) * 4096);

/**
 * Builds a purgatory (purgatory.S): PURGATORY_SIZE bytes, its stack included, that run at any address and are entered at
 * the first. It writes to no other memory than these. Each region begins at a multiple of 4.
 * @throws {RangeError} for more than 24 regions, one that is not aligned, a number outside 64 bits, or what is no SHA-256
 */
export function buildPurgatory({ entry, handover, regions, verify, uart = 0n }: PurgatoryInput): Uint8Array {
  if (regions.length > AT.regionMax) {
    throw new RangeError(`Cannot build a purgatory: ${regions.length} regions, at most ${AT.regionMax} fit`);
  }
  const bytes = new Uint8Array(Number(PURGATORY_SIZE));
  bytes.set(Uint8Array.fromBase64(PURGATORY_CODE));
  const view = new DataView(bytes.buffer);
  setU64(view, AT.entry, entry);
  setU64(view, AT.handover, handover);
  setU64(view, AT.uart, uart);
  view.setUint32(AT.regionCount, regions.length, true);
  view.setUint32(AT.flags, verify ? AT.flagVerify : 0, true);
  for (const [index, { address, length, sha256 }] of regions.entries()) {
    if (address % 4n !== 0n) {
      throw new RangeError(`Cannot build a purgatory: a region at 0x${address.toString(16)} is not aligned to 4 bytes`);
    }
    const offset = AT.regions + index * AT.regionSize;
    setU64(view, offset + AT.regionAddress, address);
    setU64(view, offset + AT.regionLength, length);
    bytes.set(digestBytes(sha256), offset + AT.regionDigest);
  }
  return bytes;
}

/** Where a purgatory jumps to, a physical address; undefined for bytes that are none, by their size. */
export function purgatoryTarget(bytes: Uint8Array): bigint | undefined {
  return BigInt(bytes.length) === PURGATORY_SIZE ? fieldsOf(bytes).u64(AT.entry) : undefined;
}
