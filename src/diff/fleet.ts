import { choice, type JsonSchema, list, record, type Shape, text } from "../core/shape.ts";
import type { Diff } from "./diff.ts";
import { diffShape } from "./diff_shape.ts";

/** A captured host, as a comparison of a fleet names it. */
export interface FleetHost {
  /** The path of its capture in the folder, without its ending. */
  readonly name: string;
  /** When it was captured, UTC; absent in captures of older versions. */
  readonly capturedAt?: string;
  /** The boot in which it was captured. */
  readonly bootId?: string;
}

/** What becomes of a profile on a host that it is for. */
export type FleetState =
  /** Nothing changes. */
  | "same"
  /** `diff` says what changes. */
  | "differs"
  /** The profile is new, or newly for this host; `diff` compares it with the running system. */
  | "added"
  /** The profile is gone, or no longer for this host. */
  | "removed"
  /** One of the sides cannot be planned; `problems` says why. */
  | "failed";

/** A profile on a host. */
export interface FleetEntry {
  readonly profile: string;
  readonly host: string;
  readonly state: FleetState;
  readonly diff?: Diff;
  /** Whole sentences. */
  readonly problems?: readonly string[];
}

/** What profiles change on each host that they are for. */
export interface FleetDiff {
  /** The form of this document. */
  readonly format: "warmboot.fleet-diff/1";
  readonly hosts: readonly FleetHost[];
  /** By profile, then by host. A host that a profile is not for has no entry. */
  readonly entries: readonly FleetEntry[];
}

const optional = { value: undefined };

const shape: Shape<FleetDiff> = record<FleetDiff>({
  format: { shape: choice(["warmboot.fleet-diff/1"]), doc: "The format of this document" },
  hosts: {
    shape: list(record<FleetHost>({
      name: { shape: text, doc: "The path of its capture in the folder, without its ending" },
      capturedAt: { shape: text, doc: "When it was captured, UTC", fallback: optional },
      bootId: { shape: text, doc: "The boot in which it was captured", fallback: optional },
    })),
    doc: "The captured hosts",
  },
  entries: {
    shape: list(record<FleetEntry>({
      profile: { shape: text, doc: "The profile" },
      host: { shape: text, doc: "The host" },
      state: {
        shape: choice(["same", "differs", "added", "removed", "failed"]),
        doc: "What becomes of it; `added` and `removed` also if the host is newly or no longer one that it is for",
      },
      diff: { shape: diffShape, doc: "The difference; of what is added, from the running system", fallback: optional },
      problems: { shape: list(text), doc: "Why a side cannot be planned", fallback: optional },
    })),
    doc: "Each profile on each host that it is for",
  },
});

/** The JSON Schema of `diff --facts-dir -o json`. */
export function fleetDiffSchema(): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "warmboot fleet diff",
    description: "What `warmboot diff --facts-dir DIR -o json` prints",
    ...shape.schema,
  };
}
