import type { ByteSource } from "../core/bytes.ts";

/** What begins linux_banner (init/version-timestamp.c, Linux 7.3), and how it goes on: `release (builder) (compiler) #1 ...`. */
const START = "Linux version ";
const BANNER = /^Linux version (\d\S* \([^\n]*\) #[^\n]*)\n/;

/** More than any banner has, bytes. */
const BANNER_MAX = 512;

/** Bytes that are looked at in one piece. */
const CHUNK = 1 << 20;

/**
 * The version string of an uncompressed Linux kernel, whose headers do not have it: what it says of itself when it boots.
 * Reads the kernel up to there; undefined where it says nothing.
 */
export function findBanner(source: ByteSource): string | undefined {
  const decoder = new TextDecoder("latin1");
  for (let at = 0; at < source.size; at += CHUNK) {
    const text = decoder.decode(source.read(at, CHUNK + BANNER_MAX));
    for (let found = text.indexOf(START); found >= 0 && found < CHUNK; found = text.indexOf(START, found + 1)) {
      const [, banner] = BANNER.exec(text.slice(found, found + BANNER_MAX)) ?? [];
      if (banner !== undefined && /^[ -~]+$/.test(banner)) return banner;
    }
  }
  return undefined;
}
