import { netmask } from "../../core/ip_address.ts";
import { listed } from "../../core/text.ts";
import type { NetworkAddress } from "../../host/network_facts.ts";
import { BOND_STANDARDS } from "./bond_standards.ts";
import type { ToolFiles } from "./carried_text.ts";
import {
  type CarriedLink,
  defaultRoute,
  described,
  formatted,
  isDefault,
  routeText,
  type Selection,
} from "./selection.ts";

/**
 * Which of dracut's modules reads its parameters: scripts of its own, which take one `ip=` for each link
 * (parse-ip-opts.sh), or nm-initrd-generator of NetworkManager.
 */
export type DracutModule = "network-legacy" | "NetworkManager";

/** Files of this folder are read together with the command line (getcmdline in dracut-lib.sh, dracut 059 and 110). */
const PATH = "/etc/cmdline.d/99-warmboot-network.conf";

/** MTU of an Ethernet device, where nothing else is set. */
const ETHERNET_MTU = 1500;

/** The network as parameters of dracut, see dracut.cmdline(7): a file of the initrd, since the kernel's line is short. */
export function dracutFiles(
  network: Selection,
  module: DracutModule,
  { hasIfname, hostname }: { readonly hasIfname: boolean; readonly hostname?: string },
): ToolFiles {
  const omitted: string[] = [];
  const made = madeLinks(network.links, module, omitted);
  const known = network.links.filter(({ name }) => made.has(name));
  const addressed = known.filter(({ addresses }) => addresses.length > 0);
  const main = (defaultRoute(known, 4) ?? defaultRoute(known, 6))?.link ?? addressed[0];
  const taken = (link: CarriedLink): readonly NetworkAddress[] => {
    if (module === "NetworkManager") return link.addresses;
    const first = link.addresses.find(({ family }) => family === 4) ?? link.addresses[0];
    return first === undefined ? [] : [first];
  };
  const ips = addressed.flatMap((link) =>
    taken(link).map((address, index) =>
      ipParameter(link, address, known, link === main && index === 0 ? hostname : undefined)
    )
  );
  omitted.push(...addressed.flatMap((link) =>
    link.addresses.filter((each) => !taken(link).includes(each))
      .map((each) => `${formatted(each)} on ${link.name}: network-legacy takes one address for each link`)
  ));
  const bare = known.filter((link) => link.addresses.length === 0 && !isMemberOfBond(link, known));
  if (module === "network-legacy") omitted.push(...bare.flatMap(leftOut));
  const settings = module === "network-legacy" ? [] : bare.flatMap((link) => {
    const own = ownSettings(link, known);
    return own.length === 0 ? [] : [[`ip=${link.name}`, "none", ...own].join(":")];
  });
  const names = known.flatMap(({ name, permanentMac }) => permanentMac === undefined ? [] : [[name, permanentMac]]);
  if (!hasIfname && names.length > 0) {
    const list = listed(names.map(([name = ""]) => name));
    omitted.push(
      `the ${
        names.length === 1 ? "name" : "names"
      } ${list}: the initrd lacks dracut's module network, which reads \`ifname=\``,
    );
  }
  const lines = ips.length === 0 ? [] : [
    ...names.map((words) => `ifname=${words.join(":")}`),
    ...known.flatMap((link) => made.get(link.name) ?? []),
    ...settings,
    ...ips,
    ...(main !== undefined && addressed.length > 1 ? [`bootdev=${main.name}`] : []),
    ...addressed.flatMap((link) => routeParameters(link, taken(link), known, omitted)),
    ...network.nameServers.filter((server) => !server.includes("%")).map((server) => `nameserver=${server}`),
    "rd.neednet=1",
  ];
  omitted.push(
    ...network.nameServers.filter((server) => server.includes("%")).map((server) => `the name server ${server}`),
    ...(network.searchDomains.length === 0
      ? []
      : [`the search domains ${listed(network.searchDomains)}: dracut has no parameter for them`]),
  );
  return { files: lines.length === 0 ? [] : [{ path: PATH, text: `${lines.join("\n")}\n` }], omitted };
}

