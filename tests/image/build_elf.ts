import { align4 } from "../../src/core/bytes.ts";
import { ascii, joined } from "./build.ts";

/** One program header and the bytes it covers. */
export interface ElfSegment {
  /** PT_LOAD is 1, PT_INTERP 3, PT_NOTE 4. */
  readonly type?: number;
  readonly paddr?: bigint;
  readonly vaddr?: bigint;
  readonly bytes: Uint8Array;
  readonly memsz?: bigint;
  readonly align?: bigint;
}

/** An ELF file, its program headers behind the header, then the segments' bytes in order. */
export function elf(spec: {
  readonly bits?: 32 | 64;
  readonly littleEndian?: boolean;
  readonly machine?: number;
  readonly type?: number;
  readonly entry?: bigint;
  readonly segments?: readonly ElfSegment[];
} = {}): Uint8Array {
  const bits = spec.bits ?? 64;
  const little = spec.littleEndian ?? true;
  const segments = spec.segments ?? [{ paddr: 0x100_0000n, vaddr: 0xffff_ffff_8100_0000n, bytes: new Uint8Array(64) }];
  const [headerSize, entrySize] = bits === 64 ? [64, 56] : [52, 32];
  const bytes = new Uint8Array(
    headerSize + segments.length * entrySize + segments.reduce((sum, segment) => sum + segment.bytes.length, 0),
  );
  const view = new DataView(bytes.buffer);
  const half = (at: number, value: number): void => view.setUint16(at, value, little);
  const single = (at: number, value: number): void => view.setUint32(at, value, little);
  const word = (at: number, value: bigint): void =>
    bits === 64 ? view.setBigUint64(at, value, little) : view.setUint32(at, Number(value & 0xffff_ffffn), little);

  bytes.set(ascii("\x7fELF"));
  bytes.set([bits === 64 ? 2 : 1, little ? 1 : 2, 1], 4);
  half(16, spec.type ?? 2);
  half(18, spec.machine ?? 62);
  word(24, spec.entry ?? 0x100_0000n);
  word(bits === 64 ? 32 : 28, BigInt(headerSize));
  half(bits === 64 ? 54 : 42, entrySize);
  half(bits === 64 ? 56 : 44, segments.length);

  let offset = headerSize + segments.length * entrySize;
  segments.forEach((segment, index) => {
    const at = headerSize + index * entrySize;
    const values = [
      BigInt(offset),
      segment.vaddr ?? segment.paddr ?? 0n,
      segment.paddr ?? 0n,
      BigInt(segment.bytes.length),
      segment.memsz ?? BigInt(segment.bytes.length),
    ];
    single(at, segment.type ?? 1);
    values.forEach((value, field) => bits === 64 ? word(at + 8 + field * 8, value) : word(at + 4 + field * 4, value));
    word(at + (bits === 64 ? 48 : 28), segment.align ?? 0x1000n);
    bytes.set(segment.bytes, offset);
    offset += segment.bytes.length;
  });
  return bytes;
}

/** An ELF note. */
export function note(name: string, type: number, data: Uint8Array): Uint8Array {
  const size = 12 + align4(name.length + 1) + align4(data.length);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  [name.length + 1, data.length, type].forEach((value, index) => view.setUint32(index * 4, value, true));
  bytes.set(ascii(name), 12);
  bytes.set(data, 12 + align4(name.length + 1));
  return bytes;
}

/** A Multiboot header of either version, with its checksum. */
export function multibootHeader(version: 1 | 2): Uint8Array {
  const fields = version === 1 ? [0x1badb002, 3] : [0xe85250d6, 0, 16];
  const sum = fields.reduce((total, field) => (total + field) >>> 0, 0);
  const words = new Uint32Array([...fields, (0x1_0000_0000 - sum) >>> 0]);
  return new Uint8Array(words.buffer);
}

/** A cpio archive in newc form (or with another magic number of the same layout), with its trailer. */
export function cpio(
  files: readonly { readonly name: string; readonly bytes: Uint8Array; readonly mode?: number }[],
  magic = "070701",
): Uint8Array {
  const entries = [...files, { name: "TRAILER!!!", bytes: new Uint8Array(), mode: 0 }];
  return joined(...entries.flatMap(({ name, bytes, mode }, index) => {
    const fields = [index + 1, mode ?? 0o100644, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0];
    const header = magic + fields.map((field) => field.toString(16).padStart(8, "0")).join("") + name + "\0";
    return [header, padding(header.length), bytes, padding(bytes.length)];
  }));
}

function padding(size: number): Uint8Array {
  return new Uint8Array((4 - size % 4) % 4);
}
