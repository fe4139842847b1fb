import type { ByteSource } from "../core/bytes.ts";
import { compareText } from "../core/text.ts";
import { BOOT_FILE_LIMIT, type BootFiles } from "../entry/boot_files.ts";
import { readAllEntries } from "../entry/cold_boot.ts";
import { sectionsOf } from "../entry/compose_uki.ts";
import { DEVICE_MOUNT, UDEV_LINE } from "../entry/file_systems.ts";
import { findSection } from "../entry/section_path.ts";
import { textOf } from "../entry/uki.ts";
import { withoutPasswords } from "../host/boot_source.ts";
import { type Capture, CAPTURE_FORMAT, type CapturedFile, captureReader, decodeUtf8 } from "../host/capture.ts";
import { lines } from "../host/capture_filter.ts";
import type { HostFacts } from "../host/facts.ts";
import { imageRelease } from "../image/describe.ts";
import { identifyKernel } from "../image/identify.ts";
import { liveReader } from "../host/live.ts";
import { NOT_CAPABLE, type SourceResult } from "../host/reader.ts";
import { EFIVARS } from "../host/sources.ts";
import type { CapturedFiles } from "./image_file.ts";
import { closeFile, openFile } from "./files/open_file.ts";

/** The boot loader's files of the host that a profile is planned for: captured, or read now. */
export function bootFiles(captured: CapturedFiles | undefined): BootFiles {
  return captured === undefined ? liveBootFiles() : capturedBootFiles(captured.files ?? {});
}

/** The files of a capture. */
export function capturedBootFiles(files: Capture["files"]): BootFiles {
  const reader = captureReader({ format: CAPTURE_FORMAT, files });
  return readOnce({
    list: reader.list,
    read: (path) => {
      const result = reader.read(path);
      return result.kind === "bytes" && result.bytes.length > BOOT_FILE_LIMIT ? TOO_LARGE : result;
    },
  });
}

/** The files of this host. */
export function liveBootFiles(): BootFiles {
  return readOnce({ list: listLive, read: readLive });
}

/** The same, each file and folder read once, so that what one rule finds, another finds too. */
function readOnce({ list, read }: BootFiles): BootFiles {
  const [found, listed] = [new Map<string, SourceResult>(), new Map<string, readonly string[]>()];
  return {
    read: (path) => {
      const result = found.get(path) ?? read(path);
      found.set(path, result);
      return result;
    },
    list: (folder) => {
      const names = listed.get(folder) ?? list(folder);
      listed.set(folder, names);
      return names;
    },
  };
}

/** What of this host's boot loader a capture has: all that was read to say what each of its entries boots. */
export function captureBootFiles(facts: HostFacts): Capture["files"] {
  const live = liveBootFiles();
  const read = new Map<string, CapturedFile>();
  readAllEntries({
    list: live.list,
    read: (path) => {
      const result = live.read(path);
      if (result.kind === "error") read.set(path, { error: result.error });
      if (result.kind === "bytes") {
        const text = path.startsWith(`${EFIVARS}/`) ? undefined : decodeUtf8(result.bytes);
        read.set(path, text ?? { base64: result.bytes.toBase64() });
      }
      return result;
    },
  }, facts);
  return Object.fromEntries([...read].toSorted(([a], [b]) => compareText(a, b)));
}

const ABSENT: SourceResult = { kind: "absent" };

/** It is there, and no configuration. */
const TOO_LARGE: SourceResult = { kind: "error", error: "EFBIG" };

/** What is kept of files of the kernel and of udev. */
const KEPT: readonly (readonly [prefix: string, keep: (bytes: Uint8Array) => Uint8Array])[] = [
  ["/proc/self/mountinfo", lines(DEVICE_MOUNT)],
  ["/run/udev/data/", lines(UDEV_LINE)],
];

/** A section of a PE file: `NAME.efi/.osrel`, `NAME.efi/@1/.profile`. Of the kernel it only counts that it is there. */
const SECTION = /^(.*\.efi)\/(?:@(\d{1,3})\/)?(\.(?:cmdline|linux|osrel|profile))$/is;

