import { fieldsOf } from "../../core/bytes.ts";
import {
  digestBytes,
  type PurgatoryFormat,
  purgatoryFormat,
  type PurgatoryTask,
  regionOffsets,
  setRegions,
  setU64,
} from "../purgatory.ts";
import { LIMIT_32, LOW_MEMORY } from "./memory_layout.ts";
import { PURGATORY_CODE, PURGATORY_SYMBOLS as AT } from "./purgatory_code.ts";

/** What a purgatory is to do. */
export interface PurgatoryInput extends Omit<PurgatoryTask, "handover"> {
  /** Physical address of boot_params, which the entry finds in rsi, or in 32-bit mode in esi; 0 for none. */
  readonly bootParams: bigint;
  /**
   * Whether the processor has the instructions of `SHA_FLAGS`, which then do the SHA-256, many times faster. On one that
   * lacks them such a purgatory dies of the first.
   */
  readonly sha: boolean;
  /** Where it complains of a region that differs. */
  readonly console: {
    /** A serial port. */
    readonly serial?: SerialPort;
    /** The top row of the VGA text screen at 0xb8000, which the running kernel must then have mapped. */
    readonly vga: boolean;
  };
}

/** A serial port of the kind 8250 as purgatory drives it. One in memory need not be mapped. */
export interface SerialPort {
  /** Its first register: an I/O port, or a physical address. */
  readonly address: bigint;
  /** Bytes of an access to memory; 0 for an I/O port. */
  readonly width: 0 | 1 | 2 | 4;
  /** Its registers lie `1 << shift` apart. */
  readonly shift: number;
  /** Its speed; undefined: it stays as it was left. */
  readonly speed?: {
    /** What its clock is divided by, from 1 to 65535. */
    readonly divisor: number;
    /** Its line control register: bits of a character, and parity. */
    readonly line: number;
  };
}

/** The flags of /proc/cpuinfo whose instructions a purgatory with `sha` uses. */
export const SHA_FLAGS: readonly string[] = ["sha_ni", "ssse3", "sse4_1"];

/** Whether a processor has them, by its flags. */
export function hasShaInstructions(cpuFlags: readonly string[]): boolean {
  return SHA_FLAGS.every((flag) => cpuFlags.includes(flag));
}

/** The memory that a purgatory takes, bytes; a multiple of the page size. */
export const PURGATORY_SIZE: bigint = BigInt(AT.memoryEnd);

/** A purgatory's bytes; its stack and its room for page tables come after them. */
export const PURGATORY_LENGTH: number = AT.codeSize;

/** What can be read from a purgatory's bytes. */
export const PURGATORY: PurgatoryFormat = purgatoryFormat(PURGATORY_CODE, AT, {
  size: PURGATORY_SIZE,
  length: PURGATORY_LENGTH,
});

/** Where a purgatory is entered, bytes from its start. */
export const PURGATORY_ENTRY: bigint = 0n;

/** The memory below 1 MiB that its last steps into real mode take, bytes. */
export const REAL_STUB_SIZE: number = AT.stubEnd - AT.stub;

/** The most regions that a purgatory compares: as many as kexec_load(2) takes segments. */
export const PURGATORY_REGIONS_MAX: number = AT.regionMax;

/**
 * Builds a purgatory (purgatory.S): PURGATORY_LENGTH bytes that run at any address, at the start of PURGATORY_SIZE bytes of
 * memory. It writes to no other memory than this and where it copies a backup to; if it complains, to the console, and to
 * page tables of the running kernel, where these lack the console. It does not return: it is of no use to preserve_context.
 * @throws {RangeError} for more than 16 regions, a number outside 64 bits, or outside 32 where the entry is reached in
 * 32-bit mode, a digest that is not a SHA-256, or a serial port's number that does not fit
 */
