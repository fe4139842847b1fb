import type { ExitName } from "../../core/program.ts";
import { type Plan, planText } from "../../plan/plan.ts";
import { exitOfChecks } from "../../plan/rules/table.ts";
import { renderPlanSvg } from "../../render/pictures.ts";
import { renderPlan } from "../../render/plan.ts";
import { matrixText } from "../../render/matrix.ts";
import { type Invocation, textOption } from "../command.ts";
import { planMatrix } from "../../app/plan_matrix.ts";
import type { Ports } from "../ports.ts";
import { prepare } from "../../app/prepare.ts";
import { STDIO } from "../../app/files/read_whole.ts";
import { complain, report, say } from "../report.ts";
import { yamlText } from "../serialise.ts";
import { isFolder } from "../../app/files/find_files.ts";
import { isSameFile, writeWhole } from "../../app/files/write_whole.ts";
import { jsonText } from "../../core/text.ts";

/** Does what `warmboot plan` is asked to. */
export async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const form = textOption(invocation, "output") ?? "text";
  const [path = "", ...others] = invocation.words;
  const facts = textOption(invocation, "facts");
  const out = textOption(invocation, "out");
  const hosts = textOption(invocation, "facts-dir");
  const misfit = form === "svg" ? svgMisfit(hosts, out) : undefined;
  if (misfit !== undefined) {
    complain(...misfit, ports);
    return "usage";
  }
  if (hosts !== undefined) {
    const extra = ["facts", "out"].find((name) => invocation.options[name] !== undefined);
    if (extra === undefined) return await showMatrix(invocation.words, hosts, form, ports);
    complain(
      `--${extra} does not go with --facts-dir`,
      "A matrix is of all hosts, and is stored by no option",
      ports,
    );
    return "usage";
  }
  if (others.length > 0 || isFolder(path)) {
    complain("Only one profile is planned for one host", "Plan many for many hosts with --facts-dir DIR", ports);
    return "usage";
  }
  using prepared = await prepare(path, { facts, storedPlans: false }, ports);
  const exit = report(prepared.diagnostics, ports);
  if (prepared.plan === undefined) return exit;
  if (out !== undefined && out !== STDIO) {
    const inputs = [
      path,
      ...prepared.profileFiles,
      ...(facts === undefined ? [] : [facts]),
      ...prepared.files.map((file) => file.path),
    ];
    const input = inputs.find((each) => each !== STDIO && isSameFile(each, out));
    if (input !== undefined) {
      complain(`The plan would overwrite ${input}, from which it is made`, "Name another file with --out", ports);
      return "usage";
    }
  }
  const shown = form === "svg"
    ? renderPlanSvg(prepared.plan, prepared.facts)
    : form === "text" && out !== STDIO
    ? renderPlan(prepared.plan, ports.out.layout, prepared.facts)
    : serialise(prepared.plan, form);
  ports.out.write(shown);
  if (out !== undefined && out !== STDIO) {
    writeWhole(out, serialise(prepared.plan, form));
    say(`Stored in ${out}`, ports);
  }
  return exitOfChecks(prepared.plan.checks);
}

/** What -o svg cannot be combined with, and what to do: --out stores plans, and a picture is none. */
function svgMisfit(hosts: string | undefined, out: string | undefined): readonly [string, string] | undefined {
  if (hosts !== undefined) return ["-o svg does not go with --facts-dir", "A matrix has no picture; use text or json"];
  const picture = out === STDIO || out?.endsWith(".svg") === true;
  return picture
    ? [`--out ${out} would store the plan there, not the picture`, "Write it with -o svg > FILE.svg"]
    : undefined;
}

async function showMatrix(
  words: readonly string[],
  hosts: string,
  form: string,
  { out, err }: Ports,
): Promise<ExitName> {
  const { matrix, exit } = await planMatrix(words, hosts, { out, err });
  if (matrix === undefined) return exit;
  out.write(form === "json" ? jsonText(matrix) : form === "yaml" ? yamlText(matrix) : matrixText(matrix, out.layout));
  return exit;
}

function serialise(value: Plan, form: string): string {
  return form === "yaml" ? yamlText(value) : planText(value);
}
