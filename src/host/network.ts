import { formatIpAddress, isPrefix, networkOf, parseIpAddress } from "../core/ip_address.ts";
import { omitUndefined, type Report } from "../core/shape.ts";
import { type Captured, type Found, malformed } from "./captured.ts";
import type { LinkKind, NetworkAddress, NetworkFacts, NetworkLink, NetworkRoute } from "./network_facts.ts";

/** ARPHRD_ETHER and ARPHRD_LOOPBACK of include/uapi/linux/if_arp.h. */
const ETHER = "1";
const LOOPBACK = "772";

/** NET_ADDR_PERM of include/uapi/linux/netdevice.h: the address of the hardware. */
const PERMANENT = "0";

/** IFF_UP of include/uapi/linux/if.h. */
const IFF_UP = 0x1;

/** IFA_F_ of include/uapi/linux/if_addr.h; /proc/net/if_inet6 has those of 8 bits. */
const IFA_F = { temporary: 0x01, dadFailed: 0x08, deprecated: 0x20, tentative: 0x40, permanent: 0x80 } as const;

/** RTF_ of include/uapi/linux/route.h and ipv6_route.h. */
const RTF = {
  up: 0x1,
  gateway: 0x2,
  reject: 0x200,
  anycast: 0x0010_0000,
  cache: 0x0100_0000,
  local: 0x8000_0000,
} as const;

/**
 * Decodes the running network; undefined where the capture has no links (an older one, or a host without /sys), and where the
 * addresses could not be read.
 */
export function networkFacts(from: Captured, report: Report): NetworkFacts | undefined {
  const found = from.one("networkLinks");
  if (found === undefined || ADDRESSES.some((name) => from.unreadable(name).length > 0)) return undefined;
  const attributes = attributesOf(found, report);
  if (attributes === undefined) return undefined;
  const addresses = addressesOf(from, report);
  const vlans = vlansOf(from, report);
  const links = [...attributes].map(([name, of]): NetworkLink => {
    const hardware = of("bonding_slave/perm_hwaddr") ??
      (of("addr_assign_type") === PERMANENT ? of("address") : undefined);
    return {
      name,
      link: kindOf(of, vlans.get(name)),
      ...omitUndefined({ mac: macOf(of("address")), permanentMac: macOf(hardware) }),
      mtu: Number(of("mtu") ?? 0),
      up: (Number(of("flags") ?? 0) & IFF_UP) !== 0,
      carrier: of("carrier") === "1",
      ...omitUndefined({ master: of("master") }),
      addresses: addresses.get(name) ?? [],
    };
  });
  const own = new Set(
    links.flatMap(({ name, addresses }) =>
      addresses.map(({ address, prefix }) => `${name} ${networkText(address, prefix)}`)
    ),
  );
  const tooMany = from.unreadable("ipv4Routes").length + from.unreadable("ipv6Routes").length > 0;
  const routes = [...ipv4Routes(from, report), ...ipv6Routes(from, report)]
    // The kernel makes this one again for the address.
    .filter(({ gateway, link, destination }) => gateway !== undefined || !own.has(`${link} ${destination}`));
  return { links, ...(tooMany ? {} : { routes }), tables: policyTables(from), ...resolverOf(from) };
}

/** Where addresses and their states are. */
const ADDRESSES = ["networkAddresses", "ipv6Addresses"] as const;

/** Reads one attribute of a link. */
type Attribute = (name: string) => string | undefined;

function attributesOf(found: Found, report: Report): ReadonlyMap<string, Attribute> | undefined {
  const lines = found.text === "" ? [] : found.text.split("\n").map((line) => line.split("\t"));
  const wrong = lines.findIndex((line) => line.length !== 3 || line.includes(""));
  if (wrong >= 0) return void report(malformed(found, "link, attribute and value on each line", wrong + 1));
  const byLink = Map.groupBy(lines, ([link = ""]) => link);
  const attributes = [...byLink].map(([link, rows]) => {
    const values = new Map(rows.map(([, name = "", value = ""]) => [name, value]));
    return [link, (name: string) => values.get(name)] as const;
  });
  return new Map(attributes.toSorted(([, a], [, b]) => Number(a("ifindex") ?? 0) - Number(b("ifindex") ?? 0)));
}

