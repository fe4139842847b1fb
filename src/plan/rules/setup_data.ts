import { type SetupDataName, setupDataName } from "../../arch/x86_64/setup_data.ts";
import { listed } from "../../core/text.ts";
import { imageRelease } from "../../image/describe.ts";
import { kernelInfo } from "../../image/boot_files.ts";
import { fail, pass, type Rule, type RuleInput, type Verdict, warn } from "./rule.ts";

/** What a node of setup_data is, for people. */
const TITLES: { readonly [Name in SetupDataName]: string } = {
  SETUP_E820_EXT: "the end of a long memory map",
  SETUP_DTB: "the device tree",
  SETUP_PCI: "copies of PCI option ROMs",
  SETUP_EFI: "the addresses of EFI",
  SETUP_APPLE_PROPERTIES: "Apple's device properties",
  SETUP_JAILHOUSE: "what the hypervisor Jailhouse says",
  SETUP_CC_BLOB: "the CC blob of SEV-SNP",
  SETUP_IMA: "IMA's measurement list",
  SETUP_RNG_SEED: "a random seed",
  SETUP_KEXEC_KHO: "what kexec handover (KHO) preserved",
};

/** What both calls make for the next kernel again: its own memory map, EFI's addresses, a fresh seed. */
const RENEWED: readonly SetupDataName[] = ["SETUP_E820_EXT", "SETUP_EFI", "SETUP_RNG_SEED"];

/** What kexec_file_load hands over besides, as it is now (setup_boot_parameters in kexec-bzimage64.c). */
const CARRIED: readonly SetupDataName[] = ["SETUP_IMA", "SETUP_KEXEC_KHO"];

/** What the next kernel may miss; it does without the others, as after each kexec. */
const MISSED: readonly SetupDataName[] = ["SETUP_DTB", "SETUP_IMA", "SETUP_KEXEC_KHO"];

const dropped: Rule = {
  name: "setup-data",
  about: "What the running x86_64 kernel got by setup_data is made again or handed over, or is not missed",
  exit: "unavailable",
  check(input) {
    const { facts, call } = input;
    const types = [...new Set((facts.setupData ?? []).map(({ type }) => type))];
    if (facts.machine !== "x86_64" || types.length === 0 || !takesSetupData(input)) return undefined;
    const kept: readonly (SetupDataName | undefined)[] = [
      ...RENEWED,
      ...(call.syscall === "kexec_file_load" && !input.crash ? CARRIED : []),
      ...(hasTree(input) ? ["SETUP_DTB" as const] : []),
      // A rule of its own says what happens to it.
      "SETUP_CC_BLOB",
    ];
    const names = types.map((type) => ({ type, name: setupDataName(type) }));
    const lost = names.filter(({ name }) => !kept.includes(name));
    if (lost.length === 0) return pass("Nothing is lost of what the running kernel got by setup_data");
    const text = listed(lost.map(({ type, name }) => name === undefined ? `setup_data of type ${type}` : TITLES[name]));
    const says = `The running kernel was given ${text}, which ${call.syscall} does not hand over`;
    const missed = lost.flatMap(({ name }) => name !== undefined && MISSED.includes(name) ? [name] : []);
    // A crash kernel writes a dump: it has no use for measurements or preserved memory.
    const counts = input.crash ? missed.filter((name) => name === "SETUP_DTB") : missed;
    return counts.length === 0 ? pass(says) : warn(says, hintFor(counts, call.syscall));
  },
};

function hintFor(missed: readonly SetupDataName[], syscall: string): string {
  const hints = [
    ...(missed.includes("SETUP_DTB")
      ? [syscall === "kexec_load" ? "Name its file as `dtb`" : "Set `force_dtb: true`"]
      : []),
    ...(missed.some((name) => CARRIED.includes(name))
      ? ["Set `load: kexec_file_load`, which hands over the current state"]
      : []),
  ];
  return hints.join("; ");
}

/** Whether the image that is loaded is one that could take setup_data: a kernel of Linux, no explicit segments. */
function takesSetupData({ images }: RuleInput): boolean {
  const kind = kernelInfo(images)?.kind;
  return kind === "bzimage" || kind === "elf";
}

/** Whether the next kernel gets a device tree, from a file or from the running kernel. */
function hasTree({ call, images }: Pick<RuleInput, "call" | "images">): boolean {
  return images.dtb !== undefined || call.flags.includes("KEXEC_FILE_FORCE_DTB");
}

const ccBlob: Rule = {
  name: "cc-blob",
  about: "The next kernel of an SEV-SNP guest finds its CC blob, which neither call hands over by setup_data " +
    "(find_cc_blob in arch/x86/boot/compressed/sev.c)",
  exit: "unavailable",
  check(input) {
    const { facts } = input;
    const isGiven = facts.setupData?.some(({ type }) => setupDataName(type) === "SETUP_CC_BLOB") === true;
    if (facts.machine !== "x86_64" || !isGiven || !takesSetupData(input)) return undefined;
    const says = "The running kernel got the CC blob of SEV-SNP by setup_data, which neither call hands over";
    return facts.efi === undefined
      ? fail(
        `${says}, and there are no EFI tables that could have it: the next kernel would not find its secrets and CPUID page`,
        "Reboot by the hypervisor",
      )
      : warn(
        `${says}: the next kernel comes up only if the EFI tables have it as well, which cannot be seen here`,
        "Try it while someone can reset the guest",
      );
  },
};

const treeKernel: Rule = {
  name: "device-tree-kernel",
  about: "An x86_64 kernel that gets a device tree is built to read it: CONFIG_OF and CONFIG_OF_EARLY_FLATTREE " +
    "(x86_flattree_get_config in arch/x86/kernel/devicetree.c)",
  exit: "unavailable",
  check(input): Verdict | undefined {
    const { facts, images } = input;
    if (facts.machine !== "x86_64" || !hasTree(input)) return undefined;
    const info = kernelInfo(images);
    const release = info === undefined ? undefined : imageRelease(info);
    const name = release === undefined ? "the next kernel" : `the kernel ${release}`;
    const { CONFIG_OF: of, CONFIG_OF_EARLY_FLATTREE: early = of === "n" ? of : undefined } = facts.kernelConfig;
    const built = release === facts.release ? early : undefined;
    switch (built) {
      case undefined:
        return warn(
          `Cannot determine whether ${name} is built with CONFIG_OF, without which it ignores the device tree`,
          "See its configuration, /boot/config-RELEASE; most distributions' kernels for x86_64 lack CONFIG_OF",
        );
      case "y":
        return pass(`The kernel ${facts.release} is built with CONFIG_OF, and so reads the device tree`);
      default:
        return fail(
          `The kernel ${facts.release} is built without ${
            of === "y" ? "CONFIG_OF_EARLY_FLATTREE" : "CONFIG_OF"
          }, and so ` +
            "ignores the device tree",
          "Use a kernel with CONFIG_OF, or remove `dtb` and `force_dtb`",
        );
    }
  },
};

/** The rules about what an x86_64 kernel gets by setup_data. */
export const SETUP_DATA_RULES: readonly Rule[] = [dropped, ccBlob, treeKernel];
