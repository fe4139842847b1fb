import { netmask } from "../../core/ip_address.ts";
import type { ToolFiles } from "./carried_text.ts";
import { type CarriedLink, defaultRoute, formatted, routeText, type Selection } from "./selection.ts";

/** init reads the files of this folder before the command line, in this order (init of initramfs-tools 0.142 and 0.148). */
const PATH = "/conf/conf.d/zz-warmboot-network";

/** MTU of an Ethernet device, where nothing else is set. */
const ETHERNET_MTU = 1500;

/**
 * The network for initramfs-tools: `IP` is what `ip=` sets, and `BOOTIF` finds the device by its hardware address
 * (configure_networking in scripts/functions, which runs klibc's ipconfig). One Ethernet device and one IPv4 address.
 */
export function initramfsToolsFiles(network: Selection, { hostname }: { readonly hostname?: string }): ToolFiles {
  const { links, nameServers, searchDomains } = network;
  const candidates = links.filter((link) => link.link.kind === "ethernet" && ipv4Of(link) !== undefined);
  const preferred = defaultRoute(links, 4)?.link;
  const chosen = candidates.find((link) => link === preferred) ?? candidates[0];
  const address = chosen === undefined ? undefined : ipv4Of(chosen);
  if (chosen === undefined || address === undefined) {
    return {
      files: [],
      omitted: links.flatMap((link) => lost(link, undefined)),
    };
  }
  const { name, permanentMac } = chosen;
  const found = defaultRoute([chosen], 4)?.route;
  const usable = found?.gateway !== undefined && !found.onLink ? found : undefined;
  const ip = [
    address.address,
    "",
    usable?.gateway ?? "",
    netmask(address.prefix),
    hostname ?? "",
    permanentMac === undefined ? name : "",
    "off",
  ].join(":");
  const lines = [
    `IP=${ip}`,
    // The first two digits are the kind of link: 01 is Ethernet.
    ...(permanentMac === undefined ? [] : [`BOOTIF=01-${permanentMac.replaceAll(":", "-")}`]),
  ];
  // ipconfig refuses `ip=` with name servers.
  const resolver = [
    ...nameServers.map((server) => `nameserver ${server}`),
    ...(searchDomains.length === 0 ? [] : [`search ${searchDomains.join(" ")}`]),
  ];
  return {
    files: [
      { path: PATH, text: `${lines.join("\n")}\n` },
      ...(permanentMac === undefined ? [] : [{
        path: `/etc/systemd/network/0--warmboot-${name}.link`,
        text: `[Match]\nPermanentMACAddress=${permanentMac}\nType=ether\n\n[Link]\nName=${name}\n`,
      }]),
      ...(resolver.length === 0 ? [] : [{ path: "/etc/resolv.conf", text: `${resolver.join("\n")}\n` }]),
    ],
    omitted: [
      ...links.flatMap((link) => lost(link, link === chosen ? address.address : undefined)),
      ...chosen.routes.filter((route) => route !== usable).map((route) => routeText(chosen, route)),
      ...(chosen.mtu === ETHERNET_MTU ? [] : [`the MTU of ${name}, ${chosen.mtu}`]),
      ...(permanentMac === undefined && chosen.mac !== undefined
        ? [`the hardware address of ${name}, ${chosen.mac}`]
        : []),
    ],
  };
}

function ipv4Of({ addresses }: CarriedLink) {
  return addresses.find(({ family }) => family === 4);
}

/** What ipconfig cannot do of a link. */
function lost({ name, link, addresses }: CarriedLink, kept: string | undefined): readonly string[] {
  const others = addresses.filter(({ address }) => address !== kept);
  if (link.kind !== "ethernet") {
    const list = others.map(formatted).join(", ");
    return [
      `${name}${list === "" ? "" : ` (${list})`}: initramfs-tools has no ${
        link.kind === "vlan" ? "VLANs" : `${link.kind}s`
      }`,
    ];
  }
  return others.map((each) =>
    `${formatted(each)} on ${name}: initramfs-tools configures ${each.family === 6 ? "IPv4 only" : "one address"}`
  );
}
