import type { ByteSource } from "../core/bytes.ts";
import type { PeFile } from "../formats/pe.ts";

/** A section of a unified kernel image: bytes of the file. */
export type UkiSection = PeFile["sections"][number];

/** What a unified kernel image boots (UAPI group, unified kernel image specification). */
export interface UkiParts {
  readonly linux: UkiSection;
  /** Microcode, which comes before the initrd as systemd-stub has it. */
  readonly ucode?: UkiSection;
  readonly initrd?: UkiSection;
  /** The command line; undefined where the boot loader gives it. */
  readonly cmdline?: string;
  /** The command line has bytes that are not UTF-8, which a profile cannot hold. */
  readonly isCmdlineBroken: boolean;
  /** The name of the operating system, from PRETTY_NAME of `.osrel`. */
  readonly title?: string;
  /** As uname -r will say. */
  readonly release?: string;
  /** Sections that a profile has no place for, by name: device trees and firmware. */
  readonly others: readonly string[];
}

/** The longest text that is read of a section, bytes; the kernel's own limits are far below. */
const MOST_TEXT = 64 * 1024;

/** One of the profiles of a unified kernel image: a variant that is chosen when it boots. */
export interface UkiProfile {
  /** Its number, from 0, as `@1` names it. */
  readonly index: number;
  readonly id?: string;
  readonly title?: string;
  /** Its own sections, which replace those of the same name that all profiles have in common. */
  readonly sections: readonly UkiSection[];
}

/** The profiles of an image, each begun by a section `.profile`; empty where it has none. */
export function ukiProfiles(source: ByteSource, sections: readonly UkiSection[]): readonly UkiProfile[] {
  const starts = sections.flatMap(({ name }, index) => name === ".profile" ? [index] : []);
  return starts.map((start, index): UkiProfile => {
    const own = sections.slice(start, starts[index + 1]);
    const text = own[0] === undefined ? "" : textOf(source, own[0]);
    const [id, title] = [fieldOf(text, "ID"), fieldOf(text, "TITLE")];
    return {
      index,
      ...(id === undefined ? {} : { id }),
      ...(title === undefined ? {} : { title }),
      sections: own.slice(1),
    };
  });
}

/** The profile that a name chooses: by its ID, or by its number, `1` or `@1`. */
export function chooseUkiProfile(profiles: readonly UkiProfile[], name: string): UkiProfile | undefined {
  const number = /^@?(\d+)$/.exec(name)?.[1];
  return profiles.find(({ id }) => id === name) ??
    profiles.find(({ index }) => number !== undefined && index === Number(number));
}

/** A field of a text as in os-release; undefined where it is missing or empty. */
export function fieldOf(text: string, name: string): string | undefined {
  const line = text.split(/\r?\n/).find((each) => each.startsWith(`${name}=`));
  const value = line?.slice(name.length + 1).trim() ?? "";
  const bare = /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
  return bare === "" ? undefined : bare;
}

/** The text of a section, without what pads it. */
export function textOf(source: ByteSource, { offset, size }: UkiSection): string {
  const bytes = source.read(offset, Math.min(size, MOST_TEXT));
  return (new TextDecoder().decode(bytes).split("\0", 1)[0] ?? "").trim();
}

/** The sections before the first profile, which all profiles have in common. */
export function baseSections(sections: readonly UkiSection[]): readonly UkiSection[] {
  const first = sections.findIndex(({ name }) => name === ".profile");
  return first < 0 ? sections : sections.slice(0, first);
}

/** Takes a unified kernel image apart, as it boots with one of its profiles. */
export function ukiParts(
  source: ByteSource,
  { sections, release }: { readonly sections: PeFile["sections"]; readonly release?: string },
  profile?: UkiProfile,
): UkiParts | undefined {
  const common = baseSections(sections);
  const replaced = profile?.sections.map(({ name }) => name) ?? [];
  const own = [...common.filter(({ name }) => !replaced.includes(name)), ...profile?.sections ?? []];
  const section = (name: string): UkiSection | undefined => own.find((each) => each.name === name && each.size > 0);
  const text = (name: string): string | undefined => {
    const found = section(name);
    return found === undefined ? undefined : textOf(source, found);
  };
  const [linux, ucode, initrd] = [section(".linux"), section(".ucode"), section(".initrd")];
  if (linux === undefined) return undefined;
  const cmdline = text(".cmdline")?.split("\n").map((line) => line.trim()).filter((line) => line !== "").join(" ");
  const title = fieldOf(text(".osrel") ?? "", "PRETTY_NAME");
  return {
    linux,
    ...(ucode === undefined ? {} : { ucode }),
    ...(initrd === undefined ? {} : { initrd }),
    ...(cmdline === undefined || cmdline === "" ? {} : { cmdline }),
    isCmdlineBroken: cmdline?.includes("\ufffd") === true,
    ...(title === undefined ? {} : { title }),
    ...(release === undefined ? {} : { release }),
    others: [...new Set(own.map(({ name }) => name))].filter((name) => /^\.(?:dtb|efifw)/.test(name)),
  };
}
