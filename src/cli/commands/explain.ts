import { CATALOGUE, isDiagnosticCode } from "../../core/catalogue.ts";
import { nearest } from "../../core/nearest.ts";
import type { ExitName } from "../../core/program.ts";
import type { Command, Invocation } from "../command.ts";
import type { Ports } from "../ports.ts";
import { complain } from "../report.ts";

/** `warmboot explain`. */
export const explain: Command = {
  name: "explain",
  usage: "[CODE]",
  words: { min: 0, max: 1 },
  summary: "Say what a diagnostic code means, what provokes it and what to do",
  description:
    "CODE is what a diagnostic shows in brackets, such as unknown-key, or the name of a plan's check, such as pinned-digest. Without CODE all of them are listed. docs/diagnostics.md has the same text.",
  options: [],
  examples: [{ line: "warmboot explain unknown-key", doc: "Explain one code" }],
  exits: {},
  run,
};

async function run({ words: [written] }: Invocation, ports: Ports): Promise<ExitName> {
  const { EXPLAINED_RULES, explainRule, explainText, explanationList } = await import("../../render/explain.ts");
  const { layout } = ports.out;
  if (written === undefined) {
    ports.out.write(explanationList(layout));
    return "ok";
  }
  // Copied from a message, it has brackets.
  const code = written.replace(/^\[(.*)\]$/, "$1");
  const rule = EXPLAINED_RULES.find(({ name }) => name === code);
  if (isDiagnosticCode(code)) ports.out.write(explainText(code, layout));
  else if (rule !== undefined) ports.out.write(explainRule(rule, layout));
  else {
    const near = nearest(code, [...Object.keys(CATALOGUE), ...EXPLAINED_RULES.map(({ name }) => name)]);
    complain(
      `Unknown code ${code}`,
      near === undefined ? "List all codes with: warmboot explain" : `Did you mean ${near}?`,
      ports,
    );
    return "usage";
  }
  return "ok";
}