function kindOf(of: Attribute, vlan: { readonly parent: string; readonly id: number } | undefined): LinkKind {
  const devtype = of("devtype");
  if (of("type") === LOOPBACK) return { kind: "loopback" };
  if (vlan !== undefined) return { kind: "vlan", ...vlan };
  if (of("bonding/mode") !== undefined) {
    // As `active-backup 1`: the name, and the number of it.
    const options = optionsOf(of, BOND_OPTIONS, "bonding/");
    return { kind: "bond", mode: of("bonding/mode")?.split(" ")[0] ?? "", options };
  }
  if (of("bridge/stp_state") !== undefined) {
    return { kind: "bridge", options: optionsOf(of, BRIDGE_OPTIONS, "bridge/") };
  }
  if (of("wireless") !== undefined || devtype === "wlan") return { kind: "other", what: "a wireless link" };
  if (of("tun_flags") !== undefined) return { kind: "other", what: "a TUN or TAP device of a program" };
  if (devtype !== undefined) return { kind: "other", what: `a link of the kind ${devtype}` };
  if (of("type") !== ETHER) return { kind: "other", what: `not an Ethernet link (type ${of("type") ?? "unknown"})` };
  return of("device") === undefined ? { kind: "other", what: "a virtual link" } : { kind: "ethernet" };
}

const BOND_OPTIONS = [
  "miimon",
  "updelay",
  "downdelay",
  "xmit_hash_policy",
  "lacp_rate",
  "ad_select",
  "primary",
  "primary_reselect",
  "fail_over_mac",
  "arp_interval",
  "arp_ip_target",
  "arp_validate",
  "min_links",
  "all_slaves_active",
];

const BRIDGE_OPTIONS = [
  "stp_state",
  "forward_delay",
  "hello_time",
  "max_age",
  "ageing_time",
  "priority",
  "vlan_filtering",
];

/** Options that are set. A choice is written as its name and its number; lists have spaces. */
function optionsOf(
  of: Attribute,
  names: readonly string[],
  folder: string,
): { readonly [name: string]: string } {
  return Object.fromEntries(names.flatMap((name) => {
    const value = of(folder + name);
    if (value === undefined) return [];
    return [[name, /^[a-z][\w+-]* \d+$/i.test(value) ? value.split(" ")[0] ?? "" : value]];
  }));
}

function macOf(text: string | undefined): string | undefined {
  const mac = text?.toLowerCase();
  return mac !== undefined && /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) && mac !== "00:00:00:00:00:00"
    ? mac
    : undefined;
}

function networkText(address: string, prefix: number): string {
  const parsed = parseIpAddress(address);
  return parsed === undefined ? "" : `${formatIpAddress(networkOf(parsed, prefix))}/${prefix}`;
}

/** The addresses of each link. */
function addressesOf(from: Captured, report: Report): ReadonlyMap<string, readonly NetworkAddress[]> {
  const found = from.one("networkAddresses");
  const states = addressStates(from, report);
  const rows = (found?.text ?? "").split("\n").filter((line) => line !== "").flatMap((line, index) => {
    const [, label = "", text = "", bits = ""] = /^(\S+)\t(\S+)\/(\d{1,3})$/.exec(line) ?? [];
    const parsed = parseIpAddress(text);
    const prefix = Number(bits);
    if (parsed === undefined || bits === "" || !isPrefix(parsed.family, prefix)) {
      if (found !== undefined) {
        report(malformed(found, "a name and an address with its prefix on each line", index + 1));
      }
      return [];
    }
    const address = formatIpAddress(parsed);
    // The label of an alias begins with the name of its link.
    const name = label.split(":", 1)[0] ?? label;
    const state = parsed.family === 6 ? states.get(`${name} ${address}`) : undefined;
    return [{ name, address: { family: parsed.family, address, prefix, ...omitUndefined({ state }) } }];
  });
  return new Map(
    [...Map.groupBy(rows, ({ name }) => name)].map(([name, of]) => [name, of.map(({ address }) => address)]),
  );
}