/** What makes each link that can be made; none for a device. */
function madeLinks(
  links: readonly CarriedLink[],
  module: DracutModule,
  omitted: string[],
): ReadonlyMap<string, readonly string[]> {
  const made = new Map<string, readonly string[]>();
  // Members and parents come first.
  for (const link of links) {
    const members = links.filter(({ master, name }) => master === link.name && made.has(name)).map(({ name }) => name);
    const { name, link: kind } = link;
    switch (kind.kind) {
      case "ethernet":
        made.set(name, []);
        break;
      case "vlan":
        if (!made.has(kind.parent)) omitted.push(`${described(link)}, which lies on ${kind.parent}`);
        else if (vlanIdOf(name) !== kind.id) {
          omitted.push(
            `${name}: dracut reads the identifier of a VLAN, ${kind.id}, from its name, as in vlan${kind.id}`,
          );
        } else made.set(name, [`vlan=${name}:${kind.parent}`]);
        break;
      case "bond": {
        const options = [`mode=${kind.mode}`, ...bondOptions(name, kind, module, omitted)];
        const mtu = link.mtu === ETHERNET_MTU ? "" : `:${link.mtu}`;
        if (members.length > 0) made.set(name, [`bond=${name}:${members.join(",")}:${options.join(",")}${mtu}`]);
        break;
      }
      case "bridge":
        if (members.length === 0) break;
        made.set(name, [`bridge=${name}:${members.join(",")}`]);
        if ((kind.options.stp_state ?? "0") !== "0") omitted.push(`STP of ${name}: bridges of dracut run without it`);
    }
    if (!made.has(name) && kind.kind !== "vlan") omitted.push(`${described(link)}, whose members are not carried`);
  }
  return made;
}

/**
 * The options of a bond that are not what the kernel sets by itself. The kernel keeps options that have no effect.
 * NetworkManager refuses a bond that has one of them (verify in nm-setting-bond.c, 1.42 and 1.52).
 */
function bondOptions(
  bond: string,
  { mode, options }: Extract<CarriedLink["link"], { readonly kind: "bond" }>,
  module: DracutModule,
  omitted: string[],
): readonly string[] {
  const { arp_ip_target: list = "", ...others } = options;
  const targets = list.split(" ").filter((each) => /^[\d.]+$/.test(each));
  const asksTargets = (options.arp_interval ?? "0") !== "0";
  const [target, ...further] = asksTargets ? targets : [];
  const hasEffect = (option: string): boolean => {
    if (option.startsWith("arp_")) return target !== undefined;
    if (option === "lacp_rate") return mode === "802.3ad";
    return option !== "primary" || ["active-backup", "balance-tlb", "balance-alb"].includes(mode);
  };
  const made = Object.entries(others).filter(isSet).filter(([option]) => hasEffect(option)).map((each) =>
    each.join("=")
  );
  if (target === undefined) {
    if (asksTargets) omitted.push(`the ARP monitoring of ${bond}, which has no IPv4 target`);
    return made;
  }
  if (module === "network-legacy") return [...made, `arp_ip_target=${targets.join(";")}`];
  if (further.length > 0) {
    omitted.push(`the ARP targets ${listed(further)} of ${bond}: NetworkManager before 1.52 reads a single one`);
  }
  return [...made, `arp_ip_target=${target}`];
}

/** Whether an option of a bond is not what the kernel sets by itself. */
function isSet([option, value]: readonly [string, string]): boolean {
  return value !== BOND_STANDARDS.get(option) && /^[\w+.-]+$/.test(value);
}

