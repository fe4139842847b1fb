import { assert, assertEquals } from "@std/assert";
import { decodeFacts } from "../../src/host/decode_facts.ts";
import { liveReader } from "../../src/host/live.ts";
import { parseDeviceTree } from "../../src/formats/fdt.ts";
import type { SourceResult } from "../../src/host/reader.ts";
import { SOURCES } from "../../src/host/sources.ts";
import { type FakeFiles, withFakeFiles } from "../support/fake_files.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** What the live reader gives for a path on a host of these files: its text, or the result where there is none. */
function read(path: string, files: FakeFiles): string | Exclude<SourceResult, { readonly kind: "bytes" }> {
  const result = withFakeFiles(files, () => liveReader().read(path));
  return result.kind === "bytes" ? new TextDecoder().decode(result.bytes) : result;
}

/** The lines of a listing, whose names have tabs between, with spaces in their place. */
function listed(path: string, files: FakeFiles): readonly string[] {
  const text = read(path, files);
  return typeof text === "string" ? text.split("\n").slice(0, -1).map((line) => line.replaceAll("\t", " ")) : [];
}

const CARD = "/sys/devices/pci0000:00/0000:00:03.0";
const DISK = "/sys/devices/pci0000:00/0000:00:05.0/block/vda";

pure("bound devices: links of drivers to devices, each with where it leads; modules and CPUs are none", () => {
  assertEquals(
    listed("/sys/bus", {
      [`${CARD}/vendor`]: "0x8086\n",
      "/sys/devices/pnp0/00:00/id": "PNP0303\n",
      "/sys/devices/system/cpu/cpu0/online": "1\n",
      "/sys/module/e1000/version": "1\n",
      "/sys/bus/pci/drivers/e1000/0000:00:03.0": { to: "../../../../devices/pci0000:00/0000:00:03.0" },
      // On some buses, a link `module` leads to a device.
      "/sys/bus/pci/drivers/e1000/module": { to: CARD },
      "/sys/bus/pci/drivers/e1000/bind": "",
      "/sys/bus/pci/drivers/e1000/gone": { to: "/sys/devices/none" },
      "/sys/bus/pci/drivers/e1000/tab": { to: "/sys/devices/a\tb" },
      "/sys/devices/a\tb/vendor": "0x8086\n",
      "/sys/bus/pci/drivers/e1000/elsewhere": { to: "/sys/module/e1000" },
      "/sys/bus/pnp/drivers/i8042 kbd/00:00": { to: "/sys/devices/pnp0/00:00" },
      "/sys/bus/cpu/drivers/processor/cpu0": { to: "/sys/devices/system/cpu/cpu0" },
    }),
    [`pci e1000 0000:00:03.0 ${CARD}`, "pnp i8042 kbd 00:00 /sys/devices/pnp0/00:00"],
  );
});

/** A line of /proc/self/mountinfo. */
const mount = (numbers: string, at: string, type: string, source: string) =>
  `36 35 ${numbers} / ${at} rw,relatime shared:1 - ${type} ${source} rw\n`;

/** `/` on LVM over two disks, one of them by way of LUKS; beside it a disk of its own. */
const DISKS: FakeFiles = {
  [`${DISK}/size`]: "1\n",
  [`${DISK}/vda2/size`]: "1\n",
  "/sys/devices/sdb/block/sdb/size": "1\n",
  "/sys/devices/virtual/block/dm-0/slaves/dm-1": { to: "../../dm-1" },
  "/sys/devices/virtual/block/dm-0/slaves/sdb": { to: "/sys/devices/sdb/block/sdb" },
  "/sys/devices/virtual/block/dm-1/slaves/vda2": { to: `${DISK}/vda2` },
  "/sys/class/block/dm-0": { to: "/sys/devices/virtual/block/dm-0" },
  "/sys/class/block/dm-1": { to: "/sys/devices/virtual/block/dm-1" },
  "/sys/class/block/vda2": { to: `${DISK}/vda2` },
  "/sys/class/block/sdb": { to: "/sys/devices/sdb/block/sdb" },
  "/sys/dev/block/254:0": { to: "/sys/devices/virtual/block/dm-0" },
  "/sys/dev/block/253:2": { to: `${DISK}/vda2` },
  "/dev/dm-0": "",
  "/dev/mapper/vg-root": { to: "../dm-0" },
};

