import { formatAddress } from "../../core/number.ts";
import type { Range } from "../../core/range.ts";
import type { HostFacts } from "../../host/facts.ts";
import { obstacles } from "./free_memory.ts";

/** What lies at an address that a normal segment must not take; completes "lies in" and "extends into". */
export function obstacleAt(facts: HostFacts, address: bigint): string {
  const holds = (range: Range): boolean => range.start <= address && address < range.end;
  const node = obstacles(facts).find(holds);
  if (node !== undefined) return `"${node.name}" (${asInIomem(node)})`;
  if (!facts.iomem.roots.some(holds)) return "addresses that /proc/iomem does not list";
  const entry = facts.firmwareMap.find((each) => holds(each) && each.type !== "System RAM");
  return entry === undefined
    ? "addresses that the firmware's memory map does not list"
    : `what the firmware's memory map lists as "${entry.type}" (${asInIomem(entry)})`;
}

/** With the last byte, as the file shows it. */
function asInIomem({ start, end }: Range): string {
  return `${formatAddress(start)} to ${formatAddress(end - 1n)}`;
}
