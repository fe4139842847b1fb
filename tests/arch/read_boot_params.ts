import type { E820Entry } from "../../src/arch/x86_64/e820.ts";
import { type Fields, fieldsOf } from "../../src/core/bytes.ts";

/** A node of the list setup_data, as the next kernel finds it. */
export interface ReadNode {
  /** Offset in the segment. */
  readonly offset: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/** What the next kernel finds in boot_params, by following its pointers. */
export interface ReadBootParams {
  readonly fields: Fields;
  readonly nodes: readonly ReadNode[];
  /** Offset in the segment. */
  readonly cmdlineAt: number;
  readonly cmdline: string;
  readonly ramdisk: { readonly address: bigint; readonly size: bigint };
  /** Those in boot_params and those beyond. */
  readonly e820: readonly E820Entry[];
  readonly efi: {
    readonly signature: string;
    readonly systab: bigint;
    readonly descriptorSize: number;
    readonly descriptorVersion: number;
    readonly map: bigint;
    readonly mapSize: number;
  };
}

/** Reads boot_params as the next kernel does, when the segment lies `at` an address. A pointer out of it is an error. */
export function readBootParams(bytes: Uint8Array, at: bigint): ReadBootParams {
  const fields = fieldsOf(bytes);
  const wide = (low: number, high: number) => BigInt(fields.u32(low)) | (BigInt(fields.u32(high)) << 32n);
  const inSegment = (address: bigint): number => {
    if (address < at || address >= at + BigInt(bytes.length)) throw new Error(`0x${address.toString(16)} is outside`);
    return Number(address - at);
  };
  const nodes: ReadNode[] = [];
  for (let next = fields.u64(0x250); next !== 0n && nodes.length < 16;) {
    const offset = inSegment(next);
    nodes.push({ offset, type: fields.u32(offset + 8), data: fields.bytes(offset + 16, fields.u32(offset + 12)) });
    next = fields.u64(offset);
  }
  const cmdlineAt = inSegment(wide(0x228, 0x0c8));
  const inline = fields.bytes(0x2d0, fields.u8(0x1e8) * 20);
  const extended = nodes.filter(({ type }) => type === 1).flatMap(({ data }) => readE820(data));
  return {
    fields,
    nodes,
    cmdlineAt,
    cmdline: new TextDecoder().decode(bytes.subarray(cmdlineAt, bytes.indexOf(0, cmdlineAt))),
    ramdisk: { address: wide(0x218, 0x0c0), size: wide(0x21c, 0x0c4) },
    e820: [...readE820(inline), ...extended],
    efi: {
      signature: fields.text(0x1c0, 4),
      systab: wide(0x1c4, 0x1d8),
      descriptorSize: fields.u32(0x1c8),
      descriptorVersion: fields.u32(0x1cc),
      map: wide(0x1d0, 0x1dc),
      mapSize: fields.u32(0x1d4),
    },
  };
}

/** Entries of 20 bytes: address, size, type. */
function readE820(bytes: Uint8Array): readonly E820Entry[] {
  const fields = fieldsOf(bytes);
  return Array.from({ length: bytes.length / 20 }, (_, index) => {
    const start = fields.u64(index * 20);
    return { start, end: start + fields.u64(index * 20 + 8), type: fields.u32(index * 20 + 16) };
  });
}
