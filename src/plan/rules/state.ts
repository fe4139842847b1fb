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
  about: "The segments of a kexec_load call are planned",
  exit: "unavailable",
  check({ call }) {
    if (call.syscall !== "kexec_load" || call.segments.length > 0) return undefined;
    return fail(
      "This version of warmboot plans only kexec_file_load, and this profile needs kexec_load",
      "Take out what needs kexec_load (see the reasons), or wait for the version that plans segments",
    );
  },
};

/** The rules about what is loaded, and about the plan itself. */
export const STATE_RULES: readonly Rule[] = [segmentsPlanned, replaces];
