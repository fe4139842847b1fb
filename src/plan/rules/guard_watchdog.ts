import { formatDuration } from "../../core/duration.ts";
import type { HostFacts, WatchdogFacts } from "../../host/facts.ts";
import { type Cmdline, kernelParameter, parseCmdline } from "../../profile/cmdline/cmdline.ts";
import { KEEP_ON_REBOOT } from "../../profile/guard_parameters.ts";
import type { Guard } from "../../profile/profile.ts";
import {
  type ChosenWatchdog,
  chosenWatchdog,
  describeWatchdog,
  isStopped,
  leavesToUserSpace,
  nextKeeper,
} from "../watchdog.ts";
import { resetAfter } from "../watchdog_drivers.ts";
import { fail, pass, type Rule, type Verdict, warn } from "./rule.ts";

const watchdog: Rule = {
  name: "guard-watchdog",
  about: "The watchdog of `guard` runs on over the jump, takes the timeout, and does not reset a healthy system",
  exit: "unavailable",
  check({ guard, call, facts }) {
    return guard?.watchdog === undefined ? undefined : judgeWatchdog(guard, guard.watchdog, call.cmdline, facts);
  },
};

/** The rules about the hardware watchdog. */
export const GUARD_WATCHDOG_RULES: readonly Rule[] = [watchdog];

/** What a host's watchdog can do for a reboot. */
function judgeWatchdog(guard: Guard, seconds: number, cmdline: string, facts: HostFacts): Verdict {
  const chosen = chosenWatchdog(facts);
  const { watchdog } = facts;
  if (chosen === undefined || watchdog === undefined) {
    return fail(
      "`guard` has `watchdog`, and this host has none: there is nothing in /sys/class/watchdog",
      "Load its driver (docs/watchdog.md lists them), enable it in the firmware, or remove `watchdog` from `guard`",
    );
  }
  const next = parseCmdline(cmdline);
  const keeper = nextKeeper(guard, next, facts);
  return unusable(chosen, watchdog) ?? outOfRange(seconds, chosen) ??
    (keeper === undefined ? unattended(chosen, next) : undefined) ?? uncertain(chosen, watchdog) ??
    (keeper === "warmboot" ? hurried(seconds, chosen) : undefined) ?? pass(covered(seconds, chosen));
}

/** Why the timer would not run when the next kernel starts. */
function unusable(chosen: ChosenWatchdog, watchdog: WatchdogFacts): Verdict | undefined {
  const { driver } = chosen;
  const name = describeWatchdog(chosen);
  if (driver?.atReboot === "ends") {
    return fail(
      `${name} is part of the running kernel, and ends with it`,
      "Use a hardware watchdog as the first one, or remove `watchdog` from `guard`",
    );
  }
  if (driver?.atReboot === "always-stops") {
    return fail(`The driver of ${name} stops it at every reboot`, "Remove `watchdog` from `guard`");
  }
  if (isStopped(driver, watchdog) !== true) return undefined;
  const message = watchdog.stopOnReboot === true
    ? `${name} is stopped at a reboot: the running kernel has watchdog.stop_on_reboot=1`
    : `The driver of ${name} stops it at a reboot, kexec included: the running kernel lacks ${KEEP_ON_REBOOT}`;
  return fail(message, reloadHint(chosen, watchdog));
}

/** How the running kernel gets the parameter, which is read when a driver registers. */
function reloadHint({ driver, device }: ChosenWatchdog, { coreIsModule }: WatchdogFacts): string {
  const boot = `Boot this kernel once with ${KEEP_ON_REBOOT}`;
  const module = driver?.module ?? device?.driver;
  // What is not known to be free may be in use.
  if (!coreIsModule || module === undefined || device?.holders?.length !== 0 || device.active !== false) {
    return `${boot}; warmboot adds it to the next command line`;
  }
  return `${boot}, or load the modules again, since nothing uses them: ` +
    `\`modprobe -r ${module} watchdog && modprobe watchdog stop_on_reboot=0 && modprobe ${module}\``;
}

