import { BOND_STANDARDS } from "./bond_standards.ts";
import type { CarriedText } from "./carried_text.ts";
import {
  type CarriedLink,
  type CarriedRoute,
  defaultRoute,
  formatted,
  isDefault,
  type Selection,
} from "./selection.ts";

/** What systemd-networkd's files depend on besides the network. */
export interface NetworkdOptions {
  /** Whether the initrd has systemd-resolved, which takes the name servers from these files. */
  readonly hasResolved: boolean;
  readonly hostname?: string;
}

/**
 * Where the files lie. Of those that match a link, networkd and udev take the first by name, whatever its folder: `0--` sorts
 * before `00-` and `1-` (systemd.network(5)).
 */
const STEM = "/etc/systemd/network/0--warmboot-";

/** MTU of an Ethernet device, where nothing else is set. */
const ETHERNET_MTU = 1500;

/** The network as files for systemd-networkd and for udev, see systemd.network(5), systemd.netdev(5) and systemd.link(5). */
export function networkdFiles(network: Selection, { hasResolved, hostname }: NetworkdOptions): readonly CarriedText[] {
  const { links, nameServers, searchDomains } = network;
  const main = (defaultRoute(links, 4) ?? defaultRoute(links, 6))?.link ??
    links.find(({ addresses }) => addresses.length > 0);
  const files = links.flatMap((link) => [
    ...linkFile(link),
    ...netdevFile(link),
    // Those that are made here come first: a VLAN has the hardware address of its parent.
    file(
      `${link.link.kind === "ethernet" ? "wired" : "virtual"}-${link.name}.network`,
      networkUnit(link, network, link === main),
    ),
  ]);
  const resolver = [
    ...nameServers.map((server) => `nameserver ${server}`),
    ...(searchDomains.length === 0 ? [] : [`search ${searchDomains.join(" ")}`]),
  ];
  return [
    ...files,
    // Else the module makes a bond0 as it is loaded, whose mode and address networkd leaves as they are.
    ...(links.some(({ link }) => link.kind === "bond")
      ? [{ path: "/etc/modprobe.d/warmboot-bonding.conf", text: "options bonding max_bonds=0\n" }]
      : []),
    // sysinit.target is part of every start, whatever the initrd starts by default.
    {
      path: "/etc/systemd/system/sysinit.target.d/warmboot-network.conf",
      text: unit([["Unit", ["Wants=systemd-networkd.service"]]]),
    },
    ...(hasResolved || resolver.length === 0 ? [] : [{ path: "/etc/resolv.conf", text: `${resolver.join("\n")}\n` }]),
    ...(hostname === undefined ? [] : [{ path: "/etc/hostname", text: `${hostname}\n` }]),
  ];
}

function file(name: string, text: string): CarriedText {
  return { path: STEM + name, text };
}

/** The name of a device, by what its hardware says. */
function linkFile(link: CarriedLink): readonly CarriedText[] {
  if (link.permanentMac === undefined) return [];
  return [file(`${link.name}.link`, unit([["Match", hardware(link.permanentMac)], ["Link", [`Name=${link.name}`]]]))];
}

/** A VLAN has the address of its parent and may count as its hardware's; its type is not `ether`. */
function hardware(mac: string): readonly string[] {
  return [`PermanentMACAddress=${mac}`, "Type=ether"];
}

function netdevFile(link: CarriedLink): readonly CarriedText[] {
  const { name, link: kind, mac, mtu } = link;
  const head = (text: string): readonly string[] => [
    `Name=${name}`,
    `Kind=${text}`,
    ...(mtu === ETHERNET_MTU ? [] : [`MTUBytes=${mtu}`]),
    ...(mac === undefined || text === "vlan" ? [] : [`MACAddress=${mac}`]),
  ];
  switch (kind.kind) {
    case "ethernet":
      return [];
    case "vlan":
      return [file(`${name}.netdev`, unit([["NetDev", head("vlan")], ["VLAN", [`Id=${kind.id}`]]]))];
    case "bond":
      return [
        file(
          `${name}.netdev`,
          unit([["NetDev", head("bond")], ["Bond", [`Mode=${kind.mode}`, ...bondLines(kind.options)]]]),
        ),
      ];
    case "bridge":
      return [file(`${name}.netdev`, unit([["NetDev", head("bridge")], ["Bridge", bridgeLines(kind.options)]]))];
  }
}

type Options = { readonly [name: string]: string };

/** An option in sysfs, its key, and how the value is written there. */
type OptionRow = readonly [option: string, key: string, write?: (value: string) => string];

const milliseconds = (value: string): string => `${value}ms`;
const centiseconds = (value: string): string => `${Number(value) / 100}s`;
const yes = (value: string): string => value === "0" ? "no" : "yes";

