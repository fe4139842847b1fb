import { type Diagnostic, hasErrors } from "../core/diagnostic.ts";

/** Nobody reads more problems of a capture or a plan; a hostile one could have a million, each with its place in the text. */
export const MOST_SHOWN = 20;

const RECAPTURE = "Capture the host again with `warmboot facts`";

/** The first problems, and where there are more, one that counts these. */
export function firstProblems(
  diagnostics: readonly Diagnostic[],
  where: string,
  hint = RECAPTURE,
): readonly Diagnostic[] {
  if (diagnostics.length <= MOST_SHOWN) return diagnostics;
  const more = diagnostics.slice(MOST_SHOWN);
  return [...diagnostics.slice(0, MOST_SHOWN), moreProblems(more.length, hasErrors(more), where, hint)];
}

/** That there are more problems than are shown. @param where as in "the capture" */
export function moreProblems(count: number, areErrors: boolean, where: string, hint = RECAPTURE): Diagnostic {
  return {
    code: "too-many-problems",
    severity: areErrors ? "error" : "warning",
    message: `There ${count === 1 ? "is 1 more problem" : `are ${count} more problems`} in ${where}`,
    hint,
  };
}
