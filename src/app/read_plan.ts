import { parse } from "@std/yaml";
import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import { isMap } from "../core/shape.ts";
import type { Plan } from "../plan/plan.ts";
import { decodePlan } from "../plan/plan_shape.ts";

/** A document that warmboot itself writes, told by its `format`; with `error` where it cannot be read as a whole. */
export type OwnDocument =
  | { readonly format: string; readonly value: unknown }
  | { readonly format: string; readonly error: string };

const FORMAT = /(?:^|[\s{,])["']?format["']?\s*:\s*["']?(warmboot\.\w+\/\d+)/;

/** Which document of warmboot's the bytes are, JSON or YAML; undefined for anything else, as a profile. */
export function ownDocument(bytes: Uint8Array): OwnDocument | undefined {
  const text = new TextDecoder().decode(bytes);
  // Most profiles are told apart by this search alone, and are parsed only once.
  const written = FORMAT.exec(text)?.[1];
  if (written === undefined) return undefined;
  try {
    const value = /^\s*\{/.test(text) ? JSON.parse(text) : parse(text, { schema: "json" });
    const format = isMap(value) ? value.format : undefined;
    return typeof format === "string" && format.startsWith("warmboot.") ? { format, value } : undefined;
  } catch (error) {
    // A profile that only quotes the format is told by the key that begins it.
    if (/^version\s*:/m.test(text)) return undefined;
    return { format: written, error: error instanceof Error ? error.message : String(error) };
  }
}

/** What each document is, and who takes it. */
const KINDS: { readonly [kind: string]: { readonly what: string; readonly hint: string } } = {
  plan: { what: "a stored plan", hint: "warmboot load carries it out" },
  facts: { what: "a capture of a host", hint: "Give it beside a profile: warmboot plan PROFILE --facts FILE" },
  status: { what: "the output of warmboot status", hint: "No command reads it; give a profile" },
  check: { what: "the output of warmboot check", hint: "No command reads it; give a profile" },
  record: { what: "the record of a load", hint: "warmboot status reads it by itself; give a profile" },
};

/**
 * Reads what may stand where a profile may: a stored plan where those are welcome; any other document of warmboot's is
 * an error that says what it is. Undefined for what is neither, and so, it may be, a profile.
 */
export function readOwn(bytes: Uint8Array, file: string, plansWelcome: boolean): Checked<Plan> | undefined {
  const own = ownDocument(bytes);
  if (own === undefined) return undefined;
  const kind = /^warmboot\.(\w+)/.exec(own.format)?.[1] ?? "";
  const position = { file, line: 1, column: 1, length: 1 };
  if (kind !== "plan" || !plansWelcome) {
    const { what, hint } = KINDS[kind] ?? { what: `a document of the form ${own.format}`, hint: "Give a profile" };
    const message = `This is ${what}, not ${plansWelcome ? "a profile or a plan" : "a profile"}`;
    return { value: undefined, diagnostics: [{ code: "wrong-type", severity: "error", message, position, hint }] };
  }
  if ("error" in own) {
    const message = `The plan cannot be read: ${own.error}`;
    return { value: undefined, diagnostics: [{ code: "wrong-type", severity: "error", message, position }] };
  }
  const diagnostics: Diagnostic[] = [];
  const hint = "A plan is not written by hand: make it anew with warmboot plan PROFILE --out FILE";
  const value = decodePlan(own.value, [], (problem) => diagnostics.push({ position, hint, ...problem }));
  return { value, diagnostics };
}
