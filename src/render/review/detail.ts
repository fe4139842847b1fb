import { diffPlans } from "../../diff/compare.ts";
import { runningSide } from "../../diff/side.ts";
import type { HostFacts } from "../../host/facts.ts";
import type { Plan } from "../../plan/plan.ts";
import { diffBlocks, diffNotes, diffVerdict } from "../diff.ts";
import { frameOf } from "../memory_bar.ts";
import { memoryMap } from "../memory_map.ts";
import { memoryPart, memoryWords } from "../memory_svg.ts";
import { headline, planRows, verdict } from "../plan.ts";
import { PICTURE_WIDTH, type ReviewDiff, type ReviewPicture, type ReviewPlan } from "./model.ts";

/** What the review page shows of a plan for a host. */
export function reviewPlan(plan: Plan, facts: HostFacts): ReviewPlan {
  return [
    headline(plan),
    verdict(plan),
    planRows(plan),
    plan.checks.map(({ status, rule, message, hint = "" }) => [status, rule, message, hint] as const),
    diffOf(plan, facts),
    pictureOf(plan, facts),
  ];
}

function diffOf(plan: Plan, facts: HostFacts): ReviewDiff {
  const diff = diffPlans(runningSide(facts), { kind: "profile", name: plan.profile, plan });
  return [
    diffVerdict(diff),
    diffBlocks(diff).map(({ heading, lines }) =>
      [heading, lines.map(({ mark, name, text }) => [mark, name, text] as const)] as const
    ),
    diffNotes(diff),
  ];
}

/** Without the names of profile and host: equal hosts have the same. */
function pictureOf(plan: Plan, facts: HostFacts): ReviewPicture {
  const map = memoryMap(plan, facts);
  const frame = frameOf([map]);
  const { body, height } = memoryPart(map, frame, { x: 0, y: 0 }, PICTURE_WIDTH);
  return [body, String(height), memoryWords(map, frame)];
}
