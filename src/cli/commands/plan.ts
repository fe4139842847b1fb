import { planText } from "../../plan/plan.ts";
import type { Plan } from "../../plan/plan.ts";
import { exitOfChecks } from "../../plan/rules/table.ts";
import { renderPlan } from "../../render/plan.ts";
import { type Command, FACTS_OPTION, outputOption, textOption } from "../command.ts";
import { prepare } from "../prepare.ts";
import { STDIO } from "../read_whole.ts";
import { complain, report, say } from "../report.ts";
import { yamlText } from "../serialise.ts";
import { isSameFile, writeWhole } from "../write_whole.ts";

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
    {
      name: "out",
      value: "FILE",
      doc:
        "Store the plan in FILE for `warmboot load` (JSON; YAML with -o yaml); - is standard output, and shows it only there",
    },
    FACTS_OPTION,
  ],
  examples: [
    { line: "warmboot plan web.yaml", doc: "Look before a reboot" },
    { line: "warmboot plan web.yaml --out web.plan.json", doc: "Store the plan for review" },
    { line: "warmboot plan web.yaml --facts host.json", doc: "Plan for a captured host, as CI does" },
  ],
  async run(invocation, ports) {
    const form = textOption(invocation, "output") ?? "text";
    const [path = ""] = invocation.words;
    const facts = textOption(invocation, "facts");
    const out = textOption(invocation, "out");
    using prepared = await prepare(path, { facts, storedPlans: false }, ports);
    const exit = report(prepared.diagnostics, ports);
    if (prepared.plan === undefined) return exit;
    if (out !== undefined && out !== STDIO) {
      const inputs = [path, ...(facts === undefined ? [] : [facts]), ...prepared.files.map((file) => file.path)];
      const input = inputs.find((each) => each !== STDIO && isSameFile(each, out));
      if (input !== undefined) {
        complain(`The plan would overwrite ${input}, from which it is made`, "Name another file with --out", ports);
        return "usage";
      }
    }
    const shown = form === "text" && out !== STDIO
      ? renderPlan(prepared.plan, ports.out.layout)
      : serialise(prepared.plan, form);
    ports.out.write(shown);
    if (out !== undefined && out !== STDIO) {
      writeWhole(out, serialise(prepared.plan, form));
      say(`Stored in ${out}`, ports);
    }
    return exitOfChecks(prepared.plan.checks);
  },
};

function serialise(value: Plan, form: string): string {
  return form === "yaml" ? yamlText(value) : planText(value);
}
