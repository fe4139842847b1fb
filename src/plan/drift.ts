import type { HostFacts } from "../host/facts.ts";
import type { Images } from "./input.ts";
import type { Plan, PlannedFile } from "./plan.ts";

/** One way in which the world no longer is what a stored plan was made for. */
export interface Drift {
  /** What changed, as a noun. */
  readonly what: string;
  /** What it was. */
  readonly planned: string;
  /** What it is. */
  readonly now: string;
}

/** Compares a stored plan with the host and the files as they are; empty when it can be carried out as it is. */
export function driftOf(plan: Plan, facts: HostFacts, images: Images): readonly Drift[] {
  const drift: Drift[] = [];
  const compare = (what: string, planned: string | undefined, now: string | undefined) => {
    if (planned !== undefined && planned !== now) drift.push({ what, planned, now: now ?? "unknown" });
  };
  compare("the host's name", plan.host.hostname, facts.hostname);
  compare("the host's architecture", plan.host.machine, facts.machine);
  compare("the running kernel", plan.host.release, facts.release);
  if (plan.call.syscall === "kexec_file_load") {
    const found = [...(images.kernel === undefined ? [] : [images.kernel]), ...images.initrd];
    const planned: readonly PlannedFile[] = [plan.call.kernel, ...plan.call.initrd];
    planned.forEach((file, index) => {
      const now = found[index];
      compare(`the SHA-256 of ${file.path}`, file.sha256, now?.path === file.path ? now.sha256 : undefined);
    });
  }
  return drift;
}
