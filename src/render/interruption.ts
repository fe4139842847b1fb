import type { PastAttempt } from "../state/attempt.ts";
import type { Expectation, Outlook } from "../state/expectation.ts";
import type { Interruption, Phase, PhaseName } from "../state/interruption.ts";

/** A time for people: `0.4 s`, `12 s`, `3 min 20 s`. */
export function timeText(milliseconds: number): string {
  if (milliseconds < 9950) return `${(milliseconds / 1000).toFixed(1).replace(/\.0$/, "")} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min${seconds % 60 === 0 ? "" : ` ${seconds % 60} s`}`;
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? "" : ` ${minutes % 60} min`}`;
}

const NAMES: { readonly [name in PhaseName]: string } = {
  stop: "services stop",
  jump: "jump",
  "fall-back": "fall back",
  firmware: "firmware",
  kernel: "kernel",
  initrd: "initrd",
  userspace: "user space",
};

/** What happens in a phase: `kernel, initrd`. */
export function phaseName({ covers }: Pick<Phase, "covers">): string {
  return covers.map((name) => NAMES[name]).join(", ");
}

/** How long a phase took, or that this is unknown. */
export function phaseTime({ milliseconds }: Phase): string {
  return milliseconds === undefined ? "unknown" : timeText(milliseconds);
}

/** What each phase leads to. */
const REACHED: { readonly [name in PhaseName]: string } = {
  stop: "services were stopped",
  jump: "the new kernel started",
  "fall-back": "the old kernel started again",
  firmware: "the kernel started",
  kernel: "the initrd started",
  initrd: "user space started",
  userspace: "user space was up",
};

/** How long a reboot took, in a sentence. */
export function tookText({ phases, confirmed }: Interruption, expected?: Expectation): string {
  const unknown = phases.find((phase) => phase.unknown !== undefined);
  const last = phases.at(-1)?.covers.at(-1) ?? "userspace";
  const took = unknown === undefined
    ? `${timeText(knownTime(phases))} until ${REACHED[last]}`
    : `unknown: ${unknown.unknown}`;
  return [
    took,
    ...(expected === undefined ? [] : [`expected: ${expectationText(expected)}`]),
    ...(confirmed === undefined ? [] : [`confirmed after ${timeText(confirmed)}`]),
  ].join("; ");
}

/** `about 6 s, as the last three times`. */
export function expectationText({ milliseconds, basis, attempts }: Expectation): string {
  const about = `about ${timeText(milliseconds)}`;
  return basis === "measured"
    ? `${about}, as the last ${attempts === 1 ? "time" : `${COUNTS[attempts] ?? attempts} times`}`
    : `${about}, by estimate`;
}

const COUNTS: readonly (string | undefined)[] = [undefined, undefined, "two", "three"];

/** What is known before a reboot of how long it will take: sentences without a period; none if that is nothing. */
export function outlookLines({ planned, unpacked, saves }: Outlook): readonly string[] {
  if (planned === undefined) {
    return saves === undefined ? [] : [
      `not measured on this host yet; unpacking the kernel before the reboot saves about ${
        timeText(saves)
      }, by estimate`,
    ];
  }
  const until = `${expectationText(planned)}, until user space is up`;
  return [unpacked === undefined ? until : `${until}; with \`predecompress\` ${expectationText(unpacked)}`];
}

/** Milliseconds of the phases whose length is known. */
export function knownTime(phases: readonly Phase[]): number {
  return phases.reduce((sum, { milliseconds = 0 }) => sum + milliseconds, 0);
}

/** Whether the length of each phase is known, so that each has its place on a bar. */
export function isWhole({ phases }: Interruption): boolean {
  return phases.every(({ milliseconds }) => milliseconds !== undefined);
}

/** What an attempt was: `6.1.0-50-amd64 -> 6.12.107+deb13-amd64`. */
export function journeyText({ from, to }: Pick<PastAttempt, "from" | "to">): string {
  return `${from.release} -> ${to.release ?? "an image of unknown release"}`;
}

/** A phase in a bar: its first cell, and the cell after its last. */
export interface PhaseCells {
  readonly phase: Phase;
  readonly from: number;
  readonly to: number;
}

/**
 * The phases of known length, one after the other on `cells` cells that are `whole` milliseconds. What took any time has a
 * cell at least, as long as there are enough.
 */
export function phaseCells(phases: readonly Phase[], whole: number, cells: number): readonly PhaseCells[] {
  let time = 0;
  let at = 0;
  return phases.map((phase) => {
    const { milliseconds = 0 } = phase;
    time += milliseconds;
    const from = at;
    const end = whole === 0 ? from : Math.round(time / whole * cells);
    at = Math.min(cells, Math.max(end, milliseconds > 0 ? from + 1 : from));
    return { phase, from, to: at };
  });
}
