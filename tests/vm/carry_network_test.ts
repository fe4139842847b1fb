/**
 * `carry: [network]`: an initrd that kexec starts pings its gateway with the address of the system before, which DHCP would
 * not have given; with initramfs-tools, with dracut's own scripts, and with NetworkManager and systemd-networkd, on a device
 * alone, on a bond and on a bridge, with VLANs.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { distribution } from "./apt.ts";
import { ALL } from "./extent.ts";
import { machineWith, profile } from "./guest_profile.ts";
import type { Machine } from "./machine.ts";
import { moduleFiles } from "./modules.ts";
import { networkedDracut, networkedSystemd, networkedTools } from "./network_initrd.ts";
import { fetchKernel } from "./packages.ts";
import { BASE_CMDLINE } from "./qemu.ts";

const MAC = "52:54:00:12:34:56";

/** QEMU's user network: 10.0.2.2 and fec0::2 answer, and DHCP would give 10.0.2.15. */
const NETWORK = ["-netdev", "user,id=net0", "-device", `virtio-net-pci,netdev=net0,mac=${MAC},romfile=`];

/** Has the guest's device a name of its own, so that it is seen whether that one is carried. */
const DEVICE = "ip link set eth0 down; ip link set eth0 name lan0; ip link set lan0 up";

const ADDRESSES = (link: string): string =>
  `ip addr add 10.0.2.77/24 dev ${link} && ip -6 addr add fec0::77/64 dev ${link} && ` +
  `ip route add default via 10.0.2.2 dev ${link} && ip -6 route add default via fec0::2 dev ${link} && ` +
  "printf 'nameserver 10.0.2.3\\nsearch example.org\\n' >/etc/resolv.conf";

/** A bond, and the folder where its options are. */
const BOND = "[ -e /sys/class/net/bond0 ] || echo +bond0 >/sys/class/net/bonding_masters; " +
  "cd /sys/class/net/bond0/bonding; echo active-backup >mode";

const ASKS_TARGETS = "echo 1000 >arp_interval; echo +10.0.2.2 >arp_ip_target; echo +10.0.2.3 >arp_ip_target";

const ENSLAVE = "ip link set lan0 down; ip link set bond0 up; echo +lan0 >slaves; sleep 2";

const VLAN = "vconfig add bond0 5; ip link set bond0.5 up; ip addr add 10.5.0.7/24 dev bond0.5";

async function setUp(machine: Machine): Promise<void> {
  // QEMU's router would add routes of its own.
  await machine.output("for each in all default; do echo 0 >/proc/sys/net/ipv6/conf/$each/accept_ra; done");
  await machine.output("for each in /net/*.ko; do insmod $each; done; ip link set lo up; true");
  await machine.output(`${DEVICE}; sleep 2; mkdir -p /etc`);
}

/** Has the kernel know bonds, VLANs and bridges. */
async function insertMore(machine: Machine): Promise<void> {
  await machine.output("for each in /more/*/*.ko; do insmod $each 2>/dev/null; done; true");
}

/** Both gateways answer, the name server is known, and these are the addresses, with none that DHCP gave. */
function assertReaches(said: string, addresses: readonly string[]): void {
  assertStringIncludes(said, "carried: gateway answers");
  assertStringIncludes(said, "carried: IPv6 gateway answers");
  assertStringIncludes(said, "nameserver 10.0.2.3");
  for (const each of addresses) assertStringIncludes(said, each.includes(":") ? `inet6 ${each}` : `inet ${each}`);
  assert(!said.includes("10.0.2.15"), said);
}

/** The lines by which a link has the hardware address of the device. */
function macOf(link: string): RegExp {
  return new RegExp(`${link}: <.*\\r?\\n *link/ether ${MAC} `);
}

/** Boots an initrd, which resets the machine; what it said. */
async function bootsInto(machine: Machine, initrd: string, load: string, words = ""): Promise<string> {
  await profile(
    machine,
    `kernel: /boot/vmlinuz\ninitrd: ${initrd}\ncmdline: ${BASE_CMDLINE}${words}\nload: ${load}\ncarry: [network]`,
  );
  const before = machine.console().length;
  await machine.runToBoot("warmboot load --exec --now /run/p.yaml");
  return machine.console(before);
}

/** Boots an initrd of dracut from a bond that asks ARP targets, with a VLAN on it; what it said, see `bootsInto`. */
async function bootsWithBond(machine: Machine, initrd: string): Promise<string> {
  await setUp(machine);
  await insertMore(machine);
  await machine.output(`${BOND}; ${ASKS_TARGETS}; ${ENSLAVE}; ip link set bond0 mtu 1400; ${VLAN}`);
  await machine.output(ADDRESSES("bond0"));
  // dracut wants a root file system, and never gets to it here.
  return await bootsInto(machine, initrd, "kexec_file_load", " root=/dev/vda");
}

