import { linuxMachine } from "../arch/machines.ts";
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

/**
 * The sums of a plan whose purgatory compares XXH64, none of any other; or, as a sentence, how what the plan says of its
 * checksum differs from what its purgatory does, which might halt at the reboot, for sums that nobody took. Plans of
 * before XXH64 say nothing, and verify SHA-256.
 */
export function sumsOf(
  { call, host: { machine } }: Pick<Plan, "call" | "host">,
): { readonly sums?: Sums } | { readonly fault: string } {
  if (call.syscall !== "kexec_load") return {};
  const purgatory = purgatoryOf(call);
  const bytes = purgatory?.source.kind === "bytes" ? Uint8Array.fromBase64(purgatory.source.base64) : undefined;
  const format = linuxMachine(machine)?.purgatory;
  const verifies = bytes === undefined ? undefined : format?.verifies(bytes);
  const of = (bytes === undefined ? undefined : format?.sumSlots(bytes))?.map(({ offset, address, length }) => {
    const segment = call.segments.findIndex((each) =>
      each !== purgatory && BigInt(each.mem) <= address && address + length <= BigInt(each.mem) + BigInt(each.bufsz)
    );
    return { segment, start: address - BigInt(call.segments[segment]?.mem ?? address), length, offset };
  });
  if (of?.some(({ segment }) => segment < 0)) return { fault: "Purgatory compares the XXH64 of what is in no segment" };
  if (verifies !== call.checksum && (call.checksum !== undefined || verifies === "xxh64")) {
    const does = verifies === undefined ? "there is none that is known" : `it compares ${verifies || "nothing"}`;
    return { fault: `\`checksum\` says that purgatory compares ${call.checksum ?? "nothing"}, and ${does}` };
  }
  const index = call.segments.findIndex((each) => each === purgatory);
  return of === undefined ? {} : { sums: { machine, purgatory: index, of } };
}
