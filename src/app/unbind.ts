import type { HostFacts } from "../host/facts.ts";
import { formatTarget, type PlannedUnbind, unbindOf } from "../profile/unbind_shape.ts";
import { matchesOf, unboundDevices } from "../plan/unbind.ts";
import type { Syscall } from "../plan/syscall.ts";
import { type FoundRecord, recordOfBoot } from "../state/record.ts";

/** What the loaded image's profile takes from its drivers; undefined without any, or without a record of this boot. */
export function unbindOfLoaded(facts: HostFacts, found: FoundRecord): PlannedUnbind | undefined {
  return recordOfBoot(facts, found)?.plan.unbind;
}

/** The devices that have a driver now, and the entries that name none. */
export function unbindNow(
  unbind: PlannedUnbind | undefined,
  { devices = [] }: HostFacts,
): { readonly devices: ReturnType<typeof unboundDevices>; readonly missing: readonly string[] } {
  const targets = unbindOf(unbind).unbind;
  return {
    devices: unboundDevices(targets, devices),
    missing: targets.filter((target) => matchesOf(target, devices).length === 0).map(formatTarget),
  };
}

/** The network interfaces that are up, but for those that lead back to this host. */
export function interfacesUp(folder = "/sys/class/net"): readonly string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).toSorted().filter((name) => {
      const flags = flagsOf(`${folder}/${name}/flags`);
      return (flags & IFF_UP) !== 0 && (flags & IFF_LOOPBACK) === 0;
    });
  } catch {
    return [];
  }
}

/** include/uapi/linux/if.h. */
const IFF_UP = 1;
const IFF_LOOPBACK = 8;

function flagsOf(file: string): number {
  try {
    return Number(Deno.readTextFileSync(file).trim());
  } catch {
    return 0;
  }
}

/** Whether the reboot goes on where a call fails: a network interface that cannot be taken down does not stop it. */
export function goesOn(call: Syscall, unbind: PlannedUnbind | undefined): boolean {
  return call.name === "set_interface" || call.name === "unbind" && unbind?.failure === "continue";
}
