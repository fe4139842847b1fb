import { assertEquals } from "@std/assert";
import type { NetworkAddress, NetworkFacts, NetworkLink, NetworkRoute } from "../../../src/host/network_facts.ts";
import { type CarriedNetwork, carriedNetwork } from "../../../src/plan/carry/carry.ts";
import { carriedFiles, plannedCarry } from "../../../src/plan/carry/planned_carry.ts";
import { hostFacts } from "../../support/host_facts.ts";
import { initrdFile, wholeInitrd } from "../../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const SETTLED = { temporary: false, deprecated: false, unusable: false, permanent: true };

function addresses(...texts: readonly string[]): readonly NetworkAddress[] {
  return texts.map((text) => {
    const [address = "", prefix] = text.split("/");
    return address.includes(":")
      ? { family: 6, address, prefix: Number(prefix), state: SETTLED }
      : { family: 4, address, prefix: Number(prefix) };
  });
}

function device(name: string, of: Partial<NetworkLink> = {}): NetworkLink {
  const mac = `52:54:00:00:00:0${name.at(-1)}`;
  return {
    name,
    link: { kind: "ethernet" },
    mac,
    permanentMac: mac,
    mtu: 1500,
    up: true,
    carrier: true,
    addresses: [],
    ...of,
  };
}

/** A device whose hardware address was set by a program: what it was before is not shown. */
function changed({ permanentMac: _unknown, ...link }: NetworkLink): NetworkLink {
  return link;
}

function made(name: string, link: NetworkLink["link"], of: Partial<NetworkLink> = {}): NetworkLink {
  return { name, link, mac: "02:00:00:00:00:aa", mtu: 1500, up: true, carrier: true, addresses: [], ...of };
}

function route(text: string, link: string, metric = 0): NetworkRoute {
  const [destination = "", gateway] = text.split(" ");
  const family = destination.includes(":") ? 6 : 4;
  return { family, destination, ...(gateway === undefined ? {} : { gateway }), metric, link };
}

const NONE: NetworkFacts = { links: [], routes: [], tables: [], nameServers: [], searchDomains: [] };

/** As with QEMU's user network. */
const SIMPLE: NetworkFacts = {
  links: [
    { ...device("lo", { link: { kind: "loopback" } }), addresses: addresses("127.0.0.1/8", "::1/128") },
    device("eth0", { addresses: addresses("10.0.2.77/24", "fec0::77/64", "fe80::5054:ff:fe00:0/64") }),
  ],
  routes: [route("0.0.0.0/0 10.0.2.2", "eth0"), route("::/0 fec0::2", "eth0", 1024)],
  tables: [],
  nameServers: ["10.0.2.3"],
  searchDomains: ["example.org"],
};

const NETWORKD = ["/usr/lib/systemd/systemd-networkd"];
const IFNAME = "/usr/lib/dracut/hooks/pre-udev/50-ifname-genrules.sh";
const LEGACY = ["/usr/lib/dracut-lib.sh", IFNAME, "/sbin/ifup"];
const MANAGER = ["/usr/lib/dracut-lib.sh", IFNAME, "/usr/libexec/nm-initrd-generator"];
const TOOLS = ["/scripts/functions"];

function carry(network: NetworkFacts | undefined, files: readonly string[], hostname = "web1"): CarriedNetwork {
  const programs = Object.fromEntries(files.map((path) => [path, "executable"] as const));
  return carriedNetwork([{ programs }], { hostname, ...(network === undefined ? {} : { network }) });
}

/** The files by their name, and what is not carried. */
function result(carried: CarriedNetwork) {
  if (carried.kind === "refused") return carried.why;
  const files = Object.fromEntries(carried.files.map(({ path, text }) => [path.split("/").at(-1) ?? path, text]));
  return { files, omitted: carried.omitted };
}

pure("networkd gets a name, addresses, routes and name servers for each device", () => {
  const carried = carry(SIMPLE, NETWORKD);
  assertEquals(carried.kind === "carried" ? carried.files : carried.why, [
    {
      path: "/etc/systemd/network/0--warmboot-eth0.link",
      text: "[Match]\nPermanentMACAddress=52:54:00:00:00:00\nType=ether\n\n[Link]\nName=eth0\n",
    },
    {
      path: "/etc/systemd/network/0--warmboot-wired-eth0.network",
      text: [
        "[Match]",
        "PermanentMACAddress=52:54:00:00:00:00",
        "Type=ether",
        "",
        "[Network]",
        "DHCP=no",
        "IPv6AcceptRA=no",
        "LinkLocalAddressing=ipv6",
        "Address=10.0.2.77/24",
        "Address=fec0::77/64",
        "DNS=10.0.2.3",
        "Domains=example.org",
        "",
        "[Route]",
        "Gateway=10.0.2.2",
        "",
        "[Route]",
        "Gateway=fec0::2",
        "Metric=1024",
        "",
      ].join("\n"),
    },
    {
      path: "/etc/systemd/system/sysinit.target.d/warmboot-network.conf",
      text: "[Unit]\nWants=systemd-networkd.service\n",
    },
    { path: "/etc/resolv.conf", text: "nameserver 10.0.2.3\nsearch example.org\n" },
    { path: "/etc/hostname", text: "web1\n" },
  ]);
  assertEquals(carried.kind === "carried" ? [carried.tool, carried.omitted] : [], ["systemd-networkd", []]);
});

pure("where systemd-resolved answers in the initrd, resolv.conf is left to it", () => {
  const carried = carry(SIMPLE, [...NETWORKD, "/usr/lib/systemd/systemd-resolved"], "not a name");
  assertEquals(carried.kind === "carried" ? carried.files.map(({ path }) => path.split("/").at(-1)) : [], [
    "0--warmboot-eth0.link",
    "0--warmboot-wired-eth0.network",
    "warmboot-network.conf",
  ]);
});

