import { type ByteSource, type Fields, fieldsAt } from "../core/bytes.ts";
import type { ImageInfo, Uki } from "./image.ts";
import { damaged, truncated } from "./probe.ts";
import { printable } from "../core/text.ts";
import { parsePe } from "../formats/pe.ts";

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
