import type { Checked } from "../core/diagnostic.ts";
import { parseNumber } from "../core/number.ts";
import type { HostFacts } from "../host/facts.ts";
import { spareMemory } from "../host/memory.ts";
import { environmentVariable } from "./environment_variable.ts";

/** The variable of the environment that sets the limit, as `512MiB`. */
export const MEMORY_LIMIT_VARIABLE = "WARMBOOT_MEMORY_LIMIT";

/**
 * How much memory may be taken by what files unpack to and by sealed copies of files, together, bytes: what the environment
 * sets, else what is available on the host, and at most half of its memory.
 */
export function memoryLimit(
  facts: HostFacts,
  text: string | undefined = environmentVariable(MEMORY_LIMIT_VARIABLE),
): Checked<number> {
  if (text === undefined || text === "") return { value: Number(spareMemory(facts)), diagnostics: [] };
  const set = parseNumber(text);
  if (set !== undefined) return { value: Number(set), diagnostics: [] };
  return {
    value: undefined,
    diagnostics: [{
      code: "wrong-type",
      severity: "error",
      message: `${MEMORY_LIMIT_VARIABLE} is not a size`,
      expected: "a size such as 512MiB",
      found: JSON.stringify(text),
    }],
  };
}

/** What is left of a limit, while memory is taken. */
export interface MemoryBudget {
  /** The limit, bytes. */
  readonly limit: number;
  /** What is left of it, bytes. */
  left(): number;
  /** Takes some of it; false if there is not as much. */
  take(bytes: number): boolean;
}

/** A budget of which nothing is taken yet. */
export function memoryBudget(limit: number): MemoryBudget {
  let taken = 0;
  return {
    limit,
    left: () => limit - taken,
    take(bytes) {
      if (bytes > limit - taken) return false;
      taken += bytes;
      return true;
    },
  };
}
