import type { HostFacts } from "../host/facts.ts";
import { KEXEC_LOAD_FLAGS } from "../plan/flags.ts";
import type { Plan } from "../plan/plan.ts";
import type { CallResult, Libc } from "../syscall/libc.ts";
import type { FoundRecord } from "./record.ts";

/** How long a payload was away with the machine, in nanoseconds. */
export interface RoundTrip {
  /**
   * The kernel's clocks stood still: the payload ran, and its pages were swapped in and out. Set from the real-time clock
   * afterwards, hence right to about a second; 0 for less.
   */
  readonly away: bigint;
  /** Of the call, the rest: processes, devices and CPUs were stopped, and started again. Exact. */
  readonly around: bigint;
}

/** Whether a plan loads an image that the running system survives. */
export function preservesContext({ call }: Plan): boolean {
  return call.syscall === "kexec_load" && (BigInt(call.flagBits) & KEXEC_LOAD_FLAGS.KEXEC_PRESERVE_CONTEXT) !== 0n;
}

/**
 * Whether the loaded image comes back, by the record of this very boot; undefined without one that can be trusted. The
 * kernel itself tells no more than that something is loaded.
 */
export function comesBack(facts: HostFacts, found: FoundRecord): boolean | undefined {
  if (found.kind !== "record" || facts.kexec.loaded !== true) return undefined;
  if (facts.bootId === undefined || facts.bootId !== found.record.bootId) return undefined;
  return preservesContext(found.record.plan);
}

/**
 * Makes the call and measures it. CLOCK_MONOTONIC stands still from timekeeping_suspend to timekeeping_resume, which
 * frame the payload; CLOCK_BOOTTIME is set forward by what it missed (kernel/time/timekeeping.c, Linux 6.12).
 */
export function roundTrip(call: () => CallResult, libc: Libc): CallResult & { readonly took: RoundTrip } {
  const before = { boottime: libc.clock("boottime"), monotonic: libc.clock("monotonic") };
  const result = call();
  const around = libc.clock("monotonic") - before.monotonic;
  const away = libc.clock("boottime") - before.boottime - around;
  return { ...result, took: { away: away < GRAIN ? 0n : away, around } };
}

/** Below it, the two clocks differ because they are not read at the same time. */
const GRAIN = 50_000_000n;

/** The round trip in a sentence. */
export function describeRoundTrip({ away, around }: RoundTrip): string {
  const time = away < SECOND ? "less than a second" : `about ${(away + SECOND / 2n) / SECOND} s`;
  return `The payload returned: it had the machine for ${time}; stopping the system and resuming it took ${
    (Number(around / 1_000_000n) / 1000).toFixed(2)
  } s`;
}

const SECOND = 1_000_000_000n;
