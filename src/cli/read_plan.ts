import { parse } from "@std/yaml";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import type { Plan } from "../plan/plan.ts";
import { decodePlan } from "../plan/plan_shape.ts";

/** Decodes a stored plan, JSON or YAML; undefined if the bytes are no plan at all, but, it may be, a profile. */
export function readPlan(bytes: Uint8Array, file: string): Checked<Plan> | undefined {
  const text = new TextDecoder().decode(bytes);
  if (!/^\s*\{[^]*"format"\s*:\s*"warmboot\.plan\/|^format: ["']?warmboot\.plan\//.test(text)) return undefined;
  const diagnostics: Diagnostic[] = [];
  const position = { file, line: 1, column: 1, length: 1 };
  try {
    const value = decodePlan(
      /^\s*\{/.test(text) ? JSON.parse(text) : parse(text, { schema: "json" }),
      [],
      (problem) => {
        diagnostics.push({ position, ...problem });
      },
    );
    return { value, diagnostics };
  } catch (error) {
    const message = `The plan cannot be read: ${error instanceof Error ? error.message : error}`;
    return { value: undefined, diagnostics: [{ code: "wrong-type", severity: "error", message, position }] };
  }
}