/** VLANs on a bond of two devices, one in a bridge with a machine's port; a tunnel, and a device that is not used. */
const STACKED: NetworkFacts = {
  links: [
    device("eth0", { master: "bond0", mac: "02:00:00:00:00:aa", mtu: 9000 }),
    device("eth1", { master: "bond0", mac: "02:00:00:00:00:aa", mtu: 9000, carrier: false }),
    device("eth2"),
    made("bond0", {
      kind: "bond",
      mode: "active-backup",
      options: {
        miimon: "100",
        updelay: "0",
        primary: "eth1",
        xmit_hash_policy: "layer2",
        arp_ip_target: "10.0.0.1 10.0.0.2",
      },
    }, { mtu: 9000 }),
    made("bond0.10", { kind: "vlan", parent: "bond0", id: 10 }, { addresses: addresses("10.1.0.5/16") }),
    made("lan", { kind: "vlan", parent: "bond0", id: 20 }, { master: "br0" }),
    made("br0", { kind: "bridge", options: { stp_state: "1", forward_delay: "400", vlan_filtering: "1" } }, {
      addresses: addresses("192.168.1.1/24"),
    }),
    made("vnet0", { kind: "other", what: "a TUN or TAP device of a program" }, { master: "br0" }),
    made("docker0", { kind: "bridge", options: {} }, { addresses: addresses("172.17.0.1/16") }),
    made("wg0", { kind: "other", what: "a link of the kind wireguard" }, { addresses: addresses("10.8.0.2/24") }),
  ],
  routes: [
    route("0.0.0.0/0 10.1.0.1", "bond0.10", 100),
    route("0.0.0.0/0 10.8.0.1", "wg0", 50),
    { family: 4, destination: "10.99.0.0/16", metric: 0 },
    { family: 4, destination: "10.98.0.0/16", hasIpv6Gateway: true, metric: 0, link: "br0" },
  ],
  tables: [100, 200],
  nameServers: ["127.0.0.1", "10.1.0.1"],
  searchDomains: [],
};

const NOT_CARRIED = [
  "docker0 (172.17.0.1/16): it is a bridge without a member that can be carried",
  "wg0 (10.8.0.2/24): it is a link of the kind wireguard",
  "the members vnet0 of br0, which are not Ethernet devices",
  "the VLANs of the ports of br0",
  "the route that refuses 10.99.0.0/16",
  "the route to 10.98.0.0/16, whose gateway is an IPv6 address that this host does not show",
  "the rules of policy routing, and its tables 100 and 200",
  "the name server 127.0.0.1, which runs on this host",
];

pure("networkd makes bonds, VLANs and bridges again, members first", () => {
  const of = result(carry(STACKED, NETWORKD));
  assertEquals(typeof of === "string" ? of : of.omitted, NOT_CARRIED);
  const files = typeof of === "string" ? {} : of.files;
  assertEquals(Object.keys(files).map((name) => name.replace("0--warmboot-", "")), [
    "eth0.link",
    "wired-eth0.network",
    "eth1.link",
    "wired-eth1.network",
    "bond0.netdev",
    "virtual-bond0.network",
    "bond0.10.netdev",
    "virtual-bond0.10.network",
    "lan.netdev",
    "virtual-lan.network",
    "br0.netdev",
    "virtual-br0.network",
    "warmboot-bonding.conf",
    "warmboot-network.conf",
    "resolv.conf",
    "hostname",
  ]);
  const text = (name: string) => files[`0--warmboot-${name}`]?.trimEnd().split("\n");
  const unaddressed = ["DHCP=no", "IPv6AcceptRA=no", "LinkLocalAddressing=no"];
  assertEquals(text("wired-eth1.network"), [
    "[Match]",
    "PermanentMACAddress=52:54:00:00:00:01",
    "Type=ether",
    "",
    "[Link]",
    "MTUBytes=9000",
    "RequiredForOnline=no",
    "",
    "[Network]",
    ...unaddressed,
    "Bond=bond0",
    "PrimarySlave=yes",
  ]);
  assertEquals(text("bond0.netdev"), [
    "[NetDev]",
    "Name=bond0",
    "Kind=bond",
    "MTUBytes=9000",
    "MACAddress=02:00:00:00:00:aa",
    "",
    "[Bond]",
    "Mode=active-backup",
    "MIIMonitorSec=100ms",
    "ARPIPTargets=10.0.0.1 10.0.0.2",
  ]);
  assertEquals(text("virtual-bond0.network"), [
    "[Match]",
    "Name=bond0",
    "",
    "[Network]",
    ...unaddressed,
    "VLAN=bond0.10",
    "VLAN=lan",
  ]);
  assertEquals(text("bond0.10.netdev"), ["[NetDev]", "Name=bond0.10", "Kind=vlan", "", "[VLAN]", "Id=10"]);
  assertEquals(text("virtual-lan.network"), ["[Match]", "Name=lan", "", "[Network]", ...unaddressed, "Bridge=br0"]);
  assertEquals(text("br0.netdev"), [
    "[NetDev]",
    "Name=br0",
    "Kind=bridge",
    "MACAddress=02:00:00:00:00:aa",
    "",
    "[Bridge]",
    "STP=yes",
    "ForwardDelaySec=4s",
    "VLANFiltering=yes",
  ]);
  assertEquals(text("virtual-bond0.10.network"), [
    "[Match]",
    "Name=bond0.10",
    "",
    "[Network]",
    ...unaddressed,
    "Address=10.1.0.5/16",
    "DNS=10.1.0.1",
    "",
    "[Route]",
    "Gateway=10.1.0.1",
    "Metric=100",
  ]);
});

pure("dracut's own scripts get parameters; one address for each link", () => {
  assertEquals(result(carry(SIMPLE, LEGACY)), {
    files: {
      "99-warmboot-network.conf": [
        "ifname=eth0:52:54:00:00:00:00",
        "ip=10.0.2.77::10.0.2.2:255.255.255.0:web1:eth0:none",
        "nameserver=10.0.2.3",
        "rd.neednet=1",
        "",
      ].join("\n"),
    },
    omitted: [
      "fec0::77/64 on eth0: network-legacy takes one address for each link",
      "the default route through fec0::2 on eth0 with metric 1024",
      "the search domains example.org: dracut has no parameter for them",
    ],
  });
});

pure("a device may have another name where the initrd does not read `ifname=`: that is said", () => {
  for (const whole of [MANAGER, LEGACY]) {
    const files = whole.filter((path) => path !== IFNAME);
    const found = omittedOf(SIMPLE, files);
    assertEquals(found.filter((each) => !omittedOf(SIMPLE, whole).includes(each)), [
      "the name eth0: the initrd lacks dracut's module network, which reads `ifname=`",
    ]);
    assertEquals(found.length, omittedOf(SIMPLE, whole).length + 1);
    assertEquals(linesOf(SIMPLE, files, DRACUT), linesOf(SIMPLE, whole, DRACUT));
  }
});