pure(
  "root disks: those below device mapper, of the mount that is seen; by its source where it has a number of its own",
  () => {
    const disks = (mountinfo: string) => listed("/sys/dev/block", { ...DISKS, "/proc/self/mountinfo": mountinfo });
    const boot = mount("253:2", "/boot", "ext4", "/dev/vda2");
    const root = mount("254:0", "/", "ext4", "/dev/mapper/vg-root");
    assertEquals(disks(mount("253:2", "/", "ext4", "/dev/vda2")), [`${DISK}/vda2`]);
    assertEquals(disks(`${mount("0:2", "/", "rootfs", "none")}${root}${boot}`), [
      `${DISK}/vda2`,
      "/sys/devices/sdb/block/sdb",
    ]);
    assertEquals(disks(mount("0:30", "/", "btrfs", "/dev/vda2")), [`${DISK}/vda2`]);
    assertEquals(disks(mount("0:30", "/", "btrfs", "/dev/mapper/vg-root")), [
      `${DISK}/vda2`,
      "/sys/devices/sdb/block/sdb",
    ]);
  },
);

pure(
  "root disks: what lies in memory has none; where some of what is needed cannot be seen, they are not known",
  () => {
    const iscsi = "/sys/devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdc";
    const files: FakeFiles = {
      ...DISKS,
      [`${iscsi}/size`]: "1\n",
      "/sys/devices/virtual/block/loop0/loop/backing_file": "/media/root.img\n",
      "/sys/devices/virtual/block/ram0/size": "1\n",
      "/sys/devices/virtual/block/dm-9/dm/name": "zero\n",
      "/sys/devices/virtual/nvme-fabrics/ctl/nvme0/nvme0n1/size": "1\n",
      "/sys/dev/block/7:0": { to: "/sys/devices/virtual/block/loop0" },
      "/sys/dev/block/1:0": { to: "/sys/devices/virtual/block/ram0" },
      "/sys/dev/block/8:32": { to: iscsi },
      "/sys/dev/block/254:9": { to: "/sys/devices/virtual/block/dm-9" },
      "/sys/dev/block/259:0": { to: "/sys/devices/virtual/nvme-fabrics/ctl/nvme0/nvme0n1" },
      "/sys/fs/btrfs/0001/devices/vda2": { to: `${DISK}/vda2` },
      "/sys/fs/btrfs/0001/devices/gone": { to: "/sys/devices/none" },
    };
    const disks = (mountinfo: string) => read("/sys/dev/block", { ...files, "/proc/self/mountinfo": mountinfo });
    for (const type of ["rootfs", "ramfs", "tmpfs"]) assertEquals(disks(mount("0:2", "/", type, "/dev/vda2")), "");
    assertEquals(disks(mount("1:0", "/", "ext4", "/dev/ram0")), "/sys/devices/virtual/block/ram0\n");
    const unknown = [
      mount("0:30", "/", "overlay", "overlay"),
      mount("0:31", "/", "zfs", "rpool/ROOT"),
      mount("0:32", "/", "nfs4", "server:/root"),
      mount("7:0", "/", "squashfs", "/dev/loop0"),
      mount("8:32", "/", "ext4", "/dev/sdc"),
      mount("254:9", "/", "ext4", "/dev/mapper/zero"),
      mount("259:0", "/", "xfs", "/dev/nvme0n1"),
      mount("9:9", "/", "ext4", "/dev/gone"),
      mount("0:30", "/", "btrfs", "/dev/vda2"),
      mount("253:2", "/boot", "ext4", "/dev/vda2"),
    ];
    for (const each of unknown) assertEquals(disks(each), { kind: "absent" }, each);
  },
);

pure("root disks: a disk that is there twice is named once; of devices that lie on each other, it is not known", () => {
  const twice = {
    ...DISKS,
    "/sys/devices/virtual/block/dm-0/slaves/vda2": { to: `${DISK}/vda2` },
    "/proc/self/mountinfo": mount("254:0", "/", "ext4", "/dev/mapper/vg-root"),
  };
  assertEquals(listed("/sys/dev/block", twice), [`${DISK}/vda2`, "/sys/devices/sdb/block/sdb"]);
  const loop = { ...twice, "/sys/devices/virtual/block/dm-1/slaves/dm-0": { to: "../../dm-0" } };
  assertEquals(read("/sys/dev/block", loop), { kind: "absent" });
});