Deno.test({
  name: "the next initrd pings its gateway with the address of the running system",
  // What the files say is covered by unit tests.
  ignore: !ALL || await distribution() === undefined,
  async fn(t) {
    const debian = await distribution() === "debian";
    const kernel = await fetchKernel(debian ? "6.1" : "host");
    const modules = {
      ...await moduleFiles(kernel, "virtio_net", "/net"),
      ...await moduleFiles(kernel, "bonding", "/more/bonding"),
      ...await moduleFiles(kernel, "8021q", "/more/vlan"),
      ...await moduleFiles(kernel, "bridge", "/more/bridge"),
    };
    const drivers = ["virtio_pci", "virtio_net", "bonding", "8021q"];
    const files = {
      ...modules,
      "/boot/initrd.tools": await networkedTools(kernel),
      ...(debian
        ? {
          "/boot/initrd.dracut": await networkedDracut(kernel, "network-legacy", drivers),
          "/boot/initrd.manager": await networkedDracut(kernel, "network-manager", [...drivers, "bridge"]),
        }
        : {}),
      "/boot/initrd.systemd": await networkedSystemd(kernel, drivers),
    };
    await using machine = await machineWith(kernel, { warmboot: "cli.ts" }, { resets: true, extra: NETWORK }, files);

    await t.step("a plan from a capture is the plan on the host, and has every line", async () => {
      await setUp(machine);
      await machine.output(ADDRESSES("lan0"));
      await profile(
        machine,
        `kernel: /boot/vmlinuz\ninitrd: /boot/initrd.systemd\ncmdline: ${BASE_CMDLINE}\ncarry: [network]`,
      );
      const here = await machine.output("warmboot plan -o json /run/p.yaml");
      await machine.output("warmboot facts --images /run/p.yaml >/run/host.json");
      assertEquals(await machine.output("warmboot plan -o json --facts /run/host.json /run/p.yaml"), here);
      const { carry } = JSON.parse(here);
      assertEquals([carry.network.tool, carry.network.omitted], ["systemd-networkd", []]);
      const lines = carry.network.files.flatMap(({ lines }: { readonly lines: readonly string[] }) => lines);
      for (const line of ["Name=lan0", `PermanentMACAddress=${MAC}`, "Address=10.0.2.77/24", "Gateway=10.0.2.2"]) {
        assert(lines.includes(line), `${line} in ${lines.join(", ")}`);
      }
    });

    await t.step("initramfs-tools: the address, and no other", async () => {
      const said = await bootsInto(machine, "/boot/initrd.tools", "kexec_file_load");
      assertStringIncludes(said, "carried: gateway answers");
      assertStringIncludes(said, "inet 10.0.2.77/24");
      assertStringIncludes(said, "nameserver 10.0.2.3");
    });

    await t.step({
      name: "dracut, network-legacy: the address, and the name of the device",
      ignore: !debian,
      async fn() {
        await setUp(machine);
        await machine.output(ADDRESSES("lan0"));
        // dracut wants a root file system, and never gets to it here.
        const said = await bootsInto(machine, "/boot/initrd.dracut", "kexec_file_load", " root=/dev/vda");
        assertStringIncludes(said, "carried: gateway answers");
        assertMatch(said, /lan0: <[^>]*\bUP\b/);
        assertStringIncludes(said, "inet 10.0.2.77/24");
        assert(!said.includes("10.0.2.15"), said);
        assertStringIncludes(said, "nameserver 10.0.2.3");
      },
    });

    await t.step({
      name: "dracut, network-legacy: a bond that asks ARP targets, and a VLAN on it",
      ignore: !debian,
      async fn() {
        const said = await bootsWithBond(machine, "/boot/initrd.dracut");
        assertStringIncludes(said, "carried: gateway answers");
        assertStringIncludes(said, "inet 10.0.2.77/24");
        assertStringIncludes(said, "inet 10.5.0.7/24");
        assertMatch(said, /bond0: <[^>]*\bUP\b[^>]*> mtu 1400 /);
        assertMatch(said, macOf("bond0"));
      },
    });

    await t.step({
      name: "dracut, network-manager: every address, route and MTU of a device, and those of a VLAN",
      ignore: !debian,
      async fn() {
        await setUp(machine);
        await insertMore(machine);
        await machine.output(`ip link set lan0 mtu 1400; ${ADDRESSES("lan0")}`);
        await machine.output(
          "ip addr add 10.0.2.78/24 dev lan0 && ip addr add 192.168.7.1/28 dev lan0 && " +
            "ip -6 addr add fd00:7::1/64 dev lan0 && ip route add 10.9.8.0/24 dev lan0 && " +
            "ip route add 10.9.9.0/24 via 10.0.2.9 dev lan0 && ip -6 route add fd00:9::/64 via fec0::9 dev lan0 && " +
            "vconfig add lan0 5 && ip link set lan0.5 up mtu 1300 && ip addr add 10.5.0.7/24 dev lan0.5 && " +
            "ip route add 10.55.0.0/16 via 10.5.0.1 dev lan0.5",
        );
        const said = await bootsInto(machine, "/boot/initrd.manager", "kexec_file_load", " root=/dev/vda");
        assertReaches(said, ["10.0.2.77/24", "10.0.2.78/24", "192.168.7.1/28", "fec0::77/64", "fd00:7::1/64"]);
        assertMatch(said, /^network-manager\r?$/m);
        assert(!said.includes("network-legacy"), said);
        assertStringIncludes(said, "carried: host name guest");
        assertMatch(said, /lan0: <[^>]*\bUP\b[^>]*> mtu 1400 /);
        assertMatch(said, /lan0\.5@lan0: <[^>]*\bUP\b[^>]*> mtu 1300 /);
        assertMatch(said, /lan0\.5\s*\|\s*5\s*\|\s*lan0/);
        for (
          const line of [
            "default via 10.0.2.2 dev lan0",
            "default via fec0::2 dev lan0",
            "10.9.8.0/24 dev lan0",
            "10.9.9.0/24 via 10.0.2.9 dev lan0",
            "10.55.0.0/16 via 10.5.0.1 dev lan0.5",
            "fd00:9::/64 via fec0::9 dev lan0",
          ]
        ) assertStringIncludes(said, line);
      },
    });

    await t.step({
      name: "dracut, network-manager: a bond that asks ARP targets, and a VLAN on it",
      ignore: !debian,
      async fn() {
        const said = await bootsWithBond(machine, "/boot/initrd.manager");
        assertReaches(said, ["10.0.2.77/24", "fec0::77/64", "10.5.0.7/24"]);
        assertStringIncludes(said, "Bonding Mode: fault-tolerance (active-backup)");
        assertMatch(said, /ARP IP target\/s \(n\.n\.n\.n form\): 10\.0\.2\.2\r?\n/);
        assertStringIncludes(said, "Slave Interface: lan0");
        assertMatch(said, /bond0\.5\s*\|\s*5\s*\|\s*bond0/);
        assertMatch(said, /bond0: <[^>]*\bUP\b[^>]*> mtu 1400 /);
        assertMatch(said, macOf("bond0"));
      },
    });

    await t.step({
      name: "dracut, network-manager: a bridge, whose port has its MTU",
      ignore: !debian,
      async fn() {
        await setUp(machine);
        await insertMore(machine);
        await machine.output(
          "ip link set lan0 mtu 1600 && brctl addbr br0 && brctl addif br0 lan0 && ip link set br0 up mtu 1600; sleep 2",
        );
        await machine.output(ADDRESSES("br0"));
        const said = await bootsInto(machine, "/boot/initrd.manager", "kexec_file_load", " root=/dev/vda");
        assertReaches(said, ["10.0.2.77/24", "fec0::77/64"]);
        assertMatch(said, /lan0: <[^>]*\bUP\b[^>]*> mtu 1600 [^\n]*master br0/);
        assertMatch(said, /br0: <[^>]*\bUP\b[^>]*> mtu 1600 /);
        assertMatch(said, macOf("br0"));
      },
    });

    await t.step("systemd-networkd: addresses of both families, and the name of the device", async () => {
      await setUp(machine);
      await machine.output(ADDRESSES("lan0"));
      const said = await bootsInto(machine, "/boot/initrd.systemd", "kexec_load");
      assertReaches(said, ["10.0.2.77/24", "fec0::77/64"]);
      assertStringIncludes(said, "carried: host name guest");
      assertMatch(said, /lan0: <[^>]*\bUP\b/);
      assertStringIncludes(said, "search example.org");
    });

    await t.step("systemd-networkd: a bond, and a VLAN on it", async () => {
      await setUp(machine);
      await insertMore(machine);
      await machine.output(`${BOND}; echo 100 >miimon; ${ENSLAVE}; ${VLAN}`);
      await machine.output(ADDRESSES("bond0"));
      const said = await bootsInto(machine, "/boot/initrd.systemd", "kexec_file_load");
      assertStringIncludes(said, "carried: gateway answers");
      assertStringIncludes(said, "Bonding Mode: fault-tolerance (active-backup)");
      assertStringIncludes(said, "Slave Interface: lan0");
      assertMatch(said, /bond0\.5\s*\|\s*5\s*\|\s*bond0/);
      assertStringIncludes(said, "inet 10.5.0.7/24");
    });
  },
});
