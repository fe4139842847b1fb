import { memorySource } from "../../src/core/bytes.ts";
import { parsePe } from "../../src/formats/pe.ts";

/** From the PE header that e_lfanew points to, in a PE32+ file: the directory entry of the certificate table. */
const CERTIFICATE_ENTRY = 24 + 112 + 4 * 8;

/** A kernel without its signature: what the tests change is otherwise refused, since it is not what was signed. */
export function unsigned(image: Uint8Array): Uint8Array {
  const pe = parsePe(memorySource(image));
  if (pe?.kind !== "pe-file" || pe.certificate === undefined) return image;
  const bytes = image.slice(0, pe.certificate.offset);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(view.getUint32(0x3c, true) + CERTIFICATE_ENTRY, 0n, true);
  return bytes;
}

/** A kernel whose signature states the right digest, but was not made with the key that it names: only the kernel can tell. */
export function forged(image: Uint8Array): Uint8Array {
  const pe = parsePe(memorySource(image));
  if (pe?.kind !== "pe-file" || pe.certificate === undefined) return image;
  const bytes = image.slice();
  // A WIN_CERTIFICATE has 8 bytes before its PKCS #7 message, whose length is in bytes 2 and 3, and whose end is the signature.
  const message = pe.certificate.offset + 8;
  const last = message + 3 + new DataView(bytes.buffer).getUint16(message + 2);
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  return bytes;
}
