import { basename } from "@std/path/posix";
import type { Diagnostic } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Plan } from "../plan/plan.ts";
import { reviewPlan } from "../render/review/detail.ts";
import { reviewCollector } from "../render/review/document.ts";
import type { ReviewFit, ReviewIndex } from "../render/review/model.ts";
import { type CellFit, fitOf, type Fleet, type HostRow } from "./plan_fleet.ts";

/** A review page in the making. */
export interface FleetReview {
  /** Takes the row of a host, of a fleet with `review`. */
  take(row: HostRow): Promise<void>;
  /** The page of all rows. */
  page(): Promise<string>;
}

/** Starts the review page of a fleet. */
export function fleetReview({ profiles }: Pick<Fleet, "profiles">): FleetReview {
  const { add, page } = reviewCollector(reviewNames(profiles));
  return {
    take: ({ host, cells, plans = [] }) => add({ host, fits: cells.map(reviewFit), plans }),
    page,
  };
}

/** The same page of one plan. `file`: the profile's. */
export async function planReview(
  plan: Plan,
  facts: HostFacts,
  file: string,
  diagnostics: readonly Diagnostic[],
): Promise<string> {
  const { add, page } = reviewCollector([[plan.profile, file]]);
  const host = plan.host.hostname ?? "this host";
  await add({ host, fits: [reviewFit(fitOf(plan, diagnostics))], plans: [reviewPlan(plan, facts)] });
  return await page();
}

function reviewFit({ status, reasons }: CellFit): ReviewFit {
  return [status, reasons.map(({ status, rule, message }) => [status, rule, message] as const)];
}

/** The names of profiles, by which links find them: their own where each has another one, else their files. */
function reviewNames(profiles: Fleet["profiles"]): ReviewIndex["profiles"] {
  const names = profiles.map(({ file, profile }) => profile?.name ?? basename(file).replace(/\.ya?ml$/i, ""));
  return profiles.map(({ file }, index) => {
    const name = names[index] ?? "";
    return [names.filter((other) => other === name).length === 1 ? name : file, file];
  });
}
