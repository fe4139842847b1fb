/** What warmboot says to a call, and whether that is what the table has. */
import type { Diagnostic } from "../../../src/core/diagnostic.ts";
import type { HostFacts } from "../../../src/host/facts.ts";
import { closeFile, openFile } from "../../../src/app/files/open_file.ts";
import { identifyKernel } from "../../../src/image/identify.ts";
import { identifyInitrd } from "../../../src/image/initrd.ts";
import { diagnose } from "../../../src/syscall/errors/diagnose.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { decodePlan } from "../../../src/plan/plan_shape.ts";
import { planBoot } from "../../../src/plan/planner.ts";
import { recheck } from "../../../src/plan/stored.ts";
import { parseProfile } from "../../../src/profile/parse.ts";
import type { Attempt, Ours } from "./condition.ts";
import { pathOf, profileText, storedPlan, syscallOf } from "./stated.ts";
import type { IdentifiedFile, Images } from "../../../src/image/boot_files.ts";

/** The names of what complains: codes of errors, failed rules, rules that warn. */
export interface Verdict {
  readonly fails: readonly string[];
  readonly warns: readonly string[];
  /** The cause that a refusal is explained by. */
  readonly cause?: string;
}

const SILENCE: Verdict = { fails: [], warns: [] };

/** What warmboot says before the call, by the way that the table names; and after it, where nothing can be said before. */
export async function verdictOn(attempt: Attempt, ours: Ours, facts: HostFacts, errno: number): Promise<Verdict> {
  switch (ours.by) {
    case "nothing":
      return SILENCE;
    case "stored plan":
      return await onStoredPlan(attempt, facts);
    case "profile":
      return onProfile(attempt, facts);
    case "agreement":
    case "cause": {
      const call = syscallOf(attempt);
      const before = unloads(attempt) ? SILENCE : onProfile(attempt, facts);
      const cause = errno === 0 ? undefined : diagnose({ call, errno, facts })?.cause;
      return { ...before, ...(cause === undefined ? {} : { cause }) };
    }
  }
}

/** Whether that is what the table has. `taken`: this kernel takes what another one refuses. */
export function isSaid(ours: Ours, taken: boolean, { fails, warns, cause = "" }: Verdict): boolean {
  if (taken) return fails.length + warns.length === 0;
  switch (ours.by) {
    case "nothing":
      return true;
    case "agreement":
      return fails.length === 0;
    case "cause":
      return fails.every((name) => name === ours.beside) && cause.includes(ours.says);
    default:
      return ours.status === "warn" ? fails.length === 0 && warns.includes(ours.says) : fails.includes(ours.says);
  }
}

/** Whether it is said that the kernel is built without kexec_file_load, or what is wrong with the call besides. */
export function isSaidOfLacking(ours: Ours, { fails, cause = "" }: Verdict): boolean {
  const besides = ours.by === "profile" || ours.by === "stored plan" ? ours.says : undefined;
  return ours.by === "nothing" || cause.includes("lacks kexec_file_load") ||
    fails.some((name) => name === "call-available" || name === besides);
}

/** No profile unloads. */
function unloads(attempt: Attempt): boolean {
  return syscallOf(attempt).name.endsWith("unload");
}

function onProfile(attempt: Attempt, facts: HostFacts): Verdict {
  const { value: profile, diagnostics } = parseProfile(profileText(attempt), "/run/conformance.yaml");
  const files = filesOf(attempt);
  const problems = [...diagnostics, ...files.problems];
  if (profile === undefined || files.problems.length > 0) return told(undefined, problems);
  const { value: plan, diagnostics: more } = planBoot({ profile, facts, images: files.images });
  return told(plan, [...problems, ...more]);
}

async function onStoredPlan(attempt: Attempt, facts: HostFacts): Promise<Verdict> {
  const { images } = filesOf(attempt);
  const problems: Diagnostic[] = [];
  const stored = await storedPlan(attempt, facts, images);
  const plan = decodePlan(stored, [], (problem) => problems.push(problem));
  if (plan === undefined) return told(undefined, problems);
  // An edited plan is refused whatever it asks for; what matters here is what the other rules say of it.
  const { checks, ...rest } = recheck(plan, facts, images);
  return told({ ...rest, checks: checks.filter(({ rule }) => rule !== "stored-plan") }, problems);
}

function told(plan: Plan | undefined, diagnostics: readonly Diagnostic[]): Verdict {
  const named = [
    ...diagnostics.map(({ code, severity }) => ({ name: code, fails: severity === "error" })),
    ...(plan?.checks ?? []).filter(({ status }) => status !== "pass")
      .map(({ rule, status }) => ({ name: rule, fails: status === "fail" })),
  ];
  return {
    fails: named.filter(({ fails }) => fails).map(({ name }) => name),
    warns: named.filter(({ fails }) => !fails).map(({ name }) => name),
  };
}

/** No condition is about digests, and hashing takes long under emulation. */
const DIGEST = "0".repeat(64);

function filesOf(attempt: Attempt): { readonly images: Images; readonly problems: readonly Diagnostic[] } {
  if (attempt.call === "kexec_load") return { images: { initrd: [] }, problems: [] };
  const problems: Diagnostic[] = [];
  const identified = <Info>(
    path: string,
    identify: (source: Parameters<typeof identifyKernel>[0]) => Info,
  ): IdentifiedFile<Info> | undefined => {
    const { value: file, diagnostics } = openFile(path);
    problems.push(...diagnostics);
    if (file === undefined) return undefined;
    const info = identify(file);
    closeFile(file);
    return { path, size: file.size, sha256: DIGEST, info };
  };
  const kernel = identified(pathOf(attempt.kernel), identifyKernel);
  const initrd = attempt.initrd === -1 ? undefined : identified(pathOf(attempt.initrd), identifyInitrd);
  return {
    images: { ...(kernel === undefined ? {} : { kernel }), initrd: initrd === undefined ? [] : [initrd] },
    problems,
  };
}
