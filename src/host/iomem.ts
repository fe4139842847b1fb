import type { Diagnostic, Position } from "../core/diagnostic.ts";
import { formatAddress } from "../core/number.ts";
import { compareStart, contains, normalise, type Range } from "../core/range.ts";

/** One line of /proc/iomem and the lines nested under it. The end is exclusive here, inclusive in the file. */
export interface IomemNode extends Range {
  /** The label behind the colon. */
  readonly name: string;
  /** The lines nested under it. */
  readonly children: readonly IomemNode[];
}

/**
 * The memory map of /proc/iomem. `zeroed`: the reader lacked CAP_SYS_ADMIN, so that the kernel wrote every address as
 * zero; the names are right, the addresses unknown, and every range is empty. `absent`: there is no such file, or
 * nothing in it.
 */
export interface Iomem {
  /** Whether the addresses can be relied upon. */
  readonly visibility: "full" | "zeroed" | "absent";
  /** The lines without indentation. */
  readonly roots: readonly IomemNode[];
}

/** Every node, each before its children, in the file's order. */
export function* walk(iomem: Pick<Iomem, "roots">): Generator<IomemNode> {
  for (const root of iomem.roots) {
    yield root;
    yield* walk({ roots: root.children });
  }
}

/** Every node of exactly this name, at any depth, in the file's order. */
export function nodesNamed(iomem: Iomem, name: string): readonly IomemNode[] {
  return [...walk(iomem)].filter((node) => node.name === name);
}

/**
 * The memory that the running kernel manages: top-level lines named exactly `System RAM`; `System RAM (kmem)` and its
 * like belong to a driver. In the file's order; nested lines are not taken out. Empty also where the addresses are
 * unknown: look at `visibility` first.
 */
export function systemRam(iomem: Iomem): readonly Range[] {
  if (iomem.visibility !== "full") return [];
  return iomem.roots.filter((node) => node.name === "System RAM").map(({ start, end }) => ({ start, end }));
}

/**
 * The memory that a dump is to hold: what `systemRam` gives, and also what a driver manages, `System RAM (kmem)` and its
 * like at any depth; before Linux 5.8 that is named `System RAM`, too. Sorted, joined where it touches. Empty as `systemRam` is.
 */
export function dumpedRam(iomem: Iomem): readonly Range[] {
  if (iomem.visibility !== "full") return [];
  return normalise(
    [...walk(iomem)].filter(({ name }) => /^System RAM(?: \(.*\))?$/.test(name)).map(({ start, end }) => ({
      start,
      end,
    })),
  );
}

/**
 * The reservations of crashkernel=, lowest first: a low and a high one have the same name. Empty as `systemRam` is. A line
 * that reaches beyond the one around it contradicts the map, and does not count.
 */
export function crashReservations(iomem: Iomem): readonly Range[] {
  if (iomem.visibility !== "full") return [];
  const within = (nodes: readonly IomemNode[], parent?: IomemNode): readonly Range[] =>
    nodes.flatMap((node) => [
      ...(node.name === "Crash kernel" && (parent === undefined || contains(parent, node))
        ? [{ start: node.start, end: node.end }]
        : []),
      ...within(node.children, node),
    ]);
  return within(iomem.roots).toSorted(compareStart);
}

/** The path of the file, which diagnostics name. */
const IOMEM = "/proc/iomem";

/** The kernel nests no deeper than 8 levels (MAX_IORES_LEVEL in kernel/resource.c). */
const MAX_DEPTH = 15;

/** A node while its children are still coming, with the line it came from. */
interface Draft extends Range {
  readonly name: string;
  readonly children: Draft[];
  readonly at: Position;
}

/**
 * Parses /proc/iomem (r_show in kernel/resource.c, Linux 7.3): for each level two spaces, then `start-end : name`, both
 * ends inclusive, at least 8 hex digits. A line that cannot be read or placed is an error, since what it said is
 * unknown; lines that contradict one another are warnings. The tree holds every line that could be read.
 */
export function parseIomem(text: string): { readonly iomem: Iomem; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const roots: Draft[] = [];
  /** The drafts that the next line can be nested under, outermost first. */
  const open: Draft[] = [];
  const body = text.replace(/\r?\n$/, "");
  for (const [index, line] of body === "" ? [] : body.split(/\r?\n/).entries()) {
    const read = readLine(line, index + 1);
    if ("code" in read) {
      diagnostics.push(read);
      continue;
    }
    const deepest = Math.min(open.length, MAX_DEPTH);
    const depth = Math.min(Math.floor(read.indent / 2), deepest);
    if (read.indent !== 2 * depth) diagnostics.push(badIndentation(read, line, deepest));
    open.length = depth;
    (open.at(-1)?.children ?? roots).push(read.draft);
    open.push(read.draft);
  }
  const zeroed = isZeroed(roots);
  if (roots.length === 0 && diagnostics.length === 0) diagnostics.push(emptyText());
  if (zeroed) diagnostics.push(zeroedText(roots));
  else diagnostics.push(...misplaced(roots, undefined));
  const visibility = roots.length === 0 ? "absent" : zeroed ? "zeroed" : "full";
  return { iomem: { visibility, roots: roots.map((root) => finish(root, zeroed)) }, diagnostics };
}

