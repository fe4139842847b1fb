import { chooseCall } from "./choose.ts";
import type { PlanInput } from "./input.ts";
import { resolvedCmdline } from "./resolved_cmdline.ts";
import { predecompressObjection } from "../arch/x86_64/predecompress.ts";

/** Which files of a plan are to be unpacked before it is made. */
export interface Unpacking {
  /** The kernel. */
  readonly kernel: boolean;
  /** The initrds, where that saves time. */
  readonly initrd: boolean;
}

/** What must be unpacked for a plan; the caller adds the result to `images`. */
export function unpackingOf(input: PlanInput): Unpacking {
  const { profile, facts, images } = input;
  const none = { kernel: false, initrd: false };
  if (!profile.predecompress || images.kernel === undefined) return none;
  if (chooseCall(input).syscall !== "kexec_load") return none;
  // An arm64 kernel is handed over unpacked in any case: see `innerOf`.
  if (facts.machine !== "x86_64") return { kernel: false, initrd: !profile.crash && facts.machine === "aarch64" };
  const cmdline = resolvedCmdline(input);
  if (cmdline === undefined) return none;
  return { kernel: predecompressObjection(images.kernel, facts, cmdline) === undefined, initrd: !profile.crash };
}
