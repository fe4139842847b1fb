import { builtImageObjection, predecompressObjection } from "../arch/x86_64/predecompress.ts";
import type { PlanInput } from "./input.ts";
import type { Call } from "./plan.ts";
import { resolvedCmdline } from "./resolved_cmdline.ts";

/**
 * Why a kernel still decompresses itself by this call, though the profile asks for the opposite; undefined where it does
 * not, or was not asked. Completes "The kernel still decompresses itself, because …".
 */
export function packedReason(input: PlanInput, syscall: Call["syscall"]): string | undefined {
  const { profile, facts, images: { kernel } } = input;
  if (profile.predecompress === false || kernel === undefined || facts.machine !== "x86_64") return undefined;
  const cmdline = resolvedCmdline(input) ?? "";
  return predecompressObjection(kernel, facts, cmdline) ??
    (syscall === "kexec_file_load" ? builtImageObjection(facts, cmdline) : undefined) ?? kernel.kept;
}
