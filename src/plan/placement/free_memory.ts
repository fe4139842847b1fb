import type { Checked, Diagnostic } from "../../core/diagnostic.ts";
import { formatAddress } from "../../core/number.ts";
import {
  alignDown,
  alignUp,
  intersect,
  intersectAll,
  type Range,
  rangeSize,
  subtract,
  totalSize,
} from "../../core/range.ts";
import type { HostFacts } from "../../host/facts.ts";
import {
  contradictedReservation,
  crashReservations,
  imageReservation,
  type Iomem,
  type IomemNode,
  systemRam,
} from "../../host/iomem.ts";
import { machineMemory } from "../../arch/machines.ts";

/** Which memory to look for. */
export interface FreeMemoryOptions {
  /** The crash reservation, not the memory of the running system. */
  readonly crash: boolean;
  /** The lowest address. Default: that of the architecture, 1 MiB on x86_64. */
  readonly min?: bigint;
  /** The first address that is too high. */
  readonly max?: bigint;
  /** What the next kernel keeps free: no part of its image may lie there. */
  readonly avoid?: readonly Range[];
}

/**
 * Where segments may lie: sorted, disjoint ranges of whole pages, never an empty list. Errors: `memory-hidden`,
 * `memory-unknown`, `memory-none`.
 */
export function freeMemory(facts: HostFacts, options: FreeMemoryOptions): Checked<readonly Range[]> {
  const unknown = unknownMemory(facts.iomem, options.crash);
  if (unknown !== undefined) return { value: undefined, diagnostics: [unknown] };
  const { lowest, limit } = machineMemory(facts);
  const max = options.max === undefined || options.max > limit ? limit : options.max;
  const window = { start: options.min ?? lowest, end: max };
  const free = subtract(allowedMemory(facts, options.crash), options.avoid ?? []).flatMap((range) => {
    const part = intersect(range, window);
    if (part === undefined) return [];
    const pages = { start: alignUp(part.start, facts.pageSize), end: alignDown(part.end, facts.pageSize) };
    return pages.start < pages.end ? [pages] : [];
  });
  if (free.length > 0) return { value: free, diagnostics: [] };
  return { value: undefined, diagnostics: [noMemory(facts, options, window)] };
}

/** What segments may take at all, to the byte, without the limits of `freeMemory`. Empty where unknown. */
export function allowedMemory(facts: HostFacts, crash: boolean): readonly Range[] {
  if (crash) {
    const reserved = crashReservation(facts);
    return reserved === undefined ? [] : [reserved];
  }
  const ram = subtract(systemRam(facts.iomem), obstacles(facts));
  if (facts.firmwareMap.length === 0) return ram;
  const firmware = subtract(
    facts.firmwareMap.filter((entry) => entry.type === "System RAM"),
    facts.firmwareMap.filter((entry) => entry.type !== "System RAM"),
  );
  return intersectAll(ram, firmware);
}

/**
 * The reservation that a crash image must lie in. Where the kernel reports a smaller size than /proc/iomem shows, only so
 * much of it counts: a reservation is cut off at its end (crash_shrink_memory in kernel/crash_reserve.c, Linux 7.2).
 */
export function crashReservation({ iomem, kexec }: Pick<HostFacts, "iomem" | "kexec">): Range | undefined {
  const image = imageReservation(iomem);
  const differing = differingCrashSize({ iomem, kexec });
  if (image === undefined || differing === undefined || differing >= rangeSize(image)) return image;
  return differing === 0n ? undefined : { start: image.start, end: image.start + differing };
}

/**
 * What the kernel says that is reserved for crash kernels, if /proc/iomem shows otherwise. It counts the image's reservation,
 * and since Linux 6.9 the low one too.
 */
export function differingCrashSize(
  { iomem, kexec: { crashSize } }: Pick<HostFacts, "iomem" | "kexec">,
): bigint | undefined {
  const image = imageReservation(iomem);
  if (image === undefined || crashSize === undefined) return undefined;
  const all = totalSize(crashReservations(iomem));
  return crashSize === rangeSize(image) || crashSize === all ? undefined : crashSize;
}

/**
 * The lines of /proc/iomem that no segment of a normal image may touch: every line other than `System RAM`, and what is
 * nested in that, except the running kernel itself: crash reservations, `reserved`, whatever a driver claimed.
 */
export function obstacles(facts: HostFacts): readonly IomemNode[] {
  const { overwritable } = machineMemory(facts);
  // A line that changed while the map was read can extend beyond its parent: both count.
  const whole = (node: IomemNode): readonly IomemNode[] => [node, ...node.children.flatMap(whole)];
  const within = (node: IomemNode): readonly IomemNode[] =>
    node.children.flatMap((child) => overwritable.includes(child.name) ? within(child) : whole(child));
  return facts.iomem.roots.flatMap((root) => root.name === "System RAM" ? within(root) : whole(root));
}

/** Why it is unknown which memory a crash image or another one may take; undefined where it is known. */
export function unknownMemory(iomem: Iomem, crash: boolean): Diagnostic | undefined {
  switch (iomem.visibility) {
    case "full": {
      const contradiction = crash ? contradictedReservation(iomem) : undefined;
      return contradiction === undefined ? undefined : {
        code: "memory-unknown",
        severity: "error",
        message: `${contradiction}, so where the kernel takes a crash image is unknown`,
        hint: "Take the facts again: the map may have changed while it was read; or use `load: kexec_file_load`",
      };
    }
    case "zeroed":
      return {
        code: "memory-hidden",
        severity: "error",
        message: "/proc/iomem shows every address as zero, so free memory for segments cannot be found",
        hint: "Run warmboot as root (CAP_SYS_ADMIN in the initial user namespace), or use `load: kexec_file_load`",
      };
    case "absent":
      return {
        code: "memory-unknown",
        severity: "error",
        message: "/proc/iomem is missing or empty, so free memory for segments cannot be found",
        hint: "Run warmboot on the host itself, outside of containers; a capture must include /proc/iomem",
      };
  }
}

function noMemory(facts: HostFacts, options: FreeMemoryOptions, window: Range): Diagnostic {
  const none = { code: "memory-none", severity: "error" } as const;
  const reserved = crashReservation(facts);
  if (options.crash && reserved === undefined) {
    return {
      ...none,
      message: "No memory is reserved for a crash kernel",
      hint: "Boot the running kernel with `crashkernel=256M` (or more) on its command line",
    };
  }
  const what = options.crash && reserved !== undefined
    ? `No page of the crash reservation, ${formatAddress(reserved.start)} to ${formatAddress(reserved.end)}, lies`
    : "No memory that segments may take lies";
  const stated = options.min !== undefined || options.max !== undefined;
  return {
    ...none,
    message: `${what} between ${formatAddress(window.start)} and ${formatAddress(window.end)}`,
    ...(stated ? { path: ["memory"], hint: "Widen `memory`, or remove it" } : {}),
  };
}
