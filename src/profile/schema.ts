import { isMap, type JsonSchema } from "../core/shape.ts";
import { CONFLICT_SCHEMA } from "./conflicts.ts";
import { PROFILE } from "./fields.ts";

/**
 * The JSON Schema of a profile, draft-07, for editors. It gives the decoder's verdict except where an editor cannot see
 * what was written: it knows a number and not how it is spelt (`010`, `1e3`), a word and not whether it had quotes.
 */
export function profileSchema(): JsonSchema {
  const { properties, required, ...rest } = PROFILE.schema;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot profile",
    description: "A boot profile of warmboot: the kernel that Linux reboots into, and how it is loaded.",
    ...rest,
    required,
    properties: withMergeKeys(properties),
    patternProperties: MERGE_KEY,
    ...CONFLICT_SCHEMA,
  };
}

/** YAML's merge key is resolved before decoding; an editor that does not resolve it must not call it unknown. */
const MERGE_KEY: JsonSchema = { "^<<$": { type: ["object", "array"] } };

/** Lets every closed map of a schema have a merge key. */
function withMergeKeys(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withMergeKeys);
  if (!isMap(schema)) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, withMergeKeys(value)]));
  return inner.additionalProperties === false ? { ...inner, patternProperties: MERGE_KEY } : inner;
}
