import { type Segment, sourceSize } from "../../arch/segment.ts";
import { formatAddress, formatSize, MAX_U64 } from "../../core/number.ts";
import { contains, intersect, subtract, totalSize } from "../../core/range.ts";
import type { HostFacts } from "../../host/facts.ts";
import { linuxMachine, machineMemory } from "../../arch/machines.ts";
import { allowedMemory, crashReservation, freeMemory, unknownMemory } from "../placement/free_memory.ts";
import { obstacleAt } from "../placement/obstacle.ts";
import { placeAll } from "../placement/place.ts";
import { PURGATORY } from "../purgatory_segment.ts";
import { fail, pass, type Verdict, warn } from "./rule.ts";
import { endOf, named, orPass, rangeOf, type SegmentRule } from "./segment_rule.ts";

/** What must stay free in the crash reservation: a rule of thumb, because the kernel's need depends on the machine. */
const CRASH_CONTROL_ROOM = 1n << 20n;

const memory: SegmentRule = {
  name: "segment-memory",
  about: "Segments lie in free System RAM; the kernel does not check this, and the reboot would crash",
  exit: "unavailable",
  check({ segments, facts, crash }) {
    if (crash) return [];
    const unknown = unknownMemory(facts.iomem, crash);
    if (unknown !== undefined) return [fail(unknown.message, unknown.hint)];
    const allowed = allowedMemory(facts, false);
    const { lowest } = machineMemory(facts);
    const verdicts = segments.flatMap((segment) => {
      const [outside] = subtract([rangeOf(segment)], allowed);
      if (outside !== undefined) {
        const where = outside.start === segment.mem ? "lies in" : `extends at ${formatAddress(outside.start)} into`;
        return [fail(
          `Segment ${named(segment)} ${where} ${obstacleAt(facts, outside.start)}`,
          freePlace(segment, segments, facts, crash),
        )];
      }
      return segment.mem >= lowest || segment.memsz === 0n ? [] : [warn(
        `Segment ${named(segment)} lies below ${formatAddress(lowest)}, where firmware keeps its own data`,
        "Place it higher, unless its code must run there",
      )];
    });
    return orPass(verdicts, "Every segment lies in System RAM that nothing else uses");
  },
};

const crashRange: SegmentRule = {
  name: "segment-crash",
  about: "A crash image and its entry lie in the highest `Crash kernel` range (kernel/kexec_core.c: EADDRNOTAVAIL)",
  exit: "unavailable",
  check({ segments, entry, facts, crash }) {
    if (!crash) return [];
    const unknown = unknownMemory(facts.iomem, crash);
    if (unknown !== undefined) return [fail(unknown.message, unknown.hint)];
    const reserved = crashReservation(facts);
    if (reserved === undefined) {
      return [fail(
        "No memory is reserved for a crash kernel, so the kernel would answer EADDRNOTAVAIL",
        "Boot the running kernel with `crashkernel=256M` (or more) on its command line",
      )];
    }
    const range = `${formatAddress(reserved.start)} to ${formatAddress(reserved.end - 1n)}`;
    const faults = segments.filter((segment) => !contains(reserved, rangeOf(segment))).map((segment) =>
      fail(
        `Segment ${named(segment)} to ${formatAddress(endOf(segment))} is not within the crash reservation, ${range} ` +
          `(EADDRNOTAVAIL)`,
        freePlace(segment, segments, facts, crash),
      )
    );
    if (entry < reserved.start || entry >= reserved.end) {
      faults.push(fail(
        `The entry ${formatAddress(entry)} is not within the crash reservation, ${range} (EADDRNOTAVAIL)`,
        "Set it to an address inside a segment's code",
      ));
    }
    return orPass(faults, `Segments and entry lie within the crash reservation, ${range}`);
  },
};

const crashRoom: SegmentRule = {
  name: "segment-crash-room",
  about: "The crash reservation has room for the kernel's own pages (kimage_alloc_crash_control_pages: ENOMEM)",
  exit: "unavailable",
  check({ segments, facts, crash }) {
    const reserved = crash ? crashReservation(facts) : undefined;
    if (reserved === undefined) return [];
    const taken = segments.flatMap((segment) => intersect(reserved, rangeOf(segment)) ?? []);
    const room = totalSize(subtract([reserved], taken));
    if (room >= CRASH_CONTROL_ROOM) {
      return [pass(`The segments leave ${formatSize(room)} of the crash reservation free`)];
    }
    // How much the kernel needs depends on the machine, but it always needs some.
    const verdict = room === 0n ? fail : warn;
    return [verdict(
      `The segments leave ${
        room === 0n ? "nothing" : formatSize(room)
      } of the crash reservation free, but the kernel ` +
        `needs part of it (ENOMEM)`,
      `Leave ${formatSize(CRASH_CONTROL_ROOM)} free, or boot the running kernel with a larger \`crashkernel=\``,
    )];
  },
};

const entryPoint: SegmentRule = {
  name: "segment-entry",
  about:
    "The entry lies within the bytes of a segment; the kernel does not check this, and would run zeros or stale memory",
  exit: "unavailable",
  check({ segments, entry, facts }) {
    const verdict = entryVerdict(`The entry ${formatAddress(entry)}`, entry, segments);
    const purgatory = segments.find(({ name, mem }) => name === PURGATORY && mem === entry);
    const target = purgatory?.bytes.kind === "bytes"
      ? linuxMachine(facts.machine)?.purgatory.target(purgatory.bytes.bytes)
      : undefined;
    if (verdict.status !== "pass" || target === undefined) return [verdict];
    // Purgatory runs first, then jumps to the entry of the image itself.
    const others = segments.filter((each) => each !== purgatory);
    return [verdict, entryVerdict(`The entry ${formatAddress(target)} after purgatory`, target, others)];
  },
};

function entryVerdict(what: string, entry: bigint, segments: readonly Segment[]): Verdict {
  const segment = segments.find((each) => each.mem <= entry && entry < endOf(each));
  if (segment === undefined) {
    return fail(`${what} is not in any segment`, "Set it to the address of the first instruction");
  }
  const size = sourceSize(segment.bytes);
  return entry < segment.mem + size ? pass(`${what} lies in segment ${named(segment)}`) : fail(
    `${what} lies in the zero-filled part of segment ${named(segment)}, after its ${size} bytes`,
    "Set it to the address of the first instruction",
  );
}

/** The rules about the memory that the segments take. */
export const PLACE_RULES: readonly SegmentRule[] = [memory, crashRange, crashRoom, entryPoint];

/** A hint: where the segment would fit without overlapping the others. */
function freePlace(segment: Segment, segments: readonly Segment[], facts: HostFacts, crash: boolean): string {
  const others = segments.filter((each) => each !== segment).map(rangeOf);
  const free = subtract(freeMemory(facts, { crash }).value ?? [], others);
  const request = { name: segment.name, size: segment.memsz, alignment: facts.pageSize, min: 0n, max: MAX_U64 };
  const result = placeAll([request], free, facts.pageSize);
  const [place] = result.kind === "placed" ? result.placed : [];
  return place === undefined
    ? `No free range of ${formatSize(segment.memsz)} is left`
    : `The lowest free place for it is ${formatAddress(place.address)}`;
}
