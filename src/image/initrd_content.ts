import { concat } from "@std/bytes";
import { align4, type ByteSource, fieldsOf, latin1, memorySource } from "../core/bytes.ts";
import { formatSize } from "../core/number.ts";
import { omitUndefined } from "../core/shape.ts";
import { compareText } from "../core/text.ts";
import { kernelCompressionOf } from "../formats/compression.ts";
import { type BodySink, type CpioEntry, CpioReader, isRegular } from "../formats/cpio.ts";
import type { Codecs, Packing, Unpacking } from "../formats/unpacked.ts";
import type { InitrdContent, Program } from "../host/image_content.ts";
import { identifyInitrd } from "./initrd.ts";
import { treeWriter } from "./initrd_tree.ts";
import { knownFormatOf } from "./known_formats.ts";

/** What reading an initrd through may take, at most. */
export interface ReadLimits {
  /** Bytes that it may unpack to. */
  readonly size: number;
  /** Entries that it may have. */
  readonly files: number;
  /** Compressed streams that it may be made of. */
  readonly streams: number;
}

/** Unless the environment sets others (src/app/read_limits.ts): far more than real initrds have. */
export const READ_LIMITS: ReadLimits = { size: 16 * 2 ** 30, files: 2_000_000, streams: 10_000 };

/** How an initrd is read through. */
export interface ReadOptions {
  /** The programs to look for, as absolute paths; `module:NAME` is a kernel module of that name. */
  readonly programs: readonly string[];
  readonly limits?: ReadLimits;
  /** Whether to keep the names of all entries, for files that are added. */
  readonly tree?: boolean;
  /** Files whose text to keep, as absolute paths; `*` as the last part is any name. */
  readonly texts?: readonly string[];
  /** Takes the initrd as it is with every archive unpacked, piece by piece. */
  readonly into?: (piece: Uint8Array) => void;
}

const DAMAGED_HINT = "Build the initrd again, and make sure that its file system is not full";

/** Bytes that are looked at in one piece. */
const CHUNK = 256 * 1024;

/**
 * Reads an initrd through as the kernel will (unpack_to_rootfs in init/initramfs.c, Linux 7.2): zeros between archives are
 * passed over, a plain archive begins at a multiple of 4, anything else is packed, and each packed stream holds whole
 * archives. Unlike the kernel it holds every stream against its own checksum, and does not take an archive that breaks off
 * for its end. The output goes through a window; none of it is kept. Throws what reading the source throws.
 */
