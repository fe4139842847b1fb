import type { HostFacts } from "../host/facts.ts";
import type { InitrdFile } from "../image/boot_files.ts";
import type { OverlayOrigin } from "../image/overlay.ts";
import { resolveCmdline } from "../profile/cmdline/resolve.ts";
import type { OverlayFile } from "../profile/overlay_file.ts";
import type { CarriedPart, CmdlineSpec, Unlock } from "../profile/profile.ts";
import { carriedFiles } from "./carry/planned_carry.ts";
import { planUnlock } from "./unlock/unlock.ts";

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
  /** Volumes that the initrd opens, and the command line that it sees. */
  readonly unlock?: {
    readonly entries: readonly Unlock[];
    readonly cmdline: CmdlineSpec;
    readonly crash: boolean;
  };
  /** What of the running system the next initrd gets. */
  readonly carry?: readonly CarriedPart[];
}

/** The files that these keys add, in one archive after all others. */
export function furtherFiles(
  { unlock, carry = [] }: FurtherDemands,
  { facts, initrd }: FurtherInput,
): readonly FurtherFiles[] {
  const keys = unlock === undefined ? [] : keyFiles(unlock, facts, initrd);
  const carried = facts === undefined ? [] : carriedFiles(carry, initrd, facts);
  const all: readonly FurtherFiles[] = [{ origin: "unlock", files: keys }, { origin: "carry", files: carried }];
  return all.filter(({ files }) => files.length > 0);
}

/** The keys of volumes, and the crypttab that names them. A volume that stays closed is the subject of a check. */
function keyFiles(
  { entries, cmdline, crash }: NonNullable<FurtherDemands["unlock"]>,
  facts: HostFacts | undefined,
  initrd: readonly InitrdFile[],
): readonly OverlayFile[] {
  // Where the command line cannot be resolved, there is no plan, and the planner says why.
  const { value } = resolveCmdline(cmdline, {
    crash,
    ...(facts?.cmdline === undefined ? {} : { running: facts.cmdline }),
  });
  return planUnlock({ unlock: entries, cmdline: value ?? "", images: { initrd }, facts: facts ?? {} }).files;
}

/** Whether any of these keys asks for files: then the names in the initrds are kept. */
export function asksForFiles({ unlock, carry = [] }: FurtherDemands): boolean {
  return unlock !== undefined || carry.length > 0;
}

/** The initrds that these keys depend on: all but the archive that they ask for. */
export function withoutFurther(initrd: readonly InitrdFile[]): readonly InitrdFile[] {
  return initrd.filter(({ overlay }) => overlay?.files.every(({ origin }) => origin === "profile") ?? true);
}