/** Why the device does not take the timeout. */
function outOfRange(seconds: number, chosen: ChosenWatchdog): Verdict | undefined {
  const { driver, device } = chosen;
  const least = device?.minTimeout ?? 0;
  const most = device?.maxTimeout === undefined || device.maxTimeout === 0 ? driver?.most : device.maxTimeout;
  if (seconds >= least && seconds <= (most ?? Infinity)) return undefined;
  const range = most === undefined
    ? `at least ${formatDuration(least)}`
    : `${formatDuration(Math.max(1, least))} to ${formatDuration(most)}`;
  return fail(
    `${describeWatchdog(chosen)} takes ${range}, not ${formatDuration(seconds)}`,
    "Change `watchdog` of `guard`",
  );
}

/** Why a healthy system would be reset: nobody pings the watchdog in the next one. */
function unattended(chosen: ChosenWatchdog, cmdline: Cmdline): Verdict | undefined {
  const name = describeWatchdog(chosen);
  const remedy =
    "Have systemd open it: add `systemd.watchdog_sec=1min` to the command line. Or have warmboot open it: add " +
    "`confirm` to `guard`, and enable warmboot-arrive";
  if (chosen.driver?.atProbe === "runs-out") {
    return fail(`The next kernel's driver leaves ${name} running and does not ping it: it would be reset`, remedy);
  }
  if (chosen.driver?.atProbe !== "stopped" && leavesToUserSpace(cmdline)) {
    return fail(
      `With \`watchdog.handle_boot_enabled=0\` the next kernel does not ping ${name}, and nothing is known to open it: it would be reset`,
      remedy,
    );
  }
  if (kernelParameter(cmdline, "watchdog.open_timeout") !== undefined) {
    return warn(
      `\`watchdog.open_timeout=\` resets the next system where nothing opens ${name} in time`,
      remedy,
    );
  }
  return undefined;
}

/** Seconds in which a usual system mounts its file systems, and starts warmboot after that. */
const USUAL_BOOT = 60;

/** Why a healthy system may be reset: it is slow to open the watchdog. */
function hurried(seconds: number, chosen: ChosenWatchdog): Verdict | undefined {
  if (seconds >= USUAL_BOOT || chosen.driver?.atProbe === "stopped") return undefined;
  return warn(
    `From the start of its driver, the next system has ${formatDuration(seconds)} until warmboot-arrive opens ` +
      `${describeWatchdog(chosen)}: a slower boot is reset`,
    "Set `watchdog` of `guard` to 1min or more; or have systemd open it: add `systemd.watchdog_sec=1min` to the command line",
  );
}

/** What may keep the watchdog from working. */
function uncertain(chosen: ChosenWatchdog, watchdog: WatchdogFacts): Verdict | undefined {
  const { device, driver } = chosen;
  const name = describeWatchdog(chosen);
  const [holder] = (device?.holders ?? []).filter((pid) => pid !== 1);
  if (holder !== undefined) {
    return warn(
      `Process ${holder} has ${name} open, and only one process can: unless it ends with the services, the watchdog is not armed`,
      "Stop its service before the reboot, or have systemd keep the watchdog instead (RuntimeWatchdogSec=)",
    );
  }
  if (isStopped(driver, watchdog) === undefined) {
    return warn(
      `Whether ${name} goes on over a reboot by kexec is not known: its driver is not in the table of docs/watchdog.md`,
      `Boot this kernel once with ${KEEP_ON_REBOOT}, and try it: load an image that hangs`,
    );
  }
  if (watchdog.ipmi) {
    return warn(
      `The watchdog of the BMC is /dev/watchdog, and systemd opens /dev/watchdog0 by itself`,
      "Set WatchdogDevice=/dev/watchdog in /etc/systemd/system.conf",
    );
  }
  return undefined;
}

/** What the watchdog covers. */
function covered(seconds: number, chosen: ChosenWatchdog): string {
  const { driver, device } = chosen;
  const lock = device?.nowayout === true ? "; once armed it cannot be stopped (nowayout)" : "";
  return `${describeWatchdog(chosen)} resets the machine within ${
    formatDuration(resetAfter(seconds, driver))
  } of the jump, ` +
    `unless the next kernel has found it by then${lock}`;
}
