import type { ExitName } from "../../core/program.ts";
import { diffPlans } from "../../diff/compare.ts";
import type { Diff } from "../../diff/diff.ts";
import { inOrder, type Side } from "../../diff/side.ts";
import type { HostFacts } from "../../host/facts.ts";
import type { PlannedHost } from "../../plan/plan.ts";
import { renderDiff } from "../../render/diff.ts";
import { renderDiffSvg } from "../../render/pictures.ts";
import { type Invocation, textOption } from "../command.ts";
import type { Ports } from "../ports.ts";
import { yamlText } from "../serialise.ts";
import { diffOperands, type HostOnce, hostOnce } from "../../app/diff_operands.ts";
import { jsonText } from "../../core/text.ts";

/** Does what `warmboot diff` is asked to. */
export async function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const host = hostOnce(textOption(invocation, "facts"), ports);
  const sides = await diffOperands(invocation.words, host, ports);
  if (typeof sides === "string") return sides;
  const found = diffPlans(...sides);
  if (textOption(invocation, "output") === "svg") ports.out.write(picture(found, sides, host));
  else writeDiff(found, invocation, ports);
  return found.same ? "ok" : "differs";
}

/**
 * Two stored plans need no host, and so their memory is drawn only with --facts. A plan made for another host than the one
 * at hand is drawn without its memory.
 */
function picture(found: Diff, sides: readonly [Side, Side], host: HostOnce): string {
  const stored = sides.every(({ kind }) => kind === "plan") && host.path === undefined;
  const facts = stored ? undefined : host.read().facts;
  const factsOf = (side: Side): HostFacts | undefined =>
    side.kind === "running" || facts === undefined || isFor(side.plan.host, facts) ? facts : undefined;
  const [from, to] = inOrder(...sides);
  return renderDiffSvg(found, [from, to], [factsOf(from), factsOf(to)]);
}

function isFor({ hostname, machine }: PlannedHost, facts: HostFacts): boolean {
  return hostname === facts.hostname && machine === facts.machine;
}

/** Writes a diff in the form that `-o` asks for. */
export function writeDiff(found: Diff, invocation: Invocation, ports: Ports): void {
  const form = textOption(invocation, "output") ?? "text";
  ports.out.write(
    form === "json" ? jsonText(found) : form === "yaml" ? yamlText(found) : renderDiff(found, ports.out.layout),
  );
}
