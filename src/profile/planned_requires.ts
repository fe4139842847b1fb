import { formatAddress } from "../core/number.ts";
import { choice, flag, pattern, record, type Shape, text } from "../core/shape.ts";
import { PLATFORM_NAMES, type PlatformName } from "./platform_names.ts";
import type { Requires } from "./profile.ts";
import { formatBound, parseReleaseRange } from "./release_range.ts";

/** What a profile requires of its host, as a plan keeps it, so that a stored plan can check it again. */
export interface PlannedRequires {
  /** As uname -m. */
  readonly architecture?: string;
  /** The platform, by its name. */
  readonly platform?: PlatformName;
  /** The minimum of MemTotal, bytes in hexadecimal. */
  readonly memory?: string;
  /** A pattern of the host's name. */
  readonly hostname?: string;
  /** Bounds of the running kernel's release, as `>=6.1 <7`. */
  readonly kernel?: string;
  /** How the host was started. */
  readonly firmware?: "uefi" | "bios";
  /** Whether the firmware enforces Secure Boot. */
  readonly secureBoot?: boolean;
}

const optional = { value: undefined };

const RANGE = /^(?:>=|>|<=|<|=)\d{1,6}(?:\.\d{1,6})*(?: (?:>=|>|<=|<|=)\d{1,6}(?:\.\d{1,6})*)*$/;

/** The shape of a plan's `requires`. */
export const requiresShape: Shape<PlannedRequires> = record<PlannedRequires>({
  architecture: { shape: text, doc: "As uname -m says", fallback: optional },
  platform: { shape: choice(PLATFORM_NAMES), doc: "The platform", fallback: optional },
  memory: {
    shape: pattern("a size in hexadecimal, as 0x1000", /^0x(?:0|[1-9a-f][0-9a-f]{0,15})$/),
    doc: "The minimum of MemTotal, bytes",
    fallback: optional,
  },
  hostname: { shape: text, doc: "A pattern of the host's name", fallback: optional },
  kernel: {
    shape: pattern("bounds of a release, as >=6.1 <7", RANGE),
    doc: "Bounds of the running kernel's release",
    fallback: optional,
  },
  firmware: { shape: choice(["uefi", "bios"]), doc: "How the host was started", fallback: optional },
  secureBoot: { shape: flag, doc: "Whether the firmware enforces Secure Boot", fallback: optional },
});

/** A profile's requirements as a plan keeps them. */
export function plannedRequires({ memory, kernel, ...same }: Requires): PlannedRequires {
  return {
    ...same,
    ...(memory === undefined ? {} : { memory: formatAddress(memory) }),
    ...(kernel === undefined ? {} : { kernel: kernel.map(formatBound).join(" ") }),
  };
}

/** A plan's requirements as the rules take them. */
export function requiresOf({ memory, kernel, ...same }: PlannedRequires): Requires {
  const bounds = kernel === undefined ? undefined : parseReleaseRange(kernel);
  return {
    ...same,
    ...(memory === undefined ? {} : { memory: BigInt(memory) }),
    ...(bounds === undefined ? {} : { kernel: bounds }),
  };
}
