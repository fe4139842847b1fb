import {
  appraisalOf,
  appraise,
  type Appraised,
  formatImaRule,
  type FoundImaRule,
  type ImaHook,
  measurementOf,
  refusesKexecLoad,
} from "../../host/ima.ts";
import { type ImaLabel, MEMORY_LABEL } from "../../host/ima_label.ts";
import type { FileLoadCall } from "../plan.ts";
import { fail, pass, type Rule, type RuleInput, type Verdict, warn } from "./rule.ts";

/** A file as kexec_file_load hands it to the kernel. */
interface Handed {
  /** For people. */
  readonly name: string;
  readonly hook: ImaHook;
  /** Undefined: nobody looked. */
  readonly label: ImaLabel | undefined;
  readonly sha256: string;
  /** Why it is a file in memory, which has no security.ima; undefined where the file itself is handed over. */
  readonly inMemory?: string;
}

/** What kexec_file_load gets: the kernel, and the initrd. Sections of a PE file are the subject of `uki-sections`. */
function handedFiles({ call, images: { kernel, initrd } }: RuleInput): readonly Handed[] {
  const [only, ...more] = initrd;
  const handed = call.syscall === "kexec_file_load" ? handedInMemory(call) : undefined;
  const kernels: readonly Handed[] = kernel === undefined || kernel.image !== undefined ? [] : [{
    name: kernel.path,
    hook: "KEXEC_KERNEL_CHECK",
    sha256: kernel.sha256,
    ...(handed === undefined ? { label: kernel.label } : { label: MEMORY_LABEL, inMemory: handed }),
  }];
  if (only === undefined || only.image !== undefined) return kernels;
  const hook = "KEXEC_INITRAMFS_CHECK";
  const initrds: Handed = more.length === 0 ? { name: only.path, hook, label: only.label, sha256: only.sha256 } : {
    name: "the initrds",
    hook,
    label: MEMORY_LABEL,
    sha256: "",
    inMemory: `${initrd.length} initrds are joined in memory`,
  };
  return [...kernels, initrds];
}

/** What the kernel's file is handed over as, where that is a file in memory. */
function handedInMemory({ kernel, unpacked, built }: FileLoadCall): string | undefined {
  if (built !== undefined) {
    return `an image that is built around what ${kernel.path} unpacks to is handed over in memory`;
  }
  return unpacked === undefined ? undefined : `what ${kernel.path} unpacks to is handed over in memory`;
}

/** What comes of a file, with the rule that appraises it. */
type Judged = Handed & { readonly found: FoundImaRule; readonly appraised: Appraised | undefined };

const imaAppraisal: Rule = {
  name: "ima-appraisal",
  about:
    "IMA's policy takes the files (ima_load_data and ima_appraise_measurement in security/integrity/ima, Linux 7.2)",
  exit: "unavailable",
  check(input) {
    const { call, facts } = input;
    if (call.syscall === "kexec_load") return loadVerdict(refusesKexecLoad(facts));
    if (input.images.kernel === undefined) return hostVerdict(appraisalOf(facts, "KEXEC_KERNEL_CHECK", undefined));
    const judged = handedFiles(input).flatMap((file): readonly Judged[] => {
      const found = appraisalOf(facts, file.hook, file.label);
      if (found === undefined) return [];
      return [{
        ...file,
        found,
        appraised: file.label === undefined ? undefined : appraise(found.rule, file.label, file.sha256),
      }];
    });
    const refused = judged.find(({ found, appraised }) => appraised?.kind === "refused" && found.certain) ??
      judged.find(({ appraised }) => appraised?.kind === "refused");
    if (refused !== undefined) return refusal(refused);
    const unknown = judged.find(({ appraised }) => appraised === undefined);
    if (unknown !== undefined) {
      return warn(
        `IMA's policy (\`${formatImaRule(unknown.found.rule)}\`) ${
          may(unknown.found)
        } ${unknown.name}, and its security.ima ` +
          "is not known",
        "Plan on the host itself, as root, or capture it with this profile: warmboot facts --images PROFILE",
      );
    }
    const open = judged.find(({ appraised }) => appraised?.kind === "kernel-decides");
    if (open?.appraised?.kind === "kernel-decides") {
      return warn(
        `IMA's policy (\`${formatImaRule(open.found.rule)}\`) ${
          may(open.found)
        } ${open.name}, and only the kernel can ` +
          `verify ${open.appraised.what}`,
        "The load fails with EACCES unless the kernel's keyring .ima has the signing key, or .platform for a kernel",
      );
    }
    if (judged.length === 0) return undefined;
    return pass(
      `IMA's policy appraises ${
        judged.map(({ name }) => name).join(" and ")
      }, and the digest in security.ima is that of ` +
        `the ${judged.length === 1 ? "file" : "files"}`,
    );
  },
};