pure("root disks: an NVMe namespace of several controllers lies below each; a Btrfs on every disk of it", () => {
  const subsystem = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0";
  const controllers = ["0000:01:00.0", "0000:02:00.0"].map((card, index) =>
    `/sys/devices/pci0000:00/${card}/nvme/nvme${index}`
  );
  const nvme: FakeFiles = {
    [`${subsystem}/nvme0n1/nvme0n1p2/size`]: "1\n",
    [`${subsystem}/nvme0`]: { to: controllers[0] ?? "" },
    [`${subsystem}/nvme1`]: { to: controllers[1] ?? "" },
    [`${subsystem}/subsystem`]: { to: "/sys/class/nvme-subsystem" },
    ...Object.fromEntries(controllers.map((path) => [`${path}/model`, "x\n"])),
    "/sys/class/block/nvme0n1p2": { to: `${subsystem}/nvme0n1/nvme0n1p2` },
    "/sys/dev/block/259:2": { to: `${subsystem}/nvme0n1/nvme0n1p2` },
    "/proc/self/mountinfo": mount("259:2", "/", "ext4", "/dev/nvme0n1p2"),
  };
  assertEquals(listed("/sys/dev/block", nvme), controllers);
  // Without links to its controllers, nobody knows by what it is reached.
  const { [`${subsystem}/nvme0`]: _, [`${subsystem}/nvme1`]: __, ...alone } = nvme;
  assertEquals(read("/sys/dev/block", alone), { kind: "absent" });
  const several: FakeFiles = {
    ...DISKS,
    "/sys/fs/btrfs/features/raid56": "0\n",
    "/sys/fs/btrfs/0001/devices/other": { to: "/sys/devices/none" },
    "/sys/fs/btrfs/0002/devices/sdb": { to: "/sys/devices/sdb/block/sdb" },
    "/sys/fs/btrfs/0002/devices/vda2": { to: `${DISK}/vda2` },
    "/proc/self/mountinfo": mount("0:30", "/", "btrfs", "/dev/vda2"),
  };
  assertEquals(listed("/sys/dev/block", several), ["/sys/devices/sdb/block/sdb", `${DISK}/vda2`]);
});

pure("consoles: those that the kernel writes to; a screen's is that of the framebuffers", () => {
  const files: FakeFiles = {
    "/sys/devices/pnp0/00:04/id": "PNP0501\n",
    [`${CARD}/graphics/fb0/name`]: "x\n",
    "/sys/class/tty/ttyS0/device": { to: "/sys/devices/pnp0/00:04" },
    "/sys/class/tty/hvc0/active": "",
    "/sys/class/graphics/fb0/device": { to: CARD },
    "/sys/class/graphics/fbcon/rotate": "0\n",
    "/sys/class/tty/console/active": "tty0 ttyS0 ttyS0 hvc0\n",
  };
  assertEquals(listed("/sys/class/tty/console", files), [`tty0 ${CARD}`, "ttyS0 /sys/devices/pnp0/00:04"]);
  const second = { ...files, "/sys/class/tty/console/active": "tty12 ttynull\n" };
  assertEquals(listed("/sys/class/tty/console", second), [`tty12 ${CARD}`]);
});

pure("open volumes: devices of dm-crypt with name, UUID and what they lie on, and no other mapping", () => {
  const folder = (name: string) => `/sys/devices/virtual/block/${name}`;
  const mapping = (name: string, title: string, uuid: string, slave?: string): FakeFiles => ({
    [`/sys/class/block/${name}`]: { to: folder(name) },
    [`${folder(name)}/dm/name`]: `${title}\n`,
    [`${folder(name)}/dm/uuid`]: `${uuid}\n`,
    ...(slave === undefined ? {} : { [`${folder(name)}/slaves/${slave}`]: "" }),
  });
  assertEquals(
    listed("/sys/class/block", {
      ...mapping("dm-0", "root", "CRYPT-LUKS2-0123-root", "vda2"),
      ...mapping("dm-1", "vg-home", "LVM-0123", "dm-0"),
      ...mapping("dm-2", "empty", "CRYPT-LUKS2-4567-empty"),
      ...mapping("dm-3", "", "CRYPT-LUKS2-89ab-", "vdb1"),
      ...mapping("dm-4", "a\tb", "CRYPT-LUKS2-cdef-a", "vdb1"),
      ...mapping("md0", "raid", "CRYPT-LUKS2-0000-raid", "vdb1"),
      "/sys/class/block/vda2": { to: `${DISK}/vda2` },
      [`${DISK}/vda2/size`]: "1\n",
    }),
    ["root CRYPT-LUKS2-0123-root /dev/vda2"],
  );
});

