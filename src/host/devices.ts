import { omitUndefined, type Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import type { BoundDevice, HostFacts } from "./facts.ts";

/** The devices of a host, those that its root file system lies on, and those of its consoles. */
export type DeviceFacts = Pick<HostFacts, "devices" | "rootDisks" | "consoles">;

/** Decodes the listings that the live reader makes of sysfs. */
export function deviceFacts(from: Captured, report: Report): DeviceFacts {
  return omitUndefined({
    devices: rows(from, report, "devices", 4)?.map(([bus = "", driver = "", device = "", path = ""]): BoundDevice => ({
      bus,
      driver,
      device,
      path,
    })),
    rootDisks: rows(from, report, "rootDisks", 1)?.map(([path = ""]) => path),
    consoles: rows(from, report, "consoles", 2)?.map(([name = "", path = ""]) => ({ name, path })),
  });
}

/** The lines of a listing, each with so many names, with tabs between. */
function rows(
  from: Captured,
  report: Report,
  source: "devices" | "rootDisks" | "consoles",
  words: number,
): readonly (readonly string[])[] | undefined {
  const found = from.one(source);
  if (found === undefined) return undefined;
  const lines = found.text === "" ? [] : found.text.split("\n").map((line) => line.split("\t"));
  const wrong = lines.findIndex((line) => line.length !== words || line.includes(""));
  if (wrong < 0) return lines;
  return void report(malformed(found, `${words === 1 ? "a path" : `${words} names`} on each line`, wrong + 1));
}
