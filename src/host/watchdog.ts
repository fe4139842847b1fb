import { omitUndefined, type Report } from "../core/shape.ts";
import { hasSysPtrace } from "./capabilities.ts";
import type { Captured, Found } from "./captured.ts";
import type { HostFacts, WatchdogDevice, WatchdogFacts } from "./facts.ts";
import { DECIMAL, FLAG, LINE, restricted, type ValueForm, valueOf } from "./one_value.ts";

/** WDIOF_CARDRESET of include/uapi/linux/watchdog.h: the watchdog reset the machine before this boot. */
export const CARD_RESET = 0x20;

const UNSIGNED = restricted(DECIMAL, "a number of 32 bits", (value) => value <= 0xffff_ffffn);

/** stop_on_reboot is an int: -1 leaves it to the driver, and every other number but 0 stops. */
const STOP_ON_REBOOT: ValueForm<"driver" | boolean> = {
  expected: "-1, 0 or 1",
  read: (text) => text === "-1" ? "driver" : /^-?\d{1,10}$/.test(text) ? Number(text) !== 0 : undefined,
};

const BOOLEAN: ValueForm<boolean> = {
  expected: "Y or N",
  read: (text) => text === "Y" ? true : text === "N" ? false : undefined,
};

const STATE: ValueForm<boolean> = {
  expected: "active or inactive",
  read: (text) => text === "active" ? true : text === "inactive" ? false : undefined,
};

/** Decodes /sys/class/watchdog and the parameters of the watchdog core; undefined without a watchdog. */
export function watchdogFacts(
  from: Captured,
  report: Report,
  facts: Pick<HostFacts, "capEff">,
): WatchdogFacts | undefined {
  const devices = watchdogDevices(from, report, facts);
  const ipmi = devices.length === 0 && from.one("legacyWatchdog") !== undefined &&
    from.one("ipmiWatchdog") !== undefined;
  if (devices.length === 0 && !ipmi) return undefined;
  const parameter = fieldsOf(from.all("watchdogParameters"));
  const stopOnReboot = read(parameter("stop_on_reboot"), report, STOP_ON_REBOOT);
  const openTimeout = read(parameter("open_timeout"), report, UNSIGNED);
  return {
    devices,
    ...omitUndefined({
      stopOnReboot: stopOnReboot === "driver" ? undefined : stopOnReboot,
      handleBootEnabled: read(parameter("handle_boot_enabled"), report, BOOLEAN),
      openTimeout: openTimeout === undefined ? undefined : Number(openTimeout),
      keeper: from.one("watchdogKeeper") === undefined ? undefined : true as const,
    }),
    coreIsModule: from.one("watchdogModule") !== undefined,
    ipmi,
  };
}

function watchdogDevices(
  from: Captured,
  report: Report,
  facts: Pick<HostFacts, "capEff">,
): readonly WatchdogDevice[] {
  const drivers = new Map(from.all("watchdogDrivers").map(({ index, text }) => [index, text]));
  const open = hasSysPtrace(facts) === false ? undefined : from.all("openDevices");
  const groups = Map.groupBy(from.all("watchdogs"), ({ index = 0 }) => index);
  return [...groups].sort(([a], [b]) => a - b).map(([index, files]): WatchdogDevice => {
    const field = fieldsOf(files);
    const number = (name: string): number | undefined => {
      const value = read(field(name), report, UNSIGNED);
      return value === undefined ? undefined : Number(value);
    };
    return {
      name: `watchdog${index}`,
      ...omitUndefined({
        identity: read(field("identity"), report, LINE),
        driver: drivers.get(index)?.split("/").at(-1),
        active: read(field("state"), report, STATE),
        timeout: number("timeout"),
        minTimeout: number("min_timeout"),
        maxTimeout: number("max_timeout"),
        nowayout: read(field("nowayout"), report, FLAG),
        bootStatus: number("bootstatus"),
        holders: open?.filter((found) => holds(found, index)).map((found) => found.index ?? 0),
      }),
    };
  });
}

/** Whether a process has the device open, by a listing of its descriptors. */
function holds({ text }: Found, device: number): boolean {
  const names = [`/dev/watchdog${device}`, ...(device === 0 ? ["/dev/watchdog"] : [])];
  return text.split("\n").some((line) => names.includes(line.slice(line.indexOf(" ") + 1)));
}

function fieldsOf(files: readonly Found[]): (name: string) => Found | undefined {
  return (name) => files.find(({ field }) => field === name);
}

function read<T>(found: Found | undefined, report: Report, form: ValueForm<T>): T | undefined {
  return found === undefined ? undefined : valueOf(found, report, form);
}
