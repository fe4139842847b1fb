import type { Diagnostic } from "../core/diagnostic.ts";
import type { HostFacts } from "../host/facts.ts";
import type { InitrdFile } from "../image/boot_files.ts";
import type { OverlayOrigin } from "../image/overlay.ts";
import type { OverlayFile } from "../profile/overlay_file.ts";

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
  // `unlock` and `carry` of the profile are named here, and join in `furtherFiles` below.
  readonly unlock?: never;
  readonly carry?: never;
}

/** The files that these keys add, in one archive after all others. */
export function furtherFiles(
  _demands: FurtherDemands,
  _input: FurtherInput,
): { readonly value: readonly FurtherFiles[]; readonly diagnostics: readonly Diagnostic[] } {
  return { value: [], diagnostics: [] };
}

/** Whether any of these keys asks for files: then the names in the initrds are kept. */
export function asksForFiles(_demands: FurtherDemands): boolean {
  return false;
}
