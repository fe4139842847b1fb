import { linuxMachine } from "../../arch/machines.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";

const replaces: Rule = {
  name: "already-loaded",
  about: "Says what becomes of an image that is loaded already",
  exit: "unavailable",
  check({ crash, facts }) {
    const loaded = crash ? facts.kexec.crashLoaded : facts.kexec.loaded;
    if (loaded === undefined) return undefined;
    if (!loaded) return pass(crash ? "No crash image is loaded yet" : "No image is loaded yet");
    return crash
      ? warn(
        "A crash image is loaded; the kernel drops it before it looks at the new one",
        "If the load then fails, the host has no crash kernel",
      )
      : warn("An image is loaded already; this one replaces it", "If the load fails, the old one stays loaded");
  },
};

const segmentsPlanned: Rule = {
  name: "segments-planned",
  about: "This version can lay out the segments that a kexec_load call needs",
  exit: "unavailable",
  check({ call, facts, images }) {
    if (call.syscall !== "kexec_load") return undefined;
    if (images.kernel !== undefined && linuxMachine(facts.machine) === undefined) {
      return fail(`This version of warmboot lays out no kernel for kexec_load on ${facts.machine}`, USE_FILE_LOAD);
    }
    return call.segments.length > 0 ? pass(`${call.segments.length} segments are laid out`) : undefined;
  },
};

const USE_FILE_LOAD = "Take out what needs kexec_load (see the reasons); kexec_file_load needs no layout";

const ARCH_OF_MACHINE: { readonly [machine: string]: string } = {
  "x86_64": "KEXEC_ARCH_X86_64",
  aarch64: "KEXEC_ARCH_AARCH64",
};

const architectureFlag: Rule = {
  name: "architecture-flag",
  about: "The architecture that kexec_load is told is the running kernel's own (kernel/kexec.c: EINVAL for any other)",
  exit: "unavailable",
  check({ call, facts }) {
    const told = call.flags.find((flag) => flag.startsWith("KEXEC_ARCH_"));
    const own = ARCH_OF_MACHINE[facts.machine];
    if (told === undefined || told === "KEXEC_ARCH_DEFAULT") return undefined;
    if (told === own) return pass(`${told} is this host's architecture`);
    return fail(
      `The profile asks for ${told}, and the kernel of this ${facts.machine} host takes no other than its own`,
      "Leave `arch` out, or take the profile to a host of that architecture",
    );
  },
};

/** The rules about what is loaded, and about the plan itself. */
export const STATE_RULES: readonly Rule[] = [segmentsPlanned, architectureFlag, replaces];
