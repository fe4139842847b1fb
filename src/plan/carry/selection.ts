import { formatIpAddress, networkOf, parseIpAddress } from "../../core/ip_address.ts";
import { listed } from "../../core/text.ts";
import type { LinkKind, NetworkAddress, NetworkFacts, NetworkLink, NetworkRoute } from "../../host/network_facts.ts";

/** A link that the next initrd makes or finds, and configures. */
export interface CarriedLink {
  readonly name: string;
  readonly link: Exclude<LinkKind, { readonly kind: "loopback" | "other" }>;
  /** The hardware address that it has now. */
  readonly mac?: string;
  /** By which the next initrd finds a device; undefined: by its name. */
  readonly permanentMac?: string;
  /** Bytes. */
  readonly mtu: number;
  readonly carrier: boolean;
  /** Whether it has an IPv6 link-local address. */
  readonly hasLinkLocal: boolean;
  /** The bond or bridge that it is a member of; that one is carried too. */
  readonly master?: string;
  /** The addresses that are carried. */
  readonly addresses: readonly NetworkAddress[];
  /** The routes that lead through it. */
  readonly routes: readonly CarriedRoute[];
}

/** A route of a link. */
export interface CarriedRoute extends NetworkRoute {
  /** Whether its gateway is in none of the networks of the link. */
  readonly onLink: boolean;
}

/** What of the running network can be carried, whatever the initrd is. */
export interface Selection {
  /** Members before their bond or bridge, parents before their VLANs. */
  readonly links: readonly CarriedLink[];
  readonly nameServers: readonly string[];
  readonly searchDomains: readonly string[];
  /** What is not carried, and why, each in a sentence without a period. */
  readonly omitted: readonly string[];
}

/** Names that need no quotes in any of the files, as the kernel's drivers and udev make them. */
const PLAIN_NAME = /^[A-Za-z0-9][\w.@+-]{0,14}$/;

/** Chooses the links that have addresses or routes, and those that they lie on. */
export function selectNetwork(facts: NetworkFacts): Selection {
  const { links, routes = [] } = facts;
  const byName = new Map(links.map((link) => [link.name, link]));
  const through = Map.groupBy(routes, ({ link }) => link);
  const kept = new Map<string, NetworkLink>();
  const omitted: string[] = [];
  for (const link of links) {
    if (link.link.kind === "loopback") {
      omitted.push(...link.addresses.filter(isExtra).map((each) => `${formatted(each)} on ${link.name}`));
      continue;
    }
    const isUsed = usable(link.addresses).length > 0 || through.has(link.name);
    if (!link.up || !isUsed) continue;
    const { below, why } = stack(link, byName, []);
    if (why !== undefined) omitted.push(`${described(link)}: ${why}`);
    else for (const each of below) kept.set(each.name, each);
  }
  const chosen = [...kept.values()].map((link) => carried(link, kept, through.get(link.name) ?? []));
  for (const link of chosen) omitted.push(...leftOut(link, byName, kept));
  for (const route of routes) {
    if (route.link === undefined) omitted.push(`the route that refuses ${route.destination}`);
    else if (route.from !== undefined && kept.has(route.link)) {
      omitted.push(`the route to ${route.destination} for packets from ${route.from}`);
    } else if (route.hasIpv6Gateway && kept.has(route.link)) {
      omitted.push(`the route to ${route.destination}, whose gateway is an IPv6 address that this host does not show`);
    }
  }
  if (facts.tables.length > 0) {
    omitted.push(`the rules of policy routing, and its tables ${listed(facts.tables.map(String))}`);
  }
  const nameServers = facts.nameServers.filter((server) => whyNoServer(server, kept) === undefined);
  omitted.push(...facts.nameServers.flatMap((server) => whyNoServer(server, kept) ?? []));
  return { links: chosen, nameServers, searchDomains: facts.searchDomains, omitted: [...new Set(omitted)] };
}

/** A link and what it lies on, in the order in which they can be made; or why it cannot be carried. */
function stack(
  link: NetworkLink,
  byName: ReadonlyMap<string, NetworkLink>,
  above: readonly string[],
): { readonly below: readonly NetworkLink[]; readonly why?: string } {
  const refused = (why: string) => ({ below: [], why });
  if (!PLAIN_NAME.test(link.name)) {
    return refused("its name has characters that files of the initrd would need quotes for");
  }
  if (above.includes(link.name)) return refused("it lies on itself");
  const next = [...above, link.name];
  switch (link.link.kind) {
    case "loopback":
      return refused("it is the loopback device");
    case "other":
      return refused(`it is ${link.link.what}`);
    case "ethernet": {
      const master = link.master === undefined ? undefined : byName.get(link.master);
      const isFree = master === undefined || above.includes(master.name) || master.link.kind === "ethernet";
      return isFree ? { below: [link] } : refused(`it is a member of ${master.name}`);
    }
    case "vlan": {
      const parent = byName.get(link.link.parent);
      if (parent === undefined) return refused(`its parent ${link.link.parent} is unknown`);
      const { below, why } = stack(parent, byName, next);
      return why === undefined ? { below: [...below, link] } : refused(`it lies on ${parent.name}, and ${why}`);
    }
    case "bond":
    case "bridge": {
      const members = membersOf(link.name, byName).flatMap((member) => {
        const { below, why } = stack(member, byName, next);
        return why === undefined ? below : [];
      });
      return members.length === 0
        ? refused(`it is a ${link.link.kind} without a member that can be carried`)
        : { below: [...members, link] };
    }
  }
}

function membersOf(master: string, byName: ReadonlyMap<string, NetworkLink>): readonly NetworkLink[] {
  return [...byName.values()].filter((link) => link.master === master);
}

