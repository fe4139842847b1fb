import { MAX_U64 } from "../core/number.ts";

/** What a purgatory compares before it jumps. */
export interface PurgatoryRegion {
  /** Physical address, bytes. */
  readonly address: bigint;
  /** Bytes that the digest covers; what lies behind them in the segment is not compared. */
  readonly length: bigint;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

/** What a purgatory is to do, on any machine. */
export interface PurgatoryTask {
  /** Where it jumps to, a physical address. */
  readonly entry: bigint;
  /** Physical address of what tells the kernel what it must know; 0 for none. */
  readonly handover: bigint;
  /** In the order in which a message numbers them, from 1. At most 16. */
  readonly regions: readonly PurgatoryRegion[];
  /** Whether it compares the regions; without it, it only sets the state up and jumps. */
  readonly verify: boolean;
  /** What it copies before it jumps; physical addresses and bytes. The two do not overlap. */
  readonly backup?: { readonly from: bigint; readonly to: bigint; readonly size: bigint };
}

/**
 * Writes a number into a purgatory. DataView keeps the low 64 bits of a number that has more: such a number must not get
 * there. @throws {RangeError} for a number outside 64 bits
 */
export function setU64(view: DataView, offset: number, value: bigint): void {
  if (value < 0n || value > MAX_U64) {
    throw new RangeError(`Cannot build a purgatory: ${value} does not fit 64 bits`);
  }
  view.setBigUint64(offset, value, true);
}

/** The bytes of a digest. @throws {RangeError} for what is no SHA-256 */
export function digestBytes(sha256: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/i.test(sha256)) throw new RangeError(`Cannot build a purgatory: \`${sha256}\` is no SHA-256`);
  return Uint8Array.fromHex(sha256);
}
