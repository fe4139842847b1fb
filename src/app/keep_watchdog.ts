import { dirname } from "@std/path/posix";
import { orUndefined } from "../core/diagnostic.ts";
import { formatDuration } from "../core/duration.ts";
import type { HostFacts } from "../host/facts.ts";
import { KEEPER_MARK } from "../host/sources.ts";
import type { PlannedWatchdog } from "../plan/watchdog.ts";
import { watchdogDriver } from "../plan/watchdog_drivers.ts";
import { makeOwnFolder, useStore } from "../state/record_store.ts";
import { errnoName } from "../syscall/errno.ts";
import type { Libc } from "../syscall/libc.ts";
import { PRIVATE, replaceFile } from "./files/write_whole.ts";

/** What keeping a watchdog needs of the host; tests pass one of their own. */
export interface KeeperHost extends Pick<Libc, "armWatchdog" | "pingWatchdog" | "disarmWatchdog"> {
  /** Whether a watchdog that is closed still counts, so that nothing but a program pings it; undefined if nothing shows that. */
  isActive(name: string): boolean | undefined;
}

/** The watchdog of a guarded system that is not confirmed yet. */
export interface KeptWatchdog {
  /** Pings it; opens it before, where that has not been possible until now. False: there is nothing to ping any more. */
  ping(): boolean;
  /** Closes it, so that it is stopped. False: it cannot be stopped, and is open again: it must be pinged on. */
  close(): boolean;
  /** The same at the end of this process. One that cannot be stopped is set to a time in which a machine shuts down. */
  leave(): void;
}

/** Seconds to shut down in, or to find something else that pings it, where it cannot be stopped: as RebootWatchdogSec=. */
const LEAVE = 600;

/** Milliseconds between two pings of a watchdog. */
export function pingInterval(seconds: number): number {
  return Math.min(5000, seconds * 1000 / 3);
}

/** Which of the host's watchdogs it is that was armed: the number may be another one, the driver is not. */
export function watchdogHere({ device, driver }: PlannedWatchdog, { watchdog }: Pick<HostFacts, "watchdog">): string {
  const same = watchdog?.devices.find((each) =>
    driver !== undefined && (watchdogDriver(each)?.module ?? each.driver) === driver
  );
  return same?.name ?? device;
}

/** Keeps a watchdog: it is open, and resets the machine unless it is pinged for so many seconds. */
export function keepWatchdog(
  name: string,
  seconds: number,
  { onSay, onWarning }: { readonly onSay: (text: string) => void; readonly onWarning: (text: string) => void },
  host: KeeperHost,
): KeptWatchdog {
  // The first has this name too; its number is fixed, so that a unit can be allowed to open it before it is there.
  const path = name === "watchdog0" ? "/dev/watchdog" : `/dev/${name}`;
  let fd: number | undefined;
  // Closed for good, or another program has it.
  let over = false;
  let said = "";
  const warnOnce = (text: string): void => {
    if (text !== said) onWarning(text);
    said = text;
  };
  const open = (): void => {
    const opened = host.armWatchdog(path, seconds);
    if (opened.ok) {
      fd = opened.value;
      return;
    }
    const errno = errnoName(opened.errno);
    // Its driver may be loaded later.
    if (errno === "ENOENT" || errno === "ENODEV" || errno === "ENXIO") return;
    if (errno === "EBUSY") {
      over = true;
      onSay(`Another program has ${name} open, and is the one that pings it`);
    } else warnOnce(`${name} cannot be kept: ${errno}`);
  };
  const ping = (): boolean => {
    if (over) return false;
    if (fd === undefined) {
      open();
      if (fd !== undefined) onSay(`${name} resets this machine if it is not pinged for ${formatDuration(seconds)}`);
      return !over;
    }
    const pinged = host.pingWatchdog(fd);
    if (!pinged.ok) warnOnce(`${name} cannot be pinged: ${errnoName(pinged.errno)}`);
    return true;
  };
  /** Whether it is stopped now. */
  const stop = (): boolean => {
    if (fd === undefined) return true;
    host.disarmWatchdog(fd);
    fd = undefined;
    return host.isActive(name) === false;
  };
  return {
    ping,
    close() {
      over ||= stop();
      if (!over) open();
      return over;
    },
    leave() {
      if (over || stop()) return;
      if (!host.armWatchdog(path, LEAVE).ok) host.armWatchdog(path, seconds);
      onWarning(
        `${name} cannot be stopped (nowayout): it resets the machine in ${
          formatDuration(LEAVE)
        } or before, unless that is ` +
          "off by then, or another program pings it",
      );
    },
  };
}

/** Whether a watchdog counts, as the kernel shows it. That of a BMC is not in the core: it stops, unless its driver may not. */
export function isActiveHere(name: string): boolean | undefined {
  const read = (path: string): string | undefined => orUndefined(() => Deno.readTextFileSync(path).trim());
  if (name === "watchdog") return /^[Y1]/.test(read("/sys/module/ipmi_watchdog/parameters/nowayout") ?? "N");
  const state = read(`/sys/class/watchdog/${name}/state`);
  return state === undefined ? undefined : state === "active";
}

/**
 * Leaves the mark by which plans know that each boot starts this program; under systemd they know it by the unit.
 * @throws {StoreError}
 */
export function noteKeeper({ systemd }: Pick<HostFacts, "systemd">, mark: string = KEEPER_MARK): void {
  if (systemd) return;
  useStore(`write ${mark}`, () => {
    makeOwnFolder(dirname(mark));
    replaceFile(mark, "Description=warmboot arrive --wait ran in this boot\n", PRIVATE);
  });
}
