import type { ByteSource } from "../core/bytes.ts";
import { compareText } from "../core/text.ts";
import { parsePe } from "../formats/pe.ts";
import { findSection, formatSectionPath } from "./section_path.ts";
import { textOf, type UkiProfile, type UkiSection } from "./uki.ts";

/** A PE file that was opened: a unified kernel image, or an addon to one. */
export interface ImageWithSections {
  readonly path: string;
  readonly source: ByteSource;
  readonly sections: readonly UkiSection[];
}

/**
 * What systemd-stub hands to the kernel (src/boot/stub.c, systemd 258): files by the paths of sections, in the order in
 * which they are handed over, and the command line.
 */
export interface ComposedUki {
  readonly kernel: string;
  /** Microcode of the addons, last one first; the image's; its initrd; the addons' initrds. */
  readonly initrd: readonly string[];
  /** The device tree of the image. */
  readonly dtb?: string;
  /** The image's command line, and the addons'; undefined where none has one. */
  readonly cmdline?: string;
  /** Addons that the stub passes over, and why: completes "PATH is passed over: it ...". */
  readonly ignored: readonly { readonly path: string; readonly why: string }[];
  /** Sections with a device tree that are chosen or applied by the firmware's hardware identifiers, or come from addons. */
  readonly trees: readonly string[];
}

/** Composes an image with the addons, which are in the stub's order: the global ones, then its own. */
export function composeUki(
  image: ImageWithSections,
  profile: UkiProfile | undefined,
  addons: readonly ImageWithSections[],
): ComposedUki | undefined {
  /** The profile's section of a name, else the image's. */
  const section = (name: string): { readonly path: string; readonly section: UkiSection } | undefined => {
    const own = profile?.sections.find((each) => each.name === name && each.size > 0);
    if (profile !== undefined && own !== undefined) {
      return { path: formatSectionPath({ image: image.path, profile: profile.index, name }), section: own };
    }
    const base = findSection(image.source, image.sections, { name });
    return base === undefined ? undefined : { path: formatSectionPath({ image: image.path, name }), section: base };
  };
  const text = (name: string): string | undefined => {
    const found = section(name);
    return found === undefined ? undefined : textOf(image.source, found.section);
  };
  const kernel = section(".linux");
  if (kernel === undefined) return undefined;
  const uname = text(".uname");
  const objections = addons.map((addon) => addonObjection(addon, uname));
  const taken = addons.filter((_, index) => objections[index] === undefined);
  const ofAddons = (name: string): readonly string[] =>
    taken.flatMap(({ path, source, sections }) =>
      findSection(source, sections, { name }) === undefined ? [] : [formatSectionPath({ image: path, name })]
    );
  const [ucode, initrd, dtb] = [section(".ucode"), section(".initrd"), section(".dtb")];
  const cmdlines = [
    text(".cmdline"),
    ...taken.map(({ source, sections }) => {
      const found = findSection(source, sections, { name: ".cmdline" });
      return found === undefined ? undefined : textOf(source, found);
    }),
  ].flatMap((each) => each === undefined ? [] : [oneLine(each)]).filter((each) => each !== "");
  return {
    kernel: kernel.path,
    initrd: [
      ...ofAddons(".ucode").toReversed(),
      ...(ucode === undefined ? [] : [ucode.path]),
      ...(initrd === undefined ? [] : [initrd.path]),
      ...ofAddons(".initrd"),
    ],
    ...(dtb === undefined ? {} : { dtb: dtb.path }),
    ...(cmdlines.length === 0 ? {} : { cmdline: cmdlines.join(" ") }),
    ignored: addons.flatMap(({ path }, index) => {
      const why = objections[index];
      return why === undefined ? [] : [{ path, why }];
    }),
    trees: [
      ...(section(".dtbauto") === undefined ? [] : [formatSectionPath({ image: image.path, name: ".dtbauto" })]),
      ...ofAddons(".dtb"),
      ...ofAddons(".dtbauto"),
    ],
  };
}

/** The stub takes no kernel from an addon, and none that was made for another release. */
function addonObjection({ source, sections }: ImageWithSections, uname: string | undefined): string | undefined {
  if (findSection(source, sections, { name: ".linux" }) !== undefined) return "is a unified kernel image itself";
  const own = findSection(source, sections, { name: ".uname" });
  const release = own === undefined ? undefined : textOf(source, own);
  return release === undefined || uname === undefined || release === uname ? undefined : `is for release ${release}`;
}

