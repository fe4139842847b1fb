/** Platforms on which kexec was reported not to come back, as `requires` names them. */
export const PLATFORM_NAMES = [
  "gcp",
  "azure",
  "bhyve",
  "vmware-arm64",
  "raspberry-pi",
  "rock-pi",
  "n5105",
  "meteor-lake",
  "tdx-guest",
  "sev-snp-guest",
] as const;

/** The name of such a platform. */
export type PlatformName = typeof PLATFORM_NAMES[number];
