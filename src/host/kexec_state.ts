import type { Report } from "../core/shape.ts";
import type { Captured } from "./captured.ts";
import type { KexecState } from "./facts.ts";
import { DECIMAL, FLAG, LOADS, oneValue } from "./one_value.ts";
import { stated } from "./stated.ts";

/** Decodes what the kernel says of kexec, from sysfs and from the sysctls. */
export function kexecState(from: Captured, report: Report): KexecState {
  return stated({
    loaded: oneValue(from, report, "kexecLoaded", FLAG),
    crashLoaded: oneValue(from, report, "crashLoaded", FLAG),
    crashSize: oneValue(from, report, "crashSize", DECIMAL),
    crashElfcorehdrSize: oneValue(from, report, "crashElfcorehdrSize", DECIMAL),
    cpuCrashHotplug: oneValue(from, report, "cpuCrashHotplug", FLAG),
    memoryCrashHotplug: oneValue(from, report, "memoryCrashHotplug", FLAG),
    loadDisabled: oneValue(from, report, "loadDisabled", FLAG),
    limitReboot: oneValue(from, report, "limitReboot", LOADS),
    limitPanic: oneValue(from, report, "limitPanic", LOADS),
  });
}
