import type { Diagnostic } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";
import type { InitrdFile } from "../image/boot_files.ts";
import type { OverlayOrigin } from "../image/overlay.ts";
import type { OverlayFile } from "../profile/overlay_file.ts";
import type { CarriedPart } from "../profile/profile.ts";
import { carriedFiles } from "./carry/planned_carry.ts";

/** Files that are added to the next initrd because other keys of the profile ask for something. */
export interface FurtherFiles {
  /** The key. */
  readonly origin: Exclude<OverlayOrigin, "profile">;
  /** The files, in order. */
  readonly files: readonly OverlayFile[];
}

/** What these files depend on. */
export interface FurtherInput {
  /** The host; undefined where it is not known yet. */
  readonly facts?: HostFacts | undefined;
  /** The initrds, with what they hold. */
  readonly initrd: readonly InitrdFile[];
}

/** The keys of a profile that add files to the next initrd. */
export interface FurtherDemands {
  // `unlock` of the profile is named here, and joins in `furtherFiles` below.
  readonly unlock?: never;
  /** What of the running system the next initrd gets. */
  readonly carry?: readonly CarriedPart[];
}

/** The files that these keys add, in one archive after all others. */
export function furtherFiles(
  { carry = [] }: FurtherDemands,
  { facts, initrd }: FurtherInput,
): { readonly value: readonly FurtherFiles[]; readonly diagnostics: readonly Diagnostic[] } {
  const carried = facts === undefined ? [] : carriedFiles(carry, initrd, facts);
  return { value: carried.length === 0 ? [] : [{ origin: "carry", files: carried }], diagnostics: [] };
}

/** Whether any of these keys asks for files: then the names in the initrds are kept. */
export function asksForFiles({ carry = [] }: FurtherDemands): boolean {
  return carry.length > 0;
}
