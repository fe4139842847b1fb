import { assertEquals, assertMatch } from "@std/assert";
import type { BoundDevice, HostFacts } from "../../src/host/facts.ts";
import { rebootCalls } from "../../src/plan/lower.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { recheck } from "../../src/plan/stored.ts";
import { formatSyscall } from "../../src/plan/syscall.ts";
import { describeDevice, leadsThrough, unboundDevices } from "../../src/plan/unbind.ts";
import type { Profile, UnbindTarget } from "../../src/profile/profile.ts";
import { alreadyLoaded } from "../../src/state/already_loaded.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, PART_DIGESTS, profileOf } from "../support/profiles.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const pci = (device: string, driver: string, path = `/sys/devices/pci0000:00/${device}`): BoundDevice => ({
  bus: "pci",
  driver,
  device,
  path,
});

const GPU = pci("0000:01:00.0", "nouveau", "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0");
const BRIDGE = pci("0000:00:01.0", "pcieport");
const NICS = [pci("0000:00:03.0", "e1000"), pci("0000:00:04.0", "e1000")];
const DISK = pci("0000:00:05.0", "virtio-pci");
const BLOCK: BoundDevice = {
  bus: "virtio",
  driver: "virtio_blk",
  device: "virtio0",
  path: `${DISK.path}/virtio0`,
};
const UART: BoundDevice = { bus: "pnp", driver: "serial", device: "00:04", path: "/sys/devices/pnp0/00:04" };

const HOST = hostFacts({
  devices: [GPU, BRIDGE, ...NICS, DISK, BLOCK, UART],
  rootDisks: [`${BLOCK.path}/block/vda`],
  consoles: [{ name: "ttyS0", path: UART.path }, { name: "tty0", path: GPU.path }],
});

const driver = (name: string): UnbindTarget => ({ kind: "driver", driver: name });
const device = (bus: string, name: string): UnbindTarget => ({ kind: "device", bus, device: name });

function planned(unbind: readonly UnbindTarget[], facts: HostFacts = HOST, more: Partial<Profile> = {}): Plan {
  const profile = profileOf({ unbind, ...more });
  const { value } = planBoot({ profile, facts, images: images(), partDigests: PART_DIGESTS });
  if (value === undefined) throw new Error("There is no plan");
  return value;
}

/** `rule status`, and the message, of the rules about unbinding. */
function verdicts(unbind: readonly UnbindTarget[], facts?: HostFacts): readonly (readonly [string, string])[] {
  return planned(unbind, facts).checks.filter(({ rule }) => rule.startsWith("unbind-"))
    .map(({ rule, status, message }) => [`${rule} ${status}`, message]);
}

pure("an entry names one device of a bus, or all of a driver; each device counts once", () => {
  const found = (...targets: readonly UnbindTarget[]) => unboundDevices(targets, HOST.devices ?? []);
  assertEquals(found(device("pci", "0000:00:03.0")), NICS.slice(0, 1));
  assertEquals(found(driver("e1000")), NICS);
  assertEquals(found(driver("e1000"), device("pci", "0000:00:04.0"), driver("nouveau")), [...NICS, GPU]);
  assertEquals(found(device("virtio", "virtio0")), [BLOCK]);
  assertEquals(found(device("usb", "0000:00:03.0"), driver("e100")), []);
  assertEquals([GPU, BLOCK].map(describeDevice), ["0000:01:00.0 (nouveau)", "virtio:virtio0 (virtio_blk)"]);
});

pure("a path leads through a device if the device is the path or above it", () => {
  assertEquals(leadsThrough(GPU.path, GPU), true);
  assertEquals(leadsThrough(GPU.path, BRIDGE), true);
  assertEquals(leadsThrough(BRIDGE.path, GPU), false);
  assertEquals(leadsThrough(`${NICS[0]?.path}0`, NICS[0] ?? GPU), false);
});

pure("the plan lists what matches now", () => {
  assertEquals(verdicts([]), []);
  const [found, ...others] = verdicts([driver("e1000")]);
  assertEquals(found, [
    "unbind-devices pass",
    "Just before the jump, taken from their drivers: 0000:00:03.0 (e1000), 0000:00:04.0 (e1000)",
  ]);
  assertEquals(others.map(([name]) => name), ["unbind-root-disk pass", "unbind-console pass"]);
  assertEquals(planned([driver("e1000")]).unbind, { targets: ["driver:e1000"], failure: "stop" });
  assertEquals(planned([]).unbind, undefined);
});

pure("what matches nothing is a warning, and so are facts without devices", () => {
  const [missing] = verdicts([driver("nvidia"), driver("e1000"), device("pci", "0000:09:00.0")]);
  assertEquals(missing?.[0], "unbind-devices warn");
  assertMatch(missing?.[1] ?? "", /matches `driver:nvidia`, `0000:09:00\.0` of `unbind`/);
  const { devices: _devices, ...without } = HOST;
  assertEquals(verdicts([driver("e1000")], without).map(([name]) => name), ["unbind-devices warn"]);
});

