import { omitUndefined, type Report } from "../core/shape.ts";
import type { Captured } from "./captured.ts";
import type { HostFacts } from "./facts.ts";
import { oneValue, type ValueForm } from "./one_value.ts";

/** The CPUs that are on, and what the first one can do. */
export type CpuFacts = Pick<HostFacts, "cpusOnline" | "cpuFlags" | "cpuModel">;

/** How many CPUs a list such as `0-7,9` names. */
const CPU_COUNT: ValueForm<number> = {
  expected: "a list of CPUs such as `0-7,9`",
  read(text) {
    let count = 0;
    for (const range of text.split(",")) {
      const match = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(range);
      if (match === null) return undefined;
      const first = Number(match[1]);
      const last = Number(match[2] ?? first);
      if (last < first) return undefined;
      count += last - first + 1;
    }
    return count;
  },
};

/** Decodes the number of CPUs and the first one's flags; a machine whose cpuinfo names them otherwise has none. */
export function cpuFacts(from: Captured, report: Report): CpuFacts {
  const lines = from.one("cpuinfo")?.text.split("\n") ?? [];
  const valueOf = (key: RegExp): string | undefined => {
    const line = lines.find((each) => key.test(each));
    return line?.slice(line.indexOf(":") + 1).trim();
  };
  const flags = valueOf(/^(?:flags|Features)\s*:/) ?? "";
  return omitUndefined({
    cpuModel: valueOf(/^model name\s*:/),
    cpusOnline: oneValue(from, report, "cpusOnline", CPU_COUNT),
    cpuFlags: flags.split(/\s+/).filter((flag) => flag !== ""),
  });
}
