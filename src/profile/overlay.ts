import type { Diagnostic, Path } from "../core/diagnostic.ts";
import { isMap, type Report } from "../core/shape.ts";
import { splitAtSeparator, splitParameters } from "./cmdline/cmdline.ts";
import type { Layer } from "./layer.ts";
import { placed } from "./locate.ts";

/** Where a value of a merged profile comes from. Without `parts`, everything in it comes from the same file. */
export interface Origin {
  readonly layer: Layer;
  /** The value's path in that file. */
  readonly path: Path;
  readonly parts?: ReadonlyMap<string | number, Origin>;
}

/** A value with its origin. */
export interface Traced {
  readonly value: unknown;
  readonly origin: Origin;
}

/** Keys that identify one profile: a profile does not take them from its base. */
const OF_ONE_FILE: readonly string[] = ["version", "name", "description", "extends"];

/** The lists to which a `+` after the key adds, and whether they hold parameters, which may be written as a string too. */
const ADDABLE: { readonly [path: string]: { readonly parameters: boolean } } = {
  initrd: { parameters: false },
  modules: { parameters: false },
  segments: { parameters: false },
  unlock: { parameters: false },
  unbind: { parameters: false },
  cmdline: { parameters: true },
  "cmdline.remove": { parameters: true },
  "cmdline.set": { parameters: true },
  "cmdline.append": { parameters: true },
};

/** Keys whose value is a file: a path, or a map of `path` and `sha256`. */
const FILE_KEYS: readonly string[] = ["kernel", "initrd", "dtb"];

/** The keys `key+`, from the root. */
export const ADDING_KEYS: readonly Path[] = Object.keys(ADDABLE).map((key) => `${key}+`.split("."));

/**
 * Overlays files, the lowest first: maps merge key by key, anything else replaces what is below it, and `key+` adds to the
 * list below it. The position of the whole is that of the profile's own file.
 */
export function overlayAll(layers: readonly Layer[], report: Report): Traced | undefined {
  let merged: Traced | undefined;
  for (const layer of layers) {
    if (layer.map === undefined) continue;
    const hidden = layer.role === "base" ? OF_ONE_FILE : ["extends"];
    const entries = Object.entries(layer.map).filter(([key]) => !hidden.includes(key));
    merged = overlay(merged, { value: Object.fromEntries(entries), origin: { layer, path: [] } }, [], report);
  }
  const main = layers.find(({ role }) => role === "profile");
  return merged === undefined || main === undefined
    ? merged
    : { ...merged, origin: { ...merged.origin, layer: main, path: [] } };
}

/** The file, and the path in it, of a path in the merged value; for a path that is nowhere, of the map around it. */
export function originAt(origin: Origin, path: Path): Origin {
  let at = origin;
  for (const [index, step] of path.entries()) {
    if (at.parts === undefined) return { layer: at.layer, path: [...at.path, ...path.slice(index)] };
    const part = at.parts.get(step);
    if (part === undefined) return at;
    at = part;
  }
  return at;
}

function overlay(below: Traced | undefined, above: Traced, at: Path, report: Report): Traced {
  if (isPathOver(below, above, at)) {
    const path: Traced = {
      value: { path: above.value },
      origin: { ...above.origin, parts: new Map([["path", above.origin]]) },
    };
    return overlay(below, path, at, report);
  }
  if (!isMap(above.value)) return above;
  const parts = new Map<string, Traced>();
  if (isMap(below?.value)) { for (const key of Object.keys(below.value)) parts.set(key, partOf(below, key)); }
  for (const key of Object.keys(above.value)) {
    const target = addTarget(at, key);
    const part = partOf(above, key);
    if (target === undefined) parts.set(key, overlay(parts.get(key), part, [...at, key], report));
    else if (Object.hasOwn(above.value, target.key)) report(bothWays(target.key, part));
    else {parts.set(
        target.key,
        target.parameters
          ? addParameters(parts.get(target.key), part, report)
          : target.key === "initrd"
          ? addInitrds(parts.get(target.key), part)
          : addItems(parts.get(target.key), part),
      );}
  }
  const entries = [...parts];
  return {
    value: Object.fromEntries(entries.map(([key, { value }]) => [key, value])),
    origin: { ...above.origin, parts: new Map(entries.map(([key, { origin }]) => [key, origin])) },
  };
}

/** A bare path replaces the path of a file below it, and keeps its pin, as `{ path }` does. */
function isPathOver(below: Traced | undefined, above: Traced, at: Path): boolean {
  return at.length === 1 && FILE_KEYS.includes(String(at[0])) && typeof above.value === "string" && isMap(below?.value);
}

/** The list that `key+` adds to; undefined for any other key. */
function addTarget(at: Path, key: string): { readonly key: string; readonly parameters: boolean } | undefined {
  if (!key.endsWith("+")) return undefined;
  const bare = key.slice(0, -1);
  const path = [...at, bare].join(".");
  const row = Object.hasOwn(ADDABLE, path) ? ADDABLE[path] : undefined;
  return row === undefined ? undefined : { key: bare, ...row };
}

function partOf({ value, origin }: Traced, step: string | number): Traced {
  const inner = isMap(value) ? value[String(step)] : Array.isArray(value) ? value[Number(step)] : undefined;
  return { value: inner, origin: origin.parts?.get(step) ?? { layer: origin.layer, path: [...origin.path, step] } };
}

