import { escapeXml } from "./xml.ts";
import { visible } from "../core/text.ts";

/** A part of a picture: its elements and their height in user units. */
export interface Part {
  /** Elements of SVG. */
  readonly body: readonly string[];
  /** Units from its top. */
  readonly height: number;
}

/** Attributes of an element, by name; texts are escaped. */
export type Attributes = { readonly [name: string]: string | number };

/** An element of SVG. `content` is markup already. */
export function element(name: string, attributes: Attributes, content = ""): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(String(value))}"`).join("");
  return content === "" ? `<${name}${written}/>` : `<${name}${written}>${content}</${name}>`;
}

/** A line of text; `shape` is its class. */
export function line(x: number, y: number, text: string, shape = ""): string {
  return element("text", { x, y, ...(shape === "" ? {} : { class: shape }) }, escaped(text));
}

/** Text as XML content: no markup, nothing that XML 1.0 forbids, and nothing that reverses the direction of text. */
export function escaped(text: string): string {
  return escapeXml(visible(text.toWellFormed()));
}

/** A self-contained document: no script, no external font or file; light or dark, as the viewer prefers. */
export function svgDocument(width: number, title: string, description: string, { body, height }: Part): string {
  const root = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-labelledby": "wb-title wb-desc",
    class: "wb",
  };
  const lines = [
    element("title", { id: "wb-title" }, escaped(title)),
    element("desc", { id: "wb-desc" }, escaped(description)),
    `<style>\n${STYLE}</style>`,
    PATTERNS,
    element("rect", { class: "wb-page", width, height }),
    ...body,
  ];
  return `${element("svg", root, `\n${lines.join("\n")}\n`)}\n`;
}

/** The classes and their colours on a light and on a dark page. */
const COLOURS: readonly (readonly [selector: string, property: string, light: string, dark: string])[] = [
  [".wb-page", "fill", "#ffffff", "#0d1117"],
  [".wb text", "fill", "#1f2328", "#f0f6fc"],
  [".wb .wb-dim", "fill", "#59636e", "#9198a1"],
  [".wb .wb-good", "fill", "#1a7f37", "#3fb950"],
  [".wb .wb-bad", "fill", "#c21d29", "#ff6a63"],
  [".wb .wb-warn", "fill", "#9a6700", "#d29922"],
  [".wb .wb-letter", "fill", "#ffffff", "#06101f"],
  [".wb-line", "stroke", "#818b98", "#7d8590"],
  [".wb-zoom", "fill", "#e8edf2", "#1d2530"],
  [".wb-ram", "fill", "#ccd6e0", "#37414e"],
  [".wb-kernel", "fill", "#bf8700", "#d29922"],
  [".wb-crash-ground", "fill", "#b8e6c4", "#16502a"],
  [".wb-crash-dot", "fill", "#1a7f37", "#3fb950"],
  [".wb-reserved-ground", "fill", "#f4f1f7", "#1c1826"],
  [".wb-reserved-line", "stroke", "#8c7aa0", "#9484aa"],
  [".wb-unlisted", "fill", "#ffffff", "#0d1117"],
  [".wb-fold-line", "stroke", "#59636e", "#9198a1"],
  [".wb-segment", "fill", "#0969da", "#58a6ff"],
  [".wb-segment-2", "fill", "#0a3069", "#b6e3ff"],
  [".wb-conflict-ground", "fill", "#ffffff", "#0d1117"],
  [".wb-conflict-line", "stroke", "#c21d29", "#ff6a63"],
];

const rules = (shade: 2 | 3): string => COLOURS.map((row) => `${row[0]} { ${row[1]}: ${row[shade]} }`).join("\n");

/** The style of a picture, for a page that has several. */
export const STYLE = `.wb text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; white-space: pre }
.wb .wb-head { font-size: 18px; font-weight: 600 }
.wb .wb-sub { font-size: 14px; font-weight: 600 }
.wb .wb-code { font: 11.5px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
.wb .wb-letter, .wb .wb-key { font: 600 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; text-anchor: middle }
.wb .wb-end { text-anchor: end }
.wb-line { fill: none }
.wb-crash { fill: url(#wb-crash) }
.wb-reserved { fill: url(#wb-reserved) }
.wb-fold { fill: url(#wb-fold) }
.wb-unknown { fill: url(#wb-unknown) }
.wb-conflict { fill: url(#wb-conflict) }
${rules(2)}
@media (prefers-color-scheme: dark) {
${rules(3)}
}
`;

/** Each kind has its own pattern, so that it is recognised without colour. */
export const PATTERNS = `<defs>
<pattern id="wb-crash" width="6" height="6" patternUnits="userSpaceOnUse"><rect class="wb-crash-ground" width="6" height="6"/><circle class="wb-crash-dot" cx="3" cy="3" r="1.2"/></pattern>
<pattern id="wb-reserved" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="wb-reserved-ground" width="5" height="5"/><path class="wb-reserved-line" d="M1 0V5" stroke-width="1.6"/></pattern>
<pattern id="wb-fold" width="6" height="6" patternUnits="userSpaceOnUse"><path class="wb-fold-line" d="M0 1.5L3 4.5L6 1.5" fill="none"/></pattern>
<pattern id="wb-unknown" width="8" height="8" patternUnits="userSpaceOnUse"><path class="wb-fold-line" d="M2 4H6"/></pattern>
<pattern id="wb-conflict" width="6" height="6" patternUnits="userSpaceOnUse"><rect class="wb-conflict-ground" width="6" height="6"/><path class="wb-conflict-line" d="M0 0L6 6M6 0L0 6" stroke-width="1.6"/></pattern>
</defs>`;
