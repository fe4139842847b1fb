import { assertEquals } from "@std/assert";
import type { HostFacts, ImaPolicy } from "../../src/host/facts.ts";
import {
  appraisalOf,
  appraise,
  formatImaRule,
  type ImaHook,
  measurementOf,
  parseImaRules,
  refusesKexecLoad,
} from "../../src/host/ima.ts";
import type { ImaLabel } from "../../src/host/ima_label.ts";
import { hostFacts } from "../support/host_facts.ts";

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `IMA: ${name}`, permissions: "none", fn });
}

const LABEL: ImaLabel = { owner: 0, group: 0, fsMagic: 0xef53, appended: false };
const SHA = "ab".repeat(32);

function host(policy: string, facts: Partial<HostFacts> = {}): HostFacts {
  const ima: ImaPolicy = { inForce: true, rules: parseImaRules(policy) };
  return hostFacts({ kernelConfig: {}, ima, ...facts });
}

/** The rule for a file, and whether that is certain. */
function found(
  policy: string,
  { hook = "KEXEC_KERNEL_CHECK", label = LABEL, facts = {} }: {
    readonly hook?: ImaHook;
    readonly label?: ImaLabel | undefined;
    readonly facts?: Partial<HostFacts>;
  } = {},
): string | undefined {
  const rule = appraisalOf(host(policy, facts), hook, label);
  return rule === undefined ? undefined : `${rule.certain ? "" : "perhaps "}${formatImaRule(rule.rule)}`;
}

pure("each condition of a rule is held against the file that root reads", () => {
  const rows: readonly (readonly [string, boolean | "perhaps"])[] = [
    ["", true],
    ["func=KEXEC_KERNEL_CHECK", true],
    ["func=KEXEC_INITRAMFS_CHECK", false],
    ["func=FILE_CHECK", false],
    ["mask=MAY_READ", true],
    ["mask=^MAY_READ", true],
    ["mask=MAY_EXEC", false],
    ["uid=0", true],
    ["uid=1000", false],
    ["uid<1000", true],
    ["uid>0", false],
    ["euid=0", true],
    ["fowner=0", true],
    ["fowner=7", false],
    ["fowner>0", false],
    ["fgroup=0", true],
    ["fgroup<1", true],
    ["fgroup=5", false],
    ["fsmagic=0xef53", true],
    ["fsmagic=EF53", true],
    ["fsmagic=0x1021994", false],
    ["fsname=ext4", "perhaps"],
    ["fsuuid=3a6f1f0e-0000-0000-0000-000000000000", "perhaps"],
    ["obj_type=boot_t", "perhaps"],
    ["func=KEXEC_KERNEL_CHECK fsname=ext4 fowner=7", false],
    ["appraise_type=imasig|modsig appraise_flag=check_blacklist appraise_algos=sha256", true],
    ["digest_type=verity permit_directio pcr=11 template=ima-ngv2", true],
    ["what=is-new", "perhaps"],
  ];
  for (const [conditions, expected] of rows) {
    const rule = `appraise ${conditions}`.trim();
    assertEquals(found(rule), expected === false ? undefined : expected === true ? rule : `perhaps ${rule}`, rule);
  }
  assertEquals(appraisalOf(host("appraise fowner=0"), "KEXEC_KERNEL_CHECK", undefined)?.certain, false);
  assertEquals(appraisalOf(host("appraise fsmagic=0xef53"), "KEXEC_KERNEL_CHECK", undefined)?.certain, false);
  assertEquals(found("appraise fowner=0", { label: { ...LABEL, owner: 5 } }), undefined);
});

pure("the first rule that matches decides, and one that may match makes the next uncertain", () => {
  assertEquals(found("dont_appraise fsmagic=0xef53\nappraise fowner=0"), undefined);
  assertEquals(found("dont_appraise fsmagic=0x1021994\nappraise fowner=0"), "appraise fowner=0");
  assertEquals(found("appraise fowner=0\ndont_appraise"), "appraise fowner=0");
  assertEquals(found("dont_appraise fsname=ext4\nappraise fowner=0"), "perhaps appraise fowner=0");
  assertEquals(found("appraise fsname=ext4\ndont_appraise"), "perhaps appraise fsname=ext4");
  assertEquals(found("appraise fsname=ext4\nappraise"), "perhaps appraise fsname=ext4");
  assertEquals(found("measure\ndont_measure\nappraise"), "appraise");
  const initrd = { hook: "KEXEC_INITRAMFS_CHECK" } as const;
  assertEquals(found("appraise func=KEXEC_INITRAMFS_CHECK", initrd), "appraise func=KEXEC_INITRAMFS_CHECK");
  assertEquals(found("appraise func=KEXEC_KERNEL_CHECK", initrd), undefined);
  assertEquals(
    measurementOf(host("dont_measure fsmagic=0x9\nmeasure func=KEXEC_KERNEL_CHECK"), "KEXEC_KERNEL_CHECK", LABEL),
    {
      rule: { action: "measure", conditions: ["func=KEXEC_KERNEL_CHECK"] },
      certain: true,
    },
  );
  assertEquals(
    measurementOf(host("measure", { kernelConfig: { CONFIG_IMA: "n" } }), "KEXEC_KERNEL_CHECK", LABEL),
    undefined,
  );
});

