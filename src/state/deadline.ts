import type { Attempt, EndedAttempt, RunningSystem } from "./attempt.ts";

/** Until when the running system must be confirmed. */
export interface Deadline {
  /** The attempt that led into the running system. */
  readonly attempt: EndedAttempt;
  /** Seconds that its guard gives. */
  readonly confirm: number;
  /** When they are over: seconds of CLOCK_BOOTTIME, so since the kernel started, suspended time included. */
  readonly due: number;
}

/**
 * The deadline of the running system; undefined where no attempt with `guard.confirm` led into it, or it is confirmed. The
 * clock starts when the arrival was first found, at `outcome.uptime`: looking again does not start it again. Where that could
 * not be written down, it starts now.
 */
export function openDeadline(
  attempts: readonly Attempt[],
  { bootId }: RunningSystem,
  now: number,
): Deadline | undefined {
  if (bootId === undefined) return undefined;
  for (const attempt of attempts) {
    const { guard, outcome } = attempt;
    if (guard?.confirm === undefined || outcome?.end !== "arrived" || outcome.bootId !== bootId) continue;
    const { confirm } = guard;
    return { attempt: { ...attempt, outcome }, confirm, due: (outcome.uptime ?? now) + confirm };
  }
  return undefined;
}

/** What to say of a reboot whose guard nobody may keep; undefined where each boot is watched, or the guard has no deadline. */
export function unkeptGuard({ guard, from }: Attempt): string | undefined {
  if (guard?.confirm === undefined || from.watched) return undefined;
  return "`warmboot arrive` did not run in this boot. Unless it runs in the next one, nothing reboots a system that is not " +
    "confirmed (`guard.confirm`). Enable it: `systemctl enable --now warmboot-arrive`";
}
