import type { HostFacts } from "../host/facts.ts";
import { KEXEC_LOAD_FLAGS } from "../plan/flags.ts";
import type { Plan } from "../plan/plan.ts";
import type { CallResult, Libc } from "../syscall/libc.ts";
import { isReentrant, keepsEntry } from "../plan/rules/preserve.ts";
import { type FoundRecord, type LoadRecord, recordOfBoot } from "./record.ts";

/** How long a payload had the machine, in nanoseconds. */
export interface RoundTrip {
  /**
   * The time for which the kernel's clocks stopped: the payload ran, and its pages were swapped in and out. Taken from the
   * real-time clock afterwards, so it is exact to about a second; 0 for less.
   */
  readonly away: bigint;
  /** The rest of the call: processes, devices and CPUs were stopped and started again. Exact. */
  readonly around: bigint;
}

/** Whether a plan loads an image that preserves the running system. */
export function preservesContext({ call }: Plan): boolean {
  return call.syscall === "kexec_load" && (BigInt(call.flagBits) & KEXEC_LOAD_FLAGS.KEXEC_PRESERVE_CONTEXT) !== 0n;
}

/**
 * Whether the loaded image returns to the running system, by the record of this boot; undefined without a record that can be
 * trusted. The kernel itself only reports that something is loaded.
 */
export function comesBack(facts: HostFacts, found: FoundRecord): boolean | undefined {
  const record = facts.kexec.loaded === true ? recordOfBoot(facts, found) : undefined;
  return record === undefined ? undefined : preservesContext(record.plan);
}

/**
 * Whether a payload has run and must be loaded again before it may run once more. Kernels before 6.14 jump to whatever it
 * left on its stack as the next entry point: a random address, unless the payload is known to leave its own. A kernel whose
 * release is not understood counts as an old one.
 */
export function isSpent({ ranAt, plan }: LoadRecord, { release }: Pick<HostFacts, "release">): boolean {
  return ranAt !== undefined && runsOnce(plan, release);
}

/** Whether a payload that returns runs only once for each load on such a kernel. */
export function runsOnce(plan: Plan, release: string): boolean {
  return preservesContext(plan) && !isReentrant(plan.call) && keepsEntry(release) !== true;
}

/**
 * Makes the call and measures it. CLOCK_MONOTONIC stops from timekeeping_suspend to timekeeping_resume, which enclose the
 * payload; CLOCK_BOOTTIME is advanced by the time it missed (kernel/time/timekeeping.c, Linux 6.12).
 */
export function roundTrip(call: () => CallResult, libc: Libc): CallResult & { readonly took: RoundTrip } {
  const before = { boottime: libc.clock("boottime"), monotonic: libc.clock("monotonic") };
  const result = call();
  const around = libc.clock("monotonic") - before.monotonic;
  const away = libc.clock("boottime") - before.boottime - around;
  return { ...result, took: { away: away < GRAIN ? 0n : away, around } };
}

/** Smaller differences arise because the two clocks are not read at the same time. */
const GRAIN = 50_000_000n;

/** The round trip in a sentence. */
export function describeRoundTrip({ away, around }: RoundTrip): string {
  const time = away < SECOND ? "less than a second" : `about ${(away + SECOND / 2n) / SECOND} s`;
  return `The payload returned: it ran for ${time}; suspending and resuming the system took ${
    (Number(around / 1_000_000n) / 1000).toFixed(2)
  } s`;
}

const SECOND = 1_000_000_000n;
