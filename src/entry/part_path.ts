import type { ByteSource } from "../core/bytes.ts";
import { startsAsDeviceTree } from "../formats/fdt_outline.ts";
import { findNamed, type FitFile, parseFit } from "../formats/fit.ts";
import { parsePe } from "../formats/pe.ts";
import { parseUImage, startsAsUImage, type UImageFile } from "../formats/uimage.ts";
import { findSection, parseSectionPath, type SectionPath } from "./section_path.ts";

/**
 * A part of a file by a path, as if the file were a folder: a section of a PE file (see `SectionPath`), or an image in a FIT
 * image or uImage: `/boot/board.itb/images/kernel-1`, `/boot/uImage/images/0`. No file can have such a path, since a file is
 * not a folder.
 */
export type PartPath =
  | SectionPath & { readonly kind: "section" }
  | UbootPath & { readonly kind: "uboot" };

/** An image in one of U-Boot's. */
export interface UbootPath {
  /** The FIT image or uImage. */
  readonly image: string;
  /** The node below /images; in a uImage, the number of the file, from 0. */
  readonly name: string;
}

/** What a part is called within its file. */
const NAME = /^[0-9A-Za-z][0-9A-Za-z,._+@-]{0,127}$/;

/** The path of an image in one of U-Boot's; undefined where its name cannot be in a path. */
export function formatUbootPath({ image, name }: UbootPath): string | undefined {
  return NAME.test(name) ? `${image}/images/${name}` : undefined;
}

/** Which part a path would name; undefined where it has not the form of one. */
export function parsePartPath(path: string): PartPath | undefined {
  const [, image, name] = /^(.*[^/])\/images\/([^/]+)$/s.exec(path) ?? [];
  if (image !== undefined && name !== undefined && NAME.test(name)) return { kind: "uboot", image, name };
  const section = parseSectionPath(path);
  return section === undefined ? undefined : { kind: "section", ...section };
}

/** A part of a file, bytes. */
export interface FilePlace {
  readonly offset: number;
  readonly size: number;
}

/** Where the part lies that a path names in its file; undefined where the file has none of that name. */
export function findPart(source: ByteSource, part: PartPath): FilePlace | undefined {
  if (part.kind === "section") {
    const pe = parsePe(source);
    return pe?.kind === "pe-file" ? findSection(source, pe.sections, part) : undefined;
  }
  const found = readUbootImage(source);
  if (found?.kind === "uimage-file") return /^\d+$/.test(part.name) ? found.parts[Number(part.name)] : undefined;
  const image = found === undefined ? undefined : findNamed(found.images, part.name);
  return image?.data.kind === "data" ? image.data : undefined;
}

/** A FIT image or a uImage; undefined for another file, or a damaged one. */
export function readUbootImage(source: ByteSource): FitFile | UImageFile | undefined {
  const head = source.read(0, 4);
  if (startsAsUImage(head)) {
    const found = parseUImage(source);
    return found.kind === "uimage-file" ? found : undefined;
  }
  if (!startsAsDeviceTree(head)) return undefined;
  const found = parseFit(source);
  return found.kind === "fit-file" ? found : undefined;
}

/** Every image in one of U-Boot's that has data, by its path. */
export function ubootPaths(
  image: string,
  found: Pick<FitFile, "images"> | Pick<UImageFile, "parts">,
): readonly { readonly path: string; readonly place: FilePlace }[] {
  const named = "parts" in found
    ? found.parts.map((place, index) => ({ name: String(index), place }))
    // Of several with one name, U-Boot takes the first.
    : found.images.flatMap((image) =>
      image.data.kind === "data" && findNamed(found.images, image.name) === image
        ? [{ name: image.name, place: image.data }]
        : []
    );
  return named.flatMap(({ name, place }) => {
    const path = formatUbootPath({ image, name });
    return path === undefined ? [] : [{ path, place: { offset: place.offset, size: place.size } }];
  });
}
