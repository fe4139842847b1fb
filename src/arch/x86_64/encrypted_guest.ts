import type { HostFacts } from "../../host/facts.ts";

/**
 * The first of these flags of /proc/cpuinfo, by which an encrypted guest is known; undefined on a host, which shows those of
 * SEV as well.
 */
export function guestFlag({ cpuFlags }: Pick<HostFacts, "cpuFlags">, flags: readonly string[]): string | undefined {
  const isGuest = cpuFlags.includes("tdx_guest") || cpuFlags.includes("hypervisor");
  return isGuest ? flags.find((flag) => cpuFlags.includes(flag)) : undefined;
}