export function buildPurgatory(input: PurgatoryInput): Uint8Array {
  if (input.entry32 === true) {
    const { from, to, size } = input.backup ?? NOTHING_COPIED;
    const high = [input.entry, input.bootParams, from + size, to + size].find((address) => address >= LIMIT_32);
    if (high !== undefined) throw new RangeError(`Cannot build a purgatory: ${high} does not fit 32 bits`);
  }
  const bytes = new Uint8Array(PURGATORY_LENGTH);
  bytes.set(Uint8Array.fromBase64(PURGATORY_CODE));
  const view = new DataView(bytes.buffer);
  if (input.console.serial !== undefined) setPort(view, input.console.serial);
  setU64(view, AT.entry, input.entry);
  setU64(view, AT.bootParams, input.bootParams);
  view.setUint32(AT.multibootMagic, input.multibootMagic ?? 0, true);
  if (input.real !== undefined) {
    const { base, stack, stub } = input.real;
    if (base + BigInt(stack) > LOW_MEMORY.end || stub + BigInt(REAL_STUB_SIZE) > LOW_MEMORY.end) {
      throw new RangeError(`Cannot build a purgatory: real mode does not reach ${base > stub ? base : stub}`);
    }
    view.setUint32(AT.realBase, Number(base), true);
    view.setUint32(AT.realStack, stack, true);
    view.setUint32(AT.realStub, Number(stub), true);
  }
  view.setUint32(AT.flags, flagsOf(input), true);
  const { from, to, size } = input.backup ?? NOTHING_COPIED;
  setU64(view, AT.backupFrom, from);
  setU64(view, AT.backupTo, to);
  setU64(view, AT.backupSize, size);
  setRegions(bytes, AT, input);
  return bytes;
}

function setPort(view: DataView, { address, width, shift, speed }: SerialPort): void {
  const { divisor, line } = speed ?? { divisor: 0, line: 0 };
  const isSpeed = speed === undefined || Number.isInteger(divisor) && divisor >= 1 && divisor <= 0xffff;
  if (!isSpeed || shift < 0 || shift > 7 || (width === 0 && address > 0xffffn)) {
    throw new RangeError(`Cannot build a purgatory: no serial port is at ${address} with divisor ${divisor}`);
  }
  setU64(view, AT.port, address);
  view.setUint8(AT.portWidth, width);
  view.setUint8(AT.portShift, shift);
  view.setUint16(AT.portDivisor, divisor, true);
  view.setUint8(AT.portLine, line);
}

const NOTHING_COPIED = { from: 0n, to: 0n, size: 0n } as const;

/** Whether a purgatory enters the next kernel in 32-bit mode; false for bytes that are none, by their size. */
export function purgatoryEnters32(bytes: Uint8Array): boolean {
  return bytes.length === PURGATORY_LENGTH && (fieldsOf(bytes).u32(AT.flags) & AT.flagEntry32) !== 0;
}

/** Whether a purgatory uses the instructions of `SHA_FLAGS`; false for bytes that are none, by their size. */
export function purgatoryUsesSha(bytes: Uint8Array): boolean {
  return bytes.length === PURGATORY_LENGTH && (fieldsOf(bytes).u32(AT.flags) & AT.flagSha) !== 0;
}

/** A segment that lies elsewhere than a purgatory expects it, perhaps with other bytes. */
export interface MovedRegion {
  /** Where it was to lie; physical address. */
  readonly from: bigint;
  /** Memory that it takes, bytes. */
  readonly size: bigint;
  /** Where it lies; physical address. */
  readonly to: bigint;
  /** The digest of as many bytes of it as before; undefined for a purgatory that compares none. */
  readonly sha256?: string;
}

/** A purgatory for segments that lie elsewhere: what it verifies of them, and where it jumps to. */
export function movedPurgatory(purgatory: Uint8Array, moved: readonly MovedRegion[]): Uint8Array {
  const bytes = purgatory.slice();
  const view = new DataView(bytes.buffer);
  for (const offset of regionOffsets(bytes, AT)) {
    const move = moved.find(({ from }) => from === view.getBigUint64(offset + AT.regionAddress, true));
    if (move === undefined) continue;
    setU64(view, offset + AT.regionAddress, move.to);
    if (move.sha256 !== undefined) bytes.set(digestBytes(move.sha256), offset + AT.regionDigest);
  }
  const entry = view.getBigUint64(AT.entry, true);
  const entered = moved.find(({ from, size }) => from <= entry && entry < from + size);
  if (entered !== undefined) setU64(view, AT.entry, entry - entered.from + entered.to);
  return bytes;
}

function flagsOf({ sha, console, entry32, legacy, real }: PurgatoryInput): number {
  return (sha ? AT.flagSha : 0) | (console.serial === undefined ? 0 : AT.flagSerial) | (console.vga ? AT.flagVga : 0) |
    (entry32 === true ? AT.flagEntry32 : 0) | (legacy === true ? AT.flagLegacy : 0) |
    (real === undefined ? 0 : AT.flagEntry16);
}
