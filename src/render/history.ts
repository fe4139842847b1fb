import { visible } from "../core/text.ts";
import type { Attempt, AttemptEnd, AttemptWay, History, PastAttempt } from "../state/attempt.ts";
import type { WatchdogReport } from "../state/evidence.ts";
import type { Interruption } from "../state/interruption.ts";
import { isWhole, journeyText, knownTime, phaseCells, phaseName, phaseTime, tookText } from "./interruption.ts";
import { row } from "./plan.ts";
import type { Layout, Style } from "./style.ts";
import { padToWidth } from "./width.ts";

/** What there is to say without an attempt. */
export const NO_ATTEMPTS = "No reboot into an image of warmboot is remembered";

/** The reboots of a host, the newest first: what was tried, by whom, and how it ended. */
export function renderHistory({ attempts }: History, layout: Layout): string {
  if (attempts.length === 0) return `${NO_ATTEMPTS}\n`;
  return attempts.map((attempt) => attemptRows(attempt, layout).join("\n")).join("\n\n") + "\n";
}

function attemptRows(attempt: PastAttempt, layout: Layout): readonly string[] {
  const { askedAt, profile, plan, user, way, to, interruption, expected } = attempt;
  const { style } = layout;
  const paint = paintOf(attempt, style);
  return [
    style.bold(visible(`${askedAt}  ${journeyText(attempt)}`)),
    ...row("Outcome", [describeEnd(attempt)], layout).map((line) => paint(line)),
    ...(interruption === undefined ? [] : [
      ...row("Took", [tookText(interruption, expected)], layout),
      ...barLines(interruption, layout),
    ]),
    ...evidenceRows(attempt, layout),
    ...row("Asked by", [`${user}, ${WAYS[way]}`], layout),
    ...row("Plan", [`profile ${profile}, ${plan}`, ...(to.cmdline === "" ? [] : [to.cmdline])], layout),
  ];
}

/** Columns for the name of a phase and for its time. */
const PHASE = 24;
const TIME = 12;
/** The columns before a phase, as those of any row. */
const INDENT = 16;
/** A bar of fewer cells shows nothing. */
const LEAST = 10;

/** A line for each phase: its time, and its place in the whole. What no clock ran through is drawn with `?`. Where a phase is unknown, only the times are left. */
function barLines(interruption: Interruption, { style, width }: Layout): readonly string[] {
  const { phases } = interruption;
  const cells = width - INDENT - PHASE - TIME - 2;
  return phaseCells(phases, knownTime(phases), Math.max(cells, 1)).map(({ phase, from, to }) => {
    const head = `${" ".repeat(INDENT)}${padToWidth(phaseName(phase), PHASE)}${phaseTime(phase)}`;
    if (cells < LEAST || !isWhole(interruption)) return head;
    const mark = phase.inferred ? style.dim("?".repeat(to - from)) : style.accent("#".repeat(to - from));
    return `${padToWidth(head, INDENT + PHASE + TIME)}|${" ".repeat(from)}${mark}${" ".repeat(cells - to)}|`;
  });
}

/** What was found after a fall back: of each text the last lines, `-o json` has more. */
function evidenceRows({ outcome }: Attempt, layout: Layout): readonly string[] {
  const { watchdogs = [], pstore = [] } = outcome?.evidence ?? {};
  const shown = pstore.slice(0, SHOWN_FILES);
  return [
    ...watchdogs.flatMap((report) => row("Watchdog", [describeReport(report)], layout)),
    ...shown.flatMap(({ path, text }) => row("Found", [path, ...endOf(text)], layout)),
    ...(pstore.length > shown.length
      ? row("", [`${pstore.length - shown.length} more: warmboot history -o json`], layout)
      : []),
  ];
}

/** The end of a log, and before it what says why the kernel failed: registers and a trace of calls follow that. */
function endOf(text: string): readonly string[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const end = lines.slice(-SHOWN_LINES);
  const causes = lines.slice(0, -SHOWN_LINES).filter((line) => CAUSE.test(line)).slice(-SHOWN_CAUSES);
  return causes.length === 0 ? end : [...causes, "…", ...end.slice(causes.length + 1)];
}

/** As kernel/panic.c, mm/ and the architectures write it (Linux 6.1 to 7.2). */
const CAUSE = /Kernel panic - not syncing|\bBUG: |\bOops: |Internal error: /;
const SHOWN_CAUSES = 3;

const SHOWN_FILES = 2;
const SHOWN_LINES = 8;

function describeReport({ name, identity, reset, bootStatus }: WatchdogReport): string {
  const device = identity === undefined ? name : `${name} (${identity})`;
  return reset ? `${device} reset the machine` : `${device} reports status 0x${bootStatus.toString(16)}`;
}

const WAYS: { readonly [way in AttemptWay]: string } = {
  systemd: "through systemd",
  init: "through the init system",
  now: "by the system call itself",
  found: "without warmboot: the shutdown into the image was under way",
};

const ENDS: { readonly [end in AttemptEnd]: string } = {
  arrived: "arrived",
  confirmed: "arrived and confirmed",
  "not-confirmed": "not confirmed in time",
  "fell-back": "fell back",
  firmware: "went through the firmware",
  unknown: "unknown",
};

/** How an attempt ended, in a word or two. */
export function endName({ outcome, leftAt }: Attempt): string {
  if (outcome === undefined) return leftAt === undefined ? "not begun" : "under way";
  return ENDS[outcome.end];
}

/** How an attempt ended, in a sentence. */
export function describeEnd(attempt: Attempt): string {
  const { outcome } = attempt;
  return outcome === undefined ? endName(attempt) : `${endName(attempt)}: ${outcome.why}`;
}

function paintOf({ outcome }: Attempt, style: Style): (text: string) => string {
  switch (outcome?.end) {
    case "arrived":
    case "confirmed":
      return style.good;
    case "fell-back":
    case "not-confirmed":
      return style.bad;
    case "firmware":
    case "unknown":
    case undefined:
      return style.warning;
  }
}
