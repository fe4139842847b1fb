import type { ByteSource } from "../core/bytes.ts";
import { printable } from "../core/text.ts";
import { parsePartPath, readUbootImage } from "../entry/part_path.ts";
import { crc16 } from "../formats/checksums.ts";
import { findNamed, type FitFile, type FitHash, type FitSignature } from "../formats/fit.ts";
import type { UImageFile } from "../formats/uimage.ts";
import type { PartContent } from "../host/image_content.ts";
import { type ImageFile, viewFile } from "./image_file.ts";

/** Holds parts of FIT images and uImages against the checksums that these state. */
export interface PartReader extends Disposable {
  /** Undefined: the file is not such a part, or a capture does not say. */
  part(file: ImageFile, sha256: string): Promise<PartContent | undefined>;
}

/** See `PartReader`. The images stay open until it is disposed of. */
export function partReader(): PartReader {
  const images = new Map<string, Container | undefined>();
  const opened = new DisposableStack();
  const container = (path: string): Container | undefined => {
    if (!images.has(path)) {
      const view = viewFile(path, undefined);
      if (view !== undefined) opened.use(view);
      const found = view === undefined ? undefined : readUbootImage(view.file.source);
      images.set(path, view === undefined || found === undefined ? undefined : { found, source: view.file.source });
    }
    return images.get(path);
  };
  return {
    async part(file, sha256) {
      if (file.open === undefined) return file.captured?.part;
      const named = file.image === undefined ? undefined : parsePartPath(file.path);
      if (named?.kind !== "uboot") return undefined;
      const image = container(named.image);
      if (image === undefined) return undefined;
      return image.found.kind === "uimage-file"
        ? uimageContent(image.found, await (image.content ??= dataCrc(image.found, image.source)))
        : await fitContent(image.found, named.name, file, sha256);
    },
    [Symbol.dispose]: () => opened.dispose(),
  };
}

/** An image that parts are of. */
interface Container {
  readonly found: FitFile | UImageFile;
  readonly source: ByteSource;
  /** The CRC-32 of a uImage's data, once it was taken. */
  content?: Promise<number>;
}

/** Its one checksum is that of all data. */
function uimageContent({ dataCrc: stated }: UImageFile, found: number): PartContent {
  return found === stated ? { kind: "checked", algorithms: ["crc32"], unknown: [], signatures: [] } : {
    kind: "damaged",
    why: `is damaged: the data of its image have the CRC-32 ${hex(found)}, and the header states ${hex(stated)}`,
  };
}

async function dataCrc({ data }: UImageFile, source: ByteSource): Promise<number> {
  const sum = await sumOf("crc32");
  for (const bytes of chunks(source, data.offset, data.size)) sum?.add(bytes);
  return Number.parseInt(sum?.hex() ?? "", 16);
}

async function fitContent(
  { images, configurations }: FitFile,
  name: string,
  file: ImageFile,
  sha256: string,
): Promise<PartContent | undefined> {
  const image = findNamed(images, name);
  if (image === undefined) return undefined;
  const sums = await Promise.all(image.hashes.map(async (hash) => ({ hash, sum: await sumFor(hash, sha256) })));
  if (sums.some(({ sum }) => sum?.isRunning === true)) {
    for (const bytes of chunks(file.source, 0, file.size)) for (const { sum } of sums) sum?.add(bytes);
  }
  for (const { hash, sum } of sums) {
    if (sum === undefined) continue;
    const [found, stated] = [sum.hex(), hash.value.toHex()];
    if (found === stated) continue;
    const says = stated === "" ? "none" : stated;
    return { kind: "damaged", why: `is damaged: its ${hash.algorithm} is ${found}, and its image states ${says}` };
  }
  const names = (known: boolean): readonly string[] =>
    sums.filter(({ sum }) => (sum !== undefined) === known).map(({ hash }) => printable(hash.algorithm ?? "unnamed"));
  const using = configurations.filter(({ kernel }) => kernel !== undefined && findNamed(images, kernel) === image);
  return {
    kind: "checked",
    algorithms: names(true),
    unknown: names(false),
    signatures: [...new Set([...image.signatures, ...using.flatMap(({ signatures }) => signatures)].map(describe))],
  };
}

function describe({ algorithm = "an unnamed algorithm", key }: FitSignature): string {
  return printable(`${algorithm}${key === undefined ? "" : ` with the key \`${key}\``}`);
}

/** A checksum while it is taken. */
interface Sum {
  /** Whether it needs the bytes. */
  readonly isRunning: boolean;
  add(bytes: Uint8Array): void;
  hex(): string;
}

/** The digest that is known already serves for its own kind. */
async function sumFor({ algorithm }: FitHash, sha256: string): Promise<Sum | undefined> {
  if (algorithm === "sha256") return { isRunning: false, add() {}, hex: () => sha256 };
  return algorithm === undefined ? undefined : await sumOf(algorithm);
}

/** The checksums of U-Boot (common/hash.c, U-Boot 2026.10-rc2); undefined for another one. */
async function sumOf(algorithm: string): Promise<Sum | undefined> {
  switch (algorithm) {
    case "crc32": {
      const { crc32 } = await import("node:zlib");
      let sum = 0;
      return { isRunning: true, add: (bytes) => void (sum = crc32(bytes, sum)), hex: () => hexOf(sum, 8) };
    }
    case "crc16-ccitt": {
      let sum = 0;
      return { isRunning: true, add: (bytes) => void (sum = crc16(bytes, sum)), hex: () => hexOf(sum, 4) };
    }
    case "md5":
    case "sha1":
    case "sha384":
    case "sha512": {
      const { createHash } = await import("node:crypto");
      const digest = createHash(algorithm);
      return { isRunning: true, add: (bytes) => void digest.update(bytes), hex: () => digest.digest("hex") };
    }
    default:
      return undefined;
  }
}

const CHUNK = 256 * 1024;

function* chunks(source: ByteSource, offset: number, size: number): Iterable<Uint8Array> {
  for (let done = 0; done < size;) {
    const bytes = source.read(offset + done, Math.min(CHUNK, size - done));
    if (bytes.length === 0) return;
    yield bytes;
    done += bytes.length;
  }
}

function hex(value: number): string {
  return `0x${hexOf(value, 8)}`;
}

function hexOf(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
