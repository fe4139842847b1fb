import type { Diagnostic } from "../core/diagnostic.ts";
import { captureAgeProblem } from "../host/capture_age.ts";
import { capturesOf } from "./captures.ts";
import { readFacts } from "./read_facts.ts";

/**
 * Which captures are older than a limit, in seconds, or do not say how old they are. `path`: one, or a folder of them. Those
 * that cannot be read are left to who plans for them.
 */
export function oldCaptures(path: string, limit: number, now: number = Date.now()): readonly Diagnostic[] {
  return capturesOf(path).flatMap((file) => {
    const { captured, capturedAt } = readFacts(file);
    return captured === undefined ? [] : captureAgeProblem(file, capturedAt, limit, now) ?? [];
  });
}