pure("NetworkManager gets every address of a link, each with the gateway of its family", () => {
  const of = result(carry(SIMPLE, MANAGER));
  assertEquals(typeof of === "string" ? of : of.files["99-warmboot-network.conf"]?.split("\n"), [
    "ifname=eth0:52:54:00:00:00:00",
    "ip=10.0.2.77::10.0.2.2:255.255.255.0:web1:eth0:none",
    "ip=[fec0::77]::[fec0::2]:64::eth0:none",
    "nameserver=10.0.2.3",
    "rd.neednet=1",
    "",
  ]);
});

pure("dracut makes bonds, bridges, and VLANs whose name is their number", () => {
  const of = result(carry(STACKED, LEGACY));
  assertEquals(of, {
    files: {
      "99-warmboot-network.conf": [
        "ifname=eth0:52:54:00:00:00:00",
        "ifname=eth1:52:54:00:00:00:01",
        "bond=bond0:eth0,eth1:mode=active-backup,miimon=100,primary=eth1:9000",
        "vlan=bond0.10:bond0",
        "ip=10.1.0.5::10.1.0.1:255.255.0.0:web1:bond0.10:none",
        "nameserver=10.1.0.1",
        "rd.neednet=1",
        "",
      ].join("\n"),
    },
    omitted: [
      ...NOT_CARRIED,
      "lan: dracut reads the identifier of a VLAN, 20, from its name, as in vlan20",
      "br0 (192.168.1.1/24), whose members are not carried",
    ],
  });
});

/** A bond of eth0 and eth1 with an address. */
function bonded(mode: string, options: { readonly [name: string]: string }): NetworkFacts {
  const bond = made("bond0", { kind: "bond", mode, options }, { addresses: addresses("10.1.0.5/16") });
  return { ...NONE, links: [device("eth0", { master: "bond0" }), device("eth1", { master: "bond0" }), bond] };
}

pure("a bond of dracut has no option without effect: NetworkManager would refuse the bond", () => {
  const bond = (files: readonly string[], mode: string, options: { readonly [name: string]: string }) =>
    linesOf(bonded(mode, options), files, DRACUT).find((line) => line.startsWith("bond="))?.split(":").at(-1);
  /** With what the kernel keeps from before. */
  const kept = (options: { readonly [name: string]: string }) => ({
    lacp_rate: "fast",
    primary: "eth1",
    arp_ip_target: "10.0.0.1 10.0.0.2",
    arp_validate: "all",
    ...options,
  });
  for (const files of [LEGACY, MANAGER]) {
    assertEquals(
      [
        bond(files, "active-backup", kept({ arp_interval: "0", miimon: "100", updelay: "0" })),
        bond(files, "balance-rr", kept({ miimon: "100", xmit_hash_policy: "layer3+4" })),
        bond(files, "802.3ad", kept({ updelay: "200", min_links: "1 rd.break" })),
        bond(files, "balance-alb", { primary: "eth1" }),
        bond(files, "active-backup", { arp_interval: "100", arp_validate: "all", arp_ip_target: "10.0.0.1" }),
      ],
      [
        "mode=active-backup,primary=eth1,miimon=100",
        "mode=balance-rr,miimon=100,xmit_hash_policy=layer3+4",
        "mode=802.3ad,lacp_rate=fast,updelay=200",
        "mode=balance-alb,primary=eth1",
        "mode=active-backup,arp_interval=100,arp_validate=all,arp_ip_target=10.0.0.1",
      ],
    );
  }
});

pure("of several ARP targets NetworkManager gets one, since it refuses a bond whose list it cannot read", () => {
  const network = bonded("active-backup", { arp_interval: "100", arp_ip_target: "10.0.0.1 10.0.0.2 10.0.0.3" });
  const bond = "bond=bond0:eth0,eth1:mode=active-backup,arp_interval=100,arp_ip_target=10.0.0.1";
  assertEquals(linesOf(network, LEGACY, DRACUT)[2], `${bond};10.0.0.2;10.0.0.3`);
  assertEquals(omittedOf(network, LEGACY), []);
  assertEquals(linesOf(network, MANAGER, DRACUT)[2], bond);
  assertEquals(omittedOf(network, MANAGER), [
    "the ARP targets 10.0.0.2 and 10.0.0.3 of bond0: NetworkManager before 1.52 reads a single one",
  ]);
  const without = bonded("active-backup", { arp_interval: "100", arp_ip_target: "" });
  assertEquals(linesOf(without, MANAGER, DRACUT)[2], "bond=bond0:eth0,eth1:mode=active-backup");
  assertEquals(omittedOf(without, MANAGER), ["the ARP monitoring of bond0, which has no IPv4 target"]);
});

pure(
  "links without an address have their MTU and hardware address with NetworkManager, not with network-legacy",
  () => {
    const links = [
      device("eth0", { mtu: 9000 }),
      made("eth0.5", { kind: "vlan", parent: "eth0", id: 5 }, { mtu: 9000, addresses: addresses("10.5.0.1/24") }),
      changed(device("eth1")),
      made("eth1.6", { kind: "vlan", parent: "eth1", id: 6 }, { addresses: addresses("10.6.0.1/24") }),
      changed(device("eth3", { master: "br0" })),
      device("eth2", { master: "bond0", mtu: 9000 }),
      made("bond0", { kind: "bond", mode: "active-backup", options: {} }, { mtu: 9000, master: "br0" }),
      made("br0", { kind: "bridge", options: {} }, { mtu: 9000, addresses: addresses("10.7.0.1/24") }),
    ];
    const network = { ...NONE, links };
    const ips = (files: readonly string[]) =>
      linesOf(network, files, DRACUT).filter((line) => line.startsWith("ip=") || line.startsWith("bond="));
    const addressed = [
      "bond=bond0:eth2:mode=active-backup:9000",
      "ip=10.5.0.1:::255.255.255.0::eth0.5:none:9000",
      "ip=10.6.0.1:::255.255.255.0::eth1.6:none",
      "ip=10.7.0.1:::255.255.255.0::br0:none:9000:02:00:00:00:00:aa",
    ];
    assertEquals(ips(MANAGER).toSorted(), [
      ...addressed,
      "ip=bond0:none:9000:02:00:00:00:00:aa",
      "ip=eth0:none:9000",
      "ip=eth1:none::52:54:00:00:00:01",
      "ip=eth3:none::52:54:00:00:00:03",
    ]);
    assertEquals(omittedOf(network, MANAGER), []);
    assertEquals(ips(LEGACY).toSorted(), addressed);
    assertEquals(omittedOf(network, LEGACY), [
      "the MTU of eth0, 9000: network-legacy sets it only together with an address",
      "the hardware address of eth1, 52:54:00:00:00:01: network-legacy sets it only together with an address",
      "the hardware address of eth3, 52:54:00:00:00:03: network-legacy sets it only together with an address",
    ]);
  },
);

