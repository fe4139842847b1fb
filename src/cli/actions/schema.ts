import type { ExitName } from "../../core/program.ts";
import { captureSchema } from "../../host/capture.ts";
import { statusSchema } from "../../state/status.ts";
import type { JsonSchema } from "../../core/shape.ts";
import { diffSchema } from "../../diff/diff_shape.ts";
import { planSchema } from "../../plan/plan_shape.ts";
import { layerSchema, profileSchema } from "../../profile/schema.ts";
import { checkSchema } from "../../render/check.ts";
import { matrixSchema } from "../../render/matrix.ts";
import { originSchema } from "../../render/origin.ts";
import { nearest } from "../../core/nearest.ts";
import type { Invocation } from "../command.ts";
import type { Ports } from "../ports.ts";
import { complain } from "../report.ts";
import { jsonText } from "../../core/text.ts";

/** The JSON Schema of everything that warmboot reads and prints, by the name of its file under schema/. */
export const SCHEMAS: { readonly [name: string]: () => JsonSchema } = {
  profile: profileSchema,
  plan: planSchema,
  facts: captureSchema,
  status: statusSchema,
  check: checkSchema,
  origin: originSchema,
  matrix: matrixSchema,
  layer: layerSchema,
  diff: diffSchema,
};

/** A schema as it is printed and committed. */
export function schemaText(schema: JsonSchema): string {
  return jsonText(schema);
}

/** Does what `warmboot schema` is asked to. */
export function run(invocation: Invocation, ports: Ports): Promise<ExitName> {
  const name = invocation.words[0] ?? "profile";
  const make = Object.hasOwn(SCHEMAS, name) ? SCHEMAS[name] : undefined;
  if (make === undefined) {
    const names = Object.keys(SCHEMAS);
    const near = nearest(name, names);
    complain(
      `There is no schema of "${name}"`,
      near === undefined ? `There are ${names.join(", ")}` : `Did you mean ${near}?`,
      ports,
    );
    return Promise.resolve("usage");
  }
  ports.out.write(schemaText(make()));
  return Promise.resolve("ok");
}
