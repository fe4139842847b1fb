import type { ByteSource } from "../core/bytes.ts";
import { formatSize } from "../core/number.ts";
import { type HashedParts, signaturesOf, signedParts } from "../formats/authenticode.ts";
import { parsePe } from "../formats/pe.ts";
import type { Codecs, Packing } from "../formats/unpacked.ts";
import type { KernelContent } from "../host/image_content.ts";
import type { ImageInfo } from "./image.ts";
import { kernelPayload, UNPACKED_KERNEL_MAX } from "./payload.ts";

/** Hashes parts of a file, one after the other, by an algorithm as Web Crypto names it. */
export type HashParts = (parts: HashedParts, algorithm: string) => Promise<Uint8Array>;

/**
 * Holds a kernel against what it says of itself: a signed one against the digests in its signatures, another one's payload
 * against its checksum and size. Undefined: the image is none that is loaded as it is. Throws what reading the source
 * throws.
 */
export async function readKernel(
  source: ByteSource,
  info: ImageInfo,
  codecs: Codecs,
  hash: HashParts,
): Promise<KernelContent | undefined> {
  switch (info.kind) {
    case "bzimage":
      return info.signed ? await heldAgainstSignature(source, hash) : await readPayload(source, info, codecs);
    case "arm64-image":
    case "efi-zboot":
      return info.signed
        ? await heldAgainstSignature(source, hash)
        : { kind: "unverifiable", why: "it is unsigned and carries no checksum" };
    case "elf":
      return { kind: "unverifiable", why: "an ELF file carries no checksum" };
    case "multiboot":
      return { kind: "unverifiable", why: "a Multiboot image carries no checksum of its content" };
    case "uki":
      return info.signed ? await heldAgainstSignature(source, hash) : undefined;
    // What such an image holds is compared with its checksums where it is opened.
    case "fit":
    case "uimage":
    case "pe":
    case "compressed":
    case "not-kernel":
      return undefined;
  }
}

async function heldAgainstSignature(source: ByteSource, hash: HashParts): Promise<KernelContent> {
  const pe = parsePe(source);
  const parts = pe?.kind === "pe-file" ? signedParts(source, pe) : undefined;
  if (pe?.kind !== "pe-file" || parts === undefined) {
    return { kind: "damaged", why: "has a signature, and PE headers that do not say what it covers" };
  }
  const signatures = signaturesOf(source, pe);
  if (signatures.kind === "unreadable") {
    return { kind: "damaged", why: `has a certificate table that cannot be read: it ${signatures.why}` };
  }
  for (const { algorithm, digest } of signatures.digests) {
    const found = await hash(parts, algorithm);
    if (found.toHex() === digest.toHex()) continue;
    return {
      kind: "damaged",
      why:
        `is not the file that was signed: its ${algorithm} is ${found.toHex()}, and the signature states ${digest.toHex()}`,
    };
  }
  return { kind: "signed", algorithm: [...new Set(signatures.digests.map(({ algorithm }) => algorithm))].join(", ") };
}

async function readPayload(
  source: ByteSource,
  info: Extract<ImageInfo, { readonly kind: "bzimage" }>,
  codecs: Codecs,
): Promise<KernelContent> {
  const payload = kernelPayload(source, info);
  if (payload === undefined) {
    return { kind: "unverifiable", why: "it is unsigned, and its payload is not one that warmboot unpacks" };
  }
  const { offset, length, packing, size } = payload;
  if (size === 0 || size > UNPACKED_KERNEL_MAX) {
    return { kind: "damaged", why: `has a ${packing} payload that claims to unpack to ${formatSize(size)}` };
  }
  let found = 0;
  const result = await codecs.unpack({ packing, source, offset, end: offset + length }, (piece) => {
    found += piece.length;
    return found <= size;
  });
  switch (result.kind) {
    case "stopped":
      return { kind: "damaged", why: `has a ${packing} payload that unpacks to more than the ${size} bytes it states` };
    case "damaged":
      return { kind: "damaged", why: `has a damaged payload: its ${packing} data ${result.why}` };
    case "missing":
      return {
        kind: "unread",
        why: `${result.library}, which unpacks ${packing}, is not installed`,
        hint: `Install ${result.packages}`,
      };
    case "forbidden":
      return {
        kind: "unread",
        why: `warmboot has no permission to open ${result.library}, which unpacks ${packing}`,
        hint: "Run it with -A (--allow-all)",
      };
  }
  if (found !== size) {
    return { kind: "damaged", why: `has a ${packing} payload that unpacks to ${found} bytes, and states ${size}` };
  }
  if (result.checksum === undefined) return { kind: "unverifiable", why: noChecksum(packing) };
  return { kind: "whole", packing, size, checksum: result.checksum };
}

function noChecksum(packing: Packing): string {
  return `it is unsigned, and its ${packing} payload carries no checksum`;
}
