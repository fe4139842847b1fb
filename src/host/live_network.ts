import { compareText } from "../core/text.ts";

/** Listings that the live reader makes of the network: folders and links of sysfs, and what getifaddrs(3) says. */

/** At most so many links: hosts with thousands of containers have as many, all of them virtual. */
const MOST_LINKS = 4096;

const NET = "/sys/class/net";

/** Files of one line below a link's folder (net/core/net-sysfs.c; drivers/net/bonding/bond_sysfs.c; net/bridge/br_sysfs_br.c). */
const ATTRIBUTES = [
  "ifindex",
  "type",
  "address",
  "addr_assign_type",
  "mtu",
  "flags",
  "carrier",
  "tun_flags",
  "bonding_slave/perm_hwaddr",
];

/** Files of a bond that change what it does. */
const BONDING = [
  "mode",
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
].map((name) => `bonding/${name}`);

/** Files of a bridge that change what it does. */
const BRIDGE = ["stp_state", "forward_delay", "hello_time", "max_age", "ageing_time", "priority", "vlan_filtering"]
  .map((name) => `bridge/${name}`);

/** Link, attribute and value, with tabs between, for each attribute that a link has. */
export function networkLinks(): string {
  const links = entries(NET).filter(({ isSymlink }) => isSymlink).map(({ name }) => name);
  return links.slice(0, MOST_LINKS).map((link) => linkLines(link).map((line) => `${link}\t${line}\n`).join("")).join(
    "",
  );
}

function linkLines(link: string): readonly string[] {
  const folder = `${NET}/${link}`;
  const below = new Set(entries(folder).map(({ name }) => name));
  const attributes = [
    ...ATTRIBUTES.filter((path) => below.has(path.split("/", 1)[0] ?? "")),
    ...(below.has("bonding") ? BONDING : []),
    ...(below.has("bridge") ? BRIDGE : []),
  ].flatMap((name) => {
    const value = lineOf(`${folder}/${name}`);
    return value === undefined || value === "" ? [] : [`${name}\t${value}`];
  });
  const device = pathOf(`${folder}/device`);
  const master = targetName(`${folder}/master`);
  const kind = /^DEVTYPE=(.+)$/m.exec(textOf(`${folder}/uevent`) ?? "")?.[1];
  return [
    ...attributes,
    ...(kind === undefined ? [] : [`devtype\t${kind}`]),
    ...(device === undefined ? [] : [`device\t${device}`]),
    ...(master === undefined ? [] : [`master\t${master}`]),
    ...(below.has("phy80211") || below.has("wireless") ? ["wireless\t1"] : []),
  ];
}

/** Name and address with its prefix, with a tab between, for each address. An IPv4 alias has its label as the name. */
export function networkAddresses(): string {
  return Deno.networkInterfaces().slice(0, 2 * MOST_LINKS).map(({ name, cidr }) => `${name}\t${cidr}\n`).join("");
}

function entries(folder: string): readonly Deno.DirEntry[] {
  try {
    return Array.from(Deno.readDirSync(folder)).toSorted((a, b) => compareText(a.name, b.name));
  } catch {
    return [];
  }
}

function lineOf(path: string): string | undefined {
  return textOf(path)?.split("\n", 1)[0]?.replaceAll("\t", " ").trim();
}

/** What a file of sysfs has; a link that is down has no carrier, which is EINVAL. */
function textOf(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

function targetName(link: string): string | undefined {
  try {
    return Deno.readLinkSync(link).split("/").at(-1);
  } catch {
    return undefined;
  }
}

function pathOf(link: string): string | undefined {
  try {
    const path = Deno.realPathSync(link);
    return path.startsWith("/sys/devices/") && !/[\t\n]/.test(path) ? path : undefined;
  } catch {
    return undefined;
  }
}
