import { visible } from "../core/text.ts";
import type { History, PastAttempt } from "../state/attempt.ts";
import type { Phase, PhaseName } from "../state/interruption.ts";
import { endName, NO_ATTEMPTS } from "./history.ts";
import {
  isWhole,
  journeyText,
  knownTime,
  phaseCells,
  phaseName,
  phaseTime,
  timeText,
  tookText,
} from "./interruption.ts";
import { columnsIn, wrapped } from "./memory_svg.ts";
import { element, escaped, line, type Part, svgDocument } from "./svg.ts";
import { cutToWidth } from "./width.ts";

const WIDTH = 800;
const EDGE = 20;
/** Units of a cell, as in the pictures of memory. */
const CELL = 2;
const CELLS = (WIDTH - 2 * EDGE) / CELL;
const BAR = 22;

const TITLE = "How long the reboots of this host took";

/** The class of a phase; its pattern is recognised without colour. What is inferred, and the ways back, have lines. */
const SHAPES: { readonly [name in PhaseName]: string } = {
  stop: "wb-kernel",
  jump: "wb-unknown",
  "fall-back": "wb-conflict",
  firmware: "wb-fold",
  kernel: "wb-segment-2",
  initrd: "wb-segment",
  userspace: "wb-crash",
};

/** The reboots of a host as an SVG document: a bar for each that was measured, the newest first, at one scale. */
export function renderHistorySvg({ attempts }: History): string {
  if (attempts.length === 0) {
    const body = [line(EDGE, 36, TITLE, "wb-head"), line(EDGE, 64, NO_ATTEMPTS)];
    return svgDocument(WIDTH, TITLE, NO_ATTEMPTS, { body, height: 84 });
  }
  const whole = scaleOf(attempts);
  const body = [line(EDGE, 36, TITLE, "wb-head")];
  let y = 58;
  const add = (part: Part): void => {
    body.push(...part.body);
    y += part.height;
  };
  add(
    legend(attempts.filter((each) => lengthOf(each) > 0).flatMap(({ interruption }) => interruption?.phases ?? []), y),
  );
  for (const attempt of attempts) add(attemptPart(attempt, whole, y));
  add(ruler(whole, y));
  return svgDocument(WIDTH, TITLE, attempts.map(words).join(". "), { body, height: y + EDGE });
}

/** Milliseconds of the whole width: the longest that arrived. What did not arrive may take many times as long, and is cut. */
function scaleOf(attempts: readonly PastAttempt[]): number {
  const times = (of: readonly PastAttempt[]): readonly number[] => of.map(lengthOf).filter((length) => length > 0);
  const arrived = times(attempts.filter(({ interruption }) => interruption?.phases.every(isOnward)));
  return Math.max(0, ...(arrived.length > 0 ? arrived : times(attempts)));
}

function isOnward({ covers }: Phase): boolean {
  return !covers.some((name) => name === "fall-back" || name === "firmware");
}

/** Milliseconds that are drawn. */
function lengthOf({ interruption }: PastAttempt): number {
  if (interruption === undefined || !isWhole(interruption)) return 0;
  return knownTime(interruption.phases);
}

function attemptPart(attempt: PastAttempt, whole: number, y: number): Part {
  const { askedAt, interruption, expected } = attempt;
  const columns = columnsIn(WIDTH - 2 * EDGE);
  const head = line(
    EDGE,
    y + 14,
    cutToWidth(`${askedAt}  ${journeyText(attempt)}: ${endName(attempt)}`, columns),
    "wb-sub",
  );
  const texts = (top: number): readonly string[] =>
    wrapped(interruption === undefined ? "not measured" : tookText(interruption, expected), columns)
      .map((text, index) => line(EDGE, top + index * 15, text, "wb-code wb-dim"));
  if (interruption === undefined || !isWhole(interruption)) {
    const body = texts(y + 32);
    return { body: [head, ...body], height: 29 + body.length * 15 };
  }
  const top = y + 22;
  const body = texts(top + BAR + 15);
  const expectedAt = EDGE + Math.round((expected?.milliseconds ?? 0) / whole * CELLS) * CELL;
  return {
    body: [
      head,
      ...phaseCells(interruption.phases, whole, CELLS).flatMap(({ phase, from, to }) => barOf(phase, from, to, top)),
      ...(lengthOf(attempt) > whole ? [element("path", { class: "wb-line", d: `M783 ${top + 3}l6 8l-6 8` })] : []),
      ...(expected === undefined || expectedAt > WIDTH - EDGE
        ? []
        : [element("path", { class: "wb-line", d: `M${expectedAt} ${top - 4}v${BAR + 8}`, "stroke-width": 2 })]),
      ...body,
    ],
    height: top - y + BAR + 17 + body.length * 15,
  };
}