function may({ certain }: FoundImaRule): string {
  return certain ? "appraises" : "may appraise";
}

function loadVerdict(found: FoundImaRule | undefined): Verdict | undefined {
  if (found === undefined) return undefined;
  const rule = formatImaRule(found.rule);
  return found.certain
    ? fail(
      `IMA's policy appraises kernels (\`${rule}\`), so the kernel refuses kexec_load with EACCES`,
      "Use `load: kexec_file_load`, and a kernel with an IMA signature",
    )
    : warn(
      `IMA's policy may appraise kernels (\`${rule}\`), and then the kernel refuses kexec_load with EACCES`,
      "If the load fails, use `load: kexec_file_load`, and a kernel with an IMA signature",
    );
}

/** What holds for any image, as `warmboot status` asks. */
function hostVerdict(found: FoundImaRule | undefined): Verdict | undefined {
  if (found === undefined) return undefined;
  return warn(
    `IMA's policy (\`${formatImaRule(found.rule)}\`) ${may(found)} kernels, so only those with security.ima load`,
  );
}

function refusal({ name, found, appraised, inMemory }: Judged): Verdict | undefined {
  if (appraised?.kind !== "refused") return undefined;
  const why = inMemory === undefined
    ? `${name} ${appraised.why}`
    : `${inMemory}, and a file in memory ${appraised.why}`;
  const hint = inMemory !== undefined
    ? "Name files that can be handed over as they are: one initrd, and a kernel that is not packed"
    : appraised.needsSignature
    ? "Sign the file with a key that the kernel's keyring .ima has (evmctl ima_sign), or use one that is signed so"
    : "Give the file a digest (evmctl ima_hash), or use one that has it";
  const rule = formatImaRule(found.rule);
  return found.certain
    ? fail(`IMA's policy (\`${rule}\`) refuses the load with EACCES: ${why}`, hint)
    : warn(`IMA's policy may refuse the load with EACCES (\`${rule}\`): ${why}`, hint);
}

const imaMeasurement: Rule = {
  name: "ima-measurement",
  about: "What IMA's policy measures of a load is measured (kexec_load has nothing that could be)",
  exit: "unavailable",
  check(input) {
    const { call, facts, images } = input;
    if (call.syscall === "kexec_load") {
      const found = measurementOf(facts, "KEXEC_KERNEL_CHECK", images.kernel?.label) ??
        measurementOf(facts, "KEXEC_INITRAMFS_CHECK", undefined);
      if (found === undefined) return undefined;
      return warn(
        `IMA's policy ${found.certain ? "measures" : "may measure"} what is loaded (\`${
          formatImaRule(found.rule)
        }\`), ` +
          "but of kexec_load the kernel measures nothing, and hands its list of measurements over to no kernel",
        "Use `load: kexec_file_load` where the next system is attested",
      );
    }
    const measured = handedFiles(input).filter(({ hook, label }) =>
      measurementOf(facts, hook, label)?.certain === true
    );
    if (measured.length === 0) return undefined;
    const names = measured.map(({ name, inMemory }) => inMemory === undefined ? name : `${name} (${inMemory})`);
    return pass(`IMA measures ${names.join(" and ")}`);
  },
};

/** The rules about IMA. */
export const INTEGRITY_RULES: readonly Rule[] = [imaAppraisal, imaMeasurement];