export async function readInitrd(
  source: ByteSource,
  codecs: Codecs,
  { programs, limits = READ_LIMITS, tree: withTree = false, texts, into }: ReadOptions,
): Promise<InitrdContent> {
  if (source.size === 0) return { kind: "damaged", why: "is empty" };
  const bootconfig = findBootconfig(source);
  if (bootconfig.kind === "damaged") return bootconfig;
  const end = source.size - bootconfig.size;
  const tree = newTree();
  const names = treeWriter();
  const kept = textKeeper(texts ?? []);
  const reader = new CpioReader((entry) => {
    addEntry(tree, entry);
    if (withTree) names.add(entry);
    return kept.sinkFor(entry);
  });
  const hasTooMany = (): boolean => tree.files > limits.files;
  const packed = new Map<Packing, number>();
  let size = 0;
  /** What is written so far; the next piece is aligned to 4. */
  const align = (): void => {
    const gap = align4(size) - size;
    if (gap > 0) into?.(new Uint8Array(gap));
    size += gap;
  };
  const place = (piece: Uint8Array): void => {
    into?.(piece);
    size += piece.length;
  };
  let streams = 0;
  let isOpen = false;
  for (let at = 0; at < end;) {
    const head = source.read(at, Math.min(64, end - at));
    const zeros = head.findIndex((byte) => byte !== 0);
    if (zeros !== 0) {
      at = zeros < 0 ? afterZeros(source, at + Math.max(1, head.length), end) : at + zeros;
      continue;
    }
    if (head[0] === 0x30 && at % 4 === 0) {
      const plain = readPlain(
        source,
        { start: at, end },
        reader,
        () => hasTooMany() ? tooManyFiles(limits) : undefined,
      );
      if (plain.kind !== "read") return plain;
      align();
      for (let from = at; into !== undefined && from < reader.endOfEntries; from += CHUNK) {
        into(source.read(from, Math.min(CHUNK, Math.min(end, reader.endOfEntries) - from)));
      }
      size += Math.min(end, reader.endOfEntries) - at;
      at = plain.next;
      isOpen = false;
      continue;
    }
    const packing = kernelCompressionOf(head);
    if (packing === undefined) return notAnArchive(source, { at, isFirst: !reader.isBetween });
    if (++streams > limits.streams) {
      return tooLarge(`is made of more than ${limits.streams} compressed streams`, "WARMBOOT_INITRD_STREAMS_LIMIT");
    }
    align();
    const before = size;
    reader.moveTo(0);
    const wasBetween = reader.isBetween;
    let fault: string | undefined;
    const result = await codecs.unpack({ packing, source, offset: at, end }, (piece) => {
      if (size + piece.length > limits.size || hasTooMany()) return false;
      if (size - before < HEAD) tree.head.set(piece.subarray(0, HEAD - (size - before)), size - before);
      place(piece);
      const progress = reader.push(piece);
      if (progress.kind === "fault") fault = `${progress.why} (at byte ${progress.at} of what it unpacks to)`;
      if (progress.kind === "other") fault = "has bytes after its archive that belong to none";
      return fault === undefined && !hasTooMany();
    });
    const what = `${packing} archive at byte ${at}`;
    const filled = tree.head.subarray(0, Math.min(HEAD, size - before));
    if (fault !== undefined) return badArchive(what, fault, filled, wasBetween);
    switch (result.kind) {
      case "stopped":
        return hasTooMany()
          ? tooManyFiles(limits)
          : tooLarge(`unpacks to more than ${formatSize(limits.size)}`, "WARMBOOT_INITRD_LIMIT");
      case "damaged":
        return { kind: "damaged", why: `has a damaged ${what}: its ${packing} data ${result.why}`, hint: DAMAGED_HINT };
      case "missing":
      case "forbidden":
        return unread(result, packing);
    }
    const broken = reader.breakOff();
    if (broken !== undefined) return badArchive(what, `ends within ${broken}`, filled, wasBetween);
    if (!reader.isBetween) {
      return { kind: "damaged", why: `has a ${what} that unpacks to nothing`, hint: DAMAGED_HINT };
    }
    // Some packers end with an empty frame; after an archive the kernel takes it as well.
    if (size > before) packed.set(packing, (packed.get(packing) ?? 0) + size - before);
    at += result.consumed;
    isOpen = packing === "lz4" && at >= end - 3;
  }
  const broken = reader.breakOff();
  // Padding that is missing at the end of a plain archive takes nothing of its files.
  if (broken !== undefined && !broken.startsWith("the padding")) {
    return { kind: "damaged", why: `ends within ${broken}`, hint: DAMAGED_HINT };
  }
  const { withTrailer, without } = reader.archives;
  if (withTrailer + without === 0) {
    return { kind: "damaged", why: "holds no archive, only zero bytes", hint: DAMAGED_HINT };
  }
  if (bootconfig.size > 0) {
    align();
    place(source.read(end, bootconfig.size));
  }
  return {
    kind: "whole",
    archives: withTrailer + without,
    untrailed: without,
    files: tree.files,
    size,
    memory: tree.memory,
    packed: Array.from(packed, ([packing, bytes]) => ({ packing, size: bytes })),
    hasCrc: reader.formats.includes("crc"),
    bootconfig: bootconfig.size,
    isOpen,
    isEarly: tree.isEarly,
    modules: [...tree.modules].sort(),
    programs: Object.fromEntries(programs.map((path) => [path, lookUp(tree, path)])),
    ...(withTree ? omitUndefined({ tree: names.text() }) : {}),
    ...(texts === undefined ? {} : { texts: kept.texts() }),
  };
}

