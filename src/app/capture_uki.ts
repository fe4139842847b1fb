import { sectionPaths } from "../entry/section_path.ts";
import { sectionsOf } from "../entry/compose_uki.ts";
import { type CapturedImage, type CapturedImages, notedSource } from "../host/captured_image.ts";
import type { KernelContent } from "../host/image_content.ts";
import { identifyKernel } from "../image/identify.ts";
import type { ImageInfo } from "../image/image.ts";
import { companionsOf } from "./boot_image.ts";
import { closeFile, hashWithParts, openFile } from "./files/open_file.ts";

/**
 * A unified kernel image and its addons as composing them elsewhere needs them: their texts, and the digest of each section.
 * Nothing for another kernel. `content` is what reading the image through found.
 */
export async function captureUki(path: string, content: KernelContent | undefined): Promise<CapturedImages> {
  const image = await captureSections(path);
  if (image === undefined || image.info.kind !== "uki") return {};
  const companions = companionsOf(path, undefined);
  const captured: { [path: string]: CapturedImage } = {
    [path]: { ...image.captured, companions, ...(content === undefined ? {} : { kernel: content }) },
  };
  for (const addon of companions.addons) {
    const found = await captureSections(addon);
    if (found !== undefined) captured[addon] = found.captured;
  }
  return captured;
}

/** A section of text is at most so long, bytes; a stub that names its files by path has such sections only. */
const TEXT_MAX = 64 * 1024;

async function captureSections(
  path: string,
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
    return {
      info,
      captured: {
        size: open.size,
        sha256: whole,
        ranges: ranges(),
        parts: all.map(({ offset, size }, index) => ({ offset, length: size, sha256: parts[index] ?? "" })),
      },
    };
  } finally {
    closeFile(open);
  }
}
