import type { JsonSchema } from "../core/shape.ts";

/** Schema of any value: the key only has to be present. */
export const STATED: JsonSchema = {};

/** Schema of a true boolean, as an editor or as the failsafe schema sees it. */
export const IS_TRUE: JsonSchema = { enum: [true, "true", "True", "TRUE"] };

/** Schema of a false one. */
export const IS_FALSE: JsonSchema = { enum: [false, "false", "False", "FALSE"] };

/** Schema of a map that is not empty. */
export const FILLED_MAP: JsonSchema = { type: "object", minProperties: 1 };

/** Schema of a list that is not empty. */
export const FILLED: JsonSchema = { type: "array", minItems: 1 };

/** Schema of a map that has all of these keys, each with a value that its schema matches. */
export function given(keys: { readonly [key: string]: JsonSchema }): JsonSchema {
  return { type: "object", required: Object.keys(keys), properties: keys };
}