pure("disk links: the names of udev and of device mapper, and where they lead", () => {
  assertEquals(
    listed("/dev/disk", {
      "/dev/vda2": "",
      "/dev/dm-0": "",
      "/dev/disk/by-uuid/ABCD-1234": { to: "../../vda2" },
      "/dev/disk/by-label/root": { to: "../../vda2" },
      "/dev/disk/by-label/gone": { to: "../../vdz" },
      "/dev/disk/by-label/a\tb": { to: "../../vda2" },
      "/dev/mapper/control": "",
      "/dev/mapper/root": { to: "../dm-0" },
    }),
    [
      "/dev/disk/by-label/root /dev/vda2",
      "/dev/disk/by-uuid/ABCD-1234 /dev/vda2",
      "/dev/mapper/root /dev/dm-0",
    ],
  );
});

pure("names in a folder are in the order of their numbers, whatever order the folder has", () => {
  const files = Object.fromEntries([10, 9, 100, 1].map((cpu) => [`/sys/devices/system/cpu/cpu${cpu}/online`, "1\n"]));
  const names = withFakeFiles(files, () => liveReader().list("/sys/devices/system/cpu"));
  assertEquals(names, ["cpu1", "cpu9", "cpu10", "cpu100"]);
});

pure("a listing of a folder that is not there is absent; of one that has nothing, it is empty", () => {
  assertEquals(read("/sys/class/block", {}), { kind: "absent" });
  assertEquals(read("/sys/class/block", { "/sys/class/block/vda": { to: "/sys/devices/none" } }), "");
  assertEquals(read("/sys/dev/block", { "/sys/dev/block/1:1": "" }), { kind: "absent" }, "without /proc");
});

pure("network links: links alone, with the attributes that they have, their device, master and kind", () => {
  const net = "/sys/class/net";
  const wired = `${CARD}/net/eth0`;
  const files: FakeFiles = {
    [`${net}/bonding_masters`]: "bond0\n",
    [`${net}/eth0`]: { to: wired },
    [`${wired}/ifindex`]: "2\n",
    [`${wired}/address`]: "52:54:00:12:34:56\n",
    [`${wired}/tx_queue_len`]: "1000\n",
    [`${wired}/mtu`]: "1500\n",
    // A link that is down has no carrier.
    [`${wired}/carrier`]: { error: new Error("Invalid argument") },
    [`${wired}/device`]: { to: CARD },
    [`${wired}/master`]: { to: "/sys/devices/virtual/net/bond0" },
    [`${wired}/bonding_slave/perm_hwaddr`]: "52:54:00:00:00:01\n",
    [`${wired}/uevent`]: "INTERFACE=eth0\nIFINDEX=2\n",
    [`${net}/bond0`]: { to: "/sys/devices/virtual/net/bond0" },
    "/sys/devices/virtual/net/bond0/ifindex": "3\n",
    "/sys/devices/virtual/net/bond0/bonding/mode": "active-backup 1\n",
    "/sys/devices/virtual/net/bond0/bonding/slaves": "eth0\n",
    "/sys/devices/virtual/net/bond0/bonding/arp_ip_target": "\n",
    "/sys/devices/virtual/net/bond0/uevent": "DEVTYPE=bond\nINTERFACE=bond0\n",
    [`${net}/br0`]: { to: "/sys/devices/virtual/net/br0" },
    "/sys/devices/virtual/net/br0/bridge/stp_state": "1\n",
    "/sys/devices/virtual/net/br0/bridge/root_id": "8000.5254\n",
    [`${net}/wlan0`]: { to: "/sys/devices/virtual/net/wlan0" },
    "/sys/devices/virtual/net/wlan0/phy80211/name": "phy0\n",
    [`${net}/wlan1`]: { to: "/sys/devices/virtual/net/wlan1" },
    "/sys/devices/virtual/net/wlan1/wireless/status": "0\n",
    "/sys/devices/virtual/net/wlan1/uevent": "OLD_DEVTYPE=x\n",
    "/sys/devices/virtual/net/wlan1/device": { to: "/sys/devices/a\tb" },
    "/sys/devices/a\tb/vendor": "",
  };
  assertEquals(listed(net, files), [
    "bond0 ifindex 3",
    "bond0 bonding/mode active-backup 1",
    "bond0 devtype bond",
    "br0 bridge/stp_state 1",
    "eth0 ifindex 2",
    "eth0 address 52:54:00:12:34:56",
    "eth0 mtu 1500",
    "eth0 bonding_slave/perm_hwaddr 52:54:00:00:00:01",
    `eth0 device ${CARD}`,
    "eth0 master bond0",
    "wlan0 wireless 1",
    "wlan1 wireless 1",
  ]);
});

