import type { Checked, Diagnostic, Position } from "../core/diagnostic.ts";
import { formatAddress } from "../core/number.ts";
import { compareStart, contains, normalise, overlaps, type Range } from "../core/range.ts";
import { MOST_SHOWN } from "./many_problems.ts";

/** One line of /proc/iomem and the lines nested under it. The end is exclusive here, inclusive in the file. */
export interface IomemNode extends Range {
  /** The label after the colon. */
  readonly name: string;
  /** The lines nested under it. */
  readonly children: readonly IomemNode[];
}

/**
 * The memory map of /proc/iomem. `zeroed`: the reader lacked CAP_SYS_ADMIN, so that the kernel wrote every address as
 * zero; the names are right, the addresses unknown, and every range is empty. `absent`: the file does not exist, or
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
 * like belong to a driver. In the file's order; nested lines are not removed. Empty also where the addresses are
 * unknown: look at `visibility` first.
 */
export function systemRam(iomem: Iomem): readonly Range[] {
  if (iomem.visibility !== "full") return [];
  return iomem.roots.filter(({ name, start, end }) => name === "System RAM" && start < end)
    .map(({ start, end }) => ({ start, end }));
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

/** The name of a reservation in which the image of a crash kernel lies. */
const CRASH_KERNEL = "Crash kernel";

/** Reservations of crashkernel=. Kernels of arm64 vendors give the low one a name of its own. */
const CRASH_KERNELS: readonly string[] = [CRASH_KERNEL, "Crash kernel (low)"];

/** More lines of reservations than any kernel makes: one or two, and vendors' up to two more. */
const MOST_RESERVATIONS = 4;

/**
 * The reservations of crashkernel=, lowest first: a low and a high one have the same name. Empty as `systemRam` is, and
 * where `contradictedReservation` has a reason.
 */
export function crashReservations(iomem: Iomem): readonly Range[] {
  return contradictedReservation(iomem) === undefined
    ? reservationLines(iomem).map(({ start, end }) => ({ start, end }))
    : [];
}

/**
 * The reservation that a crash image must lie in: the highest, crashk_res. The kernel takes no segment in crashk_low_res
 * (sanity_check_segment_list in kernel/kexec_core.c, Linux 7.3). Undefined where `crashReservations` has none.
 */
export function imageReservation(iomem: Iomem): Range | undefined {
  if (contradictedReservation(iomem) !== undefined) return undefined;
  const last = reservationLines(iomem).findLast(({ name }) => name === CRASH_KERNEL);
  return last === undefined ? undefined : { start: last.start, end: last.end };
}

/**
 * Why it is unknown where the reservations are, for people: the map contradicts one of their lines. That line may be the
 * one in which the kernel takes a crash image, so the others cannot be relied upon either. Undefined where nothing
 * contradicts them.
 */
export function contradictedReservation(iomem: Iomem): string | undefined {
  const known = RESERVATIONS.get(iomem);
  if (known !== undefined) return known.contradiction;
  const lines = linesOfReservations(iomem);
  const contradiction = contradictionIn(iomem, lines);
  RESERVATIONS.set(iomem, { lines, contradiction });
  return contradiction;
}

/** What is found about a map's reservations: a map never changes, and each plan for its host asks many times. */
const RESERVATIONS = new WeakMap<
  Iomem,
  { readonly lines: readonly IomemNode[]; readonly contradiction: string | undefined }
>();

function contradictionIn(iomem: Iomem, lines: readonly IomemNode[]): string | undefined {
  if (lines.length > MOST_RESERVATIONS) {
    return `/proc/iomem has ${lines.length} lines \`${CRASH_KERNEL}\`, more than any kernel writes`;
  }
  for (const line of lines) {
    const other = contradicting(iomem, line);
    if (other === undefined) continue;
    return `In /proc/iomem the lines ${describeLine(line)} and ${describeLine(other)} contradict each other`;
  }
  return undefined;
}

function reservationLines(iomem: Iomem): readonly IomemNode[] {
  return RESERVATIONS.get(iomem)?.lines ?? linesOfReservations(iomem);
}

/** Lines that hold an address, lowest first: kernels without crashkernel= may list an empty reservation. */
function linesOfReservations(iomem: Iomem): readonly IomemNode[] {
  if (iomem.visibility !== "full") return [];
  return [...walk(iomem)].filter(({ name, start, end }) => CRASH_KERNELS.includes(name) && start < end)
    .toSorted(compareStart);
}

/** A line that does not hold `line` although it is around it, reaches beyond it although it is nested, or shares its addresses. */
function contradicting(iomem: Iomem, line: IomemNode): IomemNode | undefined {
  const around = linesAround(iomem.roots, line) ?? [];
  const nested = new Set(walk({ roots: line.children }));
  return [...walk(iomem)].find((node) => {
    if (node === line) return false;
    if (around.includes(node)) return !contains(node, line);
    if (nested.has(node)) return node.start < node.end && !contains(line, node);
    return overlaps(node, line);
  });
}

/** The lines that a line is nested under, outermost first. */
function linesAround(nodes: readonly IomemNode[], line: IomemNode): readonly IomemNode[] | undefined {
  if (nodes.includes(line)) return [];
  for (const node of nodes) {
    const around = linesAround(node.children, line);
    if (around !== undefined) return [node, ...around];
  }
  return undefined;
}

function describeLine({ name, start, end }: IomemNode): string {
  return start < end ? `\`${name}\` (${formatAddress(start)}-${formatAddress(end - 1n)})` : `\`${name}\` (no address)`;
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
 * unknown, and after 20 such lines the rest is not read; lines that contradict one another are warnings. The tree holds
 * every line that could be read.
 */
export function parseIomem(text: string): { readonly iomem: Iomem; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const roots: Draft[] = [];
  /** The drafts that the next line can be nested under, outermost first. */
  const open: Draft[] = [];
  const body = text.replace(/\r?\n$/, "");
  let unread = 0;
  for (const [index, line] of body === "" ? [] : body.split(/\r?\n/).entries()) {
    if (diagnostics.length >= MOST_SHOWN) {
      unread++;
      continue;
    }
    const { value: read, diagnostics: faults } = readLine(line, index + 1);
    diagnostics.push(...faults);
    if (read === undefined) continue;
    const deepest = Math.min(open.length, MAX_DEPTH);
    const depth = Math.min(Math.floor(read.indent / 2), deepest);
    if (read.indent !== 2 * depth) diagnostics.push(badIndentation(read, line, deepest));
    open.length = depth;
    (open.at(-1)?.children ?? roots).push(read.draft);
    open.push(read.draft);
  }
  if (unread > 0) diagnostics.push(unreadLines(unread));
  const zeroed = isZeroed(roots);
  if (roots.length === 0 && diagnostics.length === 0) diagnostics.push(emptyText());
  if (zeroed) diagnostics.push(zeroedText(roots));
  else diagnostics.push(...contradictions(roots));
  const visibility = roots.length === 0 ? "absent" : zeroed ? "zeroed" : "full";
  return { iomem: { visibility, roots: roots.map((root) => finish(root, zeroed)) }, diagnostics };
}

/**
 * Whether the addresses were withheld: the kernel writes all of them as zero, or none. A single line such as `PCI Bus` may
 * be zero by itself; memory cannot be. So a map with zeros for all of its `System RAM` is not taken for a whole one because
 * of another line that has an address.
 */
function isZeroed(roots: readonly Draft[]): boolean {
  const ram = roots.filter(({ name }) => name === "System RAM");
  return roots.length > 0 && (ram.length > 0 ? ram.every(isUnset) : [...walk({ roots })].every(isUnset));
}

/** A line `0-0`: a resource that is not set up, such as a window of a PCI bridge, or an address that is hidden. */
function isUnset({ start, end }: Range): boolean {
  return start === 0n && end === 1n;
}

/** A range that is not set, or withheld with the others, has no address. */
function finish(draft: Draft, zeroed: boolean): IomemNode {
  const { start, end, name } = draft;
  const children = draft.children.map((child) => finish(child, zeroed));
  return { start, end: zeroed || isUnset(draft) ? start : end, name, children };
}

interface ReadLine {
  readonly indent: number;
  readonly draft: Draft;
}

function readLine(line: string, number: number): Checked<ReadLine> {
  const whole = { file: IOMEM, line: number, column: 1, length: Math.max(1, line.length), source: line };
  const match = /^( *)([0-9a-f]{8,16})-([0-9a-f]{8,16}) : (.*)$/is.exec(line);
  if (match === null) {
    return refused({
      code: "iomem-malformed",
      severity: "error",
      message: "This line of the memory map cannot be read",
      position: whole,
      expected: "`start-end : name` in hexadecimal",
      found: line === "" ? "an empty line" : JSON.stringify(line),
      hint: "Take the facts again; a line that cannot be read may hold memory that is in use",
    });
  }
  const [, indent = "", start = "", last = "", name = ""] = match;
  const at = { ...whole, column: indent.length + 1, length: start.length + 1 + last.length };
  const range = { start: BigInt(`0x${start}`), end: BigInt(`0x${last}`) + 1n };
  if (range.end <= range.start) {
    return refused({
      code: "iomem-backwards",
      severity: "error",
      message: `\`${name}\` ends at 0x${last}, before it starts at 0x${start}`,
      position: at,
      hint: "Take the facts again",
    });
  }
  return { value: { indent: indent.length, draft: { ...range, name, children: [], at } }, diagnostics: [] };
}

/** What follows many damaged lines is not looked at: the map is refused whatever it says. */
function unreadLines(count: number): Diagnostic {
  return {
    code: "too-many-problems",
    severity: "error",
    message: `The last ${
      count === 1 ? "line" : `${count} lines`
    } of ${IOMEM} were not read, after ${MOST_SHOWN} problems`,
    hint: "Take the facts again",
  };
}

function refused(diagnostic: Diagnostic): Checked<never> {
  return { value: undefined, diagnostics: [diagnostic] };
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

/** A node that contradicts another one: siblings that share addresses, children that reach beyond their parent. */
interface Contradiction {
  readonly code: "iomem-outside-parent" | "iomem-overlap";
  readonly node: Draft;
  readonly other: Draft;
}

/** At most one warning: the first contradiction, and how many more there are. */
function contradictions(roots: readonly Draft[]): readonly Diagnostic[] {
  const [first, ...more] = misplaced(roots, undefined, false);
  if (first === undefined) return [];
  const { code, node, other } = first;
  const range = `${formatAddress(other.start)}-${formatAddress(other.end - 1n)}`;
  const verb = code === "iomem-overlap" ? "overlaps" : "reaches beyond";
  const others = more.length === 0 ? "" : `, and ${more.length} more lines contradict the map`;
  return [{
    code,
    severity: "warning",
    message: `\`${node.name}\` ${verb} \`${other.name}\` (${range}, line ${other.at.line})${others}`,
    position: node.at,
    hint: "Take the facts again: the map may have changed while it was read",
  }];
}

/**
 * What contradicts the tree where it matters: System RAM, what is reserved in it, and crash kernels. Elsewhere real machines
 * list windows of PCI bridges that overlap, which no segment is placed in. `inRam`: the siblings lie in System RAM.
 */
function misplaced(siblings: readonly Draft[], parent: Draft | undefined, inRam: boolean): readonly Contradiction[] {
  const found: Contradiction[] = [];
  let furthest: Draft | undefined;
  for (const node of siblings.toSorted(compareStart)) {
    if (isUnset(node)) {
      found.push(...misplaced(node.children, undefined, false));
      continue;
    }
    if (parent !== undefined && !contains(parent, node) && (inRam || matters(node))) {
      found.push({ code: "iomem-outside-parent", node, other: parent });
    }
    if (furthest !== undefined && node.start < furthest.end && (inRam || matters(node) || matters(furthest))) {
      found.push({ code: "iomem-overlap", node, other: furthest });
    }
    if (furthest === undefined || furthest.end < node.end) furthest = node;
    found.push(...misplaced(node.children, node, inRam || isRam(node)));
  }
  return found;
}

function isRam({ name }: Draft): boolean {
  return /^System RAM( \(.*\))?$/.test(name);
}

function matters(node: Draft): boolean {
  return isRam(node) || CRASH_KERNELS.includes(node.name);
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
