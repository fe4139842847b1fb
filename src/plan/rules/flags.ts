import { isSince } from "../../core/release.ts";
import type { HostFacts } from "../../host/facts.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";

/**
 * The flags that came after the calls themselves, by the first Linux that knows them (include/uapi/linux/kexec.h); an
 * older one answers EINVAL.
 */
const SINCE: { readonly [flag: string]: readonly [major: number, minor: number] } = {
  KEXEC_UPDATE_ELFCOREHDR: [6, 6],
  KEXEC_CRASH_HOTPLUG_SUPPORT: [6, 10],
  KEXEC_FILE_DEBUG: [6, 8],
  KEXEC_FILE_NO_CMA: [6, 17],
  KEXEC_FILE_FORCE_DTB: [6, 18],
};

const flagKnown: Rule = {
  name: "flag-known",
  about: "The running kernel is new enough for the flags (kexec_load_check in kernel/kexec.c: EINVAL for unknown ones)",
  exit: "unavailable",
  check({ call, facts }) {
    const aged = call.flags.flatMap((flag) => {
      const since = Object.hasOwn(SINCE, flag) ? SINCE[flag] : undefined;
      return since === undefined ? [] : [{ flag, since }];
    });
    if (aged.length === 0 || aged.some(({ since }) => isSince(facts.release, since) === undefined)) return undefined;
    const tooNew = aged.find(({ flag, since }) => !isShown(flag, facts) && isSince(facts.release, since) === false);
    return tooNew === undefined
      ? pass(`The running kernel ${facts.release} knows ${aged.map(({ flag }) => flag).join(", ")}`)
      // Distributions backport some of them.
      : warn(
        `${tooNew.flag} exists since Linux ${tooNew.since.join(".")}, but the running kernel is ${facts.release}: ` +
          `unless its distribution backported the flag, the kernel answers EINVAL`,
        "Remove the key of the profile that sets it, unless you know that the kernel has the flag",
      );
  },
};

/** Whether a fact shows that the kernel has a flag, whatever its release. */
function isShown(flag: string, { kexec }: HostFacts): boolean {
  return flag === "KEXEC_UPDATE_ELFCOREHDR" && kexec.crashElfcorehdrSize !== undefined;
}

const forceDtb: Rule = {
  name: "force-dtb",
  about: "KEXEC_FILE_FORCE_DTB has a device tree to hand over (setup_dtb in arch/x86/kernel/kexec-bzimage64.c)",
  exit: "unavailable",
  check({ call, facts }) {
    if (!call.flags.includes("KEXEC_FILE_FORCE_DTB")) return undefined;
    if (facts.machine !== "x86_64") {
      return fail(
        "KEXEC_FILE_FORCE_DTB does nothing here: an arm64 kernel gets the running kernel's device tree in any case",
        "Remove `force_dtb`",
      );
    }
    return facts.deviceTree === undefined
      ? fail(
        "KEXEC_FILE_FORCE_DTB does nothing here: the running kernel was booted without a device tree",
        "Remove `force_dtb`; the kernel would ignore it without an error",
      )
      : pass("The device tree that the running kernel was booted with is handed over");
  },
};

/** The rules about the flags of a call. */
export const FLAG_RULES: readonly Rule[] = [flagKnown, forceDtb];