pure("bonds and bridges of dracut keep their hardware address, unless it is that of a bond's active member", () => {
  const last = (mode: string, options: { readonly [name: string]: string }, files: readonly string[]) =>
    linesOf(bonded(mode, options), files, DRACUT).find((line) => line.startsWith("ip="));
  const ip = "ip=10.1.0.5:::255.255.0.0::bond0:none";
  for (const files of [LEGACY, MANAGER]) {
    assertEquals(last("active-backup", { fail_over_mac: "none" }, files), `${ip}::02:00:00:00:00:aa`);
    assertEquals(last("active-backup", { fail_over_mac: "active" }, files), ip);
  }
});

pure("dracut makes a bridge without STP, and says so where the running one has it", () => {
  const bridged = (stp: string): NetworkFacts => ({
    ...NONE,
    links: [
      device("eth0", { master: "br0" }),
      made("br0", { kind: "bridge", options: { stp_state: stp } }, { addresses: addresses("10.7.0.1/24") }),
    ],
  });
  for (const files of [LEGACY, MANAGER]) {
    assertEquals(linesOf(bridged("1"), files, DRACUT)[1], "bridge=br0:eth0");
    assertEquals(omittedOf(bridged("1"), files), ["STP of br0: bridges of dracut run without it"]);
    assertEquals(omittedOf(bridged("0"), files), []);
  }
});

pure("routes of dracut have brackets around IPv6, and a route to a gateway that is not on the network", () => {
  const of = result(carry(
    {
      ...NONE,
      links: [
        device("eth0", { addresses: addresses("203.0.113.7/32"), mtu: 1400 }),
        changed(device("eth1", { addresses: addresses("2001:db8::7/64") })),
      ],
      routes: [
        route("0.0.0.0/0 172.31.1.1", "eth0"),
        route("10.0.0.0/8 172.31.1.2", "eth0"),
        route("0.0.0.0/0 172.31.1.9", "eth0", 200),
        route("2001:db8:5::/48 fe80::1", "eth1", 1024),
      ],
    },
    LEGACY,
    "",
  ));
  assertEquals(of, {
    files: {
      "99-warmboot-network.conf": [
        "ifname=eth0:52:54:00:00:00:00",
        "ip=203.0.113.7::172.31.1.1:255.255.255.255::eth0:none:1400",
        "ip=[2001:db8::7]:::64::eth1:none::52:54:00:00:00:01",
        "bootdev=eth0",
        "rd.route=172.31.1.1/32::eth0",
        "rd.route=172.31.1.2/32::eth0",
        "rd.route=10.0.0.0/8:172.31.1.2:eth0",
        "rd.route=[2001:db8:5::/48]:[fe80::1]:eth1",
        "rd.neednet=1",
        "",
      ].join("\n"),
    },
    omitted: ["the default route through 172.31.1.9 on eth0 with metric 200"],
  });
});

pure("initramfs-tools gets one IPv4 address, and its device by the hardware address", () => {
  const carried = carry(SIMPLE, TOOLS);
  assertEquals(carried.kind === "carried" ? [carried.files, carried.omitted] : carried.why, [
    [
      {
        path: "/conf/conf.d/zz-warmboot-network",
        text: "IP=10.0.2.77::10.0.2.2:255.255.255.0:web1::off\nBOOTIF=01-52-54-00-00-00-00\n",
      },
      {
        path: "/etc/systemd/network/0--warmboot-eth0.link",
        text: "[Match]\nPermanentMACAddress=52:54:00:00:00:00\nType=ether\n\n[Link]\nName=eth0\n",
      },
      { path: "/etc/resolv.conf", text: "nameserver 10.0.2.3\nsearch example.org\n" },
    ],
    [
      "fec0::77/64 on eth0: initramfs-tools configures IPv4 only",
      "the default route through fec0::2 on eth0 with metric 1024",
    ],
  ]);
});

pure("of several devices, initramfs-tools gets that of the default route; VLANs and bonds are named", () => {
  const links = [
    device("eth0", { addresses: addresses("10.3.0.1/24") }),
    device("eth1", { addresses: addresses("10.2.0.1/24", "10.2.0.2/24"), mtu: 9000 }),
    made("eth1.5", { kind: "vlan", parent: "eth1", id: 5 }, { addresses: addresses("10.5.0.1/24") }),
  ];
  const routes = [route("0.0.0.0/0 10.2.0.254", "eth1"), route("10.7.0.0/16 10.2.0.253", "eth1")];
  assertEquals(result(carry({ ...NONE, links, routes }, TOOLS, "")), {
    files: {
      "zz-warmboot-network": "IP=10.2.0.1::10.2.0.254:255.255.255.0:::off\nBOOTIF=01-52-54-00-00-00-01\n",
      "0--warmboot-eth1.link": "[Match]\nPermanentMACAddress=52:54:00:00:00:01\nType=ether\n\n[Link]\nName=eth1\n",
    },
    omitted: [
      "10.3.0.1/24 on eth0: initramfs-tools configures one address",
      "10.2.0.2/24 on eth1: initramfs-tools configures one address",
      "eth1.5 (10.5.0.1/24): initramfs-tools has no VLANs",
      "the route to 10.7.0.0/16 through 10.2.0.253 on eth1",
      "the MTU of eth1, 9000",
    ],
  });
  assertEquals(
    result(carry({ ...STACKED, nameServers: [], tables: [] }, TOOLS)).toString().split(": ", 2)[0],
    "Nothing of the network can be carried into this initrd (initramfs-tools)",
  );
});

