import type { Path } from "../core/diagnostic.ts";
import {
  anyText,
  choice,
  type Fields,
  type JsonSchema,
  list,
  record,
  type Report,
  type Shape,
  text,
} from "../core/shape.ts";
import { call } from "./call_shape.ts";
import { plannedCarryShape } from "./carry/planned_carry.ts";
import { declaredShape } from "./declared.ts";
import { plannedGuardShape } from "./guard.ts";
import { plannedOverlaysShape } from "./planned_overlay.ts";
import { RECREATE } from "./contradictions.ts";
import type { Check, Plan, PlannedHost, Reason } from "./plan.ts";
import { requiresShape } from "../profile/planned_requires.ts";
import { refine } from "../profile/refine.ts";
import { plannedUnbindShape } from "../profile/unbind_shape.ts";
import { plannedUnlockShape } from "./unlock/planned.ts";
import { sumsOf } from "./sums.ts";

const optional = { value: undefined };

/** A host, as plans and `status` name it. */
export const hostShape: Shape<PlannedHost> = record<PlannedHost>({
  hostname: { shape: text, doc: "Its name", fallback: optional },
  machine: { shape: text, doc: "Its architecture, as uname -m says" },
  release: { shape: text, doc: "Its running kernel, as uname -r says" },
  cmdline: { shape: anyText, doc: "Its running kernel's command line", fallback: optional },
});

/** Verdicts, as plans and `status` list them. */
export const checksShape: Shape<readonly Check[]> = list(record<Check>({
  rule: { shape: text, doc: "The rule's name" },
  status: { shape: choice(["pass", "warn", "fail"]), doc: "Its verdict" },
  message: { shape: text, doc: "What was found, for people" },
  hint: { shape: text, doc: "What to do about it", fallback: optional },
}));

const fields: Fields<Plan> = {
  format: { shape: choice(["warmboot.plan/1"]), doc: "The format of this document" },
  warmboot: { shape: text, doc: "The version of warmboot that made the plan", fallback: optional },
  profile: { shape: text, doc: "The name of the profile" },
  host: { shape: hostShape, doc: "The host that the plan was made for" },
  requires: { shape: requiresShape, doc: "What the profile requires of its host", fallback: optional },
  unbind: {
    shape: plannedUnbindShape,
    doc: "The devices that are taken from their drivers just before the jump",
    fallback: optional,
  },
  unlock: {
    shape: plannedUnlockShape,
    doc: "The LUKS volumes that the next initrd opens with keys that it is given",
    fallback: optional,
  },
  guard: { shape: plannedGuardShape, doc: "The way back if the new system does not come up", fallback: optional },
  carry: {
    shape: plannedCarryShape,
    doc: "What of the running system the next initrd gets",
    fallback: optional,
  },
  declared: {
    shape: declaredShape,
    doc: "What the profile declares: the plan is derived from it again before it is loaded",
    fallback: optional,
  },
  call: { shape: call, doc: "The system call that loads the image" },
  overlays: {
    shape: plannedOverlaysShape,
    doc: "The archives among its initrds that are made at load, and what they add to the next root",
    fallback: optional,
  },
  release: { shape: text, doc: "The new kernel's release, where known", fallback: optional },
  version: { shape: text, doc: "Its build, as uname -v will say, where known", fallback: optional },
  reasons: {
    shape: list(record<Reason>({
      code: { shape: text, doc: "The reason's name" },
      message: { shape: text, doc: "The reason, for people" },
    })),
    doc: "Why this call",
  },
  checks: { shape: checksShape, doc: "Every rule that applies, with its verdict" },
};

const plan: Shape<Plan> = refine(record<Plan>(fields, "a plan of warmboot"), (decoded, at, report) => {
  const found = sumsOf(decoded);
  if (found.kind === "sums") return decoded;
  return void report({
    code: "conflict",
    severity: "error",
    path: [...at, "call", "checksum"],
    message: found.why,
    hint: RECREATE,
  });
});

/** Decodes a stored plan. */
export function decodePlan(value: unknown, at: Path, report: Report): Plan | undefined {
  return plan.decode(value, at, report);
}

/** The JSON Schema of `plan -o json`. */
export function planSchema(): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot plan",
    description: "What `warmboot plan -o json` prints and `warmboot load` carries out",
    ...plan.schema,
  };
}
