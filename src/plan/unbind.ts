import type { BoundDevice } from "../host/facts.ts";
import type { UnbindTarget } from "../profile/profile.ts";

/** The devices that an entry of `unbind` names, of those that have a driver. */
export function matchesOf(target: UnbindTarget, devices: readonly BoundDevice[]): readonly BoundDevice[] {
  return target.kind === "driver"
    ? devices.filter(({ driver }) => driver === target.driver)
    : devices.filter(({ bus, device }) => bus === target.bus && device === target.device);
}

/** The devices that a profile takes from their drivers, each once, in its order. */
export function unboundDevices(
  targets: readonly UnbindTarget[],
  devices: readonly BoundDevice[],
): readonly BoundDevice[] {
  return [...new Set(targets.flatMap((target) => matchesOf(target, devices)))];
}

/** A device and its driver for a message. */
export function describeDevice({ bus, device, driver }: BoundDevice): string {
  return `${bus === "pci" ? "" : `${bus}:`}${device} (${driver})`;
}

/** Whether a path of sysfs leads through a device. */
export function leadsThrough(path: string, device: BoundDevice): boolean {
  return path === device.path || path.startsWith(`${device.path}/`);
}
