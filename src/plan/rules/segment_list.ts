import { sourceSize } from "../../arch/segment.ts";
import { formatAddress, formatSize, MAX_U64 } from "../../core/number.ts";
import { alignDown, alignUp } from "../../core/range.ts";
import { fail, pass, warn } from "./rule.ts";
import { endOf, named, orPass, type SegmentRule } from "./segment_rule.ts";
import { KEXEC_SEGMENT_MAX } from "../syscall.ts";
import { machineMemory } from "../../arch/machines.ts";

/** There is at least one segment, and not too many. */
export const count: SegmentRule = {
  name: "segment-count",
  about: "There are 1 to 16 segments (kexec_load_check in kernel/kexec.c: EINVAL for more; none would unload)",
  exit: "unavailable",
  check({ segments }) {
    if (segments.length === 0) {
      return [fail("There are no segments; kexec_load without any unloads the current image")];
    }
    return segments.length <= KEXEC_SEGMENT_MAX
      ? [pass(`${segments.length} of at most ${KEXEC_SEGMENT_MAX} segments`)]
      : [fail(
        `There are ${segments.length} segments; the kernel takes at most ${KEXEC_SEGMENT_MAX} (EINVAL)`,
        "Join adjacent segments",
      )];
  },
};

const alignment: SegmentRule = {
  name: "segment-alignment",
  about: "Segments start and end on a page boundary (sanity_check_segment_list in kernel/kexec_core.c: EADDRNOTAVAIL)",
  exit: "unavailable",
  check({ segments, facts: { pageSize } }) {
    const faults = segments.flatMap((segment) => {
      const { mem, memsz } = segment;
      return [
        ...(mem % pageSize === 0n ? [] : [fail(
          `Segment ${named(segment)} does not start on a page boundary of ${pageSize} bytes (EADDRNOTAVAIL)`,
          `Place it at ${formatAddress(alignDown(mem, pageSize))} or ${formatAddress(alignUp(mem, pageSize))}`,
        )]),
        ...(memsz % pageSize === 0n ? [] : [fail(
          `Segment ${
            named(segment)
          } takes ${memsz} bytes, which is not a multiple of the page size ${pageSize} (EADDRNOTAVAIL)`,
          `Set \`memsz\` to ${alignUp(memsz, pageSize)}`,
        )]),
      ];
    });
    return orPass(faults, `Every segment starts and ends on a page boundary of ${pageSize} bytes`);
  },
};

const size: SegmentRule = {
  name: "segment-size",
  about: "No segment has more bytes than memory (sanity_check_segment_list in kernel/kexec_core.c: EINVAL)",
  exit: "unavailable",
  check({ segments }) {
    const faults = segments.flatMap((segment) => {
      const bufsz = sourceSize(segment.bytes);
      if (bufsz > segment.memsz) {
        return [fail(
          `Segment ${named(segment)} has ${bufsz} bytes but only ${segment.memsz} of memory (EINVAL)`,
          "Give it more memory, or fewer bytes",
        )];
      }
      return segment.memsz === 0n
        ? [warn(`Segment ${named(segment)} takes no memory, so nothing is loaded there`, "Remove it")]
        : [];
    });
    return orPass(faults, "The bytes of every segment fit in its memory");
  },
};

const limit: SegmentRule = {
  name: "segment-limit",
  about: "Segments end within what the kernel can address (KEXEC_DESTINATION_MEMORY_LIMIT: EADDRNOTAVAIL)",
  exit: "unavailable",
  check({ segments, facts }) {
    const { limit } = machineMemory(facts);
    const faults = segments.flatMap((segment) => {
      if (segment.mem < 0n || endOf(segment) > MAX_U64) {
        return [fail(
          `Segment ${named(segment)} ends at ${formatAddress(endOf(segment))}, beyond 64 bits (EADDRNOTAVAIL)`,
          "Place it lower",
        )];
      }
      return endOf(segment) < limit ? [] : [fail(
        `Segment ${named(segment)} ends at ${formatAddress(endOf(segment))}; the running kernel can only use ` +
          `addresses below ${formatAddress(limit)} (EADDRNOTAVAIL)`,
        "Place it lower",
      )];
    });
    return orPass(faults, `Every segment ends below ${formatAddress(limit)}`);
  },
};

const overlap: SegmentRule = {
  name: "segment-overlap",
  about: "No two segments share memory (sanity_check_segment_list in kernel/kexec_core.c: EINVAL)",
  exit: "unavailable",
  check({ segments }) {
    const faults = segments.flatMap((segment, index) => {
      // As the kernel compares: an empty segment inside another one counts as an overlap.
      const other = segments.slice(0, index).find((each) => segment.mem < endOf(each) && each.mem < endOf(segment));
      return other === undefined ? [] : [fail(
        `Segments ${named(other)} and ${named(segment)} overlap: the first ends at ${formatAddress(endOf(other))}, ` +
          `the second at ${formatAddress(endOf(segment))} (EINVAL)`,
        "Move one of them",
      )];
    });
    return orPass(faults, "No two segments overlap");
  },
};

const half: SegmentRule = {
  name: "segment-half",
  about: "Each segment and all together take at most half of the memory (sanity_check_segment_list: EINVAL)",
  exit: "unavailable",
  check({ segments, facts: { memTotal, pageSize } }) {
    if (memTotal === undefined) return [];
    // Counted in pages, as the kernel does: half of an odd number is rounded down.
    const most = memTotal / pageSize / 2n * pageSize;
    const total = segments.reduce((sum, { memsz }) => sum + alignUp(memsz, pageSize), 0n);
    const faults = segments.filter(({ memsz }) => memsz > most).map((segment) =>
      fail(
        `Segment ${named(segment)} takes ${formatSize(segment.memsz)}, more than half of the ` +
          `${formatSize(memTotal)} of memory (EINVAL)`,
        "Load a smaller image or initrd",
      )
    );
    if (faults.length === 0 && total > most) {
      return [fail(
        `The segments take ${formatSize(total)} together, more than half of the ${formatSize(memTotal)} of memory ` +
          `(EINVAL)`,
        "Load a smaller image or initrd",
      )];
    }
    return orPass(
      faults,
      `The segments take ${formatSize(total)}; half of the memory, ${formatSize(most)}, is the limit`,
    );
  },
};

/** The rules about the list itself: what the kernel checks before it loads anything. */
export const LIST_RULES: readonly SegmentRule[] = [count, alignment, size, limit, overlap, half];
