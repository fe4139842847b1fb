import type { Checked } from "../../core/diagnostic.ts";
import type { Handover, HandoverInput } from "../kernel_loader.ts";
import { formatSize } from "../../core/number.ts";
import { flattenDeviceTree } from "../../formats/fdt.ts";
import { type BootParamsInput, bootParamsSize, buildBootParams } from "./boot_params.ts";
import { crashE820Of } from "./crash_e820.ts";
import { e820Of } from "./e820.ts";
import { efiHandover } from "./efi.ts";

/** What boot_params takes of the kernel itself. */
export interface KernelHeader {
  /** The setup header, from byte 0x1f1 on. */
  readonly header: Uint8Array;
  /** Whether it takes over EFI runtime services. */
  readonly efiKexec: boolean;
  /** Whether it is entered in 32-bit mode. */
  readonly entry32?: boolean;
}

/**
 * What an x86_64 kernel maps of a device tree at once: the early mappings of 64 pages (NR_FIX_BTMAPS in
 * arch/x86/include/asm/fixmap.h, Linux 7.2), the first of which it begins in.
 */
const TREE_MAX = 63 * 4096;

/** boot_params with the command line. Errors: those of the memory map, and `device-tree-limit`. */
export function bootParamsHandover(kernel: KernelHeader, input: HandoverInput): Checked<Handover> {
  const { facts, cmdline, kaslr, crash, deviceTree } = input;
  const { value: e820, diagnostics } = crash === undefined ? e820Of(facts) : crashE820Of(facts, crash.kept);
  if (e820 === undefined) return { value: undefined, diagnostics };
  const tree = deviceTree === undefined ? undefined : flattenDeviceTree(deviceTree).bytes;
  if (tree !== undefined && tree.length > TREE_MAX) {
    return {
      value: undefined,
      diagnostics: [{
        code: "device-tree-limit",
        severity: "error",
        message: `The device tree for the next kernel is larger than ${
          formatSize(TREE_MAX)
        }, the most that an x86_64 kernel takes`,
        hint: "Name a smaller one with `dtb`",
      }],
    };
  }
  const draft: BootParamsInput = {
    header: kernel.header,
    facts,
    cmdline,
    e820,
    efi: efiHandover(facts, kernel),
    ...(tree === undefined ? {} : { deviceTree: tree }),
    kaslr,
  };
  const value: Handover = {
    size: bootParamsSize(draft),
    alignment: facts.pageSize,
    build: (at, { kernel: address, initrd }) => {
      const { bytes, rngSeed } = buildBootParams({
        ...draft,
        ...(initrd === undefined ? {} : { initrd }),
        ...(kernel.entry32 === true ? { code32Start: address } : {}),
      }, at);
      return { bytes, random: [rngSeed] };
    },
  };
  return { value, diagnostics };
}
