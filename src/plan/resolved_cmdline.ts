import { resolveCmdline } from "../profile/cmdline/resolve.ts";
import type { PlanInput } from "./input.ts";

/** The command line of a plan, without what placing the image adds. */
export function resolvedCmdline({ profile, facts }: PlanInput): string | undefined {
  return resolveCmdline(profile.cmdline, {
    crash: profile.crash,
    ...(facts.cmdline === undefined ? {} : { running: facts.cmdline }),
  }).value;
}
