/** An address family. */
export type Family = 4 | 6;

/** An address of a link. */
export interface NetworkAddress {
  /** Its family. */
  readonly family: Family;
  /** As text: `10.0.2.77`, `fe80::1`. */
  readonly address: string;
  /** Bits of the prefix. */
  readonly prefix: number;
  /** IPv6: what the kernel says of it; IPv4 addresses show no such thing in /proc. */
  readonly state?: AddressState;
}

/** IFA_F_ flags of an IPv6 address (include/uapi/linux/if_addr.h), as far as /proc/net/if_inet6 shows them. */
export interface AddressState {
  /** Made for privacy; replaced by another one in time. */
  readonly temporary: boolean;
  /** It must not be used for new connections. */
  readonly deprecated: boolean;
  /** Not usable yet, or found to be in use by another host. */
  readonly unusable: boolean;
  /** Valid for ever: set by hand, not learned from a router or DHCP. */
  readonly permanent: boolean;
}

/** What a link is, as far as sysfs shows it. */
export type LinkKind =
  | { readonly kind: "loopback" }
  /** An Ethernet device, physical or of a virtual machine. */
  | { readonly kind: "ethernet" }
  | { readonly kind: "vlan"; readonly parent: string; readonly id: number }
  | { readonly kind: "bond"; readonly mode: string; readonly options: { readonly [name: string]: string } }
  | { readonly kind: "bridge"; readonly options: { readonly [name: string]: string } }
  /** Anything else; `what` completes "it is …". */
  | { readonly kind: "other"; readonly what: string };

/** A network link of the host. */
export interface NetworkLink {
  /** Its name: `eth0`. */
  readonly name: string;
  /** What it is. */
  readonly link: LinkKind;
  /** Its hardware address, lower case; undefined where it has none of 6 bytes. */
  readonly mac?: string;
  /** The address that its hardware has; undefined where that is unknown, or made up at each boot. */
  readonly permanentMac?: string;
  /** Bytes. */
  readonly mtu: number;
  /** Whether it is set up (IFF_UP). */
  readonly up: boolean;
  /** Whether it has a carrier. */
  readonly carrier: boolean;
  /** The bond or bridge that it is a member of. */
  readonly master?: string;
  /** Its addresses, in the kernel's order. */
  readonly addresses: readonly NetworkAddress[];
}

/** A route of the main table. */
export interface NetworkRoute {
  /** The family. */
  readonly family: Family;
  /** The destination with its prefix, `0.0.0.0/0` for the default. */
  readonly destination: string;
  /** Undefined: the destination is on the link, or `hasIpv6Gateway`. */
  readonly gateway?: string;
  /** IPv4: its gateway is an IPv6 address, which /proc/net/route does not show. */
  readonly hasIpv6Gateway?: true;
  /** As /proc has it; less is preferred. */
  readonly metric: number;
  /** The link; undefined for a route that refuses. */
  readonly link?: string;
  /** IPv6: it is only for packets from this prefix. */
  readonly from?: string;
}

/** The network of a running host. */
export interface NetworkFacts {
  /** Its links, by number. */
  readonly links: readonly NetworkLink[];
  /** The routes of both families, without those that the kernel makes for addresses. Undefined: there are too many to read. */
  readonly routes?: readonly NetworkRoute[];
  /** The IPv4 tables of policy routing, other than main, local and default. */
  readonly tables: readonly number[];
  /** The name servers, by the resolver's configuration. */
  readonly nameServers: readonly string[];
  /** The search domains. */
  readonly searchDomains: readonly string[];
}
