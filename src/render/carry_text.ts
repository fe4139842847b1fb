import type { PlannedCarry } from "../plan/carry/planned_carry.ts";

/** What the next initrd gets of the running system, line by line. */
export function carryLines({ network }: PlannedCarry): readonly string[] {
  const { tool, files, fault } = network;
  if (fault !== undefined) return ["nothing of the network"];
  return [
    `the network, for ${tool}:`,
    ...files.flatMap(({ path, lines }) => [path, ...lines.filter((line) => line !== "")]),
  ];
}
