import { formatSize } from "../core/number.ts";
import { visible } from "../core/text.ts";
import { filesOf, type Plan } from "../plan/plan.ts";
import { headline, isExplicit, painted, verdict } from "./plan.ts";
import type { Layout } from "./style.ts";

/** A plan in five lines, for a chat or a commit comment. The lines are as long as they are: the reader's view wraps them. */
export function renderPlanBrief(plan: Plan, layout: Layout): string {
  const { call, host } = plan;
  return [
    layout.style.bold(visible(headline(plan))),
    visible(`From ${host.release} on ${host.machine}, by ${callText(plan)}`),
    visible(`Files: ${listed(filesOf(call).map(({ path, size }) => `${path} (${formatSize(size)})`))}`),
    visible(isExplicit(plan) ? segmentsText(plan) : `Command line: ${call.cmdline === "" ? "empty" : call.cmdline}`),
    painted(plan, verdict(plan), layout) + visible(firstProblem(plan)),
    "",
  ].join("\n");
}

/** The call with its flags. */
export function callText({ call: { syscall, flags } }: Plan): string {
  return `${syscall}, ${flags.length === 0 ? "no flags" : flags.join(", ")}`;
}

/** How many segments a plan of explicit ones has, and where it is entered. */
export function segmentsText({ call }: Plan): string {
  if (call.syscall !== "kexec_load") return "No segments";
  return `${call.segments.length === 1 ? "1 segment" : `${call.segments.length} segments`}, entered at ${call.entry}`;
}

function listed(texts: readonly string[]): string {
  return texts.length === 0 ? "none" : texts.join(", ");
}

/** What the first failed check says, or else the first that warns. */
function firstProblem({ checks }: Plan): string {
  const check = checks.find(({ status }) => status === "fail") ?? checks.find(({ status }) => status === "warn");
  return check === undefined ? "" : `. ${check.message}`;
}
