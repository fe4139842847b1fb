import { concat } from "@std/bytes";
import type { ByteSource } from "../core/bytes.ts";
import { count, list, mapOf, pattern, record, type Shape, text, wrongType } from "../core/shape.ts";
import { BASE64 } from "./base64.ts";
import { IMA_LABEL, type ImaLabel } from "./ima_label.ts";
import {
  INITRD_CONTENT,
  type InitrdContent,
  KERNEL_CONTENT,
  type KernelContent,
  PART_CONTENT,
  type PartContent,
} from "./image_content.ts";

/** Bytes of a file that were looked at. */
export interface CapturedRange {
  /** From the start of the file, bytes. */
  readonly offset: number;
  /** The bytes. */
  readonly base64: string;
}

/** A part of a file that a segment is made of. */
export interface CapturedPart {
  /** From the start of the file, bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

/** A kernel, an initrd or a segment's file as a plan needs to know it: all but most of its bytes. */
export interface CapturedImage {
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** Its headers, which say what it is. */
  readonly ranges: readonly CapturedRange[];
  /** What kexec_load would place of it. */
  readonly parts: readonly CapturedPart[];
  /** What an arm64 kernel says of itself, which is far after its headers. */
  readonly banner?: string;
  /** What IMA looks at of it, on a host where that counts. */
  readonly label?: ImaLabel;
  /** What reading it through as a kernel found. */
  readonly kernel?: KernelContent;
  /** The same as an initrd. */
  readonly initrd?: InitrdContent;
  /** Of a part of a FIT image or uImage: whether it has the checksums that the image states. */
  readonly part?: PartContent;
  /** Of a unified kernel image: the files that systemd-stub would add to it. */
  readonly companions?: { readonly addons: readonly string[]; readonly extras: readonly string[] };
  /** The kernel image that it unpacks to, where it is handed over unpacked. */
  readonly unpacked?: Pick<CapturedImage, "size" | "sha256" | "ranges" | "banner"> & {
    readonly parts?: readonly CapturedPart[];
  };
}

/** The files that were captured with a host, by their absolute path there. */
export type CapturedImages = { readonly [path: string]: CapturedImage };

/** A source that notes what is read of it. */
export interface NotedSource {
  readonly source: ByteSource;
  /** All that was read so far, in order, each byte once. */
  ranges(): readonly CapturedRange[];
}

/** Watches what is read of a source. */
export function notedSource(source: ByteSource): NotedSource {
  const reads: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  return {
    source: {
      size: source.size,
      read(offset, length) {
        const bytes = source.read(offset, length);
        if (bytes.length > 0) reads.push({ offset, bytes: bytes.slice() });
        return bytes;
      },
    },
    ranges: () => joined(reads).map(({ offset, bytes }) => ({ offset, base64: bytes.toBase64() })),
  };
}

/** How many bytes of an initrd say what it is: the header of a cpio archive, or of what packs it. */
const INITRD_HEADER = 112;

/** The ranges of an initrd with zeros in place of its content, which can hold secrets. NUL bytes before it do not count. */
export function withoutContent(ranges: readonly CapturedRange[]): readonly CapturedRange[] {
  return ranges.map(({ offset, base64 }) => {
    const bytes = Uint8Array.fromBase64(base64);
    const start = bytes.findIndex((byte) => byte !== 0);
    if (start >= 0) bytes.fill(0, start + INITRD_HEADER);
    return { offset, base64: bytes.toBase64() };
  });
}

/** Ranges of a file that has an initrd at a place, with zeros for the initrd's content. */
export function withoutContentAt(
  ranges: readonly CapturedRange[],
  { offset: start, size }: { readonly offset: number; readonly size: number },
): readonly CapturedRange[] {
  return ranges.map(({ offset, base64 }) => {
    const bytes = Uint8Array.fromBase64(base64);
    bytes.fill(0, Math.max(0, start + INITRD_HEADER - offset), Math.max(0, start + size - offset));
    return { offset, base64: bytes.toBase64() };
  });
}

/** A source that gives what was captured. */
export interface ReplayedSource {
  readonly source: ByteSource;
  /** Whether all that was read of it had been captured; otherwise what was made of it is worth nothing. */
  isComplete(): boolean;
}

/** Reads a captured file as if it were there. */
export function replayedSource({ size, ranges }: CapturedImage): ReplayedSource {
  let known: readonly Piece[] | undefined;
  /** Decoded when something is read, which it often is not. */
  const pieces = (): readonly Piece[] =>
    known ??= joined(ranges.map(({ offset, base64 }) => ({ offset, bytes: Uint8Array.fromBase64(base64) })));
  let complete = true;
  return {
    source: {
      size,
      read(offset, length) {
        const end = Math.min(offset + length, size);
        if (end <= offset) return new Uint8Array();
        const range = pieces().find((each) => each.offset <= offset && end <= each.offset + each.bytes.length);
        if (range !== undefined) return range.bytes.subarray(offset - range.offset, end - range.offset);
        complete = false;
        return new Uint8Array(end - offset);
      },
    },
    isComplete: () => complete,
  };
}

/** The captured digest of a part; undefined where another part was captured. */
export function partDigest(image: CapturedImage, offset: number, length: number): string | undefined {
  if (offset === 0 && length === image.size) return image.sha256;
  return image.parts.find((part) => part.offset === offset && part.length === length)?.sha256;
}

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The same bytes as pieces that neither overlap nor touch, in order. */
function joined(pieces: readonly Piece[]): readonly Piece[] {
  const runs: { readonly offset: number; readonly bytes: Uint8Array[] }[] = [];
  let end = -1;
  for (const { offset, bytes } of pieces.toSorted((a, b) => a.offset - b.offset)) {
    const run = runs.at(-1);
    if (run === undefined || end < offset) {
      runs.push({ offset, bytes: [bytes] });
      end = offset + bytes.length;
    } else if (offset + bytes.length > end) {
      run.bytes.push(bytes.subarray(end - offset));
      end = offset + bytes.length;
    }
  }
  return runs.map(({ offset, bytes }) => ({ offset, bytes: concat(bytes) }));
}

const DIGEST = pattern("a SHA-256 of 64 hex digits", /^[0-9a-f]{64}$/);

const RANGES: Shape<readonly CapturedRange[]> = list(record<CapturedRange>({
  offset: { shape: count, doc: "From the start of the file, bytes" },
  base64: { shape: BASE64, doc: "The bytes" },
}));

const PARTS: Shape<readonly CapturedPart[]> = list(record<CapturedPart>({
  offset: { shape: count, doc: "From the start of the file, bytes" },
  length: { shape: count, doc: "Bytes" },
  sha256: { shape: DIGEST, doc: "SHA-256 of the part" },
}));

const IMAGE = record<CapturedImage>({
  size: { shape: count, doc: "The file's size, bytes" },
  sha256: { shape: DIGEST, doc: "Its SHA-256" },
  ranges: { shape: RANGES, doc: "The parts by which it is known what it is: headers" },
  parts: {
    shape: PARTS,
    doc: "The parts that kexec_load would place",
  },
  banner: { shape: text, doc: "What an arm64 kernel says of itself", fallback: { value: undefined } },
  label: { shape: IMA_LABEL, doc: "What IMA looks at of it, where it may appraise it", fallback: { value: undefined } },
  kernel: { shape: KERNEL_CONTENT, doc: "What reading it through as a kernel found", fallback: { value: undefined } },
  initrd: { shape: INITRD_CONTENT, doc: "What reading it through as an initrd found", fallback: { value: undefined } },
  part: {
    shape: PART_CONTENT,
    doc: "Of a part of a FIT image or uImage: whether it has the checksums that the image states",
    fallback: { value: undefined },
  },
  companions: {
    shape: record<NonNullable<CapturedImage["companions"]>>({
      addons: { shape: list(text), doc: "Addons: PE files with further sections" },
      extras: { shape: list(text), doc: "Credentials and extension images" },
    }),
    doc: "Of a unified kernel image: the files that systemd-stub would add to it",
    fallback: { value: undefined },
  },
  unpacked: {
    shape: record<NonNullable<CapturedImage["unpacked"]>>({
      size: { shape: count, doc: "Bytes" },
      sha256: { shape: DIGEST, doc: "Its SHA-256" },
      ranges: { shape: RANGES, doc: "Its headers" },
      banner: { shape: text, doc: "What it says of itself", fallback: { value: undefined } },
      parts: { shape: PARTS, doc: "The parts that kexec_load would place", fallback: { value: undefined } },
    }),
    doc: "The kernel image that the file unpacks to, which is handed over in its place",
    fallback: { value: undefined },
  },
});

/** An image whose ranges and parts lie in it. */
const SOUND_IMAGE: Shape<CapturedImage> = {
  ...IMAGE,
  decode(value, at, report) {
    const image = IMAGE.decode(value, at, report);
    if (image === undefined) return undefined;
    const ends = {
      ranges: image.ranges.map(({ offset, base64 }) => offset + Uint8Array.fromBase64(base64).length),
      parts: image.parts.map(({ offset, length }) => offset + length),
    };
    for (const key of ["ranges", "parts"] as const) {
      const index = ends[key].findIndex((end) => end > image.size);
      if (index < 0) continue;
      return void report(
        wrongType(`up to byte ${ends[key][index]}`, [...at, key, index], `within ${image.size} bytes`),
      );
    }
    return image;
  },
};

/** The `images` of a capture. */
export const IMAGES: Shape<CapturedImages> = mapOf(SOUND_IMAGE);
