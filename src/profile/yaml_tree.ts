import {
  COLLECTION_STYLE,
  EVENT_ID,
  getScalarValue,
  type MappingEvent,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
  type SequenceEvent,
  YAMLException,
} from "js-yaml";
import { MAX_DEPTH, MAX_VALUES } from "./limits.ts";

/** A stretch of the text: offsets in UTF-16 units, the end exclusive. Both are -1 where nothing is written. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A key of a map with its value. */
export interface YamlEntry {
  readonly name: string;
  readonly key: Span;
  readonly value: YamlNode;
}

/** A YAML value as it is written. A scalar's text is null where nothing is written. */
export type YamlNode =
  | Span & { readonly kind: "scalar"; readonly text: string | null }
  | Span & { readonly kind: "list"; readonly items: readonly YamlNode[] }
  | Span & {
    readonly kind: "map";
    readonly entries: readonly YamlEntry[];
    /** The entries by name; of duplicates the last. */
    readonly last: ReadonlyMap<string, YamlEntry>;
  }
  | Span & { readonly kind: "alias"; readonly target: YamlNode | undefined };

/** A list or map that is being read, and the key that waits for its value. */
interface Unfinished {
  readonly node:
    | { readonly kind: "list"; readonly items: YamlNode[]; readonly start: number; end: number }
    | {
      readonly kind: "map";
      readonly entries: YamlEntry[];
      readonly last: Map<string, YamlEntry>;
      readonly start: number;
      end: number;
    };
  readonly flow: boolean;
  key?: YamlNode | undefined;
}

/** Why a text has no tree: it is not YAML, or it passes a limit. */
export interface TreeFault {
  readonly kind: "syntax" | "excess";
  /** For syntax, the parser's words; for an excess, a message. */
  readonly reason: string;
  /** UTF-16 units from the start. */
  readonly offset: number;
}

/** A YAML text as a tree; `root` is undefined where there is no document. */
export type ReadTree =
  | { readonly kind: "tree"; readonly root: YamlNode | undefined }
  | { readonly kind: "fault"; readonly fault: TreeFault };

/**
 * The most nodes of a text: a map of MAX_VALUES values has a key for each. Aliases count as one node here; what they
 * expand to is counted by `excessOf`.
 */
const MAX_NODES = 2 * MAX_VALUES + 1;

/** The most lines of a quoted text: `@std/yaml` takes time that grows with their square. */
const MAX_QUOTED_LINES = 1000;

/**
 * Reads the first document of a YAML text as a tree with positions. Aliases share the node that they name, which may be
 * one that contains them. Takes time proportional to the text, whatever is in it.
 */
export function readTree(text: string): ReadTree {
  try {
    return treeOf(text);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const offset = error.mark?.position ?? 0;
    return {
      kind: "fault",
      fault: error.reason.startsWith("nesting exceeded")
        ? { kind: "excess", reason: `The YAML nests more than ${MAX_DEPTH} levels deep`, offset }
        : { kind: "syntax", reason: error.reason, offset },
    };
  }
}

function treeOf(text: string): ReadTree {
  const anchors = new Map<string, YamlNode>();
  const unfinished: Unfinished[] = [];
  let root: YamlNode | undefined;
  let fault: TreeFault | undefined;
  let nodes = 0;

  const count = (offset: number): void => {
    nodes++;
    if (nodes > MAX_NODES) {
      fault ??= { kind: "excess", reason: `The YAML expands to more than ${MAX_VALUES} values`, offset };
    }
  };
  const add = (node: YamlNode): void => {
    const parent = unfinished.at(-1);
    if (parent === undefined) {
      root ??= node;
      return;
    }
    if (parent.node.kind === "list") {
      const placed = node.start < 0 && !parent.flow ? { ...node, ...nextDash(text, parent.node.end) } : node;
      parent.node.items.push(placed);
      parent.node.end = Math.max(parent.node.end, placed.end);
      return;
    }
    parent.node.end = Math.max(parent.node.end, node.end);
    if (parent.key === undefined) {
      parent.key = node;
      const key = aliased(node);
      if (key?.kind !== "scalar") fault ??= complexKey(node, key, parent.node.start);
      return;
    }
    const key = aliased(parent.key);
    const name = key?.kind === "scalar" ? key.text ?? "null" : "";
    const entry = { name, key: parent.key, value: node };
    parent.node.entries.push(entry);
    parent.node.last.set(name, entry);
    parent.key = undefined;
  };
  const anchor = (event: ScalarEvent | SequenceEvent | MappingEvent, node: YamlNode): void => {
    if (event.anchorStart >= 0) anchors.set(text.slice(event.anchorStart, event.anchorEnd), node);
  };

  for (const event of parseEvents(text, {})) {
    if (fault !== undefined) return { kind: "fault", fault };
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        if (root !== undefined) return { kind: "tree", root };
        break;
      case EVENT_ID.SCALAR: {
        count(Math.max(0, event.valueStart));
        if (hasTooManyLines(event, text)) {
          const reason = `A text of more than ${MAX_QUOTED_LINES} lines is not written as a block`;
          return { kind: "fault", fault: { kind: "excess", reason, offset: event.valueStart } };
        }
        const node = scalarNode(event, text);
        anchor(event, node);
        add(node);
        break;
      }
      case EVENT_ID.ALIAS: {
        count(event.anchorStart);
        const target = anchors.get(text.slice(event.anchorStart, event.anchorEnd));
        add({ kind: "alias", target, start: event.anchorStart - 1, end: event.anchorEnd });
        break;
      }
      case EVENT_ID.SEQUENCE:
      case EVENT_ID.MAPPING: {
        count(event.start);
        const span = { start: event.start, end: event.start };
        const node: Unfinished["node"] = event.type === EVENT_ID.SEQUENCE
          ? { kind: "list", items: [], ...span }
          : { kind: "map", entries: [], last: new Map(), ...span };
        anchor(event, node);
        unfinished.push({ node, flow: event.style === COLLECTION_STYLE.FLOW });
        break;
      }
      case EVENT_ID.POP: {
        const closed = unfinished.pop();
        if (closed === undefined) break;
        if (closed.flow) closed.node.end = afterBracket(text, closed.node);
        add(closed.node);
      }
    }
  }
  return fault === undefined ? { kind: "tree", root } : { kind: "fault", fault };
}

