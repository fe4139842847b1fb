import { formatSize } from "../core/number.ts";
import { filesOf, type Plan } from "../plan/plan.ts";
import { carryLines } from "./carry_text.ts";
import { guardLines } from "./guard_text.ts";
import { code, codeBlock, destination } from "./markdown.ts";
import { checkLines, headline, isExplicit, passedText, unbindText, unlockText, verdict } from "./plan.ts";
import { overlayLines } from "./overlay_text.ts";
import { callText, segmentsText } from "./plan_brief.ts";
import { PLAIN } from "./style.ts";

/** Columns of the checks: what a pull request shows without scrolling. */
const WIDTH = 100;

/**
 * A plan as Markdown, for a pull request: what `--brief` says, and the checks that did not pass. `picture`: the address of
 * its picture, absolute or relative to where the text is shown.
 */
export function renderPlanMarkdown(plan: Plan, picture?: string): string {
  const { call, host } = plan;
  const problems = plan.checks.filter(({ status }) => status !== "pass")
    .toSorted((a, b) => Number(a.status === "fail") - Number(b.status === "fail"))
    .flatMap((check) => checkLines(check, { style: PLAIN, width: WIDTH }));
  const link = picture === undefined ? undefined : destination(picture);
  return [
    `### ${code(headline(plan))}`,
    "",
    `**${verdict(plan, code)}.** ${passedText(plan.checks)}.`,
    "",
    `- From: ${code(`${host.release} on ${host.machine}`)}`,
    `- By: ${code(callText(plan))}`,
    ...filesOf(call).map(({ path, size, about }) => `- File: ${code(path)}, ${formatSize(size)}, ${code(about)}`),
    ...overlayLines(plan.overlays).map((line) => `- Adds: ${code(line)}`),
    ...(plan.unbind === undefined ? [] : [`- Unbinds: ${code(unbindText(plan.unbind))}`]),
    ...(plan.unlock ?? []).map((entry) => `- Unlocks: ${code(unlockText(entry))}`),
    ...(plan.guard === undefined ? [] : guardLines(plan.guard).map((line) => `- Guard: ${code(line)}`)),
    ...(plan.carry === undefined ? [] : carryLines(plan.carry).map((line) => `- Carries: ${code(line)}`)),
    isExplicit(plan) ? `- Segments: ${segmentsText(plan)}` : `- Command line: ${code(call.cmdline)}`,
    "",
    ...(problems.length === 0 ? [] : [codeBlock(problems), ""]),
    ...(link === undefined ? [] : [`[![The memory of the host, with each segment](${link})](${link})`, ""]),
  ].join("\n");
}
