import type { Path } from "../core/diagnostic.ts";
import { isMap } from "../core/shape.ts";
import { isLiteralKey, isMarkedSecret, MASK } from "./literal_secrets.ts";
import { originAt, type Traced } from "./overlay.ts";

/** One value of a merged profile, and where it was set. */
export interface OriginRow {
  /** The key, from the root; for an entry of a list, with its index. */
  readonly path: Path;
  /** As the file has it, without quotes; `[]` and `{}` are empty; undefined where nothing is written. */
  readonly value: string | undefined;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

/** Every value of a merged profile that is not a filled map or list, in the order of its keys. */
export function originRows(merged: Traced): readonly OriginRow[] {
  const rows = (value: unknown, path: Path, isSecret = false): readonly OriginRow[] => {
    const marked = isMarkedSecret(value);
    const inner = isMap(value) ? Object.entries(value) : Array.isArray(value) ? [...value.entries()] : [];
    if (inner.length > 0) {
      return inner.flatMap(([step, child]) => rows(child, [...path, step], marked && isLiteralKey(String(step))));
    }
    const { layer, path: at } = originAt(merged.origin, path);
    const place = layer.source?.locate(at, "value");
    return [{
      path,
      value: isSecret
        ? MASK
        : typeof value === "string"
        ? value
        : Array.isArray(value)
        ? "[]"
        : isMap(value)
        ? "{}"
        : undefined,
      file: layer.file,
      line: place?.line ?? 1,
      column: place?.column ?? 1,
    }];
  };
  return rows(merged.value, []);
}