const BOND: readonly OptionRow[] = [
  ["miimon", "MIIMonitorSec", milliseconds],
  ["updelay", "UpDelaySec", milliseconds],
  ["downdelay", "DownDelaySec", milliseconds],
  ["xmit_hash_policy", "TransmitHashPolicy"],
  ["lacp_rate", "LACPTransmitRate"],
  ["ad_select", "AdSelect"],
  ["primary_reselect", "PrimaryReselectPolicy"],
  ["fail_over_mac", "FailOverMACPolicy"],
  ["arp_interval", "ARPIntervalSec", milliseconds],
  ["arp_ip_target", "ARPIPTargets"],
  ["arp_validate", "ARPValidate"],
  ["min_links", "MinLinks"],
  ["all_slaves_active", "AllSlavesActive", yes],
];

/** What the options of a bridge are unless they are set (net/bridge/br_device.c); times in hundredths of a second. */
const BRIDGE_STANDARDS: ReadonlyMap<string, string> = new Map([
  ["forward_delay", "1500"],
  ["hello_time", "200"],
  ["max_age", "2000"],
  ["ageing_time", "30000"],
  ["priority", "32768"],
  ["vlan_filtering", "0"],
]);

const BRIDGE: readonly OptionRow[] = [
  ["forward_delay", "ForwardDelaySec", centiseconds],
  ["hello_time", "HelloTimeSec", centiseconds],
  ["max_age", "MaxAgeSec", centiseconds],
  ["ageing_time", "AgeingTimeSec", centiseconds],
  ["priority", "Priority"],
  ["vlan_filtering", "VLANFiltering", yes],
];

function bondLines(options: Options): readonly string[] {
  return optionLines(options, BOND, BOND_STANDARDS);
}

function bridgeLines(options: Options): readonly string[] {
  return [`STP=${yes(options.stp_state ?? "0")}`, ...optionLines(options, BRIDGE, BRIDGE_STANDARDS)];
}

function optionLines(
  options: Options,
  rows: readonly OptionRow[],
  standards: ReadonlyMap<string, string>,
): readonly string[] {
  return rows.flatMap(([option, key, write = (value) => value]) => {
    const value = options[option];
    return value === undefined || value === standards.get(option) || !/^[\w+.: -]+$/.test(value)
      ? []
      : [`${key}=${write(value)}`];
  });
}

function networkUnit(link: CarriedLink, network: Selection, isMain: boolean): string {
  const { links, nameServers, searchDomains } = network;
  const master = links.find(({ name }) => name === link.master);
  const isEthernet = link.link.kind === "ethernet";
  // A bond sets the address of its members.
  const mac = isEthernet && link.permanentMac === undefined && master?.link.kind !== "bond" ? link.mac : undefined;
  return unit([
    ["Match", isEthernet && link.permanentMac !== undefined ? hardware(link.permanentMac) : [`Name=${link.name}`]],
    ["Link", [
      ...(isEthernet && link.mtu !== ETHERNET_MTU ? [`MTUBytes=${link.mtu}`] : []),
      ...(mac === undefined ? [] : [`MACAddress=${mac}`]),
      ...(link.carrier ? [] : ["RequiredForOnline=no"]),
    ]],
    ["Network", [
      "DHCP=no",
      "IPv6AcceptRA=no",
      `LinkLocalAddressing=${link.hasLinkLocal ? "ipv6" : "no"}`,
      ...(master?.link.kind === "bond" ? [`Bond=${master.name}`] : []),
      ...(master?.link.kind === "bond" && master.link.options.primary === link.name ? ["PrimarySlave=yes"] : []),
      ...(master?.link.kind === "bridge" ? [`Bridge=${master.name}`] : []),
      ...links.flatMap((each) =>
        each.link.kind === "vlan" && each.link.parent === link.name ? [`VLAN=${each.name}`] : []
      ),
      ...link.addresses.map((each) => `Address=${formatted(each)}`),
      ...(isMain ? nameServers.map((server) => `DNS=${server}`) : []),
      ...(isMain && searchDomains.length > 0 ? [`Domains=${searchDomains.join(" ")}`] : []),
    ]],
    ...link.routes.map((route): Section => ["Route", routeLines(route)]),
  ]);
}

function routeLines(route: CarriedRoute): readonly string[] {
  const { destination, gateway, metric, onLink } = route;
  return [
    ...(isDefault(route) && gateway !== undefined ? [] : [`Destination=${destination}`]),
    ...(gateway === undefined ? [] : [`Gateway=${gateway}`]),
    ...(gateway === undefined && route.family === 4 ? ["Scope=link"] : []),
    ...(onLink ? ["GatewayOnLink=yes"] : []),
    ...(metric === 0 ? [] : [`Metric=${metric}`]),
  ];
}

type Section = readonly [name: string, lines: readonly string[]];

function unit(sections: readonly Section[]): string {
  return sections.filter(([, lines]) => lines.length > 0)
    .map(([name, lines]) => `[${name}]\n${lines.map((line) => `${line}\n`).join("")}`).join("\n");
}
