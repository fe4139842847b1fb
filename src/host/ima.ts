import { lookUp } from "../core/shape.ts";
import { parseCmdline } from "../profile/cmdline/cmdline.ts";
import type { HostFacts, ImaAction, ImaRule } from "./facts.ts";
import type { ImaLabel } from "./ima_label.ts";

/** The files of kexec_file_load(2), as IMA's rules name them. */
export type ImaHook = "KEXEC_KERNEL_CHECK" | "KEXEC_INITRAMFS_CHECK";

/** A rule that was found for a file. */
export interface FoundImaRule {
  readonly rule: ImaRule;
  /** Whether it is known that the rule is in force, and that it is the one for this file. */
  readonly certain: boolean;
}

const ACTIONS: readonly string[] = ["appraise", "dont_appraise", "measure", "dont_measure"] satisfies ImaAction[];

/** The rules of a policy's text that are about appraisal and measurement. */
export function parseImaRules(text: string): readonly ImaRule[] {
  return text.split("\n").flatMap((line) => {
    const [action = "", ...conditions] = line.trim().split(/\s+/);
    return isAction(action) ? [{ action, conditions }] : [];
  });
}

function isAction(word: string): word is ImaAction {
  return ACTIONS.includes(word);
}

/** A rule as a policy has it. */
export function formatImaRule({ action, conditions }: ImaRule): string {
  return [action, ...conditions].join(" ");
}

type Host = Pick<HostFacts, "ima" | "kernelConfig" | "secureBoot" | "cmdline">;

/** The rule by which the kernel appraises a file, and refuses it if that fails; undefined: none that is known. */
export function appraisalOf(host: Host, hook: ImaHook, label: ImaLabel | undefined): FoundImaRule | undefined {
  return enforces(host) ? ruleFor(host, "appraise", hook, label) : undefined;
}

/** The rule by which the kernel appraises any file of kexec_file_load(2) that has no label, as a file in memory. */
export function fileAppraisal(host: Host): FoundImaRule | undefined {
  return appraisalOf(host, "KEXEC_KERNEL_CHECK", undefined) ?? appraisalOf(host, "KEXEC_INITRAMFS_CHECK", undefined);
}

/**
 * The rule by which the kernel refuses every kexec_load(2), whose image it cannot appraise: any that appraises kernels by
 * name, whatever its other conditions (ima_load_data in ima_main.c, and ima_appraise_flag in ima_policy.c).
 */
export function refusesKexecLoad(host: Host): FoundImaRule | undefined {
  if (!enforces(host)) return undefined;
  for (const { rules, certain } of policiesOf(host)) {
    const rule = rules.find(({ action, conditions }) =>
      action === "appraise" && conditions.includes("func=KEXEC_KERNEL_CHECK")
    );
    if (rule !== undefined) return { rule, certain };
  }
  return undefined;
}

/** The rule by which the kernel measures a file of kexec_file_load(2). Of kexec_load(2), it measures nothing. */
export function measurementOf(host: Host, hook: ImaHook, label: ImaLabel | undefined): FoundImaRule | undefined {
  return host.kernelConfig.CONFIG_IMA === "n" ? undefined : ruleFor(host, "measure", hook, label);
}

/** Whether a failed appraisal is refused: the parameter `ima_appraise=` can undo that, but not under Secure Boot. */
function enforces({ kernelConfig, secureBoot, cmdline = "" }: Host): boolean {
  if (kernelConfig.CONFIG_IMA === "n" || kernelConfig.CONFIG_IMA_APPRAISE === "n") return false;
  if (secureBoot === "enabled" || kernelConfig.CONFIG_IMA_APPRAISE_BOOTPARAM === "n") return true;
  const mode = parseCmdline(cmdline).kernel.findLast(({ name }) => name === "ima_appraise")?.value ?? "";
  return !/^(?:off|log|fix)/.test(mode);
}

/** The policies that may be in force: the one that the kernel shows, or those that it was built and booted with. */
function policiesOf(host: Host): readonly { readonly rules: readonly ImaRule[]; readonly certain: boolean }[] {
  if (host.ima?.inForce === true) return [{ rules: host.ima.rules, certain: true }];
  const { always, booted } = builtIn(host);
  // A policy that is loaded takes the place of the one that the kernel was booted with.
  return host.ima === undefined
    ? [{ rules: [...always, ...booted], certain: true }]
    : [{ rules: [...always, ...host.ima.rules], certain: false }, { rules: [...always, ...booted], certain: false }];
}

