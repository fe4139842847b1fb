import { chooseCall } from "./choose.ts";
import type { PlanInput } from "./input.ts";
import { packedReason } from "./predecompress.ts";
import { resolvedCmdline } from "./resolved_cmdline.ts";

/** Which files of a plan are to be unpacked before it is made. */
export interface Unpacking {
  /** The kernel, and what it becomes: the segments of kexec_load, or the bzImage that kexec_file_load gets. */
  readonly kernel: "segments" | "image" | undefined;
  /** The initrds, where that saves time. */
  readonly initrd: boolean;
}

/** What must be unpacked for a plan; the caller adds the result to `images`. */
export function unpackingOf(input: PlanInput): Unpacking {
  const { profile, facts, images } = input;
  const none = { kernel: undefined, initrd: false };
  if (profile.predecompress === false || images.kernel === undefined) return none;
  const { syscall } = chooseCall(input);
  // An arm64 kernel is handed over unpacked in any case: see `innerOf`.
  if (facts.machine !== "x86_64") {
    return { ...none, initrd: syscall === "kexec_load" && !profile.crash && facts.machine === "aarch64" };
  }
  if (resolvedCmdline(input) === undefined) return none;
  const isPacked = packedReason(input, syscall) !== undefined;
  return syscall === "kexec_load"
    ? { kernel: isPacked ? undefined : "segments", initrd: !profile.crash }
    : { kernel: isPacked ? undefined : "image", initrd: false };
}
