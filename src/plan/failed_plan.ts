import type { Call } from "./plan.ts";
import { bootDigest } from "./stamp.ts";

/** A plan whose last attempt on this host failed: the new system did not come up, or was not found good. */
export interface FailedPlan {
  /** What was to boot, as `bootDigest` gives it. */
  readonly plan: string;
  /** When that reboot was asked for, UTC. */
  readonly askedAt: string;
  /** How it ended and how far it came, for people. */
  readonly how: string;
}

/** Of plans that failed, that of a call. */
export function failedPlanOf(call: Call, failed: readonly FailedPlan[]): FailedPlan | undefined {
  if (failed.length === 0) return undefined;
  const digest = bootDigest(call);
  return failed.find(({ plan }) => plan === digest);
}