/** net/ipv6/addrconf.c: address, ifindex, prefix, scope, flags, name. */
function addressStates(from: Captured, report: Report): ReadonlyMap<string, NonNullable<NetworkAddress["state"]>> {
  return new Map(
    table(from, report, "ipv6Addresses", 6, "the six columns of an IPv6 address").flatMap((row) => {
      const [hex = "", , , , flagText = "", name = ""] = row;
      const address = fromHex(hex);
      const flags = parseInt(flagText, 16);
      if (address === undefined || !Number.isInteger(flags)) return [];
      const has = (flag: number): boolean => (flags & flag) !== 0;
      return [[`${name} ${address}`, {
        temporary: has(IFA_F.temporary),
        deprecated: has(IFA_F.deprecated),
        unusable: has(IFA_F.tentative) || has(IFA_F.dadFailed),
        permanent: has(IFA_F.permanent),
      }]];
    }),
  );
}

/** 128 bits in 32 hexadecimal digits. */
function fromHex(hex: string): string | undefined {
  return /^[0-9a-f]{32}$/i.test(hex) ? formatIpAddress({ family: 6, value: BigInt(`0x${hex}`) }) : undefined;
}

/** net/8021q/vlanproc.c: two lines of headings, then name, identifier and parent between bars. */
function vlansOf(
  from: Captured,
  report: Report,
): ReadonlyMap<string, { readonly parent: string; readonly id: number }> {
  const found = from.one("vlans");
  const rows = (found?.text ?? "").split("\n").flatMap((line, index) => {
    if (index < 2 || line === "") return [];
    const [, name = "", id = "", parent = ""] = /^(\S+)\s*\|\s*(\d{1,4})\s*\|\s*(\S+)\s*$/.exec(line) ?? [];
    if (name !== "") return [[name, { parent, id: Number(id) }] as const];
    if (found !== undefined) report(malformed(found, "name, identifier and parent of a VLAN on each line", index + 1));
    return [];
  });
  return new Map(rows);
}

/** net/ipv4/fib_trie.c, fib_route_seq_show: the main table. Addresses are those of memory, on machines that are little-endian. */
function ipv4Routes(from: Captured, report: Report): readonly NetworkRoute[] {
  return table(from, report, "ipv4Routes", 11, "the columns of an IPv4 route", 1).flatMap((row) => {
    const [link = "", to = "", via = "", flagText = "", , , metric = "", mask = ""] = row;
    const flags = parseInt(flagText, 16);
    if ((flags & RTF.up) === 0) return [];
    const prefix = swapped(mask).toString(2).replaceAll("0", "").length;
    const destination = `${formatIpAddress({ family: 4, value: swapped(to) })}/${prefix}`;
    // A blackhole has not even the flag; no link is what it has in common with the others.
    if ((flags & RTF.reject) !== 0 || link === "*") {
      return [{ family: 4, destination, metric: Number(metric) } as const];
    }
    const gateway = swapped(via);
    return [
      {
        family: 4,
        destination,
        ...(gateway !== 0n
          ? { gateway: formatIpAddress({ family: 4, value: gateway }) }
          : (flags & RTF.gateway) !== 0
          ? { hasIpv6Gateway: true } as const
          : {}),
        metric: Number(metric),
        link,
      } as const,
    ];
  });
}

