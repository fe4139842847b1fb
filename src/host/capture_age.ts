import type { Diagnostic } from "../core/diagnostic.ts";
import { formatAge } from "../core/duration.ts";

/** Clocks of hosts differ; one that is farther ahead than this, in seconds, says nothing about the age. */
const SKEW = 86_400;

/**
 * That a capture is older than a limit, or does not say how old it is. `limit`: seconds. `now`: milliseconds since 1970, as
 * `Date.now()` gives them. Pure.
 */
export function captureAgeProblem(
  file: string,
  capturedAt: string | undefined,
  limit: number,
  now: number,
): Diagnostic | undefined {
  const at = capturedAt === undefined ? NaN : Date.parse(capturedAt);
  const age = (now - at) / 1000;
  if (age <= limit && age >= -SKEW) return undefined;
  const message = Number.isNaN(age)
    ? `${file} does not say when it was captured`
    : age < 0
    ? `${file} was captured at ${capturedAt}, which is in the future`
    : `${file} was captured at ${capturedAt}, ${formatAge(age)} ago, and the limit is ${formatAge(limit)}`;
  return {
    code: "facts-old",
    severity: "warning",
    message,
    hint: "Capture the host again with `warmboot facts`",
  };
}
