import type { Path } from "../core/diagnostic.ts";
import type { JsonSchema, Report, Shape } from "../core/shape.ts";

/**
 * A shape with a further step, which converts the decoded value or rejects it (by a report, returning undefined).
 * `schema` replaces the first shape's where the step narrows it.
 */
export function refine<T, U>(
  shape: Shape<T>,
  step: (value: T, at: Path, report: Report) => U | undefined,
  schema: JsonSchema = shape.schema,
): Shape<U> {
  return {
    schema,
    expected: shape.expected,
    decode(value, at, report) {
      const decoded = shape.decode(value, at, report);
      return decoded === undefined ? undefined : step(decoded, at, report);
    },
  };
}