/** As get_vid in ifup.sh of network-legacy, and as NetworkManager for such names. */
function vlanIdOf(name: string): number | undefined {
  const id = /^(?:vlan|.*\.)(\d{1,4})$/.exec(name)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** `ip=ADDRESS::GATEWAY:MASK:HOST:LINK:none:MTU:MAC`. */
function ipParameter(
  link: CarriedLink,
  { address, prefix, family }: NetworkAddress,
  links: readonly CarriedLink[],
  hostname: string | undefined,
): string {
  const found = defaultRoute(links, family);
  const gateway = found?.link === link ? found.route.gateway : undefined;
  return [
    `ip=${bracketed(address)}`,
    "",
    gateway === undefined ? "" : bracketed(gateway),
    family === 4 ? netmask(prefix) : String(prefix),
    hostname ?? "",
    link.name,
    "none",
    ...ownSettings(link, links),
  ].join(":");
}

/** `MTU:MAC`, or as much of it as is not standard. */
function ownSettings(link: CarriedLink, links: readonly CarriedLink[]): readonly string[] {
  const mac = ownMac(link, links);
  const mtu = link.mtu === ETHERNET_MTU ? "" : String(link.mtu);
  return mac === undefined ? mtu === "" ? [] : [mtu] : [mtu, mac];
}

/** The hardware address that a link has to be given: a device has its own, a VLAN that of its parent. */
function ownMac(link: CarriedLink, links: readonly CarriedLink[]): string | undefined {
  const { link: kind, mac, permanentMac } = link;
  switch (kind.kind) {
    case "ethernet":
      return permanentMac === undefined && !isMemberOfBond(link, links) ? mac : undefined;
    case "vlan":
      return undefined;
    case "bond":
      // It has that of the active member then, and no other can be set.
      return kind.options.fail_over_mac === "active" ? undefined : mac;
    case "bridge":
      // By itself it would get one at random, or that of udev's MACAddressPolicy.
      return mac;
  }
}

/** Whether a bond gives the link its MTU and its hardware address. */
function isMemberOfBond({ master }: CarriedLink, links: readonly CarriedLink[]): boolean {
  return links.some(({ name, link }) => name === master && link.kind === "bond");
}

/** What network-legacy sets only together with an address; a bond is made with its MTU. */
function leftOut({ name, link, mtu, mac, permanentMac }: CarriedLink): readonly string[] {
  const why = "network-legacy sets it only together with an address";
  return [
    ...(mtu === ETHERNET_MTU || link.kind === "bond" ? [] : [`the MTU of ${name}, ${mtu}: ${why}`]),
    ...(link.kind !== "ethernet" || permanentMac !== undefined || mac === undefined
      ? []
      : [`the hardware address of ${name}, ${mac}: ${why}`]),
  ];
}

function routeParameters(
  link: CarriedLink,
  addresses: readonly NetworkAddress[],
  links: readonly CarriedLink[],
  omitted: string[],
): readonly string[] {
  const families = new Set(addresses.map(({ family }) => family));
  return link.routes.flatMap((route) => {
    const { destination, gateway, family, onLink } = route;
    // It is found by a route of its own, which is there before the gateway is used for the second time (setup_net).
    const toGateway = onLink && gateway !== undefined && !link.routes.some((each) =>
        each.destination === hostRoute(gateway)
      )
      ? [`rd.route=${bracketed(hostRoute(gateway))}::${link.name}`]
      : [];
    if (!isDefault(route) && families.has(family)) {
      const via = gateway === undefined ? "" : bracketed(gateway);
      return [...toGateway, `rd.route=${bracketed(destination)}:${via}:${link.name}`];
    }
    const best = defaultRoute(links, family);
    if (best?.route === route && gateway !== undefined && families.has(family)) return toGateway;
    omitted.push(routeText(link, route));
    return [];
  });
}

function hostRoute(gateway: string): string {
  return `${gateway}/${gateway.includes(":") ? 128 : 32}`;
}

function bracketed(text: string): string {
  return text.includes(":") ? `[${text}]` : text;
}
