import { type ByteSource, type Fields, fieldsAt } from "../core/bytes.ts";
import type { ImageInfo, Uki } from "./image.ts";
import { damaged, truncated } from "./probe.ts";
import { printable } from "../core/text.ts";

/** What a PE header says (PE/COFF specification; the kernel's reading is crypto/asymmetric_keys/verify_pefile.c). */
export interface PeFile {
  readonly kind: "pe-file";
  /** IMAGE_FILE_MACHINE_. */
  readonly machine: number;
  readonly subsystem: number;
  /** Sections in the order of the table; `offset` and `size` are of the bytes in the file. */
  readonly sections: readonly { readonly name: string; readonly offset: number; readonly size: number }[];
  /** The certificate table: data directory 4, whose "address" is an offset in the file. */
  readonly certificate?: { readonly offset: number; readonly size: number };
  /** Bytes that the file must have for its headers, sections and certificates. */
  readonly extent: number;
}

/** A PE header that goes on behind the end of the file; `extent` is the least number of bytes that it asks for. */
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
    ...(certificate === undefined ? {} : { certificate }),
    extent: sections.reduce(
      (extent, section) => Math.max(extent, section.end),
      Math.max(end, certificate === undefined ? 0 : certificate.offset + certificate.size),
    ),
  };
}

/** Recognises a PE file: an EFI zboot image, a unified kernel image (it has `.linux`), or any other. */
export function probePe(source: ByteSource, head: Fields): ImageInfo | undefined {
  const pe = parsePe(source);
  if (pe === undefined) return undefined;
  const zboot = head.size >= 64 && head.text(4, 4) === "zimg";
  const name = zboot
    ? "EFI zboot image"
    : pe.kind === "pe-file" && pe.sections.some((section) => section.name === ".linux")
    ? "unified kernel image"
    : "PE file (an EFI program or kernel)";
  if (pe.kind === "cut-pe" || pe.extent > source.size) return truncated(name, source, pe.extent);

  const signed = pe.certificate !== undefined;
  if (zboot) {
    const payload = {
      offset: head.u32(8),
      length: head.u32(12),
      compression: printable(head.text(24, 32)),
    };
    if (payload.offset === 0 || payload.length === 0) return damaged(name, "its header names no payload");
    const end = payload.offset + payload.length;
    if (end > source.size) return truncated(name, source, end);
    return { kind: "efi-zboot", machine: pe.machine, payload, signed };
  }
  if (name === "unified kernel image") {
    const release = unameOf(source, pe.sections);
    return {
      kind: "uki",
      machine: pe.machine,
      sections: pe.sections,
      ...(release === undefined ? {} : { release }),
      signed,
    };
  }
  return { kind: "pe", machine: pe.machine, subsystem: pe.subsystem, signed };
}

/** The section `.uname` holds what `uname -r` will say (UAPI group, unified kernel image specification). */
function unameOf(source: ByteSource, sections: Uki["sections"]): string | undefined {
  const section = sections.find((candidate) => candidate.name === ".uname");
  if (section === undefined) return undefined;
  const length = Math.min(section.size, 128);
  const release = fieldsAt(source, section.offset, length)?.text(0, length).trim();
  return release !== undefined && /^[!-~]+$/.test(release) ? release : undefined;
}
