import { assertEquals } from "@std/assert";
import type { HostFacts } from "../../src/host/facts.ts";
import { parseImaRules } from "../../src/host/ima.ts";
import type { ImaLabel } from "../../src/host/ima_label.ts";
import type { Images } from "../../src/image/boot_files.ts";
import { planBoot } from "../../src/plan/planner.ts";
import { INTEGRITY_RULES } from "../../src/plan/rules/integrity.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { hostFacts } from "../support/host_facts.ts";
import { images, initrdFile, kernelFile, PART_DIGESTS, profileOf } from "../support/profiles.ts";

const NAMES = INTEGRITY_RULES.map(({ name }) => name);
const LABEL: ImaLabel = { owner: 0, group: 0, fsMagic: 0xef53, appended: false };
const KERNEL = "appraise func=KEXEC_KERNEL_CHECK";
const INITRD = "appraise func=KEXEC_INITRAMFS_CHECK";

/** What the two rules say. */
function said(
  policy: string,
  { label = LABEL, initrds = [initrdFile({ label: LABEL })], profile = {}, facts = {}, files = {}, inForce = true }: {
    readonly label?: ImaLabel | undefined;
    readonly initrds?: Images["initrd"];
    readonly profile?: Partial<Profile>;
    readonly facts?: Partial<HostFacts>;
    readonly files?: Partial<Images>;
    readonly inForce?: boolean;
  } = {},
): readonly (readonly [string, string, string | undefined])[] {
  const { value } = planBoot({
    profile: profileOf(profile),
    facts: hostFacts({ kernelConfig: {}, ima: { inForce, rules: parseImaRules(policy) }, ...facts }),
    images: images({
      kernel: kernelFile(label === undefined ? {} : { label }),
      initrd: initrds,
      ...files,
    }),
    partDigests: PART_DIGESTS,
  });
  return (value?.checks ?? []).filter(({ rule }) => NAMES.includes(rule)).map(({ status, message, hint }) =>
    [status, message, hint] as const
  );
}

function pure(name: string, fn: () => void): void {
  Deno.test({ name: `integrity: ${name}`, permissions: "none", fn });
}

const SIGN =
  "Sign the file with a key that the kernel's keyring .ima has (evmctl ima_sign), or use one that is signed so";
const ASK =
  "The load fails with EACCES unless the kernel's keyring .ima has the signing key, or .platform for a kernel";
const signature = Uint8Array.of(3, 2).toBase64();

pure("a file without what the rule demands is refused before the load", () => {
  assertEquals(said(""), []);
  assertEquals(said("appraise func=MODULE_CHECK"), []);
  assertEquals(said(`${KERNEL} appraise_type=imasig`), [[
    "fail",
    `IMA's policy (\`${KERNEL} appraise_type=imasig\`) refuses the load with EACCES: /boot/vmlinuz has no security.ima`,
    SIGN,
  ]]);
  assertEquals(said(INITRD), [[
    "fail",
    `IMA's policy (\`${INITRD}\`) refuses the load with EACCES: /boot/initrd.img has no security.ima`,
    "Give the file a digest (evmctl ima_hash), or use one that has it",
  ]]);
  assertEquals(said(`${INITRD} fsname=ext4`), [[
    "warn",
    `IMA's policy may refuse the load with EACCES (\`${INITRD} fsname=ext4\`): /boot/initrd.img has no security.ima`,
    "Give the file a digest (evmctl ima_hash), or use one that has it",
  ]]);
  assertEquals(said(KERNEL, { inForce: false }).map(([status]) => status), ["warn"]);
  assertEquals(said(KERNEL, { facts: { cmdline: "ima_appraise=log" } }), []);
  assertEquals(said(`${KERNEL} fowner=5`), [], "another owner");
});

pure("a refusal that is certain is said before one that is not", () => {
  assertEquals(
    said(`${KERNEL} fsname=ext4\n${INITRD}`).map(([status, message]) => [status, message.includes("initrd")]),
    [
      ["fail", true],
    ],
  );
});

