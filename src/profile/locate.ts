import type { Diagnostic, Path, Position, Related } from "../core/diagnostic.ts";
import { MERGE_KEY } from "./merge.ts";
import { aliased, type ReadTree, readTree, type Span, type YamlEntry, type YamlNode } from "./yaml_tree.ts";

/** A key that one map has more than once. */
export interface DuplicateKey {
  readonly name: string;
  readonly first: Position;
  readonly again: Position;
}

/** A profile's text, which finds the positions of values in it. It is parsed for them when the first one is needed. */
export interface Source {
  /** The text as a tree, or why it has none. */
  tree(): ReadTree;
  /** The position of an offset, UTF-16 units. `length` is cut at the end of the line, and at least 1. */
  at(offset: number, length: number): Position;
  /** The position of the key at a path, or of its value; of the deepest part of the path that is in the text. */
  locate(path: Path, target: Target): Position;
  /** The same, if exactly that key or value is in the text, and on one line; else undefined. */
  exact(path: Path, target: Target): Position | undefined;
  /** Every key that one map has more than once, in the order of the text. */
  duplicateKeys(): readonly DuplicateKey[];
}

/** What of an entry a position is about. */
export type Target = "key" | "value";

/** A longer line does not help under a message, and a profile may be one line of 1 MiB. */
const LONGEST_SHOWN = 1000;

/** Wraps a text without a byte-order mark. `file` is the path that messages show. */
export function sourceOf(text: string, file: string): Source {
  const lineStarts = memo(() => lineStartsOf(text));
  const read = memo(() => readTree(text));
  // Without a tree, positions fall back to the start.
  const tree = (): YamlNode | undefined => {
    const found = read();
    return found.kind === "tree" ? found.root : undefined;
  };

  const at = (offset: number, length: number): Position => {
    const starts = lineStarts();
    const line = lineIndex(starts, Math.min(offset, text.length));
    const start = starts[line] ?? 0;
    let end = starts[line + 1] ?? text.length;
    while (end > start && (text[end - 1] === "\n" || text[end - 1] === "\r")) end--;
    const column = Math.min(offset - start, end - start);
    return {
      file,
      line: line + 1,
      column: column + 1,
      length: Math.max(1, Math.min(length, end - start - column)),
      ...(end - start > LONGEST_SHOWN ? {} : { source: text.slice(start, end) }),
    };
  };
  const spanAt = (span: Span): Position => at(Math.max(0, span.start), span.end - span.start);

  return {
    at,
    tree: read,
    locate: (path, target) => {
      const root = tree();
      return root === undefined || root.start < 0 ? at(0, 1) : spanAt(spanOf(root, path, target).span);
    },
    exact: (path, target) => {
      const root = tree();
      if (root === undefined || path.length === 0) return undefined;
      const { span, found } = spanOf(root, path, target);
      const isShort = found && span.start >= 0 && !/[\r\n]/.test(text.slice(span.start, span.end));
      return isShort ? spanAt(span) : undefined;
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

/** These codes are about a key; the others are about a value. */
const ABOUT_KEYS: readonly Diagnostic["code"][] = ["unknown-key", "conflict"];

/** The text that has the value at a path, and the value's path in that text; undefined where there is none. */
export type FindSource = (path: Path) => { readonly source: Source; readonly path: Path } | undefined;

/**
 * A diagnostic with the positions of its path, of its related places and of its fix, unless it has one itself. One without
 * a path is about the host, not about the text.
 */
export function placed(diagnostic: Diagnostic, find: FindSource): Diagnostic {
  const { fix, related, ...rest } = diagnostic;
  if (rest.position !== undefined || rest.path === undefined) return diagnostic;
  const target: Target = ABOUT_KEYS.includes(rest.code) ? "key" : "value";
  const own = find(rest.path);
  const exact = fix === undefined ? undefined : own?.source.exact(own.path, target);
  return {
    ...rest,
    ...(own === undefined ? {} : { position: own.source.locate(own.path, target) }),
    ...(related === undefined ? {} : { related: related.map((place) => placedKey(place, find)) }),
    ...(fix === undefined || exact === undefined ? {} : { fix: { ...fix, position: exact } }),
  };
}

/** What is related to a diagnostic is a key. */
function placedKey(place: Related, find: FindSource): Related {
  const found = place.position === undefined && place.path !== undefined ? find(place.path) : undefined;
  return found === undefined ? place : { ...place, position: found.source.locate(found.path, "key") };
}

/** The span of a path in a tree: of the deepest node on the way that is written. `found` if that is the whole path. */
function spanOf(root: YamlNode, path: Path, target: Target): { readonly span: Span; readonly found: boolean } {
  let span: Span = root;
  let node: YamlNode | undefined = root;
  let found = true;
  for (const [index, step] of path.entries()) {
    const collection: YamlNode | undefined = node === undefined ? undefined : aliased(node);
    const entry: YamlEntry | undefined = collection?.kind === "map" ? entryOf(collection, String(step), 0) : undefined;
    node = entry?.value ??
      (collection?.kind === "list" && typeof step === "number" ? collection.items[step] : undefined);
    if (node === undefined) return { span, found: false };
    const atKey = target === "key" && index === path.length - 1;
    const places: readonly Span[] = entry === undefined ? [node] : atKey ? [entry.key] : [node, entry.key];
    const written = places.find((place) => place.start >= 0);
    span = written ?? span;
    found = written !== undefined && written === places[0];
  }
  return { span, found };
}

/** The entry that gives a key its value: the last of duplicates, else the first merged one. */
function entryOf(map: YamlNode & { kind: "map" }, name: string, depth: number): YamlEntry | undefined {
  const own = map.last.get(name);
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

/** A merge may name the map that contains it; such a profile is refused, but its problems are located first. */
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

/** The offsets at which lines begin, in order. A line ends with CR LF, LF or CR. */
export function lineStartsOf(text: string): readonly number[] {
  const starts = [0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 10 || (code === 13 && text.charCodeAt(at + 1) !== 10)) starts.push(at + 1);
  }
  return starts;
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
