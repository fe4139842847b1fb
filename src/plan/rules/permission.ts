import { hasSysBoot } from "../../host/capabilities.ts";
import type { HostFacts } from "../../host/facts.ts";
import type { Call } from "../plan.ts";
import { INTEGRITY_RULES } from "./integrity.ts";
import { fail, pass, type Rule, type RuleInput, type Verdict, warn } from "./rule.ts";
import { forcesSignatures, imaActsOnSecureBoot, isLockedDown } from "../../host/security.ts";
import { loadedInfo } from "../../image/boot_files.ts";

const capability: Rule = {
  name: "capability",
  about: "The process may load a kernel: CAP_SYS_BOOT in the initial user namespace",
  exit: "permission",
  check({ facts }) {
    const capable = hasSysBoot(facts);
    if (capable === undefined) return undefined;
    if (!capable) {
      return fail(
        "This process lacks the capability CAP_SYS_BOOT, so the kernel would answer EPERM",
        "Run warmboot as root, or with CAP_SYS_BOOT (in a unit: AmbientCapabilities=CAP_SYS_BOOT)",
      );
    }
    return facts.initUserNamespace === false
      ? fail(
        "This process runs in a user namespace of its own, where CAP_SYS_BOOT does not count for kexec",
        "Run warmboot on the host itself, outside the container",
      )
      : pass("This process has CAP_SYS_BOOT");
  },
};

const loadDisabled: Rule = {
  name: "load-disabled",
  about: "The sysctl kernel.kexec_load_disabled is off",
  exit: "unavailable",
  check({ facts }) {
    if (facts.kexec.loadDisabled === undefined) return undefined;
    return facts.kexec.loadDisabled
      ? fail(
        "kernel.kexec_load_disabled is 1, so the kernel refuses to load images until the next reboot",
        "It cannot be reset; reboot normally, and find what sets it (sysctl.d, a hardening script)",
      )
      : pass("kernel.kexec_load_disabled is 0");
  },
};

const loadLimit: Rule = {
  name: "load-limit",
  about: "The load limit for this kind of image is not used up",
  exit: "unavailable",
  check({ facts, crash }) {
    const left = crash ? facts.kexec.limitPanic : facts.kexec.limitReboot;
    const name = crash ? "kernel.kexec_load_limit_panic" : "kernel.kexec_load_limit_reboot";
    if (left === undefined) return undefined;
    if (left < 0) return pass(`${name} is unlimited`);
    if (left === 0) return fail(`${name} is 0: no further load is allowed until the next reboot`, "Reboot normally");
    return warn(
      `${name} leaves ${left} ${left === 1 ? "load" : "loads"}, and this one uses one up, even if it fails`,
      "Unloading uses one up as well",
    );
  },
};

const callBuiltIn: Rule = {
  name: "call-available",
  about: "The running kernel has the chosen call",
  exit: "unavailable",
  check({ call, facts }) {
    const option = call.syscall === "kexec_file_load" ? "CONFIG_KEXEC_FILE" : "CONFIG_KEXEC";
    const value = facts.kernelConfig[option];
    if (value === undefined) {
      // Distributions differ on arm64 only, and a failed try may cost a permit.
      return call.syscall === "kexec_file_load" && facts.machine === "aarch64"
        ? warn(
          "Cannot determine whether the running kernel has kexec_file_load (CONFIG_KEXEC_FILE): its configuration was not found",
          "Debian's arm64 kernels lack it: if the load fails with ENOSYS, use `load: kexec_load`",
        )
        : undefined;
    }
    return value === "n"
      ? fail(
        `The running kernel ${facts.release} lacks ${call.syscall}: ${option} is not set`,
        otherCall(call.syscall, facts),
      )
      : pass(`The running kernel has ${call.syscall} (${option}=${value})`);
  },
};

/** What to do where the running kernel lacks a call. */
function otherCall(lacking: Call["syscall"], { kernelConfig }: HostFacts): string {
  if (kernelConfig.CONFIG_KEXEC === "n" && kernelConfig.CONFIG_KEXEC_FILE === "n") {
    return "Boot a kernel that is built with kexec";
  }
  const other = lacking === "kexec_load" ? "kexec_file_load" : "kexec_load";
  return `Use \`load: ${other}\`, and remove what only ${lacking} does (see the reasons)`;
}

const lockdown: Rule = {
  name: "lockdown",
  about: "Kernel lockdown allows the chosen call",
  exit: "unavailable",
  check(input) {
    const { call, facts } = input;
    if (facts.lockdown === undefined) return undefined;
    if (facts.lockdown === "none") return pass("The running kernel is not locked down");
    if (call.syscall === "kexec_load") {
      return fail(
        `The running kernel is locked down (${facts.lockdown}), which forbids kexec_load`,
        "Use a signed kernel and `load: kexec_file_load`",
      );
    }
    return signatureVerdict(input, `The running kernel is locked down (${facts.lockdown})`);
  },
};

const secureBoot: Rule = {
  name: "secure-boot",
  about: "Secure Boot allows the chosen call",
  exit: "unavailable",
  check(input) {
    const { call, facts } = input;
    if (facts.secureBoot === undefined) return undefined;
    if (facts.secureBoot !== "enabled") return pass("Secure Boot is off");
    const enforced = isLockedDown(facts) || imaActsOnSecureBoot(facts);
    if (call.syscall === "kexec_load" && enforced) {
      return fail(
        "Secure Boot is on, so a kernel with IMA refuses kexec_load with EACCES",
        "Use a signed kernel and `load: kexec_file_load`",
      );
    }
    if (call.syscall === "kexec_file_load" && (enforced || forcesSignatures(facts))) {
      return signatureVerdict(input, "Secure Boot is on");
    }
    return warn(
      "Secure Boot is on, but the running kernel does not enforce it for loads: no lockdown, no CONFIG_IMA_ARCH_POLICY",
      "The image boots without a check of its signature",
    );
  },
};

const signatureForced: Rule = {
  name: "signature-forced",
  about: "If the running kernel requires signatures, the image is signed",
  exit: "unavailable",
  check(input) {
    if (input.call.syscall === "kexec_load" || !forcesSignatures(input.facts)) return undefined;
    return signatureVerdict(input, "The running kernel requires signed images (CONFIG_KEXEC_SIG_FORCE)");
  },
};

/** Without a kernel, as `warmboot status` asks: what holds for any image. */
function signatureVerdict({ images }: RuleInput, state: string): Verdict | undefined {
  const kernel = images.kernel;
  if (kernel === undefined) return warn(`${state}, so only signed images load`);
  const info = loadedInfo(kernel);
  if (!("signed" in info)) return undefined;
  return info.signed
    ? warn(
      `${state}, and only the kernel can verify the signature of ${kernel.path}`,
      "The load fails unless the running kernel, the firmware's db or the machine owner's keys (MOK) contain the signing key",
    )
    : fail(
      `${state}, but ${kernel.path} is not signed`,
      "Name the distribution's signed kernel, or sign this one (sbsign)",
    );
}

/** The rules about what the host permits. */
export const PERMISSION_RULES: readonly Rule[] = [
  capability,
  loadDisabled,
  loadLimit,
  callBuiltIn,
  lockdown,
  secureBoot,
  signatureForced,
  ...INTEGRITY_RULES,
];