pure("each attribute of a link is read, and the addresses of all links from where they are", () => {
  const attributes = ["ifindex", "type", "address", "addr_assign_type", "mtu", "flags", "carrier", "tun_flags"];
  const files = Object.fromEntries(attributes.map((name) => [`/sys/devices/virtual/net/tap0/${name}`, `${name}\n`]));
  assertEquals(
    listed("/sys/class/net", { ...files, "/sys/class/net/tap0": { to: "/sys/devices/virtual/net/tap0" } }),
    attributes.map((name) => `tap0 ${name} ${name}`),
  );
  const interfaces = Deno.networkInterfaces;
  const of = (name: string, cidr: string) => ({ name, cidr }) as Deno.NetworkInterfaceInfo;
  Deno.networkInterfaces = () => [of("lo", "127.0.0.1/8"), of("eth0:1", "fe80::1/64")];
  try {
    assertEquals(read("getifaddrs", {}), "lo\t127.0.0.1/8\neth0:1\tfe80::1/64\n");
  } finally {
    Deno.networkInterfaces = interfaces;
  }
});

pure("every option of a bond or bridge that changes what it does is read of sysfs, and decoded", () => {
  const bonding = ["mode", "miimon", "updelay", "downdelay", "xmit_hash_policy", "lacp_rate", "ad_select", "primary"]
    .concat("primary_reselect", "fail_over_mac", "arp_interval", "arp_ip_target", "arp_validate", "min_links")
    .concat("all_slaves_active");
  const bridge = ["stp_state", "forward_delay", "hello_time", "max_age", "ageing_time", "priority", "vlan_filtering"];
  const link = (name: string, folder: string, options: readonly string[]): FakeFiles => ({
    [`/sys/class/net/${name}`]: { to: `/sys/devices/virtual/net/${name}` },
    [`/sys/devices/virtual/net/${name}/ifindex`]: "2\n",
    ...Object.fromEntries(
      options.map((option) => [`/sys/devices/virtual/net/${name}/${folder}/${option}`, `${option} 1\n`]),
    ),
  });
  const text = read("/sys/class/net", { ...link("bond0", "bonding", bonding), ...link("br0", "bridge", bridge) });
  assert(typeof text === "string");
  const facts = decodeFacts({
    format: "warmboot.facts/1",
    files: { "/proc/sys/kernel/arch": "x86_64\n", "/proc/sys/kernel/osrelease": "6.1.0\n", "/sys/class/net": text },
  }).value;
  const options = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, name]));
  assertEquals(facts?.network?.links.map(({ link }) => link), [
    { kind: "bond", mode: "mode", options: options(bonding.slice(1)) },
    { kind: "bridge", options: options(bridge) },
  ]);
});

