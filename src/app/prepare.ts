import { type Checked, type Diagnostic, hasErrors } from "../core/diagnostic.ts";
import type { Wanted } from "../host/capture.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Plan } from "../plan/plan.ts";
import { hasVariables } from "../profile/path_variables.ts";
import type { Profile } from "../profile/profile.ts";
import type { Contents } from "../syscall/finalize.ts";
import type { Libc } from "../syscall/libc.ts";
import { failedPlans } from "./attempts.ts";
import { PLAN_LIMIT, PROFILE_LIMIT } from "./files/read_whole.ts";
import type { OpenFile } from "./files/open_file.ts";
import { fileSealer } from "./files/seal_files.ts";
import type { Reading } from "./image_file.ts";
import { profileOn } from "./boot_image.ts";
import { openImages } from "./images.ts";
import { layerFiles } from "./layer_files.ts";
import { memoryBudget, memoryLimit } from "./memory_limit.ts";
import type { MadeOverlay } from "./overlay.ts";
import { planFiles, profileFiles } from "./named_files.ts";
import { planProfile, planStored } from "./plan_profile.ts";
import { type ReadFacts, readFacts } from "./read_facts.ts";
import { readOwn } from "./read_plan.ts";
import { parseNamed, readNamed } from "./read_profile.ts";

/** A plan and the open files that it is made of; or diagnostics that say why there is none. */
export interface Prepared extends Disposable {
  readonly plan: Plan | undefined;
  readonly facts: HostFacts | undefined;
  readonly files: readonly OpenFile[];
  /** What some of them unpack to, where that is placed. */
  readonly contents: Contents;
  /** The archives that are made at load. */
  readonly overlays: readonly MadeOverlay[];
  /** The files that the profile is made of; of a stored plan, none. */
  readonly profileFiles: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

/** How a plan is prepared. */
export interface PrepareOptions {
  /** The file of a captured host; undefined for this one. */
  readonly facts: string | undefined;
  /** Whether a stored plan may be given. */
  readonly storedPlans: boolean;
  readonly onReading?: Reading | undefined;
  /** Opens libc, where the files are to be loaded: those that could change meanwhile are copied into memory. */
  readonly open?: (() => Libc) | undefined;
}

/** What a plan is made from. */
export type PlanSource =
  | {
    readonly kind: "profile";
    readonly profile: Profile;
    /** The files that it is made of. */
    readonly files: readonly string[];
    /** Adds the place in those files to a diagnostic. */
    place(diagnostic: Diagnostic): Diagnostic;
  }
  /** A stored plan, which is checked again. */
  | { readonly kind: "plan"; readonly plan: Plan };

/** From the name or path of a profile, or the path of a stored plan where those are welcome, to a checked plan. */
export async function prepare(path: string, options: PrepareOptions): Promise<Prepared> {
  const { source, diagnostics } = readSource(path, options.storedPlans);
  if (source === undefined || hasErrors(diagnostics)) return unprepared(diagnostics);
  const prepared = await prepareFrom(source, readFacts(options.facts, wantedBy(source)), options);
  return { ...prepared, diagnostics: [...diagnostics, ...prepared.diagnostics] };
}

/** What is read of this host for a plan, besides what each plan needs. */
export function wantedBy(source: PlanSource): Wanted {
  return { carry: source.kind === "plan" ? source.plan.carry !== undefined : source.profile.carry.length > 0 };
}

/** The profile or the stored plan that a word names. */
export function readSource(
  path: string,
  storedPlans: boolean,
): { readonly source: PlanSource | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const read = readNamed(path, storedPlans ? PLAN_LIMIT : PROFILE_LIMIT);
  if (read.bytes === undefined) return { source: undefined, diagnostics: read.diagnostics };
  const stored = readOwn(read.bytes, read.name, storedPlans);
  if (stored !== undefined) {
    const source = stored.value === undefined ? undefined : { kind: "plan", plan: stored.value } as const;
    return { source, diagnostics: [...read.diagnostics, ...stored.diagnostics] };
  }
  const parsed = parseNamed(read, layerFiles());
  const source = parsed?.value === undefined ? undefined : {
    kind: "profile",
    profile: parsed.value,
    files: parsed.layers.map(({ file }) => file),
    place: parsed.place,
  } as const;
  return { source, diagnostics: [...read.diagnostics, ...parsed?.diagnostics ?? []] };
}

/** From a profile or a stored plan, and a host, to a checked plan, with the files open that it is made of. */
export async function prepareFrom(
  declared: PlanSource,
  host: ReadFacts,
  { onReading, open }: Pick<PrepareOptions, "onReading" | "open"> = {},
): Promise<Prepared> {
  const { value: source, diagnostics: unresolved } = await sourceOn(declared, host);
  if (source === undefined) return unprepared([...host.diagnostics, ...unresolved]);
  const hosts = host.facts === undefined ? [] : [host.facts];
  const refs = source.kind === "plan" ? planFiles(source.plan) : profileFiles(source.profile, hosts);
  const place = (diagnostic: Diagnostic) => source.kind === "plan" ? diagnostic : source.place(diagnostic);
  const limit = host.facts === undefined ? undefined : memoryLimit(host.facts);
  const budget = limit?.value === undefined ? undefined : memoryBudget(limit.value);
  using sealer = open === undefined || budget === undefined ? undefined : fileSealer(open, budget);
  const hasDigests = source.kind === "plan";
  const { captured, facts } = host;
  const opened = await openImages(refs, { captured, facts, onReading, sealer, hasDigests, budget });
  const diagnostics = [
    ...host.diagnostics,
    ...limit?.diagnostics ?? [],
    ...unresolved,
    ...opened.diagnostics.map(place),
  ];
  if (facts === undefined || hasErrors(diagnostics)) {
    opened[Symbol.dispose]();
    return unprepared(diagnostics);
  }
  const known = {
    facts,
    files: opened.files,
    overlays: opened.overlays,
    profileFiles: source.kind === "plan" ? [] : source.files,
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  };
  const failed = host.captured === undefined ? failedPlans(facts) : undefined;
  const planned = source.kind === "plan"
    ? await planStored(source.plan, facts, opened, host.captured, failed)
    : await planProfile(source.profile, facts, opened, host.captured, failed);
  const { value: plan, contents } = planned;
  return { ...known, plan, contents, diagnostics: [...diagnostics, ...planned.diagnostics.map(place)] };
}

/** A source whose files are those of the host; undefined where they depend on a host that is unknown. */
async function sourceOn(source: PlanSource, { facts, captured }: ReadFacts): Promise<Checked<PlanSource>> {
  if (source.kind === "plan") return { value: source, diagnostics: [] };
  if (facts === undefined) return { value: hasVariables(source.profile) ? undefined : source, diagnostics: [] };
  const { value: profile, diagnostics } = await profileOn(source.profile, facts, captured);
  return {
    value: profile === undefined ? undefined : { ...source, profile },
    diagnostics: diagnostics.map((diagnostic) => source.place(diagnostic)),
  };
}

function unprepared(diagnostics: readonly Diagnostic[]): Prepared {
  return {
    plan: undefined,
    facts: undefined,
    files: [],
    contents: new Map(),
    overlays: [],
    profileFiles: [],
    diagnostics,
    [Symbol.dispose]() {},
  };
}
