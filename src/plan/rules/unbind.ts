import { formatTarget } from "../../profile/unbind_shape.ts";
import { describeDevice, leadsThrough, matchesOf, unboundDevices } from "../unbind.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";

const found: Rule = {
  name: "unbind-devices",
  about: "Each entry of `unbind` names a device of the running system that has a driver",
  exit: "unavailable",
  check({ unbind = [], facts: { devices } }) {
    if (unbind.length === 0) return undefined;
    if (devices === undefined) {
      return warn(
        "Cannot see which devices `unbind` names: the facts do not list the devices of the host",
        "Capture the host again with `warmboot facts`",
      );
    }
    const missing = unbind.filter((target) => matchesOf(target, devices).length === 0);
    if (missing.length > 0) {
      const names = missing.map((target) => `\`${formatTarget(target)}\``).join(", ");
      return warn(
        `No device with a driver matches ${names} of \`unbind\` now`,
        "See /sys/bus/*/drivers; what matches nothing at the jump is passed over",
      );
    }
    const list = unboundDevices(unbind, devices).map(describeDevice);
    const shown = list.length > SHOWN ? [...list.slice(0, SHOWN), `${list.length - SHOWN} more`] : list;
    return pass(
      `Just before the jump, taken from ${list.length === 1 ? "its driver" : "their drivers"}: ${shown.join(", ")}`,
    );
  },
};

/** How many devices a message names. */
const SHOWN = 8;

const rootDisk: Rule = {
  name: "unbind-root-disk",
  about: "`unbind` leaves the disk of the root file system, which holds the programs that make the jump",
  exit: "unavailable",
  check({ unbind = [], facts: { devices, rootDisks } }) {
    if (unbind.length === 0 || devices === undefined) return undefined;
    if (rootDisks === undefined) {
      return warn(
        "It is not known which devices the root file system needs, and whether `unbind` takes one of them away",
        "Make sure that it does not: `/` may be on the network, in a file, or of a kind that names no disk, as ZFS",
      );
    }
    const lost = unboundDevices(unbind, devices).find((device) => rootDisks.some((path) => leadsThrough(path, device)));
    return lost === undefined ? pass("`unbind` leaves the disk of the root file system as it is") : fail(
      `\`unbind\` takes ${
        describeDevice(lost)
      } away, by which the disk of the root file system is reached: warmboot could not go on to the jump`,
      "Remove it from `unbind`",
    );
  },
};

const console: Rule = {
  name: "unbind-console",
  about: "`unbind` leaves the consoles, where the last messages before the jump appear",
  exit: "unavailable",
  check({ unbind = [], facts: { devices, consoles } }) {
    if (unbind.length === 0 || devices === undefined || consoles === undefined) return undefined;
    const unbound = unboundDevices(unbind, devices);
    for (const { name, path } of consoles) {
      const device = unbound.find((each) => leadsThrough(path, each));
      if (device === undefined) continue;
      return warn(
        `\`unbind\` takes ${
          describeDevice(device)
        } away, the device of console ${name}: what follows is not seen there`,
        "Have another console, or remove it from `unbind`",
      );
    }
    return pass("`unbind` leaves the consoles as they are");
  },
};

/** The rules about devices that are taken from their drivers. */
export const UNBIND_RULES: readonly Rule[] = [found, rootDisk, console];
