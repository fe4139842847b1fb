import { formatSize } from "../core/number.ts";
import {
  type Aspect,
  ASPECTS,
  type Change,
  type CheckState,
  type Diff,
  type PlacedFile,
  type PlacedParameter,
  type SegmentPlace,
} from "../diff/diff.ts";
import { parseParameter } from "../profile/cmdline/cmdline.ts";
import { describeOverlayFile } from "./overlay_text.ts";
import { padToWidth, textWidth } from "./width.ts";
import { wrap } from "./wrap.ts";
import type { Layout } from "./style.ts";
import { listed, visible } from "../core/text.ts";

/** What an aspect is called: above its changes, and among those that are unchanged. */
const NAMES: { readonly [aspect in Aspect]: readonly [heading: string, noun: string] } = {
  kernel: ["Kernel", "kernel"],
  initrd: ["Initrds", "initrds"],
  file: ["Files in the initrd", "files in the initrd"],
  cmdline: ["Command line", "command line"],
  call: ["Call", "call"],
  flag: ["Flags", "flags"],
  guard: ["Guard", "guard"],
  segment: ["Segments", "segments"],
  reason: ["Because", "reasons"],
  check: ["Checks", "checks"],
  host: ["Host", "host"],
};

/** One line of a diff: its mark, its subject (empty if the text says it all) and what changed. Texts are raw. */
export interface DiffLine {
  readonly mark: "+" | "-" | "~";
  readonly name: string;
  readonly text: string;
}

/** The widest name that others are aligned with; a longer one juts out. */
const WIDEST = 24;

/** A diff for people: what is added (+), removed (-) and changed (~), by aspect, and a summary. */
export function renderDiff(diff: Diff, layout: Layout): string {
  const { style } = layout;
  const blocks = diffBlocks(diff).map(({ heading, lines }) => [
    `  ${style.bold(heading)}`,
    ...lines.flatMap(aligned(lines, layout)),
  ]);
  const notes = notesOf(diff, layout);
  return [
    style.bold(wrap(visible(`From ${diff.from.name} to ${diff.to.name}`), layout.width, 2)),
    "",
    ...blocks.flatMap((block) => [...block, ""]),
    ...(notes.length === 0 ? [] : [...notes, ""]),
    verdict(diff, layout),
    "",
  ].join("\n");
}

/** The changes of one aspect. */
export interface DiffBlock {
  readonly heading: string;
  readonly lines: readonly DiffLine[];
}

/** The changes, by aspect. Texts are raw. */
export function diffBlocks({ changes }: Pick<Diff, "changes">): readonly DiffBlock[] {
  return ASPECTS.flatMap((aspect) => {
    const lines = changes.filter(({ about }) => about === aspect).map(lineOf);
    return lines.length === 0 ? [] : [{ heading: NAMES[aspect][0], lines }];
  });
}

