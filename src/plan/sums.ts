import { linuxMachine } from "./linux_machine.ts";
import type { Plan } from "./plan.ts";
import { purgatoryOf } from "./purgatory_segment.ts";

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

/** The sums of a plan whose purgatory compares XXH64; undefined for any other, and where one is of no segment's bytes. */
export function sumsOf({ call, host: { machine } }: Pick<Plan, "call" | "host">): Sums | undefined {
  const purgatory = call.syscall === "kexec_load" ? purgatoryOf(call) : undefined;
  if (call.syscall !== "kexec_load" || purgatory?.source.kind !== "bytes") return undefined;
  const slots = linuxMachine(machine)?.purgatory.sumSlots(Uint8Array.fromBase64(purgatory.source.base64));
  const of = slots?.map(({ offset, address, length }) => {
    const segment = call.segments.findIndex((each) =>
      each !== purgatory && BigInt(each.mem) <= address && address + length <= BigInt(each.mem) + BigInt(each.bufsz)
    );
    return { segment, start: address - BigInt(call.segments[segment]?.mem ?? address), length, offset };
  });
  if (of === undefined || of.some(({ segment }) => segment < 0)) return undefined;
  return { machine, purgatory: call.segments.indexOf(purgatory), of };
}

/**
 * How what a plan says of its checksum differs from what its purgatory does, as a sentence: it might halt at the reboot,
 * for sums that nobody took. Plans of before XXH64 say nothing, and verify SHA-256.
 */
export function sumFault(plan: Pick<Plan, "call" | "host">): string | undefined {
  const { call, host: { machine } } = plan;
  if (call.syscall !== "kexec_load") return undefined;
  const source = purgatoryOf(call)?.source;
  const verifies = source?.kind === "bytes"
    ? linuxMachine(machine)?.purgatory.verifies(Uint8Array.fromBase64(source.base64))
    : undefined;
  if (verifies === "xxh64" && sumsOf(plan) === undefined) {
    return "Purgatory compares the XXH64 of what is in no segment";
  }
  if (verifies === call.checksum || call.checksum === undefined && verifies !== "xxh64") return undefined;
  const does = verifies === undefined ? "there is none that is known" : `it compares ${verifies || "nothing"}`;
  return `\`checksum\` says that purgatory compares ${call.checksum ?? "nothing"}, and ${does}`;
}
