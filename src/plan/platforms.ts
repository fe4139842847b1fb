import { isSince } from "../core/release.ts";
import type { HostFacts } from "../host/facts.ts";
import { textsOf } from "../arch/arm64/device_tree_nodes.ts";
import type { PlatformName } from "../profile/platform_names.ts";

/** A platform on which kexec was reported not to come back. */
export interface Platform {
  readonly name: PlatformName;
  /** What it is called. */
  readonly title: string;
  readonly applies: (facts: HostFacts) => boolean;
  /** What was reported. Completes "This is TITLE: …". */
  readonly reported: string;
  /** Where, in public. */
  readonly source: string;
  /** What may help; a sentence without its period. */
  readonly mayHelp?: string;
  /** What helps for certain, instead of trying. */
  readonly helps?: string;
}

/** What to do on a platform. */
export function platformHint({ name, mayHelp, helps }: Platform): string {
  if (helps !== undefined) return helps;
  return `${
    mayHelp === undefined ? "" : `${mayHelp}. `
  }Reboot by the firmware, or try kexec while someone can reach the machine; ` +
    `where it works, \`requires: { platform: ${name} }\` ends this warning`;
}

/** Reports from others, not own experience: they warn, and refuse nothing. */
export const PLATFORMS: readonly Platform[] = [
  {
    name: "gcp",
    title: "Google Compute Engine",
    applies: ({ dmi }) => dmi?.product === "Google Compute Engine",
    reported: "virtual machines were reported to hang after kexec",
    source: "siderolabs/talos#8838",
  },
  {
    name: "azure",
    title: "Azure",
    // The chassis asset tag is the same for all of Azure's virtual machines; other Hyper-V hosts lack it.
    applies: ({ dmi }) => dmi?.assetTag === "7783-7084-3265-9085-8269-3286-77",
    reported: "virtual machines were reported to hang after kexec, some in the driver of Hyper-V's framebuffer",
    source: "siderolabs/talos#8838, nix-community/nixos-anywhere#400, systemd/systemd#20072",
    mayHelp: "`module_blacklist=hyperv_fb` may help",
  },
  {
    name: "bhyve",
    title: "bhyve",
    applies: ({ dmi }) => dmi?.product === "BHYVE" || dmi?.vendor === "BHYVE",
    reported: "a virtual machine was reported to power off instead of starting the next kernel",
    source: "siderolabs/omni#1582",
  },
  {
    name: "vmware-arm64",
    title: "VMware on arm64",
    applies: ({ machine, dmi }) => machine === "aarch64" && dmi?.vendor?.startsWith("VMware") === true,
    reported: "virtual machines of VMware Fusion were reported not to come back from kexec",
    source: "siderolabs/talos#4677, siderolabs/talos-vmtoolsd#51",
  },
  {
    name: "raspberry-pi",
    title: "Raspberry Pi 4",
    applies: (facts) => isBoard(facts, /^raspberrypi,4/),
    reported: "the second kernel was reported not to start its other CPUs",
    source: "siderolabs/talos#5670",
  },
  {
    name: "rock-pi",
    title: "Rock Pi 4",
    applies: (facts) => isBoard(facts, /^radxa,rockpi4/),
    reported: "kexec was reported not to work at all",
    source: "siderolabs/talos#5670",
  },
  {
    name: "n5105",
    title: "Intel N5105",
    applies: ({ cpuModel }) => cpuModel?.includes("N5105") === true,
    reported: "kexec was reported to end in a black screen until the power is cut",
    source: "coreos/fedora-coreos-tracker#2071",
  },
  {
    name: "meteor-lake",
    title: "Intel Meteor Lake",
    applies: ({ cpuModel }) => /\bUltra \d 1\d\dH|\bUltra \d 1\d\dU/.test(cpuModel ?? ""),
    reported: "the driver i915 was reported to fail in the second kernel",
    source: "onedr0p/home-ops#8568",
    mayHelp: "`module_blacklist=i915` may help a machine without a screen",
  },
  {
    name: "tdx-guest",
    title: "TDX guests with a kernel before Linux 6.11",
    applies: ({ cpuFlags, release }) => cpuFlags.includes("tdx_guest") && isSince(release, [6, 11]) === false,
    reported: "memory that is shared with the host stays shared, and the next kernel dies when it uses that",
    source: "arch/x86/coco/tdx, `tdx_kexec_finish`",
    helps: "Reboot by the firmware into a newer kernel first",
  },
  {
    name: "sev-snp-guest",
    title: "SEV-SNP guests with a kernel before Linux 6.12",
    applies: ({ cpuFlags, release }) =>
      cpuFlags.includes("sev_snp") && cpuFlags.includes("hypervisor") && isSince(release, [6, 12]) === false,
    reported: "memory that is shared with the host stays shared, and the next kernel dies when it uses that",
    source: "arch/x86/coco/sev, `snp_kexec_finish`",
    helps: "Reboot by the firmware into a newer kernel first",
  },
];

function isBoard({ deviceTree }: HostFacts, pattern: RegExp): boolean {
  return textsOf(deviceTree?.root, "compatible").some((each) => pattern.test(each));
}
