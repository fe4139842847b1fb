import type { Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import type { HostFacts } from "./facts.ts";

/** Decodes the kept lines of the kernel's configuration: `CONFIG_X=value`, or `# CONFIG_X is not set`, which is `n`. */
export function kernelConfig(from: Captured, report: Report): HostFacts["kernelConfig"] {
  const found = from.one("kernelConfig");
  if (found === undefined || found.text === "") return {};
  const rows = found.text.split("\n").flatMap((line, index) => {
    const [, unset, option, value] = /^(?:# (CONFIG_\w+) is not set|(CONFIG_\w+)=(.+))$/.exec(line) ?? [];
    if (unset !== undefined) return [[unset, "n"] as const];
    if (option !== undefined && value !== undefined) return [[option, value] as const];
    report(malformed(found, "an option of the kernel's configuration", index + 1));
    return [];
  });
  return Object.fromEntries(rows);
}
