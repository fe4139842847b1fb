import { sectionPaths } from "../entry/section_path.ts";
import { sectionsOf } from "../entry/compose_uki.ts";
import { type CapturedImage, type CapturedImages, notedSource, withoutContentAt } from "../host/captured_image.ts";
import type { KernelContent } from "../host/image_content.ts";
import { identifyKernel } from "../image/identify.ts";
import type { ImageInfo } from "../image/image.ts";
import { companionsOf } from "./boot_image.ts";
import { closeFile, hashWithParts, openFile } from "./files/open_file.ts";

/**
 * A unified kernel image and its addons as composing them elsewhere needs them: their texts, and the digest of each section.
 * Nothing for another kernel. `content` is what reading the image through found. `redact`: leave out what initrds hold.
 */
export async function captureUki(
  path: string,
  content: KernelContent | undefined,
  redact: boolean,
): Promise<CapturedImages> {
  const image = await captureSections(path, redact);
  if (image === undefined || image.info.kind !== "uki") return {};
  const companions = companionsOf(path, undefined);
  const captured: { [path: string]: CapturedImage } = {
    [path]: { ...image.captured, companions, ...(content === undefined ? {} : { kernel: content }) },
  };
  for (const addon of companions.addons) {
    const found = await captureSections(addon, redact);
    if (found !== undefined) captured[addon] = found.captured;
  }
  return captured;
}

/** A section of text is at most so long, bytes; a stub that names its files by path has such sections only. */
const TEXT_MAX = 64 * 1024;

/** The sections that are initrds; they may be as short as a text. */
const INITRDS: readonly string[] = [".initrd", ".ucode"];

async function captureSections(
  path: string,
  redact: boolean,
): Promise<{ readonly captured: CapturedImage; readonly info: ImageInfo } | undefined> {
  const { value: open } = openFile(path);
  if (open === undefined) return undefined;
  try {
    const { source, ranges } = notedSource(open);
    const info = identifyKernel(source);
    const sections = sectionsOf(source);
    if (sections === undefined) return undefined;
    const all = sectionPaths(path, source, sections).map(({ section }) => section);
    for (const { offset, size } of all) if (size <= TEXT_MAX) source.read(offset, size);
    const { whole, parts } = await hashWithParts(open, all);
    const initrds = redact ? all.filter(({ name }) => INITRDS.includes(name)) : [];
    return {
      info,
      captured: {
        size: open.size,
        sha256: whole,
        ranges: initrds.reduce(withoutContentAt, ranges()),
        parts: all.map(({ offset, size }, index) => ({ offset, length: size, sha256: parts[index] ?? "" })),
      },
    };
  } finally {
    closeFile(open);
  }
}
