import { linuxMachine } from "../arch/machines.ts";
import type { Plan } from "./plan.ts";
import { purgatoryOf } from "./purgatory_segment.ts";

/** A sum that is computed when a plan is carried out, over bytes of one segment. */
export interface SegmentSum {
  /** The segment's number, from 0. */
  readonly segment: number;
  /** The first byte that is summed, from the start of the segment. */
  readonly start: bigint;
  /** Bytes. */
  readonly length: bigint;
  /** Where the sum is stored in purgatory: 8 bytes, little-endian. */
  readonly offset: number;
}

/** The sums that purgatory compares. */
export interface Sums {
  /** As uname -m: the machine whose code computes the sums. */
  readonly machine: string;
  /** Purgatory's number among the segments, from 0. */
  readonly purgatory: number;
  /** One for each region that purgatory compares. */
  readonly of: readonly SegmentSum[];
}

/** The sums of a plan, where its purgatory compares any; or how the plan contradicts itself, in a sentence. */
export type FoundSums =
  | { readonly kind: "sums"; readonly sums?: Sums }
  | { readonly kind: "fault"; readonly why: string };

const NO_SUMS: FoundSums = { kind: "sums" };

/**
 * The sums of a plan whose purgatory compares XXH64; nothing for any other plan. A fault says how the plan's `checksum`
 * differs from what its purgatory does: it might halt at the reboot, because nobody computed the sums. Plans that are
 * older than XXH64 have no `checksum`, and verify SHA-256.
 */
export function sumsOf(
  { call, host: { machine } }: Pick<Plan, "call" | "host">,
): FoundSums {
  if (call.syscall !== "kexec_load") return NO_SUMS;
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
  if (of?.some(({ segment }) => segment < 0)) {
    return { kind: "fault", why: "Purgatory compares the XXH64 of memory that is in no segment" };
  }
  if (verifies !== call.checksum && (call.checksum !== undefined || verifies === "xxh64")) {
    const does = verifies === undefined ? "this plan has no known purgatory" : `it compares ${verifies || "nothing"}`;
    return {
      kind: "fault",
      why: `\`checksum\` says that purgatory compares ${call.checksum ?? "nothing"}, but ${does}`,
    };
  }
  const index = call.segments.findIndex((each) => each === purgatory);
  return of === undefined ? NO_SUMS : { kind: "sums", sums: { machine, purgatory: index, of } };
}
