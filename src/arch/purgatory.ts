import { fieldsOf } from "../core/bytes.ts";
import { MAX_U64 } from "../core/number.ts";
import type { Checksum } from "../profile/profile.ts";

/** What a purgatory compares before it jumps. */
export interface PurgatoryRegion {
  /** Physical address, bytes. */
  readonly address: bigint;
  /** Bytes that the digest covers; what follows them in the segment is not compared. */
  readonly length: bigint;
  /** 64 hexadecimal digits; undefined for XXH64, whose sums are taken when the plan is carried out. */
  readonly sha256?: string;
}

/** What a purgatory needs to enter setup code in real mode. Physical addresses below 1 MiB. */
export interface RealMode {
  /** Where the setup code lies; a multiple of 16. It is entered 512 bytes further on. */
  readonly base: bigint;
  /** Where its stack ends, bytes from there. */
  readonly stack: number;
  /** Where purgatory copies its own code to, for the last steps: `REAL_STUB_SIZE` bytes, from a multiple of 16 on. */
  readonly stub: bigint;
}

/** What a purgatory is to do, on any machine. */
export interface PurgatoryTask {
  /** Where it jumps to, a physical address. */
  readonly entry: bigint;
  /** Physical address of the handover (boot_params, or the device tree); 0 for none. */
  readonly handover: bigint;
  /** Whether the entry is reached in 32-bit mode, on x86_64; it, the handover and the purgatory then lie below 4 GiB. */
  readonly entry32?: boolean;
  /** What a Multiboot image finds in eax, with the handover in ebx; it is entered in 32-bit mode. */
  readonly multibootMagic?: number;
  /** Whether the interrupt controllers and the timer are set up as a BIOS leaves them; where 64-bit mode is left. */
  readonly legacy?: boolean;
  /** Where the image is entered in real mode, on x86_64, by way of 32-bit mode. */
  readonly real?: RealMode;
  /** In the order in which a message numbers them, from 1. At most 16 on x86_64, 24 on arm64. */
  readonly regions: readonly PurgatoryRegion[];
  /** By what it compares the regions; with `false`, it only sets the state up and jumps. */
  readonly verify: Checksum | false;
  /** What it copies before it jumps; physical addresses and bytes. The two do not overlap. */
  readonly backup?: { readonly from: bigint; readonly to: bigint; readonly size: bigint };
}

/** Where the sum of a region belongs. */
export interface SumSlot {
  /** Of its 8 bytes, from the purgatory's start. */
  readonly offset: number;
  /** The region: its physical address, bytes. */
  readonly address: bigint;
  /** Its bytes. */
  readonly length: bigint;
}

/** Machine code that takes the XXH64 of memory, for the processor that a purgatory is for. */
export interface SumCode {
  /** Runs at any address. */
  readonly code: Uint8Array;
  /** Where the function begins: u64 sum(const u8 *data, u64 length). */
  readonly offset: number;
}

/** Where a purgatory has its parameters, and their constants, as its assembler gives them. */
export interface PurgatorySymbols {
  readonly layout: number;
  readonly layoutNumber: number;
  readonly entry: number;
  readonly flags: number;
  readonly flagVerify: number;
  readonly flagXxh64: number;
  readonly regionCount: number;
  readonly regions: number;
  readonly regionMax: number;
  readonly regionSize: number;
  readonly regionAddress: number;
  readonly regionLength: number;
  readonly regionDigest: number;
  readonly xxh64Region: number;
}

/** A machine's purgatory: what can be read from its bytes. */
export interface PurgatoryFormat {
  /** The memory that it takes, bytes; a multiple of 4096. */
  readonly size: bigint;
  /** Its own bytes, at the start of that memory; a multiple of 4096. They are the same for every layout so far. */
  readonly length: number;
  /** Where it jumps to, a physical address; undefined for bytes that are none, by their size. */
  target(bytes: Uint8Array): bigint | undefined;
  /** By what it compares its regions, if at all; undefined for bytes that are none, or one of another layout. */
  verifies(bytes: Uint8Array): Checksum | false | undefined;
  /** Where the sums belong that are taken when it is loaded; undefined where it compares none. */
  sumSlots(bytes: Uint8Array): readonly SumSlot[] | undefined;
  /** What takes them: its own function. */
  sumCode(): SumCode;
}

/** The first purgatories had no number. */
const UNNUMBERED = 0n;

/**
 * Describes a machine's purgatory by its code in base64. Older layouts are read as well: what a later one added lies after
 * what they have.
 */
export function purgatoryFormat(
  code: string,
  at: PurgatorySymbols,
  { size, length }: Pick<PurgatoryFormat, "size" | "length">,
): PurgatoryFormat {
  const isOne = (bytes: Uint8Array): boolean => bytes.length === length;
  const verifies = (bytes: Uint8Array): Checksum | false | undefined => {
    if (!isOne(bytes)) return undefined;
    const fields = fieldsOf(bytes);
    const [layout, flags] = [fields.u64(at.layout), fields.u32(at.flags)];
    if (layout > BigInt(at.layoutNumber)) return undefined;
    if ((flags & at.flagVerify) === 0) return false;
    if ((flags & at.flagXxh64) === 0) return "sha256";
    return layout === UNNUMBERED ? undefined : "xxh64";
  };
  return {
    size,
    length,
    target: (bytes) => isOne(bytes) ? fieldsOf(bytes).u64(at.entry) : undefined,
    verifies,
    sumSlots: (bytes) => {
      if (verifies(bytes) !== "xxh64") return undefined;
      const fields = fieldsOf(bytes);
      return regionOffsets(bytes, at).map((offset) => ({
        offset: offset + at.regionDigest,
        address: fields.u64(offset + at.regionAddress),
        length: fields.u64(offset + at.regionLength),
      }));
    },
    sumCode: () => ({ code: Uint8Array.fromBase64(code), offset: at.xxh64Region }),
  };
}

/** Where in a purgatory's bytes each of its regions is described. */
export function regionOffsets(bytes: Uint8Array, at: PurgatorySymbols): readonly number[] {
  const count = Math.min(fieldsOf(bytes).u32(at.regionCount), at.regionMax);
  return Array.from({ length: count }, (_, index) => at.regions + index * at.regionSize);
}

/**
 * Writes what is compared, and by what. @throws {RangeError} for more regions than fit, a number outside 64 bits, or a
 * digest that is missing or no SHA-256
 */
export function setRegions(
  bytes: Uint8Array,
  at: PurgatorySymbols,
  { regions, verify }: Pick<PurgatoryTask, "regions" | "verify">,
): void {
  if (regions.length > at.regionMax) {
    throw new RangeError(`Cannot build a purgatory: ${regions.length} regions, at most ${at.regionMax} fit`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const flags = (verify === false ? 0 : at.flagVerify) | (verify === "xxh64" ? at.flagXxh64 : 0);
  view.setUint32(at.flags, view.getUint32(at.flags, true) | flags, true);
  view.setUint32(at.regionCount, regions.length, true);
  for (const [index, { address, length, sha256 }] of regions.entries()) {
    const offset = at.regions + index * at.regionSize;
    setU64(view, offset + at.regionAddress, address);
    setU64(view, offset + at.regionLength, length);
    if (verify === "sha256") bytes.set(digestBytes(sha256 ?? ""), offset + at.regionDigest);
  }
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

/** The bytes of a digest. @throws {RangeError} for a text that is not a SHA-256 */
export function digestBytes(sha256: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/i.test(sha256)) throw new RangeError(`Cannot build a purgatory: \`${sha256}\` is not a SHA-256`);
  return Uint8Array.fromHex(sha256);
}
