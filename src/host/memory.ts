import { omitUndefined, type Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import type { HostFacts, MemmapEntry } from "./facts.ts";
import { HEX, LINE, valueOf } from "./one_value.ts";

/** How much memory there is, bytes. */
export type MemoryFacts = Pick<HostFacts, "memTotal" | "memAvailable">;

/** Decodes /proc/meminfo, whose unit is 1024 bytes. MemAvailable is there from Linux 3.14. */
export function memoryFacts(from: Captured, report: Report): MemoryFacts {
  const meminfo = from.one("meminfo");
  const bytes = (name: string): bigint | undefined => {
    const line = meminfo?.text.split("\n").find((each) => each.startsWith(`${name}:`));
    const number = /^\w+:\s*(\d{1,17}) kB$/.exec(line ?? "")?.[1];
    return number === undefined ? undefined : BigInt(number) * 1024n;
  };
  const memTotal = bytes("MemTotal");
  if (meminfo !== undefined && memTotal === undefined) report(malformed(meminfo, "the line `MemTotal: ... kB`"));
  return omitUndefined({ memTotal, memAvailable: bytes("MemAvailable") });
}

/** How much memory a load may take for its own copies: what is available, and at most half of all, bytes. */
export function spareMemory({ memTotal = 0n, memAvailable }: MemoryFacts): bigint {
  const half = memTotal / 2n;
  return memAvailable !== undefined && memAvailable < half ? memAvailable : half;
}

/** Decodes the firmware's memory map, in its own order, which is not sorted. */
export function firmwareMap(from: Captured, report: Report): readonly MemmapEntry[] {
  const rows = Map.groupBy(from.all("memmap"), (found) => found.index);
  return [...rows.values()].flatMap((row) => {
    const field = (name: string) => row.find((found) => found.field === name);
    const [startFile, endFile, typeFile] = [field("start"), field("end"), field("type")];
    const lacking = row[0];
    if (startFile === undefined || endFile === undefined || typeFile === undefined) {
      if (lacking !== undefined) report(malformed(lacking, "an entry beside files `start`, `end` and `type`"));
      return [];
    }
    const start = valueOf(startFile, report, HEX);
    const last = valueOf(endFile, report, HEX);
    const type = valueOf(typeFile, report, LINE);
    if (start === undefined || last === undefined || type === undefined) return [];
    if (last < start) {
      report(malformed(endFile, `an address from ${startFile.text} on`));
      return [];
    }
    return [{ start, end: last + 1n, type }];
  });
}
