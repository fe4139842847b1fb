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
        target.parameters ? addParameters(parts.get(target.key), part, report) : addItems(parts.get(target.key), part),
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
