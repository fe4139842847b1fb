import type { CauseRow } from "./cause.ts";

/** Why a device is not taken from its driver: unbind_store in drivers/base/bus.c, Linux 7.3. */
export const UNBIND_CAUSES: readonly CauseRow[] = [
  {
    errno: "ENOENT",
    cause: "the driver does not let go of its devices: it has no such file",
    remedy: "Remove the device from `unbind`, or set `unbind_failure: continue`",
  },
  {
    errno: "ENODEV",
    cause: "the driver no longer has this device",
    remedy: "Try again: something took the device away at that moment",
  },
  {
    errno: "EACCES",
    cause: "this process may not write to /sys",
    remedy: "Run warmboot as root on the host itself",
  },
  {
    errno: "EROFS",
    cause: "/sys cannot be written here",
    remedy: "Run warmboot on the host itself, outside the container",
  },
];