pure("addresses that do not last are named, link-local ones are the kernel's", () => {
  const state = (change: Partial<typeof SETTLED>) => ({ ...SETTLED, ...change });
  const list: readonly NetworkAddress[] = [
    ...addresses("fe80::1/64"),
    { family: 6, address: "2001:db8::1", prefix: 64, state: state({ permanent: false }) },
    { family: 6, address: "2001:db8::2", prefix: 64, state: state({ temporary: true }) },
    { family: 6, address: "2001:db8::3", prefix: 64, state: state({ deprecated: true }) },
    { family: 6, address: "2001:db8::4", prefix: 64, state: state({ unusable: true }) },
  ];
  const of = result(carry({ ...NONE, links: [device("eth0", { addresses: list })] }, NETWORKD));
  assertEquals(typeof of === "string" ? of : of.omitted, [
    "2001:db8::2/64 on eth0: it is temporary, and another one replaces it",
    "2001:db8::3/64 on eth0: it is deprecated",
    "2001:db8::4/64 on eth0: it is not usable",
  ]);
  const lines = typeof of === "string" ? [] : of.files["0--warmboot-wired-eth0.network"]?.split("\n") ?? [];
  assertEquals(lines.filter((line) => line.startsWith("Address=")), ["Address=2001:db8::1/64"]);
});

pure("links that cannot be carried are named with the reason", () => {
  const links = [
    device("eth0", { addresses: addresses("10.0.0.1/24") }),
    device("eth1", { addresses: addresses("10.0.1.1/24"), up: false }),
    device("eth2", { addresses: addresses("10.0.2.1/24"), master: "vrf0" }),
    device('e"3', { addresses: addresses("10.0.3.1/24") }),
    made("vrf0", { kind: "other", what: "a virtual link" }),
    made("v5", { kind: "vlan", parent: "wlan0", id: 5 }, { addresses: addresses("10.0.5.1/24") }),
    made("v6", { kind: "vlan", parent: "gone", id: 6 }, { addresses: addresses("10.0.6.1/24") }),
    made("wlan0", { kind: "other", what: "a wireless link" }),
    // Azure: the device of the host that stands in for the synthetic one.
    device("eth7", { addresses: addresses("10.0.7.1/24"), master: "eth0" }),
    made("lo", { kind: "loopback" }, { addresses: addresses("127.0.0.1/8", "192.0.2.1/32") }),
  ];
  const of = result(carry({ ...NONE, links }, NETWORKD));
  assertEquals(typeof of === "string" ? of : of.omitted, [
    "eth2 (10.0.2.1/24): it is a member of vrf0",
    'e"3 (10.0.3.1/24): its name has characters that files of the initrd would need quotes for',
    "v5 (10.0.5.1/24): it lies on wlan0, and it is a wireless link",
    "v6 (10.0.6.1/24): its parent gone is unknown",
    "192.0.2.1/32 on lo",
  ]);
});

pure("a device whose hardware address is unknown is found by its name, and gets the one that it has", () => {
  const link = changed(device("eth0", { addresses: addresses("10.0.0.1/24") }));
  const networkd = result(carry({ ...NONE, links: [link] }, NETWORKD));
  assertEquals(
    typeof networkd === "string" ? networkd : networkd.files["0--warmboot-wired-eth0.network"]?.split("\n").slice(0, 5),
    [
      "[Match]",
      "Name=eth0",
      "",
      "[Link]",
      "MACAddress=52:54:00:00:00:00",
    ],
  );
  assertEquals(result(carry({ ...NONE, links: [link] }, TOOLS)), {
    files: { "zz-warmboot-network": "IP=10.0.0.1:::255.255.255.0:web1:eth0:off\n" },
    omitted: ["the hardware address of eth0, 52:54:00:00:00:00"],
  });
});

pure("without a network, a tool for it, or an address, the reason is said", () => {
  const why = (network: NetworkFacts | undefined, files: readonly string[]) => {
    const carried = carry(network, files);
    return carried.kind === "refused" ? carried.why : carried.tool;
  };
  assertEquals([
    why(undefined, NETWORKD),
    why({ ...SIMPLE, routes: undefined } as unknown as NetworkFacts, NETWORKD),
    why(SIMPLE, []),
    why(SIMPLE, ["/usr/lib/dracut-lib.sh"]),
    why(SIMPLE, ["/usr/lib/dracut-lib.sh", "/usr/sbin/connmand", "/usr/lib/systemd/systemd-networkd"]),
    why(NONE, NETWORKD),
    why(SIMPLE, [...LEGACY, ...NETWORKD]),
    why(SIMPLE, [...MANAGER, ...LEGACY]),
    why(SIMPLE, ["/usr/lib/dracut-lib.sh", ...NETWORKD]),
  ], [
    "The facts do not show the network of the host",
    "The host has too many routes, or does not show them",
    "Nothing in the initrd is known to configure the network",
    "Nothing in the initrd is known to configure the network",
    "ConnMan configures the network in the initrd, and takes no files for it",
    "Nothing of the network can be carried into this initrd (systemd-networkd): no link of the host has an address",
    "network-legacy",
    "NetworkManager",
    "systemd-networkd",
  ]);
  const unread = carriedNetwork(undefined, { network: SIMPLE });
  assertEquals(
    unread.kind === "refused" ? unread.why : unread.kind,
    "The initrd could not be read through, so it is not known what configures the network in it",
  );
});

/** The lines of one file, and what is not carried. */
function linesOf(network: NetworkFacts, files: readonly string[], name: string, hostname = ""): readonly string[] {
  const of = result(carry(network, files, hostname));
  return typeof of === "string" ? [of] : of.files[name]?.trimEnd().split("\n") ?? [];
}

function omittedOf(network: NetworkFacts, files: readonly string[]): readonly string[] {
  const of = result(carry(network, files, ""));
  return typeof of === "string" ? [of] : of.omitted;
}

const DRACUT = "99-warmboot-network.conf";
const unit = (name: string): string => `0--warmboot-${name}`;