/** Reads plain archives from `start` on, up to what is packed; bodies are passed over. */
function readPlain(
  source: ByteSource,
  { start, end }: { readonly start: number; readonly end: number },
  reader: CpioReader,
  /** Why no more is read; undefined while it is. */
  stop: () => InitrdContent | undefined,
): { readonly kind: "read"; readonly next: number } | InitrdContent {
  reader.moveTo(start);
  for (let at = start; at < end;) {
    const skipped = Math.min(reader.skippable, end - at);
    if (skipped > 0) {
      reader.skip(skipped);
      at += skipped;
      continue;
    }
    const bytes = source.read(at, Math.min(PLAIN_CHUNK, end - at));
    if (bytes.length === 0) break;
    const progress = reader.push(bytes);
    if (progress.kind === "fault") {
      const why = `has a cpio archive that ${progress.why} (at byte ${progress.at})`;
      return { kind: "damaged", why, hint: DAMAGED_HINT };
    }
    if (progress.kind === "other") return { kind: "read", next: at + progress.taken };
    const stopped = stop();
    if (stopped !== undefined) return stopped;
    at += bytes.length;
  }
  return { kind: "read", next: end };
}

/** Small, so that the bodies of small files are read along and those of large ones are not. */
const PLAIN_CHUNK = 16 * 1024;

/** Where a bootconfig is at the end: its data, their size and sum, and the magic, which up to 3 bytes may follow. */
const BOOTCONFIG_MAGIC = "#BOOTCONFIG\n";
const BOOTCONFIG_FOOTER = 8 + BOOTCONFIG_MAGIC.length;

/**
 * Finds the bootconfig that `bootconfig -a` adds (get_boot_config_from_initrd in init/main.c, Linux 7.2). The kernel cuts
 * it off before it unpacks the initrd.
 */
function findBootconfig(
  source: ByteSource,
): { readonly kind: "found"; readonly size: number } | Extract<InitrdContent, { readonly kind: "damaged" }> {
  const tailSize = Math.min(source.size, BOOTCONFIG_FOOTER + 3);
  const tail = source.read(source.size - tailSize, tailSize);
  const magicAt = latin1(tail).lastIndexOf(BOOTCONFIG_MAGIC);
  if (magicAt < 8) return { kind: "found", size: 0 };
  const fields = fieldsOf(tail.subarray(magicAt - 8, magicAt));
  const [size, sum] = [fields.u32(0), fields.u32(4)];
  const footer = tailSize - magicAt + 8;
  const hint = "Remove it with `bootconfig -d`, and apply it again";
  if (size + footer > source.size) {
    return { kind: "damaged", why: `ends in a bootconfig of ${size} bytes, more than come before it`, hint };
  }
  let found = 0;
  for (const byte of source.read(source.size - footer - size, size)) found = (found + byte) >>> 0;
  return found === sum
    ? { kind: "found", size: size + footer }
    : { kind: "damaged", why: "ends in a bootconfig with a wrong checksum", hint };
}

/** How much of what a stream unpacks to is kept, to say what it is. */
const HEAD = 4096;

/** File systems that the kernel takes from an initrd (identify_ramdisk_image in init/do_mounts_rd.c, Linux 6.12). */
const RAMDISKS: readonly { readonly offset: number; readonly magic: string; readonly what: string }[] = [
  { offset: 0x438, magic: "\x53\xef", what: "an ext2, ext3 or ext4 file system" },
  { offset: 0x410, magic: "\x7f\x13", what: "a Minix file system" },
  { offset: 0x410, magic: "\x8f\x13", what: "a Minix file system" },
  { offset: 0, magic: "-rom1fs-", what: "a romfs file system" },
  { offset: 0, magic: "\x45\x3d\xcd\x28", what: "a cramfs file system" },
  { offset: 0, magic: "hsqs", what: "a squashfs file system" },
];

