import type { HostFacts } from "./facts.ts";

/** CAP_SYS_BOOT and CAP_SYS_PTRACE (include/uapi/linux/capability.h). */
const CAP_SYS_BOOT = 22n;
const CAP_SYS_PTRACE = 19n;

/** Whether the process that read the facts may load and boot kernels, as far as capabilities go. */
export function hasSysBoot({ capEff }: Pick<HostFacts, "capEff">): boolean | undefined {
  return has(capEff, CAP_SYS_BOOT);
}

/** Whether that process sees what other processes hold open. */
export function hasSysPtrace({ capEff }: Pick<HostFacts, "capEff">): boolean | undefined {
  return has(capEff, CAP_SYS_PTRACE);
}

function has(capabilities: bigint | undefined, bit: bigint): boolean | undefined {
  return capabilities === undefined ? undefined : (capabilities >> bit & 1n) === 1n;
}