/** A key that is a list or a map. In `{{ x }}` that is the inner map, and the slip is the outer one. */
function complexKey(node: YamlNode, key: YamlNode | undefined, map: number): TreeFault {
  const what = key?.kind === "list" ? "a list" : "a map";
  return {
    kind: "syntax",
    reason: `a key is ${what}, not a text`,
    offset: node.start === map + 1 ? map : Math.max(0, node.start),
  };
}

/** Whether a text that is not a block spans more lines than `@std/yaml` reads in a reasonable time. */
function hasTooManyLines({ style, valueStart, valueEnd }: ScalarEvent, text: string): boolean {
  if (style === SCALAR_STYLE.LITERAL_BLOCK || style === SCALAR_STYLE.FOLDED_BLOCK) return false;
  if (valueEnd - valueStart <= MAX_QUOTED_LINES) return false;
  let lines = 0;
  for (let at = valueStart; at < valueEnd; at++) {
    const code = text.charCodeAt(at);
    if (code === 10 || code === 13) lines++;
  }
  return lines > MAX_QUOTED_LINES;
}

/** The node that an alias names; any other node itself. */
export function aliased(node: YamlNode): YamlNode | undefined {
  let target: YamlNode | undefined = node;
  while (target?.kind === "alias") target = target.target;
  return target;
}

/** A scalar, whose span includes its quotes; that of a block scalar begins at its content. */
function scalarNode(event: ScalarEvent, text: string): YamlNode {
  if (event.valueStart < 0) return { kind: "scalar", text: null, start: -1, end: -1 };
  const value = getScalarValue(text, event);
  const { valueStart: start, valueEnd: end } = event;
  switch (event.style) {
    case SCALAR_STYLE.SINGLE_QUOTED:
    case SCALAR_STYLE.DOUBLE_QUOTED:
      return { kind: "scalar", text: value, start: start - 1, end: end + 1 };
    case SCALAR_STYLE.LITERAL_BLOCK:
    case SCALAR_STYLE.FOLDED_BLOCK: {
      let first = start;
      while (first < end && /\s/.test(text[first] ?? "")) first++;
      return { kind: "scalar", text: value, start: first, end };
    }
    default:
      return { kind: "scalar", text: value, start, end };
  }
}

/** The end of a flow collection: after its bracket, or after its last value where a comment comes between. */
function afterBracket(text: string, span: Span): number {
  let at = span.end === span.start ? span.start + 1 : span.end;
  while (at < text.length && /[\s,]/.test(text[at] ?? "")) at++;
  return text[at] === "]" || text[at] === "}" ? at + 1 : span.end;
}

/** The next dash of a block list, whose item is not written. Blank lines and comments may come before it. */
function nextDash(text: string, offset: number): Span {
  let at = offset;
  while (at < text.length) {
    const sign = text[at] ?? "";
    if (sign === "-") return { start: at, end: at + 1 };
    if (sign === "#") {
      while (at < text.length && text[at] !== "\n" && text[at] !== "\r") at++;
    } else if (sign === "&" || sign === "!") {
      // The anchor or tag of an item before it, of which nothing else is written.
      while (at < text.length && !/\s/.test(text[at] ?? "")) at++;
    } else if (/\s/.test(sign)) at++;
    else break;
  }
  return { start: -1, end: -1 };
}
