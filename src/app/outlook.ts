import { isCrash } from "../plan/stored.ts";
import { measuredReboots } from "../state/attempt.ts";
import { type Outlook, outlookOf } from "../state/expectation.ts";
import { StoreError } from "../state/record_store.ts";
import { preservesContext } from "../state/round_trip.ts";
import { readHistory } from "./attempts.ts";
import { kernelStart } from "./kernel_start.ts";
import type { Prepared } from "./prepare.ts";

/**
 * How long a reboot by a plan will take on this host, from its attempts. Undefined where the plan does not reboot, and where
 * the attempts may not be read.
 */
export function readOutlook(
  { plan, facts, files }: Pick<Prepared, "plan" | "facts" | "files">,
  directory?: string,
): Outlook | undefined {
  if (plan === undefined || facts === undefined || isCrash(plan) || preservesContext(plan)) return undefined;
  const kernel = kernelStart(plan, { files, facts });
  if (kernel === undefined) return undefined;
  try {
    return outlookOf(kernel, measuredReboots(readHistory(facts, directory).history.attempts));
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}
