/** An address of the Internet protocol. */
export interface IpAddress {
  /** Its version. */
  readonly family: 4 | 6;
  /** Its 32 or 128 bits. */
  readonly value: bigint;
}

const BITS = { 4: 32, 6: 128 } as const;

/** Reads an address: dotted decimal, or RFC 4291's forms with or without an IPv4 address at the end. No zone, no prefix. */
export function parseIpAddress(text: string): IpAddress | undefined {
  return text.includes(":") ? ipv6(text) : ipv4(text);
}

function ipv4(text: string): IpAddress | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  if (parts === undefined || parts.some((part) => Number(part) > 255 || /^0\d/.test(part))) return undefined;
  return { family: 4, value: parts.reduce((value, part) => value << 8n | BigInt(part), 0n) };
}

function ipv6(text: string): IpAddress | undefined {
  const last = text.slice(text.lastIndexOf(":") + 1);
  const tail = last.includes(".") ? ipv4(last) : undefined;
  if (last.includes(".") && tail === undefined) return undefined;
  const words = tail === undefined
    ? text
    : `${text.slice(0, -last.length)}${(tail.value >> 16n).toString(16)}:${(tail.value & 0xffffn).toString(16)}`;
  const halves = words.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], end = []] = halves.map((half) => half === "" ? [] : half.split(":"));
  const missing = 8 - head.length - end.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...end];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return { family: 6, value: groups.reduce((value, group) => value << 16n | BigInt(`0x${group}`), 0n) };
}

/** An address as text; IPv6 as RFC 5952 has it. */
export function formatIpAddress({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => value >> shift & 0xffn).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => (value >> BigInt(112 - 16 * index) & 0xffffn).toString(16));
  const runs = groups.map((_, start) => {
    const end = groups.findIndex((group, index) => index >= start && group !== "0");
    return { start, length: (end < 0 ? groups.length : end) - start };
  });
  const longest = runs.reduce((best, run) => run.length > best.length ? run : best);
  return longest.length < 2
    ? groups.join(":")
    : `${groups.slice(0, longest.start).join(":")}::${groups.slice(longest.start + longest.length).join(":")}`;
}

/** The first address of the network that an address is in. */
export function networkOf({ family, value }: IpAddress, prefix: number): IpAddress {
  const host = BigInt(BITS[family] - prefix);
  return { family, value: value >> host << host };
}

/** The netmask of an IPv4 prefix: `255.255.255.0`. */
export function netmask(prefix: number): string {
  return formatIpAddress(networkOf({ family: 4, value: 0xffff_ffffn }, prefix));
}

/** Whether a number of bits can be the prefix of an address. */
export function isPrefix(family: 4 | 6, prefix: number): boolean {
  return Number.isInteger(prefix) && prefix >= 0 && prefix <= BITS[family];
}
