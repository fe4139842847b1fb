import type { HostFacts } from "../../host/facts.ts";
import { fail, type Verdict } from "./rule.ts";

/** What to name in place of an image that is entered in another mode. */
export const NAME_64_BIT = "Name a 64-bit Linux kernel";

/**
 * Why the processor cannot leave 64-bit mode, for an image that is entered in another. `says` is what comes before: "The
 * image is entered in 32-bit mode, but".
 */
export function cannotLeaveLongMode(says: string, { cpuFlags }: Pick<HostFacts, "cpuFlags">): Verdict | undefined {
  // The TDX module keeps LME set: Linux avoids even a write of the same value (rm/trampoline_64.S, since Linux 5.19).
  return cpuFlags.includes("tdx_guest") ? fail(`${says} a TDX guest cannot leave 64-bit mode`, NAME_64_BIT) : undefined;
}

/** The same, and why such an image cannot be a crash kernel. */
export function cannotEnterBelow(
  says: string,
  crash: boolean,
  facts: Pick<HostFacts, "cpuFlags">,
): Verdict | undefined {
  const noWay = cannotLeaveLongMode(says, facts);
  if (noWay !== undefined || !crash) return noWay;
  return fail(`${says} a crash kernel needs a 64-bit entry: it reads the memory of a 64-bit system`, NAME_64_BIT);
}
