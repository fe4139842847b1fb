import { choice, count, omitUndefined, pattern, record, type Shape, text } from "../core/shape.ts";
import type { HostFacts, WatchdogDevice, WatchdogFacts } from "../host/facts.ts";
import { type Cmdline, kernelParameter, parseCmdline } from "../profile/cmdline/cmdline.ts";
import type { Guard } from "../profile/profile.ts";
import { type AtProbe, resetAfter, WATCHDOG_DRIVERS, type WatchdogDriver, watchdogDriver } from "./watchdog_drivers.ts";

/** The watchdog that a guarded reboot arms. */
export interface ChosenWatchdog {
  /** `watchdog0`; that of a BMC is `watchdog`. */
  readonly name: string;
  /** Its driver, where the table has it. */
  readonly driver?: WatchdogDriver;
  /** What the kernel shows of it; undefined for that of a BMC, which is not in the core. */
  readonly device?: WatchdogDevice;
}

/** The watchdog that is armed: the first, as systemd has it where nothing else is configured. Undefined: there is none. */
export function chosenWatchdog({ watchdog }: Pick<HostFacts, "watchdog">): ChosenWatchdog | undefined {
  if (watchdog === undefined) return undefined;
  const [device] = watchdog.devices;
  if (device === undefined) {
    const driver = WATCHDOG_DRIVERS.find(({ module }) => module === "ipmi_watchdog");
    return { name: "watchdog", ...omitUndefined({ driver }) };
  }
  return { name: device.name, device, ...omitUndefined({ driver: watchdogDriver(device) }) };
}

/** A watchdog as a message names it: `watchdog0 (iTCO_wdt)`. */
export function describeWatchdog({ name, driver, device }: ChosenWatchdog): string {
  const shown = driver?.module ?? device?.driver ?? device?.identity;
  return shown === undefined ? name : `${name} (${shown})`;
}

/** What a watchdog's future depends on: the guard, and what is known of the host. */
type KeptBy = readonly [guard: Guard, cmdline: Cmdline, facts: Pick<HostFacts, "watchdog">];

/**
 * What opens the watchdog in the next system for sure, and pings it: systemd, as long as that runs, or warmboot, until the
 * system is confirmed.
 */
export type Keeper = "systemd" | "warmboot";

/**
 * What opens the watchdog in the next system for sure: systemd where `systemd.watchdog_sec=` says so; else warmboot, which
 * waits there for a confirmation, if the guard asks for one and each boot starts it. Undefined: nothing is known to.
 */
export function nextKeeper(...[{ confirm }, cmdline, { watchdog }]: KeptBy): Keeper | undefined {
  const value = kernelParameter(cmdline, "systemd.watchdog_sec")?.value;
  if (value !== undefined && !/^(?:0|off|no|false|)$/i.test(value)) return "systemd";
  return confirm !== undefined && watchdog?.keeper === true ? "warmboot" : undefined;
}

/**
 * The parameter that ends the pings of the next kernel, which would hide that its user space hangs. Where nothing opens the
 * watchdog it would reset a healthy system.
 */
export function openTimeoutParameter(...kept: KeptBy): string | undefined {
  const [{ watchdog }] = kept;
  return watchdog === undefined || nextKeeper(...kept) === undefined ? undefined : `watchdog.open_timeout=${watchdog}`;
}

/** A parameter of the next command line by which its kernel does not ping a watchdog that runs. */
export function leavesToUserSpace(cmdline: Cmdline): boolean {
  return /^(?:[n0f]|off)/i.test(kernelParameter(cmdline, "watchdog.handle_boot_enabled")?.value ?? "");
}

/** Whether the driver stops the timer on the way to the next kernel; undefined where that is not known. */
export function isStopped(driver: WatchdogDriver | undefined, { stopOnReboot }: WatchdogFacts): boolean | undefined {
  if (driver?.atReboot === "re-arms") return false;
  if (driver?.atReboot === "always-stops" || driver?.atReboot === "ends") return true;
  return stopOnReboot ?? (driver === undefined ? undefined : driver.atReboot === "stops");
}

/** What a guard's watchdog means on a host: of the plan, for people and for the one who arms it. */
export interface PlannedWatchdog {
  /** Its name below /dev. */
  readonly device: string;
  /** The module of its driver, where that is known. */
  readonly driver?: string;
  /** After how many seconds at most it resets a machine that hangs, from the jump on. */
  readonly resetAfter: number;
  /** What the next kernel's driver does with it; absent where that is not known. */
  readonly next?: AtProbe;
  /** What opens it in the next system, and pings it; absent where nothing is known to. */
  readonly keeper?: Keeper;
  /** For how many seconds the next kernel pings it, until the keeper opens it; absent without one. */
  readonly openTimeout?: number;
}

/** A guard's watchdog as its plan keeps it; undefined where the host has none. */
export function planWatchdog(
  guard: Guard,
  cmdline: string,
  facts: Pick<HostFacts, "watchdog">,
): PlannedWatchdog | undefined {
  const { watchdog: seconds } = guard;
  const chosen = chosenWatchdog(facts);
  if (chosen === undefined || seconds === undefined) return undefined;
  const { name, driver, device } = chosen;
  const keeper = nextKeeper(guard, parseCmdline(cmdline), facts);
  return {
    device: name,
    resetAfter: resetAfter(seconds, driver),
    ...omitUndefined({
      driver: driver?.module ?? device?.driver,
      next: driver?.atProbe,
      keeper,
      openTimeout: keeper === undefined ? undefined : seconds,
    }),
  };
}

const optional = { value: undefined };

/** The shape of a guard's watchdog in a plan. */
export const plannedWatchdogShape: Shape<PlannedWatchdog> = record<PlannedWatchdog>({
  device: { shape: pattern("the name of a watchdog", /^watchdog\d{0,3}$/), doc: "Its name below /dev" },
  driver: { shape: text, doc: "The module of its driver", fallback: optional },
  resetAfter: { shape: count, doc: "After how many seconds at most it resets a machine that hangs" },
  next: {
    shape: choice(["kept", "stopped", "runs-out"]),
    doc: "What the next kernel's driver does with it: the kernel pings it, or it is stopped, or it counts on",
    fallback: optional,
  },
  keeper: {
    shape: choice(["systemd", "warmboot"]),
    doc: "What opens it in the next system: systemd, or warmboot, until that system is confirmed",
    fallback: optional,
  },
  openTimeout: {
    shape: count,
    doc: "For how many seconds the next kernel pings it, until that opens it",
    fallback: optional,
  },
});
