import type { HostFacts } from "../host/facts.ts";
import type { ImageInfo, InitrdInfo } from "../image/image.ts";
import type { Profile } from "../profile/profile.ts";

/** A file that was opened, hashed and identified. */
export interface IdentifiedFile<Info> {
  /** As the plan names it. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** What it must hash to, where the profile or a stored plan pins it. */
  readonly pinned?: string;
  /** What it turned out to be. */
  readonly info: Info;
}

/** The files that a profile names. */
export interface Images {
  /** The kernel; absent with explicit segments. */
  readonly kernel?: IdentifiedFile<ImageInfo>;
  /** The initrds, in order. */
  readonly initrd: readonly IdentifiedFile<InitrdInfo>[];
  /** The files of explicit segments. */
  readonly segments?: readonly IdentifiedFile<undefined>[];
}

/** A part of a file. */
export interface FilePart {
  /** The file, as it is named elsewhere. */
  readonly path: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** All that the planner sees. */
export interface PlanInput {
  /** What is declared. */
  readonly profile: Profile;
  /** What the host is. */
  readonly facts: HostFacts;
  /** What the files are. */
  readonly images: Images;
  /** The SHA-256 of the parts that `partsNeeded` names, by `partKey`. */
  readonly partDigests?: ReadonlyMap<string, string>;
}

/** The name of a part in `partDigests`. */
export function partKey({ path, offset, length }: FilePart): string {
  return `${path}@${offset}+${length}`;
}
