import { omitUndefined, type Report } from "../core/shape.ts";
import type { Captured } from "./captured.ts";
import type { DmCryptKeys, KexecState } from "./facts.ts";
import type { Range } from "../core/range.ts";
import { DECIMAL, FLAG, LOADS, oneValue, type ValueForm, valueOf } from "./one_value.ts";

/** Lines `start-end`, hexadecimal without 0x, both ends inclusive; an empty file has no range. */
const RANGES: ValueForm<readonly Range[]> = {
  expected: "lines of ranges such as 40000000-4fffffff",
  read(text) {
    const lines = text === "" ? [] : text.split("\n");
    const ranges = lines.flatMap((line) => {
      const [, start, last] = /^([0-9a-f]{1,16})-([0-9a-f]{1,16})$/i.exec(line) ?? [];
      if (start === undefined || last === undefined) return [];
      return [{ start: BigInt(`0x${start}`), end: BigInt(`0x${last}`) + 1n }];
    });
    return ranges.length === lines.length && ranges.every(({ start, end }) => start < end) ? ranges : undefined;
  },
};

/** Decodes what the kernel says of kexec, from sysfs and from the sysctls. */
export function kexecState(from: Captured, report: Report): KexecState {
  return omitUndefined({
    loaded: oneValue(from, report, "kexecLoaded", FLAG),
    crashLoaded: oneValue(from, report, "crashLoaded", FLAG),
    crashSize: oneValue(from, report, "crashSize", DECIMAL),
    crashCmaRanges: oneValue(from, report, "crashCmaRanges", RANGES),
    dmCryptKeys: dmCryptKeys(from, report),
    crashElfcorehdrSize: oneValue(from, report, "crashElfcorehdrSize", DECIMAL),
    cpuCrashHotplug: oneValue(from, report, "cpuCrashHotplug", FLAG),
    memoryCrashHotplug: oneValue(from, report, "memoryCrashHotplug", FLAG),
    loadDisabled: oneValue(from, report, "loadDisabled", FLAG),
    limitReboot: oneValue(from, report, "limitReboot", LOADS),
    limitPanic: oneValue(from, report, "limitPanic", LOADS),
  });
}

/** What the kernel writes for a description that was not stated: a null pointer as printf has it. */
const UNSTATED: readonly string[] = ["", "(null)"];

/** In a crash kernel, the folder is there with other files. */
function dmCryptKeys(from: Captured, report: Report): DmCryptKeys | undefined {
  const state = from.all("dmCryptState");
  if (!state.some(({ field }) => field === "count")) return undefined;
  const reuse = state.find(({ field }) => field === "reuse");
  return {
    keys: from.all("dmCryptKeys").flatMap(({ name, text }) =>
      name === undefined ? [] : [{ name, ...(UNSTATED.includes(text) ? {} : { description: text }) }]
    ),
    ...omitUndefined({ reuse: reuse === undefined ? undefined : valueOf(reuse, report, FLAG) }),
  };
}
