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
  /** Sections that a profile has no place for, by name. */
  readonly others: readonly string[];
}

/** Sections that concern the boot loader or a signature, and are not missed when the kernel is started by another. */
const OF_THE_LOADER: readonly string[] = [
  ".osrel",
  ".uname",
  ".sbat",
  ".splash",
  ".pcrsig",
  ".pcrpkey",
  ".profile",
  ".hwids",
];

/** The longest text that is read of a section, bytes; the kernel's own limits are far below. */
const MOST_TEXT = 64 * 1024;

/** Takes a unified kernel image apart. Of an image with several profiles, that is what comes before the first of them. */
export function ukiParts(
  source: ByteSource,
  { sections, release }: { readonly sections: PeFile["sections"]; readonly release?: string },
): UkiParts | undefined {
  const first = sections.findIndex(({ name }) => name === ".profile");
  const own = first < 0 ? sections : sections.slice(0, first);
  const section = (name: string): UkiSection | undefined => own.find((each) => each.name === name && each.size > 0);
  const text = (name: string): string | undefined => {
    const found = section(name);
    if (found === undefined) return undefined;
    const bytes = source.read(found.offset, Math.min(found.size, MOST_TEXT));
    return (new TextDecoder().decode(bytes).split("\0", 1)[0] ?? "").trim();
  };
  const [linux, ucode, initrd] = [section(".linux"), section(".ucode"), section(".initrd")];
  if (linux === undefined) return undefined;
  const cmdline = text(".cmdline")?.replaceAll(/\s*\n\s*/g, " ");
  const title = /^PRETTY_NAME=(["']?)(.*)\1$/m.exec(text(".osrel") ?? "")?.[2];
  const taken = [".linux", ".ucode", ".initrd", ".cmdline", ...OF_THE_LOADER];
  return {
    linux,
    ...(ucode === undefined ? {} : { ucode }),
    ...(initrd === undefined ? {} : { initrd }),
    ...(cmdline === undefined || cmdline === "" ? {} : { cmdline }),
    isCmdlineBroken: cmdline?.includes("\ufffd") === true,
    ...(title === undefined || title === "" ? {} : { title }),
    ...(release === undefined ? {} : { release }),
    others: [...new Set(own.map(({ name }) => name))].filter((name) =>
      /^\.(?:dtb|hwids|efifw)/.test(name) && !taken.includes(name)
    ),
  };
}
