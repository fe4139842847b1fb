import { platformHint, PLATFORMS } from "../platforms.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";

const xenDomain: Rule = {
  name: "xen-domain",
  about:
    "The running kernel is not a paravirtualized guest of Xen, nor its control domain: there, kexec is a hypercall",
  exit: "unavailable",
  check({ facts: { xen } }) {
    if (xen === undefined) return undefined;
    if (xen.isControl) {
      return fail(
        "The running kernel is the control domain of Xen: a kexec replaces the hypervisor, which only Xen itself can do",
        "Use kexec-tools, which asks Xen by a hypercall, or reboot by the firmware",
      );
    }
    if (xen.guest === "PV") {
      return fail(
        "The running kernel is a paravirtualized guest (PV) of Xen, which has no way to start another kernel",
        "Reboot the guest by Xen, or run it as HVM or PVH",
      );
    }
    return pass(`The running kernel is a Xen guest${xen.guest === undefined ? "" : ` (${xen.guest})`}, not a PV one`);
  },
};

const platform: Rule = {
  name: "platform",
  about: "Nobody reported that kexec does not come back on this platform, or the profile requires the platform",
  exit: "unavailable",
  check({ requires, facts }) {
    const known = PLATFORMS.find(({ applies }) => applies(facts));
    if (known === undefined) return undefined;
    const { name, title, reported, source } = known;
    return requires?.platform === name
      ? pass(`The profile requires ${title}, where kexec was reported to fail (${source})`)
      : warn(`This is ${title}: ${reported} (${source})`, platformHint(known));
  },
};

/** The rules about what the machine is, and what runs below the kernel. */
export const PLATFORM_RULES: readonly Rule[] = [xenDomain, platform];
