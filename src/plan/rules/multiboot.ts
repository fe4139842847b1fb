import { rsdpOf, screenOf } from "../../arch/x86_64/multiboot_info.ts";
import { INFORMATION } from "../../formats/multiboot.ts";
import type { HostFacts } from "../../host/facts.ts";
import { describeKernel, kernelInfo, loadedInfo } from "../../image/boot_files.ts";
import type { MultibootImage } from "../../image/image.ts";
import { cannotLeaveLongMode, NAME_64_BIT } from "./long_mode.ts";
import { stampIn } from "../stamp.ts";
import { fail, pass, type Rule, type RuleInput, type Verdict } from "./rule.ts";

const multibootModules: Rule = {
  name: "multiboot-modules",
  about: "Modules are for a Multiboot image, and initrds for a kernel of Linux",
  exit: "unavailable",
  check({ images }) {
    const { kernel, initrd, modules = [] } = images;
    if (kernel === undefined) return undefined;
    const info = loadedInfo(kernel);
    // What is not a kernel is the subject of `kernel-image`.
    if (info.kind === "not-kernel") return undefined;
    if (info.kind === "multiboot") {
      return initrd.length === 0 ? undefined : fail(
        `${kernel.path} is a ${describeKernel(kernel)}, to which an initrd means nothing`,
        "Name the initrd as one of the `modules`",
      );
    }
    return modules.length === 0 ? undefined : fail(
      `\`modules\` would be ignored: ${kernel.path} is not a Multiboot image, but ${describeKernel(kernel)}`,
      "Remove `modules`, or name the hypervisor or boot loader that they are for as `kernel`",
    );
  },
};

const multiboot: Rule = {
  name: "multiboot",
  about: "The host gives a Multiboot image what its header requires; says what is handed over",
  exit: "unavailable",
  check(input) {
    const { call, images, facts } = input;
    const { kernel } = images;
    const info = kernelInfo(images);
    if (kernel === undefined || info?.kind !== "multiboot") return undefined;
    // Another rule fails.
    if (call.syscall !== "kexec_load" || facts.machine !== "x86_64") return undefined;
    return cannotStart(input) ?? lacksInformation(kernel.path, info, facts) ?? pass(handedOver(input, info));
  },
};

/** Why no Multiboot image can be started like this. */
function cannotStart({ call, crash, facts }: RuleInput): Verdict | undefined {
  const noWay = cannotLeaveLongMode("A Multiboot image is entered in 32-bit mode, but", facts);
  if (noWay !== undefined) return noWay;
  if (crash) {
    return fail(
      "A Multiboot image cannot be a crash kernel: it knows of no reservation, and would use the memory that a dump is of",
      NAME_64_BIT,
    );
  }
  if (stampIn(call.cmdline) !== undefined) {
    return fail(
      "The stamp would be on the command line of the Multiboot image, where the system that then runs does not find it",
      "Remove `stamp`",
    );
  }
  return undefined;
}

/** What the header of an image requires and this host cannot give. */
function lacksInformation(path: string, { header }: MultibootImage, facts: HostFacts): Verdict | undefined {
  const requires = (type: number): boolean => header.requests.includes(type);
  if ((header.needsScreen || requires(INFORMATION.framebuffer)) && screenOf(facts) === undefined) {
    return fail(
      `${path} requires a screen that is described to it, and the running kernel knows of none`,
      "Boot it by a boot loader, which can set a video mode",
    );
  }
  const rsdp = rsdpOf(facts);
  const acpi = [[INFORMATION.oldRsdp, 20], [INFORMATION.newRsdp, 36]] as const;
  for (const [type, size] of acpi) {
    if (requires(type) && rsdp?.size !== size) {
      return fail(
        `${path} requires the information tag ${type} (the ACPI RSDP of ${size} bytes), and the running kernel does not ` +
          "say where such an RSDP is",
        "Boot it by a boot loader",
      );
    }
  }
  return undefined;
}

function handedOver({ facts, images: { modules = [] } }: RuleInput, { header: { version } }: MultibootImage): string {
  const count = modules.length === 1 ? "1 module" : `${modules.length} modules`;
  const parts = [
    "command line",
    ...(modules.length === 0 ? [] : [count]),
    "memory map",
    ...(screenOf(facts) === undefined ? [] : ["screen"]),
    ...(version === 2 && rsdpOf(facts) !== undefined ? ["ACPI RSDP"] : []),
  ];
  const firmware = facts.efi === undefined
    ? "interrupt controllers and timer are set up as a BIOS leaves them"
    : "on this UEFI machine it finds neither a BIOS nor EFI boot services";
  return `The image is entered in 32-bit mode, below 4 GiB, with ${parts.join(", ")}; ${firmware}`;
}

/** The rules about Multiboot images. */
export const MULTIBOOT_RULES: readonly Rule[] = [multibootModules, multiboot];
