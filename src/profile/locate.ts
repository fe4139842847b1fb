import type { Diagnostic, Path, Position } from "../core/diagnostic.ts";
import { MERGE_KEY } from "./merge.ts";
import { aliased, parseTree, type Span, type YamlEntry, type YamlNode } from "./yaml_tree.ts";

/** A key that stands twice in one map. */
export interface DuplicateKey {
  readonly name: string;
  readonly first: Position;
  readonly again: Position;
}

/** A profile's text, which can say where things stand in it. It is parsed for places when the first one is asked for. */
export interface Source {
  /** The place of some text. `length` is cut at the end of the line, and at least 1. */
  at(offset: number, length: number): Position;
  /** The place of the key at a path, or of its value. Where the path is not in the text, its deepest part that is. */
  locate(path: Path, target: "key" | "value"): Position;
  /** Every key that stands twice, in the order of the text. */
  duplicateKeys(): readonly DuplicateKey[];
}

/** A longer line is of no use under a message, and a profile may be one line of 1 MiB. */
const LONGEST_SHOWN = 1000;

/** Wraps a text without a byte-order mark. `file` is the path that messages show. */
export function sourceOf(text: string, file: string): Source {
  const lineStarts = memo(() => [0, ...[...text.matchAll(/\r\n|\n|\r/g)].map((end) => end.index + end[0].length)]);
  const tree = memo(() => treeOrNothing(text));

  const at = (offset: number, length: number): Position => {
    const starts = lineStarts();
    const line = lineIndex(starts, Math.min(offset, text.length));
    const start = starts[line] ?? 0;
    const source = text.slice(start, starts[line + 1] ?? text.length).replace(/[\r\n]+$/, "");
    const column = Math.min(offset - start, source.length);
    return {
      file,
      line: line + 1,
      column: column + 1,
      length: Math.max(1, Math.min(length, source.length - column)),
      ...(source.length > LONGEST_SHOWN ? {} : { source }),
    };
  };
  const spanAt = (span: Span): Position => at(Math.max(0, span.start), span.end - span.start);

  return {
    at,
    locate: (path, target) => {
      const root = tree();
      return root === undefined || root.start < 0 ? at(0, 1) : spanAt(spanOf(root, path, target));
    },
    duplicateKeys: () => {
      const root = tree();
      return root === undefined ? [] : duplicatesIn(root).map(({ name, first, again }) => ({
        name,
        first: spanAt(first),
        again: spanAt(again),
      })).toSorted((a, b) => a.again.line - b.again.line || a.again.column - b.again.column);
    },
  };
}

/** Keys are what these are about; the others are about a value. */
const ABOUT_KEYS: readonly Diagnostic["code"][] = ["unknown-key", "conflict"];

/** A diagnostic with the place of its path, unless it has one. */
export function placed(diagnostic: Diagnostic, source: Source): Diagnostic {
  if (diagnostic.position !== undefined) return diagnostic;
  const target = ABOUT_KEYS.includes(diagnostic.code) ? "key" : "value";
  return { ...diagnostic, position: source.locate(diagnostic.path ?? [], target) };
}

/** The place of a path in a tree: the deepest node on the way that is written. */
function spanOf(root: YamlNode, path: Path, target: "key" | "value"): Span {
  let span: Span = root;
  let node: YamlNode | undefined = root;
  for (const [index, step] of path.entries()) {
    const collection: YamlNode | undefined = node === undefined ? undefined : aliased(node);
    const entry: YamlEntry | undefined = collection?.kind === "map" ? entryOf(collection, String(step), 0) : undefined;
    node = entry?.value ??
      (collection?.kind === "list" && typeof step === "number" ? collection.items[step] : undefined);
    if (node === undefined) break;
    const atKey = target === "key" && index === path.length - 1;
    const places: readonly Span[] = entry === undefined ? [node] : atKey ? [entry.key] : [node, entry.key];
    span = places.find((place) => place.start >= 0) ?? span;
  }
  return span;
}

/** The entry that a key has its value from: of duplicates the last, else the first merged one. */
function entryOf(map: YamlNode & { kind: "map" }, name: string, depth: number): YamlEntry | undefined {
  const own = map.entries.findLast((entry) => entry.name === name);
  if (own !== undefined || name === MERGE_KEY || depth > MAX_MERGES) return own;
  for (const entry of map.entries.filter((candidate) => candidate.name === MERGE_KEY)) {
    const source = aliased(entry.value);
    for (const item of source?.kind === "list" ? source.items : source === undefined ? [] : [source]) {
      const from = aliased(item);
      const found = from?.kind === "map" ? entryOf(from, name, depth + 1) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** A merge may name the map that it stands in; such a profile is refused, but its problems are located first. */
const MAX_MERGES = 16;

function duplicatesIn(root: YamlNode): readonly { name: string; first: Span; again: Span }[] {
  if (root.kind === "list") return root.items.flatMap(duplicatesIn);
  if (root.kind !== "map") return [];
  const firsts = new Map<string, Span>();
  return root.entries.flatMap(({ name, key, value }) => {
    const first = firsts.get(name);
    if (first === undefined) firsts.set(name, key);
    const inner = duplicatesIn(value);
    return first === undefined ? inner : [{ name, first, again: key }, ...inner];
  });
}

/** Without a tree, places fall back to the start: a text that one parser reads and the other does not. */
function treeOrNothing(text: string): YamlNode | undefined {
  try {
    return parseTree(text);
  } catch {
    return undefined;
  }
}

function lineIndex(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function memo<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: compute() }).value;
}
