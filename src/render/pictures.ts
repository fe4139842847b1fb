import type { Diff } from "../diff/diff.ts";
import type { Side } from "../diff/side.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Plan } from "../plan/plan.ts";
import { renderDiff } from "./diff.ts";
import { frameOf } from "./memory_bar.ts";
import { memoryMap } from "./memory_map.ts";
import { columnsIn, memoryPart, memoryWords, wrapped } from "./memory_svg.ts";
import { headline, isReady, verdict } from "./plan.ts";
import { PLAIN } from "./style.ts";
import { element, escaped, line, type Part, svgDocument } from "./svg.ts";
import { cutToWidth } from "./width.ts";

/** Units between the edge and what is drawn. */
const EDGE = 20;

/** Units: the picture of a plan, and that of a diff, which has two maps side by side. */
const PLAN_WIDTH = 800;
const DIFF_WIDTH = 960;
const BETWEEN = 32;

/** Lines of a diff below its picture; the text form has them all. */
const MOST_LINES = 60;

/**
 * A plan as an SVG document: the memory of its host, with each segment at its address, and the verdict. Without facts,
 * only the segments are known.
 */
export function renderPlanSvg(plan: Plan, facts?: HostFacts): string {
  const map = memoryMap(plan, facts);
  const frame = frameOf([map]);
  const width = PLAN_WIDTH - 2 * EDGE;
  const body = [line(EDGE, 36, cutToWidth(headline(plan), 64), "wb-head")];
  let y = 58;
  for (const { text, shape } of verdictLines(plan, columnsIn(width))) {
    body.push(line(EDGE, y, text, shape));
    y += 18;
  }
  const memory = memoryPart(map, frame, { x: EDGE, y: y + 6 }, width);
  const part = { body: [...body, ...memory.body], height: y + 6 + memory.height + EDGE };
  return svgDocument(PLAN_WIDTH, headline(plan), `${verdict(plan)}. ${memoryWords(map, frame)}`, part);
}

/**
 * A diff as an SVG document: before and after side by side at one scale, so that moves are visible, and below them the
 * differences as text. `facts`: the host that each side is for, in the order of the diff.
 */
export function renderDiffSvg(
  diff: Diff,
  sides: readonly [from: Side, to: Side],
  facts: readonly [from: HostFacts | undefined, to: HostFacts | undefined],
): string {
  const plans = [planOf(sides[0]), planOf(sides[1])] as const;
  const maps = [memoryMap(plans[0], facts[0]), memoryMap(plans[1], facts[1])] as const;
  const frame = frameOf(maps);
  const width = (DIFF_WIDTH - 2 * EDGE - BETWEEN) / 2;
  const panel = (index: 0 | 1, label: string): Part => {
    const x = EDGE + index * (width + BETWEEN);
    const plan = plans[index];
    const first = plan === undefined ? `Running ${facts[index]?.release ?? ""}` : headline(plan);
    const body = [
      line(x, 72, cutToWidth(`${label}: ${sides[index].name}`, 46), "wb-sub"),
      line(x, 92, cutToWidth(first, 54)),
      ...(plan === undefined ? [] : [line(x, 110, cutToWidth(verdict(plan), 54), shapeOf(plan))]),
    ];
    const memory = memoryPart(maps[index], frame, { x, y: 122 }, width);
    return { body: [...body, ...memory.body], height: 122 + memory.height };
  };
  const panels = [panel(0, "Before"), panel(1, "After")];
  const title = `From ${diff.from.name} to ${diff.to.name}`;
  const columns = columnsIn(DIFF_WIDTH - 2 * EDGE);
  const top = Math.max(...panels.map(({ height }) => height)) + 24;
  const text = textLines(diff, columns);
  const body = [
    line(EDGE, 36, cutToWidth(title, 78), "wb-head"),
    ...panels.flatMap((each) => each.body),
    ...text.map((each, index) => diffLine(EDGE, top + index * 16, each)),
  ];
  const words = ["Before", "After"].map((label, index) => `${label}: ${memoryWords(maps[index === 0 ? 0 : 1], frame)}`);
  const height = top + text.length * 16 + EDGE;
  return svgDocument(DIFF_WIDTH, title, `${text.at(-1) ?? ""}. ${words.join(". ")}`, { body, height });
}

function planOf(side: Side): Plan | undefined {
  return side.kind === "running" ? undefined : side.plan;
}

/** The text form, without its heading and the blank lines at its ends. */
function textLines(diff: Diff, columns: number): readonly string[] {
  const text = renderDiff(diff, { style: PLAIN, width: columns }).trimEnd().split("\n");
  const lines = text.slice(text.indexOf("") + 1);
  const cut = lines.length <= MOST_LINES ? lines : [
    ...lines.slice(0, MOST_LINES - 2),
    `    ... and ${lines.length - MOST_LINES + 1} more lines`,
    lines.at(-1) ?? "",
  ];
  return cut.map((each) => cutToWidth(each, columns));
}

const MARKS: { readonly [mark: string]: string } = { "+": "wb-good", "-": "wb-bad", "~": "wb-warn" };

/** A line of a diff, its mark in colour. */
function diffLine(x: number, y: number, text: string): string {
  const [, indent = "", mark = "", rest = text] = /^( {4})([-+~])(?= )(.*)$/.exec(text) ?? [];
  const shape = MARKS[mark];
  const painted = shape === undefined ? "" : element("tspan", { class: shape }, escaped(mark));
  const attributes = { x, y, class: "wb-code", "xml:space": "preserve" };
  return element("text", attributes, `${escaped(indent)}${painted}${escaped(rest)}`);
}

function shapeOf(plan: Plan): string {
  return isReady(plan) ? "wb-good" : "wb-bad";
}

/** The verdict, and the checks that failed. */
function verdictLines(plan: Plan, columns: number): readonly { readonly text: string; readonly shape: string }[] {
  const failed = plan.checks.filter(({ status }) => status === "fail");
  return [
    ...wrapped(verdict(plan), columns).map((text) => ({ text, shape: shapeOf(plan) })),
    ...failed.slice(0, 8).flatMap(({ rule, message }) =>
      wrapped(`${rule}: ${message}`, columns).map((text) => ({ text, shape: "" }))
    ),
    ...(failed.length > 8 ? [{ text: `and ${failed.length - 8} more`, shape: "" }] : []),
  ];
}