/** White space of any kind between parameters, as the stub makes it. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.split(/[\u0000-\u0020]+/).filter((word) => word !== "").join(" ");
}

/** Where systemd-stub looks for files that it adds to an image. */
export interface Surroundings {
  /** The root of the partition that the image lies on; undefined where no folder `EFI` is above it. */
  readonly partition: string | undefined;
  /** The folders, in the stub's order: those for all images, then the image's own, which has no boot counter in its name. */
  readonly folders: readonly string[];
}

/** Where the stub of an image would look. */
export function surroundingsOf(image: string): Surroundings {
  const folders = image.split("/").slice(0, -1);
  const efi = folders.findLastIndex((name) => name.toUpperCase() === "EFI");
  const partition = efi < 1 ? undefined : folders.slice(0, efi).join("/");
  const shared = partition === undefined ? [] : [`${partition}/loader/addons`, `${partition}/loader/credentials`];
  return { partition, folders: [...shared, `${withoutCounter(image, partition ?? "")}.extra.d`] };
}

/**
 * The path without its boot counter, as `+3-1` (remove_boot_count() in src/boot/util.c, systemd 258): only the first plus
 * sign of a path below its partition can begin one, and the end or a full stop follows it.
 */
function withoutCounter(image: string, partition: string): string {
  const below = image.slice(partition.length);
  const [, before, counter, after] = /^([^+]*)(\+\d+(?:-\d+)?)((?:\.[^]*)?)$/.exec(below) ?? [];
  return counter === undefined ? image : `${partition}${before}${after}`;
}

/** Files that the stub would add to an image, by their paths. */
export interface Companions {
  /** Addons: PE files with further sections. */
  readonly addons: readonly string[];
  /** Credentials and extension images, which it packs into the initrd. */
  readonly extras: readonly string[];
}

/** Sorts the files of one folder as the stub does. */
export function companionsIn(folder: string, names: readonly string[]): Companions {
  const matching = (pattern: RegExp) =>
    names.filter((name) => pattern.test(name)).toSorted(compareText).map((name) => `${folder}/${name}`);
  return { addons: matching(/\.addon\.efi$/i), extras: matching(/\.(?:cred|raw)$/i) };
}

/** Sections that the stub packs into the initrd for programs that read the TPM. */
const PCR_SECTIONS: readonly string[] = [".pcrsig", ".pcrpkey"];

/** What the stub would put into the initrd and kexec does not: files, and sections by their paths. */
export function notComposed(image: ImageWithSections, { extras }: Companions): readonly string[] {
  const sections = PCR_SECTIONS.filter((name) => image.sections.some((section) => section.name === name));
  return [...sections.map((name) => formatSectionPath({ image: image.path, name })), ...extras];
}

/** A stub that names its kernel and initrd by path and SHA-256, as lanzaboote's does (rust/uefi/stub/src/thin.rs). */
export interface ThinStub {
  readonly kernel: { readonly path: string; readonly sha256: string };
  readonly initrd: { readonly path: string; readonly sha256: string };
  readonly cmdline: string;
}

/** The files that a thin stub names, below the root of its partition; undefined where it is not such a stub. */
export function readThinStub(
  { source, sections }: ImageWithSections,
  partition: string,
): ThinStub | undefined {
  const read = (name: string): string | undefined => {
    const found = findSection(source, sections, { name });
    return found === undefined ? undefined : textOf(source, found);
  };
  const ref = (name: string): ThinStub["kernel"] | undefined => {
    const [path, digest] = [read(name), findSection(source, sections, { name: `${name}h` })];
    if (path === undefined || digest === undefined || digest.size < 32 || !isBelowRoot(path)) return undefined;
    return {
      path: `${partition}${path.replaceAll("\\", "/")}`,
      sha256: source.read(digest.offset, 32).toHex(),
    };
  };
  const [kernel, initrd] = [ref(".linux"), ref(".initrd")];
  if (kernel === undefined || initrd === undefined) return undefined;
  return { kernel, initrd, cmdline: oneLine(read(".cmdline") ?? "") };
}

/** The firmware leads nowhere above the root of the partition, and neither may a path here. */
function isBelowRoot(path: string): boolean {
  return /^[\\/]/.test(path) && !path.split(/[\\/]/).includes("..");
}

/** The sections of a PE file; undefined where it is not one. */
export function sectionsOf(source: ByteSource): readonly UkiSection[] | undefined {
  const pe = parsePe(source);
  return pe?.kind === "pe-file" ? pe.sections : undefined;
}