pure("network links: every attribute that a link, a bond or a bridge can have, by the names of sysfs", () => {
  const link = [
    ...["ifindex", "type", "address", "addr_assign_type", "mtu", "flags", "carrier", "tun_flags"],
    "bonding_slave/perm_hwaddr",
  ];
  const bond = [
    ...["mode", "miimon", "updelay", "downdelay", "xmit_hash_policy", "lacp_rate", "ad_select", "primary"],
    ...["primary_reselect", "fail_over_mac", "arp_interval", "arp_ip_target", "arp_validate", "min_links"],
    "all_slaves_active",
  ].map((name) => `bonding/${name}`);
  const bridge = ["stp_state", "forward_delay", "hello_time", "max_age", "ageing_time", "priority", "vlan_filtering"]
    .map((name) => `bridge/${name}`);
  const all = [...link, ...bond, ...bridge];
  const folder = "/sys/devices/virtual/net/x";
  const files = Object.fromEntries(all.map((name) => [`${folder}/${name}`, `a b ${name}\n`]));
  assertEquals(
    listed("/sys/class/net", { ...files, "/sys/class/net/x": { to: folder } }),
    all.map((name) => `x ${name} a b ${name}`),
  );
});

/** What `look` gives where each folder has these names, all of them links to a device of the same name. */
function withFolders<T>(names: (folder: string) => readonly string[], look: () => T): T {
  const real = { readDirSync: Deno.readDirSync, realPathSync: Deno.realPathSync, statSync: Deno.statSync };
  const readDirSync = (folder: string) =>
    names(folder).map((name) => ({ name, isSymlink: true, isFile: false, isDirectory: false })).values();
  const realPathSync = (path: string) => `/sys/devices/${path.slice(path.lastIndexOf("/") + 1)}`;
  Object.assign(Deno, { readDirSync, realPathSync, statSync: () => ({}) });
  try {
    return look();
  } finally {
    Object.assign(Deno, real);
  }
}

pure("of a host with more devices, disks or links than any has, the first are listed", () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);
  const rows = (path: string, most: string, count: number) => {
    const text = withFolders(
      (folder) =>
        folder === most ? many(count) : folder === "/sys/bus" ? ["pci"] : folder.endsWith("/drivers") ? ["x"] : [],
      () => liveReader().read(path),
    );
    return text.kind === "bytes" ? text.bytes.filter((byte) => byte === 10).length : text;
  };
  assertEquals(rows("/sys/bus", "/sys/bus/pci/drivers/x", 10_001), 10_000);
  assertEquals(rows("/dev/disk", "/dev/mapper", 10_001), 10_000);
  assertEquals(rows("/sys/class/net", "/sys/class/net", 4097), 4096);
  const interfaces = Deno.networkInterfaces;
  Deno.networkInterfaces = () => many(8193).map((name) => ({ name, cidr: "::1/128" }) as Deno.NetworkInterfaceInfo);
  try {
    const result = liveReader().read("getifaddrs");
    const lines = result.kind === "bytes" ? new TextDecoder().decode(result.bytes).split("\n") : [];
    assertEquals([lines.length, lines[8191]], [8193, "8191\t::1/128"]);
  } finally {
    Deno.networkInterfaces = interfaces;
  }
});

pure("a host without a device tree as a file has it as folders, which read as the file that makes them", () => {
  const base = "/sys/firmware/devicetree/base";
  const result = withFakeFiles({
    "/proc/device-tree": { to: base },
    [`${base}/name`]: "\0",
    [`${base}/model`]: "board\0",
    [`${base}/chosen/bootargs`]: "ro\0",
  }, () => liveReader().read("/proc/device-tree"));
  const parsed = parseDeviceTree(result.kind === "bytes" ? result.bytes : new Uint8Array());
  const property = (name: string, value: string) => ({ name, value: new TextEncoder().encode(value) });
  assertEquals(parsed.kind === "tree" ? parsed.tree.root : parsed, {
    name: "",
    properties: [property("model", "board\0")],
    children: [{ name: "chosen", properties: [property("bootargs", "ro\0")], children: [] }],
  });
});

pure("links of /proc and sysfs are read as what they say", () => {
  const files: FakeFiles = {
    "/proc/1/exe": { to: "/usr/lib/systemd/systemd (deleted)" },
    "/proc/self/ns/pid": { to: "pid:[4026531836]" },
    "/sys/class/watchdog/watchdog1/device/driver": { to: "../../../bus/pci/drivers/i6300ESB timer" },
  };
  assertEquals(read("/proc/1/exe", files), "/usr/lib/systemd/systemd (deleted)\n");
  assertEquals(read("/proc/self/ns/pid", files), "pid:[4026531836]\n");
  assertEquals(
    read("/sys/class/watchdog/watchdog1/device/driver", files),
    "../../../bus/pci/drivers/i6300ESB timer\n",
  );
});