pure("the kernel refuses kexec_load for any rule that appraises kernels by name", () => {
  const refuses = (policy: string, facts: Partial<HostFacts> = {}) => refusesKexecLoad(host(policy, facts))?.certain;
  assertEquals(refuses("appraise func=KEXEC_KERNEL_CHECK fowner=7"), true);
  assertEquals(refuses("dont_appraise\nappraise func=KEXEC_KERNEL_CHECK"), true);
  assertEquals(refuses("appraise"), undefined);
  assertEquals(refuses("appraise func=KEXEC_INITRAMFS_CHECK"), undefined);
  assertEquals(refuses("measure func=KEXEC_KERNEL_CHECK"), undefined);
  assertEquals(refuses("appraise func=KEXEC_KERNEL_CHECK", { cmdline: "ima_appraise=fix" }), undefined);
  const file = { ima: { inForce: false, rules: parseImaRules("appraise func=KEXEC_KERNEL_CHECK") } };
  assertEquals(refuses("", file), false);
});

pure("without the kernel's word, the policies that it was built and booted with count", () => {
  const rule = "appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig";
  const of = (facts: Partial<HostFacts>, label: ImaLabel = LABEL) => {
    const { ima: _, ...unread } = hostFacts({ kernelConfig: {}, ...facts });
    const appraisal = appraisalOf(unread, "KEXEC_KERNEL_CHECK", label);
    const measured = measurementOf(unread, "KEXEC_KERNEL_CHECK", label);
    return [appraisal, measured].map((each) => each === undefined ? "" : formatImaRule(each.rule));
  };
  assertEquals(of({}), ["", ""]);
  assertEquals(of({ cmdline: "ima_policy=tcb|secure_boot" }), [rule, ""]);
  assertEquals(of({ cmdline: "ima_policy=appraise_tcb" }), ["appraise fowner=0", ""]);
  assertEquals(of({ cmdline: "ima_policy=appraise_tcb" }, { ...LABEL, fsMagic: 0x1021994 }), ["", ""]);
  assertEquals(of({ cmdline: "ima_appraise_tcb" }, { ...LABEL, fsMagic: 0x858458f6 }), ["", ""]);
  assertEquals(of({ cmdline: "ima_appraise_tcb", kernelConfig: { CONFIG_IMA_APPRAISE_SIGNED_INIT: "y" } }), [
    "appraise fowner=0 appraise_type=imasig",
    "",
  ]);
  assertEquals(of({ kernelConfig: { CONFIG_IMA_APPRAISE_REQUIRE_KEXEC_SIGS: "y" } }), [rule, ""]);
  const arch = { secureBoot: "enabled", kernelConfig: { CONFIG_IMA_ARCH_POLICY: "y", CONFIG_KEXEC_SIG: "n" } } as const;
  assertEquals(of(arch), [rule, "measure func=KEXEC_KERNEL_CHECK"]);
  assertEquals(of({ ...arch, kernelConfig: { CONFIG_IMA_ARCH_POLICY: "y", CONFIG_KEXEC_SIG: "y" } }), [
    "",
    "measure func=KEXEC_KERNEL_CHECK",
  ]);
  assertEquals(of({ ...arch, secureBoot: "setup" }), ["", ""]);
});

pure(
  "a kernel that does not enforce what it appraises refuses nothing, and Secure Boot enforces it all the same",
  () => {
    const enforced = (facts: Partial<HostFacts>) => found("appraise", { facts }) !== undefined;
    const off = { cmdline: "ima_appraise=off" };
    const rows: readonly (readonly [Partial<HostFacts>, boolean])[] = [
      [{}, true],
      [{ kernelConfig: { CONFIG_IMA: "n" } }, false],
      [{ kernelConfig: { CONFIG_IMA_APPRAISE: "n" } }, false],
      [{ kernelConfig: { CONFIG_IMA_APPRAISE: "y", CONFIG_IMA_APPRAISE_BOOTPARAM: "y" } }, true],
      [off, false],
      [{ cmdline: "ima_appraise=log" }, false],
      [{ cmdline: "ima_appraise=fix" }, false],
      [{ cmdline: "ima_appraise=enforce" }, true],
      // The last one counts.
      [{ cmdline: "ima_appraise=fix ima_appraise=enforce" }, true],
      [{ cmdline: "ima_appraise=enforce ima_appraise=fix" }, false],
      [{ ...off, secureBoot: "enabled" }, true],
      [{ ...off, secureBoot: "disabled" }, false],
      [{ ...off, secureBoot: "setup" }, false],
      [{ ...off, kernelConfig: { CONFIG_IMA_APPRAISE_BOOTPARAM: "n" } }, true],
      [{ secureBoot: "enabled", kernelConfig: { CONFIG_IMA_APPRAISE: "n" } }, false],
    ];
    for (const [facts, expected] of rows) assertEquals(enforced(facts), expected, JSON.stringify(facts));
  },
);

