import { choice, count, flag, list, omitUndefined, record, type Shape, text } from "../core/shape.ts";
import type { BootMoments, ClockReading } from "../host/clocks.ts";

/** What was recorded of how long a reboot took. Absent: it was not recorded. */
export interface Timing {
  /** The clocks when the reboot was asked for; of a shutdown that was found, when that was. */
  readonly asked: ClockReading;
  /** When services were stopped: CLOCK_BOOTTIME of the system that was left, milliseconds. */
  readonly stopped?: number;
  /** The clocks in the boot that came, when that was looked at. */
  readonly came?: ClockReading;
  /** The moments of that boot. */
  readonly boot?: BootMoments;
  /** When it was confirmed: CLOCK_BOOTTIME of that boot, milliseconds. */
  readonly confirmed?: number;
}

/** What happens in a reboot, in order; of `jump`, `fall-back` and `firmware` each reboot has one. */
export type PhaseName =
  /** Services stop. */
  | "stop"
  /** File systems are unmounted, the image is started, and unpacks itself: up to the first line of the new kernel. */
  | "jump"
  /** The same, and then a reset, the firmware and the boot loader: up to the first line of the old kernel. */
  | "fall-back"
  /** The image was not started; the firmware and the boot loader. */
  | "firmware"
  /** From the first line of the kernel to the initrd. */
  | "kernel"
  /** The initrd. */
  | "initrd"
  /** From PID 1 on, until all is started. */
  | "userspace";

/** A stretch of a reboot. */
export interface Phase {
  /** What happened in it: more than one where the moments in between were not recorded. */
  readonly covers: readonly PhaseName[];
  /** How long it took, milliseconds; absent where that is unknown. */
  readonly milliseconds?: number;
  /** Why it is unknown: a sentence. */
  readonly unknown?: string;
  /** Whether no clock ran through it: it is inferred from the clocks before and after, and right to two seconds. */
  readonly inferred: boolean;
}

/** How long a reboot took. */
export interface Interruption {
  /** From the moment it was asked for, in order, without gaps; up to the last moment that is recorded. */
  readonly phases: readonly Phase[];
  /** All of them until user space was up, milliseconds; absent where one is unknown or missing. */
  readonly milliseconds?: number;
  /** From the moment it was asked for to the confirmation, milliseconds. */
  readonly confirmed?: number;
}

/** Of an attempt, what its phases are derived from. */
export interface TimedReboot {
  /** How it ended. */
  readonly end: keyof typeof AWAY;
  /** Whether it was made by the system call itself, which stops no services. */
  readonly atOnce: boolean;
  /** Whether each boot was looked at, so that no other one was in between. */
  readonly watched: boolean;
  /** What was recorded. */
  readonly timing: Timing;
}

/** What no clock ran through, by how it ended. */
const AWAY = {
  arrived: "jump",
  confirmed: "jump",
  "not-confirmed": "jump",
  "fell-back": "fall-back",
  firmware: "firmware",
} as const satisfies { readonly [end: string]: PhaseName };

/** A recorded moment: by the clock of the old system or of the new one, milliseconds. */
interface Moment {
  readonly boot: "old" | "new";
  readonly at: number;
}

/**
 * The phases of a reboot, from the recorded moments alone. Nothing is guessed: where a moment is missing, the phases around
 * it are one; where it cannot be known how long no kernel counted, that phase is unknown. Undefined until a boot came.
 */
export function interruptionOf(reboot: TimedReboot): Interruption | undefined {
  const { asked, stopped = -1, came, boot = {}, confirmed } = reboot.timing;
  if (came === undefined) return undefined;
  const possible: readonly (readonly [PhaseName, Moment["boot"], number | undefined])[] = [
    // A note from before is of a unit that someone stopped.
    ...(reboot.atOnce ? [] : [["stop", "old", stopped >= asked.boottime ? stopped : undefined] as const]),
    [AWAY[reboot.end], "new", 0],
    ["kernel", "new", boot.initrd],
    ["initrd", "new", boot.userspace],
    ["userspace", "new", boot.finished],
  ];
  const phases: Phase[] = [];
  let before: Moment = { boot: "old", at: asked.boottime };
  let covers: PhaseName[] = [];
  for (const [name, boot, at] of possible) {
    covers = [...covers, name];
    if (at === undefined) continue;
    const moment: Moment = { boot, at };
    phases.push({ covers, ...timeBetween(before, moment, asked, came, reboot.watched) });
    before = moment;
    covers = [];
  }
  const known = phases.flatMap(({ milliseconds }) => milliseconds ?? []);
  const total = known.length === phases.length ? known.reduce((sum, each) => sum + each, 0) : undefined;
  return {
    phases,
    ...(total === undefined || boot.finished === undefined ? {} : { milliseconds: total }),
    ...(total === undefined || confirmed === undefined ? {} : { confirmed: total - before.at + confirmed }),
  };
}

