import { stringify } from "@std/yaml";

/** A result as YAML: long lines stay whole, so that a path or a digest can be copied. */
export function yamlText(value: unknown): string {
  return stringify(value, { lineWidth: -1, useAnchors: false });
}

/** A result as JSON. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
