import { formatSize } from "../../core/number.ts";
import type { HostFacts } from "../../host/facts.ts";
import { matchesGlob } from "../../profile/glob.ts";
import type { Requires } from "../../profile/profile.ts";
import { releaseNumbers } from "../../core/release.ts";
import { formatBound, keepsBound } from "../../profile/release_range.ts";
import { PLATFORMS } from "../platforms.ts";
import type { Check } from "../plan.ts";
import { fail, pass, type Rule, type RuleInput, type Verdict } from "./rule.ts";

/** What one requirement looks at. */
type RequirementInput = Pick<RuleInput, "facts" | "requires">;

/** A rule that needs only the host, so that it can run before any file is opened. */
interface RequirementRule extends Rule {
  check(input: RequirementInput): Verdict | undefined;
}

/** One requirement: what the profile requires, compared with the host. */
interface RequirementRow<T> {
  readonly name: string;
  readonly about: string;
  readonly asked: (requires: Requires) => T | undefined;
  readonly check: (asked: T, facts: HostFacts) => Verdict;
}

function row<T>({ name, about, asked, check }: RequirementRow<T>): RequirementRule {
  return {
    name,
    about,
    exit: "unavailable",
    check({ requires, facts }) {
      const wanted = requires === undefined ? undefined : asked(requires);
      return wanted === undefined ? undefined : check(wanted, facts);
    },
  };
}

const WRONG_HOST = "Use the profile on a matching host, or change its `requires`";

/** An unknown fact does not meet a requirement: a profile for another host must never pass because a fact is missing. */
function unknown(what: string, wanted: string, source: string): Verdict {
  return fail(`The profile requires ${wanted}, but ${what} is unknown`, `Make sure that ${source} can be read`);
}

const architecture = row({
  name: "requires-arch",
  about: "The host has the architecture that the profile requires",
  asked: (requires) => requires.architecture,
  check: (wanted, { machine }) =>
    machine === wanted
      ? pass(`The host is ${machine}, as required`)
      : fail(`The profile requires ${wanted}, but this host is ${machine}`, WRONG_HOST),
});

const platform = row({
  name: "requires-platform",
  about: "The host is the platform that the profile requires",
  asked: (requires) => requires.platform,
  check(wanted, facts) {
    const row = PLATFORMS.find(({ name }) => name === wanted);
    const title = row?.title ?? wanted;
    return row?.applies(facts) === true
      ? pass(`The host is ${title}, as required`)
      : fail(`The profile requires ${title}, but this host is not known to be one`, WRONG_HOST);
  },
});

const memory = row({
  name: "requires-memory",
  about: "The host has the memory that the profile requires (MemTotal)",
  asked: (requires) => requires.memory,
  check(wanted, { memTotal }) {
    if (memTotal === undefined) return unknown("the host's memory", formatSize(wanted), "/proc/meminfo");
    return memTotal >= wanted
      ? pass(`The host has ${formatSize(memTotal)} of memory; ${formatSize(wanted)} is required`)
      : fail(
        `The profile requires ${formatSize(wanted)} of memory, but this host has ${formatSize(memTotal)}`,
        "MemTotal is the memory that the kernel manages, somewhat less than what is installed",
      );
  },
});

const hostname = row({
  name: "requires-hostname",
  about: "The host's name matches the pattern that the profile requires",
  asked: (requires) => requires.hostname,
  check(wanted, facts) {
    if (facts.hostname === undefined) {
      return unknown("the host's name", `a host named \`${wanted}\``, "/proc/sys/kernel/hostname");
    }
    return matchesGlob(wanted.toLowerCase(), facts.hostname.toLowerCase())
      ? pass(`The host's name ${facts.hostname} matches \`${wanted}\``)
      : fail(`The profile requires a host named \`${wanted}\`, but this one is ${facts.hostname}`, WRONG_HOST);
  },
});

const kernel = row({
  name: "requires-kernel",
  about: "The running kernel's release is in the range that the profile requires",
  asked: (requires) => requires.kernel,
  check(wanted, { release }) {
    const range = wanted.map(formatBound).join(" ");
    const numbers = releaseNumbers(release);
    if (numbers === undefined) {
      return fail(
        `The profile requires a kernel ${range}, but the release ${release} does not start with a number`,
        WRONG_HOST,
      );
    }
    return wanted.every((bound) => keepsBound(numbers, bound))
      ? pass(`The running kernel ${release} is ${range}`)
      : fail(`The profile requires a running kernel ${range}, but this one is ${release}`, WRONG_HOST);
  },
});

/** How a host was booted; undefined where unknown. Only x86 has a BIOS. */
function firmwareOf(facts: HostFacts): "uefi" | "bios" | "neither" | undefined {
  if (facts.efi !== undefined || facts.secureBoot !== undefined) return "uefi";
  // If other parts of /sys are there, the EFI directory is really missing; without any, nothing is known.
  const showsSys = facts.bootParams !== undefined || facts.firmwareMap.length > 0 || facts.kexec.loaded !== undefined;
  if (!showsSys) return undefined;
  return /^(?:x86_64|i\d86)$/.test(facts.machine) ? "bios" : "neither";
}

const FIRMWARE = { uefi: "through UEFI", bios: "by a BIOS", neither: "neither through UEFI nor by a BIOS" } as const;

const firmware = row({
  name: "requires-firmware",
  about: "The host was booted by the firmware that the profile requires",
  asked: (requires) => requires.firmware,
  check(wanted, facts) {
    const found = firmwareOf(facts);
    if (found === undefined) {
      return unknown("how this host was booted", `a boot ${FIRMWARE[wanted]}`, "/sys/firmware");
    }
    return found === wanted ? pass(`The host was booted ${FIRMWARE[found]}, as required`) : fail(
      `The profile requires a boot ${FIRMWARE[wanted]}, but this host was booted ${FIRMWARE[found]}`,
      WRONG_HOST,
    );
  },
});

const secureBoot = row({
  name: "requires-secboot",
  about: "Secure Boot is on or off as the profile requires",
  asked: (requires) => requires.secureBoot,
  check(wanted, facts) {
    const source = "/sys/firmware/efi/efivars";
    const firmware = firmwareOf(facts);
    const isOn = facts.secureBoot === undefined
      ? firmware === undefined || firmware === "uefi" ? undefined : false
      : facts.secureBoot === "enabled";
    if (isOn === undefined) {
      return unknown("whether the firmware enforces it", wanted ? "Secure Boot" : "Secure Boot to be off", source);
    }
    const state = `Secure Boot is ${isOn ? "on" : facts.secureBoot === "setup" ? "in setup mode, and so off" : "off"}`;
    return isOn === wanted
      ? pass(`${state}, as required`)
      : fail(`The profile requires Secure Boot to be ${wanted ? "on" : "off"}, but ${state}`, WRONG_HOST);
  },
});

/** The rules about the host that a profile is for. */
export const REQUIRES_RULES: readonly RequirementRule[] = [
  architecture,
  platform,
  memory,
  hostname,
  kernel,
  firmware,
  secureBoot,
];

/** The first requirement that a host does not meet. */
export function unmetRequirement(requires: Requires, facts: HostFacts): Check | undefined {
  return REQUIRES_RULES.map((rule) => ({ rule: rule.name, verdict: rule.check({ requires, facts }) }))
    .flatMap(({ rule, verdict }) => verdict === undefined ? [] : [{ rule, ...verdict }])
    .find(({ status }) => status === "fail");
}