const REQUIRE_SIGNATURE = parseImaRules("appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig");

/** The policies in ima_policy.c and ima_efi.c, as far as they are about kexec, Linux 7.2. */
function builtIn({ kernelConfig, secureBoot, cmdline = "" }: Host): {
  /** Those of the architecture and of the build, which stay when a policy is loaded. */
  readonly always: readonly ImaRule[];
  readonly booted: readonly ImaRule[];
} {
  const { kernel } = parseCmdline(cmdline);
  const policies = kernel.flatMap(({ name, value = "" }) => name === "ima_policy" ? value.split(/[|\s]+/) : []);
  const ofFirmware = secureBoot === "enabled" && kernelConfig.CONFIG_IMA_ARCH_POLICY === "y";
  const appraisesAll = policies.includes("appraise_tcb") || kernel.some(({ name }) => name === "ima_appraise_tcb");
  const signed = kernelConfig.CONFIG_IMA_APPRAISE_SIGNED_INIT === "y" ? " appraise_type=imasig" : "";
  return {
    always: [
      ...(ofFirmware && kernelConfig.CONFIG_KEXEC_SIG === "n" ? REQUIRE_SIGNATURE : []),
      ...(ofFirmware ? parseImaRules("measure func=KEXEC_KERNEL_CHECK") : []),
      ...(kernelConfig.CONFIG_IMA_APPRAISE_REQUIRE_KEXEC_SIGS === "y" ? REQUIRE_SIGNATURE : []),
    ],
    booted: [
      ...(policies.includes("secure_boot") ? REQUIRE_SIGNATURE : []),
      // Those of file systems that hold no kernels are left out.
      ...(appraisesAll
        ? parseImaRules(
          `dont_appraise fsmagic=0x1021994\ndont_appraise fsmagic=0x858458f6\nappraise fowner=0${signed}`,
        )
        : []),
    ],
  };
}

/** The first rule that matches decides (ima_match_policy); one that may match makes what follows uncertain. */
function ruleFor(
  host: Host,
  kind: "appraise" | "measure",
  hook: ImaHook,
  label: ImaLabel | undefined,
): FoundImaRule | undefined {
  for (const { rules, certain } of policiesOf(host)) {
    const found = firstMatch(rules, kind, hook, label);
    if (found !== undefined) return { rule: found.rule, certain: found.certain && certain };
  }
  return undefined;
}

function firstMatch(
  rules: readonly ImaRule[],
  kind: "appraise" | "measure",
  hook: ImaHook,
  label: ImaLabel | undefined,
): FoundImaRule | undefined {
  let possible: ImaRule | undefined;
  let certain = true;
  for (const rule of rules) {
    if (rule.action !== kind && rule.action !== `dont_${kind}`) continue;
    const matched = matches(rule, hook, label);
    if (matched === "no") continue;
    if (rule.action === kind) possible ??= rule;
    if (matched === "yes") {
      if (rule.action === kind) return { rule: possible ?? rule, certain };
      break;
    }
    certain = false;
  }
  return possible === undefined ? undefined : { rule: possible, certain: false };
}

type Match = "yes" | "no" | "perhaps";

/** Whether the rule is one for this file, which root reads (ima_match_rules). */
function matches({ conditions }: ImaRule, hook: ImaHook, label: ImaLabel | undefined): Match {
  const verdicts = conditions.map((condition): Match => {
    const [, key = "", operator = "", value = ""] = /^(\w+)([=<>])(.*)$/.exec(condition) ?? [];
    const holds = lookUp(CONDITIONS, key);
    if (holds === undefined) return OPTIONS.includes(key === "" ? condition : key) ? "yes" : "perhaps";
    const verdict = holds({ operator, value, hook, label });
    return verdict === undefined ? "perhaps" : verdict ? "yes" : "no";
  });
  return verdicts.includes("no") ? "no" : verdicts.includes("perhaps") ? "perhaps" : "yes";
}

/** Words that say how, not which. */
const OPTIONS: readonly string[] = [
  "appraise_type",
  "appraise_flag",
  "appraise_algos",
  "digest_type",
  "permit_directio",
  "pcr",
  "template",
];

