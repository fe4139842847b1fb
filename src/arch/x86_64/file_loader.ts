import { alignUp } from "../../core/range.ts";
import { commonBuffers, type FileLoad, type LoaderBuffer, type LoaderBuffers } from "../file_loader.ts";
import { flattenDeviceTree } from "../../formats/fdt.ts";

/** MIN_BOOTPARAM_ADDR, MIN_PURGATORY_ADDR, MIN_KERNEL_LOAD_ADDR and MIN_INITRD_LOAD_ADDR (arch/x86/kernel/kexec-bzimage64.c). */
const LOWEST = { bootParams: 0x3000n, purgatory: 0x3000n, kernel: 0x10_0000n, initrd: 0x100_0000n };

/** Code, SHA-256, stack and the list of segments: 0x5000 bytes in Linux 7.2 built for size; compiler and options matter. */
const PURGATORY = { least: 0x4000n, most: 0xa000n };

/** sizeof(struct boot_params) and what follows it: `elfcorehdr=0x` of a crash kernel has room in any image. */
const BOOT_PARAMS = 4096;
const ELFCOREHDR_TEXT = 30;

/** A node of setup_data without its content. */
const NODE = 16;

/** The contents of its nodes: struct efi_setup_data, the seed, struct ima_setup_data, struct kho_data. */
const EFI_DATA = 96;
const SEED = 32;
const IMA_DATA = 16;
const HANDOVER_DATA = 32;

/** sizeof(efi_memory_desc_t), as firmware uses it. */
const EFI_DESCRIPTOR = 48;

/** What bzImage64_load (arch/x86/kernel/kexec-bzimage64.c, Linux 7.2) asks for; undefined for what it does not take. */
export function fileLoaderBuffers(load: FileLoad): LoaderBuffers | undefined {
  const { kernel, facts, initrd } = load;
  if (kernel.kind !== "bzimage") return undefined;
  const { prefAddress } = kernel;
  const page = facts.pageSize;
  return {
    before: [
      ...commonBuffers(facts),
      {
        name: "purgatory",
        size: PURGATORY.least,
        atMost: PURGATORY.most,
        alignment: page,
        min: LOWEST.purgatory,
        topDown: true,
      },
      bootParams(load),
    ],
    kernel: {
      name: "the kernel",
      size: alignUp(BigInt(kernel.initSize), page),
      alignment: BigInt(kernel.alignment),
      min: prefAddress < LOWEST.kernel ? LOWEST.kernel : prefAddress,
      topDown: true,
    },
    beside: () =>
      initrd === 0
        ? []
        : [{ name: "the initrd", size: BigInt(initrd), alignment: page, min: LOWEST.initrd, topDown: true }],
    retries: false,
  };
}

function bootParams({ facts, cmdline, forceDtb }: FileLoad): LoaderBuffer {
  const { efi, deviceTree, kernelConfig } = facts;
  const text = new TextEncoder().encode(cmdline).length + 1;
  const map = (efi?.runtimeMap.length ?? 0) * EFI_DESCRIPTOR;
  const tree = forceDtb && deviceTree !== undefined ? flattenDeviceTree(deviceTree).bytes.length + NODE : 0;
  const size = Number(alignUp(BigInt(BOOT_PARAMS + text + ELFCOREHDR_TEXT), 16n)) + map +
    NODE + EFI_DATA + NODE + SEED + tree +
    (kernelConfig.CONFIG_IMA_KEXEC === "y" ? NODE + IMA_DATA : 0) + NODE + HANDOVER_DATA;
  return {
    name: "boot_params",
    size: BigInt(size),
    alignment: 16n,
    min: LOWEST.bootParams,
    topDown: true,
  };
}