pure("a policy that may be loaded, or the one that the kernel booted with, makes no rule certain", () => {
  const ima = { inForce: false, rules: parseImaRules("appraise fowner=0") };
  assertEquals(found("", { facts: { ima } }), "perhaps appraise fowner=0");
  const other = { inForce: false, rules: parseImaRules("dont_appraise") };
  assertEquals(found("", { facts: { ima: other } }), undefined);
  assertEquals(
    found("", { facts: { ima: other, cmdline: "ima_policy=appraise_tcb" } }),
    "perhaps appraise fowner=0",
  );
  const always = { CONFIG_IMA_APPRAISE_REQUIRE_KEXEC_SIGS: "y" };
  const rule = "appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig";
  assertEquals(found("", { facts: { ima: other, kernelConfig: always } }), `perhaps ${rule}`);
});

pure("a file is appraised by its label and its digest", () => {
  const bytes = (...numbers: readonly number[]) => Uint8Array.from(numbers).toBase64();
  const digest = Uint8Array.from([4, 4, ...Uint8Array.fromHex(SHA)]);
  const of = (rule: string, attribute: string | undefined, more: Partial<ImaLabel> = {}): string => {
    const [parsed] = parseImaRules(rule);
    if (parsed === undefined) throw new Error(rule);
    const appraised = appraise(parsed, { ...LABEL, ...(attribute === undefined ? {} : { attribute }), ...more }, SHA);
    return appraised.kind === "matches"
      ? "matches"
      : appraised.kind === "refused"
      ? `${appraised.needsSignature ? "! " : ""}${appraised.why}`
      : `? ${appraised.what}`;
  };
  const signed = "appraise appraise_type=imasig";
  assertEquals(of("appraise", undefined), "has no security.ima");
  assertEquals(of(signed, undefined), "! has no security.ima");
  assertEquals(of(signed, ""), "! has no security.ima");
  assertEquals(of("appraise", digest.toBase64()), "matches");
  assertEquals(of("appraise", digest.slice(0, 33).toBase64()), "has the digest of another content in security.ima");
  assertEquals(of("appraise", bytes(4, 4, 9)), "has the digest of another content in security.ima");
  assertEquals(of("appraise", bytes(4, 6, 9)), "? the digest in its security.ima");
  assertEquals(of("appraise", bytes(1, 9)), "? the digest in its security.ima");
  // The older form has no algorithm: what looks like one is a part of the digest.
  assertEquals(of("appraise", bytes(1, 4, 9)), "? the digest in its security.ima");
  assertEquals(of(signed, digest.toBase64()), "! has a digest in security.ima, and no signature");
  assertEquals(of(signed, bytes(3, 2)), "? the signature in its security.ima");
  assertEquals(of("appraise", bytes(3, 2)), "? the signature in its security.ima");
  assertEquals(
    of("appraise appraise_type=sigv3", bytes(3, 2)),
    "! has a signature of version 2 in security.ima, and not of version 3",
  );
  assertEquals(of("appraise appraise_type=sigv3", bytes(3, 3)), "? the signature in its security.ima");
  const verity = "appraise digest_type=verity appraise_type=sigv3";
  assertEquals(of(verity, bytes(3, 3)), "! has no signature of a digest of fs-verity in security.ima");
  assertEquals(of(verity, bytes(6, 3)), "? the signature in its security.ima");
  assertEquals(
    of(signed, bytes(6, 3)),
    "! has a signature of a digest of fs-verity in security.ima, and the rule demands one of its content",
  );
  assertEquals(of("appraise", bytes(6, 3)), "? the signature in its security.ima");
  assertEquals(of("appraise", bytes(9)), "has security.ima of an unknown type (9)");
  const either = "appraise appraise_type=imasig|modsig";
  assertEquals(of(either, undefined, { appended: true }), "? the signature that is appended to it");
  assertEquals(of(signed, undefined, { appended: true }), "! has no security.ima");
  assertEquals(of(either, undefined), "! has no security.ima");
  assertEquals(
    of(signed, undefined, { unreadable: "EACCES" }),
    "? its security.ima, which cannot be read here (EACCES)",
  );
});