/**
 * Whether the addresses were withheld: the kernel writes all of them as zero, or none. A single line such as `PCI Bus` may
 * be zero by itself; memory cannot be. So a map with zeros for all of its `System RAM` is not taken for a whole one because
 * of another line that has an address.
 */
function isZeroed(roots: readonly Draft[]): boolean {
  const isZero = ({ start, end }: Range): boolean => start === 0n && end === 1n;
  const ram = roots.filter(({ name }) => name === "System RAM");
  return roots.length > 0 && (ram.length > 0 ? ram.every(isZero) : [...walk({ roots })].every(isZero));
}

function finish(draft: Draft, zeroed: boolean): IomemNode {
  const children = draft.children.map((child) => finish(child, zeroed));
  return { start: draft.start, end: zeroed ? draft.start : draft.end, name: draft.name, children };
}

interface ReadLine {
  readonly indent: number;
  readonly draft: Draft;
}

function readLine(line: string, number: number): ReadLine | Diagnostic {
  const whole = { file: IOMEM, line: number, column: 1, length: Math.max(1, line.length), source: line };
  const match = /^( *)([0-9a-f]{8,16})-([0-9a-f]{8,16}) : (.*)$/is.exec(line);
  if (match === null) {
    return {
      code: "iomem-malformed",
      severity: "error",
      message: "This line of the memory map cannot be read",
      position: whole,
      expected: "`start-end : name` in hexadecimal",
      found: line === "" ? "an empty line" : JSON.stringify(line),
      hint: "Take the facts again; a line that cannot be read may hold memory that is in use",
    };
  }
  const [, indent = "", start = "", last = "", name = ""] = match;
  const at = { ...whole, column: indent.length + 1, length: start.length + 1 + last.length };
  const range = { start: BigInt(`0x${start}`), end: BigInt(`0x${last}`) + 1n };
  if (range.end <= range.start) {
    return {
      code: "iomem-backwards",
      severity: "error",
      message: `\`${name}\` ends at 0x${last}, before it starts at 0x${start}`,
      position: at,
      hint: "Take the facts again",
    };
  }
  return { indent: indent.length, draft: { ...range, name, children: [], at } };
}

function badIndentation({ indent, draft }: ReadLine, line: string, deepest: number): Diagnostic {
  return {
    code: "iomem-indentation",
    severity: "error",
    message: `\`${draft.name}\` is indented by ${indent} spaces, which no line above it explains`,
    position: { file: IOMEM, line: draft.at.line, column: 1, length: Math.max(1, indent), source: line },
    expected: `an even number of spaces, at most ${2 * deepest}`,
    found: `${indent} spaces`,
    hint: "Take the facts again",
  };
}

/** What contradicts the tree: siblings that share addresses, children that reach beyond their parent. */
function misplaced(siblings: readonly Draft[], parent: Draft | undefined): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  let furthest: Draft | undefined;
  for (const node of siblings.toSorted(compareStart)) {
    if (parent !== undefined && !contains(parent, node)) {
      diagnostics.push(contradiction("iomem-outside-parent", node, "reaches beyond", parent));
    }
    if (furthest !== undefined && node.start < furthest.end) {
      diagnostics.push(contradiction("iomem-overlap", node, "overlaps", furthest));
    }
    if (furthest === undefined || furthest.end < node.end) furthest = node;
    diagnostics.push(...misplaced(node.children, node));
  }
  return diagnostics;
}

function contradiction(
  code: "iomem-outside-parent" | "iomem-overlap",
  node: Draft,
  verb: string,
  other: Draft,
): Diagnostic {
  const others = `${formatAddress(other.start)}-${formatAddress(other.end - 1n)}`;
  return {
    code,
    severity: "warning",
    message: `\`${node.name}\` ${verb} \`${other.name}\` (${others}, line ${other.at.line})`,
    position: node.at,
    hint: "Take the facts again: the map may have changed while it was read",
  };
}

function emptyText(): Diagnostic {
  return {
    code: "iomem-empty",
    severity: "warning",
    message: `${IOMEM} is empty, so that the memory map is unknown`,
    position: { file: IOMEM, line: 1, column: 1, length: 1, source: "" },
    hint: "Look whether a container hides it, and run warmboot on the host itself",
  };
}

function zeroedText(roots: readonly Draft[]): Diagnostic {
  const first = roots[0]?.at;
  return {
    code: "iomem-zeroed",
    severity: "warning",
    message: `${IOMEM} shows every address as zero, so that the memory map is unknown`,
    ...(first === undefined ? {} : { position: first }),
    hint: "Read it with CAP_SYS_ADMIN in the initial user namespace: run warmboot as root, outside of containers",
  };
}
