import type { SourceResult } from "../host/reader.ts";

/**
 * The files of a boot loader, EFI variables, and what distinguishes file systems, by their paths on the host. The live host
 * and a capture answer alike.
 *
 * A section of a PE file has a path as in `SectionPath`. A link under /dev/disk reads as its target.
 */
export interface BootFiles {
  /** A folder is the error `EISDIR`, and a file that is too large to be a configuration `EFBIG`. */
  read(path: string): SourceResult;
  /** The names in a folder, sorted; none if the folder does not exist. */
  list(folder: string): readonly string[];
}

/** The largest file of a boot loader that is read, bytes: grub.cfg of a host with many kernels has some 100 KiB. */
export const BOOT_FILE_LIMIT = 1 << 20;

/** How many entries a folder of a boot loader may have. */
export const ENTRIES_LIMIT = 1000;

/** The text of a file, with U+FFFD for what is not UTF-8; undefined where it cannot be read. */
export function textAt(files: BootFiles, path: string): string | undefined {
  const result = files.read(path);
  return result.kind === "bytes" ? new TextDecoder().decode(result.bytes) : undefined;
}

/** What lies at a path. Undefined: it cannot be known. */
export function kindAt(files: BootFiles, path: string): "file" | "folder" | "absent" | undefined {
  const result = files.read(path);
  if (result.kind === "absent") return "absent";
  if (result.kind === "bytes") return "file";
  return result.error === "EISDIR" ? "folder" : result.error === "EFBIG" ? "file" : undefined;
}

/** The same files, but for the content of one. */
export function withFile(files: BootFiles, path: string, bytes: Uint8Array): BootFiles {
  return { ...files, read: (each) => each === path ? { kind: "bytes", bytes } : files.read(each) };
}
