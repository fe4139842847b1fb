import type { HostFacts } from "../host/facts.ts";
import { type KernelStart, kernelStartOf } from "../plan/kernel_start.ts";
import { type Plan, rolesOf } from "../plan/plan.ts";
import { type OpenFile, ReadError } from "./files/open_file.ts";

/** How the kernel of a plan starts, from its open file; undefined where there is none. */
export function kernelStart(
  plan: Plan,
  { files, facts }: { readonly files: readonly OpenFile[]; readonly facts: HostFacts },
): KernelStart | undefined {
  const path = rolesOf(plan.call).kernel;
  const file = files.find((each) => each.path === path);
  try {
    return file === undefined ? undefined : kernelStartOf(plan, file, facts);
  } catch (error) {
    // The load itself reads the file, too, and says so.
    if (error instanceof ReadError) return undefined;
    throw error;
  }
}