/** How many parts were added, changed, moved and removed; `no differences` without any. */
export function summary(changes: readonly Change[]): string {
  const COUNTED = [["add", "added"], ["change", "changed"], ["move", "moved"], ["remove", "removed"]] as const;
  const counts = COUNTED.flatMap(([action, word]) => {
    const count = changes.filter((change) => change.action === action).length;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  return counts.length === 0 ? "No differences" : counts.join(", ");
}

function verdict(diff: Diff, { style }: Layout): string {
  const isSure = diff.changes.length === 0 && diff.certain;
  return (isSure ? style.good : style.warning)(diffVerdict(diff));
}

/** What the diff amounts to, in a few words. */
export function diffVerdict({ changes, certain, from, to }: Diff): string {
  if (changes.length > 0) return summary(changes);
  if (!certain) return "No differences in what is known";
  // Only its stamp identifies a running system for certain.
  const byStamp = (from.kind === "running") !== (to.kind === "running");
  return byStamp ? "No differences: the stamp says so, for certain" : "No differences";
}

function notesOf(diff: Diff, { style, width }: Layout): readonly string[] {
  return diffNotes(diff).map((text) => `  ${style.dim(wrap(visible(text), width, 4))}`);
}

/** What is unchanged, unknown or not compared, raw. */
export function diffNotes({ unchanged, unknown, ignored }: Diff): readonly string[] {
  const sides = [...new Set(unknown.map(({ side }) => side))];
  return [
    ...(unchanged.length === 0 ? [] : [`${listed(unchanged.map((aspect) => NAMES[aspect][1]))} unchanged`]),
    ...sides.map((side) =>
      `Unknown for ${side}: ${listed(unknown.filter((each) => each.side === side).map(({ what }) => what))}`
    ),
    ...(ignored.length === 0 ? [] : [`Not compared, because it describes that boot only: ${ignored.join(" ")}`]),
  ];
}

const MARK = { add: "+", remove: "-", change: "~", move: "~" } as const;

function aligned(lines: readonly DiffLine[], { style, width }: Layout): (line: DiffLine) => readonly string[] {
  const paint = { "+": style.good, "-": style.bad, "~": style.warning };
  const column = lines.map(({ name }) => textWidth(visible(name)))
    .reduce((widest, width) => width <= WIDEST && width > widest ? width : widest, 0);
  const indent = 6 + column + 2;
  return ({ mark, name, text }) => {
    const head = visible(name);
    if (head === "") return [`    ${paint[mark](mark)} ${wrap(visible(text), width, 6)}`];
    const plain = text === "" ? head : `${padToWidth(head, column)}  ${wrap(visible(text), width, indent)}`;
    return [`    ${paint[mark](mark)} ${plain}`];
  };
}

function lineOf(change: Change): DiffLine {
  const mark = MARK[change.action];
  switch (change.about) {
    case "cmdline":
      return { mark, ...parameterText(change) };
    case "initrd":
      return { mark, ...initrdText(change) };
    case "file":
      return { mark, name: change.path, text: between(change, describeOverlayFile) };
    case "segment":
      return { mark, name: change.name, text: segmentText(change) };
    case "check":
      return { mark, name: change.rule, text: between(change, statusOf) };
    case "reason":
      return { mark, name: "", text: change.action === "add" ? change.to.message : change.from.message };
    case "flag":
      return { mark, name: change.action === "add" ? change.to : change.from, text: "" };
    case "kernel":
      return { mark, name: change.field, text: between(change, change.field === "sha256" ? short : same) };
    case "call":
      return { mark, name: change.field, text: between(change, same) };
    case "guard":
    case "host":
      return { mark, name: change.field, text: between(change, same) };
  }
}

/** `old -> new`, or whichever of the two exists. */
function between<T>(
  change: { readonly action: string; readonly from?: T; readonly to?: T },
  show: (value: T) => string,
): string {
  return [change.from, change.to].flatMap((value) => value === undefined ? [] : [show(value)]).join(" -> ");
}

type ChangeOf<About extends Aspect> = Extract<Change, { readonly about: About }>;

function parameterText(change: ChangeOf<"cmdline">): Omit<DiffLine, "mark"> {
  switch (change.action) {
    case "add":
      return { name: change.to.word, text: reader(change.to) };
    case "remove":
      return { name: change.from.word, text: reader(change.from) };
    case "move":
      return { name: change.to.word, text: movedText(change.from, change.to) };
    case "change": {
      const text = between(change, ({ word }) => valueIn(word));
      return { name: parseParameter(change.to.word).name, text };
    }
  }
}

/** The number of a place may stay: what was before it is gone, or moved too. */
function movedText(from: { readonly position: number }, to: { readonly position: number }): string {
  return from.position === to.position ? "in another order" : `moved from place ${from.position} to ${to.position}`;
}

function reader({ init }: PlacedParameter): string {
  return init === true ? "(for init)" : "";
}

/** The value of a parameter as written, or that it has none. */
function valueIn(text: string): string {
  const { name, value } = parseParameter(text);
  if (value === undefined) return "(no value)";
  return text.startsWith(`${name}=`) ? text.slice(name.length + 1) : JSON.stringify(value);
}

function initrdText(change: ChangeOf<"initrd">): Omit<DiffLine, "mark"> {
  switch (change.action) {
    case "add":
      return { name: change.to.path, text: fileText(change.to) };
    case "remove":
      return { name: change.from.path, text: fileText(change.from) };
    case "move":
      return { name: change.to.path, text: movedText(change.from, change.to) };
    case "change": {
      const { from, to } = change;
      const parts = [
        ...(from.path === to.path ? [] : [`${from.path} -> ${to.path}`]),
        ...(from.path !== to.path || from.position === to.position
          ? []
          : [`moved from place ${from.position} to ${to.position}`]),
        ...(from.size === to.size ? [] : [`${formatSize(from.size)} -> ${formatSize(to.size)}`]),
        ...(from.about === to.about ? [] : [`${from.about} -> ${to.about}`]),
        from.sha256 === to.sha256 ? "the same content" : `SHA-256 ${short(from.sha256)} -> ${short(to.sha256)}`,
      ];
      return { name: from.path === to.path ? to.path : `initrd ${to.position}`, text: parts.join(", ") };
    }
  }
}

function fileText({ size, about, sha256 }: PlacedFile): string {
  return `${about}, ${formatSize(size)}, SHA-256 ${short(sha256)}`;
}

function segmentText(change: ChangeOf<"segment">): string {
  if (change.action !== "change") return placeText(change.action === "add" ? change.to : change.from);
  const { from, to, fate } = change;
  const parts = {
    moved: `moved from ${from.mem} to ${to.mem}`,
    grown: `grown from ${formatSize(from.memsz)} to ${formatSize(to.memsz)}`,
    shrunk: `shrunk from ${formatSize(from.memsz)} to ${formatSize(to.memsz)}`,
    content: `other content, SHA-256 ${short(from.sha256)} -> ${short(to.sha256)}`,
  };
  return fate.map((each) => parts[each]).join(", ");
}

function placeText({ mem, memsz }: SegmentPlace): string {
  return `${formatSize(memsz)} at ${mem}`;
}

function statusOf({ status, message }: CheckState): string {
  return status === "pass" ? status : `${status} (${message})`;
}

/** Enough of a digest to distinguish two; JSON has the whole. */
function short(digest: string): string {
  return digest.slice(0, 12);
}

function same(text: string): string {
  return text;
}