pure("a signature is the kernel's to verify, a digest is verified", () => {
  const label = { ...LABEL, attribute: signature };
  assertEquals(said(KERNEL, { label }), [[
    "warn",
    `IMA's policy (\`${KERNEL}\`) appraises /boot/vmlinuz, and only the kernel can verify the signature in its security.ima`,
    ASK,
  ]]);
  const appended = `${KERNEL} appraise_type=imasig|modsig`;
  assertEquals(said(appended, { label: { ...LABEL, appended: true } }), [[
    "warn",
    `IMA's policy (\`${appended}\`) appraises /boot/vmlinuz, and only the kernel can verify the signature that is ` +
    "appended to it",
    ASK,
  ]]);
  const digest = (hex: string): ImaLabel => ({
    ...LABEL,
    attribute: Uint8Array.from([4, 4, ...Uint8Array.fromHex(hex)]).toBase64(),
  });
  const [kernel, initrd] = [kernelFile(), initrdFile()];
  assertEquals(
    said(`${KERNEL}\n${INITRD}`, {
      label: digest(kernel.sha256),
      initrds: [initrdFile({ label: digest(initrd.sha256) })],
    }),
    [[
      "pass",
      "IMA's policy appraises /boot/vmlinuz and /boot/initrd.img, and the digest in security.ima is that of the files",
      undefined,
    ]],
  );
  assertEquals(said(KERNEL, { label: digest(kernel.sha256) }).map(([, message]) => message), [
    "IMA's policy appraises /boot/vmlinuz, and the digest in security.ima is that of the file",
  ]);
});

pure("without a label, the plan says that it is not known", () => {
  const { label: _, ...unlabelled } = initrdFile();
  assertEquals(said(INITRD, { initrds: [unlabelled] }), [[
    "warn",
    `IMA's policy (\`${INITRD}\`) appraises /boot/initrd.img, and its security.ima is not known`,
    "Plan on the host itself, as root, or capture it with this profile: warmboot facts --images PROFILE",
  ]]);
});

pure("what is handed over in memory has no label of its own", () => {
  const two = [initrdFile({ label: { ...LABEL, attribute: signature } }), initrdFile({ path: "/boot/two" })];
  assertEquals(said(INITRD, { initrds: two }), [[
    "fail",
    `IMA's policy (\`${INITRD}\`) refuses the load with EACCES: 2 initrds are joined in memory, and a file in memory has ` +
    "no security.ima",
    "Name files that can be handed over as they are: one initrd, and a kernel that is not packed",
  ]]);
  assertEquals(said(`dont_appraise fsmagic=0x1021994\n${INITRD}`, { initrds: two }), [], "tmpfs is left out");
});

pure("kexec_load is refused where kernels are appraised by name, and is not measured", () => {
  const load = { profile: { load: "kexec_load" } } as const;
  assertEquals(said(KERNEL, load), [[
    "fail",
    `IMA's policy appraises kernels (\`${KERNEL}\`), so the kernel refuses kexec_load with EACCES`,
    "Use `load: kexec_file_load`, and a kernel with an IMA signature",
  ]]);
  assertEquals(said(KERNEL, { ...load, inForce: false }), [[
    "warn",
    `IMA's policy may appraise kernels (\`${KERNEL}\`), and then the kernel refuses kexec_load with EACCES`,
    "If the load fails, use `load: kexec_file_load`, and a kernel with an IMA signature",
  ]]);
  assertEquals(said("appraise fowner=0", load), []);
  const measure = "measure func=KEXEC_KERNEL_CHECK";
  assertEquals(said(measure, load), [[
    "warn",
    `IMA's policy measures what is loaded (\`${measure}\`), but of kexec_load the kernel measures nothing, and hands its ` +
    "list of measurements over to no kernel",
    "Use `load: kexec_file_load` where the next system is attested",
  ]]);
  assertEquals(said("measure func=KEXEC_INITRAMFS_CHECK", load).map(([status]) => status), ["warn"]);
  assertEquals(said(measure), [["pass", "IMA measures /boot/vmlinuz", undefined]]);
  assertEquals(said("measure"), [["pass", "IMA measures /boot/vmlinuz and /boot/initrd.img", undefined]]);
  assertEquals(said("measure fsname=ext4"), []);
});

pure("sections of a unified kernel image, and what is built at load, are judged as what they are", () => {
  const both = `${KERNEL}\n${INITRD}`;
  const section = { image: "/efi/a.efi" };
  // The subject of `uki-sections`.
  assertEquals(said(both, { files: { kernel: { ...kernelFile(), ...section } }, initrds: [] }), []);
  assertEquals(
    said(both, {
      files: { kernel: { ...kernelFile(), ...section } },
      initrds: [{ ...initrdFile({ label: LABEL }), ...section }],
    }),
    [],
  );
  assertEquals(said(INITRD, { initrds: [{ ...initrdFile(), ...section }] }), []);
});
