import { jsonText } from "../core/text.ts";
import type { JsonSchema } from "../core/shape.ts";
import { diffSchema } from "../diff/diff_shape.ts";
import { fleetDiffSchema } from "../diff/fleet.ts";
import { captureSchema } from "../host/capture.ts";
import { planSchema } from "../plan/plan_shape.ts";
import { layerSchema, profileSchema } from "../profile/schema.ts";
import { checkSchema } from "../render/check.ts";
import { matrixSchema } from "../render/matrix.ts";
import { outcomeSchema } from "../render/outcome.ts";
import { originSchema } from "../render/origin.ts";
import { historySchema } from "../state/attempt.ts";
import { statusSchema } from "../state/status.ts";

/** The JSON Schema of everything that warmboot reads and prints, by the name of its file under schema/. */
export const SCHEMAS: { readonly [name: string]: () => JsonSchema } = {
  profile: profileSchema,
  plan: planSchema,
  facts: captureSchema,
  status: statusSchema,
  history: historySchema,
  check: checkSchema,
  origin: originSchema,
  matrix: matrixSchema,
  layer: layerSchema,
  diff: diffSchema,
  fleet: fleetDiffSchema,
  outcome: outcomeSchema,
};

/** A schema as it is printed and committed. */
export function schemaText(schema: JsonSchema): string {
  return jsonText(schema);
}
