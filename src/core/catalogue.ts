import type { ExitName } from "./program.ts";

/** What is known of a diagnostic code: how the program exits on it as an error, and when it is reported. */
export interface CatalogueRow {
  /** How the program exits when the first error has this code. */
  readonly exit: ExitName;
  /** When the code is reported: one sentence without its period. */
  readonly about: string;
}

/** Every diagnostic code. explanations.ts says more of each; docs/diagnostics.md is generated from both. */
export const CATALOGUE = {
  // Texts that are decoded: profiles, and plans and facts as JSON.
  "wrong-type": { exit: "data", about: "A value does not have the form that its key requires" },
  "unknown-key": { exit: "data", about: "A key is not known" },
  "missing-key": { exit: "data", about: "A required key is missing" },
  // Profiles: the text.
  "too-large": { exit: "data", about: "A file is larger than warmboot reads" },
  "not-text": { exit: "data", about: "A profile is not UTF-8 text" },
  "yaml-syntax": { exit: "data", about: "A profile is not well-formed YAML" },
  "empty-document": { exit: "data", about: "A profile is empty or holds only comments" },
  "several-documents": { exit: "data", about: "A profile holds more than one YAML document" },
  "duplicate-key": { exit: "data", about: "A map has the same key more than once" },
  "too-complex": {
    exit: "data",
    about:
      "A YAML text nests too deeply, refers to itself or has too many values; or JSON, or a command line, is too long",
  },
  "too-many-problems": { exit: "data", about: "A profile or the facts of a host have more problems than are shown" },
  // Profiles: their meaning.
  "unsupported-version": { exit: "data", about: "A profile has a version that this warmboot does not read" },
  "conflict": { exit: "data", about: "Two keys are mutually exclusive, or one would be ignored" },
  "suspicious": { exit: "data", about: "A value is valid, but probably not what is meant" },
  "cmdline-quote": { exit: "data", about: "A command line has an unclosed double quote" },
  "cmdline-character": { exit: "data", about: "A parameter has a character that would not reach the kernel unchanged" },
  "cmdline-no-match": { exit: "data", about: "A `remove` matches no parameter of the command line" },
  "cmdline-not-known": {
    exit: "unavailable",
    about: "The profile reuses the running command line, which the host does not show",
  },
  // Layers: profiles that are made of several files.
  "layer-unavailable": { exit: "data", about: "A profile extends another file where no files can be read" },
  "layer-cycle": { exit: "data", about: "A profile extends itself, directly or through other files" },
  "layer-depth": { exit: "data", about: "A profile is made of too many files, or of too long a chain of them" },
  "profile-missing": { exit: "noinput", about: "There is no profile of that name, or none in that folder" },
  "profile-masked": { exit: "noinput", about: "An empty file or a link to /dev/null disables the profile" },
  "no-version": { exit: "data", about: "A YAML file has no `version`, and no profile that was checked uses it" },
  "cmdline-exactmap": { exit: "data", about: "The running command line limits memory by `memmap=exactmap`" },
  "cmdline-stamp": { exit: "data", about: "A command line has the parameter that `stamp: true` adds" },
  // Init: profiles that are written from what is there.
  "entry-unusable": {
    exit: "data",
    about: "A profile cannot express a boot loader entry, a unified kernel image or a kexec command",
  },
  "kernel-not-found": { exit: "noinput", about: "There is no kernel to write a profile for" },
  // `boot_entry`: what the boot loader would boot.
  "boot-loader": {
    exit: "unavailable",
    about: "The boot loader that a cold reset starts is not known, or not one whose entries warmboot reads",
  },
  "boot-entry": {
    exit: "unavailable",
    about: "The boot loader has no such entry, or starts it in a way that kexec cannot",
  },
  "boot-script": {
    exit: "unavailable",
    about: "GRUB's configuration has a command that is not understood, or depends on what only GRUB knows",
  },
  // Files.
  "file-missing": { exit: "noinput", about: "A named file does not exist" },
  "digest-mismatch": { exit: "unavailable", about: "A unified kernel image does not have its pinned SHA-256" },
  "uki-part": { exit: "data", about: "A part of a unified kernel image, or of its addons, is missing or not used" },
  "image-part": {
    exit: "unavailable",
    about: "A part of a FIT image or uImage is missing, damaged or cannot be used",
  },
  "overlay-withheld": {
    exit: "unavailable",
    about: "A stored plan does not hold a secret text of its profile, which its initrd would get",
  },
  "overlay-secret": {
    exit: "unavailable",
    about: "What a file of the next initrd is to hold was not typed or not printed at load",
  },
  "unlock-key": {
    exit: "unavailable",
    about: "A key of `unlock` does not open its volume, or cannot be tried at load",
  },
  "file-damaged": { exit: "data", about: "A file of an unpacked release differs from its SHA256SUMS" },
  "file-unreadable": { exit: "noinput", about: "A named file cannot be read, or is not a regular file" },
  "file-io": { exit: "io", about: "Opening or reading a named file failed, as on a failing disk" },
  "memory-short": { exit: "unavailable", about: "A file would take more memory than may be spared" },
  "file-not-capable": { exit: "permission", about: "Deno was not given the permission to read a named file" },
  // Files captured with a host.
  "image-not-captured": { exit: "noinput", about: "A capture lacks a file, or a part of one, that a profile needs" },
  "image-differs": { exit: "noinput", about: "A local file differs from the captured one" },
  // The host: captures and the facts in them.
  "facts-syntax": { exit: "data", about: "A capture is not JSON" },
  "facts-format": { exit: "data", about: "A file is not a capture, or is one of another version" },
  "facts-unknown-source": { exit: "data", about: "A capture has a path that warmboot does not use" },
  "facts-not-capable": { exit: "permission", about: "Deno was not given the permission to read /proc and /sys" },
  "facts-unreadable": { exit: "permission", about: "A source on the host exists but cannot be read" },
  "facts-malformed": { exit: "data", about: "A source does not hold what the kernel writes" },
  "facts-old": { exit: "unavailable", about: "A capture is older than `--max-age`, or does not say how old it is" },
  "facts-missing": { exit: "unavailable", about: "A fact that every plan needs is unknown" },
  "facts-not-linux": { exit: "unavailable", about: "The host does not run Linux" },
  // The host: the memory map of /proc/iomem.
  "iomem-empty": { exit: "data", about: "The memory map is empty" },
  "iomem-zeroed": { exit: "permission", about: "The memory map hides its addresses from an unprivileged reader" },
  "iomem-malformed": { exit: "data", about: "A line of the memory map cannot be read" },
  "iomem-backwards": { exit: "data", about: "A range of the memory map ends before it starts" },
  "iomem-indentation": { exit: "data", about: "A line of the memory map is indented without a parent" },
  "iomem-outside-parent": { exit: "data", about: "A range of the memory map reaches beyond its parent" },
  "iomem-overlap": { exit: "data", about: "Two sibling ranges of the memory map overlap" },
  // Placement: where segments lie.
  "memory-hidden": { exit: "permission", about: "Segments must be placed, but /proc/iomem hides its addresses" },
  "memory-unknown": { exit: "unavailable", about: "Segments must be placed, but the memory map is unknown" },
  "memory-none": { exit: "unavailable", about: "There is no memory in which segments may be placed" },
  "too-many-segments": { exit: "unavailable", about: "An image needs more segments than kexec_load accepts" },
  "no-room": { exit: "unavailable", about: "No free memory is large enough for a segment" },
  "segment-content": { exit: "data", about: "The content of a segment is empty, outside its file, or too large" },
  "elf-layout": {
    exit: "unavailable",
    about: "kexec_load cannot take the segments of an ELF kernel or a Multiboot image as they are",
  },
  // Predecompression: kernels and initrds that are unpacked before the reboot.
  "payload-damaged": {
    exit: "data",
    about: "The compressed data of a kernel or initrd do not unpack to what was expected",
  },
  "codec-missing": { exit: "unavailable", about: "The library that unpacks a kernel is not installed" },
  // x86_64: the memory map that the next kernel gets.
  "e820-unknown": { exit: "unavailable", about: "The memory map for the next kernel is unknown or has no memory" },
  "e820-type": { exit: "data", about: "The firmware's memory map has a range of an unknown type" },
  "e820-limited": { exit: "unavailable", about: "The next kernel will see only the memory that the running one uses" },
  // arm64: the device tree that the next kernel gets.
  "device-tree-unknown": { exit: "unavailable", about: "The device tree that the next kernel needs is unknown" },
  "device-tree-unused": {
    exit: "data",
    about: "A profile names a device tree for a machine or a kernel that takes none",
  },
  "device-tree-damaged": { exit: "data", about: "A file named as a device tree is not one" },
  "device-tree-limit": {
    exit: "unavailable",
    about: "The device tree for the next kernel is too large or lacks what a crash kernel needs",
  },
  // Crash kernels: what a dump must describe.
  "crash-unknown": { exit: "unavailable", about: "A crash dump must describe something that the host does not show" },
  "crash-cmdline": {
    exit: "data",
    about: "The command line of a crash kernel has a parameter that warmboot or the kernel adds",
  },
} as const satisfies { readonly [code: string]: CatalogueRow };

/** A diagnostic's code. */
export type DiagnosticCode = keyof typeof CATALOGUE;

/** Whether a word is a diagnostic's code. */
export function isDiagnosticCode(word: string): word is DiagnosticCode {
  return Object.hasOwn(CATALOGUE, word);
}
