import type { ExitName } from "./program.ts";

/** What one diagnostic code stands for: how the program exits on it as an error, and when it is given. */
export interface CatalogueRow {
  /** How the program exits when this is the first error. */
  readonly exit: ExitName;
  /** When the code is given. */
  readonly about: string;
}

/** Every diagnostic code. docs/diagnostics.md is generated from here. */
export const CATALOGUE = {
  // Texts that are decoded: profiles, and plans and facts as JSON.
  "wrong-type": { exit: "data", about: "A value does not have the form that its key wants" },
  "unknown-key": { exit: "data", about: "A key is not known; the nearest known one is named" },
  "missing-key": { exit: "data", about: "A required key is missing" },
  // Profiles: the text.
  "too-large": { exit: "data", about: "A profile, plan or capture has more bytes than any real one" },
  "not-text": { exit: "data", about: "A profile is not UTF-8 text" },
  "yaml-syntax": { exit: "data", about: "A profile is not well-formed YAML" },
  "empty-document": { exit: "data", about: "A profile is empty, or holds only comments" },
  "several-documents": { exit: "data", about: "A profile holds more than one YAML document" },
  "duplicate-key": { exit: "data", about: "A key stands twice in one map" },
  "too-complex": { exit: "data", about: "YAML that nests too deeply, refers to itself or expands to too many values" },
  "too-many-problems": { exit: "data", about: "A profile has more problems than are worth showing" },
  // Profiles: their meaning.
  "unsupported-version": { exit: "data", about: "A profile has a version that this warmboot does not read" },
  "conflict": { exit: "data", about: "Keys exclude one another, or one would be ignored" },
  "cmdline-quote": { exit: "data", about: "A command line has a double quote that is not closed" },
  "cmdline-character": {
    exit: "data",
    about: "A parameter has a character that cannot reach the kernel as it is written",
  },
  "cmdline-no-match": { exit: "data", about: "A `remove` of the command line matches no parameter" },
  "cmdline-not-known": { exit: "unavailable", about: "The running command line is to be reused, and is not known" },
  // Layers: profiles that are made of several files.
  "layer-unavailable": { exit: "data", about: "A profile extends a file where none can be read" },
  "layer-cycle": { exit: "data", about: "A profile extends itself, by way of others perhaps" },
  "layer-depth": { exit: "data", about: "A profile is made of too many files, or of too long a chain of them" },
  "profile-missing": {
    exit: "noinput",
    about: "No profile of that name, or no profile at all, is where one is looked for",
  },
  "profile-masked": { exit: "noinput", about: "A profile is switched off by an empty file or a link to /dev/null" },
  "no-version": { exit: "data", about: "A YAML file has no `version`, and no profile that was checked is made of it" },
  "cmdline-exactmap": { exit: "data", about: "The running command line limits memory to what it lists itself" },
  "cmdline-stamp": { exit: "data", about: "A command line states the stamp that `stamp: true` adds" },
  // Init: profiles that are written from what is there.
  "entry-unusable": {
    exit: "data",
    about: "A boot loader entry, or a unified kernel image, is not what a profile can say",
  },
  "kernel-not-found": { exit: "noinput", about: "No kernel is found that a profile could be written for" },
  // Files.
  "file-missing": { exit: "noinput", about: "A named file does not exist" },
  "file-damaged": { exit: "data", about: "A file of an unpacked release is not what its SHA256SUMS says" },
  "file-unreadable": { exit: "noinput", about: "A named file cannot be read, or is no regular file" },
  "file-not-capable": { exit: "permission", about: "The runtime withholds a named file from warmboot" },
  // Files captured with a host.
  "image-not-captured": { exit: "noinput", about: "A capture lacks a file, or a part of one, that a profile needs" },
  "image-differs": {
    exit: "noinput",
    about: "The file here and the captured one are not the same; which is used is told",
  },
  // The host: captures and the facts in them.
  "facts-syntax": { exit: "data", about: "A capture is not JSON" },
  "facts-format": { exit: "data", about: "A file is no capture, or one of another version" },
  "facts-unknown-source": { exit: "data", about: "A capture has a path that no fact is read from" },
  "facts-not-capable": { exit: "permission", about: "The runtime withholds /proc and /sys from warmboot" },
  "facts-unreadable": { exit: "permission", about: "A source on the host is there but cannot be read" },
  "facts-malformed": { exit: "data", about: "A source does not hold what the kernel writes" },
  "facts-missing": { exit: "unavailable", about: "A fact that every plan needs is unknown" },
  "facts-not-linux": { exit: "unavailable", about: "The host does not run Linux" },
  // The host: the memory map of /proc/iomem.
  "iomem-empty": { exit: "data", about: "The memory map is empty" },
  "iomem-zeroed": { exit: "permission", about: "The memory map hides its addresses from the reader" },
  "iomem-malformed": { exit: "data", about: "A line of the memory map cannot be read" },
  "iomem-backwards": { exit: "data", about: "A range of the memory map ends before it starts" },
  "iomem-indentation": { exit: "data", about: "A line of the memory map is nested under none" },
  "iomem-outside-parent": { exit: "data", about: "A range of the memory map reaches beyond the one around it" },
  "iomem-overlap": { exit: "data", about: "Two ranges of the memory map side by side share addresses" },
  // Placement: where segments lie.
  "memory-hidden": { exit: "permission", about: "Segments are to be placed, and /proc/iomem hides its addresses" },
  "memory-unknown": { exit: "unavailable", about: "Segments are to be placed, and there is no memory map" },
  "memory-none": { exit: "unavailable", about: "No memory is left in which segments may lie" },
  "too-many-segments": { exit: "unavailable", about: "An image needs more segments than kexec_load takes" },
  "no-room": { exit: "unavailable", about: "No free memory is large enough for a segment" },
  "segment-content": { exit: "data", about: "A segment's content is empty, not in its file, or does not fit" },
  "elf-layout": { exit: "unavailable", about: "The segments of an ELF kernel cannot be laid out as kexec_load wants" },
  // Predecompression: kernels and initrds that are unpacked before the reboot.
  "payload-damaged": {
    exit: "data",
    about: "A kernel's or an initrd's compressed data do not unpack to what they state",
  },
  "codec-missing": { exit: "unavailable", about: "The library that unpacks a kernel is not installed" },
  // x86_64: what the next kernel is told of memory.
  "e820-unknown": { exit: "unavailable", about: "The next kernel's memory map is unknown, or has no memory in it" },
  "e820-type": { exit: "data", about: "The firmware's memory map has a range of an unknown type" },
  "e820-limited": { exit: "unavailable", about: "The next kernel will see only the memory that the running one does" },
  // arm64: the device tree that the next kernel is given.
  "device-tree-unknown": { exit: "unavailable", about: "The device tree, which the next kernel is given, is unknown" },
  "device-tree-unused": { exit: "data", about: "A profile names a device tree for a machine that takes none" },
  "device-tree-damaged": { exit: "data", about: "A file that is named as a device tree is none" },
  "device-tree-limit": {
    exit: "unavailable",
    about: "The device tree for the next kernel is too large, or cannot say enough",
  },
  // Crash kernels: what a dump must describe.
  "crash-unknown": { exit: "unavailable", about: "A crash dump must describe what the host does not say" },
  "crash-cmdline": { exit: "data", about: "A crash kernel's command line states what warmboot or the kernel adds" },
} as const satisfies { readonly [code: string]: CatalogueRow };

/** A diagnostic's code. */
export type DiagnosticCode = keyof typeof CATALOGUE;
