import { orUndefined } from "../core/diagnostic.ts";
import {
  type BootMoments,
  type ClockReading,
  decodeMoments,
  decodeRtc,
  decodeStopNote,
  decodeUptime,
  SHOW_MOMENTS,
} from "../host/clocks.ts";
import type { HostFacts } from "../host/facts.ts";
import { systemProgram } from "./system_program.ts";

/** Where warmboot-stopped.service writes when services were stopped. */
export const STOP_NOTE = "/var/lib/warmboot/stopped";

/** Where the moments of a reboot are read; tests have their own. */
export interface Clocks {
  /** What the clocks say now; undefined where the kernel does not say how long it has run. */
  now(): ClockReading | undefined;
  /** The moments of the running boot, as far as they have come. */
  moments(facts: Pick<HostFacts, "systemd">): BootMoments;
  /** When services were stopped in a boot: CLOCK_BOOTTIME, milliseconds; undefined where that was not noted. */
  stopped(bootId: string | undefined): number | undefined;
}

/** The clocks of this host. */
export const HOST_CLOCKS: Clocks = {
  now() {
    // Next to each other, so that they are of one moment.
    const [uptime, realtime] = [decodeUptime(readText("/proc/uptime")), Date.now()];
    const rtc = decodeRtc(readText("/sys/class/rtc/rtc0/since_epoch"));
    return uptime === undefined ? undefined : { realtime, boottime: uptime, ...(rtc === undefined ? {} : { rtc }) };
  },
  moments({ systemd }) {
    if (!systemd) return {};
    try {
      const { stdout } = new Deno.Command(systemProgram("systemctl"), { args: [...SHOW_MOMENTS], stdin: "null" })
        .outputSync();
      return decodeMoments(new TextDecoder().decode(stdout));
    } catch {
      return {};
    }
  },
  stopped(bootId) {
    const note = decodeStopNote(readText(STOP_NOTE));
    return note?.bootId === bootId ? note?.boottime : undefined;
  },
};

/** The text of a file; none where it cannot be read. */
function readText(path: string): string {
  return orUndefined(() => Deno.readTextFileSync(path)) ?? "";
}
