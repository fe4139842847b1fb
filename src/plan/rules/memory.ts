import { formatSize } from "../../core/number.ts";
import { alignUp } from "../../core/range.ts";
import { crashReservations } from "../../host/iomem.ts";
import { fail, pass, type Rule, type RuleInput, warn } from "./rule.ts";

/** What the kernel's own loader adds besides kernel and initrd: purgatory, boot_params, and EFI map; rounded up. */
const LOADER_OVERHEAD = 1n << 20n;

/** The memory that the image takes once placed, bytes: pages of the kernel's init_size and of the initrds. */
export function placedSize({ facts, images }: Pick<RuleInput, "facts" | "images">): bigint | undefined {
  const kernel = images.kernel;
  if (kernel === undefined) return undefined;
  const kernelSize = kernel.info.kind === "bzimage"
    ? BigInt(kernel.info.initSize)
    : kernel.info.kind === "arm64-image"
    ? kernel.info.imageSize
    : BigInt(kernel.size);
  return alignUp(kernelSize, facts.pageSize) + alignUp(initrdSize(images), facts.pageSize) + LOADER_OVERHEAD;
}

/** All initrds together, bytes. */
function initrdSize({ initrd }: RuleInput["images"]): bigint {
  return initrd.reduce((sum, { size }) => sum + BigInt(size), 0n);
}

const halfOfMemory: Rule = {
  name: "half-of-memory",
  about: "The image takes at most half of the memory, as kernel/kexec_core.c demands (EINVAL otherwise)",
  exit: "unavailable",
  check(input) {
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
  about: "Enough memory is free for loading",
  exit: "unavailable",
  check(input) {
    const placed = placedSize(input);
    const available = input.facts.memAvailable;
    if (placed === undefined || available === undefined) return undefined;
    const files = BigInt(input.images.kernel?.size ?? 0) + initrdSize(input.images);
    // The kernel reads the files whole before it copies them to their pages; crash images have pages of their own.
    const needed = input.crash ? files : placed + files;
    return needed <= available
      // Free memory changes from moment to moment; a plan that names it would never be the same twice.
      ? pass(`Loading takes about ${formatSize(needed)}, and more is available`)
      : warn(
        `Loading takes about ${formatSize(needed)}, and only ${formatSize(available)} are available`,
        "Free memory first, or the kernel may answer ENOMEM or kill processes",
      );
  },
};

const crashReservation: Rule = {
  name: "crash-reservation",
  about: "Memory is reserved for the crash kernel, and enough of it",
  exit: "unavailable",
  check(input) {
    const { crash, facts } = input;
    if (!crash) return undefined;
    // Of two reservations the lower one is for the devices of the crash kernel, and no segment may lie in it.
    const range = crashReservations(facts.iomem).at(-1);
    const reserved = range === undefined ? facts.kexec.crashSize : range.end - range.start;
    if (reserved === undefined) return undefined;
    if (reserved === 0n) {
      return fail(
        "No memory is reserved for a crash kernel",
        "Boot the running kernel with `crashkernel=256M` (or more) on its command line",
      );
    }
    const placed = placedSize(input);
    if (placed === undefined) return undefined;
    if (placed > reserved) {
      return fail(
        `The crash image takes about ${formatSize(placed)}, and only ${formatSize(reserved)} are reserved`,
        "Boot the running kernel with a larger `crashkernel=`, or use a smaller initrd",
      );
    }
    const fits = `The crash image takes about ${formatSize(placed)} of the ${formatSize(reserved)} reserved`;
    return range === undefined
      ? warn(
        `${fits}, but part of these may be the low reservation, in which no image can lie`,
        "/proc/iomem shows what is reserved where: run warmboot as root",
      )
      : pass(fits);
  },
};

/** The rules about memory. */
export const MEMORY_RULES: readonly Rule[] = [halfOfMemory, memoryAvailable, crashReservation];
