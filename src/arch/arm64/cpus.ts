import { isSince } from "../../core/release.ts";
import type { HostFacts } from "../../host/facts.ts";
import { kernelParameter, parseCmdline } from "../../profile/cmdline/cmdline.ts";
import { rootChild, textsOf } from "./device_tree_nodes.ts";

/** Why the running kernel cannot hand over its CPUs. */
export type StuckCpus =
  /** They wait in spin tables, and nothing switches them off. `count` is the number that the kernel could use. */
  | { readonly kind: "spin-table"; readonly count: number }
  /** The hypervisor of protected KVM stays at EL2, and returns to no other kernel. */
  | { readonly kind: "protected-kvm" };

/** Before Linux 5.16 nothing asks for protected KVM. */
const ASKED_SINCE = [5, 16] as const;

/**
 * Why the running kernel refuses to load anything but a crash image, with EBUSY: cpus_are_stuck_in_kernel() in
 * arch/arm64/kernel/smp.c (Linux 4.19 to 7.3). What counts are the CPUs that are possible, not those online, so that
 * `maxcpus=1` does not help. Undefined: nothing known keeps it from loading. Machines with ACPI do not describe their
 * CPUs in the device tree.
 */
export function stuckCpus({ deviceTree, cmdline, release }: HostFacts): StuckCpus | undefined {
  const running = parseCmdline(cmdline ?? "");
  const isProtected = kernelParameter(running, "kvm_arm.mode")?.value === "protected";
  if (isProtected && isSince(release, ASKED_SINCE) === true) return { kind: "protected-kvm" };
  const cpus = deviceTree === undefined ? undefined : rootChild(deviceTree, "cpus");
  const methods = (cpus?.children ?? [])
    .filter((node) => textsOf(node, "device_type")[0] === "cpu" && /^ok(ay)?$/.test(textsOf(node, "status")[0] ?? "ok"))
    .map((node) => textsOf(node, "enable-method")[0]);
  const limit = /^[0-9]+$/.exec(kernelParameter(running, "nr_cpus")?.value ?? "")?.[0];
  const count = limit === undefined || limit === "0" ? methods.length : Math.min(methods.length, Number(limit));
  return count > 1 && methods.includes("spin-table") && !methods.includes("psci")
    ? { kind: "spin-table", count }
    : undefined;
}
