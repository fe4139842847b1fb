import type { ByteSource } from "../core/bytes.ts";
import { baseSections, ukiProfiles, type UkiSection } from "./uki.ts";

/**
 * A section of a PE file by a path, as if the file were a folder: `/efi/EFI/Linux/debian.efi/.linux`. A section of a profile
 * of a unified kernel image has the profile's number before it: `/efi/EFI/Linux/debian.efi/@1/.cmdline`. No file can have
 * such a path, since a file is not a folder.
 */
export interface SectionPath {
  /** The PE file. */
  readonly image: string;
  /** The profile that brings the section; undefined for those that all profiles have in common. */
  readonly profile?: number;
  /** As in the table of sections: `.linux`. */
  readonly name: string;
}

/** The path of a section. */
export function formatSectionPath({ image, profile, name }: SectionPath): string {
  return `${image}/${profile === undefined ? "" : `@${profile}/`}${name}`;
}

/** Which section a path would name; undefined where it has not the form of one. */
export function parseSectionPath(path: string): SectionPath | undefined {
  const [, before, name] = /^(.*[^/])\/(\.[a-z]{1,7})$/s.exec(path) ?? [];
  if (before === undefined || name === undefined) return undefined;
  const [, image = before, profile] = /^(.*[^/])\/@(\d{1,3})$/s.exec(before) ?? [];
  return { image, ...(profile === undefined ? {} : { profile: Number(profile) }), name };
}

/** The section that a path names in its file. */
export function findSection(
  source: ByteSource,
  sections: readonly UkiSection[],
  { profile, name }: Pick<SectionPath, "profile" | "name">,
): UkiSection | undefined {
  const among = profile === undefined ? baseSections(sections) : ukiProfiles(source, sections)[profile]?.sections ?? [];
  return among.find((section) => section.name === name && section.size > 0);
}

/** Every section of an image that has content, by its path. */
export function sectionPaths(
  image: string,
  source: ByteSource,
  sections: readonly UkiSection[],
): readonly { readonly path: string; readonly section: UkiSection }[] {
  const named = (found: readonly UkiSection[], profile?: number) =>
    found.filter(({ size }) => size > 0).map((section) => ({
      path: formatSectionPath({ image, ...(profile === undefined ? {} : { profile }), name: section.name }),
      section,
    }));
  return [
    ...named(baseSections(sections)),
    ...ukiProfiles(source, sections).flatMap((profile) => named(profile.sections, profile.index)),
  ];
}
