/** The largest number that fits 64 bits. */
export const MAX_U64 = 0xffff_ffff_ffff_ffffn;

const UNITS: { readonly [unit: string]: bigint } = {
  "": 1n,
  K: 1n << 10n,
  M: 1n << 20n,
  G: 1n << 30n,
  T: 1n << 40n,
  KiB: 1n << 10n,
  MiB: 1n << 20n,
  GiB: 1n << 30n,
  TiB: 1n << 40n,
};

/**
 * Reads a number of bytes or an address: decimal or `0x` hexadecimal, optionally with `K`, `M`, `G`, `T` or `KiB`, `MiB`,
 * `GiB`, `TiB` after it (all powers of 1024, as the kernel reads them). Exact over 64 bits.
 * Undefined for anything else: a leading zero (octal or decimal?), a fraction, a sign, a power of 1000.
 */
export function parseNumber(text: string): bigint | undefined {
  const match = /^(0x[0-9a-fA-F]+|0|[1-9][0-9]*) ?((?:[KMGT](?:iB)?)?)$/.exec(text);
  const unit = UNITS[match?.[2] ?? ""];
  if (match?.[1] === undefined || unit === undefined) return undefined;
  const value = BigInt(match[1]) * unit;
  return value <= MAX_U64 ? value : undefined;
}

/** An address as the kernel's messages write it: `0x1000000`. */
export function formatAddress(address: bigint): string {
  return `0x${address.toString(16)}`;
}

/** A size for people: `640 KiB`, `1.5 GiB`; below 1 KiB `17 bytes`. Rounded to one decimal. */
export function formatSize(bytes: bigint | number): string {
  const value = BigInt(bytes);
  if (value < 1024n) return value === 1n ? "1 byte" : `${value} bytes`;
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let step = 0;
  let scale = 1024n;
  const tenthsOf = (scale: bigint) => (value * 10n + scale / 2n) / scale;
  // By the rounded number, so that almost a TiB is not shown as 1024 GiB.
  while (step + 1 < units.length && tenthsOf(scale) >= 10240n) {
    step++;
    scale *= 1024n;
  }
  const tenths = tenthsOf(scale);
  return tenths % 10n === 0n ? `${tenths / 10n} ${units[step]}` : `${tenths / 10n}.${tenths % 10n} ${units[step]}`;
}