pure("what is carried into no initrd, one that was not read, and one without a known tool, is said", () => {
  const why = (contents: Parameters<typeof carriedNetwork>[0], network: NetworkFacts | undefined = SIMPLE) => {
    const { kind, ...rest } = carriedNetwork(contents, network === undefined ? {} : { network });
    return kind === "refused" && "why" in rest ? rest.why : kind;
  };
  const { routes: _, ...many } = SIMPLE;
  assertEquals(why([]), "The plan has no initrd");
  assertEquals(
    why(undefined),
    "The initrd could not be read through, so it is not known what configures the network in it",
  );
  assertEquals(why([{ programs: {} }]), "Nothing in the initrd is known to configure the network");
  assertEquals(why([], many), "The host has too many routes, or does not show them");
  const idle: NetworkFacts = { ...NONE, links: [device("eth0")] };
  for (
    const [files, tool] of [[NETWORKD, "systemd-networkd"], [LEGACY, "network-legacy"], [TOOLS, "initramfs-tools"]]
  ) {
    assertEquals(
      result(carry(idle, files as readonly string[])),
      `Nothing of the network can be carried into this initrd (${tool}): no link of the host has an address`,
    );
  }
});

pure("the main link is that of the IPv4 default route: it gets host name, name servers and domains", () => {
  const two: NetworkFacts = {
    ...NONE,
    links: [
      device("eth0", { addresses: addresses("2001:db8::5/64") }),
      device("eth1", { addresses: addresses("2001:db8:1::5/64", "10.1.0.5/24") }),
    ],
    routes: [route("::/0 2001:db8::1", "eth0"), route("0.0.0.0/0 10.1.0.1", "eth1")],
    nameServers: ["10.1.0.1"],
    searchDomains: ["example.org"],
  };
  assertEquals(linesOf(two, LEGACY, DRACUT, "web1"), [
    "ifname=eth0:52:54:00:00:00:00",
    "ifname=eth1:52:54:00:00:00:01",
    "ip=[2001:db8::5]::[2001:db8::1]:64::eth0:none",
    // Of two families, the scripts get IPv4.
    "ip=10.1.0.5::10.1.0.1:255.255.255.0:web1:eth1:none",
    "bootdev=eth1",
    "nameserver=10.1.0.1",
    "rd.neednet=1",
  ]);
  const resolves = (network: NetworkFacts) =>
    ["eth0", "eth1"].map((name) =>
      linesOf(network, NETWORKD, unit(`wired-${name}.network`)).filter((line) => /^(?:DNS|Domains)=/.test(line))
    );
  const both = ["DNS=10.1.0.1", "Domains=example.org"];
  assertEquals(resolves(two), [[], both]);
  // Without one, that of IPv6; else the first that has an address.
  assertEquals(resolves({ ...two, routes: [route("::/0 2001:db8:1::1", "eth1")] }), [[], both]);
  assertEquals(resolves({ ...two, routes: [] }), [both, []]);
});

pure("a gateway is reached on its link, by routes of their own where dracut needs them, once", () => {
  const far: NetworkFacts = {
    ...NONE,
    links: [
      device("eth0", { addresses: addresses("203.0.113.7/32") }),
      device("eth1", { addresses: addresses("10.2.0.5/24") }),
      device("eth2", { addresses: addresses("2001:db8::7/128") }),
    ],
    routes: [
      route("172.31.1.1/32", "eth0"),
      route("0.0.0.0/0 172.31.1.1", "eth0"),
      route("::/0 2001:db8:ffff::1", "eth2"),
      route("10.3.0.0/16", "eth1"),
    ],
  };
  assertEquals(linesOf(far, LEGACY, DRACUT).filter((line) => /^(?:ip|rd\.route)=/.test(line)), [
    "ip=203.0.113.7::172.31.1.1:255.255.255.255::eth0:none",
    "ip=10.2.0.5:::255.255.255.0::eth1:none",
    "ip=[2001:db8::7]::[2001:db8:ffff::1]:128::eth2:none",
    "rd.route=172.31.1.1/32::eth0",
    "rd.route=10.3.0.0/16::eth1",
    "rd.route=[2001:db8:ffff::1/128]::eth2",
  ]);
  const routes = (name: string) =>
    linesOf(far, NETWORKD, unit(`wired-${name}.network`)).join("\n").split("\n\n").filter((each) =>
      each.startsWith("[Route]")
    ).map((each) => each.split("\n").slice(1).join(" "));
  assertEquals(routes("eth0"), ["Destination=172.31.1.1/32 Scope=link", "Gateway=172.31.1.1 GatewayOnLink=yes"]);
  assertEquals(routes("eth2"), ["Gateway=2001:db8:ffff::1 GatewayOnLink=yes"]);
  // ipconfig cannot have such a gateway.
  assertEquals(linesOf(far, TOOLS, "zz-warmboot-network")[0], "IP=203.0.113.7:::255.255.255.255:::off");
  assertEquals(omittedOf(far, TOOLS).includes("the default route through 172.31.1.1 on eth0"), true);
  // A route of a family that the link does not get is not carried.
  const six: NetworkFacts = {
    ...NONE,
    links: [device("eth0", { addresses: addresses("10.0.0.5/24", "2001:db8::5/64") })],
    routes: [route("2001:db8:9::/48 2001:db8::1", "eth0"), route("2001:db8:a::/48", "eth0")],
  };
  assertEquals(linesOf(six, LEGACY, DRACUT).filter((line) => line.startsWith("rd.route=")), []);
  assertEquals(omittedOf(six, LEGACY).slice(1), [
    "the route to 2001:db8:9::/48 through 2001:db8::1 on eth0",
    "the route to 2001:db8:a::/48 on eth0",
  ]);
  // Two that read the same are named once.
  const twice = [...six.routes ?? [], route("2001:db8:a::/48", "eth0", 512)];
  assertEquals(omittedOf({ ...six, routes: twice }, LEGACY), omittedOf(six, LEGACY));
  assertEquals(linesOf(six, NETWORKD, unit("wired-eth0.network")).slice(-2), [
    "[Route]",
    "Destination=2001:db8:a::/48",
  ]);
});

pure("a default route without a gateway has its destination, and the scope that IPv4 needs", () => {
  const links = [device("eth0", { addresses: addresses("10.0.0.5/24") })];
  assertEquals(
    linesOf({ ...NONE, links, routes: [route("0.0.0.0/0", "eth0")] }, NETWORKD, unit("wired-eth0.network")).slice(-3),
    ["[Route]", "Destination=0.0.0.0/0", "Scope=link"],
  );
});

