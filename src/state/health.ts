import type { Plan } from "../plan/plan.ts";
import { isSameImage } from "./already_loaded.ts";
import type { FoundRecord } from "./record.ts";
import type { ImageStatus, Status } from "./status.ts";

/** What a monitor asks about an image. */
export type HealthKind =
  | "ok"
  /** The image for a reboot is not what is declared. */
  | "differs"
  /** No image is loaded for a reboot. */
  | "not-loaded"
  /** No crash kernel is loaded. */
  | "crash-missing"
  /** The crash kernel is not what is declared, or describes a host that has changed. */
  | "crash-stale"
  /** The kernel does not report it, or no record says what is loaded. */
  | "undetermined";

/** The state of one image, with a sentence about it. */
export interface Health {
  readonly kind: HealthKind;
  /** Why; one line for people. */
  readonly message: string;
}

/** What an image is compared with. */
export interface Declared {
  /** What the user called it. */
  readonly name: string;
  readonly plan: Plan;
}

/**
 * Compares an image with what is declared, or without that with its own record: whether files, memory and CPUs are still
 * those that it was loaded from. Pure.
 */
export function healthOf(image: ImageStatus, found: FoundRecord, declared?: Declared): Health {
  const crash = image.image === "crash";
  const what = crash ? "crash kernel" : "image for a reboot";
  if (image.loaded === "no") {
    return { kind: crash ? "crash-missing" : "not-loaded", message: `No ${what} is loaded` };
  }
  if (image.loaded === "unknown") {
    return {
      kind: "undetermined",
      message: `The kernel does not report whether a${crash ? "" : "n"} ${what} is loaded`,
    };
  }
  if (image.record !== "matches" || found.kind !== "record") {
    const note = image.record === "stale" ? `${image.note}, so another program loaded the image` : image.note;
    return { kind: "undetermined", message: `Cannot determine which ${what} is loaded. ${note}` };
  }
  const kind = crash ? "crash-stale" : "differs";
  const { profile, release } = image;
  const loaded = `${release ?? "The image"} from profile ${profile} is loaded`;
  if (declared !== undefined && !isSameImage(declared.plan, found.record.plan)) {
    const see = `See the difference with: warmboot diff ${declared.name} @loaded`;
    return { kind, message: `${loaded}, which is not what ${declared.name} declares. ${see}` };
  }
  const [change, ...more] = image.changes ?? [];
  if (change !== undefined) {
    return { kind, message: `${loaded}, and the host has changed since. ${[change, ...more].join(". ")}` };
  }
  if (image.runs === "spent") {
    return { kind, message: `${loaded}, and it has run. Load it again before the next run` };
  }
  return { kind: "ok", message: declared === undefined ? loaded : `${loaded}, as ${declared.name} declares` };
}

/**
 * The images that a host should have if no profile says it: one for a reboot, and where memory is reserved for it, or one
 * is loaded, a crash kernel.
 */
export function expectedImages({ images, crash }: Status): readonly ImageStatus[] {
  return images.filter(({ image, loaded }) => image === "reboot" || loaded === "yes" || crash.state === "reserved");
}
