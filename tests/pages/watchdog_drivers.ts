import { markdownTable } from "../../bench/markdown_table.ts";
import { formatDuration } from "../../src/core/duration.ts";
import { WATCHDOG_DRIVERS, type WatchdogDriver } from "../../src/plan/watchdog_drivers.ts";

/** The table of drivers in docs/watchdog.md. */
export function watchdogDriversTable(): string {
  return markdownTable(
    ["driver", "at a reboot", "found running by the next kernel", "the time until the reset", "says that it reset"],
    WATCHDOG_DRIVERS.map((driver) => [
      `\`${driver.module}\` (${driver.file})`,
      AT_REBOOT[driver.atReboot],
      AT_PROBE[driver.atProbe],
      timeText(driver),
      driver.saysReset ? "yes" : "no",
    ]),
  );
}

const AT_REBOOT: { readonly [kind in WatchdogDriver["atReboot"]]: string } = {
  "stops": "stops, unless `stop_on_reboot=0`",
  "keeps": "keeps running",
  "always-stops": "always stops",
  "re-arms": "is armed again by the driver",
  "ends": "ends with the kernel",
};

const AT_PROBE: { readonly [kind in WatchdogDriver["atProbe"]]: string } = {
  "kept": "kept",
  "stopped": "stopped",
  "runs-out": "runs on",
};

function timeText({ most, counts, setTo, least, minutesAbove, twice }: WatchdogDriver): string {
  const parts = [
    ...(setTo === undefined ? [] : [`always ${formatDuration(setTo)}`]),
    ...(twice === undefined ? [] : ["twice as long"]),
    ...(counts === undefined ? [] : [`at most ${formatDuration(counts)}`]),
    ...(least === undefined ? [] : [`at least ${formatDuration(least)}`]),
    ...(minutesAbove === undefined ? [] : [`whole minutes above ${formatDuration(minutesAbove)}`]),
    ...(most === undefined ? [] : [`takes at most ${formatDuration(most)}`]),
  ];
  return parts.length === 0 ? "as asked for" : parts.join("; ");
}
