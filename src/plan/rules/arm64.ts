import { type StuckCpus, stuckCpus } from "../../arch/arm64/cpus.ts";
import { hasUefiMap, memoryOf, textsOf } from "../../arch/arm64/device_tree_nodes.ts";
import { parseDeviceTree } from "../../formats/fdt.ts";
import { formatAddress, formatSize } from "../../core/number.ts";
import { normalise, subtract } from "../../core/range.ts";
import { printable } from "../../core/text.ts";
import { linuxMachine } from "../../arch/machines.ts";
import { fail, pass, type Rule, warn } from "./rule.ts";
import { kernelInfo, namedTree } from "../../image/boot_files.ts";

const treeMemory: Rule = {
  name: "device-tree-memory",
  about:
    "The device tree for an arm64 kernel lists the memory in which its image lies, or refers to the memory map of UEFI",
  exit: "unavailable",
  check({ call, facts }) {
    if (call.syscall !== "kexec_load" || facts.machine !== "aarch64") return undefined;
    const handover = call.segments.find(({ name }) => name === linuxMachine(facts.machine)?.handover);
    if (handover?.source.kind !== "bytes") return undefined;
    const parsed = parseDeviceTree(Uint8Array.fromBase64(handover.source.base64));
    if (parsed.kind === "fault") {
      return fail(`The handover for the new kernel is not a device tree: it ${parsed.why}`, RECREATE);
    }
    const { tree } = parsed;
    if (hasUefiMap(tree)) return pass("The device tree refers to the memory map of UEFI");
    const memory = memoryOf(tree);
    if (memory === undefined) {
      return fail(
        "The device tree lists no memory and does not refer to the memory map of UEFI, so the new kernel would find no memory",
        "Hand over the host's own device tree: `dtb: /sys/firmware/fdt`; or name one that has memory nodes",
      );
    }
    const outside = call.segments.find(({ mem, memsz }) =>
      subtract([{ start: BigInt(mem), end: BigInt(mem) + BigInt(memsz) }], memory).length > 0
    );
    if (outside !== undefined) {
      return fail(
        `Segment "${outside.name}" at ${outside.mem} lies in memory that the device tree does not list`,
        "Narrow `memory` to what the device tree lists, or remove `dtb`",
      );
    }
    const size = normalise(memory).reduce((sum, { start, end }) => sum + end - start, 0n);
    const [first] = memory;
    return pass(
      `The device tree lists ${formatSize(size)} of memory, starting at ${formatAddress(first?.start ?? 0n)}`,
    );
  },
};

const treeBoard: Rule = {
  name: "device-tree-board",
  about: "A device tree that is named, or in a FIT image, is for this board",
  exit: "unavailable",
  check({ facts, images }) {
    const { dtb } = images;
    const tree = namedTree(images);
    if (dtb === undefined || tree === undefined || facts.machine !== "aarch64") return undefined;
    const [board, host] = [tree, facts.deviceTree].map((each) => textsOf(each?.root, "compatible"));
    // A machine with ACPI has a tree that is not for any board.
    if (board === undefined || host === undefined || host.length === 0) return undefined;
    const common = board.find((name) => host.includes(name));
    if (common !== undefined) return pass(`${dtb.path} is for ${printable(common)}, as this board is`);
    return warn(
      `${dtb.path} is for ${board.length === 0 ? "no board that it names" : printable(board.join(", "))}, and this ` +
        `board is ${printable(host.join(", "))}`,
      dtb.part === undefined
        ? "Name the device tree of this board"
        : "Name the configuration of this board: `kernel: { path, configuration }`",
    );
  },
};

const RECREATE = "Re-create the plan with `warmboot plan`";

const kernelPages: Rule = {
  name: "kernel-pages",
  about:
    "The CPU supports the page size of an arm64 kernel (ID_AA64MMFR0_EL1, which no process can read): that of the running kernel is known to work",
  exit: "unavailable",
  check({ images, facts }) {
    const kernel = images.kernel;
    const info = kernelInfo(images);
    if (kernel === undefined || info?.kind !== "arm64-image" || info.pageSize === undefined) return undefined;
    if (facts.machine !== "aarch64") return undefined;
    const pages = formatSize(info.pageSize);
    return BigInt(info.pageSize) === facts.pageSize
      ? pass(`${kernel.path} and the running kernel both use ${pages} pages`)
      : warn(
        `${kernel.path} uses ${pages} pages, but the running kernel uses ${
          formatSize(facts.pageSize)
        }; a CPU without that page size stops at the first instructions`,
        "Make sure that this CPU has run a kernel with that page size before",
      );
  },
};

/** Why CPUs are stuck, and what removes that. */
const STUCK: {
  readonly [Kind in StuckCpus["kind"]]: { why(stuck: StuckCpus): string; readonly hint: string };
} = {
  "spin-table": {
    why: (stuck) =>
      `The running kernel cannot stop its other CPUs: the device tree has ${
        "count" in stuck ? stuck.count : "several"
      } CPUs in spin tables and no PSCI`,
    hint: "Boot the running kernel with `nr_cpus=1` (`maxcpus=1` does not help), or use firmware that has PSCI",
  },
  "protected-kvm": {
    why: () => "The running kernel keeps its hypervisor: it was booted with `kvm-arm.mode=protected`",
    hint: "Boot the running kernel without `kvm-arm.mode=protected`",
  },
};

const cpusStop: Rule = {
  name: "cpus-stop",
  about:
    "The running arm64 kernel can stop its other CPUs; otherwise both calls fail with EBUSY, except for crash images",
  exit: "unavailable",
  check({ crash, facts }) {
    const stuck = facts.machine === "aarch64" ? stuckCpus(facts) : undefined;
    if (stuck === undefined) return undefined;
    const { why, hint } = STUCK[stuck.kind];
    return crash
      ? warn(`${why(stuck)}. The crash image can be loaded, but it may hang after a panic`, hint)
      : fail(`${why(stuck)}. Either call fails with EBUSY`, hint);
  },
};

/** The rules about arm64 kernels. */
export const ARM64_RULES: readonly Rule[] = [kernelPages, cpusStop, treeMemory, treeBoard];
