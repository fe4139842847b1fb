import { omitUndefined, type Report } from "../core/shape.ts";
import { type Captured, malformed } from "./captured.ts";
import type { HostFacts, ImaPolicy, Lockdown } from "./facts.ts";
import { fileAppraisal, parseImaRules } from "./ima.ts";
import { DECIMAL, FLAG, oneValue, type ValueForm } from "./one_value.ts";
import { IMA_POLICY, type SourceName } from "./sources.ts";

/** What guards the kernel against a foreign one. */
export type SecurityFacts = Pick<
  HostFacts,
  "lockdown" | "lsm" | "secureBoot" | "memoryOverwrite" | "loadPin" | "ima" | "imaMeasurements"
>;

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
    memoryOverwrite: efiFlag(from, report, "memoryOverwrite", MEMORY_OVERWRITE),
    loadPin: oneValue(from, report, "loadPin", FLAG),
    ima: imaPolicy(from),
    imaMeasurements: imaMeasurements(from, report),
  });
}

function imaMeasurements(from: Captured, report: Report): number | undefined {
  const count = oneValue(from, report, "imaMeasurements", DECIMAL);
  return count === undefined ? undefined : Number(count);
}

/** Of several files, as a capture may have them, the first place is the kernel's own. */
function imaPolicy(from: Captured): ImaPolicy | undefined {
  const found = from.one("imaPolicy");
  if (found === undefined) return undefined;
  return { inForce: found.path === IMA_POLICY, rules: parseImaRules(found.text) };
}

/**
 * What makes the kernel accept from kexec_file_load(2) only a file on a disk, and no memfd: IMA appraisal, for which a
 * memfd has no signature, or LoadPin, for which it lies on the wrong file system. Undefined: nothing that is known. For LoadPin
 * see security/loadpin/loadpin.c, Linux 7.3.
 */
export function demandsDisk(facts: HostFacts): "IMA appraisal" | "LoadPin" | undefined {
  if (facts.loadPin ?? facts.lsm.includes("loadpin")) return "LoadPin";
  return fileAppraisal(facts) === undefined ? undefined : "IMA appraisal";
}

/** In setup mode no signature is checked, whatever SecureBoot says; without that variable, it does not hold. */
function secureBoot(from: Captured, report: Report): HostFacts["secureBoot"] {
  const on = efiFlag(from, report, "secureBoot");
  const setup = efiFlag(from, report, "setupMode");
  if (setup === true) return "setup";
  return on === undefined ? undefined : on ? "enabled" : "disabled";
}

/** ClearMemory and DisableAutoDetect of MemoryOverwriteRequestControl (TCG Platform Reset Attack Mitigation 1.10, 4). */
const MEMORY_OVERWRITE = 0x11;

/** A variable of efivarfs that is one byte, of which bit 0 counts: 4 bytes of attributes precede it. */
function efiFlag(from: Captured, report: Report, name: SourceName, bits = 1): boolean | undefined {
  const found = from.one(name);
  if (found === undefined) return undefined;
  const value = found.bytes.length === 5 ? found.bytes[4] : undefined;
  if (value !== undefined && (value & ~bits) === 0) return (value & 1) === 1;
  return void report(malformed(found, "4 bytes of attributes and a value 0 or 1"));
}

/** What makes the kernel accept from kexec_file_load(2) only signed images, as a main clause; undefined: nothing that is known. */
export function demandsSignature(facts: HostFacts): string | undefined {
  if (isLockedDown(facts)) return `the running kernel is locked down (${facts.lockdown})`;
  if (forcesSignatures(facts)) return "the running kernel requires signed images (CONFIG_KEXEC_SIG_FORCE)";
  return facts.secureBoot === "enabled" && imaActsOnSecureBoot(facts)
    ? "Secure Boot is on, so that the kernel's integrity policy (IMA) requires signed images"
    : undefined;
}

/** Whether the running kernel is built to refuse what is not signed. */
export function forcesSignatures({ kernelConfig }: HostFacts): boolean {
  return kernelConfig.CONFIG_KEXEC_SIG_FORCE === "y";
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