function ramdiskIn(head: Uint8Array): string | undefined {
  return RAMDISKS.find(({ offset, magic }) => latin1(head.subarray(offset, offset + magic.length)) === magic)?.what;
}

function notAnArchive(
  source: ByteSource,
  { at, isFirst }: { readonly at: number; readonly isFirst: boolean },
): InitrdContent {
  if (!isFirst) {
    return {
      kind: "damaged",
      why: `goes on at byte ${at} with bytes that belong to no archive`,
      hint: DAMAGED_HINT,
    };
  }
  const ramdisk = ramdiskIn(source.read(0, HEAD));
  if (ramdisk !== undefined) return { kind: "ramdisk", what: ramdisk };
  const info = identifyInitrd(source);
  const { what, hint = "Name a cpio archive, plain or compressed" } = info.kind === "unknown"
    ? info
    : { what: "a file" };
  return { kind: "damaged", why: `is not an initrd: it is ${what}`, hint };
}

/** A stream whose content is not an archive from its first byte on is called by what it is. */
function badArchive(what: string, fault: string, head: Uint8Array, wasBetween: boolean): InitrdContent {
  const isCpio = latin1(head.subarray(0, 5)) === "07070" || wasBetween && head[0] === 0;
  if (isCpio) return { kind: "damaged", why: `has a ${what} that ${fault}`, hint: DAMAGED_HINT };
  const ramdisk = ramdiskIn(head);
  if (ramdisk !== undefined) return { kind: "ramdisk", what: `${ramdisk}, compressed` };
  const known = knownFormatOf(memorySource(head));
  const inside = known.kind === "multiboot" ? "a Multiboot image" : known.what;
  return { kind: "damaged", why: `has a ${what} that unpacks to ${inside}, not to a cpio archive` };
}

function tooLarge(why: string, variable: string): InitrdContent {
  return { kind: "too-large", why, hint: `If it is meant to be that large, set ${variable} to more` };
}

function tooManyFiles({ files }: ReadLimits): InitrdContent {
  return tooLarge(`has more than ${files} files`, "WARMBOOT_INITRD_FILES_LIMIT");
}

function unread(
  result: Extract<Unpacking, { readonly kind: "missing" | "forbidden" }>,
  packing: Packing,
): InitrdContent {
  return result.kind === "missing"
    ? {
      kind: "unread",
      why: `${result.library}, which unpacks ${packing}, is not installed`,
      hint: `Install ${result.packages}`,
    }
    : {
      kind: "unread",
      why: `warmboot has no permission to open ${result.library}, which unpacks ${packing}`,
      hint: "Run it with -A (--allow-all)",
    };
}

/** What is remembered of the entries. */
interface Tree {
  files: number;
  memory: number;
  isEarly: boolean;
  readonly modules: Set<string>;
  /** Regular files by their path: whether they may be executed. Symbolic links: where they lead. */
  readonly entries: Map<string, boolean | string>;
  /** The start of what the last stream unpacked to. */
  readonly head: Uint8Array;
}

function newTree(): Tree {
  return {
    files: 0,
    memory: 0,
    isEarly: true,
    modules: new Set(),
    entries: new Map(),
    head: new Uint8Array(HEAD),
  };
}

const PAGE = 4096;
const MODULES_MAX = 32;
const MODULE = /^(?:usr\/)?lib\/modules\/([^/]+)\/.*\.ko(?:\.(?:gz|xz|zst))?$/;
const EARLY = /^(?:kernel(?:\/|$)|early_cpio$|\.$)/;

