import { type Diagnostic, formatPath, type Path } from "../core/diagnostic.ts";
import { formatSize } from "../core/number.ts";
import {
  type Fields,
  isMap,
  type JsonSchema,
  type KeyAdvice,
  record,
  type Report,
  type Shape,
  suggestedKey,
} from "../core/shape.ts";
import { fileRef } from "./file_shape.ts";
import type { FileRef, SegmentSource, SegmentSpec } from "./profile.ts";
import { address, base64Bytes, hexBytes, label, onlyTrue, sha256, size } from "./scalars.ts";
import { given, STATED } from "./schema_terms.ts";

/** A segment as the file has it. */
interface StatedSegment {
  readonly name?: string;
  readonly at: bigint;
  readonly size?: bigint;
  readonly file?: FileRef;
  readonly sha256?: string;
  readonly offset?: bigint;
  readonly length?: bigint;
  readonly hex?: Uint8Array;
  readonly base64?: Uint8Array;
  readonly zero?: true;
}

const optional = { fallback: { value: undefined } };

/** Names of a segment's keys elsewhere, such as in struct kexec_segment. */
const ADVICE: KeyAdvice = {
  otherNames: {
    path: "file",
    filename: "file",
    source: "file",
    address: "at",
    addr: "at",
    base: "at",
    mem: "at",
    start: "at",
    memsz: "size",
    bufsz: "length",
    bytes: "hex",
    data: "hex",
    zeros: "zero",
  },
};

const FIELDS: Fields<StatedSegment> = {
  at: { shape: address, doc: "Physical address, a multiple of the page size.", examples: ["0x100000", "16MiB"] },
  size: {
    shape: size,
    doc: "Bytes of memory, zero-filled after the content. Default: the content's size, rounded up to pages.",
    ...optional,
  },
  name: { shape: label, doc: "The segment's name in plans and messages.", ...optional },
  file: { shape: fileRef, doc: "Content: a file, or a part of one.", ...optional, examples: ["payload.bin"] },
  sha256: { shape: sha256, doc: "SHA-256 that the whole file must have.", ...optional },
  offset: { shape: address, doc: "Where in the file the content begins, bytes. Default: 0.", ...optional },
  length: { shape: size, doc: "Bytes of the file to take. Default: up to its end.", ...optional },
  hex: { shape: hexBytes, doc: "Content: bytes in hexadecimal.", ...optional, examples: ["f4 eb fd"] },
  base64: { shape: base64Bytes, doc: "Content: bytes in base64.", ...optional },
  zero: { shape: onlyTrue, doc: "Content: `size` bytes of zeros.", ...optional },
};

const KNOWN = Object.keys(FIELDS);

const stated: Shape<StatedSegment> = record(FIELDS, "a map with `at` and a content", ADVICE);

const CONTENTS = ["file", "hex", "base64", "zero"] as const;
const OF_A_FILE = ["sha256", "offset", "length"] as const;

/** Keys of one segment that require or exclude each other. `key` is where the message points. */
interface SegmentRule {
  readonly key: string;
  readonly other?: string;
  readonly message: string;
  readonly hint?: string;
  /** Depends only on which keys there are, so that it is found even where a value is wrong. */
  readonly applies: (has: (key: string) => boolean) => boolean;
}

const RULES: readonly SegmentRule[] = [
  ...CONTENTS.flatMap((key, index) =>
    CONTENTS.slice(0, index).map((other) => ({
      key,
      other,
      message: `\`${other}\` and \`${key}\` are mutually exclusive: a segment has one content`,
      hint: "Remove one of them, or make them two segments",
      applies: (has: (key: string) => boolean) => has(key) && has(other),
    }))
  ),
  ...OF_A_FILE.map((key) => ({
    key,
    message: `\`${key}\` requires \`file\``,
    hint: `Name a \`file\`, or remove \`${key}\``,
    applies: (has: (key: string) => boolean) => has(key) && !has("file"),
  })),
];

