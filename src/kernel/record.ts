import { choice, count, record, type Report, type Shape, text } from "../core/shape.ts";
import type { Path } from "../core/diagnostic.ts";
import type { Plan } from "../plan/plan.ts";
import { decodePlan } from "../plan/plan_shape.ts";

/** What `load` leaves behind about an image that it loaded: the kernel itself tells no more than 0 or 1. */
export interface LoadRecord {
  readonly format: "warmboot.record/1";
  /** The boot in which it was loaded, from /proc/sys/kernel/random/boot_id. */
  readonly bootId?: string;
  /** When, in UTC, as 2026-11-22T10:00:00Z. */
  readonly loadedAt: string;
  /** The user who ran warmboot; the one before sudo, where sudo says so. */
  readonly user: string;
  readonly uid: number;
  readonly plan: Plan;
}

const plan: Shape<Plan> = { schema: {}, expected: "a plan", decode: decodePlan };

const shape: Shape<LoadRecord> = record<LoadRecord>({
  format: { shape: choice(["warmboot.record/1"]), doc: "The form of this document" },
  bootId: { shape: text, doc: "The boot in which it was loaded", fallback: { value: undefined } },
  loadedAt: { shape: text, doc: "When, in UTC" },
  user: { shape: text, doc: "Who ran warmboot" },
  uid: { shape: count, doc: "The user's number" },
  plan: { shape: plan, doc: "The plan that was carried out" },
}, "a record of warmboot");

/** Decodes a record. */
export function decodeRecord(value: unknown, at: Path, report: Report): LoadRecord | undefined {
  return shape.decode(value, at, report);
}