/** Between two moments, in order. */
function timeBetween(
  from: Moment,
  to: Moment,
  asked: ClockReading,
  came: ClockReading,
  watched: boolean,
): Omit<Phase, "covers"> {
  if (from.boot === to.boot) {
    const inferred = false;
    return to.at < from.at
      ? { unknown: "The recorded moments are not in order", inferred }
      : { milliseconds: to.at - from.at, inferred };
  }
  if (!watched) return { unknown: "Nothing watched the boots in between", inferred: true };
  const uncounted = timeBetweenBoots(asked, came);
  if (typeof uncounted === "string") return { unknown: uncounted, inferred: true };
  const milliseconds = Math.round(uncounted - (from.at - asked.boottime) + to.at);
  // Each end is right to a second.
  if (milliseconds < -CLOCK_STEP) return { unknown: "A clock was set back in between", inferred: true };
  return { milliseconds: Math.max(0, milliseconds), inferred: true };
}

/** The hardware clock counts whole seconds. */
const CLOCK_STEP = 1000;

/** What two clocks may differ by: each was read in whole seconds, in the old system and in the new one. */
const AGREEMENT = 2 * CLOCK_STEP;

/**
 * From the reading in the old system to the start of the new kernel, milliseconds; or why that is unknown. The new kernel
 * takes its system clock from the hardware clock, and either may be set in between. So what passed is known only where
 * both say the same; then it is the finer one, as far as the other allows.
 */
function timeBetweenBoots(old: ClockReading, next: ClockReading): number | string {
  const bySystem = next.realtime - next.boottime - old.realtime;
  if (old.rtc === undefined || next.rtc === undefined) {
    return "No hardware clock (RTC) ran on between the two kernels";
  }
  const byHardware = next.rtc * 1000 - next.boottime - old.rtc * 1000;
  if (Math.abs(bySystem - byHardware) > AGREEMENT) {
    return `A clock was set in between: by the system clock ${inSeconds(bySystem)} passed, ` +
      `by the hardware clock ${inSeconds(byHardware)}`;
  }
  return Math.min(Math.max(bySystem, byHardware - CLOCK_STEP), byHardware + CLOCK_STEP);
}

function inSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(0)} s`;
}

const optional = { value: undefined };

const clockReading: Shape<ClockReading> = record<ClockReading>({
  realtime: { shape: count, doc: "The system clock: milliseconds since 1970" },
  boottime: { shape: count, doc: "Milliseconds since the kernel started" },
  rtc: { shape: count, doc: "The hardware clock: seconds since 1970", fallback: optional },
});

/** The shape of what was recorded of how long a reboot took. */
export const timingShape: Shape<Timing> = record<Timing>({
  asked: { shape: clockReading, doc: "The clocks when the reboot was asked for, or a shutdown found" },
  stopped: {
    shape: count,
    doc: "When services were stopped, milliseconds since the kernel started that was left",
    fallback: optional,
  },
  came: { shape: clockReading, doc: "The clocks in the boot that came, when that was looked at", fallback: optional },
  boot: {
    shape: record<BootMoments>({
      initrd: { shape: count, doc: "When systemd started in the initrd", fallback: optional },
      userspace: { shape: count, doc: "When systemd started on the root file system", fallback: optional },
      finished: { shape: count, doc: "When all was started", fallback: optional },
    }),
    doc: "Moments of the boot that came, milliseconds since its kernel started",
    fallback: optional,
  },
  confirmed: {
    shape: count,
    doc: "When it was confirmed, milliseconds since that kernel started",
    fallback: optional,
  },
});

/** The shape of how long a reboot took. */
export const interruptionShape: Shape<Interruption> = record<Interruption>({
  phases: {
    shape: list(record<Phase>({
      covers: {
        shape: list(choice(["stop", "jump", "fall-back", "firmware", "kernel", "initrd", "userspace"])),
        doc: "What happened in it: more than one where the moments in between were not recorded",
      },
      milliseconds: { shape: count, doc: "How long it took; absent where that is unknown", fallback: optional },
      unknown: { shape: text, doc: "Why it is unknown", fallback: optional },
      inferred: {
        shape: flag,
        doc: "Whether no clock ran through it: inferred from the clocks before and after, it is right to two seconds",
      },
    })),
    doc: "From the moment the reboot was asked for, in order and without gaps, to the last one that is recorded",
  },
  milliseconds: {
    shape: count,
    doc: "From the moment the reboot was asked for until user space was up; absent where a phase is unknown",
    fallback: optional,
  },
  confirmed: {
    shape: count,
    doc: "From the moment the reboot was asked for to the confirmation, milliseconds",
    fallback: optional,
  },
});

/** What is read in the boot that a reboot ended in. */
export interface BootTimes {
  /** When services were stopped in the boot before: CLOCK_BOOTTIME of that, milliseconds. */
  readonly stopped?: number | undefined;
  /** The clocks now. */
  readonly came: ClockReading | undefined;
  /** Its moments, as far as they have come. */
  readonly boot: BootMoments;
}

/** What was recorded, and what the boot shows that it ended in; what is recorded stays. */
export function withBootTimes(timing: Timing, { stopped, came, boot }: BootTimes): Timing {
  return omitUndefined({
    asked: timing.asked,
    stopped: timing.stopped ?? stopped,
    came: timing.came ?? came,
    boot: { ...boot, ...timing.boot },
    confirmed: timing.confirmed,
  });
}
