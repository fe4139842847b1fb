import { type FilePlace, readUbootImage, ubootPaths } from "../entry/part_path.ts";
import type { FitFile } from "../formats/fit.ts";
import type { UImageFile } from "../formats/uimage.ts";
import { type CapturedImages, notedSource, withoutContentAt } from "../host/captured_image.ts";
import { identifyKernel } from "../image/identify.ts";
import { closeFile, hashWithParts, openFile } from "./files/open_file.ts";

/** The first bytes of a part show how it is packed; so many suffice. */
const PART_HEAD = 64;

/**
 * A FIT image or uImage as taking it apart elsewhere needs it: what it says of its parts, the first bytes of each, and the
 * digest of each. Nothing for another file. `redact`: leave out what initrds hold.
 */
export async function captureUboot(path: string, redact: boolean): Promise<CapturedImages> {
  const { value: open } = openFile(path);
  if (open === undefined) return {};
  try {
    const { source, ranges } = notedSource(open);
    const found = readUbootImage(source);
    if (found === undefined) return {};
    identifyKernel(source);
    const places = ubootPaths(path, found).map(({ place }) => place);
    for (const { offset, size } of places) source.read(offset, Math.min(PART_HEAD, size));
    const { whole, parts } = await hashWithParts(open, places);
    return {
      [path]: {
        size: open.size,
        sha256: whole,
        ranges: redact ? initrdPlaces(found).reduce(withoutContentAt, ranges()) : ranges(),
        parts: places.map(({ offset, size }, index) => ({ offset, length: size, sha256: parts[index] ?? "" })),
      },
    };
  } finally {
    closeFile(open);
  }
}

/** Where an image has initrds. */
function initrdPlaces(found: FitFile | UImageFile): readonly FilePlace[] {
  return found.kind === "uimage-file"
    ? found.parts.filter((_, index) => found.type === "ramdisk" || index > 0)
    : found.images.flatMap(({ type, data }) => type === "ramdisk" && data.kind === "data" ? [data] : []);
}
