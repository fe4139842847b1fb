import type { CauseRow } from "./cause.ts";

/** Why a watchdog is not armed: watchdog_open and watchdog_set_timeout in drivers/watchdog/watchdog_dev.c, Linux 7.2. */
export const WATCHDOG_CAUSES: readonly CauseRow[] = [
  {
    errno: "EBUSY",
    cause: "another process has the watchdog open, and only one can",
    remedy: "If systemd has it (RuntimeWatchdogSec=), reboot through systemd: `warmboot exec`; else stop its service",
  },
  {
    errno: "ENOENT",
    cause: "this watchdog does not exist",
    remedy: "Load its driver, or remove `watchdog` from `guard` and load again",
  },
  {
    errno: "EINVAL",
    cause: "the watchdog does not take this timeout",
    remedy: "Change `watchdog` of `guard`, and load again",
  },
  {
    errno: "EOPNOTSUPP",
    cause: "the timeout of this watchdog is fixed",
    remedy: "Remove `watchdog` from `guard`, and load again",
  },
  {
    errno: "EACCES",
    cause: "this process may not open the watchdog",
    remedy: "Run warmboot as root on the host itself",
  },
  {
    errno: "EIO",
    cause: "the driver cannot start the watchdog: the firmware may have disabled it",
    remedy: "Enable it in the firmware; `dmesg` may say more",
  },
];
