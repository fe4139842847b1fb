import { stringify } from "@std/yaml";

/** A result as YAML: long lines stay whole, so that a path or a digest can be copied. */
export function yamlText(value: unknown): string {
  return stringify(value, { lineWidth: -1, useAnchors: false });
}
