import { assertEquals } from "@std/assert";
import { collect } from "../../src/host/capture.ts";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { SOURCES } from "../../src/host/sources.ts";

const LEAST = { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n" };

function decoded(files: { readonly [path: string]: string }) {
  const { value, diagnostics } = decodeFacts({ format: "warmboot.facts/1", files: { ...LEAST, ...files } });
  const problems = diagnostics.filter(({ code }) => code === "facts-malformed").map(({ message }) => message);
  return { network: value?.network, problems };
}

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A listing of links, as the live reader makes it. */
function listing(links: { readonly [name: string]: { readonly [attribute: string]: string } }): string {
  return Object.entries(links).flatMap(([name, of], index) =>
    Object.entries({ ifindex: String(index + 1), ...of }).map(([attribute, value]) =>
      `${name}\t${attribute}\t${value}\n`
    )
  ).join("");
}

const ETHERNET = {
  type: "1",
  "addr_assign_type": "0",
  mtu: "1500",
  flags: "0x1003",
  carrier: "1",
  device: "/sys/devices/pci",
};

pure("an older capture, or a host without sysfs, has no network", () => {
  assertEquals(decoded({}), { network: undefined, problems: [] });
});

pure("a network whose addresses cannot be read is not known: it is not one without addresses", () => {
  const files = { ...LEAST, "/sys/class/net": listing({ d0: ETHERNET }) };
  const links = (...refused: readonly string[]) => {
    const errors = Object.fromEntries(refused.map((path) => [path, { error: "EACCES" }]));
    return decodeFacts({ format: "warmboot.facts/1", files: { ...files, ...errors } }).value?.network?.links.length;
  };
  assertEquals([links(), links("/proc/net/vlan/config")], [1, 1]);
  assertEquals([links("getifaddrs"), links("/proc/net/if_inet6")], [undefined, undefined]);
});

pure("links are told apart by what sysfs and the table of VLANs show", () => {
  const { network, problems } = decoded({
    "/sys/class/net": listing({
      lo: { type: "772", mtu: "65536", flags: "0x9" },
      eth0: {
        ...ETHERNET,
        address: "52:54:00:12:34:56",
        master: "bond0",
        "bonding_slave/perm_hwaddr": "52:54:00:AA:BB:CC",
      },
      bond0: {
        type: "1",
        mtu: "9000",
        flags: "0x1403",
        address: "52:54:00:12:34:56",
        addr_assign_type: "3",
        "bonding/mode": "active-backup 1",
        "bonding/miimon": "100",
        "bonding/xmit_hash_policy": "layer2 0",
        "bonding/primary": "eth0",
        "bonding/arp_ip_target": "10.0.0.1 10.0.0.2",
        devtype: "bond",
      },
      "bond0.10": { type: "1", mtu: "1500", flags: "0x1003", devtype: "vlan" },
      br0: {
        type: "1",
        mtu: "1500",
        flags: "0x1003",
        "bridge/stp_state": "0",
        "bridge/forward_delay": "1500",
        devtype: "bridge",
      },
      wlan0: { ...ETHERNET, wireless: "1", devtype: "wlan" },
      wg0: { type: "65534", mtu: "1420", flags: "0x91", devtype: "wireguard" },
      tap0: { type: "1", mtu: "1500", flags: "0x1003", tun_flags: "0x1002" },
      ib0: { ...ETHERNET, type: "32", address: "80:00:02:08:fe:80:00:00:00:00:00:00:e4:1d:2d:03:00:50:e6:f1" },
      veth0: { type: "1", mtu: "1500", flags: "0x1003" },
      eth1: { ...ETHERNET, addr_assign_type: "3", address: "02:00:00:00:00:01", flags: "0x1002", carrier: "0" },
    }),
    "/proc/net/vlan/config":
      "VLAN Dev name\t | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\nbond0.10       | 10  | bond0\n",
  });
  assertEquals(problems, []);
  const kinds = Object.fromEntries((network?.links ?? []).map(({ name, link }) => [name, link]));
  assertEquals(kinds, {
    lo: { kind: "loopback" },
    eth0: { kind: "ethernet" },
    bond0: {
      kind: "bond",
      mode: "active-backup",
      options: { miimon: "100", xmit_hash_policy: "layer2", primary: "eth0", arp_ip_target: "10.0.0.1 10.0.0.2" },
    },
    "bond0.10": { kind: "vlan", parent: "bond0", id: 10 },
    br0: { kind: "bridge", options: { stp_state: "0", forward_delay: "1500" } },
    wlan0: { kind: "other", what: "a wireless link" },
    wg0: { kind: "other", what: "a link of the kind wireguard" },
    tap0: { kind: "other", what: "a TUN or TAP device of a program" },
    ib0: { kind: "other", what: "not an Ethernet link (type 32)" },
    veth0: { kind: "other", what: "a virtual link" },
    eth1: { kind: "ethernet" },
  });
  const of = (name: string) => network?.links.find((link) => link.name === name);
  // The address of a member is that of its bond; a device whose address was set shows no other.
  assertEquals([of("eth0")?.permanentMac, of("eth0")?.mac], ["52:54:00:aa:bb:cc", "52:54:00:12:34:56"]);
  assertEquals([of("eth1")?.permanentMac, of("eth1")?.mac], [undefined, "02:00:00:00:00:01"]);
  assertEquals([of("eth1")?.up, of("eth1")?.carrier, of("eth0")?.up, of("bond0")?.mtu], [false, false, true, 9000]);
  // A link that is down has no carrier to read.
  assertEquals([of("eth0")?.carrier, of("lo")?.carrier], [true, false]);
  assertEquals([of("bond0")?.up, of("bond0")?.carrier], [true, false]);
  assertEquals([of("eth0")?.master, of("eth1")?.master], ["bond0", undefined]);
  assertEquals(of("ib0")?.mac, undefined);
});

/** As Linux 6.1 shows them, with a policy table, an alias, a peer, routes that refuse, and addresses that a router gave. */
const HOST = {
  "/sys/class/net": listing({
    lo: { type: "772", mtu: "65536", flags: "0x9" },
    d0: { ...ETHERNET, address: "52:54:00:12:34:56" },
    d1: { ...ETHERNET, address: "52:54:00:12:34:57" },
  }),
  getifaddrs: "lo\t127.0.0.1/8\nd0\t10.0.2.77/24\nd0:1\t10.9.9.9/32\nd1\t10.1.0.5/16\nlo\t::1/128\nd0\tfec0::77/64\n" +
    "d0\tfe80::5054:ff:fe12:3456/64\nd1\t2001:db8::2/64\nd1\t2001:db8::1/64\n",
  "/proc/net/if_inet6": "fe80000000000000505400fffe123456 02 40 20 80       d0\n" +
    "fec00000000000000000000000000077 02 40 40 80       d0\n" +
    "00000000000000000000000000000001 01 80 10 80       lo\n" +
    "20010db8000000000000000000000001 03 40 00 00       d1\n" +
    "20010db8000000000000000000000002 03 40 00 21       d1\n",
  "/proc/net/route":
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                           \n" +
    "d0\t00000000\t0202000A\t0003\t0\t0\t100\t00000000\t0\t0\t0                                                    \n" +
    "d0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0                                                      \n" +
    "d1\t0000010A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0                                                      \n" +
    "d0\t0000A8C0\t0302000A\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0                                                      \n" +
    "d0\t010010AC\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0                                                      \n" +
    "*\t0000630A\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0                                                       \n",
  "/proc/net/fib_trie": "Id 100:\nMain:\nLocal:\n",
  "/proc/net/ipv6_route":
    "20010db8000500000000000000000000 30 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000007 00000001 00000000 00000003       d0\n" +
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n" +
    "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001       d1\n" +
    "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001       d0\n" +
    "20010db8000700000000000000000000 30 20010db8000000000000000000000000 40 fe800000000000000000000000000001 00000400 00000001 00000000 00000003       d0\n" +
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fec00000000000000000000000000002 00000400 00000001 00000000 00450003       d0\n" +
    "fec00000000000000000000000000077 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       d0\n" +
    "ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000003 00000000 00000001       d0\n",
  "/etc/resolv.conf": "nameserver 127.0.0.53\nsearch lan\n",
  "/run/systemd/resolve/resolv.conf":
    "nameserver 10.0.2.3\nnameserver fe80::1%d0\nnameserver 10.0.2.3\ndomain old.example\nsearch example.org lan ; more\n",
};

pure("addresses, routes and name servers are decoded as Linux shows them", () => {
  const { network, problems } = decoded(HOST);
  assertEquals(problems, []);
  assertEquals(
    network?.links.map(({ name, addresses }) => [name, addresses.map(({ address, prefix }) => `${address}/${prefix}`)]),
    [
      ["lo", ["127.0.0.1/8", "::1/128"]],
      ["d0", ["10.0.2.77/24", "10.9.9.9/32", "fec0::77/64", "fe80::5054:ff:fe12:3456/64"]],
      ["d1", ["10.1.0.5/16", "2001:db8::2/64", "2001:db8::1/64"]],
    ],
  );
  const plain = { temporary: false, deprecated: false, unusable: false, permanent: false };
  assertEquals(network?.links[2]?.addresses.slice(1).map(({ state }) => state), [
    { ...plain, temporary: true, deprecated: true },
    plain,
  ]);
  // What the kernel makes for each address is not among them.
  assertEquals(network?.routes, [
    { family: 4, destination: "0.0.0.0/0", gateway: "10.0.2.2", metric: 100, link: "d0" },
    { family: 4, destination: "192.168.0.0/16", gateway: "10.0.2.3", metric: 0, link: "d0" },
    { family: 4, destination: "172.16.0.1/32", metric: 0, link: "d0" },
    { family: 4, destination: "10.99.0.0/16", metric: 0 },
    { family: 6, destination: "2001:db8:5::/48", gateway: "fe80::1", metric: 7, link: "d0" },
    { family: 6, destination: "2001:db8:7::/48", gateway: "fe80::1", metric: 1024, link: "d0", from: "2001:db8::/64" },
    { family: 6, destination: "::/0", gateway: "fec0::2", metric: 1024, link: "d0" },
  ]);
  assertEquals(network?.tables, [100]);
  assertEquals([network?.nameServers, network?.searchDomains], [["10.0.2.3", "fe80::1%d0"], ["example.org", "lan"]]);
});

pure("name servers that resolved does not stand before are those of resolv.conf", () => {
  const { network } = decoded({
    ...HOST,
    "/etc/resolv.conf": "# nameserver 9.9.9.9\nnameserver 10.0.2.4 # here\nnameserver no\n",
  });
  assertEquals([network?.nameServers, network?.searchDomains], [["10.0.2.4"], []]);
});

pure("more routes than are read are unknown, not none, of either family", () => {
  for (const path of ["/proc/net/route", "/proc/net/ipv6_route"]) {
    const { value } = decodeFacts({
      format: "warmboot.facts/1",
      files: { ...LEAST, ...HOST, [path]: { error: "EFBIG" } },
    });
    assertEquals([value?.network?.links.length, value?.network?.routes], [3, undefined], path);
  }
});

pure("options of bonds and bridges are those that change what they do, choices by their names", () => {
  const bond = {
    miimon: "100",
    updelay: "200",
    downdelay: "300",
    "xmit_hash_policy": "layer3+4 1",
    "lacp_rate": "fast 1",
    "ad_select": "bandwidth 1",
    primary: "eth0",
    "primary_reselect": "better 1",
    "fail_over_mac": "active 1",
    "arp_interval": "0",
    "arp_ip_target": "10.0.0.1 10.0.0.2",
    "arp_validate": "filter_active 5",
    "min_links": "1",
    "all_slaves_active": "0",
  };
  const bridge = {
    "stp_state": "1",
    "forward_delay": "1500",
    "hello_time": "200",
    "max_age": "2000",
    "ageing_time": "30000",
    priority: "32768",
    "vlan_filtering": "0",
  };
  const inFolder = (folder: string, options: { readonly [name: string]: string }) =>
    Object.fromEntries(Object.entries(options).map(([name, value]) => [`${folder}/${name}`, value]));
  const { network } = decoded({
    "/sys/class/net": listing({
      bond0: { type: "1", "bonding/mode": "802.3ad 4", "bonding/slaves": "eth0 eth1", ...inFolder("bonding", bond) },
      br0: { type: "1", "bridge/root_id": "8000.5254", ...inFolder("bridge", bridge) },
    }),
  });
  assertEquals(network?.links.map(({ link }) => link), [
    {
      kind: "bond",
      mode: "802.3ad",
      options: {
        ...bond,
        "xmit_hash_policy": "layer3+4",
        "lacp_rate": "fast",
        "ad_select": "bandwidth",
        "primary_reselect": "better",
        "fail_over_mac": "active",
        "arp_validate": "filter_active",
      },
    },
    { kind: "bridge", options: bridge },
  ]);
});

pure("a line that is not the kernel's takes no other with it, but for a listing of links", () => {
  const { network, problems } = decoded({
    "/sys/class/net": HOST["/sys/class/net"],
    getifaddrs: "d0\t10.0.2.77\nd0\t10.0.2.78/24\n",
    "/proc/net/vlan/config": "a\nb\nnot a row\nd1 | 4094 | d0\n",
    "/proc/net/route": "Iface\nd0\tx\n*\t0000630A\t00000000\t0201\t0\t0\t30\t0000FFFF\t0\t0\t0\n",
    "/proc/net/ipv6_route": `00 00\n20010db80005${"0".repeat(20)} 30 ${"0".repeat(32)} 00 ${
      "0".repeat(32)
    } 00000400 00000001 00000000 00000201 lo\n`,
  });
  assertEquals(problems.length, 4);
  assertEquals(network?.links[1]?.addresses, [{ family: 4, address: "10.0.2.78", prefix: 24 }]);
  assertEquals(network?.links[2]?.link, { kind: "vlan", parent: "d0", id: 4094 });
  assertEquals(network?.routes, [
    { family: 4, destination: "10.99.0.0/16", metric: 30 },
    { family: 6, destination: "2001:db8:5::/48", metric: 1024 },
  ]);
  for (const line of ["\tmtu\t1500", "d0\t\t1500", "d0\tmtu\t", "d0\tmtu\t1500\tx"]) {
    assertEquals(decoded({ "/sys/class/net": `${HOST["/sys/class/net"]}${line}\n` }).network, undefined, line);
  }
});

pure("lines that the kernel does not write are reported, and left out", () => {
  assertEquals(decoded({ "/sys/class/net": "eth0\tmtu\n" }), {
    network: undefined,
    problems: ["/sys/class/net does not hold link, attribute and value on each line; it is ignored"],
  });
  const { network, problems } = decoded({
    "/sys/class/net": HOST["/sys/class/net"],
    getifaddrs: "d0\t10.0.2.77/33\nd0\t10.0.2.78/24\n",
    "/proc/net/vlan/config": "a\nb\nnot a row\n",
    "/proc/net/route": "Iface\nd0\tx\n",
    "/proc/net/if_inet6": "fe80 02\n",
    "/proc/net/ipv6_route": "00 00\n",
  });
  assertEquals(network?.links[1]?.addresses, [{ family: 4, address: "10.0.2.78", prefix: 24 }]);
  assertEquals(problems.map((message) => message.split(" ", 1)[0]), [
    "/proc/net/if_inet6",
    "getifaddrs",
    "/proc/net/vlan/config",
    "/proc/net/route",
    "/proc/net/ipv6_route",
  ]);
});

pure("a capture keeps what names servers and tables, and nothing else of these files", () => {
  const texts: { readonly [path: string]: string } = {
    "/etc/resolv.conf": "# by hand\noptions timeout:1\nnameserver 10.0.2.3\n",
    "/proc/net/fib_trie": "Id 100:\n  |-- 0.0.0.0\n     /0 universe UNICAST\nMain:\n  +-- 0.0.0.0/0 3 0 5\n",
  };
  const { files } = collect({
    read: (path) => {
      const text = texts[path];
      return text === undefined ? { kind: "absent" } : { kind: "bytes", bytes: new TextEncoder().encode(text) };
    },
    list: () => [],
  });
  assertEquals(files, { "/proc/net/fib_trie": "Id 100:\nMain:\n", "/etc/resolv.conf": "nameserver 10.0.2.3\n" });
});

pure("every source of the network is read for `carry` alone, since hosts have many links and routes", () => {
  const names = Object.entries(SOURCES).filter(([, { forCarry }]) => forCarry === true).map(([name]) => name);
  assertEquals(names, [
    "networkLinks",
    "networkAddresses",
    "ipv6Addresses",
    "vlans",
    "ipv4Routes",
    "ipv4Tables",
    "ipv6Routes",
    "resolver",
    "resolvedServers",
  ]);
});

pure("what only `carry` needs is read for a capture, and otherwise where it is wanted", () => {
  const read = (wanted?: { readonly carry: boolean }) => {
    const paths: string[] = [];
    collect({ read: (path) => (paths.push(path), { kind: "absent" }), list: () => [] }, wanted);
    return ["/sys/class/net", "getifaddrs", "/proc/net/route", "/etc/resolv.conf", "/proc/iomem"].filter((path) =>
      paths.includes(path)
    );
  };
  assertEquals([read().length, read({ carry: true }).length, read({ carry: false })], [5, 5, ["/proc/iomem"]]);
});

pure("routes that are down, local, anycast or remembered are not those of the host; those that refuse are", () => {
  const row = (to: string, bits: string, flags: string, link = "d0", metric = "00000400") =>
    `${to.padEnd(32, "0")} ${bits} ${"0".repeat(32)} 00 ${
      "0".repeat(32)
    } ${metric} 00000001 00000000 ${flags} ${link}\n`;
  const { network, problems } = decoded({
    "/sys/class/net": HOST["/sys/class/net"],
    "/proc/net/route": "Iface\n" +
      "d0\t0000A8C0\t0302000A\t0002\t0\t0\t0\t0000FFFF\t0\t0\t0\n" +
      "d0\t0000A9C0\t0302000A\t0003\t0\t0\t0\t0080FFFF\t0\t0\t0\n" +
      // A blackhole has no flag of its own, and no link.
      "*\t0000640A\t00000000\t0001\t0\t0\t20\t0000FFFF\t0\t0\t0\n" +
      // `via inet6 fe80::1`: it has a gateway, but none that IPv4 could name.
      "d0\t00000000\t00000000\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
    "/proc/net/ipv6_route": row("20010db80001", "30", "00000002") +
      row("20010db80002", "30", "80000001") +
      row("20010db80003", "30", "00100001") +
      row("20010db80004", "30", "01000001") +
      row("febf", "10", "00000001") +
      row("20010db80005", "30", "00000201", "lo") +
      row("20010db80006", "30", "00000001", "lo") +
      row("20010db80007", "2f", "00000001") +
      row("20010db80008", "30", "00000201", "d0", "ffffffff") +
      row("20010db80009", "30", "00000201", "lo", "ffffffff"),
  });
  assertEquals(problems, []);
  assertEquals(network?.routes, [
    { family: 4, destination: "192.169.0.0/17", gateway: "10.0.2.3", metric: 0, link: "d0" },
    { family: 4, destination: "10.100.0.0/16", metric: 20 },
    { family: 4, destination: "0.0.0.0/0", hasIpv6Gateway: true, metric: 0, link: "d0" },
    { family: 6, destination: "2001:db8:5::/48", metric: 1024 },
    { family: 6, destination: "2001:db8:7::/47", metric: 1024, link: "d0" },
    { family: 6, destination: "2001:db8:8::/48", metric: 0xffff_ffff },
  ]);
});

pure("an address that is not tried out yet, or was found elsewhere, cannot be used; one for ever is permanent", () => {
  const addresses = ["01", "02", "03", "04"].map((digits) => `d0\t2001:db8::${Number(digits)}/64\n`).join("");
  const flags = ["40", "08", "80", "20"];
  const states = flags.map((each, index) => `20010db800000000000000000000000${index + 1} 02 40 00 ${each}       d0\n`)
    .join("");
  const { network } = decoded({
    "/sys/class/net": HOST["/sys/class/net"],
    getifaddrs: addresses,
    "/proc/net/if_inet6": states + "not-an-address 02 40 00 00 d0\n20010db8000000000000000000000005 02 40 00 zz d0\n",
  });
  assertEquals(
    network?.links[1]?.addresses.map(({ state }) =>
      Object.entries(state ?? {}).flatMap(([name, holds]) => holds ? [name] : [])
    ),
    [["unusable"], ["unusable"], ["permanent"], ["deprecated"]],
  );
});

pure("a link without an address of its own has none, and one that is wireless is one by either sign", () => {
  const { network } = decoded({
    "/sys/class/net": listing({
      eth0: { ...ETHERNET, address: "00:00:00:00:00:00" },
      eth1: { ...ETHERNET, address: "52:54:00:12:34:57", addr_assign_type: "1" },
      wlan0: { ...ETHERNET, wireless: "1" },
      wlan1: { ...ETHERNET, devtype: "wlan" },
    }),
  });
  assertEquals(network?.links.map(({ mac, permanentMac }) => [mac, permanentMac]).slice(0, 2), [
    [undefined, undefined],
    ["52:54:00:12:34:57", undefined],
  ]);
  const wireless = { kind: "other", what: "a wireless link" } as const;
  assertEquals(network?.links.slice(2).map(({ link }) => link), [wireless, wireless]);
});

pure("links are in the order of their numbers, and policy tables too, without those that every host has", () => {
  const { network } = decoded({
    "/sys/class/net": listing({ a: { ifindex: "10" }, b: { ifindex: "9" } }),
    "/proc/net/fib_trie": "Id 200:\nId 253:\nId 51820:\nId 99:\nId 200:\nMain:\n",
  });
  assertEquals([network?.links.map(({ name }) => name), network?.tables], [["b", "a"], [99, 200, 51_820]]);
});

pure("either stub of resolved gives its servers, and what no resolver takes is left out", () => {
  const resolver = (text: string) => {
    const { network } = decoded({ ...HOST, "/etc/resolv.conf": text });
    return [network?.nameServers, network?.searchDomains];
  };
  assertEquals(resolver("nameserver 127.0.0.54\n")[0], ["10.0.2.3", "fe80::1%d0"]);
  assertEquals(resolver("nameserver 9.9.9.9\nnameserver 127.0.0.53\n")[0], ["10.0.2.3", "fe80::1%d0"]);
  // Another server of this host itself may be one that the next system has, too.
  assertEquals(resolver("nameserver 127.0.0.1\n")[0], ["127.0.0.1"]);
  assertEquals(resolver("search a b\ndomain c\n")[1], ["c"]);
  assertEquals(resolver("domain c\nsearch a b ; c\n")[1], ["a", "b"]);
  assertEquals(resolver("nameserver fe80::2%d0/x\nnameserver fe80::2%d0.5\nsearch . lan lan a/b\n"), [
    ["fe80::2%d0.5"],
    ["lan"],
  ]);
});

pure("a route to the own network is the kernel's where it goes to the link, and not where it has a gateway", () => {
  const routes = (via: string) =>
    decoded({
      "/sys/class/net": HOST["/sys/class/net"],
      getifaddrs: "d0\t10.0.2.77/24\n",
      "/proc/net/route": `Iface\nd0\t0002000A\t${via}\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`,
    }).network?.routes;
  assertEquals(routes("00000000"), []);
  assertEquals(routes("0202000A"), [
    { family: 4, destination: "10.0.2.0/24", gateway: "10.0.2.2", metric: 0, link: "d0" },
  ]);
});