pure("the way to the root disk is refused, from the disk up; a console is a warning", () => {
  const status = (target: UnbindTarget, name: string) =>
    verdicts([target]).find(([each]) => each.startsWith(name))?.[0].split(" ")[1];
  for (const target of [driver("virtio_blk"), driver("virtio-pci"), device("pci", "0000:00:05.0")]) {
    assertEquals(status(target, "unbind-root-disk"), "fail");
  }
  assertEquals(status(driver("nouveau"), "unbind-root-disk"), "pass");
  for (const target of [driver("nouveau"), device("pci", "0000:00:01.0"), device("pnp", "00:04")]) {
    assertEquals(status(target, "unbind-console"), "warn");
  }
});

pure(
  "where it is not known what the root file system lies on, that is said; without a list of devices, one warning is enough",
  () => {
    const { rootDisks: _, ...unknown } = HOST;
    const found = (facts: HostFacts, root = "unbind-root-disk") =>
      verdicts([driver("e1000")], facts).find(([name]) => name.startsWith(root));
    assertEquals(found(unknown), [
      "unbind-root-disk warn",
      "It is not known which devices the root file system needs, and whether `unbind` takes one of them away",
    ]);
    assertEquals(found({ ...HOST, rootDisks: [] })?.[0], "unbind-root-disk pass");
    const { devices: __, ...unlisted } = unknown;
    assertEquals([found(unlisted), found(unlisted, "unbind-devices")?.[0]], [undefined, "unbind-devices warn"]);
  },
);

pure("of a root file system on several disks, each is left, and of many devices some are named", () => {
  const status = (rootDisks: readonly string[]) =>
    verdicts([driver("virtio_blk")], { ...HOST, rootDisks }).find(([each]) => each.startsWith("unbind-root-disk"))?.[0];
  assertEquals(status(["/sys/devices/other/sda", `${BLOCK.path}/block/vda`]), "unbind-root-disk fail");
  assertEquals(status(["/sys/devices/other/sda"]), "unbind-root-disk pass");
  const many = Array.from({ length: 9 }, (_, index): BoundDevice => ({
    bus: "pci",
    driver: "ixgbe",
    device: `0000:0${index}:00.0`,
    path: `/sys/devices/pci0000:0${index}`,
  }));
  const shown = (count: number) =>
    verdicts([driver("ixgbe")], { ...HOST, devices: many.slice(0, count) })[0]?.[1] ?? "";
  assertEquals([shown(8).split(", ").length, shown(8).includes("more")], [9, false]);
  assertEquals([shown(9).split(", ").length, shown(9).endsWith(", 1 more")], [10, true]);
});

pure("a stored plan keeps it, and is refused where it was edited to something else", () => {
  const plan = planned([driver("e1000")], HOST, { unbindFailure: "continue" });
  assertEquals(plan.unbind, { targets: ["driver:e1000"], failure: "continue" });
  assertEquals(recheck(plan, HOST, images(), PART_DIGESTS).unbind, plan.unbind);
  const other = { ...HOST, devices: [] };
  const again = recheck(plan, other, images(), PART_DIGESTS).checks;
  assertEquals(again.find(({ rule }) => rule === "stored-plan")?.status, "pass");
  assertEquals(again.find(({ rule }) => rule === "unbind-devices")?.status, "warn");
});

pure("an image whose profile now unbinds something else is loaded again, so that the record has it", () => {
  const facts = { ...HOST, kexec: { ...HOST.kexec, loaded: true } };
  const record = (plan: Plan) => ({
    kind: "record",
    record: { format: "warmboot.record/1", loadedAt: "", user: "root", uid: 0, bootId: facts.bootId ?? "", plan },
  } as const);
  const [one, two] = [planned([driver("e1000")], facts), planned([driver("nouveau")], facts)];
  assertEquals(alreadyLoaded(one, facts, record(one)) === undefined, false);
  assertEquals(alreadyLoaded(one, facts, record(two)), undefined);
  assertEquals(alreadyLoaded(one, facts, record(planned([], facts))), undefined);
});

pure("the last calls: sync, then what may be refused, then the interfaces, then the jump", () => {
  assertEquals(
    rebootCalls({
      watchdog: { device: "watchdog0", seconds: 120 },
      unbind: [GPU, BLOCK],
      interfaces: ["eth0", "wlan0"],
    }).map(formatSyscall),
    [
      "sync()",
      'ioctl(open("/dev/watchdog0"), WDIOC_SETTIMEOUT, [120])',
      'write(open("/sys/bus/pci/drivers/nouveau/unbind"), "0000:01:00.0")',
      'write(open("/sys/bus/virtio/drivers/virtio_blk/unbind"), "virtio0")',
      'ioctl(SIOCSIFFLAGS, {"eth0", ~IFF_UP})',
      'ioctl(SIOCSIFFLAGS, {"wlan0", ~IFF_UP})',
      "reboot(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL)",
    ],
  );
});