pure("open devices: the live update sessions and watchdogs of a process, and nothing of what else it holds", () => {
  const files: FakeFiles = {
    "/proc/12/fd/0": { to: "/dev/null" },
    "/proc/12/fd/10": { to: "/dev/watchdog0" },
    "/proc/12/fd/9": { to: "anon_inode:[luo_session] vm state" },
    "/proc/12/fd/3": { to: "/dev/watchdog" },
    "/proc/12/fd/4": { to: "/dev/watchdogs" },
    "/proc/12/fd/5": { to: "/home/dev/watchdog0" },
    "/proc/12/fd/6": "a descriptor that was closed meanwhile",
    "/proc/13/fd/0": { to: "/dev/null" },
  };
  assertEquals(
    read("/proc/12/fd", files),
    "3 /dev/watchdog\n9 anon_inode:[luo_session] vm state\n10 /dev/watchdog0\n",
  );
  assertEquals(read("/proc/13/fd", files), { kind: "absent" });
  assertEquals(read("/proc/14/fd", files), { kind: "absent" });
});

pure("a kernel before 6.1 does not say its machine, and the runtime does", () => {
  assertEquals(read("/proc/sys/kernel/arch", {}), `${Deno.build.arch}\n`);
});

pure("an error is kept by its errno, or by its name where it has none", () => {
  const broken = (error: Error) => read("/proc/cmdline", { "/proc/cmdline": { error } });
  assertEquals(broken(Object.assign(new Error("x"), { code: "EIO" })), { kind: "error", error: "EIO" });
  assertEquals(broken(new Deno.errors.PermissionDenied("x")), { kind: "error", error: "PermissionDenied" });
  assertEquals(broken(Object.assign(new Error("x"), { code: "ENOTDIR" })), { kind: "absent" });
});

pure(
  "the first bytes of memory are read on a machine of a BIOS that is not locked down, and not tried elsewhere",
  () => {
    const lockdown = "/sys/kernel/security/lockdown";
    if (Deno.build.arch !== "x86_64") return;
    assertEquals(read("/dev/mem", { "/sys/firmware/efi/systab": "", "/dev/mem": "" }), { kind: "absent" });
    // Whether it is one of UEFI is not known.
    const hidden = { "/sys/firmware/efi": { error: Object.assign(new Error("x"), { code: "EACCES" }) } };
    assertEquals(read("/dev/mem", hidden), { kind: "error", error: "EACCES" });
    const locked = { "/dev/mem": "", [lockdown]: "none [integrity] confidentiality\n" };
    assertEquals(read("/dev/mem", locked), { kind: "error", error: "EPERM" });
    const opened: string[] = [];
    const open = Deno.openSync;
    Deno.openSync = (path) => {
      opened.push(String(path));
      throw Object.assign(new Error("x"), { code: "EACCES" });
    };
    try {
      for (const level of [{}, { [lockdown]: "[none] integrity confidentiality\n" }]) {
        assertEquals(read("/dev/mem", { "/dev/mem": "", ...level }), { kind: "error", error: "EACCES" });
      }
      assertEquals(opened, ["/dev/mem", "/dev/mem"]);
      read("/dev/mem", locked);
      assertEquals(opened.length, 2);
    } finally {
      Deno.openSync = open;
    }
    // As much as is kept of it, and more: the vectors and the data of the BIOS.
    const memory = new Uint8Array(1 << 16).fill(7);
    const first = withFakeFiles({}, () => readOpened("/dev/mem", memory));
    assertEquals(first.kind === "bytes" ? SOURCES.bios.keep?.(first.bytes).length : first, 0x415);
  },
);

/** A file that gives its bytes in pieces, as /proc does. */
function fileOf(bytes: Uint8Array, most: number): Deno.FsFile {
  let at = 0;
  const file: Pick<Deno.FsFile, "readSync" | "seekSync" | typeof Symbol.dispose> = {
    readSync(into) {
      const piece = bytes.subarray(at, at + Math.min(most, into.length));
      into.set(piece);
      at += piece.length;
      return piece.length === 0 ? null : piece.length;
    },
    seekSync: (offset) => (at = Number(offset)),
    [Symbol.dispose]() {},
  };
  return file as Deno.FsFile;
}