function swapped(hex: string): bigint {
  const bytes = /^([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(hex)?.slice(1).toReversed();
  return bytes === undefined ? 0n : BigInt(`0x${bytes.join("")}`);
}

/** net/ipv6/route.c, rt6_info_route of old and ipv6_route_native_seq_show: every table, without its number. */
function ipv6Routes(from: Captured, report: Report): readonly NetworkRoute[] {
  return table(from, report, "ipv6Routes", 10, "the columns of an IPv6 route").flatMap(
    (row): readonly NetworkRoute[] => {
      const [
        to = "",
        bits = "",
        source = "",
        sourceBits = "",
        via = "",
        metricText = "",
        ,
        ,
        flagText = "",
        link = "",
      ] = row;
      const flags = Number(`0x${flagText}`);
      const is = (flag: number): boolean => (BigInt(flags) & BigInt(flag)) !== 0n;
      const address = fromHex(to);
      if (address === undefined || !is(RTF.up) || is(RTF.local) || is(RTF.anycast) || is(RTF.cache)) return [];
      // Multicast and link-local: the kernel makes them for every link.
      if (/^f(?:f|e[89ab])/i.test(to)) return [];
      const destination = `${address}/${parseInt(bits, 16)}`;
      const metric = parseInt(metricText, 16);
      if (is(RTF.reject)) return link === "lo" && metric === 0xffff_ffff ? [] : [{ family: 6, destination, metric }];
      if (link === "lo") return [];
      const gateway = /^0+$/.test(via) ? undefined : fromHex(via);
      const length = parseInt(sourceBits, 16);
      return [{
        family: 6,
        destination,
        ...omitUndefined({ gateway }),
        metric,
        link,
        ...(length === 0 ? {} : { from: `${fromHex(source)}/${length}` }),
      }];
    },
  );
}

/** The rows of a table in /proc, split at white space. */
function table(
  from: Captured,
  report: Report,
  name: "ipv4Routes" | "ipv6Routes" | "ipv6Addresses",
  columns: number,
  expected: string,
  headings = 0,
): readonly (readonly string[])[] {
  const found = from.one(name);
  const lines = (found?.text ?? "").split("\n").slice(headings).map((line) => line.trim().split(/\s+/));
  const rows = lines.filter((row) => row.length > 1);
  const wrong = rows.findIndex((row) => row.length !== columns);
  if (found === undefined || wrong < 0) return rows;
  report(malformed(found, expected, wrong + headings + 1));
  return rows.filter((row) => row.length === columns);
}

/** The tables besides main (254), local (255) and default (253), as `Id 100:` (fib_trie_seq_show). */
function policyTables(from: Captured): readonly number[] {
  const ids = (from.one("ipv4Tables")?.text ?? "").matchAll(/^Id (\d+):/gm);
  return [...new Set(Array.from(ids, ([, id]) => Number(id)))].filter((id) => id !== 253).toSorted((a, b) => a - b);
}

/** The addresses on which systemd-resolved answers programs of the host itself. */
const STUBS: readonly string[] = ["127.0.0.53", "127.0.0.54"];

/** The name servers and search domains of resolv.conf(5); those that systemd-resolved asks where that is in between. */
function resolverOf(from: Captured): Pick<NetworkFacts, "nameServers" | "searchDomains"> {
  const own = resolver(from.one("resolver"));
  const upstream = from.one("resolvedServers");
  return upstream !== undefined && own.nameServers.some((server) => STUBS.includes(server)) ? resolver(upstream) : own;
}

function resolver(found: Found | undefined): Pick<NetworkFacts, "nameServers" | "searchDomains"> {
  const lines = (found?.text ?? "").split("\n").map((line) => line.split(/[#;]/, 1)[0]?.trim().split(/\s+/) ?? []);
  const nameServers = lines.flatMap(([key, value = ""]) => {
    const [text = "", zone] = value.split("%");
    const parsed = key === "nameserver" ? parseIpAddress(text) : undefined;
    if (parsed === undefined || zone !== undefined && !/^[\w.@+-]+$/.test(zone)) return [];
    return [formatIpAddress(parsed) + (zone === undefined ? "" : `%${zone}`)];
  });
  // The last line of either key counts, as in glibc.
  const [, ...domains] = lines.findLast(([key]) => key === "search" || key === "domain") ?? [];
  return {
    nameServers: [...new Set(nameServers)],
    searchDomains: [...new Set(domains.filter((domain) => /^[\w.-]+$/.test(domain) && domain !== "."))],
  };
}
