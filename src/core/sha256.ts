import { sha256 } from "@noble/hashes/sha2.js";

/** The SHA-256 of a text or of bytes, 64 lower-case hex digits, in plain code: for what is small, or must be known at once. */
export function sha256Of(content: string | Uint8Array): string {
  return sha256(typeof content === "string" ? new TextEncoder().encode(content) : content).toHex();
}

/** The same by Web Crypto, some ten times as fast: for kernels and initrds. */
export async function digestBytes(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as BufferSource)).toHex();
}