/** A list's entries; anything else counts as a list of one, which the decoder accepts or refuses. */
function itemsOf(traced: Traced | undefined): readonly Traced[] {
  if (traced === undefined) return [];
  return Array.isArray(traced.value) ? traced.value.map((_, index) => partOf(traced, index)) : [traced];
}

function parametersOf(traced: Traced | undefined): readonly Traced[] {
  return itemsOf(traced).flatMap((item) =>
    typeof item.value === "string" && !Array.isArray(traced?.value)
      ? splitParameters(item.value).parameters.map((value) => ({ value, origin: item.origin }))
      : [item]
  );
}

function listOf(items: readonly Traced[], { origin }: Traced): Traced {
  const parts = new Map(items.map((item, index) => [index, item.origin]));
  return { value: items.map(({ value }) => value), origin: { ...origin, parts } };
}

function addItems(below: Traced | undefined, above: Traced): Traced {
  return listOf([...itemsOf(below), ...itemsOf(above)], above);
}

/** The keys of a file of `files` that say its content: one of a higher layer replaces all of a lower one. */
const CONTENT_KEYS: readonly string[] = ["text", "base64", "from", "ask", "command"];

/**
 * Adds to `initrd`. A file of `files` that a layer below has by the same path is merged with that, in its place; the others
 * are added.
 */
function addInitrds(below: Traced | undefined, above: Traced): Traced {
  let items = itemsOf(below);
  const added: Traced[] = [];
  for (const item of itemsOf(above)) {
    if (!isMap(item.value) || !Array.isArray(item.value["files"])) {
      added.push(item);
      continue;
    }
    const files = partOf(item, "files");
    const rest: Traced[] = [];
    for (const file of itemsOf(files)) {
      const merged = items.map((each) => withFile(each, file));
      if (merged.some((each, index) => each !== items[index])) items = merged;
      else rest.push(file);
    }
    if (rest.length > 0) added.push(mapOf(item, "files", listOf(rest, files)));
  }
  return listOf([...items, ...added], above);
}

/** An entry of `initrd` in which a file is merged with the one of the same path; the very entry if it has none. */
function withFile(item: Traced, file: Traced): Traced {
  if (!isMap(item.value) || !Array.isArray(item.value["files"])) return item;
  const files = itemsOf(partOf(item, "files"));
  const path = pathOf(file);
  const index = path === undefined ? -1 : files.findIndex((each) => pathOf(each) === path);
  const before = files[index];
  if (before === undefined || !isMap(before.value) || !isMap(file.value)) return item;
  const isReplaced = CONTENT_KEYS.some((key) => isMap(file.value) && Object.hasOwn(file.value, key));
  const keys = [
    ...Object.keys(before.value).filter((key) => !isReplaced || !CONTENT_KEYS.includes(key)),
    ...Object.keys(file.value),
  ];
  const parts = new Map(
    [...new Set(keys)].map((key) => [key, partOf(Object.hasOwn(file.value as object, key) ? file : before, key)]),
  );
  const merged = tracedMap(parts, file.origin);
  return mapOf(item, "files", listOf(files.with(index, merged), partOf(item, "files")));
}

function pathOf({ value }: Traced): unknown {
  return isMap(value) ? value["path"] : undefined;
}

function tracedMap(parts: ReadonlyMap<string, Traced>, origin: Origin): Traced {
  return {
    value: Object.fromEntries(Array.from(parts, ([key, { value }]) => [key, value])),
    origin: { ...origin, parts: new Map(Array.from(parts, ([key, { origin }]) => [key, origin])) },
  };
}

/** A map with another value for one of its keys. */
function mapOf(map: Traced, key: string, value: Traced): Traced {
  const keys = isMap(map.value) ? Object.keys(map.value) : [];
  return tracedMap(new Map(keys.map((each) => [each, each === key ? value : partOf(map, each)])), map.origin);
}

/** What follows `--` goes to init: the kernel's parameters are added before it, and init's after it. */
function addParameters(below: Traced | undefined, above: Traced, report: Report): Traced {
  if (below !== undefined && isMap(below.value)) {
    report(editBelow(above));
    return below;
  }
  const textOf = ({ value }: Traced): string | undefined => typeof value === "string" ? value : undefined;
  const own = splitAtSeparator(parametersOf(below), textOf);
  const added = splitAtSeparator(parametersOf(above), textOf);
  const separator = own.separator ?? added.separator;
  const init = separator === undefined ? [] : [separator, ...own.init ?? [], ...added.init ?? []];
  return listOf([...own.kernel, ...added.kernel, ...init], above);
}

function bothWays(key: string, part: Traced): Diagnostic {
  return at(part, {
    code: "conflict",
    severity: "error",
    message: `Use either \`${key}\` or \`${key}+\``,
    hint: `\`${key}\` replaces the list of the layers below; \`${key}+\` adds to it`,
    related: [{ message: `\`${key}\` is set here`, path: [...part.origin.path.slice(0, -1), key] }],
  });
}

function editBelow(part: Traced): Diagnostic {
  return at(part, {
    code: "conflict",
    severity: "error",
    message: "`cmdline+` adds to a command line, but the one below is an edit of the running one",
    hint: "Write `cmdline: { append+: [PARAMETER] }`",
  });
}

function at({ origin }: Traced, diagnostic: Diagnostic): Diagnostic {
  const { source } = origin.layer;
  return source === undefined ? diagnostic : placed({ ...diagnostic, path: origin.path }, (path) => ({ source, path }));
}