function carried(
  link: NetworkLink,
  kept: ReadonlyMap<string, NetworkLink>,
  routes: readonly NetworkRoute[],
): CarriedLink {
  const { name, link: kind, mac, permanentMac, mtu, carrier, master, addresses } = link;
  if (kind.kind === "loopback" || kind.kind === "other") throw new Error(`${name} cannot be carried`);
  const own = usable(addresses);
  return {
    name,
    link: kind,
    ...(mac === undefined ? {} : { mac }),
    ...(permanentMac === undefined || kind.kind !== "ethernet" ? {} : { permanentMac }),
    mtu,
    carrier,
    hasLinkLocal: addresses.some(isLinkLocal),
    ...(master === undefined || !kept.has(master) || kept.get(master)?.link.kind === "ethernet" ? {} : { master }),
    addresses: own,
    routes: routes.filter(({ from, hasIpv6Gateway }) => from === undefined && hasIpv6Gateway !== true).map((route) => ({
      ...route,
      onLink: isOnLink(route, own),
    })),
  };
}

/** What of a carried link is left out. */
function leftOut(
  { name, link, addresses }: CarriedLink,
  byName: ReadonlyMap<string, NetworkLink>,
  kept: ReadonlyMap<string, NetworkLink>,
): readonly string[] {
  const all = byName.get(name)?.addresses ?? [];
  const lost = all.filter((each) => !addresses.includes(each) && !isLinkLocal(each));
  const members = link.kind === "bond" || link.kind === "bridge"
    ? membersOf(name, byName).filter((member) => !kept.has(member.name)).map((member) => member.name)
    : [];
  return [
    ...lost.map((each) => `${formatted(each)} on ${name}: it is ${stateText(each)}`),
    ...(members.length === 0 ? [] : [`the members ${someOf(members)} of ${name}, which are not Ethernet devices`]),
    ...(link.kind === "bridge" && (link.options.vlan_filtering ?? "0") !== "0"
      ? [`the VLANs of the ports of ${name}`]
      : []),
  ];
}

function stateText({ state }: NetworkAddress): string {
  if (state?.temporary === true) return "temporary, and another one replaces it";
  return state?.deprecated === true ? "deprecated" : "not usable";
}

/** Some of many names. */
function someOf(names: readonly string[]): string {
  return names.length > 4 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : listed(names);
}

/** Addresses of the link itself, which are not made again by the kernel. */
function usable(addresses: readonly NetworkAddress[]): readonly NetworkAddress[] {
  return addresses.filter((each) =>
    !isLinkLocal(each) && each.state?.temporary !== true && each.state?.deprecated !== true &&
    each.state?.unusable !== true
  );
}

function isLinkLocal({ address, family }: NetworkAddress): boolean {
  return family === 6 && /^fe[89ab]/.test(address);
}

/** Whether an address of the loopback device is one that the kernel does not give it by itself. */
function isExtra({ address }: NetworkAddress): boolean {
  return !address.startsWith("127.") && address !== "::1";
}

function isOnLink({ family, gateway }: NetworkRoute, addresses: readonly NetworkAddress[]): boolean {
  const target = gateway === undefined ? undefined : parseIpAddress(gateway);
  if (target === undefined || isLinkLocal({ address: gateway ?? "", family, prefix: 0 })) return false;
  return !addresses.some(({ address, prefix, family: own }) => {
    const parsed = parseIpAddress(address);
    return own === family && parsed !== undefined &&
      networkOf(parsed, prefix).value === networkOf(target, prefix).value;
  });
}

/** Why a name server is not carried. */
function whyNoServer(server: string, kept: ReadonlyMap<string, unknown>): string | undefined {
  const [address = "", zone] = server.split("%");
  const parsed = parseIpAddress(address);
  if (parsed === undefined) return `the name server ${server}`;
  if (parsed.family === 4 ? parsed.value >> 24n === 127n : parsed.value === 1n) {
    return `the name server ${formatIpAddress(parsed)}, which runs on this host`;
  }
  return zone !== undefined && !kept.has(zone)
    ? `the name server ${server}, which is on a link that is not carried`
    : undefined;
}

/** A link and its addresses. */
export function described({ name, addresses }: Pick<NetworkLink, "name" | "addresses">): string {
  const own = usable(addresses).map(formatted);
  return own.length === 0 ? name : `${name} (${someOf(own)})`;
}

/** An address with its prefix. */
export function formatted({ address, prefix }: Pick<NetworkAddress, "address" | "prefix">): string {
  return `${address}/${prefix}`;
}

/** The default route of a family that is preferred, and its link. */
export function defaultRoute(
  links: readonly CarriedLink[],
  family: 4 | 6,
): { readonly link: CarriedLink; readonly route: CarriedRoute } | undefined {
  const found = links.flatMap((link) =>
    link.routes.filter((route) => route.family === family && isDefault(route)).map((route) => ({ link, route }))
  );
  return found.toSorted((a, b) => a.route.metric - b.route.metric)[0];
}

/** Whether a route is for every destination. */
export function isDefault({ destination }: NetworkRoute): boolean {
  return destination === "0.0.0.0/0" || destination === "::/0";
}

/** A route of a link, for a sentence. */
export function routeText({ name }: Pick<CarriedLink, "name">, route: CarriedRoute): string {
  const { destination, gateway, metric } = route;
  const via = gateway === undefined ? "" : ` through ${gateway}`;
  return isDefault(route)
    ? `the default route${via} on ${name}${metric === 0 ? "" : ` with metric ${metric}`}`
    : `the route to ${destination}${via} on ${name}`;
}
