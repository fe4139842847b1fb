import { formatSize } from "../../core/number.ts";
import { alignUp } from "../../core/range.ts";
import type { BuiltFile } from "../../image/boot_files.ts";
import { kernelMemory, unpackedMemory } from "../crash_size.ts";
import { fail, pass, type Rule, type RuleInput, type Verdict, warn } from "./rule.ts";

/** What the kernel's own loader adds to kernel and initrd: purgatory, boot_params, and EFI map; rounded up. */
const LOADER_OVERHEAD = 1n << 20n;

/** The memory that the image takes once placed, bytes: pages of the kernel's init_size and of the initrds. */
export function placedSize({ call, facts, images }: Pick<RuleInput, "call" | "facts" | "images">): bigint | undefined {
  const kernel = images.kernel;
  if (kernel === undefined) return undefined;
  const built = builtFile(call);
  const others = initrdSize(images) + modulesSize(images);
  return alignUp(built === undefined ? kernelMemory(kernel) : BigInt(built.memory), facts.pageSize) +
    alignUp(others, facts.pageSize) + LOADER_OVERHEAD;
}

/** The image that is built at load in place of the kernel's file. */
function builtFile(call: RuleInput["call"]): BuiltFile | undefined {
  return call.syscall === "kexec_file_load" ? call.built : undefined;
}

/** All initrds together, bytes. */
function initrdSize({ initrd }: RuleInput["images"]): bigint {
  return initrd.reduce((sum, { size }) => sum + BigInt(size), 0n);
}

/** All modules of a Multiboot image together, bytes. */
function modulesSize({ modules = [] }: RuleInput["images"]): bigint {
  return modules.reduce((sum, { size }) => sum + BigInt(size), 0n);
}

const halfOfMemory: Rule = {
  name: "half-of-memory",
  about: "The image takes at most half of the memory, as kernel/kexec_core.c demands, and has room when it is unpacked",
  exit: "unavailable",
  check(input) {
    const total = input.facts.memTotal;
    const unpacked = input.crash ? undefined : unpackingVerdict(input);
    if (unpacked?.status === "fail") return unpacked;
    // Segments that are laid out are counted to the page by `segment-half`.
    if (input.call.syscall === "kexec_load" && input.call.segments.length > 0) return unpacked;
    const size = placedSize(input);
    if (size === undefined || total === undefined) return unpacked;
    if (size > total / 2n) {
      return fail(
        `The image takes about ${formatSize(size)}, more than half of the ${formatSize(total)} of memory`,
        "Use a smaller initrd; the kernel answers EINVAL otherwise",
      );
    }
    return unpacked ?? pass(`The image takes about ${formatSize(size)} of ${formatSize(total)}; half is the limit`);
  },
};

/** What the initrds take once they are unpacked, where that is too much: they stay in memory until then. */
function unpackingVerdict(input: RuleInput): Verdict | undefined {
  const { facts: { memTotal: total }, images } = input;
  const files = unpackedMemory(images);
  const placed = placedSize(input);
  if (files === undefined || total === undefined || placed === undefined) return undefined;
  const says = `The files of the initrd take ${formatSize(files)} when the new kernel unpacks them`;
  if (placed + files > total) {
    return fail(
      `${says}, and with the image itself, ${formatSize(placed)}, more than the ${formatSize(total)} of memory`,
      "Use a smaller initrd",
    );
  }
  // Without `root=` they go to a tmpfs, which takes half of the memory unless mounted otherwise.
  return files <= total / 2n
    ? undefined
    : warn(`${says}, more than half of the ${formatSize(total)} of memory`, "Use a smaller initrd");
}

const memoryAvailable: Rule = {
  name: "memory-available",
  about: "Enough memory is available for loading",
  exit: "unavailable",
  check(input) {
    const placed = placedSize(input);
    const available = input.facts.memAvailable;
    if (placed === undefined || available === undefined) return undefined;
    const kernel = builtFile(input.call) ?? input.images.kernel;
    const files = BigInt(kernel?.size ?? 0) + initrdSize(input.images) + modulesSize(input.images);
    // The kernel reads each file whole before it copies it to its pages; a crash image has its pages in the reservation.
    const needed = input.crash ? files : placed + files;
    return needed <= available
      // Free memory changes constantly; a plan that names it would never be the same twice.
      ? pass(`Loading takes about ${formatSize(needed)}, and more is available`)
      : warn(
        `Loading takes about ${formatSize(needed)}, but only ${formatSize(available)} is available`,
        "Free memory first, or the kernel may answer ENOMEM or kill processes",
      );
  },
};

/** The rules about memory. */
export const MEMORY_RULES: readonly Rule[] = [halfOfMemory, memoryAvailable];
