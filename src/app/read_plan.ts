import { type Checked, type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import { firstProblems } from "../host/many_problems.ts";
import type { Plan } from "../plan/plan.ts";
import { decodePlan } from "../plan/plan_shape.ts";
import { documentProblem, kindOf, otherDocument, ownDocument, startOf } from "./own_document.ts";

/**
 * Reads a stored plan, where one is accepted in place of a profile; any other document of warmboot's is an error that names
 * it. Undefined for anything else, which may be a profile.
 */
export function readOwn(bytes: Uint8Array, file: string, plansWelcome: boolean): Checked<Plan> | undefined {
  const own = ownDocument(bytes);
  if (own === undefined) return undefined;
  if (kindOf(own.format) !== "plan" || !plansWelcome) {
    const wanted = plansWelcome ? "a profile or a plan" : "a profile";
    return { value: undefined, diagnostics: [otherDocument(own, wanted, file)] };
  }
  if (own.kind === "damaged") {
    return { value: undefined, diagnostics: [documentProblem(own.fault, "plan", file)] };
  }
  const diagnostics: Diagnostic[] = [];
  const hint = "Do not write a plan by hand: create it with warmboot plan PROFILE --out FILE";
  const value = decodePlan(own.value, [], (problem) => diagnostics.push({ position: startOf(file), hint, ...problem }));
  return {
    value: hasErrors(diagnostics) ? undefined : value,
    diagnostics: firstProblems(diagnostics, "the plan", hint),
  };
}
