import { type ByteSource, fieldsAt } from "../core/bytes.ts";
import { printable } from "../core/text.ts";

/** A section of a PE file. */
export interface PeSection {
  /** As in the table: `.text`. */
  readonly name: string;
  /** Where its bytes lie in the file. */
  readonly offset: number;
  /** Bytes of its content. */
  readonly size: number;
}

/** What a PE header says (PE/COFF specification; the kernel's reading is crypto/asymmetric_keys/verify_pefile.c). */
export interface PeFile {
  readonly kind: "pe-file";
  /** IMAGE_FILE_MACHINE_. */
  readonly machine: number;
  readonly subsystem: number;
  /** Sections in the order of the table; `offset` and `size` are of the bytes in the file. */
  readonly sections: readonly PeSection[];
  /** The same with the bytes that they take in the file: SizeOfRawData, which is padded. */
  readonly rawSections: readonly Omit<PeSection, "name">[];
  /** The certificate table: data directory 4, whose "address" is an offset in the file. */
  readonly certificate?: { readonly offset: number; readonly size: number };
  /** Bytes that the file must have for its headers, sections and certificates. */
  readonly extent: number;
}

/** A PE header that goes on after the end of the file; `extent` is the least number of bytes that it asks for. */
export interface CutPe {
  readonly kind: "cut-pe";
  readonly extent: number;
}

/** Offsets within the optional header, by its magic: PE32, PE32+. */
const DIRECTORIES: { readonly [magic: number]: { readonly count: number; readonly table: number } } = {
  0x10b: { count: 92, table: 96 },
  0x20b: { count: 108, table: 112 },
};

const CERTIFICATE_DIRECTORY = 4;

/** Reads the PE header that a file's MZ header points to; undefined if there is none. */
export function parsePe(source: ByteSource): PeFile | CutPe | undefined {
  const magic = fieldsAt(source, 0, 2);
  if (magic?.u16(0) !== 0x5a4d) return undefined;
  const dos = fieldsAt(source, 0, 0x40);
  if (dos === undefined) return { kind: "cut-pe", extent: 0x40 };
  const start = dos.u32(0x3c);
  const coff = fieldsAt(source, start, 24);
  if (coff === undefined) return { kind: "cut-pe", extent: start + 24 };
  if (coff.u32(0) !== 0x4550) return undefined;

  const optionalSize = coff.u16(20);
  const sectionCount = coff.u16(6);
  const end = start + 24 + optionalSize + sectionCount * 40;
  const rest = fieldsAt(source, start + 24, optionalSize + sectionCount * 40);
  if (rest === undefined) return { kind: "cut-pe", extent: end };

  const sections = Array.from({ length: sectionCount }, (_, index) => {
    const at = optionalSize + index * 40;
    const [virtualSize, rawSize, offset] = [rest.u32(at + 8), rest.u32(at + 16), rest.u32(at + 20)];
    return {
      name: printable(rest.text(at, 8)),
      offset,
      rawSize,
      // The file's bytes are padded to FileAlignment; VirtualSize is the true size, where it is stated and smaller.
      size: virtualSize === 0 ? rawSize : Math.min(virtualSize, rawSize),
      // A section without a place in the file is zero-filled memory.
      end: offset === 0 ? 0 : offset + rawSize,
    };
  });

  const layout = optionalSize >= 2 ? DIRECTORIES[rest.u16(0)] : undefined;
  let certificate: PeFile["certificate"];
  if (layout !== undefined) {
    const entry = layout.table + CERTIFICATE_DIRECTORY * 8;
    if (optionalSize >= entry + 8 && rest.u32(layout.count) > CERTIFICATE_DIRECTORY) {
      const [offset, size] = [rest.u32(entry), rest.u32(entry + 4)];
      if (offset !== 0 && size !== 0) certificate = { offset, size };
    }
  }
  return {
    kind: "pe-file",
    machine: coff.u16(4),
    subsystem: layout !== undefined && optionalSize >= 70 ? rest.u16(68) : 0,
    sections: sections.map(({ name, offset, size }) => ({ name, offset, size })),
    rawSections: sections.map(({ offset, rawSize }) => ({ offset, size: rawSize })),
    ...(certificate === undefined ? {} : { certificate }),
    extent: sections.reduce(
      (extent, section) => Math.max(extent, section.end),
      Math.max(end, certificate === undefined ? 0 : certificate.offset + certificate.size),
    ),
  };
}
