import {
  COLLECTION_STYLE,
  EVENT_ID,
  getScalarValue,
  type MappingEvent,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
  type SequenceEvent,
} from "js-yaml";

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
  | Span & { readonly kind: "map"; readonly entries: readonly YamlEntry[] }
  | Span & { readonly kind: "alias"; readonly target: YamlNode | undefined };

/** A list or map that is being read, and the key that waits for its value. */
interface Unfinished {
  readonly node:
    | { readonly kind: "list"; readonly items: YamlNode[]; readonly start: number; end: number }
    | { readonly kind: "map"; readonly entries: YamlEntry[]; readonly start: number; end: number };
  readonly flow: boolean;
  key?: YamlNode | undefined;
}

/**
 * Reads the first document of a YAML text as a tree with positions; undefined if there is none. Aliases share the node
 * that they name, which may be one that contains them.
 * @throws {YAMLException} if the text is not well-formed, or nests more than 100 levels deep
 */
export function parseTree(text: string): YamlNode | undefined {
  const anchors = new Map<string, YamlNode>();
  const unfinished: Unfinished[] = [];
  let root: YamlNode | undefined;

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
    if (parent.key === undefined) parent.key = node;
    else {
      parent.node.entries.push({ name: keyName(parent.key), key: parent.key, value: node });
      parent.key = undefined;
    }
  };
  const anchor = (event: ScalarEvent | SequenceEvent | MappingEvent, node: YamlNode): void => {
    if (event.anchorStart >= 0) anchors.set(text.slice(event.anchorStart, event.anchorEnd), node);
  };

  for (const event of parseEvents(text, {})) {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        if (root !== undefined) return root;
        break;
      case EVENT_ID.SCALAR: {
        const node = scalarNode(event, text);
        anchor(event, node);
        add(node);
        break;
      }
      case EVENT_ID.ALIAS: {
        const target = anchors.get(text.slice(event.anchorStart, event.anchorEnd));
        add({ kind: "alias", target, start: event.anchorStart - 1, end: event.anchorEnd });
        break;
      }
      case EVENT_ID.SEQUENCE:
      case EVENT_ID.MAPPING: {
        const span = { start: event.start, end: event.start };
        const node: Unfinished["node"] = event.type === EVENT_ID.SEQUENCE
          ? { kind: "list", items: [], ...span }
          : { kind: "map", entries: [], ...span };
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
  return root;
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
      const blank = /^\s*/.exec(text.slice(start, end))?.[0].length ?? 0;
      return { kind: "scalar", text: value, start: Math.min(start + blank, end), end };
    }
    default:
      return { kind: "scalar", text: value, start, end };
  }
}

/** The end of a flow collection: after its bracket, or after its last value where a comment comes between. */
function afterBracket(text: string, span: Span): number {
  const closing = /[\s,]*[\]}]/y;
  closing.lastIndex = span.end === span.start ? span.start + 1 : span.end;
  return closing.test(text) ? closing.lastIndex : span.end;
}

/** The next dash of a block list, whose item is not written. Blank lines and comments may come before it. */
function nextDash(text: string, offset: number): Span {
  const dash = /(?:\s|#.*)*-/y;
  dash.lastIndex = offset;
  return dash.test(text) ? { start: dash.lastIndex - 1, end: dash.lastIndex } : { start: -1, end: -1 };
}

/** A key as `@std/yaml` makes a text of it: what is not a text becomes one as JavaScript would. */
function keyName(key: YamlNode): string {
  const node = aliased(key);
  switch (node?.kind) {
    case "scalar":
      return node.text ?? "null";
    case "list":
      return node.items.map((item) => item.kind === "scalar" ? item.text ?? "" : keyName(item)).join(",");
    default:
      return "[object Object]";
  }
}
