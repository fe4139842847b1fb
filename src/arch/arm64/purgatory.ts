import { type PurgatoryFormat, purgatoryFormat, type PurgatoryTask, setRegions, setU64 } from "../purgatory.ts";
import { PURGATORY_CODE, PURGATORY_SYMBOLS as AT } from "./purgatory_code.ts";

/** What a purgatory is to do. */
export interface PurgatoryInput extends Omit<PurgatoryTask, "backup"> {
  /** Physical address of a PL011 on which it complains of a region that differs; undefined: it halts without a message. */
  readonly uart?: bigint;
}

/** The memory that a purgatory takes, bytes; a multiple of 4096. All of it is loaded. */
export const PURGATORY_SIZE: bigint = BigInt(Math.ceil(AT.stackTop / 4096) * 4096);

/** What can be read from a purgatory's bytes. */
export const PURGATORY: PurgatoryFormat = purgatoryFormat(PURGATORY_CODE, AT, {
  size: PURGATORY_SIZE,
  length: Number(PURGATORY_SIZE),
});

/**
 * Builds a purgatory (purgatory.S): PURGATORY_SIZE bytes, its stack included, that run at any address and are entered at
 * the first. It writes to no other memory than these. Each region begins at a multiple of 4, for XXH64 of 8.
 * @throws {RangeError} for more than 24 regions, one that is not aligned, a number outside 64 bits, or a digest that is
 * not a SHA-256
 */
export function buildPurgatory({ entry, handover, regions, verify, uart = 0n }: PurgatoryInput): Uint8Array {
  const alignment = verify === "xxh64" ? 8n : 4n;
  const crooked = regions.find(({ address }) => address % alignment !== 0n);
  if (crooked !== undefined) {
    const address = crooked.address.toString(16);
    throw new RangeError(`Cannot build a purgatory: a region at 0x${address} is not aligned to ${alignment} bytes`);
  }
  const bytes = new Uint8Array(Number(PURGATORY_SIZE));
  bytes.set(Uint8Array.fromBase64(PURGATORY_CODE));
  const view = new DataView(bytes.buffer);
  setU64(view, AT.entry, entry);
  setU64(view, AT.handover, handover);
  setU64(view, AT.uart, uart);
  setRegions(bytes, AT, { regions, verify });
  return bytes;
}
