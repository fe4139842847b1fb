import { linuxMachine } from "./linux_machine.ts";
import type { Plan, PlannedSegment, SegmentLoadCall } from "./plan.ts";
import { PURGATORY } from "./purgatory_segment.ts";

/** A sum that is taken when a plan is carried out, of bytes of one segment. */
export interface SegmentSum {
  /** The segment's number, from 0. */
  readonly segment: number;
  /** Where in its bytes what is summed begins. */
  readonly start: bigint;
  /** Bytes. */
  readonly length: bigint;
  /** Where in purgatory's bytes the sum belongs: 8 bytes, little-endian. */
  readonly offset: number;
}

/** The sums that purgatory compares. */
export interface Sums {
  /** As uname -m: whose machine code takes them. */
  readonly machine: string;
  /** Purgatory's number among the segments, from 0. */
  readonly purgatory: number;
  /** One for each region that purgatory compares. */
  readonly of: readonly SegmentSum[];
}

/** The sums of a plan whose purgatory compares XXH64; undefined for any other, and where `sumFault` finds fault. */
export function sumsOf(plan: Pick<Plan, "call" | "host">): Sums | undefined {
  const { call, host: { machine } } = plan;
  if (call.syscall !== "kexec_load" || call.checksum !== "xxh64") return undefined;
  const purgatory = call.segments.findIndex((segment) => isEntered(segment, call));
  const of = slotsIn(call.segments[purgatory], machine)?.map(({ offset, address, length }) => {
    const segment = call.segments.findIndex(({ mem, bufsz }) =>
      BigInt(mem) <= address && address + length <= BigInt(mem) + BigInt(bufsz)
    );
    return { segment, start: address - BigInt(call.segments[segment]?.mem ?? address), length, offset };
  });
  return of === undefined || of.some(({ segment }) => segment < 0) ? undefined : { machine, purgatory, of };
}

/**
 * How what a plan says of its checksum differs from what its purgatory does, as a sentence: that would halt at the
 * reboot, for sums that nobody took.
 */
export function sumFault(plan: Pick<Plan, "call" | "host">): string | undefined {
  const { call, host: { machine } } = plan;
  if (call.syscall !== "kexec_load") return undefined;
  if (call.checksum === "xxh64") {
    return sumsOf(plan) === undefined
      ? "`checksum` is xxh64, and purgatory compares no XXH64 of the segments"
      : undefined;
  }
  return slotsIn(call.segments.find((segment) => isEntered(segment, call)), machine) === undefined
    ? undefined
    : "Purgatory compares XXH64, and `checksum` does not say so";
}

/** Whether a segment is our purgatory: explicit ones may have its name. */
function isEntered({ name, mem }: PlannedSegment, { entry }: SegmentLoadCall): boolean {
  return name === PURGATORY && BigInt(mem) === BigInt(entry);
}

function slotsIn(purgatory: PlannedSegment | undefined, machine: string) {
  if (purgatory?.source.kind !== "bytes") return undefined;
  return linuxMachine(machine)?.purgatory.sumSlots(Uint8Array.fromBase64(purgatory.source.base64));
}
