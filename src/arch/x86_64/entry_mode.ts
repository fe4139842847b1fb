import type { HostFacts } from "../../host/facts.ts";
import type { BzImage } from "../../image/image.ts";

/**
 * Why a bzImage is entered in 32-bit mode, which its 64-bit entry, if it has one, rules out on this host; undefined where
 * it is entered in 64-bit mode. Completes "The kernel is entered in 32-bit mode, since …".
 */
export function entry32Reason(
  info: Pick<BzImage, "entry64" | "la57">,
  { cpuFlags }: Pick<HostFacts, "cpuFlags">,
): string | undefined {
  if (!info.entry64) return "it has no 64-bit entry";
  return cpuFlags.includes("la57") && !info.la57
    ? "its 64-bit entry does not start from 5-level paging, which is on"
    : undefined;
}
