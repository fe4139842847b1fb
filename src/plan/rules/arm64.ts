import { hasUefiMap, memoryOf } from "../../arch/arm64/nodes.ts";
import { parseDeviceTree } from "../../formats/fdt.ts";
import { formatAddress, formatSize } from "../../core/number.ts";
import { normalise, subtract } from "../../core/range.ts";
import { linuxMachine } from "../../arch/machines.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";
import { loadedInfo } from "../../image/boot_files.ts";

const treeMemory: Rule = {
  name: "device-tree-memory",
  about:
    "The device tree that an arm64 kernel is given names the memory in which its image lies, or what UEFI says of it",
  exit: "unavailable",
  check({ call, facts }) {
    if (call.syscall !== "kexec_load" || facts.machine !== "aarch64") return undefined;
    const handover = call.segments.find(({ name }) => name === linuxMachine(facts.machine)?.handover);
    if (handover?.source.kind !== "bytes") return undefined;
    const tree = parseDeviceTree(Uint8Array.fromBase64(handover.source.base64));
    if ("why" in tree) return fail(`The new kernel would be given what is no device tree: it ${tree.why}`, ANEW);
    if (hasUefiMap(tree)) return pass("The device tree hands over what UEFI says of memory");
    const memory = memoryOf(tree);
    if (memory === undefined) {
      return fail(
        "The device tree names no memory, and hands over none of UEFI: the new kernel would find no memory at all",
        "Leave `dtb` out, so that the host's own is handed over, or name one with memory nodes",
      );
    }
    const outside = call.segments.find(({ mem, memsz }) =>
      subtract([{ start: BigInt(mem), end: BigInt(mem) + BigInt(memsz) }], memory).length > 0
    );
    if (outside !== undefined) {
      return fail(
        `Segment "${outside.name}" at ${outside.mem} lies in memory that the device tree does not name`,
        "Narrow `memory` to what the device tree names, or leave `dtb` out",
      );
    }
    const size = normalise(memory).reduce((sum, { start, end }) => sum + end - start, 0n);
    const [first] = memory;
    return pass(`The device tree names ${formatSize(size)} of memory, from ${formatAddress(first?.start ?? 0n)} on`);
  },
};

const ANEW = "Make the plan anew with `warmboot plan`";

const kernelPages: Rule = {
  name: "kernel-pages",
  about:
    "The CPU has the pages of an arm64 kernel (ID_AA64MMFR0_EL1, which no process can read): those of the running one it has",
  exit: "unavailable",
  check({ images, facts }) {
    const kernel = images.kernel;
    const info = kernel === undefined ? undefined : loadedInfo(kernel);
    if (kernel === undefined || info?.kind !== "arm64-image" || info.pageSize === undefined) return undefined;
    if (facts.machine !== "aarch64") return undefined;
    const pages = formatSize(info.pageSize);
    return BigInt(info.pageSize) === facts.pageSize
      ? pass(`${kernel.path} and the running kernel both use pages of ${pages}`)
      : warn(
        `${kernel.path} uses pages of ${pages}, and the running kernel uses ${
          formatSize(facts.pageSize)
        }: a CPU without such pages stops at its first instructions`,
        "See that this CPU has run a kernel with such pages before",
      );
  },
};

/** The rules about arm64 kernels. */
export const ARM64_RULES: readonly Rule[] = [kernelPages, treeMemory];
