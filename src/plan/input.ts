import type { ColdReboot } from "../entry/cold_reboot.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Profile } from "../profile/profile.ts";
import type { Images } from "../image/boot_files.ts";
import type { FailedPlan } from "./failed_plan.ts";

/** A part of a file, or of what it unpacks to. */
export interface FilePart {
  /** A part of what it unpacks to. */
  readonly unpacked?: true;
  /** The path of the file. */
  readonly path: string;
  /** Bytes from its start. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** Everything that the planner sees. */
export interface PlanInput {
  /** What is declared. */
  readonly profile: Profile;
  /** What the host is. */
  readonly facts: HostFacts;
  /** What the files are. */
  readonly images: Images;
  /** The plans whose last attempt on the host failed; absent where that is not known. */
  readonly failed?: readonly FailedPlan[];
  /** The SHA-256 of the parts that `partsNeeded` names, by `partKey`. */
  readonly partDigests?: ReadonlyMap<string, string>;
  /** What a cold reboot of the host boots; asked only where there is a guard. */
  readonly coldReboot?: ColdReboot;
}

/** The name of a part in `partDigests`. */
export function partKey({ path, offset, length, unpacked }: FilePart): string {
  return `${path}${unpacked === true ? " unpacked" : ""}@${offset}+${length}`;
}
