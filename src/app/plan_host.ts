import type { Checked, Diagnostic } from "../core/diagnostic.ts";
import type { Capture } from "../host/capture.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Plan } from "../plan/plan.ts";
import type { Profile } from "../profile/profile.ts";
import type { Reading } from "./image_file.ts";
import { prepareFrom, wantedBy } from "./prepare.ts";
import { capturedHost, readFacts } from "./read_facts.ts";

/** For which host a plan is made. */
export interface PlanHostOptions {
  /** A captured host, perhaps with its image files; without it, the plan is for this host. */
  readonly facts?: Capture | undefined;
  /** Called before each file is hashed. */
  readonly onReading?: Reading | undefined;
}

/** A plan, and what is known of the host that it is for. */
export interface PlannedForHost extends Checked<Plan> {
  /** The facts of the host, which pictures of the plan need; undefined where they cannot be read. */
  readonly facts: HostFacts | undefined;
}

/**
 * Plans a profile for this host, or for a captured one: opens and hashes the files, chooses the system call and checks
 * everything that can be checked before it. What `warmboot plan` does. A plan with a failed check is a value too: look at
 * its `checks` with {@linkcode mayRun}. Files that the capture holds are taken from it; others are read here.
 *
 * Needs permission to read the files; for this host, `--allow-all`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { defineProfile, parseCapture, planHost } from "@warmboot/warmboot";
 *
 * // What `warmboot facts --images web.yaml` printed on a host, in short.
 * const { value: facts } = parseCapture(JSON.stringify({
 *   format: "warmboot.facts/1",
 *   files: {
 *     "/proc/sys/kernel/arch": "x86_64\n",
 *     "/proc/sys/kernel/osrelease": "6.12.0\n",
 *     "/proc/self/auxv": { base64: "BgAAAAAAAAAAEAAAAAAAAA==" },
 *   },
 *   images: { "/boot/script": { size: 10, sha256: "0".repeat(64), ranges: [{ offset: 0, base64: "IyEvYmluL3NoCg==" }], parts: [] } },
 * }), "host.json");
 * const { value: profile } = defineProfile({ kernel: "/boot/script" });
 * if (profile === undefined) throw new Error("Cannot happen: the profile is valid");
 *
 * const { value: plan } = await planHost(profile, { facts });
 * assertEquals(plan?.checks.find(({ status }) => status === "fail")?.rule, "kernel-image");
 * ```
 */
export async function planHost(profile: Profile, { facts, onReading }: PlanHostOptions = {}): Promise<PlannedForHost> {
  const source = { kind: "profile", profile, files: [], place: (diagnostic: Diagnostic) => diagnostic } as const;
  const host = facts === undefined ? readFacts(undefined, wantedBy(source)) : capturedHost(facts);
  using prepared = await prepareFrom(source, host, { onReading });
  return { value: prepared.plan, facts: host.facts, diagnostics: prepared.diagnostics };
}