function addEntry(tree: Tree, entry: CpioEntry): void {
  const name = normalisedName(entry.name);
  tree.files++;
  if (name !== "" && !EARLY.test(name)) tree.isEarly = false;
  if (entry.target !== undefined) tree.entries.set(name, entry.target);
  else if (isRegular(entry)) {
    tree.memory += Math.ceil(entry.size / PAGE) * PAGE;
    tree.entries.set(name, (entry.mode & 0o111) !== 0);
    const release = MODULE.exec(name)?.[1];
    if (release !== undefined && tree.modules.size < MODULES_MAX) tree.modules.add(release);
  } else tree.entries.delete(name);
}

function normalisedName(name: string): string {
  return name.replace(/^(?:\.?\/)+/, "");
}

/** The most that is kept of a file, bytes; a larger one is not a table that somebody wrote. */
const TEXT_MAX = 256 * 1024;

/** Keeps the texts of files by their paths; a later file of the same path replaces an earlier one. */
function textKeeper(wanted: readonly string[]): {
  readonly sinkFor: (entry: CpioEntry) => BodySink | undefined;
  readonly texts: () => { readonly [path: string]: string };
} {
  const bodies = new Map<string, Uint8Array[]>();
  const isWanted = (path: string): boolean =>
    wanted.some((each) =>
      each.endsWith("/*") ? path.slice(0, path.lastIndexOf("/") + 1) === each.slice(0, -1) : path === each
    );
  return {
    sinkFor(entry) {
      if (wanted.length === 0) return undefined;
      const path = `/${normalisedName(entry.name)}`;
      if (!isWanted(path)) return undefined;
      bodies.delete(path);
      if (!isRegular(entry) || entry.size > TEXT_MAX) return undefined;
      const pieces: Uint8Array[] = [];
      bodies.set(path, pieces);
      return (piece) => void pieces.push(piece.slice());
    },
    texts: () =>
      Object.fromEntries(
        Array.from(bodies, ([path, pieces]) => [path, new TextDecoder().decode(concat(pieces))]).sort(([a], [b]) =>
          compareText(a ?? "", b ?? "")
        ),
      ),
  };
}

/** How many symbolic links are followed (MAXSYMLINKS). */
const LINKS_MAX = 40;

/** Looks a program up as the kernel resolves its path, with the symbolic links of the archives. */
function lookUp({ entries }: Tree, path: string): Program {
  if (path.startsWith("module:")) return lookUpModule(entries, path.slice("module:".length));
  let rest = path.split("/").toReversed();
  const at: string[] = [];
  let links = 0;
  while (rest.length > 0) {
    const step = rest.pop() ?? "";
    if (step === "" || step === ".") continue;
    if (step === "..") {
      at.pop();
      continue;
    }
    const found = entries.get([...at, step].join("/"));
    if (typeof found !== "string") {
      at.push(step);
      continue;
    }
    if (++links > LINKS_MAX) return "dangling";
    if (found.startsWith("/")) at.length = 0;
    rest = [...rest, ...found.split("/").toReversed()];
  }
  const program = entries.get(at.join("/"));
  if (program === undefined) return links > 0 ? "dangling" : "absent";
  return program === true ? "executable" : "not-executable";
}

function lookUpModule(entries: Tree["entries"], name: string): Program {
  const isIt = (path: string): boolean =>
    MODULE.test(path) && ["", ".gz", ".xz", ".zst"].some((packing) => path.endsWith(`/${name}.ko${packing}`));
  return entries.entries().some(([path, kind]) => typeof kind !== "string" && isIt(path)) ? "not-executable" : "absent";
}

/** Where the first byte is that is not zero, from a place on; `end` if there is none. */
function afterZeros(source: ByteSource, from: number, end: number): number {
  for (let at = from; at < end;) {
    const chunk = source.read(at, Math.min(ZEROS_CHUNK, end - at));
    const zeros = chunk.findIndex((byte) => byte !== 0);
    if (zeros >= 0) return at + zeros;
    at += Math.max(1, chunk.length);
  }
  return end;
}

/** Padding is looked through in pieces of this size, bytes. */
const ZEROS_CHUNK = 64 * 1024;