pure("which links are used: those that are up, with addresses or routes, and what they lie on", () => {
  const names = (links: readonly NetworkLink[], routes: readonly NetworkRoute[] = []): readonly string[] => {
    const of = result(carry({ ...NONE, links, routes }, NETWORKD, ""));
    return typeof of === "string"
      ? [of]
      : Object.keys(of.files).flatMap((name) => /^0--warmboot-(?:wired|virtual)-(.*)\.network$/.exec(name)?.[1] ?? []);
  };
  const own = addresses("10.0.0.5/24");
  assertEquals(names([device("eth0", { addresses: own }), device("eth1", { addresses: own, up: false })]), ["eth0"]);
  assertEquals(names([device("eth0"), device("eth1")], [route("10.0.0.0/8", "eth1")]), ["eth1"]);
  // dracut configures nothing without an address.
  assertEquals(
    result(carry({ ...NONE, links: [device("eth1")], routes: [route("10.0.0.0/8", "eth1")] }, LEGACY)).toString()
      .split(": ", 1)[0],
    "Nothing of the network can be carried into this initrd (network-legacy)",
  );
  // Of what lies on itself, nothing can be made.
  const loop = made("loop", { kind: "vlan", parent: "loop", id: 5 }, { addresses: own });
  assertEquals(names([device("eth0", { addresses: own }), loop]), ["eth0"]);
  assertEquals(omittedOf({ ...NONE, links: [device("eth0", { addresses: own }), loop] }, NETWORKD), [
    "loop (10.0.0.5/24): it lies on loop, and it lies on itself",
  ]);
  // A device may be a member of another one, which is no bond: as a virtual function of a virtual machine's device.
  const member = device("eth1", { addresses: own, master: "eth0" });
  assertEquals(names([device("eth0", { addresses: own }), member]), ["eth0", "eth1"]);
  assertEquals(
    linesOf({ ...NONE, links: [device("eth0", { addresses: own }), member] }, LEGACY, DRACUT).at(1),
    "ifname=eth1:52:54:00:00:00:01",
  );
});

pure("hardware addresses: of a device by its own, of a bond's member by the bond, of what is made as it is", () => {
  const links = [
    changed(device("eth0", { master: "bond0" })),
    changed(device("eth1", { master: "br0" })),
    made("bond0", { kind: "bond", mode: "802.3ad", options: { primary: "", all_slaves_active: "1" } }, {
      addresses: addresses("10.0.0.5/24"),
      permanentMac: "52:54:00:00:00:99",
    }),
    made("br0", { kind: "bridge", options: { stp_state: "2", priority: "4096\nx" } }, {
      addresses: addresses("10.1.0.5/24"),
    }),
  ];
  const network = { ...NONE, links };
  const macs = (name: string) => linesOf(network, NETWORKD, unit(name)).filter((line) => /MACAddress|Name=/.test(line));
  assertEquals(macs("wired-eth0.network"), ["Name=eth0"]);
  assertEquals(macs("wired-eth1.network"), ["Name=eth1", "MACAddress=52:54:00:00:00:01"]);
  assertEquals(macs("virtual-bond0.network"), ["Name=bond0"]);
  assertEquals(macs("bond0.netdev"), ["Name=bond0", "MACAddress=02:00:00:00:00:aa"]);
  const of = result(carry(network, NETWORKD, ""));
  const files = typeof of === "string" ? {} : of.files;
  assertEquals(files[unit("bond0.link")], undefined);
  assertEquals(files["warmboot-bonding.conf"], "options bonding max_bonds=0\n");
  assertEquals(linesOf(network, NETWORKD, unit("wired-eth0.network")).filter((line) => /Slave/.test(line)), []);
  assertEquals(linesOf(network, NETWORKD, unit("bond0.netdev")).slice(-2), ["Mode=802.3ad", "AllSlavesActive=yes"]);
  // Any kind of STP is one, and what is no plain value is left out.
  assertEquals(linesOf(network, NETWORKD, unit("br0.netdev")).slice(-2), ["[Bridge]", "STP=yes"]);
  // dracut sets it with the address, but for a bond's member.
  const own = addresses("10.2.0.5/24");
  const legacy = (master: string) =>
    linesOf(
      {
        ...NONE,
        links: [
          changed(device("eth0", { master, addresses: own })),
          device("eth1", { addresses: addresses("10.3.0.5/24") }),
          made("bond0", { kind: "bond", mode: "802.3ad", options: {} }, { addresses: addresses("10.4.0.5/24") }),
        ],
      },
      LEGACY,
      DRACUT,
    ).find((line) => line.includes(":eth0:none"));
  assertEquals(legacy("bond0"), "ip=10.2.0.5:::255.255.255.0::eth0:none");
  assertEquals(legacy("eth1"), "ip=10.2.0.5:::255.255.255.0::eth0:none::52:54:00:00:00:00");
  // A bridge that does not filter VLANs loses none.
  assertEquals(omittedOf(network, NETWORKD), []);
});

pure("a bond whose devices dracut cannot make is not made, and a VLAN's number is in its name", () => {
  const links = [
    device("eth0"),
    made("lan", { kind: "vlan", parent: "eth0", id: 30 }, { master: "bond0" }),
    made("bond0", { kind: "bond", mode: "802.3ad", options: {} }, { addresses: addresses("10.0.0.5/24") }),
    made("vlan31", { kind: "vlan", parent: "eth0", id: 30 }, { addresses: addresses("10.1.0.5/24") }),
    made("vlan0032", { kind: "vlan", parent: "eth0", id: 32 }, { addresses: addresses("10.2.0.5/24") }),
  ];
  assertEquals(linesOf({ ...NONE, links }, LEGACY, DRACUT), [
    "ifname=eth0:52:54:00:00:00:00",
    "vlan=vlan0032:eth0",
    "ip=10.2.0.5:::255.255.255.0::vlan0032:none",
    "rd.neednet=1",
  ]);
  assertEquals(omittedOf({ ...NONE, links }, LEGACY), [
    "lan: dracut reads the identifier of a VLAN, 30, from its name, as in vlan30",
    "bond0 (10.0.0.5/24), whose members are not carried",
    "vlan31: dracut reads the identifier of a VLAN, 30, from its name, as in vlan30",
  ]);
});

