/** The colours of the output, or none. */
export interface Style {
  /** Emphasised. */
  bold(text: string): string;
  /** Subdued. */
  dim(text: string): string;
  /** What is as it should be. */
  good(text: string): string;
  /** What is wrong. */
  bad(text: string): string;
  /** What needs attention. */
  warning(text: string): string;
  /** What to do. */
  accent(text: string): string;
}

const plain = (text: string): string => text;

/** The text as it is. */
export const PLAIN: Style = { bold: plain, dim: plain, good: plain, bad: plain, warning: plain, accent: plain };

/** SGR codes (ECMA-48). Not from `@std/fmt/colors`: under NO_COLOR it omits them, even after `--color=always`. */
const sgr = (on: number, off: number) => (text: string): string => `\x1b[${on}m${text}\x1b[${off}m`;

/** ANSI colours. */
export const COLOURED: Style = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  good: sgr(32, 39),
  bad: sgr(31, 39),
  warning: sgr(33, 39),
  accent: sgr(36, 39),
};

/** How text is laid out: its colours and the available columns. */
export interface Layout {
  /** Its colours. */
  readonly style: Style;
  /** Columns. */
  readonly width: number;
}

/** With fewer columns than this, explanations are below what they explain, not next to it. */
export const NARROW = 60;
