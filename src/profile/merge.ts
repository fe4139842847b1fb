import type { Path } from "../core/diagnostic.ts";
import { isMap, type Report, wrongType } from "../core/shape.ts";

/** YAML's merge key: the keys of its map, or of a list of maps, supply the ones that the map itself lacks. */
export const MERGE_KEY = "<<";

/**
 * Resolves the merge keys of a parsed YAML value, which the failsafe schema leaves as they are. A map's own keys override
 * merged ones, and in a list of maps an earlier one overrides a later one. The value must be within the limits of
 * limits.ts.
 */
export function resolveMerges(value: unknown, at: Path, report: Report): unknown {
  if (Array.isArray(value)) return value.map((item: unknown, index) => resolveMerges(item, [...at, index], report));
  if (!isMap(value)) return value;
  const own = Object.entries(value).filter(([key]) => key !== MERGE_KEY)
    .map(([key, item]) => [key, resolveMerges(item, [...at, key], report)] as const);
  if (!Object.hasOwn(value, MERGE_KEY)) return Object.fromEntries(own);
  const source = resolveMerges(value[MERGE_KEY], [...at, MERGE_KEY], report);
  const sources: readonly unknown[] = Array.isArray(source) ? source : [source];
  if (!sources.every(isMap)) {
    report(wrongType(value[MERGE_KEY], [...at, MERGE_KEY], "a map or a list of maps"));
    return Object.fromEntries(own);
  }
  const merged = sources.flatMap((map) => Object.entries(map));
  const first = new Map([...merged.toReversed(), ...own]);
  const order = [...own, ...merged].map(([key]) => key);
  return Object.fromEntries([...new Set(order)].map((key) => [key, first.get(key)]));
}
