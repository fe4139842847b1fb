/** What the review page has in it: data that `page.ts` shows, as tuples of texts, so that it packs well. */

/** How a profile fits a host. */
export type Outcome = "ok" | "warn" | "fail" | "excluded";

/** Why: the status, the rule or the code of a diagnostic, and the message. */
export type ReviewReason = readonly [status: string, rule: string, message: string];

/** A verdict that any number of cells have. */
export type ReviewFit = readonly [outcome: string, reasons: readonly ReviewReason[]];

/** A check of a plan; the hint may be empty. */
export type ReviewCheck = readonly [status: string, rule: string, message: string, hint: string];

/** A line of a diff: `+`, `-` or `~`, its subject, and what changed. */
export type ReviewLine = readonly [mark: string, name: string, text: string];

/** The diff against the running system: its verdict, its changes by aspect, and what could not be compared. */
export type ReviewDiff = readonly [
  verdict: string,
  blocks: readonly (readonly [heading: string, lines: readonly ReviewLine[]])[],
  notes: readonly string[],
];

/** The memory of the host with the plan's segments: SVG elements, one a line, their height, and the same in words. */
export type ReviewPicture = readonly [body: readonly string[], height: string, words: string];

/** A plan, as a cell opens it. */
export type ReviewPlan = readonly [
  headline: string,
  verdict: string,
  rows: readonly (readonly [label: string, lines: readonly string[]])[],
  checks: readonly ReviewCheck[],
  diff: ReviewDiff,
  picture: ReviewPicture,
];

/** The plans of one host, by profile; without one, the list is empty. */
export type HostPlans = readonly (ReviewPlan | readonly [])[];

/** What the page shows first. */
export interface ReviewIndex {
  /** The name of each profile, by which links find it, and its file. */
  readonly profiles: readonly (readonly [name: string, file: string])[];
  readonly hosts: readonly string[];
  readonly fits: readonly ReviewFit[];
  /** The number of the fit of each cell: host by host, in the order of the profiles. */
  readonly cells: readonly number[];
  /** Hosts in each part of the plans. */
  readonly hostsInPart: number;
}

/** Texts in lists in lists. */
export type Nested = string | readonly Nested[];

/** The same with the number of each text in place of it. */
export type Numbered = number | readonly Numbered[];

/** Puts the texts back. */
export function withTexts(value: Numbered, texts: readonly string[]): Nested {
  return typeof value === "number" ? texts[value] ?? "" : value.map((each) => withTexts(each, texts));
}

/** Units: the width of a memory picture. */
export const PICTURE_WIDTH = 760;
