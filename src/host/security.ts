import { omitUndefined, type Report } from "../core/shape.ts";
import { parseCmdline } from "../profile/cmdline/cmdline.ts";
import { type Captured, type Found, malformed } from "./captured.ts";
import type { HostFacts, Lockdown } from "./facts.ts";
import { FLAG, oneValue, type ValueForm } from "./one_value.ts";
import type { SourceName } from "./sources.ts";

/** What guards the kernel against a foreign one. */
export type SecurityFacts = Pick<HostFacts, "lockdown" | "lsm" | "secureBoot" | "loadPin" | "appraises">;

const LOCKDOWN_LEVELS: readonly Lockdown[] = ["none", "integrity", "confidentiality"];

/** `none [integrity] confidentiality`: the level in brackets holds. */
const LOCKDOWN: ValueForm<Lockdown> = {
  expected: "one lockdown level in brackets",
  read(text) {
    const active = text.split(/\s+/).filter((word) => /^\[.*\]$/.test(word));
    return active.length === 1 ? LOCKDOWN_LEVELS.find((level) => active[0] === `[${level}]`) : undefined;
  },
};

/** Decodes lockdown, the active security modules and Secure Boot. */
export function securityFacts(from: Captured, report: Report): SecurityFacts {
  return omitUndefined({
    lockdown: oneValue(from, report, "lockdown", LOCKDOWN),
    lsm: (from.one("lsm")?.text ?? "").split(",").filter((name) => name !== ""),
    secureBoot: secureBoot(from, report),
    loadPin: oneValue(from, report, "loadPin", FLAG),
    appraises: from.one("imaPolicy") === undefined ? undefined : appraises(from.all("imaPolicy")),
  });
}

/** Whether a rule demands a signature or digest of the files that kexec_file_load(2) reads: a rule without `func=` does. */
function appraises(policies: readonly Found[]): boolean {
  return policies.some(({ text }) =>
    text.split("\n").some((line) => {
      const [action, ...conditions] = line.trim().split(/\s+/);
      const hook = conditions.find((condition) => condition.startsWith("func="));
      return action === "appraise" && (hook === undefined || KEXEC_HOOKS.includes(hook));
    })
  );
}

const KEXEC_HOOKS: readonly string[] = ["func=KEXEC_KERNEL_CHECK", "func=KEXEC_INITRAMFS_CHECK"];

/**
 * What makes the kernel accept from kexec_file_load(2) only a file on a disk, and no memfd: IMA appraisal, for which a
 * memfd has no signature, or LoadPin, for which it lies on the wrong file system. Undefined: nothing that is known. The rules
 * are those of security/integrity/ima/ima_policy.c, ima_efi.c and security/loadpin/loadpin.c, Linux 7.3.
 */
export function demandsDisk(facts: HostFacts): "IMA appraisal" | "LoadPin" | undefined {
  if (facts.loadPin ?? facts.lsm.includes("loadpin")) return "LoadPin";
  return imaAppraises(facts) ? "IMA appraisal" : undefined;
}

function imaAppraises({ kernelConfig, secureBoot, appraises, cmdline = "" }: HostFacts): boolean {
  if (kernelConfig.CONFIG_IMA === "n" || kernelConfig.CONFIG_IMA_APPRAISE === "n") return false;
  const onSecureBoot = secureBoot === "enabled";
  const { kernel } = parseCmdline(cmdline);
  const values = (name: string) =>
    kernel.flatMap((parameter) => parameter.name === name ? (parameter.value ?? "").split(/[|\s]+/) : []);
  const lax = values("ima_appraise").some((value) => value === "off" || value === "log" || value === "fix");
  // Under Secure Boot, the kernel ignores that parameter.
  if (lax && !onSecureBoot) return false;
  return appraises === true || values("ima_appraise_tcb").length > 0 ||
    values("ima_policy").some((policy) => policy === "appraise_tcb" || policy === "secure_boot") ||
    kernelConfig.CONFIG_IMA_APPRAISE_REQUIRE_KEXEC_SIGS === "y" ||
    onSecureBoot && kernelConfig.CONFIG_KEXEC_SIG === "n" && kernelConfig.CONFIG_IMA_ARCH_POLICY === "y";
}

/** In setup mode no signature is checked, whatever SecureBoot says; without that variable, it does not hold. */
function secureBoot(from: Captured, report: Report): HostFacts["secureBoot"] {
  const on = efiFlag(from, report, "secureBoot");
  const setup = efiFlag(from, report, "setupMode");
  if (setup === true) return "setup";
  return on === undefined ? undefined : on ? "enabled" : "disabled";
}

/** A variable of efivarfs that is one byte: 4 bytes of attributes precede it. */
function efiFlag(from: Captured, report: Report, name: SourceName): boolean | undefined {
  const found = from.one(name);
  if (found === undefined) return undefined;
  const value = found.bytes.length === 5 ? found.bytes[4] : undefined;
  if (value === 0 || value === 1) return value === 1;
  return void report(malformed(found, "4 bytes of attributes and a value 0 or 1"));
}

/** Whether the running kernel is locked down. */
export function isLockedDown({ lockdown }: HostFacts): boolean {
  return lockdown !== undefined && lockdown !== "none";
}

/**
 * Whether IMA, with Secure Boot on, refuses kexec_load and unsigned images (security/integrity/ima/ima_efi.c, Linux 7.3).
 * It does so where the policy is built in; where that is not known, it may be.
 */
export function imaActsOnSecureBoot({ kernelConfig }: HostFacts): boolean {
  return kernelConfig.CONFIG_IMA !== "n" && kernelConfig.CONFIG_IMA_ARCH_POLICY !== "n";
}
