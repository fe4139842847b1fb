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
}

/** All that the planner sees. */
export interface PlanInput {
  /** What is declared. */
  readonly profile: Profile;
  /** What the host is. */
  readonly facts: HostFacts;
  /** What the files are. */
  readonly images: Images;
}
