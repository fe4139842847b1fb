import { isMap, type JsonSchema } from "../core/shape.ts";
import { CONFLICT_SCHEMA } from "./conflicts.ts";
import { PROFILE } from "./fields.ts";
import { ADDING_KEYS } from "./overlay.ts";
import { given, STATED } from "./schema_terms.ts";

/**
 * The JSON Schema of a profile, draft-07, for editors. It gives the decoder's verdict except where an editor cannot see
 * what was written: it sees a number but not its spelling (`010`, `1e3`), a word but not its quotes; and it does not see
 * the files that a profile extends.
 */
export function profileSchema(): JsonSchema {
  const { required, ...rest } = PROFILE.schema;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot profile",
    description: "A boot profile of warmboot: the kernel that Linux reboots into, and how it is loaded.",
    ...rest,
    required,
    properties: layerProperties(),
    patternProperties: MERGE_KEY,
    if: { not: given({ extends: STATED }) },
    then: { properties: wholeProperties(), ...CONFLICT_SCHEMA },
  };
}

/** The JSON Schema of a file that is not a profile by itself: a base without a version, or a drop-in. */
export function layerSchema(): JsonSchema {
  const { required: _required, ...rest } = PROFILE.schema;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot layer",
    description: "A part of warmboot profiles: a base that they extend, or a drop-in. Any key may be left out.",
    ...rest,
    properties: layerProperties(),
    patternProperties: MERGE_KEY,
  };
}

/** YAML's merge key is resolved before decoding; an editor that does not resolve it must not report it as unknown. */
const MERGE_KEY: JsonSchema = { "^<<$": { type: ["object", "array"] } };

/** Allows a merge key in every closed map of a schema. */
function withMergeKeys(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withMergeKeys);
  if (!isMap(schema)) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, withMergeKeys(value)]));
  return inner.additionalProperties === false ? { ...inner, patternProperties: MERGE_KEY } : inner;
}

/** The keys that one layer may have: with `key+`, and without the requirement of keys that another layer may supply. */
function layerProperties(): JsonSchema {
  const properties = Object.entries(rootProperties()).map(([key, schema]) => [key, partial(schema, [key])] as const);
  return Object.fromEntries([...properties, ...addingKeys([], Object.fromEntries(properties))]);
}

/** The keys whose value may be spread over layers, for a profile of only one. */
function wholeProperties(): JsonSchema {
  const part = layerProperties();
  return Object.fromEntries(
    Object.entries(rootProperties()).filter(([key, schema]) => requiresKeys(schema) && part[key] !== undefined)
      .map(([key, schema]) => [key, requiredOnly(schema)]),
  );
}

function rootProperties(): { readonly [key: string]: unknown } {
  const properties = withMergeKeys(PROFILE.schema.properties);
  return isMap(properties) ? properties : {};
}

/** A schema whose maps may lack keys, except those within lists, which are replaced as a whole. */
function partial(schema: unknown, at: readonly string[]): unknown {
  if (!isMap(schema)) return schema;
  const { required: _required, ...rest } = schema;
  const { properties, anyOf } = schema;
  return {
    ...rest,
    ...(Array.isArray(anyOf) ? { anyOf: anyOf.map((option) => partial(option, at)) } : {}),
    ...(isMap(properties)
      ? { properties: Object.fromEntries([...Object.entries(properties), ...addingKeys(at, properties)]) }
      : {}),
  };
}

/** The keys `key+` that a map at a path may have. */
function addingKeys(
  at: readonly string[],
  properties: { readonly [key: string]: unknown },
): readonly (readonly [string, unknown])[] {
  return ADDING_KEYS.filter((path) => path.slice(0, -1).join(".") === at.join("."))
    .flatMap((path) => {
      const key = String(path.at(-1));
      const schema = properties[key.slice(0, -1)];
      if (!isMap(schema)) return [];
      const { default: _default, examples: _examples, ...same } = schema;
      return [
        [key, { ...same, description: `Adds to the list \`${key.slice(0, -1)}\` of the layers below.` }] as const,
      ];
    });
}

/** Whether a map of this schema, or of one of its alternatives, has keys that it must have. */
function requiresKeys(schema: unknown): boolean {
  if (!isMap(schema)) return false;
  const { required, anyOf } = schema;
  return Array.isArray(required) && required.length > 0 || Array.isArray(anyOf) && anyOf.some(requiresKeys);
}

/** Only what a schema says about required keys: those of its one alternative that is a map. */
function requiredOnly(schema: unknown): unknown {
  if (!isMap(schema)) return {};
  const { required, anyOf } = schema;
  if (Array.isArray(required)) return { if: { type: "object" }, then: { required } };
  const options: readonly unknown[] = Array.isArray(anyOf) ? anyOf : [];
  const map = options.find(requiresKeys);
  return map === undefined ? {} : requiredOnly(map);
}
