import type { Checked, Diagnostic } from "../../core/diagnostic.ts";
import { formatAddress, formatSize } from "../../core/number.ts";
import { crashReservations } from "../../host/iomem.ts";
import type { Handover, HandoverInput } from "../kernel_loader.ts";
import { nextDeviceTree, tooLarge, withRunningMemory } from "./next_device_tree.ts";

/** As large as a device tree may be, and the steps by which the kernel maps it (Documentation/arch/arm64/booting.rst). */
const TREE_MAX = 2n << 20n;

/** The device tree with a /chosen for the next kernel. Errors: `device-tree-unknown`, `device-tree-limit`. */
export function treeHandover(input: HandoverInput): Checked<Handover> {
  const { facts, cmdline, crash } = input;
  const tree = input.deviceTree === undefined
    ? facts.deviceTree
    : withRunningMemory(input.deviceTree, facts.deviceTree);
  if (tree === undefined) return { value: undefined, diagnostics: [unknownTree()] };
  // The highest reservation holds the image; what crashkernel=SIZE,cma lends comes last.
  const usable = [...crashReservations(facts.iomem).toReversed(), ...(facts.kexec.crashCmaRanges ?? [])];
  const crashInfo = crash === undefined ? undefined : { elfcorehdr: crash.elfcorehdr, usable };
  const large = crashInfo === undefined ? undefined : tooLarge(tree, [crashInfo.elfcorehdr, ...crashInfo.usable]);
  if (large !== undefined) {
    return {
      value: undefined,
      diagnostics: [limit(
        `The device tree cannot name the memory at ${formatAddress(large.start)}: its root has too few cells for it`,
        "Name another device tree with `dtb`, one whose root has `#address-cells` and `#size-cells` of 2",
      )],
    };
  }
  const build: Handover["build"] = (_at, { initrd }) =>
    nextDeviceTree({
      tree,
      cmdline,
      ...(initrd === undefined ? {} : { initrd }),
      ...(crashInfo === undefined ? {} : { crash: crashInfo }),
    });
  const size = BigInt(
    build(0n, { kernel: 0n, ...(input.initrd ? { initrd: { address: 0n, size: 0n } } : {}) }).bytes.length,
  );
  if (size > TREE_MAX) {
    return {
      value: undefined,
      diagnostics: [limit(
        `The device tree for the next kernel takes ${formatSize(size)}, and arm64 kernels take at most ${
          formatSize(TREE_MAX)
        }`,
        "Name a smaller one with `dtb`",
      )],
    };
  }
  return { value: { size, alignment: TREE_MAX, build }, diagnostics: [] };
}

function unknownTree(): Diagnostic {
  return {
    code: "device-tree-unknown",
    severity: "error",
    message:
      "The next kernel must be given the device tree, and neither /sys/firmware/fdt nor /proc/device-tree says it",
    hint: "Run warmboot as root on the host itself, or name a device tree with `dtb`",
  };
}

function limit(message: string, hint: string): Diagnostic {
  return { code: "device-tree-limit", severity: "error", message, hint };
}
