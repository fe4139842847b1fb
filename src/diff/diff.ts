import type { Check, PlannedFile, Reason } from "../plan/plan.ts";
import type { PlannedOverlayFile } from "../plan/planned_overlay.ts";

/** A part of what boots, as the text output groups them. */
export type Aspect =
  | "host"
  | "kernel"
  | "cmdline"
  | "initrd"
  | "file"
  | "call"
  | "reason"
  | "flag"
  | "guard"
  | "segment"
  | "check";

/** Every aspect, in the order in which a diff lists them. */
export const ASPECTS: readonly Aspect[] = [
  "kernel",
  "initrd",
  "file",
  "cmdline",
  "call",
  "flag",
  "segment",
  "guard",
  "reason",
  "check",
  "host",
];

/** A parameter of a command line. */
export interface PlacedParameter {
  /** As it is written. */
  readonly word: string;
  /** Its position among the parameters, from 1. */
  readonly position: number;
  /** It follows `--`, and belongs to init. */
  readonly init?: true;
}

/** An initrd, and its position in the list. */
export interface PlacedFile extends PlannedFile {
  /** From 1. */
  readonly position: number;
}

/** A segment without where its bytes come from. */
export interface SegmentPlace {
  /** Physical address, hexadecimal. */
  readonly mem: string;
  /** Memory that it takes, bytes. */
  readonly memsz: number;
  /** Bytes copied. */
  readonly bufsz: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

/** What happened to a segment that both sides have. */
export type SegmentFate = "moved" | "grown" | "shrunk" | "content";

/** A part that only one side has. */
export type Lone<T> = { readonly action: "add"; readonly to: T } | { readonly action: "remove"; readonly from: T };

/** A part that both sides have. `move`: it is the same, at another position in its list. */
export interface Altered<T, Action extends "change" | "move" = "change"> {
  /** Whether it differs, or only moved. */
  readonly action: Action;
  /** As it was. */
  readonly from: T;
  /** As it becomes. */
  readonly to: T;
}

/** A property of the image that boots, or of the host. Unknown values are never compared. */
export type KernelField = "release" | "version" | "path" | "image" | "sha256" | "machine";

/** One difference. */
export type Change =
  | { readonly about: "kernel"; readonly field: KernelField } & (Altered<string> | Lone<string>)
  | { readonly about: "initrd" } & (Altered<PlacedFile, "change" | "move"> | Lone<PlacedFile>)
  /** A file that is added to the initrd, by its path in the next root. */
  | { readonly about: "file"; readonly path: string } & (Altered<PlannedOverlayFile> | Lone<PlannedOverlayFile>)
  | { readonly about: "cmdline" } & (Altered<PlacedParameter, "change" | "move"> | Lone<PlacedParameter>)
  /** `field` is the path of a part of the call, as `segments kernel offset`. */
  | { readonly about: "call"; readonly field: string } & Altered<string>
  | { readonly about: "flag" } & Lone<string>
  /** `field` is the path of a part of the plan's guard. */
  | { readonly about: "guard"; readonly field: string } & (Altered<string> | Lone<string>)
  | {
    readonly about: "segment";
    readonly name: string;
    /** Empty for one that was added or removed. */
    readonly fate: readonly SegmentFate[];
  } & (Altered<SegmentPlace> | Lone<SegmentPlace>)
  | { readonly about: "reason" } & Lone<Reason>
  | { readonly about: "check"; readonly rule: string } & (Altered<CheckState> | Lone<CheckState>)
  | { readonly about: "host"; readonly field: "hostname" | "machine" | "release" } & (Altered<string> | Lone<string>);

/** A check's verdict. */
export type CheckState = Pick<Check, "status" | "message">;

/** What one side of a diff is. */
export type SideKind = "profile" | "plan" | "running" | "loaded" | "default";

/** Something that could not be compared, because it is unknown on one side. */
export interface Unknown {
  /** The part. */
  readonly about: Aspect;
  /** The side, as it is named. */
  readonly side: string;
  /** What is not known, as a noun phrase. */
  readonly what: string;
}

/** How two sides differ: inert data, and its own JSON form. */
export interface Diff {
  /** The format of this document. */
  readonly format: "warmboot.diff/1";
  /** The current state, or what was named first. */
  readonly from: { readonly kind: SideKind; readonly name: string };
  /** What it is compared with. */
  readonly to: { readonly kind: SideKind; readonly name: string };
  /** True if nothing that could be compared differs. */
  readonly same: boolean;
  /** True if that is certain: nothing that decides what boots is unknown, or the stamps of both sides settle it. */
  readonly certain: boolean;
  /** Every difference, by aspect. */
  readonly changes: readonly Change[];
  /** What was compared and is the same. */
  readonly unchanged: readonly Aspect[];
  /** What could not be compared. */
  readonly unknown: readonly Unknown[];
  /** Parameters of the running command line that describe how it was booted: they are not compared. */
  readonly ignored: readonly string[];
}
