import { formatSize } from "../../core/number.ts";
import { alignUp } from "../../core/range.ts";
import { kernelMemory } from "../crash_size.ts";
import { fail, pass, type Rule, type RuleInput, warn } from "./rule.ts";

/** What the kernel's own loader adds to kernel and initrd: purgatory, boot_params, and EFI map; rounded up. */
const LOADER_OVERHEAD = 1n << 20n;

/** The memory that the image takes once placed, bytes: pages of the kernel's init_size and of the initrds. */
export function placedSize({ facts, images }: Pick<RuleInput, "facts" | "images">): bigint | undefined {
  const kernel = images.kernel;
  if (kernel === undefined) return undefined;
  return alignUp(kernelMemory(kernel), facts.pageSize) + alignUp(initrdSize(images), facts.pageSize) + LOADER_OVERHEAD;
}

/** All initrds together, bytes. */
function initrdSize({ initrd }: RuleInput["images"]): bigint {
  return initrd.reduce((sum, { size }) => sum + BigInt(size), 0n);
}

const halfOfMemory: Rule = {
  name: "half-of-memory",
  about: "The image takes at most half of the memory (kernel/kexec_core.c: EINVAL for more)",
  exit: "unavailable",
  check(input) {
    // `segment-half` counts planned segments exactly.
    if (input.call.syscall === "kexec_load" && input.call.segments.length > 0) return undefined;
    const size = placedSize(input);
    const total = input.facts.memTotal;
    if (size === undefined || total === undefined) return undefined;
    return size <= total / 2n
      ? pass(`The image takes about ${formatSize(size)} of ${formatSize(total)}; half is the limit`)
      : fail(
        `The image takes about ${formatSize(size)}, more than half of the ${formatSize(total)} of memory`,
        "Use a smaller initrd; the kernel answers EINVAL otherwise",
      );
  },
};

const memoryAvailable: Rule = {
  name: "memory-available",
  about: "Enough memory is available for loading",
  exit: "unavailable",
  check(input) {
    const placed = placedSize(input);
    const available = input.facts.memAvailable;
    if (placed === undefined || available === undefined) return undefined;
    const files = BigInt(input.images.kernel?.size ?? 0) + initrdSize(input.images);
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
