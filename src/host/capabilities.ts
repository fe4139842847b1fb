import type { HostFacts } from "./facts.ts";

/** CAP_SYS_BOOT (include/uapi/linux/capability.h). */
const CAP_SYS_BOOT = 22n;

/** Whether the process that read the facts may load and boot kernels, as far as capabilities go. */
export function hasSysBoot({ capEff }: Pick<HostFacts, "capEff">): boolean | undefined {
  return capEff === undefined ? undefined : (capEff >> CAP_SYS_BOOT & 1n) === 1n;
}
