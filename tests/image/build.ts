import { concat } from "@std/bytes";

/** Builds small images for tests: complete, self-consistent files whose every header field can be set. */

/** Writes little-endian fields into a fresh file. */
function canvas(size: number): {
  readonly bytes: Uint8Array;
  readonly u8: (at: number, value: number) => void;
  readonly u16: (at: number, value: number) => void;
  readonly u32: (at: number, value: number) => void;
  readonly u64: (at: number, value: bigint) => void;
  readonly put: (at: number, value: string | Uint8Array) => void;
} {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  return {
    bytes,
    u8: (at, value) => view.setUint8(at, value),
    u16: (at, value) => view.setUint16(at, value, true),
    u32: (at, value) => view.setUint32(at, value, true),
    u64: (at, value) => view.setBigUint64(at, value, true),
    put: (at, value) => bytes.set(typeof value === "string" ? ascii(value) : value, at),
  };
}

/** One byte per character. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Joins parts into one file. */
export function joined(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  return concat(parts.map((part) => typeof part === "string" ? ascii(part) : part));
}

/** One section of a PE file; `virtualSize` is that of the bytes unless given. */
export interface SectionSpec {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly virtualSize?: number;
}

/** A PE file: 0x80 bytes of MZ header, PE header at 0x80, sections padded to 512, certificates at the end. */
export function peFile(spec: {
  readonly machine?: number;
  readonly subsystem?: number;
  readonly bits?: 32 | 64;
  readonly sections?: readonly SectionSpec[];
  /** Bytes of certificate table; 0 is unsigned. */
  readonly certificate?: number;
}): Uint8Array {
  const sections = spec.sections ?? [{ name: ".text", bytes: new Uint8Array(512) }];
  const optionalSize = (spec.bits ?? 64) === 64 ? 160 : 144;
  let end = align(0x80 + 24 + optionalSize + sections.length * 40, 512);
  const placed = sections.map((section) => {
    const offset = end;
    const size = align(section.bytes.length, 512);
    end += size;
    return { section, offset, size };
  });
  const file = canvas(end + (spec.certificate ?? 0));
  file.put(0, "MZ");
  file.u32(0x3c, 0x80);
  const headersSize = placed[0]?.offset ?? end;
  writePeHeader(file, 0x80, { ...spec, certificateAt: end, sectionCount: sections.length, headersSize });
  placed.forEach(({ section, offset, size }, index) => {
    const at = 0x80 + 24 + optionalSize + index * 40;
    file.put(at, section.name);
    file.u32(at + 8, section.virtualSize ?? section.bytes.length);
    file.u32(at + 16, size);
    file.u32(at + 20, offset);
    file.put(offset, section.bytes);
  });
  return file.bytes;
}

function writePeHeader(file: ReturnType<typeof canvas>, at: number, spec: {
  readonly machine?: number;
  readonly subsystem?: number;
  readonly bits?: 32 | 64;
  readonly certificate?: number;
  readonly certificateAt: number;
  readonly sectionCount: number;
  /** SizeOfHeaders: what comes before the first section. */
  readonly headersSize?: number;
}): void {
  const wide = (spec.bits ?? 64) === 64;
  file.put(at, "PE\0\0");
  file.u16(at + 4, spec.machine ?? 0x8664);
  file.u16(at + 6, spec.sectionCount);
  file.u16(at + 20, wide ? 160 : 144);
  const optional = at + 24;
  file.u16(optional, wide ? 0x20b : 0x10b);
  file.u32(optional + 60, spec.headersSize ?? 0);
  file.u16(optional + 68, spec.subsystem ?? 10);
  file.u32(optional + (wide ? 108 : 92), 6);
  if ((spec.certificate ?? 0) > 0) {
    const entry = optional + (wide ? 112 : 96) + 4 * 8;
    file.u32(entry, spec.certificateAt);
    file.u32(entry + 4, spec.certificate ?? 0);
  }
}

/** Fields of a bzImage; the defaults are those of a Debian 6.1 kernel, but for its size. */
export interface BzImageSpec {
  readonly protocol?: number;
  readonly setupSects?: number;
  readonly bootFlag?: number;
  readonly loadflags?: number;
  readonly code32Start?: number;
  readonly alignment?: number;
  readonly relocatable?: number;
  readonly xloadflags?: number;
  readonly cmdlineSize?: number;
  readonly initrdAddrMax?: number;
  readonly prefAddress?: bigint;
  readonly initSize?: number;
  /** The empty one writes no pointer. */
  readonly version?: string;
  readonly payload?: Uint8Array;
  /** Bytes of the file less those that syssize counts: iPXE ends within its last paragraph. */
  readonly short?: number;
  /** Writes an MZ and PE header, with sections for what follows the first 512 bytes. */
  readonly pe?: boolean;
  /** Bytes of certificate table, with `pe`. */
  readonly certificate?: number;
}

