import { lookUp } from "../../core/shape.ts";
import { linuxMachine } from "../../arch/machines.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";

const replaces: Rule = {
  name: "already-loaded",
  about: "Reports what happens to an image that is already loaded",
  exit: "unavailable",
  check({ crash, facts }) {
    const loaded = crash ? facts.kexec.crashLoaded : facts.kexec.loaded;
    if (loaded === undefined) return undefined;
    if (!loaded) return pass(crash ? "No crash image is loaded yet" : "No image is loaded yet");
    return crash
      ? warn(
        "A crash image is already loaded; the kernel drops it before it reads the new one",
        "If the load fails, the host has no crash kernel",
      )
      : warn("An image is already loaded; this one replaces it", "If the load fails, the old one stays loaded");
  },
};

const segmentsPlanned: Rule = {
  name: "segments-planned",
  about: "This version of warmboot can lay out the segments of a kexec_load call",
  exit: "unavailable",
  check({ call, facts, images }) {
    if (call.syscall !== "kexec_load") return undefined;
    if (images.kernel !== undefined && linuxMachine(facts.machine) === undefined) {
      return fail(`This version of warmboot cannot lay out a kernel for kexec_load on ${facts.machine}`, USE_FILE_LOAD);
    }
    return call.segments.length > 0 ? pass(`${call.segments.length} segments are laid out`) : undefined;
  },
};

const USE_FILE_LOAD = "Remove what needs kexec_load (see the reasons); kexec_file_load needs no layout";

const ARCH_OF_MACHINE: { readonly [machine: string]: string } = {
  "x86_64": "KEXEC_ARCH_X86_64",
  aarch64: "KEXEC_ARCH_AARCH64",
};

const architectureFlag: Rule = {
  name: "architecture-flag",
  about: "The architecture of the kexec_load call is the running kernel's own (kernel/kexec.c: EINVAL for any other)",
  exit: "unavailable",
  check({ call, facts }) {
    const stated = call.flags.find((flag) => flag.startsWith("KEXEC_ARCH_"));
    const own = lookUp(ARCH_OF_MACHINE, facts.machine);
    if (stated === undefined || stated === "KEXEC_ARCH_DEFAULT") return undefined;
    if (stated === own) return pass(`${stated} is this host's architecture`);
    return fail(
      `The profile sets ${stated}, but the kernel of this ${facts.machine} host accepts only its own architecture`,
      "Remove `arch`, or use the profile on a host of that architecture",
    );
  },
};

/** The rules about what is loaded, and about the plan itself. */
export const STATE_RULES: readonly Rule[] = [segmentsPlanned, architectureFlag, replaces];
