/** What a run saw of one condition. */
import {
  type Answer,
  type Condition,
  expected,
  lacks,
  oursOn,
  SEEN_ON,
  type SeenOn,
  sourceAnswer,
} from "./condition.ts";
import { isSaid, isSaidOfLacking, type Verdict } from "./verdict.ts";

/** The kernel's answer, and what warmboot said. */
export interface Observation extends Verdict {
  readonly id: string;
  readonly answer: Answer;
}

/** What differs from the table, as a sentence; undefined if nothing does. */
export function deviation(condition: Condition, kernel: SeenOn, seen: Observation | undefined): string | undefined {
  const { id } = condition;
  const ours = oursOn(condition, kernel);
  if (seen === undefined) return `${id} on ${kernel}: not tried`;
  const answer = expected(condition, kernel);
  if (seen.answer !== answer) return `${id} on ${kernel}: ${seen.answer}, and the table has ${answer}`;
  if (answer === "not there") return undefined;
  const taken = answer === "accepted" && SEEN_ON.some((other) => sourceAnswer(condition, other) !== "accepted");
  if (lacks(condition, kernel) ? isSaidOfLacking(ours, seen) : isSaid(ours, taken, seen)) return undefined;
  return `${id} on ${kernel}: warmboot says ${JSON.stringify(seen)}, and the table has ${JSON.stringify(ours)}`;
}