/** What is read of a path whose file has these bytes. */
function readOpened(path: string, bytes: Uint8Array, most = 1 << 30): SourceResult {
  const open = Deno.openSync;
  Deno.openSync = () => fileOf(bytes, most);
  try {
    return liveReader().read(path);
  } finally {
    Deno.openSync = open;
  }
}

pure("a table of the network is read piece by piece; one that is too long is none, but for the trie of tables", () => {
  const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index & 0xff);
  assertEquals(readOpened("/proc/net/route", bytes, 100), { kind: "bytes", bytes });
  assertEquals(readOpened("/proc/net/route", bytes.subarray(0, 10), 3), {
    kind: "bytes",
    bytes: bytes.subarray(0, 10),
  });
  const long = new Uint8Array((1 << 20) + 1);
  assertEquals(readOpened("/proc/net/route", long), { kind: "error", error: "EFBIG" });
  assertEquals(readOpened("/proc/net/route", long.subarray(0, (1 << 20) - 1)).kind, "bytes");
  const trie = readOpened("/proc/net/fib_trie", long);
  assertEquals(trie.kind === "bytes" ? trie.bytes.length : trie, 1 << 20);
});

pure("of /proc/kcore, the headers alone are read", () => {
  const bytes = new Uint8Array(1000).fill(7);
  const view = new DataView(bytes.buffer);
  // An ELF64 header, whose two program headers of 56 bytes follow it.
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 2, true);
  const headers = { kind: "bytes", bytes: bytes.subarray(0, 64 + 2 * 56) } as const;
  assertEquals(readOpened("/proc/kcore", bytes, 100), headers);
  // What is no such file is seen to be none.
  const other = new TextEncoder().encode("not an ELF file");
  assertEquals(readOpened("/proc/kcore", other), { kind: "bytes", bytes: other });
  assertEquals(readOpened("/proc/kcore", new Uint8Array()), { kind: "bytes", bytes: new Uint8Array() });
});

/** Runs `look` where systemctl answers this to a first argument of `show`, or fails. */
function withSystemctl<T>(answers: { readonly [option: string]: string }, look: () => T): readonly [T, unknown[]] {
  const run: unknown[] = [];
  const real = Deno.Command;
  class Answering {
    readonly #asked: string;
    constructor(program: string, { args = [], env }: Deno.CommandOptions = {}) {
      run.push([program, args, env]);
      this.#asked = args[1] ?? "";
    }
    outputSync(): Partial<Deno.CommandOutput> {
      const answer = answers[this.#asked];
      return { success: answer !== undefined, stdout: new TextEncoder().encode(answer) };
    }
  }
  Deno.Command = Answering as unknown as typeof Deno.Command;
  try {
    return [look(), run];
  } finally {
    Deno.Command = real;
  }
}

pure("systemd is asked for what services store where it is PID 1, and what it does not answer is an error", () => {
  const files: FakeFiles = { "/bin/systemctl": "", "/run/systemd/system/x": "" };
  const services = "--property=Id,NFileDescriptorStore,FileDescriptorStorePreserve";
  const answers = { "--property=Version": "Version=261\n", [services]: "Id=a.service\n" };
  const ask = (host: FakeFiles, said: { readonly [option: string]: string }) =>
    withSystemctl(said, () => read("systemctl show", host));
  const env = { SYSTEMD_BUS_TIMEOUT: "5s", LC_ALL: "C" };
  assertEquals(ask(files, answers), ["Version=261\n\nId=a.service\n", [
    ["/bin/systemctl", ["show", "--property=Version"], env],
    ["/bin/systemctl", ["show", services, "*.service"], env],
  ]]);
  assertEquals(ask({ ...files, "/usr/bin/systemctl": "" }, answers)[1].length, 2);
  assertEquals(ask(files, {})[0], { kind: "error", error: "EIO" });
  assertEquals(ask(files, { "--property=Version": "Version=261\n" })[0], { kind: "error", error: "EIO" });
  assertEquals(ask({ "/bin/systemctl": "" }, answers), [{ kind: "absent" }, []]);
  assertEquals(ask({ "/run/systemd/system/x": "" }, answers), [{ kind: "absent" }, []]);
});
