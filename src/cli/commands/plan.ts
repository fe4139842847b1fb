import { stringify } from "@std/yaml";
import { planText } from "../../plan/plan.ts";
import type { Plan } from "../../plan/plan.ts";
import { exitOfChecks } from "../../plan/rules/table.ts";
import { renderPlan } from "../../render/plan.ts";
import { type Command, FACTS_OPTION, outputOption, textOption } from "../command.ts";
import { prepare } from "../prepare.ts";
import { report, say } from "../report.ts";
import { writeWhole } from "../write_whole.ts";

/** `warmboot plan`. */
export const plan: Command = {
  name: "plan",
  usage: "PROFILE",
  words: { min: 1, max: 1 },
  summary: "Show what would happen, and change nothing",
  description:
    "Reads the host, opens and hashes the files that the profile names, chooses the system call, says why, and checks everything that can be checked before the call.\nThe plan can be stored with --out, reviewed, and carried out with `warmboot load FILE`: exactly as it is, or not at all.",
  options: [
    outputOption("text", "json", "yaml"),
    { name: "out", value: "FILE", doc: "Store the plan in FILE for `warmboot load` (JSON; YAML with -o yaml)" },
    FACTS_OPTION,
  ],
  examples: [
    { line: "warmboot plan web.yaml", doc: "Look before a reboot" },
    { line: "warmboot plan web.yaml --out web.plan.json", doc: "Store the plan for review" },
    { line: "warmboot plan web.yaml --facts host.json", doc: "Plan for a captured host, as CI does" },
  ],
  async run(invocation, ports) {
    const form = textOption(invocation, "output") ?? "text";
    using prepared = await prepare(
      invocation.words[0] ?? "",
      { facts: textOption(invocation, "facts"), storedPlans: false },
      ports,
    );
    const exit = report(prepared.diagnostics, ports);
    if (prepared.plan === undefined) return exit;
    ports.out.write(form === "text" ? renderPlan(prepared.plan, ports.out.layout) : serialise(prepared.plan, form));
    const out = textOption(invocation, "out");
    if (out !== undefined) {
      writeWhole(out, serialise(prepared.plan, form));
      say(`Stored in ${out}`, ports);
    }
    return exitOfChecks(prepared.plan.checks);
  },
};

function serialise(value: Plan, form: string): string {
  return form === "yaml" ? stringify(value, { lineWidth: -1, useAnchors: false }) : planText(value);
}