pure("name servers: not those of this host, nor on links that are not carried; dracut takes none with a zone", () => {
  const of = (nameServers: readonly string[]): NetworkFacts => ({ ...SIMPLE, nameServers, searchDomains: [] });
  const servers = ["127.0.0.53", "::1", "fe80::1%eth0", "fe80::1%wlan0", "not an address", "10.0.2.3"];
  assertEquals(linesOf(of(servers), NETWORKD, "resolv.conf"), ["nameserver fe80::1%eth0", "nameserver 10.0.2.3"]);
  assertEquals(omittedOf(of(servers), NETWORKD), [
    "the name server 127.0.0.53, which runs on this host",
    "the name server ::1, which runs on this host",
    "the name server fe80::1%wlan0, which is on a link that is not carried",
    "the name server not an address",
  ]);
  const taken = linesOf(of(["fe80::1%eth0", "10.0.2.3"]), LEGACY, DRACUT).filter((line) => line.startsWith("name"));
  assertEquals(taken, ["nameserver=10.0.2.3"]);
  assertEquals(omittedOf(of(["fe80::1%eth0"]), LEGACY).at(-1), "the name server fe80::1%eth0");
});

pure("rules that no file of an initrd has are named, where they concern what is carried", () => {
  const network: NetworkFacts = {
    ...NONE,
    links: [
      device("lo", { link: { kind: "loopback" }, addresses: addresses("127.0.0.1/8", "127.0.0.5/8", "10.9.9.9/32") }),
      device("eth0", { addresses: addresses("2001:db8::5/64", "fe90::5/64") }),
      made("wg0", { kind: "other", what: "a tunnel" }),
    ],
    routes: [
      { ...route("2001:db8:1::/48 2001:db8::1", "eth0"), from: "2001:db8:2::/64" },
      { ...route("2001:db8:3::/48", "wg0"), from: "2001:db8:2::/64" },
    ],
    tables: [100],
  };
  assertEquals(omittedOf(network, NETWORKD), [
    "10.9.9.9/32 on lo",
    "wg0: it is a tunnel",
    "the route to 2001:db8:1::/48 for packets from 2001:db8:2::/64",
    "the rules of policy routing, and its tables 100",
  ]);
  const lines = linesOf(network, NETWORKD, unit("wired-eth0.network"));
  assertEquals(lines.filter((line) => /^(?:\[Route|Link|Address)/.test(line)), [
    "LinkLocalAddressing=ipv6",
    "Address=2001:db8::5/64",
  ]);
});

pure("of many names some are named", () => {
  const bridge = (ports: number): NetworkFacts => ({
    ...NONE,
    links: [
      device("eth0", { master: "br0" }),
      ...Array.from(
        { length: ports },
        (_, port) => made(`tap${port}`, { kind: "other", what: "a TAP device" }, { master: "br0" }),
      ),
      made("br0", { kind: "bridge", options: {} }, { addresses: addresses("10.0.0.5/24") }),
    ],
  });
  assertEquals(omittedOf(bridge(4), NETWORKD), [
    "the members tap0, tap1, tap2 and tap3 of br0, which are not Ethernet devices",
  ]);
  assertEquals(omittedOf(bridge(5), NETWORKD), [
    "the members tap0, tap1, tap2 and 2 more of br0, which are not Ethernet devices",
  ]);
});

pure("a plan has the files line by line, the initrd the same files, and none where nothing can be carried", () => {
  const content = (files: readonly string[]) =>
    wholeInitrd({ programs: Object.fromEntries(files.map((path) => [path, "executable" as const])) });
  const facts = hostFacts({ network: SIMPLE });
  const initrd = [{ ...initrdFile(), content: content(NETWORKD) }];
  const planned = plannedCarry(["network"], initrd, facts)?.network;
  const files = carriedFiles(["network"], initrd, facts);
  assertEquals(files.length, 5);
  assertEquals(
    planned?.files.map(({ path, lines }) => [path, `${lines.join("\n")}\n`]),
    files.map(({ path, content }) => [path, content.kind === "text" ? content.text : ""]),
  );
  assertEquals(files.every(({ secret }) => !secret), true);
  assertEquals([plannedCarry([], initrd, facts), carriedFiles([], initrd, facts)], [undefined, []]);
  // One initrd that was not read may have another tool.
  for (const unread of [[...initrd, initrdFile()], [{ ...initrdFile(), content: content([]) }]]) {
    assertEquals(carriedFiles(["network"], unread, facts), []);
    assertEquals(plannedCarry(["network"], unread, facts)?.network.fault === undefined, false);
  }
});

pure("each option of a bond and of a bridge that is not the kernel's own is written in networkd's units", () => {
  const links = [
    device("eth0", { master: "bond0" }),
    device("eth1", { master: "br0" }),
    made("bond0", {
      kind: "bond",
      mode: "802.3ad",
      options: {
        miimon: "100",
        updelay: "200",
        downdelay: "300",
        xmit_hash_policy: "layer3+4",
        lacp_rate: "fast",
        ad_select: "bandwidth",
        primary_reselect: "better",
        fail_over_mac: "active",
        arp_interval: "400",
        arp_validate: "all",
        min_links: "2",
        all_slaves_active: "1",
      },
    }, { addresses: addresses("10.1.0.5/16") }),
    made("br0", {
      kind: "bridge",
      options: { forward_delay: "400", hello_time: "100", max_age: "1200", ageing_time: "6000", priority: "4096" },
    }, { addresses: addresses("10.2.0.5/16") }),
  ];
  const of = result(carry({ ...STACKED, links, routes: [] }, NETWORKD));
  const lines = (name: string, section: string) =>
    typeof of === "string"
      ? of
      : of.files[`0--warmboot-${name}.netdev`]?.split(`[${section}]\n`)[1]?.trimEnd().split("\n");
  assertEquals(lines("bond0", "Bond"), [
    "Mode=802.3ad",
    "MIIMonitorSec=100ms",
    "UpDelaySec=200ms",
    "DownDelaySec=300ms",
    "TransmitHashPolicy=layer3+4",
    "LACPTransmitRate=fast",
    "AdSelect=bandwidth",
    "PrimaryReselectPolicy=better",
    "FailOverMACPolicy=active",
    "ARPIntervalSec=400ms",
    "ARPValidate=all",
    "MinLinks=2",
    "AllSlavesActive=yes",
  ]);
  assertEquals(lines("br0", "Bridge"), [
    "STP=no",
    "ForwardDelaySec=4s",
    "HelloTimeSec=1s",
    "MaxAgeSec=12s",
    "AgeingTimeSec=60s",
    "Priority=4096",
  ]);
});
