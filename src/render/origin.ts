import { formatPath } from "../core/diagnostic.ts";
import type { JsonSchema } from "../core/shape.ts";
import type { LayerRole } from "../profile/layer.ts";
import type { OriginRow } from "../profile/origin_rows.ts";
import type { Layout } from "./style.ts";
import { visible } from "../core/text.ts";

/** A profile with the files that it is made of, and where each of its values was set. */
export interface ProfileOrigin {
  readonly file: string;
  /** The lowest first: a later one overrides an earlier one. */
  readonly layers: readonly { readonly file: string; readonly role: LayerRole }[];
  readonly keys: readonly OriginRow[];
}

/** What `check --origin -o json` prints. */
export interface OriginReport {
  readonly format: "warmboot.origin/1";
  readonly profiles: readonly ProfileOrigin[];
}

const ROLES: { readonly [Role in LayerRole]: string } = {
  base: "is extended",
  profile: "is the profile itself",
  "drop-in": "is a drop-in",
};

/** The files in their order, then each value after the place that set it. */
export function originText({ profiles }: OriginReport, { style }: Layout): string {
  return profiles.map(({ file, layers, keys }) => {
    const place = (row: OriginRow): string => `${visible(row.file)}:${row.line}`;
    const width = keys.reduce((most, row) => Math.max(most, place(row).length), 0);
    return [
      style.bold(visible(file)),
      ...layers.map((layer, index) => style.dim(`  ${index + 1}. ${visible(layer.file)} ${ROLES[layer.role]}`)),
      ...keys.map((row) =>
        `  ${style.dim(place(row).padEnd(width))}  ${visible(formatPath(row.path))}: ${shownValue(row.value)}`
      ),
      "",
    ].join("\n");
  }).join("\n");
}

function shownValue(value: string | undefined): string {
  return value === undefined ? "" : /[\n\r]/.test(value) || value === "" ? JSON.stringify(value) : visible(value);
}

/** The JSON Schema of `check --origin -o json`. */
export function originSchema(): JsonSchema {
  const object = (properties: JsonSchema, optional: readonly string[] = []): JsonSchema => ({
    type: "object",
    required: Object.keys(properties).filter((key) => !optional.includes(key)),
    additionalProperties: false,
    properties,
  });
  const text = { type: "string" };
  const number = { type: "integer", minimum: 1 };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot origin",
    description: "What `warmboot check --origin -o json` prints",
    ...object({
      format: { enum: ["warmboot.origin/1"] },
      profiles: {
        type: "array",
        items: object({
          file: text,
          layers: { type: "array", items: object({ file: text, role: { enum: Object.keys(ROLES) } }) },
          keys: {
            type: "array",
            items: object(
              {
                path: { type: "array", items: { type: ["string", "integer"] } },
                value: text,
                file: text,
                line: number,
                column: number,
              },
              ["value"],
            ),
          },
        }),
      },
    }),
  };
}
