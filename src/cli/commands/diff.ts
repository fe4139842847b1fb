import { diffPlans } from "../../diff/compare.ts";
import { jsonText } from "../../core/json_text.ts";
import type { Diff } from "../../diff/diff.ts";
import { inOrder, type Side } from "../../diff/side.ts";
import type { HostFacts } from "../../host/facts.ts";
import type { PlannedHost } from "../../plan/plan.ts";
import { renderDiff } from "../../render/diff.ts";
import { renderDiffSvg } from "../../render/pictures.ts";
import { type Command, FACTS_OPTION, type Invocation, outputOption, textOption } from "../command.ts";
import type { Ports } from "../ports.ts";
import { yamlText } from "../serialise.ts";
import { findSides, type HostOnce, hostOnce } from "../sides.ts";

/** `warmboot diff`. */
export const diff: Command = {
  name: "diff",
  usage: "A [B]",
  words: { min: 1, max: 2 },
  summary: "Show what would change: profiles, plans, what is loaded, what runs",
  description:
    "Compares two sides: a profile, a stored plan, @running (the running system) or @loaded (the loaded image). Without B it is @loaded, or where nothing is, @running.\nIt reads forwards in time, however the sides are given: from the running system to what is loaded, and from there to what a profile or a plan declares; two of one kind, from A to B. + is added, - removed, ~ changed.\nA running system tells its release and command line, and no more: what is not known is said. -o svg draws both sides' memory, side by side. The exit code is 0 if nothing differs and 1 if something does.",
  options: [outputOption("text", "json", "yaml", "svg"), FACTS_OPTION],
  examples: [
    { line: "warmboot diff web.yaml", doc: "What loading this profile would change" },
    { line: "warmboot diff old.plan.json new.plan.json", doc: "Two stored plans; needs no host" },
    { line: "warmboot diff web.yaml @running", doc: "After a reboot: did we get what was declared?" },
    { line: "warmboot diff a.yaml b.yaml --facts host.json", doc: "In review, for a captured host" },
    { line: "warmboot diff old.yaml new.yaml --facts host.json -o svg > diff.svg", doc: "A picture for a review" },
  ],
  async run(invocation, ports) {
    const host = hostOnce(textOption(invocation, "facts"), ports);
    const sides = await findSides(invocation.words, host, ports);
    if (typeof sides === "string") return sides;
    const found = diffPlans(...sides);
    if (textOption(invocation, "output") === "svg") ports.out.write(picture(found, sides, host));
    else writeDiff(found, invocation, ports);
    return found.same ? "ok" : "differs";
  },
};

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
