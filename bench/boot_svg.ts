/** The results of boot_results.ts as a picture: a bar for each way, in seconds and in instructions. */
import { element, escaped, line as textLine, svgDocument } from "../src/render/svg.ts";
import { type BootResult, summaries, type Summary } from "./boot_results.ts";
import { titleOf } from "./boot_table.ts";
import type { Spread } from "./pairs.ts";

const WIDTH = 980;
/** Where the names end, and the two panels begin and end. */
const NAMES = 252;
const PANELS = { seconds: { start: 264, end: 606 }, millions: { start: 622, end: 960 } } as const;
const BAR = 13;
const ROW = 20;
/** Room behind a panel's longest bar for its numbers. */
const NUMBERS = 84;

/** How much of its colour the part from the first line to user space has. */
const LIGHT = 0.4;

type Unit = keyof typeof PANELS;

/** What a scale's numbers are divided by, and how many digits they have. */
const SHOWN: { readonly [Name in Unit]: { readonly unit: number; readonly digits: number; readonly title: string } } = {
  seconds: { unit: 1, digits: 2, title: "Seconds of the host's clock (median; line: extremes)" },
  millions: { unit: 1000, digits: 2, title: "Billions of instructions" },
};

/** The picture, as the text of an SVG file. */
export function bootPicture(results: readonly BootResult[]): string {
  const groups = results.map((result) => ({ result, ways: summaries(result).all }));
  const scale = (unit: Unit): number => {
    const most = Math.max(1, ...groups.flatMap(({ ways }) => ways.map((way) => way[unit].user.most)));
    return (PANELS[unit].end - PANELS[unit].start - NUMBERS) / most;
  };
  const scales = { seconds: scale("seconds"), millions: scale("millions") };
  const body = [textLine(24, 36, "From the jump to the next kernel's first line, and to its user space", "wb-head")];
  let y = 62;
  body.push(...legend(y));
  y += 30;
  for (const unit of ["seconds", "millions"] as const) {
    body.push(textLine(PANELS[unit].start, y, SHOWN[unit].title, "wb-dim"));
  }
  y += 12;
  for (const { result, ways } of groups) {
    y += 22;
    body.push(textLine(24, y, titleOf(result), "wb-sub"));
    y += 10;
    for (const way of ways) {
      body.push(textLine(NAMES, y + BAR - 2, way.way, "wb-end"));
      for (const unit of ["seconds", "millions"] as const) body.push(...bar(way, unit, scales[unit], y));
      y += ROW;
    }
  }
  const description = groups.map(({ result, ways }) =>
    `${titleOf(result)}: ${
      ways.map(({ way, seconds }) => `${way} ${seconds.line.median.toFixed(2)} s, ${seconds.user.median.toFixed(2)} s`)
        .join("; ")
    }`
  ).join(". ");
  return svgDocument(WIDTH, "Time from the jump to the next kernel", description, { body, height: y + 20 });
}

/** The two halves of a bar: up to the first line in full colour, from there to user space lighter. */
function legend(y: number): readonly string[] {
  const entries = [
    ["wb-kernel", 1, "kexec-tools: to the first line"],
    ["wb-kernel", LIGHT, "to user space"],
    ["wb-segment", 1, "warmboot: to the first line"],
    ["wb-segment", LIGHT, "to user space"],
  ] as const;
  let x = 24;
  return entries.flatMap(([shape, opacity, text]) => {
    const at = x;
    x += 42 + text.length * 6.2;
    return [
      element("rect", { class: shape, "fill-opacity": opacity, x: at, y: y - 11, width: 14, height: BAR }),
      textLine(at + 20, y, text),
    ];
  });
}

function bar({ tool, ...way }: Summary, unit: Unit, scale: number, y: number): readonly string[] {
  const { start } = PANELS[unit];
  const { line, user } = way[unit];
  if (Number.isNaN(line.median)) return [];
  const shape = tool === "warmboot" ? "wb-segment" : "wb-kernel";
  const x = (value: number): number => Number((start + value * scale).toFixed(1));
  const { unit: divisor, digits } = SHOWN[unit];
  const shown = ({ median }: Spread): string => (median / divisor).toFixed(digits);
  const middle = y + BAR / 2;
  const behind = Math.max(x(user.most), x(user.median)) + 6;
  return [
    element("rect", { class: shape, x: start, y, width: x(line.median) - start, height: BAR }),
    element("rect", {
      class: shape,
      "fill-opacity": LIGHT,
      x: x(line.median),
      y,
      width: Number((x(user.median) - x(line.median)).toFixed(1)),
      height: BAR,
    }),
    ...[line, user].filter(({ least, most }) => (most - least) * scale > 2).map(({ least, most }) =>
      element("path", {
        class: "wb-line",
        d: `M${x(least)} ${middle}H${x(most)}M${x(least)} ${middle - 3}v6M${x(most)} ${middle - 3}v6`,
      })
    ),
    element("text", { class: "wb-dim", x: behind, y: y + BAR - 2 }, escaped(`${shown(line)} / ${shown(user)}`)),
  ];
}
