import { compareStart, intersect, normalise, type Range, subtract } from "../core/range.ts";
import type { HostFacts } from "../host/facts.ts";
import { contradictedReservation, crashReservations, systemRam } from "../host/iomem.ts";
import type { Plan } from "../plan/plan.ts";
import { allowedMemory, crashReservation, obstacles } from "../plan/placement/free_memory.ts";
import { obstacleAt } from "../plan/placement/obstacle.ts";
import { isCrash } from "../plan/stored.ts";

/** What memory is to a plan. `unlisted`: /proc/iomem has no line for it. `unknown`: the memory map is not available. */
export type Ground = "ram" | "kernel" | "crash" | "reserved" | "unlisted" | "unknown";

/** A range of one kind, physical addresses. */
export interface Region extends Range {
  /** What it is. */
  readonly kind: Ground;
}

/** A segment that is drawn. */
export interface MappedSegment extends Range {
  /** Its letter in the picture. */
  readonly key: string;
  /** As the plan names it, raw. */
  readonly name: string;
  /** Bytes copied; the rest is zero. */
  readonly copied: bigint;
}

/** Memory that two segments claim, or that no segment may use. */
export interface Conflict extends Range {
  /** Which segment claims it and what is there, raw. */
  readonly message: string;
}

/** What a picture shows of a host's memory and of a plan for it. It is for display only. */
export interface MemoryMap {
  /** Sorted and disjoint; empty where the memory is not known. */
  readonly regions: readonly Region[];
  /** In the plan's order. */
  readonly segments: readonly MappedSegment[];
  /** What is wrong with their places. */
  readonly conflicts: readonly Conflict[];
  /** The reservation that a crash image goes to. */
  readonly target?: Range;
  /** What the picture cannot show, for people, raw. */
  readonly notes: readonly string[];
}

/** A letter for each segment. kexec_load accepts 16 (KEXEC_SEGMENT_MAX); a plan with more fails its checks. */
const KEYS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** More conflicts than this are counted, not drawn. */
const MOST_CONFLICTS = 12;

/**
 * The memory of a host with what a plan puts there. Without facts, or if these hide addresses, only the segments are
 * known; without a plan, only the host. The notes say what is missing.
 */
export function memoryMap(plan: Plan | undefined, facts: HostFacts | undefined): MemoryMap {
  const regions = facts === undefined ? [] : regionsOf(facts);
  const crash = plan !== undefined && isCrash(plan);
  const planned = plan === undefined || plan.call.syscall === "kexec_file_load" ? [] : plan.call.segments;
  const segments = planned.slice(0, KEYS.length).map(({ name, mem, memsz, bufsz }, index) => ({
    key: KEYS.charAt(index),
    name,
    start: BigInt(mem),
    end: BigInt(mem) + BigInt(memsz),
    copied: BigInt(bufsz),
  }));
  const conflicts = [
    ...overlapping(segments),
    ...(facts === undefined || regions.length === 0 ? [] : misplaced(segments, facts, crash)),
  ];
  const target = facts === undefined || !crash ? undefined : crashReservation(facts);
  const beyond = [
    [planned.length - segments.length, "segments"],
    [conflicts.length - MOST_CONFLICTS, "conflicts"],
  ] as const;
  return {
    regions,
    segments,
    conflicts: conflicts.slice(0, MOST_CONFLICTS),
    ...(target === undefined ? {} : { target }),
    notes: [
      ...unknownNotes(plan, facts),
      ...(plan === undefined ? [] : placeNotes(plan, facts, target)),
      ...beyond.flatMap(([count, what]) => count > 0 ? [`${count} more ${what} are not drawn`] : []),
    ],
  };
}

function regionsOf(facts: HostFacts): readonly Region[] {
  if (facts.iomem.visibility !== "full") return [];
  const crash = normalise(crashReservations(facts.iomem));
  const kernel = subtract(runningKernel(facts), crash);
  const reserved = subtract(obstacles(facts), [...crash, ...kernel]);
  const ram = subtract(systemRam(facts.iomem), [...crash, ...kernel, ...reserved]);
  const kinds: readonly (readonly [Ground, readonly Range[]])[] = [
    ["crash", crash],
    ["kernel", kernel],
    ["reserved", reserved],
    ["ram", ram],
  ];
  return kinds.flatMap(([kind, ranges]) => ranges.map(({ start, end }) => ({ kind, start, end })))
    .toSorted(compareStart);
}

/** From the first of its lines to the last: the kernel freed what is between them after it started. */
function runningKernel({ iomem }: HostFacts): readonly Range[] {
  return iomem.roots.flatMap((root) => {
    const parts = normalise(root.children.filter(({ name }) => /^Kernel (code|rodata|data|bss)$/.test(name)));
    const [first, last] = [parts[0], parts.at(-1)];
    return first === undefined || last === undefined ? [] : [{ start: first.start, end: last.end }];
  });
}

function overlapping(segments: readonly MappedSegment[]): readonly Conflict[] {
  return segments.flatMap((segment, index) =>
    segments.slice(index + 1).flatMap((other) => {
      const shared = intersect(segment, other);
      return shared === undefined ? [] : [{ ...shared, message: `${segment.key} and ${other.key} overlap` }];
    })
  );
}

/** Judged as the rules `segment-memory` and `segment-crash` do. */
function misplaced(segments: readonly MappedSegment[], facts: HostFacts, crash: boolean): readonly Conflict[] {
  const allowed = allowedMemory(facts, crash);
  return segments.flatMap((segment) =>
    subtract([segment], allowed).map((range) => ({
      ...range,
      message: crash
        ? `${segment.key} is not in the crash reservation`
        : `${segment.key} lies in ${obstacleAt(facts, range.start)}`,
    }))
  );
}

function unknownNotes(plan: Plan | undefined, facts: HostFacts | undefined): readonly string[] {
  if (facts === undefined) {
    const host = plan?.host.hostname ?? "the plan's host";
    return [`The memory map of ${host} is not available here; give its facts with --facts FILE`];
  }
  switch (facts.iomem.visibility) {
    case "full":
      return [];
    case "zeroed":
      return ["/proc/iomem hides its addresses, so the memory map is unknown; run warmboot as root"];
    case "absent":
      return ["/proc/iomem is missing or empty, so the memory map is unknown"];
  }
}

function placeNotes(plan: Plan, facts: HostFacts | undefined, target: Range | undefined): readonly string[] {
  const { call } = plan;
  if (call.syscall === "kexec_load") {
    return call.segments.length > 0 ? [] : ["No segment has an address; the checks say why"];
  }
  if (!isCrash(plan)) return ["The kernel chooses where the new image goes, when it is loaded"];
  const contradiction = facts === undefined ? undefined : contradictedReservation(facts.iomem);
  if (contradiction !== undefined) return [contradiction];
  return target === undefined
    ? ["No memory is reserved for a crash kernel"]
    : ["The kernel chooses where in the crash reservation the image goes, when it is loaded"];
}