/** The version string of `bzImage()`. */
export const VERSION = "6.1.0-50-amd64 (debian-kernel@lists.debian.org) #1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1";

/** 37 bytes packed by xz with CRC-32, then their number: 96 bytes. */
const PAYLOAD: Uint8Array = joined(
  Uint8Array.fromBase64(
    "/Td6WFoAAAFpIt42AgAhARYAAAB0L+WjAQAkAwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dzj" +
      "6vH4/wAAAAC0l6M5AAE5JdbsBmWQQpkNAQAAAAABWVo=",
  ),
  "\x25\0\0\0",
);

/** The payload lies this far behind the start of the protected-mode code. */
export const PAYLOAD_AT = 0x2cc;

/** A bzImage: setup code, protected-mode code with a payload in it, certificates. */
export function bzImage(spec: BzImageSpec = {}): Uint8Array {
  const sects = spec.setupSects ?? 7;
  const setupSize = ((sects === 0 ? 4 : sects) + 1) * 512;
  const payload = spec.payload ?? PAYLOAD;
  // Room behind the payload, so that `short` can be up to 15.
  const codeSize = align(PAYLOAD_AT + payload.length + 15, 16);
  const end = setupSize + codeSize - (spec.short ?? 0);
  const file = canvas(end + (spec.certificate ?? 0));
  if (spec.pe ?? false) {
    file.put(0, "MZ");
    file.u32(0x3c, 0x40);
    const sections = [
      { name: ".setup", offset: 512, size: setupSize - 512 },
      { name: ".text", offset: setupSize, size: end - setupSize },
    ];
    const header = { certificate: spec.certificate ?? 0, certificateAt: end, sectionCount: sections.length };
    writePeHeader(file, 0x40, { ...header, headersSize: 512 });
    sections.forEach(({ name, offset, size }, index) => {
      const at = 0x40 + 24 + 160 + index * 40;
      file.put(at, name);
      [size, offset, size, offset].forEach((field, word) => file.u32(at + 8 + word * 4, field));
    });
  }
  file.u8(0x1f1, sects);
  file.u32(0x1f4, codeSize / 16);
  file.u16(0x1fe, spec.bootFlag ?? 0xaa55);
  file.u16(0x200, 0x6aeb);
  file.put(0x202, "HdrS");
  file.u16(0x206, spec.protocol ?? 0x20f);
  file.u8(0x211, spec.loadflags ?? 1);
  file.u32(0x214, spec.code32Start ?? 0x10_0000);
  file.u32(0x22c, spec.initrdAddrMax ?? 0x7fff_ffff);
  file.u32(0x230, spec.alignment ?? 0x20_0000);
  file.u8(0x234, spec.relocatable ?? 1);
  file.u16(0x236, spec.xloadflags ?? 0x7f);
  file.u32(0x238, spec.cmdlineSize ?? 2047);
  file.u32(0x248, PAYLOAD_AT);
  file.u32(0x24c, payload.length);
  file.u64(0x258, spec.prefAddress ?? 0x100_0000n);
  file.u32(0x260, spec.initSize ?? 0x3f9_8000);
  const version = spec.version ?? VERSION;
  if (version !== "") {
    file.u16(0x20e, 0x400 - 0x200);
    file.put(0x400, `${version}\0`);
  }
  file.put(setupSize + PAYLOAD_AT, payload);
  return file.bytes;
}

/** An arm64 Image; with `pe` its header goes on as a PE file with one section of 512 bytes. */
export function arm64Image(spec: {
  readonly textOffset?: bigint;
  readonly imageSize?: bigint;
  readonly flags?: bigint;
  readonly pe?: boolean;
  readonly certificate?: number;
} = {}): Uint8Array {
  const pe = spec.pe ?? true;
  const bytes = pe
    ? peFile({ machine: 0xaa64, ...(spec.certificate === undefined ? {} : { certificate: spec.certificate }) })
    : new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(8, spec.textOffset ?? 0n, true);
  view.setBigUint64(16, spec.imageSize ?? 0x1aa_0000n, true);
  view.setBigUint64(24, spec.flags ?? 0xan, true);
  bytes.set(ascii("ARM\x64"), 56);
  return bytes;
}

/** An EFI zboot image with a payload in its `.text`. */
export function zboot(payload: Uint8Array, compression = "gzip", machine = 0xaa64): Uint8Array {
  const bytes = peFile({ machine, sections: [{ name: ".text", bytes: payload }] });
  const view = new DataView(bytes.buffer);
  bytes.set(ascii("zimg"), 4);
  view.setUint32(8, bytes.length - align(payload.length, 512), true);
  view.setUint32(12, payload.length, true);
  bytes.set(ascii(`${compression}\0`), 24);
  return bytes;
}

function align(size: number, to: number): number {
  return Math.ceil(size / to) * to;
}
