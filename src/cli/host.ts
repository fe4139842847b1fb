import type { ExitName } from "../core/program.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Ports } from "./ports.ts";
import { report } from "./report.ts";

/** Runs a command that needs the facts of this host, and reports what is wrong with them. */
export async function withHost(
  ports: Ports,
  act: (facts: HostFacts) => ExitName | Promise<ExitName>,
): Promise<ExitName> {
  const { readFacts } = await import("../app/read_facts.ts");
  const { facts, diagnostics } = readFacts(undefined);
  const exit = report(diagnostics, ports);
  return facts === undefined ? exit : await act(facts);
}