/** The key `segments`' entries. */
export const segment: Shape<SegmentSpec> = {
  expected: stated.expected,
  schema: {
    ...stated.schema,
    oneOf: CONTENTS.map((key) => ({ required: [key] })),
    dependencies: { ...Object.fromEntries(OF_A_FILE.map((key) => [key, ["file"]])), zero: ["size"] },
    not: given({ sha256: STATED, file: given({ sha256: STATED }) }) satisfies JsonSchema,
  },
  decode(value, at, report) {
    const decoded = stated.decode(value, at, report);
    if (!isMap(value)) return undefined;
    const faults = [...keyFaults(value, at), ...(decoded === undefined ? [] : valueFaults(decoded, at))];
    faults.forEach(report satisfies Report);
    if (decoded === undefined || faults.length > 0) return undefined;
    const source = sourceOf(decoded);
    if (source === undefined) return undefined;
    return {
      ...(decoded.name === undefined ? {} : { name: decoded.name }),
      at: decoded.at,
      ...(decoded.size === undefined ? {} : { size: decoded.size }),
      source,
    };
  },
};

function keyFaults(map: { readonly [key: string]: unknown }, at: Path): readonly Diagnostic[] {
  const keys = new Set(Object.keys(map).map((key) => KNOWN.includes(key) ? key : suggestedKey(key, KNOWN, ADVICE)));
  const has = (key: string): boolean => keys.has(key);
  const faults: Diagnostic[] = RULES.filter((rule) => rule.applies(has)).map(({ key, other, message, hint }) => ({
    ...conflict([...at, key], message, hint),
    ...(other === undefined ? {} : { related: [{ message: `\`${other}\` is set here`, path: [...at, other] }] }),
  }));
  if (!CONTENTS.some(has)) {
    faults.push(missing(at, "The segment has no content", `one of ${CONTENTS.join(", ")}`));
  }
  if (has("zero") && !has("size")) faults.push(missing(at, "A segment of zeros requires a `size`", "a size"));
  return faults;
}

function valueFaults(segment: StatedSegment, at: Path): readonly Diagnostic[] {
  const faults: Diagnostic[] = [];
  const { size } = segment;
  const content = segment.length ?? BigInt((segment.hex ?? segment.base64)?.length ?? 0);
  if (size !== undefined && content > size) {
    faults.push(conflict(
      [...at, "size"],
      `The content of ${formatSize(content)} does not fit in the \`size\` of ${formatSize(size)}`,
    ));
  }
  if (segment.at + (size ?? content) > 1n << 64n) {
    faults.push(conflict([...at, "at"], `\`${formatPath(at)}\` ends beyond 64 bits`));
  }
  if (segment.sha256 !== undefined && segment.file?.sha256 !== undefined) {
    faults.push({
      ...conflict([...at, "sha256"], "The SHA-256 of the file is given twice", "Remove one of them"),
      related: [{ message: "It is given here too", path: [...at, "file", "sha256"] }],
    });
  }
  return faults;
}

function sourceOf(segment: StatedSegment): SegmentSource | undefined {
  const bytes = segment.hex ?? segment.base64;
  if (bytes !== undefined) return { kind: "bytes", bytes };
  if (segment.zero !== undefined) return { kind: "zero" };
  if (segment.file === undefined) return undefined;
  return {
    kind: "file",
    file: segment.sha256 === undefined ? segment.file : { ...segment.file, sha256: segment.sha256 },
    offset: segment.offset ?? 0n,
    ...(segment.length === undefined ? {} : { length: segment.length }),
  };
}

function conflict(path: Path, message: string, hint?: string): Diagnostic {
  return { code: "conflict", severity: "error", message, path, ...(hint === undefined ? {} : { hint }) };
}

function missing(path: Path, message: string, expected: string): Diagnostic {
  return { code: "missing-key", severity: "error", message, path, expected };
}
