import { type ByteSource, fieldsAt } from "../core/bytes.ts";
import type { PeFile } from "./pe.ts";

/** Hashes that a signature names, by the object identifier in DER: what Web Crypto and node:crypto call them. */
const DIGESTS: { readonly [oid: string]: string } = {
  "2b0e03021a": "SHA-1",
  "608648016503040201": "SHA-256",
  "608648016503040202": "SHA-384",
  "608648016503040203": "SHA-512",
};

/** The digest of the file that a signature states. */
export interface SignedDigest {
  /** As Web Crypto names it: `SHA-256`. */
  readonly algorithm: string;
  readonly digest: Uint8Array;
}

/** What the certificate table holds. `why` completes "its certificate table …". */
export type Signatures =
  | { readonly kind: "signed"; readonly digests: readonly SignedDigest[] }
  | { readonly kind: "unreadable"; readonly why: string };

/** WIN_CERT_TYPE_PKCS_SIGNED_DATA. */
const PKCS_SIGNED_DATA = 2;

/**
 * The digests that the signatures of a PE file state (Windows Authenticode Portable Executable Signature Format, 1.0). Each
 * is a PKCS #7 SignedData whose content is an SpcIndirectDataContent; whether it was signed by somebody who is trusted is
 * for the kernel and the firmware to say.
 */
export function signaturesOf(source: ByteSource, { certificate }: PeFile): Signatures {
  if (certificate === undefined) return { kind: "signed", digests: [] };
  const digests: SignedDigest[] = [];
  const end = certificate.offset + certificate.size;
  for (let at = certificate.offset; at + 8 <= end;) {
    const head = fieldsAt(source, at, 8);
    if (head === undefined) return { kind: "unreadable", why: "ends beyond the file" };
    const length = head.u32(0);
    if (length < 8 || at + length > end) return { kind: "unreadable", why: "has an entry that ends beyond it" };
    if (head.u16(6) === PKCS_SIGNED_DATA) {
      const digest = statedDigest(source.read(at + 8, length - 8));
      if (digest === undefined) {
        return { kind: "unreadable", why: "has a signature that is not PKCS #7 over a PE file" };
      }
      digests.push(digest);
    }
    // Entries are padded to 8.
    at += Math.ceil(length / 8) * 8;
  }
  return digests.length > 0
    ? { kind: "signed", digests }
    : { kind: "unreadable", why: "has no signature that is known" };
}

/** A DER value: its tag, and where its content lies. */
interface Der {
  readonly tag: number;
  readonly content: Uint8Array;
  /** What follows it. */
  readonly rest: Uint8Array;
}

function readDer(bytes: Uint8Array): Der | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) return undefined;
  let [length, at] = [first, 2];
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) return undefined;
    length = 0;
    for (; at < 2 + count; at++) length = length * 256 + (bytes[at] ?? 0);
  }
  if (at + length > bytes.length) return undefined;
  return { tag, content: bytes.subarray(at, at + length), rest: bytes.subarray(at + length) };
}

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const OCTET_STRING = 0x04;

/** The values within a sequence; empty where they are not well-formed. */
function sequence(bytes: Uint8Array): readonly Der[] {
  const values: Der[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const value = readDer(rest);
    if (value === undefined) return [];
    values.push(value);
    rest = value.rest;
  }
  return values;
}

/** ContentInfo, SignedData, its ContentInfo, SpcIndirectDataContent, and in that the DigestInfo. */
function statedDigest(pkcs7: Uint8Array): SignedDigest | undefined {
  const contentInfo = readDer(pkcs7);
  const [, explicit] = sequence(contentInfo?.content ?? new Uint8Array());
  const signedData = sequence(readDer(explicit?.content ?? new Uint8Array())?.content ?? new Uint8Array());
  // Version, digest algorithms, then the content.
  const [, content] = sequence(signedData[2]?.content ?? new Uint8Array());
  const spc = sequence(readDer(content?.content ?? new Uint8Array())?.content ?? new Uint8Array());
  const [algorithm, digest] = sequence(spc[1]?.content ?? new Uint8Array());
  const [oid] = sequence(algorithm?.content ?? new Uint8Array());
  if (algorithm?.tag !== SEQUENCE || oid?.tag !== OBJECT_IDENTIFIER || digest?.tag !== OCTET_STRING) return undefined;
  const name = DIGESTS[oid.content.toHex()];
  return name === undefined ? undefined : { algorithm: name, digest: digest.content };
}

/** Offsets from the PE signature: CheckSum, and the certificate table's entry in the data directories, by magic. */
const CHECKSUM = 24 + 64;
const CERTIFICATE_ENTRY: { readonly [magic: number]: number } = { 0x10b: 24 + 96 + 32, 0x20b: 24 + 112 + 32 };

/** Parts of a file, in the order in which they are hashed. */
export type HashedParts = readonly { readonly offset: number; readonly length: number }[];

/**
 * What of a PE file its signatures cover: headers without checksum and certificate entry, the sections in the order of
 * their place, and what follows the last of them up to the certificates.
 */
export function signedParts(source: ByteSource, { certificate, rawSections }: PeFile): HashedParts | undefined {
  const start = fieldsAt(source, 0, 0x40)?.u32(0x3c);
  if (start === undefined || certificate === undefined) return undefined;
  const optional = fieldsAt(source, start + 24, 64);
  const entry = optional === undefined ? undefined : CERTIFICATE_ENTRY[optional.u16(0)];
  if (optional === undefined || entry === undefined) return undefined;
  const headerEnd = optional.u32(60);
  const parts = [
    { offset: 0, length: start + CHECKSUM },
    { offset: start + CHECKSUM + 4, length: entry - CHECKSUM - 4 },
    { offset: start + entry + 8, length: headerEnd - start - entry - 8 },
  ];
  let end = headerEnd;
  for (const { offset, size } of rawSections.toSorted((a, b) => a.offset - b.offset)) {
    if (size === 0) continue;
    parts.push({ offset, length: size });
    end += size;
  }
  parts.push({ offset: end, length: certificate.offset - end });
  const isSound = parts.every(({ offset, length }) => offset >= 0 && length >= 0 && offset + length <= source.size);
  return isSound ? parts.filter(({ length }) => length > 0) : undefined;
}
