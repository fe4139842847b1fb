/** What the clocks of a system say at one moment. */
export interface ClockReading {
  /** CLOCK_REALTIME: milliseconds since 1970. It can be set, also while a system starts. */
  readonly realtime: number;
  /** CLOCK_BOOTTIME: milliseconds since the kernel started. Nobody can set it, and it ends with the kernel. */
  readonly boottime: number;
  /** The hardware clock (RTC), which counts on while kernels change: whole seconds since 1970. Absent where there is none. */
  readonly rtc?: number;
}

/** Moments of a boot, in milliseconds since the kernel started. Absent: it was not recorded, or did not happen yet. */
export interface BootMoments {
  /** systemd started in the initrd. */
  readonly initrd?: number;
  /** systemd started on the root file system. */
  readonly userspace?: number;
  /** systemd had started all that it starts at a boot. */
  readonly finished?: number;
}

/** The properties of systemd's manager that say so, as `systemctl show` prints them: microseconds of CLOCK_MONOTONIC. */
const PROPERTIES: { readonly [moment in keyof BootMoments]-?: string } = {
  initrd: "InitRDTimestampMonotonic",
  userspace: "UserspaceTimestampMonotonic",
  finished: "FinishTimestampMonotonic",
};

/** The arguments with which systemctl prints them. */
export const SHOW_MOMENTS: readonly string[] = [
  "show",
  ...Object.values(PROPERTIES).map((name) => `--property=${name}`),
];

/** Decodes what systemctl printed. systemd prints 0 for what did not happen, such as an initrd without systemd. */
export function decodeMoments(text: string): BootMoments {
  const value = (name: string): number => {
    const [, digits = "0"] = new RegExp(`^${name}=(\\d{1,15})$`, "m").exec(text) ?? [];
    return Math.round(Number(digits) / 1000);
  };
  return Object.fromEntries(
    Object.entries(PROPERTIES).map(([moment, name]) => [moment, value(name)] as const).filter(([, at]) => at > 0),
  );
}

/** Decodes /proc/uptime, whose first number is CLOCK_BOOTTIME in seconds (fs/proc/uptime.c, Linux 7.2): milliseconds. */
export function decodeUptime(text: string): number | undefined {
  const [, seconds] = /^(\d{1,10}\.\d\d) /.exec(text) ?? [];
  return seconds === undefined ? undefined : Math.round(Number(seconds) * 1000);
}

/** Decodes /sys/class/rtc/rtc0/since_epoch: seconds since 1970. */
export function decodeRtc(text: string): number | undefined {
  return /^\d{1,12}\n?$/.test(text) ? Number(text) : undefined;
}

/** When services were stopped, and in which boot. */
export interface StopNote {
  /** As /proc/sys/kernel/random/boot_id says. */
  readonly bootId: string;
  /** CLOCK_BOOTTIME, milliseconds. */
  readonly boottime: number;
}

/** Decodes what warmboot-stopped.service leaves: /proc/sys/kernel/random/boot_id, then /proc/uptime. */
export function decodeStopNote(text: string): StopNote | undefined {
  const [bootId = "", uptime = "", ...rest] = text.split("\n");
  const boottime = decodeUptime(uptime);
  if (boottime === undefined || rest.length !== 1 || !/^[0-9a-f-]{36}$/.test(bootId)) return undefined;
  return { bootId, boottime };
}