function barOf(phase: Phase, from: number, to: number, y: number): readonly string[] {
  if (from === to) return [];
  const box = { x: EDGE + from * CELL, y, width: (to - from) * CELL, height: BAR };
  const title = element("title", {}, escaped(phaseWords(phase)));
  return [element("rect", { class: shapeOf(phase), ...box }, title), element("rect", { class: "wb-line", ...box })];
}

function shapeOf({ covers }: Phase): string {
  const last = covers.at(-1) ?? "jump";
  return SHAPES[last];
}

function inferredMark({ inferred }: Phase): string {
  return inferred ? " (inferred)" : "";
}

function phaseWords(phase: Phase): string {
  return `${phaseName(phase)} ${phaseTime(phase)}${inferredMark(phase)}`;
}

/** Each kind of phase that occurs, and what the upright line is. */
function legend(phases: readonly Phase[], y: number): Part {
  const names = new Map(
    phases.filter(({ milliseconds = 0 }) => milliseconds > 0)
      .map((phase) => [`${phaseName(phase)}${inferredMark(phase)}`, shapeOf(phase)]),
  );
  let x = EDGE;
  let row = y;
  const body = [...names].flatMap(([name, shape]) => {
    const width = 34 + name.length * 7;
    if (x + width > WIDTH - EDGE) {
      x = EDGE;
      row += 20;
    }
    const at = x;
    x += width;
    const box = { x: at, y: row - 11, width: 16, height: 13 };
    return [
      element("rect", { class: shape, ...box }),
      element("rect", { class: "wb-line", ...box }),
      line(at + 22, row, name),
    ];
  });
  const note = "The upright line is where user space was expected to be up";
  return { body: [...body, line(EDGE, row + 20, note, "wb-dim")], height: row - y + 36 };
}

/** Steps of a ruler, seconds. */
const STEPS: readonly number[] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];

function ruler(whole: number, y: number): Part {
  const most = 10;
  const step = STEPS.find((seconds) => whole / 1000 / seconds <= most) ?? 36_000;
  if (whole === 0) return { body: [], height: 0 };
  const marks = Array.from({ length: Math.floor(whole / 1000 / step) + 1 }, (_, index) => index * step);
  const at = (seconds: number): number => EDGE + Math.round(seconds * 1000 / whole * CELLS) * CELL;
  return {
    body: [
      element("path", {
        class: "wb-line",
        d: `M${EDGE} ${y}H${WIDTH - EDGE}${marks.map((each) => `M${at(each)} ${y}v5`).join("")}`,
      }),
      ...marks.map((each, index) =>
        line(at(each), y + 18, timeText(each * 1000), index === 0 ? "wb-dim" : "wb-dim wb-end")
      ),
    ],
    height: 22,
  };
}

/** An attempt in words, for screen readers. */
function words(attempt: PastAttempt): string {
  const { askedAt, interruption, expected } = attempt;
  const took = interruption === undefined
    ? "not measured"
    : `${tookText(interruption, expected)} (${interruption.phases.map(phaseWords).join(", ")})`;
  return visible(`${askedAt}, ${journeyText(attempt)}, ${endName(attempt)}: ${took}`);
}