function readLive(path: string): SourceResult {
  const [, image, profile, name] = SECTION.exec(path) ?? [];
  if (image !== undefined && name !== undefined) return readSection(image, profile, name);
  const kernel = /^(.+)\/\.release$/s.exec(path)?.[1];
  if (kernel !== undefined) return readRelease(kernel);
  if (/^\/dev\/(?:disk|md)\//.test(path)) return readLink(path);
  if (/^\/(?:proc|sys)\//.test(path)) return kept(path, liveReader().read(path));
  try {
    const stats = Deno.statSync(path);
    if (stats.isDirectory) return { kind: "error", error: "EISDIR" };
    if (stats.size > BOOT_FILE_LIMIT) return TOO_LARGE;
  } catch (error) {
    return refused(error);
  }
  return kept(path, readSmall(path));
}

function kept(path: string, result: SourceResult): SourceResult {
  if (result.kind !== "bytes") return result;
  const keep = KEPT.find(([prefix]) => path.startsWith(prefix))?.[1];
  return keep === undefined ? result : { kind: "bytes", bytes: keep(result.bytes) };
}

function readSmall(path: string): SourceResult {
  const { value: file, diagnostics } = openFile(path);
  if (file === undefined) {
    return { kind: "error", error: diagnostics[0]?.code === "file-not-capable" ? NOT_CAPABLE : "EACCES" };
  }
  try {
    const bytes = file.read(0, BOOT_FILE_LIMIT + 1);
    if (bytes.length > BOOT_FILE_LIMIT) return TOO_LARGE;
    const text = decodeUtf8(bytes);
    return { kind: "bytes", bytes: text === undefined ? bytes : new TextEncoder().encode(withoutPasswords(text)) };
  } catch {
    return { kind: "error", error: "EIO" };
  } finally {
    closeFile(file);
  }
}

function readSection(image: string, profile: string | undefined, name: string): SourceResult {
  const { value: file } = openFile(image);
  if (file === undefined) return ABSENT;
  try {
    const isKernel = name === ".linux";
    if (isKernel) return findSection(file, sectionsOf(file) ?? [], { name }) === undefined ? ABSENT : TOO_LARGE;
    const text = sectionText(file, profile === undefined ? undefined : Number(profile), name);
    return text === undefined ? ABSENT : { kind: "bytes", bytes: new TextEncoder().encode(text) };
  } catch {
    return { kind: "error", error: "EIO" };
  } finally {
    closeFile(file);
  }
}

/** The release of a kernel, where its image says it. */
function readRelease(kernel: string): SourceResult {
  const { value: file } = openFile(kernel);
  if (file === undefined) return ABSENT;
  try {
    const release = imageRelease(identifyKernel(file));
    return release === undefined ? ABSENT : { kind: "bytes", bytes: new TextEncoder().encode(`${release}\n`) };
  } catch {
    return { kind: "error", error: "EIO" };
  } finally {
    closeFile(file);
  }
}

function sectionText(source: ByteSource, profile: number | undefined, name: string): string | undefined {
  const sections = sectionsOf(source) ?? [];
  // The section that begins a profile is not one of those that it brings.
  const section = name === ".profile" && profile !== undefined
    ? sections.filter((each) => each.name === ".profile")[profile]
    : findSection(source, sections, { ...(profile === undefined ? {} : { profile }), name });
  return section === undefined ? undefined : textOf(source, section);
}

function readLink(path: string): SourceResult {
  try {
    return { kind: "bytes", bytes: new TextEncoder().encode(`${Deno.readLinkSync(path)}\n`) };
  } catch (error) {
    return refused(error);
  }
}

function refused(error: unknown): SourceResult {
  if (error instanceof Deno.errors.NotCapable) return { kind: "error", error: NOT_CAPABLE };
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "EIO";
  return code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG" ? ABSENT : { kind: "error", error: code };
}

function listLive(folder: string): readonly string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(compareText);
  } catch {
    return [];
  }
}
