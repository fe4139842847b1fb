import type { NetworkFacts } from "../../src/host/network_facts.ts";

/** A network of one Ethernet link with an address and a default route. */
export const NETWORK: NetworkFacts = {
  links: [{
    name: "eth0",
    link: { kind: "ethernet" },
    mac: "52:54:00:12:34:56",
    permanentMac: "52:54:00:12:34:56",
    mtu: 1500,
    up: true,
    carrier: true,
    addresses: [{ family: 4, address: "10.0.2.77", prefix: 24 }],
  }],
  routes: [{ family: 4, destination: "0.0.0.0/0", gateway: "10.0.2.2", metric: 0, link: "eth0" }],
  tables: [],
  nameServers: [],
  searchDomains: [],
};