interface Asked {
  readonly operator: string;
  readonly value: string;
  readonly hook: ImaHook;
  readonly label: ImaLabel | undefined;
}

/** Whether a condition holds; undefined: not known. Labels of security modules and UUIDs are not looked at. */
const CONDITIONS: { readonly [key: string]: (asked: Asked) => boolean | undefined } = {
  func: ({ value, hook }) => value === hook,
  mask: ({ value }) => value === "MAY_READ" || value === "^MAY_READ",
  uid: ({ operator, value }) => compare(0, operator, value),
  euid: ({ operator, value }) => compare(0, operator, value),
  fowner: ({ operator, value, label }) => compare(label?.owner, operator, value),
  fgroup: ({ operator, value, label }) => compare(label?.group, operator, value),
  fsmagic: ({ value, label }) => {
    const magic = Number(/^0x/i.test(value) ? value : `0x${value}`);
    return label === undefined || Number.isNaN(magic) ? undefined : label.fsMagic === magic;
  },
};

function compare(number: number | undefined, operator: string, value: string): boolean | undefined {
  const other = Number(value);
  if (number === undefined || !/^\d+$/.test(value)) return undefined;
  return operator === "=" ? number === other : operator === "<" ? number < other : number > other;
}

/** What appraising a file comes to, as far as it can be known without the kernel's keys. */
export type Appraised =
  /** The digest in its attribute is that of the file. */
  | { readonly kind: "matches" }
  /** It has a signature, which only the kernel can verify. */
  | { readonly kind: "kernel-decides"; readonly what: string }
  /** `why` completes "NAME ...". */
  | { readonly kind: "refused"; readonly why: string; readonly needsSignature: boolean };

/** Types of `security.ima` (enum evm_ima_xattr_type in security/integrity/integrity.h). */
const DIGEST = 1;
const SIGNATURE = 3;
const DIGEST_NG = 4;
const VERITY_SIGNATURE = 6;

/** HASH_ALGO_SHA256 (include/uapi/linux/hash_info.h). */
const SHA256 = 4;

/**
 * Appraises a file by its label as xattr_verify and ima_appraise_measurement do (security/integrity/ima/ima_appraise.c,
 * Linux 7.2). @param sha256 the file's digest, hexadecimal
 */
export function appraise({ conditions }: ImaRule, label: ImaLabel, sha256: string): Appraised {
  const types = conditions.find((word) => word.startsWith("appraise_type="))?.slice("appraise_type=".length) ?? "";
  const needsSignature = types !== "";
  const needsVerity = conditions.includes("digest_type=verity");
  const refused = (why: string): Appraised => ({ kind: "refused", why, needsSignature });
  if (label.appended && types.split("|").includes("modsig")) {
    return { kind: "kernel-decides", what: "the signature that is appended to it" };
  }
  if (label.unreadable !== undefined) {
    return { kind: "kernel-decides", what: `its security.ima, which cannot be read here (${label.unreadable})` };
  }
  const value = label.attribute === undefined ? new Uint8Array() : Uint8Array.fromBase64(label.attribute);
  const [type, second] = value;
  if (type === undefined) return refused("has no security.ima");
  switch (type) {
    case DIGEST:
    case DIGEST_NG: {
      if (needsSignature) return refused("has a digest in security.ima, and no signature");
      if (type === DIGEST || second !== SHA256) {
        return { kind: "kernel-decides", what: "the digest in its security.ima" };
      }
      return value.slice(2, 34).toHex() === sha256
        ? { kind: "matches" }
        : refused("has the digest of another content in security.ima");
    }
    case SIGNATURE:
      if (needsVerity) return refused("has no signature of a digest of fs-verity in security.ima");
      return second !== 3 && types === "sigv3"
        ? refused(`has a signature of version ${second ?? 0} in security.ima, and not of version 3`)
        : { kind: "kernel-decides", what: "the signature in its security.ima" };
    case VERITY_SIGNATURE:
      return needsSignature && !needsVerity
        ? refused("has a signature of a digest of fs-verity in security.ima, and the rule demands one of its content")
        : { kind: "kernel-decides", what: "the signature in its security.ima" };
    default:
      return refused(`has security.ima of an unknown type (${type})`);
  }
}
